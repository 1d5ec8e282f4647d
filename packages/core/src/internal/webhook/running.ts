/**
 * Runs handlers: each at once, in a scope of its own, and for a limited time.
 *
 * Uses `withFiberRuntime` and `FiberRefs`, because to provide services and annotations to a handler takes longer than most
 * handlers. `interruptChildren` ends what a handler has forked before its scope closes.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashMap from "effect/HashMap"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Scope from "effect/Scope"
import type { FeishuEvent } from "../../FeishuEvent.js"
import * as RunningFibers from "../runningFibers.js"
import * as Span from "../span.js"
import { schedule } from "../timeLimit.js"

interface Options<A, E, R> {
  readonly handle: Effect.Effect<A, E, R>
  /** Runs when the handler and its scope have ended. Never dies. */
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
  /** Runs every 5 s while a handler runs whose time is over. */
  readonly renew: Effect.Effect<void>
}

const renewEvery = "5 seconds"

/**
 * A handler and what follows: the end of the fibers that it has forked, the close of its scope, and `settle`. Only the handler and
 * what it has forked can be interrupted.
 */
interface Work<A, E> {
  readonly fiber: Fiber.RuntimeFiber<Exit.Exit<A, E>>
  readonly isHandling: () => boolean
}

export interface Running<R> {
  /**
   * Runs `handle`, interrupts what `handle` has forked, closes its scope, runs `settle`, and returns the exit: a scope that fails
   * to close fails the handler. Returns `undefined` and interrupts `handle` if all this takes too long: the rest then follows when
   * `handle` has ended.
   *
   * Must run in an uninterruptible region. The log lines of both have the event as annotations.
   */
  readonly run: <A, E>(event: FeishuEvent, options: Options<A, E, R>) => Effect.Effect<Exit.Exit<A, E> | undefined>
}

/** A method of every fiber of Effect 3 that `RuntimeFiber` does not declare. */
interface WithChildren {
  readonly getChildren?: () => ReadonlySet<Fiber.Fiber<unknown, unknown>>
}

/**
 * Interrupts what a fiber has forked and waits for its end. Returns `undefined` if there is nothing to interrupt: the public
 * `fiber.children` would make every handler wait for a turn of the scheduler.
 */
const interruptChildren = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Effect.Effect<void> | undefined => {
  const children = (fiber as WithChildren).getChildren?.()
  if (children === undefined) return Effect.flatMap(fiber.children, Fiber.interruptAll)
  return children.size === 0 ? undefined : Fiber.interruptAll([...children])
}

const closeAndSettle = <A, E>(
  scope: Scope.CloseableScope,
  exit: Exit.Exit<A, E>,
  settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.matchCauseEffect(Scope.close(scope, exit), {
    onSuccess: () => Effect.as(settle(exit), exit),
    // A transaction may commit when its scope closes.
    onFailure: (cause) => {
      const failed = Exit.failCause(Exit.isFailure(exit) ? Cause.sequential(exit.cause, cause) : cause)
      return Effect.as(settle(failed), failed)
    }
  })

/** Runs a handler, interrupts what it has forked, closes its scope, and settles. Must run in a fiber that cannot be interrupted. */
const workOf = <A, E, R>(
  handle: Effect.Effect<A, E, R>,
  scope: Scope.CloseableScope,
  settle: (exit: Exit.Exit<A, E>) => Effect.Effect<void>
): { readonly work: Effect.Effect<Exit.Exit<A, E>, never, R>; readonly isHandling: () => boolean } => {
  let isHandling = true
  const end = (exit: Exit.Exit<A, E>): Effect.Effect<Exit.Exit<A, E>> =>
    Effect.withFiberRuntime((fiber) => {
      const interruption = interruptChildren(fiber)
      if (interruption !== undefined) return Effect.flatMap(interruption, () => end(exit))
      isHandling = false
      const ending = closeAndSettle(scope, exit, settle)
      // An interrupted fiber does not wait where it can be interrupted, and a store may wait there.
      return Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))
        ? ending
        : Effect.flatMap(Effect.forkDaemon(ending), Fiber.join)
    })
  const work = Effect.matchCauseEffect(Effect.interruptible(handle), {
    onSuccess: (value) => end(Exit.succeed(value)),
    onFailure: (cause) => end(Exit.failCause(cause))
  })
  return { work, isHandling: () => isHandling }
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
    const services = Span.omit(context)
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

    /**
     * Keeps the claim of a handler that goes on though its time is over, because the handler cannot be interrupted. Ends with the
     * layer, whose store may be closed then.
     */
    const renewUntilEnd = (work: Work<unknown, unknown>, renew: Effect.Effect<void>) => {
      const renewUnlessClosed = Effect.suspend(() => running.isClosed() ? Effect.interrupt : renew)
      return Effect.raceFirst(Fiber.await(work.fiber), Effect.forever(Effect.delay(renewUnlessClosed, renewEvery)))
    }

    /** Waits for the work. Returns `undefined` and interrupts the handler if the work takes too long. */
    const waitFor = <A, E>(
      work: Work<A, E>,
      renew: Effect.Effect<void>
    ): Effect.Effect<Exit.Exit<A, E> | undefined> =>
      Effect.clockWith((clock) =>
        Effect.async((resume) => {
          const cancel = schedule(clock, handlerTimeout, () => {
            // Does not wait for a handler that cannot be interrupted, because the platform waits for the answer.
            if (work.isHandling()) work.fiber.unsafeInterruptAsFork(FiberId.none)
            resume(Effect.as(Effect.forkDaemon(Effect.interruptible(renewUntilEnd(work, renew))), undefined))
          })
          work.fiber.addObserver((exit) => {
            cancel()
            resume(exit)
          })
        })
      )

    /** Starts the work at once, because most handlers end without waiting. */
    const start = <A, E>(
      delivery: Fiber.RuntimeFiber<unknown, unknown>,
      scope: Scope.CloseableScope,
      event: FeishuEvent,
      { handle, settle }: Options<A, E, R>
    ): Work<A, E> => {
      const context = Context.mergeAll(
        delivery.currentContext as Context.Context<never>,
        services,
        Context.make(Scope.Scope, scope)
      ) as Context.Context<R>
      const fiberRefs = annotated(delivery, event)
      // The services of the handler end with the layer.
      const { isHandling, work } = workOf(running.isClosing() ? Effect.interrupt : handle, scope, settle)
      const fiber = Runtime.runFork(Runtime.make({ context, runtimeFlags: uninterruptible, fiberRefs }))(work)
      return { fiber, isHandling }
    }

    const run = <A, E>(event: FeishuEvent, options: Options<A, E, R>): Effect.Effect<Exit.Exit<A, E> | undefined> =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.withFiberRuntime((delivery) => {
          const work = start(delivery, scope, event, options)
          const ended = work.fiber.unsafePoll()
          if (ended !== null) return ended
          running.add(work.fiber, work.isHandling)
          return waitFor(work, options.renew)
        }))

    return { run }
  })
