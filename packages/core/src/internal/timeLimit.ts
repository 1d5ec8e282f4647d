import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { identity } from "effect/Function"
import * as Runtime from "effect/Runtime"

let live: Clock.Clock | undefined

/** Returns `true` for Effect's own clock, which sleeps with `setTimeout`. */
const isLive = (clock: Clock.Clock): boolean => clock === (live ??= Effect.runSync(Effect.clock))

const forkSleep = Runtime.runFork(Runtime.defaultRuntime)

/** The longest wait of `setTimeout`, about 25 days. A longer limit never ends, as in `Effect.sleep`. */
const longest = 2 ** 31 - 1

/**
 * Runs `callback` after `duration`, unless the returned function is called before.
 *
 * Uses `setTimeout` if the clock does so, because a fiber that sleeps and is interrupted takes 20 times as long.
 */
export const schedule = (clock: Clock.Clock, duration: Duration.Duration, callback: () => void): () => void => {
  const millis = Duration.toMillis(duration)
  if (isLive(clock)) {
    if (millis > longest) return () => {}
    // @effect-diagnostics-next-line globalTimers:off
    const timer = setTimeout(callback, millis)
    return () => clearTimeout(timer)
  }
  const sleep = forkSleep(clock.sleep(duration))
  sleep.addObserver((exit) => {
    if (Exit.isSuccess(exit)) callback()
  })
  return () => sleep.unsafeInterruptAsFork(FiberId.none)
}

/**
 * Runs an effect and fails with `onTimeout` if the effect takes longer than `duration`.
 *
 * The limit holds in an uninterruptible region, too, and for an effect that cannot be interrupted: at the limit the effect
 * is interrupted in the background and the caller fails at once. The caller's own interruption interrupts the effect and
 * waits for its finalizers; in an uninterruptible region the caller's interruption does not reach the effect.
 *
 * `Effect.timeoutFail` waits for an effect that cannot be interrupted, and takes three times as long.
 */
export const timeLimit = <A, E, R, E2>(self: Effect.Effect<A, E, R>, options: {
  readonly duration: Duration.Duration
  readonly onTimeout: () => E2
  /** `true`: the caller's own interruption does not wait for the end of the effect. */
  readonly isAbandoned?: boolean
  /** Changes the runtime of the effect, which costs less than to provide services to the effect. */
  readonly updateRuntime?: (runtime: Runtime.Runtime<R>) => Runtime.Runtime<R>
}): Effect.Effect<A, E | E2, R> => {
  const { duration, isAbandoned = false, onTimeout, updateRuntime = identity } = options
  // As an exit, because the failure of a fiber is logged.
  const interruptible = Effect.exit(Effect.interruptible(self))
  return Effect.flatMap(
    Effect.runtime<R>(),
    (runtime) =>
      Effect.clockWith((clock) =>
        Effect.async<A, E | E2>((resume) => {
          const fiber = Runtime.runFork(updateRuntime(runtime))(interruptible)
          const cancel = schedule(clock, duration, () => {
            resume(Effect.failSync(onTimeout))
            fiber.unsafeInterruptAsFork(FiberId.none)
          })
          fiber.addObserver((exit) => {
            cancel()
            resume(Exit.flatten(exit))
          })
          return isAbandoned ? Fiber.interruptFork(fiber) : Fiber.interrupt(fiber)
        })
      )
  )
}
