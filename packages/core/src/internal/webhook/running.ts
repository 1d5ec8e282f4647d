/** Runs handlers: each at once, in a scope of its own, and for a limited time. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as FiberSet from "effect/FiberSet"
import { constVoid } from "effect/Function"
import * as HashMap from "effect/HashMap"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { timeLimit } from "../timeLimit.js"

export interface Running<R> {
  readonly start: <A, E>(
    effect: Effect.Effect<A, E, R>,
    event: FeishuEvent
  ) => Effect.Effect<Fiber.RuntimeFiber<A, E>>
  readonly endInTime: <A, E>(fiber: Fiber.RuntimeFiber<A, E>) => Effect.Effect<Exit.Exit<A, E> | undefined>
}

export const make = <R>({ appId, handlerTimeout }: {
  readonly appId: string
  readonly handlerTimeout: Duration.Duration
}): Effect.Effect<Running<R>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function*() {
    // Interruptible, because the layer may be built in an uninterruptible region, and its scope waits for the handlers.
    const { context, runtimeFlags } = yield* Effect.interruptible(
      Effect.runtime<Exclude<R, Scope.Scope>>()
    )
    // The spans of a handler belong to the span of the delivery, not to the span that is open now.
    const services = Context.omit(Tracer.ParentSpan)(context as Context.Context<never>) as Context.Context<
      Exclude<R, Scope.Scope>
    >
    // When the scope closes, it waits for the handlers for as long as a handler may take, and then interrupts them.
    const running = yield* FiberSet.make<unknown, unknown>()
    yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(running), handlerTimeout))
    /** Starts the handler at once and with a scope of its own, because most handlers end without waiting. */
    const start = <A, E>(effect: Effect.Effect<A, E, R>, event: FeishuEvent) =>
      Effect.withFiberRuntime<Fiber.RuntimeFiber<A, E>>((parent) => {
        const fiberRefs = parent.getFiberRefs()
        const ofDelivery = parent.currentContext as Context.Context<never>
        const runtime = Runtime.make({ context: Context.merge(ofDelivery, services), runtimeFlags, fiberRefs })
        const fiber = Runtime.runFork(runtime)(Effect.scoped(effect), {
          updateRefs: (refs, fiberId) =>
            FiberRefs.updateAs(refs, {
              fiberId,
              fiberRef: FiberRef.currentLogAnnotations,
              value: FiberRefs.getOrDefault(refs, FiberRef.currentLogAnnotations).pipe(
                HashMap.set<string, unknown>("app_id", appId),
                HashMap.set<string, unknown>("event_id", event.id),
                HashMap.set<string, unknown>("event_type", event.type)
              )
            })
        })
        if (fiber.unsafePoll() === null) FiberSet.unsafeAdd(running, fiber)
        return Effect.succeed(fiber)
      })

    /** Returns the exit of a handler, or `undefined` and interrupts the handler if it takes too long. */
    const endInTime = <A, E>(fiber: Fiber.RuntimeFiber<A, E>): Effect.Effect<Exit.Exit<A, E> | undefined> => {
      const exit = fiber.unsafePoll()
      if (exit !== null) return Effect.succeed(exit)
      return timeLimit(Fiber.await(fiber), { duration: handlerTimeout, onTimeout: constVoid }).pipe(
        // Does not wait for a handler that cannot be interrupted, because the platform waits for the answer.
        Effect.catchAll(() => Effect.as(Fiber.interruptFork(fiber), undefined))
      )
    }

    return { start, endInTime }
  })
