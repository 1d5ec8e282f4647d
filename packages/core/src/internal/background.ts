import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import { constVoid } from "effect/Function"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { isRequestBound } from "./requestBound.js"
import * as Span from "./span.js"
import { timeLimit } from "./timeLimit.js"

/** Starts an effect that goes on when the fibers that wait for the effect are interrupted. */
export type Fork<R> = <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.RuntimeFiber<A, E>

/**
 * Returns a function that forks effects into the current scope: the layer's, when a layer is built.
 *
 * The effects can be interrupted even if the layer is built in an uninterruptible region, because the scope waits for them
 * when it closes. The effects do not see the span that is open now, because the effects run for later requests.
 *
 * On Workers, an effect ends with the request that forks the effect. The scope does not hold the effect, because an effect
 * that was cut off would stay in the scope for ever.
 */
export const makeFork = <R>(): Effect.Effect<Fork<R>, never, R | Scope.Scope> =>
  Effect.mapInputContext(
    Effect.interruptible(
      Effect.suspend((): Effect.Effect<Fork<R>, never, R | Scope.Scope> =>
        isRequestBound()
          ? Effect.map(Effect.runtime<R>(), (runtime) => Runtime.runFork(runtime))
          : FiberSet.makeRuntime<R>()
      )
    ),
    Span.omit<R | Scope.Scope>
  )

/** Waits for a fiber. Takes over nothing of the fiber's log annotations, unlike `Fiber.join`. */
export const join = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> => Effect.flatten(Fiber.await(fiber))

/** The longest time for which a request waits for work that runs in the background elsewhere. */
const longestInRequest = Duration.seconds(5)

/** Runs work within the request, for 5 s at most, because nothing runs in the background on Workers. Ignores a failure. */
export const inRequest = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<void> =>
  Effect.ignore(timeLimit(work, { duration: longestInRequest, onTimeout: constVoid }))

/** Work that runs once for all fibers that ask while it runs. On Workers, it runs for each fiber. */
export interface Single<A, E> {
  /** Starts the work unless it is under way. */
  readonly start: Effect.Effect<void>
  /** Starts the work unless it is under way, and waits for it. */
  readonly run: Effect.Effect<A, E>
}

export const makeSingle = <A, E, R>(
  fork: Fork<R>,
  work: Effect.Effect<A, E, R>,
  spanOfWork: () => Span.Shared = () => Span.none
): Single<A, E> => {
  const isAlone = isRequestBound()
  let running: { readonly fiber: Fiber.Fiber<A, E>; readonly span: Span.Shared } | undefined
  const begin = Effect.map(Span.current, (waiting) => {
    if (running === undefined) {
      const span = spanOfWork()
      const fiber = fork(span.within(work))
      const begun = { fiber, span }
      if (!isAlone) running = begun
      fiber.addObserver(() => {
        if (running === begun) running = undefined
      })
      span.link(waiting)
      return fiber
    }
    running.span.link(waiting)
    return running.fiber
  })
  const run = Effect.flatMap(begin, join)
  return { start: isAlone ? inRequest(run) : Effect.asVoid(begin), run }
}
