/** Sends the messages of each channel to its listeners, over one connection. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Redis } from "ioredis"
import { textOf } from "./ioredisWords.js"
import * as Link from "./link.js"

/** Subscribes again after this pause if Redis has refused a subscription. */
const pause = "1 second"

export const make = (
  options: Omit<Link.Options<Redis>, "name" | "onReady" | "onLost">
): Effect.Effect<(channel: string) => Stream.Stream<Option.Option<string>>, never, Scope.Scope> =>
  Effect.gen(function*() {
    /** `None`: the messages of the channel come from now on. */
    const hub = yield* PubSub.unbounded<{ readonly channel: string; readonly message: Option.Option<string> }>()
    /** The number of listeners of each channel. */
    const wanted = new Map<string, number>()
    /** The channels that the present connection is subscribed to. */
    const subscribed = new Set<string>()
    /** Wakes the loop if `wanted` or `subscribed` has changed. */
    const wake = yield* Queue.sliding<void>(1)
    /** A connection can die in silence, and nothing else is sent over it: so asks for a sign of life this often. */
    const askEvery = Duration.times(options.timeout, 15)

    const announce = (channel: string) => Effect.sync(() => hub.unsafeOffer({ channel, message: Option.none() }))
    const missing = () => [...wanted.keys()].filter((channel) => !subscribed.has(channel))
    const unwanted = () => [...subscribed].filter((channel) => !wanted.has(channel))

    const loop = ({ client, isReady, renew }: Link.Link<Redis>) => {
      let isLogged = false
      const ask = Effect.suspend(() =>
        isReady() ? Effect.catchAll(Effect.tryPromise(() => client.ping()), () => renew) : Effect.void
      )
      const subscribe = (channel: string) =>
        Effect.tryPromise({ try: () => client.subscribe(channel), catch: textOf }).pipe(
          Effect.tapError(() => ask),
          Effect.matchEffect({
            onSuccess: () => {
              isLogged = false
              subscribed.add(channel)
              return announce(channel)
            },
            onFailure: (problem) => {
              if (isLogged || !isReady()) return Effect.void
              isLogged = true
              return Effect.logWarning(`${options.place} sends no messages (${problem}). Changes are noticed later`)
            }
          })
        )
      const unsubscribe = (channel: string) =>
        Effect.sync(() => {
          subscribed.delete(channel)
          client.unsubscribe(channel).catch(() => {})
        })
      return Effect.gen(function*() {
        if (isReady()) {
          yield* Effect.forEach(missing(), subscribe, { discard: true })
          yield* Effect.forEach(unwanted(), unsubscribe, { discard: true })
        }
        const isRefused = isReady() && missing().length > 0
        const woken = yield* Effect.timeoutOption(Queue.take(wake), isRefused ? pause : askEvery)
        if (Option.isNone(woken) && !isRefused) yield* ask
      }).pipe(Effect.forever)
    }

    yield* Effect.gen(function*() {
      // Connects only when there is a listener.
      yield* Queue.take(wake)
      const link = yield* Link.make({
        ...options,
        name: "messages",
        onReady: () => wake.unsafeOffer(undefined),
        onLost: () => subscribed.clear()
      })
      link.client.on("message", (channel: string, message: string) => {
        hub.unsafeOffer({ channel, message: Option.some(message) })
      })
      yield* loop(link)
    }).pipe(Effect.interruptible, Effect.forkScoped)

    const listen = (channel: string) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          wanted.set(channel, (wanted.get(channel) ?? 0) + 1)
          return subscribed.has(channel) ? announce(channel) : Queue.offer(wake, undefined)
        }),
        () =>
          Effect.suspend(() => {
            const others = (wanted.get(channel) ?? 1) - 1
            if (others > 0) wanted.set(channel, others)
            else wanted.delete(channel)
            return Queue.offer(wake, undefined)
          })
      )

    return (channel) =>
      Stream.unwrapScoped(Effect.gen(function*() {
        const messages = yield* PubSub.subscribe(hub)
        yield* listen(channel)
        return Stream.fromQueue(messages).pipe(
          Stream.filter((heard) => heard.channel === channel),
          Stream.map(({ message }) => message)
        )
      }))
  })
