/** A queue of messages that processes put into and take from, while processes and the queue's Redis die. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Queue } from "bullmq"
import { Clock, Context, Duration, Effect, Layer, Schedule } from "effect"
import * as RedisServer from "../../packages/redis/test/redisServer.js"
import { app, pushed, secrets, start } from "./programs.js"

const pathOf = (message: string) => `/open-apis/im/v1/messages/${message}/reply`

const appId = "cli_queue"

/** The platform's first retry, 15 s after the first push, comes when the test says so. */
const untilRetry = Effect.unsafeMakeLatch(false)

const ClockLive = Layer.unwrapEffect(Effect.map(Effect.clock, (clock) =>
  Layer.setClock({
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis(),
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
    currentTimeMillis: clock.currentTimeMillis,
    currentTimeNanos: clock.currentTimeNanos,
    sleep: (duration) => Duration.toSeconds(duration) === 15 ? untilRetry.await : clock.sleep(duration)
  })))

/** Repeats until the result is as expected. */
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, is: (a: A) => boolean) =>
  Effect.repeat(effect, { until: is, schedule: Schedule.spaced("20 millis") })

class System extends Context.Tag("System")<System, Effect.Effect.Success<typeof make>>() {}

const make = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  yield* emulator.setApp(app(appId))
  const directory = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.makeTempDirectoryScoped())
  /** Keeps what it has answered to, also if it is killed. */
  const queueRedis = yield* RedisServer.make({
    args: ["--appendonly", "yes", "--appendfsync", "always", "--dir", directory]
  })
  const storesRedis = yield* RedisServer.make()
  const program = (...args: ReadonlyArray<string>) =>
    start(["durable-queue.ts", ...args], {
      FEISHU_APP_ID: appId,
      FEISHU_BASE_URL: emulator.baseUrl,
      ...secrets,
      FEISHU_REDIS_URL: `redis://127.0.0.1:${storesRedis.port}`,
      QUEUE_REDIS_URL: `redis://127.0.0.1:${queueRedis.port}`,
      QUEUE_ATTEMPTS: "3",
      QUEUE_FIRST_DELAY: "100 millis",
      QUEUE_LOCK_FOR: "1500 millis",
      PORT: "0"
    })
  const receiver = yield* program("receive")
  const [, port] = yield* receiver.printed(/Listening on http:\/\/\S+:(\d+)\b/)
  yield* Effect.retry(emulator.setRequestUrl(appId, `http://127.0.0.1:${port}/webhook/event`), { times: 2 })
  yield* emulator.pushTicket(appId)
  yield* pushed(({ eventType, outcome }) => eventType === "app_ticket" && outcome === "acknowledged")

  /** Looks at the queue as a dashboard does. */
  const queue = yield* Effect.acquireRelease(
    Effect.sync(() => new Queue("feishu-messages", { connection: queueRedis.client })),
    (queue) => Effect.promise(() => queue.close())
  )
  queue.on("error", () => {})

  const replies = (message: string) =>
    Effect.map(
      emulator.journal,
      (entries) => entries.filter(Journal.$is("Call")).filter(({ path }) => path === pathOf(message))
    )
  return {
    emulator,
    queueRedis,
    receiver,
    worker: program("work"),
    /** Runs the program to its end, and returns what it prints. */
    asked: (...args: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        const { output, started } = yield* program(...args)
        assert.strictEqual(Number(yield* started.exitCode), 0, yield* output)
        return yield* output
      }),
    push: (message: string) =>
      emulator.push(appId, {
        type: "im.message.receive_v1",
        tenantKey: "tenant_1",
        payload: {
          sender: { sender_type: "user" },
          message: {
            message_id: message,
            create_time: "0",
            chat_id: "oc_1",
            chat_type: "p2p",
            message_type: "text",
            content: "{}"
          }
        }
      }),
    /** Delays the next reply to the message, so that the test can do something meanwhile. */
    delay: (message: string, duration: Duration.DurationInput) =>
      emulator.setFaults([Fault.next(1, Fault.Delay({ duration }), { only: pathOf(message) })]),
    replies,
    /** Waits until a worker handles the message. */
    begun: (message: string) => until(replies(message), ({ length }) => length > 0),
    /** Waits until the queue knows that the message was handled. */
    completed: (message: string) =>
      until(Effect.promise(() => queue.getJobState(message)), (state) => state === "completed")
  }
})

const Live = Layer.scoped(System, make).pipe(
  Layer.provideMerge(Emulator.layerServer({ apps: [] }).pipe(Layer.provide(ClockLive))),
  Layer.provideMerge(NodeContext.layer)
)

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("durable-queue.ts", (it) => {
  it.scoped("a worker handles the message of a worker that was killed", () =>
    Effect.gen(function*() {
      const { begun, completed, delay, push, replies, worker } = yield* System
      yield* delay("om_killed", "1 minute")
      const first = yield* worker
      yield* push("om_killed")
      yield* begun("om_killed")
      const second = yield* worker
      yield* first.started.kill("SIGKILL")
      yield* second.printed(/replied to om_killed/)
      yield* completed("om_killed")
      assert.lengthOf(yield* replies("om_killed"), 2)
    }))

  it.scoped("a worker handles the message of a worker that pauses, whose result is then ignored", () =>
    Effect.gen(function*() {
      const { begun, completed, delay, push, replies, worker } = yield* System
      yield* delay("om_paused", "1 second")
      const first = yield* worker
      yield* push("om_paused")
      yield* begun("om_paused")
      process.kill(first.started.pid, "SIGSTOP")
      const second = yield* worker
      yield* second.printed(/replied to om_paused/)
      yield* completed("om_paused")
      process.kill(first.started.pid, "SIGCONT")
      yield* first.printed(/Missing lock for job om_paused/)
      yield* completed("om_paused")
      assert.lengthOf(yield* replies("om_paused"), 2)
    }))

  it.scoped("a message that failed three times is kept until somebody puts it back", () =>
    Effect.gen(function*() {
      const { asked, completed, emulator, push, replies, worker } = yield* System
      const refused = Fault.Refuse({ code: 230002, msg: "Bot can NOT be out of the chat.", status: 400 })
      yield* emulator.setFaults([Fault.every(1, refused, { only: pathOf("om_refused") })])
      const { printed } = yield* worker
      yield* push("om_refused")
      yield* printed(/message om_refused failed for good/)
      assert.lengthOf(yield* replies("om_refused"), 3)
      assert.match(yield* asked("failed"), /^om_refused: .*230002/)

      yield* emulator.setFaults([])
      yield* asked("put-back", "om_refused")
      yield* printed(/replied to om_refused/)
      yield* completed("om_refused")
      assert.lengthOf(yield* replies("om_refused"), 4)
    }))

  it.scoped("the platform pushes again what came while Redis was away, and what was in the queue is handled", () =>
    Effect.gen(function*() {
      const { begun, completed, delay, push, queueRedis, receiver, worker } = yield* System
      yield* delay("om_before", "1 second")
      yield* worker
      yield* push("om_before")
      yield* begun("om_before")
      yield* queueRedis.kill

      const eventId = yield* push("om_meanwhile")
      const first = yield* pushed((push) => push.eventId === eventId)
      assert.deepInclude(first, { attempt: 1, outcome: "refused", status: 500 })

      yield* queueRedis.start
      yield* receiver.printed(/the queue has Redis again/)
      yield* untilRetry.open
      const second = yield* pushed((push) => push.eventId === eventId && push.attempt === 2)
      assert.deepInclude(second, { outcome: "acknowledged", status: 200 })
      yield* completed("om_meanwhile")
      yield* completed("om_before")
    }))

  it.scoped("a worker that receives SIGTERM finishes its message", () =>
    Effect.gen(function*() {
      const { begun, completed, delay, push, replies, worker } = yield* System
      yield* delay("om_finished", "1 second")
      const { output, started } = yield* worker
      yield* push("om_finished")
      yield* begun("om_finished")
      yield* started.kill("SIGTERM")
      assert.strictEqual(Number(yield* started.exitCode), 0)
      assert.include(yield* output, "replied to om_finished")
      yield* completed("om_finished")
      assert.lengthOf(yield* replies("om_finished"), 1)
    }))
})
