/** The messages of the channels that somebody listens to, whatever becomes of the connection. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Link from "./link.js"
import { textOf } from "./words.js"

/** A channel that could not be subscribed to is tried again after this. */
const pause = "1 second"

export const make = (
  options: Omit<Parameters<typeof Link.make>[1], "name" | "isTold" | "onReady" | "onLost"> & {
    readonly client: Link.Client
  }
): Effect.Effect<(channel: string) => Stream.Stream<Option.Option<string>>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { client } = options
    /** None: this channel's messages come from now on. */
    const hub = yield* PubSub.unbounded<{ readonly channel: string; readonly message: Option.Option<string> }>()
    /** By channel: how many listen. */
    const wanted = new Map<string, number>()
    const subscribed = new Set<string>()
    /** There may be something to subscribe to. */
    const wake = yield* Queue.sliding<void>(1)
    let isTold = false
    /** For a sign of life: the connection may have gone without a word, and else nothing is sent by it. */
    const askEvery = Duration.times(options.timeout, 15)

    const link = yield* Link.make(client, {
      ...options,
      name: "messages",
      isTold: false,
      onReady: () => wake.unsafeOffer(undefined),
      onLost: () => subscribed.clear()
    })
    client.on("message", (channel: string, message: string) => {
      hub.unsafeOffer({ channel, message: Option.some(message) })
    })

    const ask = Effect.suspend(() =>
      // A cluster's client looks after its connections by itself.
      !link.isReady() || client.isCluster ? Effect.void : Effect.catchAll(
        Effect.tryPromise(() => client.ping()),
        () => Effect.sync(link.renew)
      )
    )

    const subscribe = (channel: string) =>
      Effect.tryPromise({ try: () => client.subscribe(channel), catch: textOf }).pipe(
        Effect.tapError(() => ask),
        Effect.matchEffect({
          onSuccess: () =>
            Effect.sync(() => {
              isTold = false
              if (wanted.has(channel)) {
                subscribed.add(channel)
                hub.unsafeOffer({ channel, message: Option.none() })
              } else {
                // Nobody listens any more.
                client.unsubscribe(channel).catch(() => {})
              }
            }),
          onFailure: (problem) => {
            if (isTold || !link.isReady()) return Effect.void
            isTold = true
            return Effect.logWarning(`Redis at ${link.address} sends no messages (${problem}): news come late`)
          }
        })
      )

    const missing = () => [...wanted.keys()].filter((channel) => !subscribed.has(channel))
    yield* Effect.gen(function*() {
      for (;;) {
        const isAgain = link.isReady() && missing().length > 0
        const woken = yield* Effect.timeoutOption(Queue.take(wake), isAgain ? pause : askEvery)
        if (Option.isNone(woken) && !isAgain) yield* ask
        if (missing().length > 0) link.start()
        if (link.isReady()) yield* Effect.forEach(missing(), subscribe, { discard: true })
      }
    }).pipe(Effect.forkScoped)

    const listen = (channel: string) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listeners = wanted.get(channel) ?? 0
          wanted.set(channel, listeners + 1)
          if (subscribed.has(channel)) hub.unsafeOffer({ channel, message: Option.none() })
          else wake.unsafeOffer(undefined)
        }),
        () =>
          Effect.suspend(() => {
            const listeners = (wanted.get(channel) ?? 1) - 1
            if (listeners > 0) return Effect.sync(() => wanted.set(channel, listeners))
            wanted.delete(channel)
            if (!subscribed.delete(channel) || !link.isReady()) return Effect.void
            return Effect.sync(() => void client.unsubscribe(channel).catch(() => {}))
          })
      )

    return (channel) =>
      Stream.unwrapScoped(Effect.gen(function*() {
        const news = yield* PubSub.subscribe(hub)
        yield* listen(channel)
        return Stream.fromQueue(news).pipe(
          Stream.filter((heard) => heard.channel === channel),
          Stream.map(({ message }) => message)
        )
      }))
  })
