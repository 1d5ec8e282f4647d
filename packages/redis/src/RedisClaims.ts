/**
 * `Claims` on Redis, for any number of processes.
 *
 * @since 0.1.0
 */
import * as Claims from "@effect-feishu/core/Claims"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { script } from "./internal/connection.js"
import { keyOf } from "./internal/keys.js"
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

/** Returns the time that is left, and 1 for a hold. Takes a key without an expiry, because another program wrote the key. */
const claim = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return { 0, 0 } end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return { left, redis.pcall('GET', KEYS[1]) == '' and 1 or 0 } end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 0, 0 }
`)

const renew = script(`
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

const release = script(`
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`)

/** The value of a key that is held. No claim has this id. */
const holdId = ""

/** Redis takes neither `Infinity` nor 0. */
const millisOf = (duration: Duration.Duration): number =>
  Math.min(Math.max(1, Math.ceil(Duration.toMillis(duration))), Number.MAX_SAFE_INTEGER)

/**
 * A claim is kept as long as it lasts: let Redis evict nothing (`maxmemory-policy noeviction`), or an event may be handled
 * twice.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<Claims.Service, never, RedisConnection.RedisConnection> =>
  Effect.gen(function*() {
    const { run, send } = yield* RedisConnection.RedisConnection
    const part = Random.nextIntBetween(0, 2 ** 32)
    const ofProcess = [yield* part, yield* part, yield* part].map((n) => n.toString(36)).join("-")
    let claims = 0

    // Each name may be on another node of a cluster.
    const at = (appId: string, name: string) => keyOf(options?.prefix ?? "feishu:", [appId, name], "claim")

    const failing = <A>(
      appId: string,
      operation: Claims.ClaimsError["operation"],
      effect: Effect.Effect<A, RedisError>
    ) => Effect.mapError(effect, ({ description }) => new Claims.ClaimsError({ appId, operation, description }))

    return {
      claim: (appId, name, duration) =>
        Effect.suspend(() => {
          const id = `${ofProcess}-${++claims}`
          const answer = Effect.map(run(claim, at(appId, name), id, millisOf(duration)), (reply) => {
            const [left, isHeld] = Array.isArray(reply) ? reply.map(Number) : []
            return left !== undefined && left > 0
              ? Claims.Answer.Taken({ left: Duration.millis(left), isHeld: isHeld === 1 })
              : Claims.Answer.Claimed({ claim: { appId, name, id } })
          })
          return failing(appId, "claim", answer)
        }),
      renew: ({ appId, id, name }, duration) =>
        failing(
          appId,
          "renew",
          Effect.map(run(renew, at(appId, name), id, millisOf(duration)), (isOurs) => isOurs === 1)
        ),
      release: ({ appId, id, name }) => failing(appId, "release", Effect.asVoid(run(release, at(appId, name), id))),
      hold: (appId, name, duration) =>
        failing(appId, "hold", Effect.asVoid(send("set", at(appId, name), holdId, "PX", millisOf(duration))))
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<Claims.Claims, never, RedisConnection.RedisConnection> =>
  Layer.effect(Claims.Claims, make(options))
