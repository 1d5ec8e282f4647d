import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  Deferred,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Layer,
  ManagedRuntime,
  Metric,
  Option,
  Scope,
  TestClock,
  TestContext
} from "effect"
import * as BackgroundTasks from "../src/BackgroundTasks.js"
import * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as EventWebHandler from "../src/EventWebHandler.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Deliveries from "./deliveries.js"
import { recorded } from "./keyValues.js"

const type = "contact.user.created_v3"
const event = (id: string) => Deliveries.genuine(Deliveries.event2({ id, type }), 0)

const layer = <R = never>(handle: Effect.Effect<unknown, unknown, R>, options?: BackgroundTasks.Options) =>
  EventSubscription.layer({ handlers: [EventHandler.on(type, () => handle)], backgroundTasks: options }).pipe(
    Layer.provide([Deliveries.app(), TicketStore.layerMemory])
  )

/** Builds a subscription with this handler in the scope. Returns a function that delivers an event, and gets the status. */
const door = <R = never>(handle: Effect.Effect<unknown, unknown, R>, options?: BackgroundTasks.Options) =>
  Effect.map(Layer.build(layer(handle, options)), (context) => {
    const subscription = Context.get(context, EventSubscription.EventSubscription)
    return (id: string) => {
      const { body, headers } = event(id)
      const answer = EventDoor.answer(subscription, { method: "POST", headers, body: Effect.succeed(body) })
      return Effect.map(answer, ({ status }) => status)
    }
  })

const make = (options?: BackgroundTasks.Options) =>
  Effect.provide(BackgroundTasks.make(options), Deliveries.app({ appId: "cli_tasks" }))

const outcomes = (outcome: string) =>
  Effect.map(
    Metric.value(
      FeishuMetrics.backgroundTasksEnded.pipe(Metric.tagged("app_id", "cli_tasks"), Metric.tagged("outcome", outcome))
    ),
    ({ count }) => count
  )
const pending = Effect.map(
  Metric.value(FeishuMetrics.backgroundTasks.pipe(Metric.tagged("app_id", "cli_tasks"))),
  ({ value }) => value
)

describe("a background task", () => {
  it.effect("goes on after the answer, with the services of its handler", () =>
    Effect.gen(function*() {
      class Name extends Context.Tag("Name")<Name, string>() {}
      const done = yield* Deferred.make<string>()
      const task = Effect.flatMap(Name, (name) => Deferred.succeed(done, name)).pipe(Effect.delay("1 minute"))
      const deliver = yield* door(BackgroundTasks.add(task)).pipe(Effect.provideService(Name, "a service"))
      assert.strictEqual(yield* deliver("1"), 200)
      assert.isFalse(yield* Deferred.isDone(done))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Deferred.await(done), "a service")
    }).pipe(Effect.scoped))

  it.effect("that a handler only forks is interrupted with its handler", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const task = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const deliver = yield* door(Effect.andThen(Effect.fork(task), Effect.yieldNow()))
      assert.strictEqual(yield* deliver("1"), 200)
      yield* Deferred.await(interrupted)
    }).pipe(Effect.scoped))

  it.effect("has a scope of its own, which closes when the task ends", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const acquire = Effect.acquireRelease(
        Effect.sync(() => log.push("acquired")),
        () => Effect.sync(() => log.push("released"))
      )
      const task = Effect.gen(function*() {
        yield* acquire
        yield* Effect.sleep("1 minute")
        log.push("worked")
      })
      const deliver = yield* door(BackgroundTasks.add(task))
      assert.strictEqual(yield* deliver("1"), 200)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log, ["acquired", "worked", "released"])
    }).pipe(Effect.scoped))

  it.effect("that fails or dies is logged with its event, and counted", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(
        Effect.gen(function*() {
          const deliver = yield* door(Effect.andThen(
            BackgroundTasks.add(Effect.fail("it failed")),
            BackgroundTasks.add(Effect.die("it died"))
          ))
          assert.strictEqual(yield* deliver("the id of the event"), 200)
          yield* TestClock.adjust("1 second")
        }).pipe(Effect.scoped)
      )
      const errors = lines.filter((line) => line.startsWith("ERROR a background task failed"))
      assert.strictEqual(errors.length, 2, lines.join("\n"))
      assert.include(errors[0], "it failed")
      assert.include(errors[1], "it died")
      for (const line of errors) assert.include(line, "the id of the event")
    }))

  it.effect("is refused if there are too many, and the platform is told to push again", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const deliver = yield* door(BackgroundTasks.add(Deferred.await(gate)), { capacity: 2, concurrency: 1 })
      const statuses = yield* recorded(Effect.gen(function*() {
        assert.deepStrictEqual(yield* Effect.forEach(["1", "2", "3"], deliver), [200, 200, 500])
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* deliver("3"), 200)
      }))
      assert.include(statuses.join("\n"), "2 tasks run or wait, and capacity is 2")
    }).pipe(Effect.scoped))

  it.effect("waits for its turn: the tasks begin in order, and at most `concurrency` run at once", () =>
    Effect.promise(() =>
      FastCheck.assert(FastCheck.asyncProperty(
        FastCheck.integer({ min: 1, max: 5 }),
        FastCheck.array(FastCheck.integer({ min: 0, max: 3 }), { maxLength: 20 }),
        (concurrency, durations) =>
          Effect.gen(function*() {
            const tasks = yield* make({ concurrency })
            const begun: Array<number> = []
            let running = 0
            let most = 0
            for (const [i, seconds] of durations.entries()) {
              yield* tasks.add(Effect.gen(function*() {
                begun.push(i)
                most = Math.max(most, ++running)
                yield* Effect.sleep(`${seconds} seconds`)
                running--
              }))
            }
            yield* TestClock.adjust("100 seconds")
            assert.deepStrictEqual(begun, durations.map((_, i) => i))
            assert.isAtMost(most, concurrency)
            assert.strictEqual(yield* pending, 0)
          }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext), Effect.runPromise)
      ))
    ))

  it.effect("is waited for when the layer closes, also if it waits for its turn", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const tasks = yield* Scope.extend(make({ concurrency: 1, drainFor: "8 seconds" }), scope)
      const ended: Array<string> = []
      for (const name of ["a", "b"]) {
        yield* tasks.add(Effect.delay(Effect.sync(() => ended.push(name)), "3 seconds"))
      }
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(ended, ["a"])
      // Tasks may add tasks until all have ended.
      yield* tasks.add(Effect.sync(() => ended.push("c")))
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(ended, ["a", "b", "c"])
      assert.strictEqual((yield* Effect.flip(tasks.add(Effect.void))).reason, "Closed")
    }))

  it.effect("is interrupted if it does not end in time when the layer closes, and the log says so", () =>
    Effect.gen(function*() {
      const interruptedBefore = yield* outcomes("interrupted")
      const lines = yield* recorded(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const tasks = yield* Scope.extend(make({ drainFor: "5 seconds", concurrency: 1 }), scope)
        let released = 0
        yield* tasks.add(Effect.onInterrupt(Effect.never, () => Effect.sync(() => released++)))
        yield* tasks.add(Effect.dieMessage("never begins"))
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(closing)
        assert.strictEqual(released, 1)
        assert.strictEqual(yield* pending, 0)
      }))
      assert.include(lines.join("\n"), "WARN interrupts 2 background tasks that did not end within 5s")
      assert.strictEqual((yield* outcomes("interrupted")) - interruptedBefore, 2)
    }))

  it.effect("of the last handlers is waited for: the handlers end before the tasks", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let isDone = false
      const task = Effect.delay(Effect.sync(() => isDone = true), "2 seconds")
      const deliver = yield* Scope.extend(door(Effect.delay(BackgroundTasks.add(task), "1 second")), scope)
      const delivery = yield* Effect.fork(deliver("1"))
      yield* TestClock.adjust("500 millis")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(delivery), 200)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.isTrue(isDone)
    }))

  it.effect("is never left uncounted, however its caller is interrupted", () =>
    Effect.gen(function*() {
      const tasks = yield* make()
      for (const turns of [0, 1, 2, 3, 4, 5, 8]) {
        const caller = yield* Effect.fork(Effect.forever(tasks.add(Effect.yieldNow())))
        for (let i = 0; i < turns; i++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(caller)
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* pending, 0)
    }).pipe(Effect.scoped))

  it.effect("goes on though waitUntil throws, because the event would be handled again", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(
        Effect.gen(function*() {
          let runs = 0
          const throws = () => {
            throw new Error("outside of a request")
          }
          const deliver = yield* door(BackgroundTasks.add(Effect.sync(() => runs++)))
          const status = yield* Effect.provideService(deliver("1"), BackgroundTasks.WaitUntil, throws)
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual([status, runs], [200, 1])
        }).pipe(Effect.scoped)
      )
      assert.include(lines.join("\n"), "waitUntil threw")
    }))

  it.effect("that cannot be interrupted does not keep the layer from closing", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const tasks = yield* Scope.extend(make(), scope)
        yield* tasks.add(Effect.uninterruptible(Effect.sleep("1 hour")))
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("6 seconds")
        yield* Fiber.join(closing)
        yield* TestClock.adjust("1 hour")
      }))
      assert.include(lines.join("\n"), "leaves 1 background tasks that cannot be interrupted")
    }))

  it.effect("limits that are no positive integers are refused", () =>
    Effect.gen(function*() {
      for (const options of [{ capacity: 0 }, { concurrency: 1.5 }, { concurrency: NaN }]) {
        const error = yield* Effect.flip(make(options))
        assert.strictEqual(error._tag === "BackgroundTasksError" && error.reason, "Options")
        const wrong = yield* Effect.flip(door(Effect.void, options))
        assert.strictEqual(wrong.field, "backgroundTasks")
        assert.include(wrong.message, "must be a positive integer")
      }
    }).pipe(Effect.scoped))
})

describe("EventWebHandler", () => {
  it.live("passes the task on to waitUntil of the request", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const runtime = yield* Effect.acquireRelease(
        Effect.sync(() => ManagedRuntime.make(layer(BackgroundTasks.add(Deferred.await(gate))))),
        (runtime) => Effect.promise(() => runtime.dispose())
      )
      const { handler } = EventWebHandler.make(runtime)
      // A class, because the waitUntil of Workers needs its `this`.
      class Invocation {
        readonly promises: Array<Promise<unknown>> = []
        waitUntil(promise: Promise<unknown>) {
          this.promises.push(promise)
        }
      }
      const context = new Invocation()
      const { body, headers } = Deliveries.genuine(Deliveries.event2({ id: "1", type }), yield* Clock.currentTimeMillis)
      const request = new Request("http://localhost/", {
        method: "POST",
        headers: headers as Record<string, string>,
        body: body as Uint8Array<ArrayBuffer>
      })
      const response = yield* Effect.promise(() => handler(request, context))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(context.promises.length, 2)
      const all = yield* Effect.fork(Effect.promise(() => Promise.all(context.promises)))
      yield* Effect.promise(() => context.promises[0] ?? Promise.reject(new Error("no promise")))
      assert.isTrue(Option.isNone(yield* Fiber.poll(all)))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(all)
    }).pipe(Effect.scoped))
})
