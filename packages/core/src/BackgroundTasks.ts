/**
 * Runs work that goes on after the answer to a delivery, in the background of this process.
 *
 * A handler has 2.5 s, and what a handler forks is interrupted when the handler ends. A task that a handler adds here goes on.
 * When the layer closes, the layer waits for the tasks. `NodeRuntime.runMain` closes the layer when the process is stopped; a
 * program with a `ManagedRuntime` must call `runtime.dispose()`.
 *
 * A task is lost if the process dies: put work that must not be lost into a durable queue instead.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { FeishuApp } from "./FeishuApp.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { isRequestBound } from "./internal/requestBound.js"
import * as RunningFibers from "./internal/runningFibers.js"

/**
 * A task was not added, or an option is wrong.
 *
 * - `Full`: as many tasks as `capacity` run or wait. A handler of events that fails with this error refuses the event, and the
 *   platform pushes the event again later.
 * - `Closed`: the layer is closed.
 * - `NoWaitUntil`: on Cloudflare Workers, the request has come without its context, so the task would end with the request.
 * - `Options`: `capacity` or `concurrency` is not a positive integer.
 *
 * @since 0.1.0
 * @category errors
 */
export class BackgroundTasksError
  extends Schema.TaggedError<BackgroundTasksError>("@effect-feishu/core/BackgroundTasksError")("BackgroundTasksError", {
    reason: Schema.Literal("Full", "Closed", "NoWaitUntil", "Options"),
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
   * Starts a task in the background and does not wait for the task. The task has the services and the log annotations of the
   * caller, and a scope of its own. If `concurrency` tasks are running, the task waits for its turn. Logs a task that fails.
   *
   * The task starts at once, before the platform has the answer. Add tasks last in a handler: if the handler fails afterwards,
   * the platform pushes the event again, and the task runs again.
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

const doesNotWait = (_: Promise<unknown>): void => {}

/**
 * Keeps a serverless runtime from stopping before a promise ends: the `waitUntil` of Workers and Vercel, or `after` of
 * Next.js. `EventWebHandler` provides the function that comes with a request. Default: does nothing.
 *
 * @since 0.1.0
 * @category references
 */
export class WaitUntil extends Context.Reference<WaitUntil>()("@effect-feishu/core/BackgroundTasks/WaitUntil", {
  defaultValue: (): (promise: Promise<unknown>) => void => doesNotWait
}) {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The most tasks that run or wait for their turn. Default: 1,000. No limit on Cloudflare Workers. */
  readonly capacity?: number | undefined
  /**
   * The most tasks that run at once. Default: 10. On Cloudflare Workers, all run at once, because no request may wait for
   * another one.
   */
  readonly concurrency?: number | undefined
  /**
   * The time for which the layer waits for the tasks when it closes, before it interrupts the tasks. Until then, tasks may add
   * tasks. Before that, the layer waits for its handlers, for `handlerTimeout`. Both together must be shorter than the time that
   * the process has to end: by default, Docker gives 10 s, Kubernetes 30 s and PM2 1.6 s. Default: 5 s.
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
    const drainFor = Duration.decode(options?.drainFor ?? "5 seconds")
    const inTurn: <A, E, R>(task: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = isRequestBound()
      ? (task) => task
      : Effect.unsafeMakeSemaphore(concurrency).withPermits(1)
    const running = yield* RunningFibers.make({ name: "background tasks", waitFor: drainFor })
    const ofApp = MetricLabels.make("app_id")(appId)
    const byOutcome = MetricLabels.make("outcome", { app_id: appId })
    let pending = 0

    const change = (by: number) => {
      pending += by
      FeishuMetrics.backgroundTasks.unsafeUpdate(pending, ofApp)
    }
    const count = (outcome: string) => FeishuMetrics.backgroundTasksEnded.unsafeUpdate(1, byOutcome(outcome))
    const refuse = (reason: BackgroundTasksError["reason"], description: string) =>
      Effect.suspend(() => {
        count("refused")
        return failed(reason, description)
      })
    const end = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
      change(-1)
      if (Exit.isSuccess(exit)) {
        count("success")
        return Effect.void
      }
      if (Exit.isInterrupted(exit)) {
        count("interrupted")
        return Effect.logWarning("a background task was interrupted: raise drainFor if tasks take longer")
      }
      count("failure")
      return Effect.logError("a background task failed", exit.cause)
    }

    const start = <A, E, R>(task: Effect.Effect<A, E, R>, waitUntil: (promise: Promise<unknown>) => void) =>
      Effect.gen(function*() {
        change(1)
        const work = Effect.onExit(Effect.interruptible(inTurn(Effect.scoped(task))), end)
        const fiber = yield* Effect.forkDaemon(work)
        running.add(fiber)
        const ended = new Promise<void>((resolve) => fiber.addObserver(() => resolve()))
        yield* Effect.try(() => waitUntil(ended)).pipe(
          // The task has started, and the event would be handled again.
          Effect.catchAll(({ cause }) =>
            Effect.logError("waitUntil threw, so that a background task may be cut off", cause)
          )
        )
      }).pipe(Effect.uninterruptible)

    return {
      add: (task) =>
        Effect.flatMap(WaitUntil, (waitUntil) => {
          if (running.isClosed()) return refuse("Closed", "the layer is closed, and takes no more tasks")
          if (isRequestBound()) {
            return waitUntil === doesNotWait
              ? refuse(
                "NoWaitUntil",
                "the request has no context, so that the task would end with the request: call handler(request, context), "
                  + "handle(request, context) or handleApp(request, appId, findApp, context)"
              )
              : start(task, waitUntil)
          }
          return pending >= capacity
            ? refuse("Full", `${pending} tasks run or wait, and capacity is ${capacity}`)
            : start(task, waitUntil)
        })
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<BackgroundTasks, BackgroundTasksError, FeishuApp> =>
  Layer.scoped(BackgroundTasks, make(options))
