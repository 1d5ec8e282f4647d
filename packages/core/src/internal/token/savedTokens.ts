/** Reads tokens from the `TokenStore` and saves there what the platform issued. Decides how long a token is used. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type { Key, Service as TokenStore, StoredToken } from "../../TokenStore.js"
import { isSame } from "../isSame.js"
import { monotonicMillis } from "../monotonicMillis.js"
import * as Moment from "./moment.js"
import * as RefusedValues from "./refusedValues.js"
import type { Entry } from "./renewingCache.js"

/** The longest life of a token that is believed, in milliseconds. The platform says 2 hours at most. */
export const longestLife = Duration.toMillis("1 day")

/** Renewals are spread over this time, so that tokens that were fetched together are not renewed together. */
const renewalSpread = Duration.toMillis("5 minutes")

/** The most refused tokens that are remembered, about 200 bytes each. */
const maxRefused = 10_000

/** Names a token at its place in the store. */
const nameOf = ({ tenantKey }: Key, value: Redacted.Redacted): string =>
  `${Option.match(tenantKey, { onNone: () => "app", onSome: (key) => `tenant ${key}` })} ${Redacted.value(value)}`

/** A token as the platform issued it. */
export interface Issued {
  readonly value: Redacted.Redacted
  /** In seconds from `askedAt` on. */
  readonly expire: number
  /** When the request was sent: the life of the token may begin then. */
  readonly askedAt: Moment.Moment
}

export interface SavedTokens {
  /** Returns the token of the store if it is better than `current`. A store that fails counts as empty. */
  readonly read: (
    key: Key,
    current: Entry<StoredToken> | undefined
  ) => Effect.Effect<Option.Option<Entry<StoredToken>>>
  /** Stores what the platform issued, for all processes. */
  readonly save: (key: Key, issued: Issued) => Effect.Effect<Entry<StoredToken>>
  /**
   * Removes a token that the platform refused, and does not read the token again until the platform issues the token again.
   * Removes the token only once, because another process may store the same token again after the platform has issued the
   * token again. Tries again the next time if the store fails.
   */
  readonly refuse: (key: Key, token: StoredToken) => Effect.Effect<void>
}

export const make = (options: {
  /** Logs its own failures. */
  readonly store: TokenStore
  /** In milliseconds before the end of a token. */
  readonly renewWithin: number
  /** In milliseconds before the end of a token. */
  readonly expiryMargin: number
}): SavedTokens => {
  const { expiryMargin, renewWithin, store } = options
  const refused = RefusedValues.make(maxRefused)

  const drawRenewal = Effect.map(
    Random.next,
    (random) => renewWithin - random * Math.min(renewalSpread, renewWithin / 5)
  )

  const entryOf = (value: StoredToken, renewAt: Moment.Moment, expiresAt: Moment.Moment): Entry<StoredToken> => ({
    value,
    renewAt: Moment.earlier(renewAt, expiresAt),
    expiresAt
  })

  return {
    read: (key, current) =>
      Effect.gen(function*() {
        const found = Option.flatten(yield* Effect.option(store.get(key)))
        if (Option.isNone(found)) return Option.none()
        const stored = found.value
        if (refused.has(nameOf(key, stored.value))) return Option.none()
        if (current !== undefined && isSame(stored, current.value)) return Option.none()
        const clock = yield* Effect.clock
        const now = Moment.now(clock)
        const left = DateTime.toEpochMillis(stored.expiresAt) - now.millis
        // A longer life means that a clock was wrong when the token was stored.
        if (left > longestLife) return Option.none()
        // A token in its last minutes is better than none, and not better than another one.
        const isRenewal = current !== undefined && Moment.isFuture(clock, current.expiresAt)
        if (left <= (isRenewal ? renewWithin : expiryMargin)) return Option.none()
        const renewAt = Moment.later(now, left - (yield* drawRenewal))
        return Option.some(entryOf(stored, renewAt, Moment.later(now, left - expiryMargin)))
      }),
    save: (key, { askedAt, expire, value }) =>
      Effect.gen(function*() {
        const left = expire * 1000
        const token = { value, expiresAt: DateTime.unsafeMake(askedAt.millis + left) }
        if (refused.issue(nameOf(key, value), yield* monotonicMillis)) {
          yield* Effect.logWarning(
            "the platform issued again an access token that it had refused: the token is used again. If calls go on to be "
              + "refused, the reason is not the token: check the app's permissions and that the tenant still has the app"
          )
        }
        yield* Effect.ignore(store.put(key, token))
        // A token with a short life is used for three quarters of its life.
        const renewAt = Moment.later(askedAt, Math.max(left - (yield* drawRenewal), left / 4))
        return entryOf(token, renewAt, Moment.later(askedAt, left - Math.min(expiryMargin, left / 4)))
      }),
    refuse: (key, token) =>
      Effect.gen(function*() {
        const name = nameOf(key, token.value)
        if (refused.refuse(name, yield* monotonicMillis) !== "refused") return
        yield* Effect.ignore(Effect.tap(store.drop(key, token), () => refused.remove(name)))
      })
  }
}
