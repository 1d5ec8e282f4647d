/**
 * Keeps access tokens besides the memory of `AccessToken`, so that a restart, or another process, need not ask the platform.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { isSame } from "./internal/isSame.js"
import * as KeyValues from "./internal/store/keyValues.js"

/**
 * Whose token it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Key {
  readonly appId: string
  /** A hash of the app secret: what was got with another secret is another's. */
  readonly secretHash: string
  /** None: the app's own token. */
  readonly tenantKey: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StoredToken {
  readonly value: Redacted.Redacted
  /** By the clock of the process that got it. */
  readonly expiresAt: DateTime.Utc
}

/**
 * The store cannot be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>("@effect-feishu/core/TokenStoreError")(
  "TokenStoreError",
  {
    appId: Schema.String,
    /** The store's operation that failed. */
    operation: Schema.Literal("get", "put", "drop", "drops"),
    /** What was seen, in a few words. */
    description: Schema.String,
    /** The underlying store's own error, of `put` alone: its names, messages and codes only, with the token masked. */
    cause: Schema.optional(Schema.Defect)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `TokenStore.${this.operation} for ${this.appId}: ${this.description}. `
      + "Check that the store behind the TokenStore works; until then tokens are kept in memory only"
  }
}

/**
 * A token that turned out to be invalid.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dropped {
  readonly key: Key
  readonly value: Redacted.Redacted
}

/**
 * Keeps access tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The token that was put last; none where there is none. One that has expired may be forgotten. */
  readonly get: (key: Key) => Effect.Effect<Option.Option<StoredToken>, TokenStoreError>
  /** Keeps the token, in the place of any before it. */
  readonly put: (key: Key, token: StoredToken) => Effect.Effect<void, TokenStoreError>
  /** Forgets this token, which has turned out to be invalid, and tells `drops`. One in its place stays. */
  readonly drop: (key: Key, token: StoredToken) => Effect.Effect<void, TokenStoreError>
  /** This app's tokens that are dropped from now on, by whichever process that shares the store. */
  readonly drops: (appId: string) => Stream.Stream<Dropped, TokenStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TokenStore extends Context.Tag("@effect-feishu/core/TokenStore")<TokenStore, Service>() {}

/** One name for each key and no other. A lone surrogate has no URL encoding, but one in JSON. */
const nameOf = ({ appId, secretHash, tenantKey }: Key): string =>
  ["token", appId, secretHash, ...Option.match(tenantKey, { onNone: () => ["app"], onSome: (key) => ["tenant", key] })]
    .map((part) => encodeURIComponent(JSON.stringify(part).slice(1, -1)))
    .join("/")

/** What a store does within this process, where it has no means of its own to do it for several. */
const makeLocal = Effect.map(PubSub.unbounded<Dropped>(), (dropped) => ({
  tell: (key: Key, { value }: StoredToken): void => void dropped.unsafeOffer({ key, value }),
  drops: (appId: string): Stream.Stream<Dropped> =>
    Stream.filter(Stream.fromPubSub(dropped), ({ key }) => key.appId === appId)
}))

/**
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** Beyond that the tokens that were put first are forgotten. Default: 100,000. */
  readonly maxTokens?: number | undefined
}

/**
 * In this process's memory: it outlives an `AccessToken`, but not the process.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options?: MemoryOptions): Effect.Effect<Service> =>
  Effect.map(makeLocal, ({ tell, ...local }) => {
    const max = Math.max(1, options?.maxTokens ?? 100_000)
    const tokens = new Map<string, StoredToken>()
    return {
      ...local,
      get: (key) => Effect.sync(() => Option.fromNullable(tokens.get(nameOf(key)))),
      put: (key, token) =>
        Effect.sync(() => {
          const name = nameOf(key)
          // Deleted first, so that it goes to the end of the order.
          tokens.delete(name)
          tokens.set(name, token)
          for (const first of tokens.keys()) {
            if (tokens.size <= max) break
            tokens.delete(first)
          }
        }),
      drop: (key, token) =>
        Effect.sync(() => {
          const name = nameOf(key)
          const known = tokens.get(name)
          if (known !== undefined && isSame(known, token)) tokens.delete(name)
          tell(key, token)
        })
    }
  })

/**
 * In this process's memory: it outlives an `AccessToken`, but not the process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TokenStore> = Layer.effect(TokenStore, makeMemory())

/** How a token is written. It is a secret, and the store must keep it like one. */
const StoredEntry = Schema.parseJson(Schema.Struct({
  token: Schema.Redacted(Schema.NonEmptyString),
  expiresAt: Schema.DateTimeUtc
}))

const decodeEntry = Schema.decodeOption(StoredEntry)
const encodeEntry = Schema.encode(StoredEntry)

/**
 * @since 0.1.0
 * @category models
 */
export interface KeyValueOptions {
  /** Before each key. Default: `feishu/`. */
  readonly prefix?: string | undefined
  /** No operation takes longer: it fails then, and the platform is asked instead. Default: 2 s. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * In any `KeyValueStore`, so that tokens survive a restart. An unreadable entry counts as absent and is overwritten in
 * its turn; that of a tenant which is never asked for again stays. Among several processes that share it each gets tokens
 * for itself where the store has none, and is not told of those that another drops: a `KeyValueStore` has no means for it.
 *
 * It holds access tokens, each of which opens a company's data for up to 2 hours: let nobody else read it. For most
 * programs `layerMemory` is enough, since a token is one call away.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeyValueStore = (
  options?: KeyValueOptions
): Effect.Effect<Service, never, KeyValueStore.KeyValueStore> =>
  Effect.gen(function*() {
    const { tell, ...local } = yield* makeLocal
    const { locked, read, remove, write } = KeyValues.make({
      kvs: yield* KeyValueStore.KeyValueStore,
      name: "TokenStore",
      prefix: options?.prefix ?? "feishu/",
      timeout: options?.timeout ?? "2 seconds"
    })
    const at = (key: Key, operation: TokenStoreError["operation"], token?: StoredToken) =>
      locked(nameOf(key), {
        // What is read may be any token.
        secrets: () => operation === "put" && token !== undefined ? [token.value] : undefined,
        failure: (seen) => new TokenStoreError({ appId: key.appId, operation, ...seen })
      })
    const readEntry = (key: Key) =>
      Effect.map(
        read(nameOf(key), decodeEntry),
        Option.map(({ expiresAt, token }): StoredToken => ({ value: token, expiresAt }))
      )
    return {
      ...local,
      get: (key) => at(key, "get")(readEntry(key)),
      put: (key, token) =>
        at(key, "put", token)(
          Effect.flatMap(
            encodeEntry({ token: token.value, expiresAt: token.expiresAt }),
            (text) => write(nameOf(key), text)
          )
        ),
      drop: (key, token) =>
        Effect.suspend(() => {
          tell(key, token)
          return at(key, "drop", token)(
            Effect.flatMap(
              readEntry(key),
              (known) => Option.isSome(known) && isSame(known.value, token) ? remove(nameOf(key)) : Effect.void
            )
          )
        })
    }
  })

/**
 * In any `KeyValueStore`, for example `KeyValueStore.layerFileSystem("tokens")`: see `makeKeyValueStore`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore = (
  options?: KeyValueOptions
): Layer.Layer<TokenStore, never, KeyValueStore.KeyValueStore> => Layer.effect(TokenStore, makeKeyValueStore(options))
