/**
 * Runs work that goes on after the answer to a delivery, in the background of this process.
 *
 * A handler has 2.5 s, and what a handler forks is interrupted when the handler ends. A task that a handler adds here goes on,
 * and the layer waits for the task when the layer closes. A task is lost if the process dies: put work that must not be lost
 * into a durable queue instead.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { FeishuApp } from "./FeishuApp.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { isRequestBound } from "./internal/requestBound.js"

/**
 * A task was not added, or an option is wrong.
 *
 * - `Full`: as many tasks as `capacity` run or wait. A handler that fails with this error refuses the event, and the platform
 *   pushes the event again later.
 * - `Closing`: the layer is being closed.
 * - `Options`: `capacity` or `concurrency` is not a positive integer.
 *
 * @since 0.1.0
 * @category errors
 */
export class BackgroundTasksError
  extends Schema.TaggedError<BackgroundTasksError>("@effect-feishu/core/BackgroundTasksError")("BackgroundTasksError", {
    reason: Schema.Literal("Full", "Closing", "Options"),
    description: Schema.String
  })
{
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `BackgroundTasks: ${this.description}`
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Starts a task in the background, with the services and the log annotations of the caller and with a scope of its own, and
   * does not wait for the task. If `concurrency` tasks are running, the task waits for its turn. Logs a task that fails.
   */
  readonly add: <A, E, R>(
    task: Effect.Effect<A, E, R>
  ) => Effect.Effect<void, BackgroundTasksError, Exclude<R, Scope.Scope>>
}

/**
 * `EventSubscription` gives this service to its handlers.
 *
 * @since 0.1.0
 * @category tags
 */
export class BackgroundTasks extends Context.Tag("@effect-feishu/core/BackgroundTasks")<BackgroundTasks, Service>() {}

/**
 * Starts a task in the background, and does not wait for the task: see `Service`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const add = <A, E, R>(
  task: Effect.Effect<A, E, R>
): Effect.Effect<void, BackgroundTasksError, BackgroundTasks | Exclude<R, Scope.Scope>> =>
  Effect.flatMap(BackgroundTasks, (tasks) => tasks.add(task))

/**
 * Keeps a serverless runtime from stopping before a promise ends: the `waitUntil` of Workers and Vercel, or `after` of
 * Next.js. `EventWebHandler` provides the function that comes with a request. Default: does nothing.
 *
 * @since 0.1.0
 * @category references
 */
export class WaitUntil extends Context.Reference<WaitUntil>()("@effect-feishu/core/BackgroundTasks/WaitUntil", {
  defaultValue: () => (_: Promise<unknown>): void => {}
}) {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The most tasks that run or wait for their turn. Default: 1,000. */
  readonly capacity?: number | undefined
  /**
   * The most tasks that run at once. Default: 10. On Cloudflare Workers, all run at once, because no request may wait for
   * another one.
   */
  readonly concurrency?: number | undefined
  /**
   * The time for which the layer waits for the tasks when it closes, before it interrupts the tasks. Must be shorter than the
   * time that the process has to end: Docker gives 10 s, Kubernetes 30 s. Default: 8 s.
   */
  readonly drainFor?: Duration.DurationInput | undefined
}

const failed = (reason: BackgroundTasksError["reason"], description: string) =>
  new BackgroundTasksError({ reason, description })

const positiveInteger = (name: string, value: number): Effect.Effect<number, BackgroundTasksError> =>
  Number.isInteger(value) && value > 0
    ? Effect.succeed(value)
    : failed("Options", `${name} is ${value} and must be a positive integer`)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options): Effect.Effect<Service, BackgroundTasksError, FeishuApp | Scope.Scope> =>
  Effect.gen(function*() {
    const { appId } = yield* FeishuApp
    const capacity = yield* positiveInteger("capacity", options?.capacity ?? 1000)
    const concurrency = yield* positiveInteger("concurrency", options?.concurrency ?? 10)
    const drainFor = Duration.decode(options?.drainFor ?? "8 seconds")
    const inTurn: <A, E, R>(task: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = isRequestBound()
      ? (task) => task
      : Effect.unsafeMakeSemaphore(concurrency).withPermits(1)
    const ofApp = MetricLabels.make("app_id")(appId)
    const byOutcome = MetricLabels.make("outcome", { app_id: appId })
    let pending = 0
    let isClosing = false

    const change = (by: number, outcome?: string) => {
      pending += by
      FeishuMetrics.backgroundTasks.unsafeUpdate(pending, ofApp)
      if (outcome !== undefined) FeishuMetrics.backgroundTasksEnded.unsafeUpdate(1, byOutcome(outcome))
    }
    const refuse = (reason: "Full" | "Closing", description: string) => {
      change(0, "refused")
      return failed(reason, description)
    }
    const end = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      change(-1, Exit.isSuccess(exit) ? "success" : Exit.isInterrupted(exit) ? "interrupted" : "failure")
      return Exit.isFailure(exit) && !Exit.isInterrupted(exit)
        ? Effect.logError("a background task failed", exit.cause)
        : Effect.void
    }

    // Interrupts the tasks that are left after the finalizer below.
    const running = yield* FiberSet.make<unknown, unknown>()
    const drain = Effect.suspend(() => {
      isClosing = true
      return Effect.timeoutTo(Effect.interruptible(FiberSet.awaitEmpty(running)), {
        duration: drainFor,
        onSuccess: () => Effect.void,
        onTimeout: () =>
          Effect.logWarning(
            `interrupts ${pending} background tasks that did not end within ${Duration.format(drainFor)}`
          )
      })
    })
    yield* Effect.addFinalizer(() => Effect.flatten(drain))

    const start = <A, E, R>(task: Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        change(1)
        const runtime = yield* Effect.runtime()
        const work = Effect.onExit(Effect.interruptible(inTurn(Effect.scoped(task))), end)
        const fiber = yield* Effect.forkDaemon(work)
        yield* FiberSet.add(running, fiber)
        const waitUntil = yield* WaitUntil
        waitUntil(Runtime.runPromiseExit(runtime)(fiber.await))
      }).pipe(Effect.uninterruptible)

    return {
      add: (task) =>
        Effect.suspend(() =>
          isClosing
            ? refuse("Closing", "the layer is being closed, and takes no more tasks")
            : pending >= capacity
            ? refuse(
              "Full",
              `${pending} tasks run or wait, and capacity is ${capacity}: the platform pushes again later`
            )
            : start(task)
        )
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<BackgroundTasks, BackgroundTasksError, FeishuApp> =>
  Layer.scoped(BackgroundTasks, make(options))
