/** The fibers that a layer waits for when it closes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constTrue } from "effect/Function"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { isRequestBound } from "./requestBound.js"

export interface RunningFibers {
  /**
   * Must be called before the fiber can end. The fiber is not interrupted if `isInterruptible` returns `false` when the time of
   * the fiber is over.
   */
  readonly add: (fiber: Fiber.RuntimeFiber<unknown, unknown>, isInterruptible?: () => boolean) => void
  /** Returns `true` from the beginning of the close on. */
  readonly isClosing: () => boolean
  /** Returns `true` from when the close no longer waits on. */
  readonly isClosed: () => boolean
}

/** The time that interrupted fibers have for their finalizers. */
const forFinalizers = Duration.seconds(1)

/**
 * When the scope closes, waits for the fibers, interrupts those that have not ended after `waitFor`, and does not wait for those
 * that cannot be interrupted. `name` is what the log calls the fibers.
 */
export const make = (
  { name, waitFor }: { readonly name: string; readonly waitFor: Duration.Duration }
): Effect.Effect<RunningFibers, never, Scope.Scope> =>
  Effect.gen(function*() {
    const fibers = new Map<Fiber.RuntimeFiber<unknown, unknown>, () => boolean>()
    const none = Effect.unsafeMakeLatch(true)
    let isClosing = false
    let isClosed = false

    /** Returns `false` if fibers are still running then. */
    const endWithin = (duration: Duration.Duration) =>
      Effect.map(Effect.timeoutOption(Effect.interruptible(none.await), duration), Option.isSome)

    yield* Effect.addFinalizer(() =>
      Effect.gen(function*() {
        isClosing = true
        const areEnded = yield* endWithin(waitFor)
        isClosed = true
        if (areEnded) return
        const interruptible = [...fibers].filter(([_, isInterruptible]) => isInterruptible())
        if (interruptible.length > 0) {
          yield* Effect.logWarning(
            `interrupts ${interruptible.length} ${name} that did not end within ${Duration.format(waitFor)}`
          )
        }
        yield* Effect.forEach(interruptible, ([fiber]) => Fiber.interruptFork(fiber))
        if (yield* endWithin(forFinalizers)) return
        yield* Effect.logWarning(`leaves ${fibers.size} ${name} that cannot be interrupted`)
      })
    )

    return {
      add: (fiber, isInterruptible = constTrue) => {
        // On Workers, a fiber that ends with its request never says so.
        if (isRequestBound()) return
        fibers.set(fiber, isInterruptible)
        none.unsafeClose()
        fiber.addObserver(() => {
          fibers.delete(fiber)
          if (fibers.size === 0) none.unsafeOpen()
        })
      },
      isClosing: () => isClosing,
      isClosed: () => isClosed
    }
  })
