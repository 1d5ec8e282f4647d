/**
 * A `TokenStore` on Redis, for any number of processes: one gets a token, all use it.
 *
 * @since 0.1.0
 */
import type { Claims } from "@effect-feishu/core/Claims"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { script } from "./internal/connection.js"
import { keyOf } from "./internal/keys.js"
import { orUnreadable } from "./internal/unreadable.js"
import * as RedisClaims from "./RedisClaims.js"
import * as RedisConnection from "./RedisConnection.js"
import type { RedisError } from "./RedisError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Precedes each key. Default: `feishu:`. */
  readonly prefix?: string | undefined
}

/** The shortest time for which Redis keeps a token, because the clock of another process may differ. */
const atLeast = Duration.toMillis("1 minute")

/** The form of a token in Redis: its end in milliseconds since 1970, and the token as JSON, which can express any text. */
const entryOf = (expiresAt: number, value: string) => `${expiresAt} ${JSON.stringify(value)}`

const StoredEntry = Schema.Tuple(
  Schema.NumberFromString.pipe(Schema.int(), Schema.between(-8.64e15, 8.64e15)),
  Schema.parseJson(Schema.Redacted(Schema.NonEmptyString))
)

const decodeParts = Schema.decodeUnknownOption(StoredEntry)

const decodeEntry = (entry: unknown) => {
  const parts = typeof entry === "string" ? /^(-?\d+) (".+")$/.exec(entry) : null
  return parts === null ? Option.none() : decodeParts(parts.slice(1))
}

/** Removes the token unless another token has replaced it. */
const drop = script(`
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' and string.match(known, '^%-?%d+ (.*)$') == ARGV[1] then redis.call('DEL', KEYS[1]) end
`)

/**
 * Keeps each token until it expires. Let nobody else read this Redis: each access token opens a company's data.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<TokenStore.Service, never, RedisConnection.RedisConnection> =>
  Effect.gen(function*() {
    const connection = yield* RedisConnection.RedisConnection
    const prefix = options?.prefix ?? "feishu:"
    const readable = orUnreadable("TokenStore")

    // Another part of the key for each tenant, so that a cluster spreads the tokens over its nodes.
    const groupOf = ({ appId, secretHash, tenantKey }: TokenStore.Key) => [
      appId,
      secretHash,
      ...Option.match(tenantKey, { onNone: () => ["app"], onSome: (key) => ["tenant", key] })
    ]
    const tokenKey = (key: TokenStore.Key) => keyOf(prefix, groupOf(key), "token")

    const failing = <A>(
      { appId }: TokenStore.Key,
      operation: TokenStore.TokenStoreError["operation"],
      effect: Effect.Effect<A, RedisError>
    ) => Effect.mapError(effect, ({ description }) => new TokenStore.TokenStoreError({ appId, operation, description }))

    return {
      get: (key) =>
        connection.send("get", tokenKey(key)).pipe(
          readable(tokenKey(key), decodeEntry, (entry) => entry === null),
          Effect.map(Option.map(([expiresAt, value]): TokenStore.StoredToken => ({
            value,
            expiresAt: DateTime.unsafeMake(expiresAt)
          }))),
          (effect) => failing(key, "get", effect)
        ),
      put: (key, { expiresAt, value }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const millis = Math.floor(DateTime.toEpochMillis(expiresAt))
          const written = connection.send(
            "set",
            tokenKey(key),
            entryOf(millis, Redacted.value(value)),
            "PX",
            Math.max(atLeast, Math.ceil(millis - now))
          )
          return failing(key, "put", Effect.asVoid(written))
        }),
      drop: (key, { value }) =>
        failing(
          key,
          "drop",
          Effect.asVoid(connection.run(
            drop,
            tokenKey(key),
            JSON.stringify(Redacted.value(value))
          ))
        )
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<TokenStore.TokenStore | Claims, never, RedisConnection.RedisConnection> =>
  Layer.merge(Layer.effect(TokenStore.TokenStore, make(options)), RedisClaims.layer(options))
