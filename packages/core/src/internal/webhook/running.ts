/** Runs handlers: each at once, in a scope of its own, and for a limited time. */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as FiberSet from "effect/FiberSet"
import { constVoid } from "effect/Function"
import * as HashMap from "effect/HashMap"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { timeLimit } from "../timeLimit.js"

interface Options<A, E, R> {
  readonly handle: Effect.Effect<A, E, R>
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
}

export interface Running<R> {
  /**
   * Runs `handle`, and then `settle` with the exit of `handle`, and returns the exit. Returns `undefined` and interrupts
   * `handle` if `handle` takes too long: `settle` then runs when `handle` has ended.
   *
   * Must run in an uninterruptible region.
   */
  readonly run: <A, E>(event: FeishuEvent, options: Options<A, E, R>) => Effect.Effect<Exit.Exit<A, E> | undefined>
}

/** The annotations of each log line of a handler. */
export const annotationsOf = (appId: string, { id, type }: FeishuEvent) => ({
  app_id: appId,
  event_id: id,
  event_type: type
})

/** Counts the effects that run, and waits until there are none. */
const makeCounter = () => {
  const none = Effect.unsafeMakeLatch(true)
  let count = 0
  return {
    none: none.await,
    /** Counts an effect that neither fails nor is interrupted, and then returns `value`. */
    counted: <A>(effect: Effect.Effect<void>, value: A): Effect.Effect<A> => {
      count++
      none.unsafeClose()
      return Effect.map(effect, () => {
        count--
        if (count === 0) none.unsafeOpen()
        return value
      })
    }
  }
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
    const settling = makeCounter()
    yield* Effect.addFinalizer(() =>
      Effect.timeoutOption(
        Effect.interruptible(Effect.andThen(FiberSet.awaitEmpty(running), settling.none)),
        handlerTimeout
      )
    )

    const ofApp = HashMap.make<ReadonlyArray<readonly [string, unknown]>>(["app_id", appId])
    const annotated = (refs: FiberRefs.FiberRefs, fiberId: FiberId.Single, { id, type }: FeishuEvent) => {
      const known = FiberRefs.getOrDefault(refs, FiberRef.currentLogAnnotations)
      const withApp = HashMap.isEmpty(known) ? ofApp : HashMap.union(known, ofApp)
      const value = HashMap.set(HashMap.set(withApp, "event_id", id), "event_type", type)
      return FiberRefs.updateAs(refs, { fiberId, fiberRef: FiberRef.currentLogAnnotations, value })
    }

    /** Waits for a handler that has not ended at once. */
    const wait = <A, E>(
      handler: Fiber.RuntimeFiber<A, E>,
      end: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> => {
      FiberSet.unsafeAdd(running, handler)
      const ended = Effect.flatMap(Fiber.await(handler), (exit) => Effect.as(end(exit), exit))
      return Effect.forkDaemon(ended).pipe(
        Effect.tap((fiber) => FiberSet.add(running, fiber)),
        Effect.flatMap((fiber) => timeLimit(Fiber.join(fiber), { duration: handlerTimeout, onTimeout: constVoid })),
        // Does not wait for a handler that cannot be interrupted, because the platform waits for the answer.
        Effect.catchAll(() => Effect.as(Fiber.interruptFork(handler), undefined))
      )
    }

    // Most handlers end at once. The fiber of the delivery settles these: a region of the handler's fiber that cannot be
    // interrupted, `Effect.scoped` and `Effect.annotateLogs` each take as long as the rest.
    const start = <A, E>(
      scope: Scope.CloseableScope,
      event: FeishuEvent,
      { handle, settle }: Options<A, E, R>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> =>
      Effect.withFiberRuntime((delivery) => {
        const ofDelivery = delivery.currentContext as Context.Context<never>
        const runtime = Runtime.make({
          context: Context.mergeAll(ofDelivery, services, Context.make(Scope.Scope, scope)) as Context.Context<R>,
          runtimeFlags,
          fiberRefs: annotated(delivery.getFiberRefs(), delivery.id(), event)
        })
        const handler = Runtime.runFork(runtime)(handle)
        const end = (exit: Exit.Exit<A, E>) => Effect.zipRight(settle(exit), Scope.close(scope, exit))
        const exit = handler.unsafePoll()
        return exit === null ? wait(handler, end) : settling.counted(end(exit), exit)
      })

    return { run: (event, options) => Effect.flatMap(Scope.make(), (scope) => start(scope, event, options)) }
  })
