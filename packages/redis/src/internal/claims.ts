/** Keys that are there as long as somebody holds the name. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as RedisConnection from "../RedisConnection.js"
import type { RedisError } from "../RedisError.js"

/** One that has no end is not ours: whatever put it there, it must not stand in the way for ever. */
const claim = RedisConnection.script(`
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return left end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 0
`)

/** `Infinity` is no number of Redis's, and neither is 0. */
export const millisOf = (duration: Duration.Duration): number =>
  Math.min(Math.max(1, Math.ceil(Duration.toMillis(duration))), Number.MAX_SAFE_INTEGER)

export const make = ({ run, send }: RedisConnection.Service) => ({
  claim: (key: string, duration: Duration.Duration): Effect.Effect<Option.Option<Duration.Duration>, RedisError> =>
    Effect.map(
      run(claim, key, millisOf(duration)),
      (left) => Number(left) > 0 ? Option.some(Duration.millis(Number(left))) : Option.none()
    ),
  hold: (key: string, duration: Duration.Duration): Effect.Effect<void, RedisError> =>
    Effect.asVoid(send("set", key, "1", "PX", millisOf(duration))),
  release: (key: string): Effect.Effect<void, RedisError> => Effect.asVoid(send("del", key))
})
