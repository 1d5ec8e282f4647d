import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

/** Starts an effect that other fibers wait for, and that goes on when they are interrupted. */
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
