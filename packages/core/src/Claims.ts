/**
 * Names that one holder has for a time: a resend that was just sent, an event that is being handled or has been, a token
 * that is being fetched.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { readMonotonicMillis } from "./internal/monotonicMillis.js"
import * as ExpiringNames from "./internal/store/expiringNames.js"
import * as KeyValues from "./internal/store/keyValues.js"

/**
 * Proves that the caller has a name. Each claim has an id of its own, so a claim that has expired never ends the claim of
 * the next holder.
 *
 * @since 0.1.0
 * @category models
 */
export interface Claim {
  readonly appId: string
  readonly name: string
  readonly id: string
}

/**
 * The answer to `claim`.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer = Data.TaggedEnum<{
  /** The caller has the name. */
  Claimed: { readonly claim: Claim }
  /** Another claim has the name, or a hold if `isHeld`, for `left` from now if nobody renews or releases the name. */
  Taken: { readonly left: Duration.Duration; readonly isHeld: boolean }
}>

/**
 * Constructors and `$match` of `Answer`.
 *
 * @since 0.1.0
 * @category models
 */
export const Answer: Data.TaggedEnum.Constructor<Answer> = Data.taggedEnum<Answer>()

/**
 * The store cannot be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClaimsError extends Schema.TaggedError<ClaimsError>("@effect-feishu/core/ClaimsError")("ClaimsError", {
  appId: Schema.String,
  /** The operation that failed. */
  operation: Schema.Literal("claim", "renew", "release", "hold"),
  /** The failure in a few words. */
  description: Schema.String,
  /** The underlying store's own error: only its names, messages and codes. */
  cause: Schema.optional(Schema.Defect)
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `Claims.${this.operation} for ${this.appId}: ${this.description}. Check that the store behind Claims works`
  }
}

/**
 * Each app has names of its own. A name has one holder among all processes that share the store if the store has atomic
 * steps (memory, Redis, PostgreSQL), and within each process otherwise (`KeyValueStore`).
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Claims a name for `duration`. Exactly one of several simultaneous callers gets the name. */
  readonly claim: (appId: string, name: string, duration: Duration.Duration) => Effect.Effect<Answer, ClaimsError>
  /**
   * Lets the claim end after `duration` from now, sooner or later than before. Returns `false` and does nothing if the
   * claim has expired, or if another holder has the name.
   */
  readonly renew: (claim: Claim, duration: Duration.Duration) => Effect.Effect<boolean, ClaimsError>
  /** Frees the name. Does nothing if the claim has expired, or if another holder has the name. */
  readonly release: (claim: Claim) => Effect.Effect<void, ClaimsError>
  /** Takes the name for `duration` from whoever has the name. No claim can renew or release a hold. */
  readonly hold: (appId: string, name: string, duration: Duration.Duration) => Effect.Effect<void, ClaimsError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Claims extends Context.Tag("@effect-feishu/core/Claims")<Claims, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The most names that are remembered for each app. If there are more, the oldest are forgotten, and an event that is
   * pushed again may be handled again. Default: 100,000, which is 3.4 events a second for 8 hours.
   */
  readonly maxClaims?: number | undefined
}

const defaultMaxClaims = 100_000

/** The names of one app at one moment. */
interface Names {
  /** Returns the holder of a name and the milliseconds that remain, or `undefined` if the name is free. */
  readonly get: (name: string) => { readonly id: string; readonly left: number } | undefined
  readonly set: (name: string, id: string, duration: Duration.Duration) => void
  readonly delete: (name: string) => void
}

/** The id of a hold. No claim has this id. */
const holdId = ""

/** Makes the operations of a store that can run `use` in one step: no other step on the same name runs meanwhile. */
const make = (
  step: <A>(
    at: { readonly appId: string; readonly name: string; readonly operation: ClaimsError["operation"] },
    use: (names: Names, newId: () => string) => A
  ) => Effect.Effect<A, ClaimsError>
): Service => ({
  claim: (appId, name, duration) =>
    step({ appId, name, operation: "claim" }, (names, newId) => {
      const holder = names.get(name)
      if (holder !== undefined) {
        return Answer.Taken({ left: Duration.millis(holder.left), isHeld: holder.id === holdId })
      }
      const claim = { appId, name, id: newId() }
      names.set(name, claim.id, duration)
      return Answer.Claimed({ claim })
    }),
  renew: ({ appId, id, name }, duration) =>
    step({ appId, name, operation: "renew" }, (names) => {
      const isOurs = names.get(name)?.id === id
      if (isOurs) names.set(name, id, duration)
      return isOurs
    }),
  release: ({ appId, id, name }) =>
    step({ appId, name, operation: "release" }, (names) => {
      if (names.get(name)?.id === id) names.delete(name)
    }),
  hold: (appId, name, duration) =>
    step({ appId, name, operation: "hold" }, (names) => names.set(name, holdId, duration))
})

/**
 * Remembers names in this process's memory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options?: Options): Effect.Effect<Service> =>
  Effect.sync(() => {
    const max = options?.maxClaims ?? defaultMaxClaims
    const apps = new Map<string, ExpiringNames.ExpiringNames>()
    let claims = 0
    const newId = () => `${++claims}`
    const namesOf = (appId: string) => {
      const known = apps.get(appId)
      if (known !== undefined) return known
      const names = ExpiringNames.make(max)
      apps.set(appId, names)
      return names
    }
    return make(({ appId }, use) =>
      Effect.clockWith((clock) => {
        const now = readMonotonicMillis(clock)
        const names = namesOf(appId)
        return Effect.succeed(use({
          get: (name) => names.get(name, now),
          set: (name, id, duration) => names.set(name, id, now + Duration.toMillis(duration)),
          delete: names.delete
        }, newId))
      })
    )
  })

/**
 * Remembers names in this process's memory.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<Claims> = Layer.effect(Claims, makeMemory())

/**
 * @since 0.1.0
 * @category models
 */
export interface KeyValueOptions extends Options {
  /** Precedes each key. Default: `feishu/`. */
  readonly prefix?: string | undefined
  /** The time for one operation. The platform waits 3 s for an answer. Default: 2 s. */
  readonly timeout?: Duration.DurationInput | undefined
}

/** The names of an app are spread over this many entries, so that each entry is small to write. */
const buckets = 256

/** Names in the order in which they were taken: the name, its start and its end in milliseconds since 1970, its id. */
const StoredNames = Schema.parseJson(
  Schema.Array(Schema.Tuple(Schema.String, Schema.Number, Schema.Number, Schema.String))
)

const decodeNames = Schema.decodeOption(StoredNames)
const encodeNames = Schema.encodeSync(StoredNames)

/** A time in JSON, which has no `Infinity`. */
const endOf = (start: number, duration: Duration.Duration): number =>
  Math.min(start + Duration.toMillis(duration), Number.MAX_SAFE_INTEGER)

/** Reads the names of a bucket that have not expired at `now`. */
const namesAt = (now: number, stored: typeof StoredNames.Type) => {
  const names = new Map<string, { readonly start: number; readonly end: number; readonly id: string }>()
  let isChanged = false
  for (const [name, storedStart, storedEnd, id] of stored) {
    // A start in the future means that the clock was set back: the time starts now, and is written so.
    const start = Math.min(storedStart, now)
    if (start !== storedStart) isChanged = true
    const end = storedEnd - storedStart + start
    if (end > now) names.set(name, { start, end, id })
  }
  return {
    names: {
      get: (name: string) => {
        const found = names.get(name)
        return found && { id: found.id, left: found.end - now }
      },
      set: (name: string, id: string, duration: Duration.Duration) => {
        isChanged = true
        // Deleted first so that the name becomes the newest.
        names.delete(name)
        names.set(name, { start: now, end: endOf(now, duration), id })
      },
      delete: (name: string) => {
        isChanged = names.delete(name) || isChanged
      }
    },
    isChanged: () => isChanged,
    newest: (max: number): typeof StoredNames.Type =>
      [...names].slice(-max).map(([name, { end, id, start }]) => [name, start, end, id])
  }
}

/**
 * Remembers names in any `KeyValueStore`, so that names survive a restart. Overwrites an unreadable entry.
 *
 * A `KeyValueStore` has no atomic step: two processes that share the store can claim a name at the same time. Use Redis or
 * PostgreSQL for several processes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeyValueStore = (
  options?: KeyValueOptions
): Effect.Effect<Service, never, KeyValueStore.KeyValueStore> =>
  Effect.gen(function*() {
    const { locked, read, write } = KeyValues.make({
      kvs: yield* KeyValueStore.KeyValueStore,
      name: "Claims",
      prefix: options?.prefix ?? "feishu/",
      timeout: options?.timeout ?? "2 seconds"
    })
    const maxInBucket = Math.max(1, Math.ceil((options?.maxClaims ?? defaultMaxClaims) / buckets))
    const part = Random.nextIntBetween(0, 2 ** 32)
    const newId = Effect.zipWith(part, part, (a, b) => `${a.toString(36)}-${b.toString(36)}`)
    return make(({ appId, name, operation }, use) => {
      const key = `claims/${appId}/${(Hash.string(name) >>> 0) % buckets}`
      return Effect.gen(function*() {
        const stored = Option.getOrElse(yield* read(key, decodeNames), () => [])
        const { isChanged, names, newest } = namesAt(yield* Clock.currentTimeMillis, stored)
        const id = yield* newId
        const result = use(names, () => id)
        if (isChanged()) yield* write(key, encodeNames(newest(maxInBucket)))
        return result
      }).pipe(locked(key, { secrets: () => [], failure: (seen) => new ClaimsError({ appId, operation, ...seen }) }))
    })
  })

/**
 * Remembers names in any `KeyValueStore`: see `makeKeyValueStore`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore = (
  options?: KeyValueOptions
): Layer.Layer<Claims, never, KeyValueStore.KeyValueStore> => Layer.effect(Claims, makeKeyValueStore(options))
