import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** On a clock that no correction of the system's time can move. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Clock.currentTimeNanos,
  (nanos) => Number(nanos / 1_000_000n)
)
