import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { constVoid, identity } from "effect/Function"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"

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

interface Limit<out E> {
  readonly duration: Duration.Duration
  readonly onTimeout: () => E
}

/**
 * Starts an effect at once. Calls `done` with the exit, or with the failure `onTimeout` at the limit: the effect is then
 * interrupted in the background. Returns the fiber, whose interruption calls `done`, too.
 */
export const startLimited = <A, E, R, E2>(
  fork: <X>(effect: Effect.Effect<X, never, R>) => Fiber.RuntimeFiber<X>,
  clock: Clock.Clock,
  self: Effect.Effect<A, E, R>,
  { duration, onTimeout }: Limit<E2>,
  done: (exit: Exit.Exit<A, E | E2>) => void
): Fiber.RuntimeFiber<unknown> => {
  // As an exit, because the failure of a fiber is logged.
  const fiber = fork(Effect.exit(Effect.interruptible(self)))
  const ended = fiber.unsafePoll()
  if (ended !== null) {
    done(Exit.flatten(ended))
    return fiber
  }
  let isDone = false
  const end = (exit: Exit.Exit<A, E | E2>) => {
    if (isDone) return
    isDone = true
    done(exit)
  }
  const cancel = schedule(clock, duration, () => {
    end(Exit.fail(onTimeout()))
    fiber.unsafeInterruptAsFork(FiberId.none)
  })
  fiber.addObserver((exit) => {
    cancel()
    end(Exit.flatten(exit))
  })
  return fiber
}

/** The fibers of this runtime are left out of Effect's metrics of fibers, which cost a twentieth of a call. */
const uncounted = Runtime.disableRuntimeFlag(RuntimeFlags.RuntimeMetrics)

/**
 * Runs an effect and fails with `onTimeout` if the effect takes longer than `duration`.
 *
 * The limit holds in an uninterruptible region, too, and for an effect that cannot be interrupted: at the limit the effect
 * is interrupted in the background and the caller fails at once. The caller's own interruption interrupts the effect and
 * waits for its finalizers; in an uninterruptible region the caller's interruption does not reach the effect.
 *
 * `Effect.timeoutFail` waits for an effect that cannot be interrupted, and takes three times as long.
 */
export const timeLimit = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  options: Limit<E2> & {
    /** `true`: the caller's own interruption does not wait for the end of the effect. */
    readonly isAbandoned?: boolean
    /** Changes the runtime of the effect, which costs less than to provide services to the effect. */
    readonly updateRuntime?: (runtime: Runtime.Runtime<R>) => Runtime.Runtime<R>
  }
): Effect.Effect<A, E | E2, R> => {
  const { isAbandoned = false, updateRuntime = identity } = options
  return Effect.flatMap(
    Effect.runtime<R>(),
    (runtime) =>
      Effect.clockWith((clock) =>
        Effect.async<A, E | E2>((resume) => {
          const fiber = startLimited(Runtime.runFork(uncounted(updateRuntime(runtime))), clock, self, options, resume)
          return isAbandoned ? Fiber.interruptFork(fiber) : Fiber.interrupt(fiber)
        })
      )
  )
}

/** Starts an effect in the background, and interrupts the effect if it takes longer than `duration`. */
export const runInBackground = <E, R>(
  self: Effect.Effect<unknown, E, R>,
  duration: Duration.Duration
): Effect.Effect<void, never, R> =>
  Effect.flatMap(
    Effect.runtime<R>(),
    (runtime) =>
      Effect.clockWith((clock) =>
        Effect.sync(() =>
          void startLimited(Runtime.runFork(runtime), clock, self, { duration, onTimeout: constVoid }, constVoid)
        )
      )
  )
