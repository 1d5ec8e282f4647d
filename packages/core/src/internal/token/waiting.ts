/**
 * Lets many fibers wait for values that shared work brings. The work runs while any fiber waits. Knows nothing of Feishu.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type { Fork } from "../background.js"
import * as Span from "../span.js"
import { schedule } from "../timeLimit.js"

interface Waiter<A, E> {
  readonly isWanted: (value: A) => boolean
  readonly complete: (result: Effect.Effect<A, E>) => void
}

interface Work<E> {
  readonly fiber: Fiber.RuntimeFiber<never, E>
  readonly span: Span.Shared
}

export interface Waiting<A, E> {
  /** Waits for a value that is wanted. Fails if the work fails, or at the time limit. */
  readonly wait: (isWanted: (value: A) => boolean) => Effect.Effect<A, E>
  /** Completes the waiters that want the value. Returns their number. */
  readonly offer: (value: A) => number
  /** Returns the number of fibers that wait. */
  readonly size: () => number
}

export const make = <A, E, R>(options: {
  readonly fork: Fork<R>
  /** Starts with the first waiter, and is interrupted after the last. */
  readonly work: Effect.Effect<never, E, R>
  readonly spanOfWork: () => Span.Shared
  /** The longest wait of each fiber. */
  readonly limit: Duration.Duration
  readonly onTimeout: Effect.Effect<never, E>
  readonly onSize: (size: number) => void
}): Waiting<A, E> => {
  const { fork, limit, onSize, onTimeout, spanOfWork, work } = options
  const waiters = new Set<Waiter<A, E>>()
  let current: Work<E> | undefined

  const begin = (): Work<E> => {
    const span = spanOfWork()
    const begun: Work<E> = { span, fiber: fork(span.within(work)) }
    current = begun
    begun.fiber.addObserver((exit) => {
      if (current !== begun) return
      current = undefined
      for (const { complete } of waiters) complete(exit)
    })
    return begun
  }

  const endIfUnwanted = () => {
    if (waiters.size > 0 || current === undefined) return
    const { fiber } = current
    current = undefined
    fiber.unsafeInterruptAsFork(FiberId.none)
  }

  return {
    wait: (isWanted) =>
      Effect.flatMap(Effect.all([Effect.clock, Span.current]), ([clock, span]) =>
        Effect.async<A, E>((resume) => {
          const remove = () => {
            cancelTimer()
            if (!waiters.delete(waiter)) return false
            onSize(waiters.size)
            return true
          }
          const waiter: Waiter<A, E> = {
            isWanted,
            complete: (result) => {
              if (remove()) resume(result)
            }
          }
          const cancelTimer = schedule(clock, limit, () => {
            waiter.complete(onTimeout)
            endIfUnwanted()
          })
          waiters.add(waiter)
          onSize(waiters.size)
          const { span: spanOfWork } = current ?? begin()
          spanOfWork.link(span)
          return Effect.sync(() => {
            remove()
            endIfUnwanted()
          })
        })),
    offer: (value) => {
      const wanting = [...waiters].filter(({ isWanted }) => isWanted(value))
      for (const { complete } of wanting) complete(Effect.succeed(value))
      endIfUnwanted()
      return wanting.length
    },
    size: () => waiters.size
  }
}
