/** A clock whose two times a test moves apart. Sleeps end when the clock below says so. */
import { Clock, Effect } from "effect"

export const movableClock = Effect.map(Effect.clock, (below) => {
  let system = 0
  let monotonic = 0
  const unsafeCurrentTimeMillis = () => below.unsafeCurrentTimeMillis() + system
  const unsafeCurrentTimeNanos = () => below.unsafeCurrentTimeNanos() + BigInt(monotonic) * 1_000_000n
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis,
    unsafeCurrentTimeNanos,
    currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis),
    currentTimeNanos: Effect.sync(unsafeCurrentTimeNanos),
    sleep: (duration) => below.sleep(duration)
  }
  return {
    clock,
    /** Moves the system's clock by milliseconds. */
    moveSystem: (by: number) => {
      system += by
    },
    /** Moves the monotonic clock by milliseconds. */
    moveMonotonic: (by: number) => {
      monotonic += by
    }
  }
})
