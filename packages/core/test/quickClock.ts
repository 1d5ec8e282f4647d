/**
 * A clock whose time passes only by `pass`, as the `TestClock`'s, and that takes much less time itself: it neither looks
 * at all the fibers of a test, nor keeps a sleep that was interrupted. Nothing that it is used with may wait for a socket
 * or a timer of the system's.
 */
import { Clock, Duration, Effect } from "effect"

interface Sleep {
  readonly at: number
  readonly wake: () => void
}

/** What needs no time goes on to its end, also where it waits for a promise. */
const turns = Effect.repeatN(
  Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void))),
  7
)

class QuickClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private now = 0
  private readonly sleeps = new Set<Sleep>()

  readonly unsafeCurrentTimeMillis = () => this.now
  readonly unsafeCurrentTimeNanos = () => BigInt(Math.round(this.now * 1e6))
  readonly currentTimeMillis = Effect.sync(this.unsafeCurrentTimeMillis)
  readonly currentTimeNanos = Effect.sync(this.unsafeCurrentTimeNanos)

  readonly sleep = (duration: Duration.Duration) =>
    Effect.async<void>((resume) => {
      const sleep = { at: this.now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.sleeps.add(sleep)
      return Effect.sync(() => void this.sleeps.delete(sleep))
    })

  readonly pass = (duration: Duration.DurationInput): Effect.Effect<void> =>
    Effect.gen(this, function*() {
      const end = this.now + Duration.toMillis(duration)
      for (;;) {
        yield* turns
        this.now = Math.min(end, ...Array.from(this.sleeps, ({ at }) => at))
        const due = [...this.sleeps].filter(({ at }) => at <= this.now)
        if (due.length === 0) return
        for (const sleep of due) {
          this.sleeps.delete(sleep)
          sleep.wake()
        }
      }
    })
}

/** Its time begins at 0. */
export const withQuickClock = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.withClock(effect, new QuickClock()))

/** So much time passes. */
export const pass = (duration: Duration.DurationInput): Effect.Effect<void> =>
  Effect.clockWith((clock) =>
    clock instanceof QuickClock ? clock.pass(duration) : Effect.dieMessage("there is no QuickClock")
  )
