/**
 * Keeps access tokens outside of the memory of `AccessToken`, so that a restart or another process does not have to ask the
 * platform.
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
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { isSame } from "./internal/isSame.js"
import * as Lru from "./internal/lru.js"
import * as KeyValues from "./internal/store/keyValues.js"

/**
 * Names a token.
 *
 * @since 0.1.0
 * @category models
 */
export interface Key {
  readonly appId: string
  /** A hash of the app secret. A token that was issued for another secret has another key. */
  readonly secretHash: string
  /** `None` for the app's own token. */
  readonly tenantKey: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StoredToken {
  readonly value: Redacted.Redacted
  /** By the clock of the process that fetched the token. */
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
    /** The operation that failed. */
    operation: Schema.Literal("get", "put", "drop"),
    /** The failure in a few words. */
    description: Schema.String,
    /** The underlying store's own error, of `put` only: its names, messages and codes, with the token masked. */
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
 * Keeps access tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Returns the token that was put last. May return `None` for a token that has expired. */
  readonly get: (key: Key) => Effect.Effect<Option.Option<StoredToken>, TokenStoreError>
  /** Keeps the token, and replaces the token before. */
  readonly put: (key: Key, token: StoredToken) => Effect.Effect<void, TokenStoreError>
  /** Removes this token, because the platform refused the token. Does nothing if another token has replaced this token. */
  readonly drop: (key: Key, token: StoredToken) => Effect.Effect<void, TokenStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TokenStore extends Context.Tag("@effect-feishu/core/TokenStore")<TokenStore, Service>() {}

/** Returns a different name for each key. A lone surrogate has no URL encoding, and has one in JSON. */
const nameOf = ({ appId, secretHash, tenantKey }: Key): string =>
  ["token", appId, secretHash, ...Option.match(tenantKey, { onNone: () => ["app"], onSome: (key) => ["tenant", key] })]
    .map((part) => encodeURIComponent(JSON.stringify(part).slice(1, -1)))
    .join("/")

/**
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /** The most tokens that are kept. The least recently used token is evicted first. Default: 100,000. */
  readonly maxTokens?: number | undefined
}

/**
 * Keeps tokens in this process's memory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options?: MemoryOptions): Effect.Effect<Service> =>
  Effect.sync(() => {
    const tokens = Lru.make<string, StoredToken>(options?.maxTokens ?? 100_000)
    return {
      get: (key) => Effect.sync(() => Option.fromNullable(tokens.get(nameOf(key)))),
      put: (key, token) => Effect.sync(() => tokens.set(nameOf(key), token)),
      drop: (key, token) =>
        Effect.sync(() => {
          const name = nameOf(key)
          const known = tokens.get(name)
          if (known !== undefined && isSame(known, token)) tokens.delete(name)
        })
    }
  })

/**
 * Keeps tokens in this process's memory, which outlives an `AccessToken`, but not the process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TokenStore> = Layer.effect(TokenStore, makeMemory())

/** The form of a token in the store. */
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
  /** Precedes each key. Default: `feishu/`. */
  readonly prefix?: string | undefined
  /** The time for one operation. After that the platform is asked for a token. Default: 2 s. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Keeps tokens in any `KeyValueStore`, so that tokens survive a restart. Overwrites an unreadable entry. Never removes the
 * entry of a tenant that is no longer asked for.
 *
 * Let nobody else read the store: each access token opens a company's data for up to 2 hours. For most programs `layerMemory`
 * is enough, because a token is one call away.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeyValueStore = (
  options?: KeyValueOptions
): Effect.Effect<Service, never, KeyValueStore.KeyValueStore> =>
  Effect.gen(function*() {
    const { locked, read, remove, write } = KeyValues.make({
      kvs: yield* KeyValueStore.KeyValueStore,
      name: "TokenStore",
      prefix: options?.prefix ?? "feishu/",
      timeout: options?.timeout ?? "2 seconds"
    })
    const at = (key: Key, operation: TokenStoreError["operation"], token?: StoredToken) =>
      locked(nameOf(key), {
        // Any token may be read.
        secrets: () => operation === "put" && token !== undefined ? [token.value] : undefined,
        failure: (seen) => new TokenStoreError({ appId: key.appId, operation, ...seen })
      })
    const readEntry = (key: Key) =>
      Effect.map(
        read(nameOf(key), decodeEntry),
        Option.map(({ expiresAt, token }): StoredToken => ({ value: token, expiresAt }))
      )
    return {
      get: (key) => at(key, "get")(readEntry(key)),
      put: (key, token) =>
        at(key, "put", token)(
          Effect.flatMap(
            encodeEntry({ token: token.value, expiresAt: token.expiresAt }),
            (text) => write(nameOf(key), text)
          )
        ),
      drop: (key, token) =>
        at(key, "drop", token)(
          Effect.flatMap(
            readEntry(key),
            (known) => Option.isSome(known) && isSame(known.value, token) ? remove(nameOf(key)) : Effect.void
          )
        )
    }
  })

/**
 * Keeps tokens in any `KeyValueStore`, for example `KeyValueStore.layerFileSystem("tokens")`: see `makeKeyValueStore`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore = (
  options?: KeyValueOptions
): Layer.Layer<TokenStore, never, KeyValueStore.KeyValueStore> => Layer.effect(TokenStore, makeKeyValueStore(options))
