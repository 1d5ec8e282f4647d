/**
 * The operations of a store on a `KeyValueStore`. Runs one operation on a key at a time, limits the time of each operation,
 * and logs unreadable entries.
 */
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
import { isRequestBound, lookUntil } from "../requestBound.js"
import { timeLimit } from "../timeLimit.js"

/** The longest wait for the operation before on the same key. */
const longestTurn = Duration.seconds(30)

/** The pause before an unreadable entry is read again, because another process may be writing the file. */
const betweenReads = Duration.millis(20)

export const make = (options: {
  readonly kvs: KeyValueStore.KeyValueStore
  /** Names the store in the log. */
  readonly name: string
  readonly prefix: string
  /** The longest time of one operation. */
  readonly timeout: Duration.DurationInput
}) => {
  const { kvs, name, prefix, timeout } = options
  /** By key: completes when the last operation has ended. */
  const last = new Map<string, Deferred.Deferred<void>>()
  /** By key: the hash of the unreadable text that was logged. */
  const logged = new Map<string, number>()

  /** On Workers, the operation before may have ended with its request, and then never completes. */
  const { awaitEnd, duration } = isRequestBound()
    ? {
      awaitEnd: (before: Deferred.Deferred<void>) => lookUntil(Deferred.isDone(before)),
      duration: Duration.times(timeout, 0.5)
    }
    : { awaitEnd: Deferred.await<void, never>, duration: longestTurn }

  /** Runs the operations on a key one after another, in the order of their calls. */
  const inTurn = <A, E>(key: string, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const before = last.get(key)
      const done = Deferred.unsafeMake<void>(FiberId.none)
      last.set(key, done)
      return Effect.andThen(
        before === undefined
          ? Effect.void
          : Effect.ignore(timeLimit(awaitEnd(before), { duration, onTimeout: constVoid })),
        // Leaves out an operation whose caller was interrupted meanwhile.
        Effect.andThen(Effect.interruptible(Effect.void), effect)
      ).pipe(Effect.ensuring(Effect.sync(() => {
        if (last.get(key) === done) last.delete(key)
        Deferred.unsafeDone(done, Exit.void)
      })))
    })

  return {
    /**
     * Runs an operation on a key alone and to its end, even if the caller is interrupted, because a file that is half
     * written is unreadable.
     */
    locked: <E2>(key: string, { failure, secrets }: {
      /** Returns the secrets that an error of the store may quote. `undefined` if they are unknown: keeps no words then. */
      readonly secrets: () => ReadonlyArray<Redacted.Redacted> | undefined
      readonly failure: (seen: { readonly description: string; readonly cause?: Error }) => E2
    }) =>
    <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E2> =>
      inTurn(key, effect).pipe(
        Effect.mapError((error) => {
          const known = secrets()
          if (known === undefined) return failure({ description: Mask.names(error) })
          const cause = Mask.cause(error, Mask.make(known))
          return failure({ description: Mask.messages(cause), cause })
        }),
        Effect.uninterruptible,
        (effect) =>
          timeLimit(effect, {
            duration: Duration.decode(timeout),
            isAbandoned: true,
            onTimeout: () => failure({ description: `no answer within ${Duration.format(timeout)}` })
          })
      ),

    /** Returns `None` for an entry that stays unreadable, and logs the entry once. */
    read: <A>(key: string, decode: (text: string) => Option.Option<A>) => {
      const attempt = Effect.map(kvs.get(prefix + key), (text) => ({ text, value: Option.flatMap(text, decode) }))
      const isNews = ({ text, value }: { readonly text: Option.Option<string>; readonly value: Option.Option<A> }) =>
        Option.isSome(text) && Option.isNone(value) && logged.get(key) !== Hash.string(text.value)
      return attempt.pipe(
        Effect.flatMap((seen) =>
          isNews(seen)
            ? Effect.repeat(Effect.delay(attempt, betweenReads), { while: isNews, times: 4 })
            : Effect.succeed(seen)
        ),
        Effect.tap((seen) => {
          if (!isNews(seen)) return Effect.void
          logged.set(key, Hash.string(Option.getOrThrow(seen.text)))
          return Effect.logWarning(`the entry ${prefix}${key} of the ${name} is unreadable: it will be overwritten`)
        }),
        Effect.map(({ value }) => value)
      )
    },

    write: (key: string, text: string) => kvs.set(prefix + key, text),

    remove: (key: string) => kvs.remove(prefix + key)
  }
}
