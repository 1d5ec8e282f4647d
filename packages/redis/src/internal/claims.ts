/** Keys that are there as long as somebody holds the name. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { RedisError } from "../RedisError.js"
import { type Connection, script } from "./connection.js"

/** One that has no end is not ours: whatever put it there, it must not stand in the way for ever. */
const claim = script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return left end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
`)

/** Whoever was so slow that another has the name by now must not take it away. */
const release = script(`
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`)

/** `Infinity` is no number of Redis's, and neither is 0. */
const millisOf = (duration: Duration.Duration): number =>
  Math.min(Math.max(1, Math.ceil(Duration.toMillis(duration))), Number.MAX_SAFE_INTEGER)

export const make = ({ run, send }: Connection) =>
  Effect.gen(function*() {
    const part = Random.nextIntBetween(0, 2 ** 32)
    /** Who holds it: this store, in this process. */
    const owner = [yield* part, yield* part, yield* part].map((n) => n.toString(36)).join("-")
    return {
      claim: (key: string, duration: Duration.Duration): Effect.Effect<Option.Option<Duration.Duration>, RedisError> =>
        Effect.map(run(claim, key, owner, millisOf(duration)), (left) =>
          Number(left) > 0 ? Option.some(Duration.millis(Number(left))) : Option.none()),
      hold: (key: string, duration: Duration.Duration): Effect.Effect<void, RedisError> =>
        Effect.asVoid(send("set", key, owner, "PX", millisOf(duration))),
      release: (key: string): Effect.Effect<void, RedisError> =>
        Effect.asVoid(run(release, key, owner))
    }
  })
