import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

/** Starts an effect that goes on when the fibers that wait for the effect are interrupted. */
export type Fork<R> = <A, E>(effect: Effect.Effect<A, E, R>) => Fiber.RuntimeFiber<A, E>

/**
 * Returns a function that forks effects into the current scope: the layer's, when a layer is built.
 *
 * The effects can be interrupted even if the layer is built in an uninterruptible region, because the scope waits for them
 * when it closes. The effects do not see the span that is open now, because the effects run for later requests.
 */
export const makeFork = <R>(): Effect.Effect<Fork<R>, never, R | Scope.Scope> =>
  Effect.mapInputContext(
    Effect.interruptible(FiberSet.makeRuntime<R>()),
    (context: Context.Context<R | Scope.Scope>) =>
      Context.omit(Tracer.ParentSpan)(
        context as Context.Context<Tracer.ParentSpan | R | Scope.Scope>
      ) as Context.Context<
        R | Scope.Scope
      >
  )

/** Returns a function that returns the fiber under way, or forks the effect if there is none. */
export const makeSingle = <A, E, R>(fork: Fork<R>): (effect: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E> => {
  let running: Fiber.Fiber<A, E> | undefined
  return (effect) => {
    if (running !== undefined) return running
    const fiber = fork(effect)
    running = fiber
    fiber.addObserver(() => {
      running = undefined
    })
    return fiber
  }
}

/** Waits for a fiber. Takes over nothing of the fiber's log annotations, unlike `Fiber.join`. */
export const join = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> => Effect.flatten(Fiber.await(fiber))
