import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Reads a clock that does not move when the system's time is set. In milliseconds. */
export const readMonotonicMillis = (clock: Clock.Clock): number =>
  Math.floor(Number(clock.unsafeCurrentTimeNanos()) / 1e6)

/** Reads a clock that does not move when the system's time is set. In milliseconds. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(Effect.clock, readMonotonicMillis)
