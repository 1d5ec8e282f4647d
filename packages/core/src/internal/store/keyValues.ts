/** A `KeyValueStore` as the stores use it: one operation on a key at a time, none without end, unreadable text told of. */
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { constVoid } from "effect/Function"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Mask from "../call/mask.js"
import { timeLimit } from "../timeLimit.js"

/** After this the next operation on a key takes its turn, though the one before has not ended. */
const longestTurn = Duration.seconds(30)

/** A file that another process is writing is not whole for a moment. */
const betweenReads = Duration.millis(20)

export const make = (options: {
  readonly kvs: KeyValueStore.KeyValueStore
  /** Whose entries they are, for the log. */
  readonly name: string
  readonly prefix: string
  /** No operation takes longer. */
  readonly timeout: Duration.DurationInput
}) => {
  const { kvs, name, prefix, timeout } = options
  /** By key: what ends when the last one that wants it is done. */
  const last = new Map<string, Deferred.Deferred<void>>()
  /** By key: the hash of the unreadable text that has been told of. */
  const told = new Map<string, number>()

  /** One at a time, in the order in which they come. */
  const inTurn = <A, E>(key: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const before = last.get(key)
      const done = Deferred.unsafeMake<void>(FiberId.none)
      last.set(key, done)
      return Effect.zipRight(
        before === undefined
          ? Effect.void
          : Effect.ignore(timeLimit(Deferred.await(before), { duration: longestTurn, onTimeout: constVoid })),
        // Whoever has gone away while waiting is left out.
        Effect.zipRight(Effect.interruptible(Effect.void), effect)
      ).pipe(Effect.ensuring(Effect.sync(() => {
        if (last.get(key) === done) last.delete(key)
        Deferred.unsafeDone(done, Exit.void)
      })))
    })

  return {
    /**
     * Each key is read and written by one at a time, to the end even where nobody waits for it any longer: a file that
     * is being written is not whole.
     */
    locked: <E2>(key: string, { failure, secrets }: {
      /** What an error of the store's may quote. Undefined: nobody knows, so nothing of its words is kept. */
      readonly secrets: () => ReadonlyArray<Redacted.Redacted> | undefined
      readonly failure: (seen: { readonly description: string; readonly cause?: Error }) => E2
    }) =>
    <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E2> =>
      inTurn(key, effect).pipe(
        // Before it goes to a fiber of its own, for a fiber that fails is logged.
        Effect.mapError((error) => {
          const known = secrets()
          if (known === undefined) return failure({ description: Mask.names(error) })
          const cause = Mask.cause(error, Mask.make(known))
          return failure({ description: Mask.messages(cause), cause })
        }),
        // To its end, also if the caller is interrupted, who does not wait for it.
        Effect.uninterruptible,
        Effect.disconnect,
        (effect) =>
          timeLimit(effect, {
            duration: Duration.decode(timeout),
            onTimeout: () => failure({ description: `no answer within ${Duration.format(timeout)}` })
          })
      ),

    /** An entry that stays unreadable counts as absent, and is told of once. */
    read: <A>(key: string, decode: (text: string) => Option.Option<A>) => {
      const attempt = Effect.map(kvs.get(prefix + key), (text) => ({ text, value: Option.flatMap(text, decode) }))
      const isNews = ({ text, value }: { readonly text: Option.Option<string>; readonly value: Option.Option<A> }) =>
        Option.isSome(text) && Option.isNone(value) && told.get(key) !== Hash.string(text.value)
      return attempt.pipe(
        Effect.flatMap((seen) =>
          isNews(seen)
            ? Effect.repeat(Effect.delay(attempt, betweenReads), { while: isNews, times: 4 })
            : Effect.succeed(seen)
        ),
        Effect.tap((seen) => {
          if (!isNews(seen)) return Effect.void
          told.set(key, Hash.string(Option.getOrThrow(seen.text)))
          return Effect.logWarning(`the entry ${prefix}${key} of the ${name} is unreadable: it will be overwritten`)
        }),
        Effect.map(({ value }) => value)
      )
    },

    write: (key: string, text: string) => kvs.set(prefix + key, text),

    remove: (key: string) => kvs.remove(prefix + key)
  }
}
