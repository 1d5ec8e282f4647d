/**
 * Keeps one value for each key. Fetches the value once for all fibers that ask at the same time, and renews the value in
 * the background before it expires. Knows nothing of Feishu.
 *
 * On Workers, each request fetches for itself, and one of them renews while the others use the value.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import { type Fork, inRequest, join } from "../background.js"
import * as Lru from "../lru.js"
import { isRequestBound } from "../requestBound.js"
import * as Span from "../span.js"
import * as Moment from "./moment.js"

export interface Entry<V> {
  readonly value: V
  /** From this moment on, the next `get` renews the value in the background. Not after `expiresAt`. */
  readonly renewAt: Moment.Moment
  /** From this moment on, `get` no longer returns the value. */
  readonly expiresAt: Moment.Moment
}

export interface RenewingCache<K, V, E> {
  /**
   * Returns the value from memory, or waits for the fetch. Interrupting a caller does not interrupt the fetch. Failures are
   * not cached.
   */
  readonly get: (key: K) => Effect.Effect<V, E>
  /** Removes the value of `key` if `isInvalid` returns `true`. A fetch under way goes on. */
  readonly invalidate: (key: K, isInvalid: (value: V) => boolean) => void
}

/** The pause after a renewal that failed. Doubles with each failure in a row, up to `lastPause`. */
const firstPause = Duration.toMillis("15 seconds")
const lastPause = Duration.toMillis("5 minutes")

/** The longest pause that is asked for and respected. */
const longestAskedPause = Duration.toMillis("1 day")

interface Cached<V> extends Entry<V> {
  renewAt: Moment.Moment
  /** The renewals that failed since the value was fetched. */
  failures: number
}

interface Fetch<V, E> {
  readonly fiber: Fiber.Fiber<Entry<V>, E>
  readonly span: Span.Shared
}

export const make = <K, V, E, R>(options: {
  /** The most values in memory. The least recently used value is evicted first. */
  readonly capacity: number
  readonly fork: Fork<R>
  /** Fetches a value. `current` is the value in memory, which may have expired. */
  readonly fetch: (key: K, current: Entry<V> | undefined) => Effect.Effect<Entry<V>, E, R>
  readonly spanOf: (key: K) => Span.Shared
  /** Wraps a `get` that waits for a fetch. */
  readonly withWaitSpan: (key: K) => <A>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Runs after a renewal failed while `current` can still be used. */
  readonly onRenewalFailed: (key: K, current: Entry<V>, cause: Cause.Cause<E>) => Effect.Effect<void>
  /** Returns how long to wait after this error at least. */
  readonly askedWait: (error: E) => Duration.Duration | undefined
}): RenewingCache<K, V, E> => {
  const { askedWait, capacity, fetch, fork, onRenewalFailed, spanOf, withWaitSpan } = options
  const entries = Lru.make<K, Cached<V>>(capacity)
  const fetches = new Map<K, Fetch<V, E>>()
  const isAlone = isRequestBound()

  /** Keeps the value in use after a failed renewal, and puts off the next renewal. */
  const keepAfter = (key: K, cause: Cause.Cause<E>) =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      const cached = entries.get(key)
      if (cached === undefined || !Moment.isFuture(clock, cached.expiresAt)) return
      const longest = Math.min(lastPause, firstPause * 2 ** cached.failures++)
      const asked = Option.flatMapNullable(Cause.failureOption(cause), askedWait)
      const pause = Math.max(
        longest * (0.5 + (yield* Random.next) / 2),
        Option.match(asked, { onNone: () => 0, onSome: (wait) => Math.min(Duration.toMillis(wait), longestAskedPause) })
      )
      cached.renewAt = Moment.earlier(Moment.later(Moment.now(clock), pause), cached.expiresAt)
      if (!Cause.isInterruptedOnly(cause)) yield* onRenewalFailed(key, cached, cause)
    })

  /** Returns the fetch under way, or begins one. */
  const fetchOf = (key: K): Fetch<V, E> => {
    const known = fetches.get(key)
    if (known !== undefined) return known
    const span = spanOf(key)
    const fiber = fork(
      Effect.tapErrorCause(span.within(fetch(key, entries.get(key))), (cause) => keepAfter(key, cause))
    )
    const begun = { fiber, span }
    if (!isAlone) fetches.set(key, begun)
    fiber.addObserver((exit) => {
      fetches.delete(key)
      if (Exit.isFailure(exit)) return
      // Written out, because a spread makes objects that are slower to read.
      const { expiresAt, renewAt, value } = exit.value
      entries.set(key, { value, renewAt, expiresAt, failures: 0 })
    })
    return begun
  }

  const wait = (key: K): Effect.Effect<V, E> =>
    Effect.flatMap(Span.current, (waiting) => {
      const { fiber, span } = fetchOf(key)
      span.link(waiting)
      return Effect.map(join(fiber), ({ value }) => value)
    }).pipe(withWaitSpan(key))

  const renewInBackground = (key: K) => Effect.map(Span.current, (renewing) => fetchOf(key).span.link(renewing))

  const renewInRequest = (key: K, cached: Cached<V>) =>
    Effect.clockWith((clock) => {
      // Put off before the renewal, because the request may end before the renewal does.
      cached.renewAt = Moment.earlier(Moment.later(Moment.now(clock), firstPause), cached.expiresAt)
      return Effect.map(inRequest(wait(key)), () => (entries.get(key) ?? cached).value)
    })

  return {
    get: (key) =>
      Effect.clockWith((clock) => {
        const cached = entries.get(key)
        if (cached === undefined) return wait(key)
        const value = Effect.succeed(cached.value)
        if (Moment.isFuture(clock, cached.renewAt)) return value
        if (!Moment.isFuture(clock, cached.expiresAt)) return wait(key)
        return isAlone ? renewInRequest(key, cached) : Effect.andThen(renewInBackground(key), value)
      }),
    invalidate: (key, isInvalid) => {
      const cached = entries.get(key)
      if (cached !== undefined && isInvalid(cached.value)) entries.delete(key)
    }
  }
}
