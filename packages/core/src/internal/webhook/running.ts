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
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { timeLimit } from "../timeLimit.js"

interface Options<A, E, R> {
  readonly handle: Effect.Effect<A, E, R>
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
}

interface Started<A, E> {
  readonly handler: Fiber.RuntimeFiber<A, E>
  /** Ends after the handler. */
  readonly settling: Fiber.RuntimeFiber<Exit.Exit<A, E>>
}

export interface Running<R> {
  /**
   * Runs `handle`, and then `settle` with the exit of `handle`, and returns the exit. Returns `undefined` and interrupts
   * `handle` if `handle` takes too long: `settle` then runs when `handle` has ended.
   *
   * Must run in an uninterruptible region. The log lines of both have the event as annotations.
   */
  readonly run: <A, E>(event: FeishuEvent, options: Options<A, E, R>) => Effect.Effect<Exit.Exit<A, E> | undefined>
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
    const uninterruptible = RuntimeFlags.disable(runtimeFlags, RuntimeFlags.Interruption)
    // The spans of a handler belong to the span of the delivery, not to the span that is open now.
    const services = Context.omit(Tracer.ParentSpan)(context as Context.Context<never>) as Context.Context<
      Exclude<R, Scope.Scope>
    >
    // When the scope closes, it waits for the handlers for as long as a handler may take, and then interrupts them.
    const running = yield* FiberSet.make<unknown, unknown>()
    yield* Effect.addFinalizer(() =>
      Effect.timeoutOption(Effect.interruptible(FiberSet.awaitEmpty(running)), handlerTimeout)
    )

    const annotated = (delivery: Fiber.RuntimeFiber<unknown, unknown>, { id, type }: FeishuEvent) => {
      const refs = delivery.getFiberRefs()
      const value = FiberRefs.getOrDefault(refs, FiberRef.currentLogAnnotations).pipe(
        HashMap.set<string, unknown>("app_id", appId),
        HashMap.set<string, unknown>("event_id", id),
        HashMap.set<string, unknown>("event_type", type)
      )
      return FiberRefs.updateAs(refs, { fiberId: delivery.id(), fiberRef: FiberRef.currentLogAnnotations, value })
    }

    /** Returns the exit of the handler, or `undefined` and interrupts the handler if it takes too long. */
    const end = <A, E>({ handler, settling }: Started<A, E>): Effect.Effect<Exit.Exit<A, E> | undefined> => {
      const ended = settling.unsafePoll()
      if (ended !== null) return ended
      FiberSet.unsafeAdd(running, handler)
      FiberSet.unsafeAdd(running, settling)
      return timeLimit(Effect.flatten(Fiber.await(settling)), { duration: handlerTimeout, onTimeout: constVoid }).pipe(
        // Does not wait for a handler that cannot be interrupted, because the platform waits for the answer.
        Effect.catchAll(() => Effect.as(Fiber.interruptFork(handler), undefined))
      )
    }

    // Two fibers, because a fiber with a region that cannot be interrupted takes twice as long, as do `Effect.scoped` and
    // `Effect.annotateLogs`. Both start at once: most handlers end without waiting.
    const start = <A, E>(
      scope: Scope.CloseableScope,
      event: FeishuEvent,
      { handle, settle }: Options<A, E, R>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> =>
      Effect.withFiberRuntime((delivery) => {
        const ofDelivery = delivery.currentContext as Context.Context<never>
        const ofHandler = Context.mergeAll(ofDelivery, services, Context.make(Scope.Scope, scope)) as Context.Context<R>
        const fiberRefs = annotated(delivery, event)
        const handler = Runtime.runFork(Runtime.make({ context: ofHandler, runtimeFlags, fiberRefs }))(handle)

        const settleAndClose = (exit: Exit.Exit<A, E>) =>
          Effect.matchCauseEffect(Effect.zipRight(settle(exit), Scope.close(scope, exit)), {
            onSuccess: () => Effect.succeed(exit),
            onFailure: (cause) =>
              Effect.as(Effect.logError("the scope of the event's handler could not be closed", cause), exit)
          })
        const exit = handler.unsafePoll()
        const settled = exit === null ? Effect.flatMap(Fiber.await(handler), settleAndClose) : settleAndClose(exit)
        const toTheEnd = Runtime.make({ context: ofDelivery, runtimeFlags: uninterruptible, fiberRefs })
        return end({ handler, settling: Runtime.runFork(toTheEnd)(settled) })
      })

    return { run: (event, options) => Effect.flatMap(Scope.make(), (scope) => start(scope, event, options)) }
  })
