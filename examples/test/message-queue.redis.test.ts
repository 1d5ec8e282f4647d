/** The queue of messages in one process, with handlers that do what the test says. */
import { assert, it } from "@effect/vitest"
import { Queue } from "bullmq"
import {
  Cause,
  Clock,
  DateTime,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Logger,
  Option,
  Redacted,
  Schedule,
  type Scope
} from "effect"
import * as Proxy from "../../packages/redis/test/proxy.js"
import * as RedisServer from "../../packages/redis/test/redisServer.js"
import { layer, type Message, MessageQueue, type Options } from "../message-queue.js"

const message = (id: string, eventId = "an event"): Message => ({
  id: eventId,
  tenantKey: Option.some("tenant_1"),
  createdAt: DateTime.unsafeMake(1),
  payload: {
    sender: { sender_type: "user" },
    message: {
      message_id: id,
      create_time: "0",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: "text",
      content: "{\"text\":\"hello\"}"
    }
  }
})

const idOf = ({ payload }: Message) => payload.message.message_id

/** Provides a queue on a Redis of its own, and the way to it. */
const withQueue = <A, E>(
  body: (
    server: RedisServer.RedisServer & Effect.Effect.Success<ReturnType<typeof Proxy.make>>
  ) => Effect.Effect<A, E, MessageQueue | Scope.Scope>,
  options: Partial<Options> = {}
) =>
  Effect.gen(function*() {
    const server = yield* RedisServer.make()
    const proxy = yield* Proxy.make(server.port)
    const Live = layer({
      url: Redacted.make(`redis://127.0.0.1:${proxy.port}`),
      attempts: 3,
      firstDelay: Duration.millis(50),
      lockFor: Duration.minutes(1),
      grace: Duration.minutes(1),
      concurrency: 1,
      ...options
    })
    return yield* Effect.provide(Effect.scoped(body({ ...server, ...proxy })), Live)
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))

/** Repeats until the result is as expected. */
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, is: (a: A) => boolean) =>
  effect.pipe(
    Effect.filterOrFail(is),
    Effect.retry({ while: Cause.isNoSuchElementException, schedule: Schedule.spaced("20 millis") })
  )

it.scopedLive("a message comes out of the queue as it went in", () =>
  withQueue(() =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const handled = yield* Deferred.make<Message>()
      yield* queue.add(message("om_1"))
      yield* Effect.forkScoped(queue.run((message) => Deferred.succeed(handled, message)))
      const { createdAt, ...rest } = yield* Deferred.await(handled)
      assert.strictEqual(DateTime.formatIso(createdAt), "1970-01-01T00:00:00.001Z")
      assert.deepStrictEqual({ ...rest, createdAt: DateTime.unsafeMake(1) }, message("om_1"))
    })
  ))

it.scopedLive("a message is handled once, also if it is added as another event and after it was handled", () =>
  withQueue(() =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const handled: Array<string> = []
      yield* queue.add(message("om_1"))
      yield* queue.add(message("om_1", "another event"))
      yield* Effect.forkScoped(queue.run((message) => Effect.sync(() => handled.push(idOf(message)))))
      yield* until(Effect.sync(() => handled.length), (length) => length > 0)
      yield* queue.add(message("om_1"))
      yield* queue.add(message("om_2"))
      yield* until(Effect.sync(() => handled), (handled) => handled.includes("om_2"))
      assert.deepStrictEqual(handled, ["om_1", "om_2"])
    })
  ))

it.scopedLive("a message that fails is tried again after growing delays, then kept, and handled when it is put back", () =>
  withQueue(() =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const times: Array<number> = []
      const outcomes = [Effect.fail("no"), Effect.dieMessage("never"), Effect.interrupt, Effect.void]
      yield* queue.add(message("om_1"))
      yield* Effect.forkScoped(
        queue.run(() => Effect.flatMap(Clock.currentTimeMillis, (now) => outcomes[times.push(now) - 1] ?? Effect.void))
      )
      const failed = yield* until(queue.failed, ({ length }) => length > 0)
      assert.strictEqual(failed[0]?.id, "om_1")
      assert.include(failed[0]?.reason, "Interrupted")
      const [first = 0, second = 0, third = 0] = times
      assert.lengthOf(times, 3)
      assert.isAtLeast(second - first, 50)
      assert.isAtLeast(third - second, 100)
      assert.include(yield* Effect.flip(queue.putBack("om_2")), { operation: "putBack" })

      yield* queue.putBack("om_1")
      yield* until(Effect.sync(() => times.length), (length) => length === 4)
      assert.deepStrictEqual(yield* queue.failed, [])
      assert.include(yield* Effect.flip(queue.putBack("om_1")), { operation: "putBack" })
    })
  ))

it.scopedLive("a message that cannot be decoded is kept without a second attempt", () =>
  withQueue(({ client }) =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const unlike = new Queue("feishu-messages", { connection: client })
      yield* Effect.promise(() => unlike.add("message", { id: 1 }, { jobId: "om_1", attempts: 3 }))
      yield* Effect.forkScoped(queue.run(() => Effect.void))
      const [failed] = yield* until(queue.failed, ({ length }) => length > 0)
      assert.include(failed?.reason, "Expected string, actual 1")
      assert.include(yield* Effect.promise(() => unlike.getJob("om_1")), { attemptsMade: 1 })
    })
  ))

it.scopedLive("a worker that ends finishes the message that it is handling", () =>
  withQueue(() =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const begun = yield* Deferred.make<void>()
      const end = yield* Deferred.make<void>()
      let isFinished = false
      yield* queue.add(message("om_1"))
      const worker = yield* Effect.forkScoped(queue.run(() =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Deferred.await(end)),
          Effect.andThen(Effect.sync(() => {
            isFinished = true
          }))
        )
      ))
      yield* Deferred.await(begun)
      const ending = yield* Effect.fork(Fiber.interrupt(worker))
      yield* Effect.yieldNow()
      assert.isTrue(Option.isNone(yield* Fiber.poll(ending)))
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(ending)
      assert.isTrue(isFinished)
    })
  ))

it.scopedLive("a worker that ends gives back a message that takes too long, for another worker to handle at once", () =>
  withQueue(() =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const begun = yield* Deferred.make<void>()
      yield* queue.add(message("om_1"))
      const first = yield* Effect.forkScoped(
        queue.run(() => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(first)
      const handled = yield* Deferred.make<void>()
      yield* Effect.forkScoped(queue.run(() => Deferred.succeed(handled, undefined)))
      yield* Deferred.await(handled)
    }), { grace: Duration.millis(50), firstDelay: Duration.hours(1) }))

it.scopedLive("adding fails while Redis is away or silent, and works again afterwards", () =>
  withQueue(({ forget, kill, start }) =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const added = until(Effect.isSuccess(queue.add(message("om_1"))), (isAdded) => isAdded)
      yield* added
      yield* kill
      assert.include(yield* Effect.flip(queue.add(message("om_2"))), { operation: "add" })
      yield* start
      yield* added
      yield* forget
      assert.include(yield* Effect.flip(queue.add(message("om_3"))), { operation: "add" })
      yield* added
    })
  ))

it.scopedLive("a worker ends while Redis is away", () =>
  withQueue(({ kill }) =>
    Effect.gen(function*() {
      const queue = yield* MessageQueue
      const handled = yield* Deferred.make<void>()
      yield* queue.add(message("om_1"))
      const worker = yield* Effect.forkScoped(queue.run(() => Deferred.succeed(handled, undefined)))
      yield* Deferred.await(handled)
      yield* kill
      const another = yield* Effect.forkScoped(queue.run(() => Effect.void))
      yield* Fiber.interruptAll([worker, another])
    })
  ))
