/**
 * Lets many fibers wait for values that shared work brings. The work runs while any fiber waits. Knows nothing of Feishu.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Fork } from "../background.js"
import { readMonotonicMillis } from "../monotonicMillis.js"
import * as Span from "../span.js"
import { schedule } from "../timeLimit.js"

interface Waiter<A, E> {
  readonly isWanted: (value: A) => boolean
  readonly span: Option.Option<Tracer.AnySpan>
  readonly complete: (result: Effect.Effect<A, E>) => void
}

export interface Waiting<A, E> {
  /**
   * Waits for a value that is wanted. Fails if the work fails, or at the time limit. `since`: when the time begins, on the
   * monotonic clock in milliseconds.
   */
  readonly wait: (isWanted: (value: A) => boolean, since: number) => Effect.Effect<A, E>
  /** Completes the waiters that want the value. Returns their number. */
  readonly offer: (value: A) => number
  /** Returns the number of fibers that wait. */
  readonly size: () => number
  /** Returns the spans of the fibers that wait. */
  readonly spans: () => ReadonlyArray<Option.Option<Tracer.AnySpan>>
}

export const make = <A, E, R>(options: {
  readonly fork: Fork<R>
  /** Starts with the first waiter, and is interrupted after the last. */
  readonly work: Effect.Effect<never, E, R>
  /** The longest wait of each fiber. */
  readonly limit: Duration.Duration
  readonly onTimeout: Effect.Effect<never, E>
  /** Runs when a fiber begins to wait, with the fiber's span. */
  readonly onWait: (span: Option.Option<Tracer.AnySpan>) => void
  readonly onSize: (size: number) => void
}): Waiting<A, E> => {
  const { fork, limit, onSize, onTimeout, onWait, work } = options
  const waiters = new Set<Waiter<A, E>>()
  let current: Fiber.RuntimeFiber<never, E> | undefined

  const endUnlessWanted = () => {
    if (waiters.size > 0 || current === undefined) return
    const fiber = current
    current = undefined
    // Does not wait for the end of the work.
    Effect.runFork(Fiber.interrupt(fiber))
  }

  const beginUnlessRunning = () => {
    if (current !== undefined) return
    const fiber = fork(work)
    current = fiber
    fiber.addObserver((exit) => {
      if (current !== fiber) return
      current = undefined
      for (const { complete } of waiters) complete(exit)
    })
    // The work may have brought the value at once.
    endUnlessWanted()
  }

  return {
    wait: (isWanted, since) =>
      Effect.flatMap(Effect.all([Effect.clock, Span.current]), ([clock, span]) =>
        Effect.async<A, E>((resume) => {
          let cancelTimer = constVoid
          const remove = () => {
            cancelTimer()
            if (!waiters.delete(waiter)) return false
            onSize(waiters.size)
            return true
          }
          const waiter: Waiter<A, E> = {
            isWanted,
            span,
            complete: (result) => {
              if (remove()) resume(result)
            }
          }
          waiters.add(waiter)
          onSize(waiters.size)
          onWait(span)
          const left = Math.max(0, Duration.toMillis(limit) - (readMonotonicMillis(clock) - since))
          cancelTimer = schedule(clock, Duration.millis(left), () => {
            waiter.complete(onTimeout)
            endUnlessWanted()
          })
          beginUnlessRunning()
          return Effect.sync(() => {
            remove()
            endUnlessWanted()
          })
        })),
    offer: (value) => {
      const wanting = [...waiters].filter(({ isWanted }) => isWanted(value))
      for (const { complete } of wanting) complete(Effect.succeed(value))
      endUnlessWanted()
      return wanting.length
    },
    size: () => waiters.size,
    spans: () => Array.from(waiters, ({ span }) => span)
  }
}
