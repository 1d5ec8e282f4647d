/** The fibers that a layer waits for when it closes. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { isRequestBound } from "./requestBound.js"

export interface RunningFibers {
  /** Must be called before the fiber can end. */
  readonly add: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => void
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
    const fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
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
        yield* Effect.logWarning(
          `interrupts ${fibers.size} ${name} that did not end within ${Duration.format(waitFor)}`
        )
        yield* Effect.forEach([...fibers], Fiber.interruptFork)
        if (yield* endWithin(forFinalizers)) return
        yield* Effect.logWarning(`leaves ${fibers.size} ${name} that cannot be interrupted`)
      })
    )

    return {
      add: (fiber) => {
        // On Workers, a fiber that ends with its request never says so.
        if (isRequestBound()) return
        fibers.add(fiber)
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
