/** Runs handlers: each at once, in a scope of its own, and for a limited time. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { constVoid } from "effect/Function"
import * as HashMap from "effect/HashMap"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { FeishuEvent } from "../../FeishuEvent.js"
import * as RunningFibers from "../runningFibers.js"
import { timeLimit } from "../timeLimit.js"

interface Options<A, E, R> {
  readonly handle: Effect.Effect<A, E, R>
  /** Runs when the handler and its scope have ended. Never dies. */
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
  /** Runs every 5 s while a handler runs whose time is over. */
  readonly renew: Effect.Effect<void>
}

const renewEvery = "5 seconds"

interface Started<A, E> {
  readonly handler: Fiber.RuntimeFiber<A, E>
  /** Ends after the handler and its scope. */
  readonly settling: Fiber.RuntimeFiber<Exit.Exit<A, E>>
}

export interface Running<R> {
  /**
   * Runs `handle`, closes its scope, runs `settle`, and returns the exit: a scope that fails to close fails the handler. Returns
   * `undefined` and interrupts `handle` if all this takes too long: `settle` then runs when `handle` has ended.
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
    const running = yield* RunningFibers.make({ name: "handlers", waitFor: handlerTimeout })

    const annotated = (delivery: Fiber.RuntimeFiber<unknown, unknown>, { id, type }: FeishuEvent) => {
      const refs = delivery.getFiberRefs()
      const value = FiberRefs.getOrDefault(refs, FiberRef.currentLogAnnotations).pipe(
        HashMap.set<string, unknown>("app_id", appId),
        HashMap.set<string, unknown>("event_id", id),
        HashMap.set<string, unknown>("event_type", type)
      )
      return FiberRefs.updateAs(refs, { fiberId: delivery.id(), fiberRef: FiberRef.currentLogAnnotations, value })
    }

    /** Keeps the claim of a handler that goes on though its time is over, because the handler cannot be interrupted. */
    const renewUntilEnd = <A, E>({ settling }: Started<A, E>, renew: Effect.Effect<void>) =>
      Effect.raceFirst(Fiber.await(settling), Effect.forever(Effect.delay(renew, renewEvery)))

    /** Returns the exit of the handler, or `undefined` and interrupts the handler if it takes too long. */
    const end = <A, E>(
      started: Started<A, E>,
      renew: Effect.Effect<void>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> => {
      const { handler, settling } = started
      const ended = settling.unsafePoll()
      if (ended !== null) return ended
      running.add(handler)
      running.add(settling)
      return timeLimit(Effect.flatten(Fiber.await(settling)), { duration: handlerTimeout, onTimeout: constVoid }).pipe(
        Effect.catchAll(() =>
          // Does not wait for a handler that cannot be interrupted, because the platform waits for the answer.
          Fiber.interruptFork(handler).pipe(
            Effect.andThen(Effect.forkDaemon(Effect.interruptible(renewUntilEnd(started, renew)))),
            Effect.as(undefined)
          )
        )
      )
    }

    // Two fibers, because a fiber with a region that cannot be interrupted takes twice as long, as do `Effect.scoped` and
    // `Effect.annotateLogs`. Both start at once: most handlers end without waiting.
    const start = <A, E>(
      scope: Scope.CloseableScope,
      event: FeishuEvent,
      { handle, renew, settle }: Options<A, E, R>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> =>
      Effect.withFiberRuntime((delivery) => {
        const ofDelivery = delivery.currentContext as Context.Context<never>
        const ofHandler = Context.mergeAll(ofDelivery, services, Context.make(Scope.Scope, scope)) as Context.Context<R>
        const fiberRefs = annotated(delivery, event)
        const handler = Runtime.runFork(Runtime.make({ context: ofHandler, runtimeFlags, fiberRefs }))(
          // The services of the handler end with the layer.
          running.isClosing() ? Effect.interrupt : handle
        )
        const closeAndSettle = (exit: Exit.Exit<A, E>) =>
          Effect.matchCauseEffect(Scope.close(scope, exit), {
            onSuccess: () => Effect.as(settle(exit), exit),
            // A transaction may commit when its scope closes.
            onFailure: (cause) => {
              const failed = Exit.failCause(Exit.isFailure(exit) ? Cause.sequential(exit.cause, cause) : cause)
              return Effect.as(settle(failed), failed)
            }
          })
        const exit = handler.unsafePoll()
        const settled = exit === null ? Effect.flatMap(Fiber.await(handler), closeAndSettle) : closeAndSettle(exit)
        const toTheEnd = Runtime.make({ context: ofDelivery, runtimeFlags: uninterruptible, fiberRefs })
        return end({ handler, settling: Runtime.runFork(toTheEnd)(settled) }, renew)
      })

    return { run: (event, options) => Effect.flatMap(Scope.make(), (scope) => start(scope, event, options)) }
  })
