/** Callbacks, whose answer the platform shows to a user, and what handlers of events and callbacks have in common. */
import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  Option,
  Schema,
  Scope,
  TestClock
} from "effect"
import { createHash } from "node:crypto"
import * as Claims from "../src/Claims.js"
import * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuEvents from "../src/FeishuEvents.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Deliveries from "./deliveries.js"
import { everything } from "./everything.js"
import { recorded } from "./keyValues.js"
import { recorder } from "./spans.js"

const click = (id: string, payload: object = { action: { value: { choice: "yes" }, tag: "button" } }) =>
  Deliveries.event2({ id, type: "card.action.trigger", payload })

const layer = <R = never>(
  handlers: ReadonlyArray<EventHandler.EventHandler<R>>,
  claims: Layer.Layer<Claims.Claims> = Claims.layerMemory
) =>
  EventSubscription.layer({ handlers }).pipe(
    Layer.provide([Deliveries.app(), Layer.effect(TicketStore.TicketStore, TicketStore.makeMemory()), claims])
  )

/** Builds the subscription, and returns a function that answers a genuine delivery. */
const door = <R = never>(handlers: ReadonlyArray<EventHandler.EventHandler<R>>, claims?: Layer.Layer<Claims.Claims>) =>
  Effect.map(Layer.build(layer(handlers, claims)), (context) => {
    const subscription = Context.get(context, EventSubscription.EventSubscription)
    return (event: unknown, at = 0) => {
      const { body, headers } = Deliveries.genuine(event, at)
      return EventDoor.answer(subscription, { method: "POST", headers, body: Effect.succeed(body) })
    }
  })

const json = (answer: EventDoor.Answer) => {
  assert.strictEqual(answer.status, 200)
  assert.strictEqual(answer.headers["content-type"], "application/json; charset=utf-8")
  return JSON.parse(answer.body) as unknown
}

const failedToast = (answer: EventDoor.Answer) =>
  assert.deepStrictEqual(json(answer), { toast: FeishuEvents.failureToast })

const silent = Effect.provide(Logger.minimumLogLevel(LogLevel.None))

const Click = Schema.Struct({ action: Schema.Struct({ value: Schema.Struct({ choice: Schema.String }) }) })

describe("a callback", () => {
  it.effect("is answered with what its handler returns", () =>
    Effect.gen(function*() {
      const answer = yield* door([
        EventHandler.callback(
          "card.action.trigger",
          Click,
          ({ payload }) =>
            Effect.succeed({ toast: { type: "info", content: `you chose ${payload.action.value.choice}` } })
        )
      ])
      assert.deepStrictEqual(json(yield* answer(click("1"))), { toast: { type: "info", content: "you chose yes" } })
    }).pipe(Effect.scoped))

  it.effect("without an answer, a handler, or a handler of its own is answered with an empty object", () =>
    Effect.gen(function*() {
      for (
        const handlers of [
          [],
          [EventHandler.callback("card.action.trigger", () => Effect.void)],
          [EventHandler.on("card.action.trigger", () => Effect.succeed("of no use to the platform"))],
          [EventHandler.all(() => Effect.succeed([1]))]
        ]
      ) {
        const answer = yield* door(handlers)
        assert.deepStrictEqual(json(yield* answer(click("1"))), {})
      }
      const answer = yield* door([])
      assert.deepStrictEqual(json(yield* answer(Deliveries.event2({ type: "url.preview.get" }))), {})
    }).pipe(Effect.scoped))

  it.effect("of any type is answered if its handler is a callback's", () =>
    Effect.gen(function*() {
      const answer = yield* door([EventHandler.callback("new.callback", () => Effect.succeed({ new: true }))])
      assert.deepStrictEqual(json(yield* answer(Deliveries.event2({ type: "new.callback" }))), { new: true })
    }).pipe(Effect.scoped))

  it.effect("whose handler fails, dies, takes too long, or cannot decode the payload, shows the user a failure", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(Effect.gen(function*() {
        for (
          const handler of [
            EventHandler.callback("card.action.trigger", () => Effect.fail("no")),
            EventHandler.callback("card.action.trigger", () => Effect.die("no")),
            EventHandler.callback("card.action.trigger", Schema.Struct({ missing: Schema.String }), () => Effect.void),
            EventHandler.callback("card.action.trigger", () => Effect.never),
            EventHandler.callback("card.action.trigger", () => Effect.uninterruptible(Effect.sleep("1 minute"))),
            EventHandler.callback("card.action.trigger", () => Effect.succeed({ big: 1n }))
          ]
        ) {
          const answer = yield* door([handler])
          const fiber = yield* Effect.fork(answer(click("1")))
          yield* TestClock.adjust("2500 millis")
          failedToast(yield* Fiber.join(fiber))
          // The platform does not push it again, but a second click is another callback.
          const again = yield* Effect.fork(answer(click("1")))
          yield* TestClock.adjust("2500 millis")
          failedToast(yield* Fiber.join(again))
        }
        const answer = yield* door([EventHandler.callback("url.preview.get", () => Effect.fail("no"))])
        assert.deepStrictEqual(json(yield* answer(Deliveries.event2({ type: "url.preview.get" }))), {})
        // For the handler that cannot be interrupted.
        yield* TestClock.adjust("2 minutes")
      }))
      // One line for each run. The second click finds the handler that cannot be interrupted still running.
      assert.strictEqual(lines.filter((line) => line.startsWith("ERROR")).length, 12, lines.join("\n"))
    }).pipe(Effect.scoped))

  it.effect("that arrives twice at once runs once, and both get the answer", () =>
    Effect.gen(function*() {
      let runs = 0
      const gate = yield* Deferred.make<void>()
      const answer = yield* door([
        EventHandler.callback(
          "card.action.trigger",
          () => Effect.as(Deferred.await(gate), { toast: { type: "success", content: `${++runs}` } })
        )
      ])
      const fibers = yield* Effect.forEach(["1", "1", "1"], (id) => Effect.fork(answer(click(id))))
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of fibers) {
        assert.deepStrictEqual(json(yield* Fiber.join(fiber)), { toast: { type: "success", content: "1" } })
      }
      assert.strictEqual(runs, 1)
      yield* answer(click("1"))
      assert.strictEqual(runs, 2, "not deduplicated for hours")
    }).pipe(Effect.scoped))

  it.effect("that arrives at two machines at once runs once", () =>
    Effect.gen(function*() {
      let runs = 0
      const claims = Layer.succeed(Claims.Claims, yield* Claims.makeMemory())
      const handler = EventHandler.callback(
        "card.action.trigger",
        () => Effect.delay(Effect.sync(() => ({ run: ++runs })), "1 second")
      )
      const [one, other] = [yield* door([handler], claims), yield* door([handler], claims)]
      const fibers = [yield* Effect.fork(one(click("1"))), yield* Effect.fork(other(click("1")))]
      yield* TestClock.adjust("1 second")
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(answers.map(json), [{ run: 1 }, {}])
      assert.strictEqual(runs, 1)
    }).pipe(Effect.scoped))

  it.effect("is answered though the claims fail", () =>
    Effect.gen(function*() {
      const down = () =>
        Effect.fail(new Claims.ClaimsError({ appId: "cli_test", operation: "claim", description: "down" }))
      const claims = Layer.succeed(Claims.Claims, { claim: down, renew: down, release: down, hold: down })
      const answer = yield* door(
        [EventHandler.callback("card.action.trigger", () => Effect.succeed({ ok: 1 }))],
        claims
      )
      assert.deepStrictEqual(json(yield* answer(click("1"))), { ok: 1 })
    }).pipe(Effect.scoped, silent))

  it.effect("is counted as answered or failed", () =>
    Effect.gen(function*() {
      const count = (outcome: string) =>
        Effect.map(
          Metric.value(
            FeishuMetrics.pushes.pipe(Metric.tagged("app_id", "cli_test"), Metric.tagged("outcome", outcome))
          ),
          ({ count }) => Number(count)
        )
      const before = [yield* count("answered"), yield* count("failed")]
      const answer = yield* door([
        EventHandler.callback("card.action.trigger", () => Effect.void),
        EventHandler.callback("url.preview.get", () => Effect.fail("no"))
      ])
      yield* answer(click("1"))
      yield* answer(Deliveries.event2({ type: "url.preview.get" }))
      const after = [yield* count("answered"), yield* count("failed")]
      assert.deepStrictEqual(after.map((n, i) => n - (before[i] ?? 0)), [1, 1])
    }).pipe(Effect.scoped, silent))

  it.effect("without an id is answered each time", () =>
    Effect.gen(function*() {
      let runs = 0
      const answer = yield* door([
        EventHandler.callback("url.preview.get", () => Effect.delay(Effect.sync(() => ({ run: ++runs })), "1 second"))
      ])
      const event = Deliveries.event2({ type: "url.preview.get" })
      const header = { ...event.header, event_id: undefined }
      const fibers = yield* Effect.replicateEffect(Effect.fork(answer({ ...event, header })), 2)
      yield* TestClock.adjust("1 second")
      assert.sameDeepMembers((yield* Effect.forEach(fibers, Fiber.join)).map(json), [{ run: 1 }, { run: 2 }])
    }).pipe(Effect.scoped))

  it.effect("of a definition gets its payload decoded, and its answer encoded", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const answer = yield* door([
        EventHandler.callback(FeishuEvents.CardAction, ({ payload }) =>
          Effect.sync(() => {
            seen.push(String(payload.token), payload.action.tag)
            return { toast: FeishuEvents.toast("success", "done") }
          }))
      ])
      const payload = {
        operator: { open_id: "ou_1" },
        token: "c-secret",
        action: { tag: "button", value: { choice: "yes" } },
        context: { open_message_id: "om_1", open_chat_id: "oc_1" }
      }
      assert.deepStrictEqual(json(yield* answer(click("1", payload))), { toast: { type: "success", content: "done" } })
      assert.deepStrictEqual(seen, ["<redacted>", "button"])
    }).pipe(Effect.scoped))

  it.effect("leaves the token of its card in no log line, error or span, however it fails", () =>
    Effect.gen(function*() {
      const token = "c-295ee57216a5dc9de90fefd0aadb4b1d7d"
      const payload = { operator: { open_id: "ou_1" }, token, action: { tag: "button", value: { choice: "no" } } }
      const Own = Schema.Struct({
        token: Schema.String,
        action: Schema.Struct({ value: Schema.Struct({ choice: Schema.Literal("yes") }) })
      })
      const { spans, tracer } = yield* recorder
      const failures: ReadonlyArray<[handler: EventHandler.EventHandler, payload: object]> = [
        [EventHandler.callback(FeishuEvents.CardAction, ({ payload }) => Effect.fail(payload)), payload],
        [EventHandler.callback(FeishuEvents.CardAction, ({ payload }) => Effect.die(payload)), payload],
        [EventHandler.callback(FeishuEvents.CardAction, () => Effect.void), { ...payload, operator: [] }],
        [EventHandler.callback(FeishuEvents.CardAction, () => Effect.void), { ...payload, token: { token } }],
        [EventHandler.callback("card.action.trigger", Own, () => Effect.void), payload],
        [EventHandler.callback("card.action.trigger", () => Effect.fail("no")), payload],
        [EventHandler.callback("card.action.trigger", () => Effect.never), payload]
      ]
      for (const [handler, payload] of failures) {
        const lines = yield* recorded(Effect.gen(function*() {
          const answer = yield* door([handler])
          const fiber = yield* Effect.fork(answer(click("1", payload)))
          yield* TestClock.adjust("2500 millis")
          failedToast(yield* Fiber.join(fiber))
        })).pipe(Logger.withMinimumLogLevel(LogLevel.All), Effect.withTracer(tracer), Effect.scoped)
        assert.isNotEmpty(lines)
        for (const line of lines) assert.notInclude(line, token)
      }
      assert.isNotEmpty(spans)
      for (const { attributes, name, status } of spans) {
        assert.notInclude(everything({ attributes, name, status }), token)
      }
    }))

  it.effect("that is replayed after 5 minutes is refused", () =>
    Effect.gen(function*() {
      let runs = 0
      const handle = () => Effect.sync(() => void runs++)
      const answer = yield* door([EventHandler.callback("card.action.trigger", handle)])
      assert.strictEqual((yield* answer(click("1"))).status, 200)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* answer(click("1"))).status, 200)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* answer(click("1"))).status, 401)
      assert.strictEqual(runs, 2)
    }).pipe(Effect.scoped, silent))

  it.effect("gets nothing of what a handler of events returns, and the log warns once that the user sees nothing", () =>
    Effect.gen(function*() {
      for (
        const handlers of [
          [],
          [EventHandler.all(() => Effect.succeed({ password: "a secret row" }))],
          [EventHandler.on("card.action.trigger", () => Effect.succeed({ password: "a secret row" }))]
        ]
      ) {
        const lines = yield* recorded(
          Effect.gen(function*() {
            const answer = yield* door(handlers)
            for (const id of ["1", "2"]) assert.deepStrictEqual(json(yield* answer(click(id))), {})
          }).pipe(Effect.scoped)
        )
        const warnings = lines.filter((line) => line.startsWith("WARN there is no callback handler for card"))
        assert.strictEqual(warnings.length, 1, lines.join("\n"))
      }
    }))

  it.effect("whose handler is interrupted shows the user a failure, which is logged", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(
        Effect.gen(function*() {
          const answer = yield* door([EventHandler.callback("card.action.trigger", () => Effect.interrupt)])
          failedToast(yield* answer(click("the click")))
        }).pipe(Effect.scoped)
      )
      assert.include(lines.join("\n"), "card.action.trigger was interrupted for event the click of cli_test")
    }))

  it.effect("whose scope fails to close shows a failure to each that waits for the click", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const handle = () => Effect.andThen(Effect.addFinalizer(() => Effect.die("no close")), Deferred.await(gate))
      const answer = yield* door([EventHandler.callback("card.action.trigger", handle)])
      const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(answer(click("1"))))
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of fibers) failedToast(yield* Fiber.join(fiber))
    }).pipe(Effect.scoped, silent))

  it.effect("does not wait for claims that are slow or die", () =>
    Effect.gen(function*() {
      for (const claim of [Effect.never, Effect.die("no claim"), Effect.delay(Effect.die("late"), "2 seconds")]) {
        const slow = Layer.effect(
          Claims.Claims,
          Effect.map(Claims.makeMemory(), (claims) => ({ ...claims, claim: () => claim }))
        )
        const handle = () => Effect.delay(Effect.succeed({ toast: { type: "info", content: "yes" } }), "2 seconds")
        const answer = yield* door([EventHandler.callback("card.action.trigger", handle)], slow)
        const fiber = yield* Effect.fork(answer(click("1")))
        yield* TestClock.adjust("2400 millis")
        assert.nestedPropertyVal(json(yield* Fiber.join(fiber)), "toast.content", "yes")
      }
    }).pipe(Effect.scoped, silent))

  it.effect("whose claim is released slowly or never is answered at once", () =>
    Effect.gen(function*() {
      for (const release of [Effect.never, Effect.sleep("2 seconds")]) {
        const slow = Layer.effect(
          Claims.Claims,
          Effect.map(Claims.makeMemory(), (claims) => ({ ...claims, release: () => release }))
        )
        const handle = () => Effect.delay(Effect.succeed({ toast: { type: "info", content: "yes" } }), "600 millis")
        const answer = yield* door([EventHandler.callback("card.action.trigger", handle)], slow)
        const fiber = yield* Effect.fork(answer(click("1")))
        yield* TestClock.adjust("600 millis")
        assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)))
        assert.nestedPropertyVal(json(yield* Fiber.join(fiber)), "toast.content", "yes")
      }
    }).pipe(Effect.scoped, silent))

  it.effect("whose answer has no JSON shows the user a failure", () =>
    Effect.gen(function*() {
      const answer = yield* door([
        EventHandler.callback("card.action.trigger", () => Effect.succeed({ toJSON: () => undefined }))
      ])
      failedToast(yield* answer(click("1")))
    }).pipe(Effect.scoped, silent))

  it.effect("of the old kind is refused by its name", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(Effect.gen(function*() {
        const answer = yield* door([])
        const old = {
          open_id: "ou_1",
          open_message_id: "om_1",
          tenant_key: "t",
          token: "c-1",
          // As long as what the platform sends.
          action: { tag: "button", value: { key: "v".repeat(600) } }
        }
        assert.strictEqual((yield* answer(old)).status, 400)
        assert.strictEqual((yield* answer(Deliveries.event2({ type: "card.action.trigger_v1" }))).status, 400)

        // The platform signs it by SHA-1 and the verification token (page "消息卡片回传交互（旧）").
        const context = yield* Layer.build(layer([]))
        const subscription = Context.get(context, EventSubscription.EventSubscription)
        for (const body of [JSON.stringify(old), Deliveries.encrypted(old)]) {
          const signature = createHash("sha1").update(`0nonce${Deliveries.verificationToken}${body}`).digest("hex")
          const headers = {
            "content-type": "application/json",
            "x-lark-request-timestamp": "0",
            "x-lark-request-nonce": "nonce",
            "x-lark-signature": signature
          }
          const request = { method: "POST", headers, body: Effect.succeed(new TextEncoder().encode(body)) }
          assert.strictEqual((yield* EventDoor.answer(subscription, request)).status, 401)
          yield* TestClock.adjust("1 second")
        }
      }))
      const named = lines.filter((line) => /card\.action\.trigger_v1.*subscribe to card\.action\.trigger/.test(line))
      // Two of the same reason within a second are one line.
      assert.strictEqual(named.length, 3, lines.join("\n"))
    }).pipe(Effect.scoped))
})

describe("an event", () => {
  const message = (id: string, messageId: string) =>
    Deliveries.event2({
      id,
      type: "im.message.receive_v1",
      payload: {
        sender: { sender_id: { open_id: "ou_1" }, sender_type: "user", tenant_key: "t" },
        message: {
          message_id: messageId,
          create_time: "1609073151345",
          chat_id: "oc_1",
          chat_type: "group",
          message_type: "text",
          content: "{}"
        }
      }
    })

  for (
    const [name, handler] of [
      ["by its message", EventHandler.on],
      [
        "by its message, of a definition",
        (_: string, handle: () => Effect.Effect<void>) => EventHandler.on(FeishuEvents.MessageReceived, handle)
      ],
      [
        "by its message, of a handler for all",
        (_: string, handle: () => Effect.Effect<void>) => EventHandler.all(handle)
      ]
    ] as const
  ) {
    it.effect(`of a message that comes with two ids is handled once: ${name}`, () =>
      Effect.gen(function*() {
        let runs = 0
        const answer = yield* door([handler("im.message.receive_v1", () => Effect.sync(() => void runs++))])
        yield* answer(message("event 1", "om_1"))
        yield* answer(message("event 2", "om_1"))
        assert.strictEqual(runs, 1)
        yield* answer(message("event 3", "om_2"))
        assert.strictEqual(runs, 2)
      }).pipe(Effect.scoped))
  }

  it.effect("is handled once for each key that the handler names", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const answer = yield* door([
        EventHandler.on("task.updated", ({ id }) => Effect.sync(() => void seen.push(id)), {
          key: ({ payload }) => typeof payload["task"] === "string" ? payload["task"] : undefined
        }),
        EventHandler.on("other.updated", ({ id }) => Effect.sync(() => void seen.push(id)))
      ])
      const update = (id: string, payload: object, type = "task.updated") => Deliveries.event2({ id, type, payload })
      for (
        const event of [
          update("1", { task: "a" }),
          update("2", { task: "a" }),
          update("3", { task: "b" }),
          update("4", {}),
          update("5", {}),
          update("6", { task: "a" }, "other.updated")
        ]
      ) assert.strictEqual((yield* answer(event)).status, 200)
      assert.deepStrictEqual(seen, ["1", "3", "4", "5", "6"])
    }).pipe(Effect.scoped))

  it.effect("is handled in a scope of its own, which closes when the handler ends", () =>
    Effect.gen(function*() {
      let open = 0
      const resource = Effect.acquireRelease(Effect.sync(() => ++open), () => Effect.sync(() => void open--))
      const most: Array<number> = []
      const use = Effect.flatMap(resource, (now) => Effect.sync(() => void most.push(now)))
      const answer = yield* door([
        EventHandler.on("ok", () => use),
        EventHandler.on("fails", () => Effect.andThen(use, Effect.fail("no"))),
        EventHandler.on("late", () => Effect.andThen(use, Effect.never)),
        EventHandler.callback("card.action.trigger", () => use)
      ])
      for (let n = 0; n < 50; n++) {
        yield* answer(Deliveries.event2({ id: `ok ${n}`, type: "ok" }))
        yield* answer(Deliveries.event2({ id: `fails ${n}`, type: "fails" }))
        yield* answer(click(`click ${n}`))
      }
      const late = yield* Effect.fork(answer(Deliveries.event2({ id: "late", type: "late" })))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(late)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(open, 0)
      assert.deepStrictEqual(new Set(most), new Set([1]))
    }).pipe(Effect.scoped, silent))

  it.effect("whose handler forks a fiber interrupts the fiber before the scope of the handler closes", () =>
    Effect.gen(function*() {
      const happened: Array<string> = []
      const log = (what: string) => Effect.sync(() => void happened.push(what))
      const slow = Layer.effect(
        Claims.Claims,
        Effect.map(
          Claims.makeMemory(),
          (claims) => ({ ...claims, hold: (...args) => Effect.delay(claims.hold(...args), "2 seconds") })
        )
      )
      const child = Effect.forever(Effect.delay(log("the fiber works"), "100 millis"))
      const handle = () =>
        Effect.acquireRelease(Effect.void, () => Effect.andThen(Effect.sleep("200 millis"), log("the scope closes")))
          .pipe(
            Effect.andThen(Effect.fork(Effect.onInterrupt(child, () => log("the fiber is interrupted")))),
            Effect.andThen(Effect.sleep("150 millis"))
          )
      const answer = yield* door([EventHandler.on("forks", handle)], slow)
      const delivery = yield* Effect.fork(answer(Deliveries.event2({ type: "forks" })))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(delivery)).status, 200)
      assert.deepStrictEqual(happened, ["the fiber works", "the fiber is interrupted", "the scope closes"])
    }).pipe(Effect.scoped, silent))

  it.effect("whose handler fails is not handled again while a fiber that the handler forked works", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const child = Effect.acquireUseRelease(
        Effect.sync(() => void (most = Math.max(most, ++running))),
        () => Effect.uninterruptible(Effect.sleep("2 seconds")),
        () => Effect.sync(() => void running--)
      )
      const answer = yield* door([
        EventHandler.on(
          "forks",
          () => Effect.fork(child).pipe(Effect.andThen(Effect.sleep("100 millis")), Effect.andThen(Effect.fail("no")))
        )
      ])
      const event = Deliveries.event2({ type: "forks" })
      const first = yield* Effect.fork(answer(event))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* answer(event)).status, 503)
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual((yield* Fiber.join(first)).status, 500)
      const second = yield* Effect.fork(answer(event))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(second)).status, 500)
      assert.strictEqual(most, 1)
    }).pipe(Effect.scoped, silent))

  it.effect("whose handler forks a fiber that cannot be interrupted is answered in time, and handled once", () =>
    Effect.gen(function*() {
      let runs = 0
      const child = Effect.uninterruptible(Effect.sleep("30 seconds"))
      const answer = yield* door([
        EventHandler.on("forks", () => {
          runs++
          return Effect.andThen(Effect.fork(child), Effect.sleep("10 millis"))
        })
      ])
      const event = Deliveries.event2({ type: "forks" })
      const first = yield* Effect.fork(answer(event))
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual((yield* Fiber.join(first)).status, 500)
      // A claim lasts 12.5 s.
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* answer(event)).status, 503)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* answer(event)).status, 200)
      assert.strictEqual(runs, 1)
    }).pipe(Effect.scoped, silent))

  it.effect("whose scope closes slowly is answered in time, and is not handled again", () =>
    Effect.gen(function*() {
      let runs = 0
      const answer = yield* door([
        EventHandler.on("slow", () => {
          runs++
          return Effect.addFinalizer(() => Effect.sleep("1 minute"))
        })
      ])
      const event = Deliveries.event2({ type: "slow" })
      const first = yield* Effect.fork(answer(event))
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual((yield* Fiber.join(first)).status, 500)
      assert.strictEqual((yield* answer(event)).status, 503)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* answer(event)).status, 200)
      assert.strictEqual(runs, 1)
    }).pipe(Effect.scoped, silent))

  it.effect("whose claim can be kept only slowly is answered in time", () =>
    Effect.gen(function*() {
      const slow = Layer.effect(
        Claims.Claims,
        Effect.map(
          Claims.makeMemory(),
          (claims) => ({ ...claims, hold: (...args) => Effect.delay(claims.hold(...args), "1 minute") })
        )
      )
      const answer = yield* door([EventHandler.on("ok", () => Effect.void)], slow)
      const first = yield* Effect.fork(answer(Deliveries.event2({ type: "ok" })))
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual((yield* Fiber.join(first)).status, 500)
      yield* TestClock.adjust("1 minute")
    }).pipe(Effect.scoped, silent))

  it.effect("whose scope fails to close has failed, and is handled again", () =>
    Effect.gen(function*() {
      let runs = 0
      const transaction = Effect.acquireRelease(
        Effect.sync(() => ++runs),
        () => runs === 1 ? Effect.die("no commit") : Effect.void
      )
      const lines = yield* recorded(
        Effect.gen(function*() {
          const answer = yield* door([EventHandler.on("transaction", () => transaction)])
          const event = Deliveries.event2({ id: "the event", type: "transaction" })
          const statuses = yield* Effect.forEach([1, 2, 3], () => Effect.map(answer(event), ({ status }) => status))
          assert.deepStrictEqual(statuses, [500, 200, 200])
          assert.strictEqual(runs, 2)
        }).pipe(Effect.scoped)
      )
      const errors = lines.filter((line) => line.startsWith("ERROR the handler of transaction failed"))
      assert.strictEqual(errors.length, 1, lines.join("\n"))
      assert.include(errors[0], "no commit")
      assert.include(errors[0], "the event")
    }))

  it.effect("is acknowledged though the claims die when the event was handled", () =>
    Effect.gen(function*() {
      const dying = Layer.effect(
        Claims.Claims,
        Effect.map(Claims.makeMemory(), (claims) => ({ ...claims, hold: () => Effect.die("no hold") }))
      )
      const answer = yield* door([EventHandler.on("ok", () => Effect.void)], dying)
      assert.strictEqual((yield* answer(Deliveries.event2({ type: "ok" }))).status, 200)
    }).pipe(Effect.scoped, silent))

  it.effect("with an empty key is known by its id", () =>
    Effect.gen(function*() {
      let runs = 0
      const handle = Effect.sync(() => runs++)
      const answer = yield* door([EventHandler.on("keyed", () => handle, { key: () => "" })])
      for (const id of ["1", "2", "1"]) yield* answer(Deliveries.event2({ id, type: "keyed" }))
      assert.strictEqual(runs, 2)
    }).pipe(Effect.scoped))

  it.effect("without an id is refused, and a callback of any type is not", () =>
    Effect.gen(function*() {
      const answer = yield* door([EventHandler.callback("profile.view.get", () => Effect.succeed({ shown: true }))])
      const withoutId = (type: string) => {
        const { header, ...event } = Deliveries.event2({ type })
        return answer({ ...event, header: { ...header, event_id: undefined } })
      }
      assert.strictEqual((yield* withoutId("contact.user.created_v3")).status, 400)
      assert.deepStrictEqual(json(yield* withoutId("profile.view.get")), { shown: true })
    }).pipe(Effect.scoped, silent))

  it.effect("that arrives while the layer closes is not handled with closed services", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let runs = 0
      const slow = Layer.effect(
        Claims.Claims,
        Effect.map(
          Claims.makeMemory(),
          (claims) => ({ ...claims, claim: (...args) => Effect.delay(claims.claim(...args), "1 second") })
        )
      )
      const answer = yield* Scope.extend(door([EventHandler.on("ok", () => Effect.sync(() => runs++))], slow), scope)
      const event = Deliveries.event2({ type: "ok" })
      const delivery = yield* Effect.fork(answer(event))
      yield* TestClock.adjust("500 millis")
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(delivery)).status, 500)
      assert.strictEqual(runs, 0)
    }).pipe(silent))

  it.effect("whose handler cannot be interrupted does not keep the layer from closing", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(Effect.gen(function*() {
        const scope = yield* Scope.make()
        const endless = Effect.uninterruptible(Effect.sleep("1 hour"))
        const answer = yield* Scope.extend(door([EventHandler.on("endless", () => endless)]), scope)
        const delivery = yield* Effect.fork(answer(Deliveries.event2({ type: "endless" })))
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(closing)
        assert.strictEqual((yield* Fiber.join(delivery)).status, 500)
        yield* TestClock.adjust("1 hour")
      }))
      assert.include(lines.join("\n"), "handlers that cannot be interrupted")
    }))
})

describe("a layer that closes", () => {
  it.effect("ends the renewal of the claim of a handler that cannot end", () =>
    Effect.gen(function*() {
      let renewals = 0
      const counted = Layer.effect(
        Claims.Claims,
        Effect.map(Claims.makeMemory(), (claims) => ({
          ...claims,
          renew: (...args) => Effect.andThen(Effect.sync(() => renewals++), claims.renew(...args))
        }))
      )
      const scope = yield* Scope.make()
      const endless = () => Effect.uninterruptible(Effect.never)
      const answer = yield* Scope.extend(door([EventHandler.on("endless", endless)], counted), scope)
      const delivery = yield* Effect.fork(answer(Deliveries.event2({ type: "endless" })))
      yield* TestClock.adjust("13 seconds")
      assert.strictEqual((yield* Fiber.join(delivery)).status, 500)
      assert.strictEqual(renewals, 2)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2500 millis")
      const before = renewals
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(closing)
      assert.strictEqual(renewals, before)
    }).pipe(silent))

  it.effect("does not interrupt the store that remembers a handled event", () =>
    Effect.gen(function*() {
      const claims = yield* Claims.makeMemory()
      const slow = Layer.succeed(Claims.Claims, {
        ...claims,
        hold: (...args) => Effect.interruptible(Effect.delay(claims.hold(...args), "3 seconds"))
      })
      const scope = yield* Scope.make()
      const answer = yield* Scope.extend(door([EventHandler.on("ok", () => Effect.void)], slow), scope)
      const delivery = yield* Effect.fork(answer(Deliveries.event2({ id: "1", type: "ok" })))
      yield* TestClock.adjust("100 millis")
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      yield* Fiber.join(delivery)
      const claim = yield* claims.claim("cli_test", "event/1", Duration.seconds(1))
      assert.isTrue(claim._tag === "Taken" && claim.isHeld)
    }).pipe(silent))
})

describe("a flood of forged deliveries", () => {
  it.effect("is logged once a second, with the number of the others", () =>
    Effect.gen(function*() {
      const lines = yield* recorded(Effect.gen(function*() {
        const context = yield* Layer.build(layer([]))
        const subscription = Context.get(context, EventSubscription.EventSubscription)
        const forge = Effect.suspend(() => {
          const { body, headers } = Deliveries.signed(Deliveries.encrypted(click("1")), { key: "another key" })
          return EventDoor.answer(subscription, { method: "POST", headers, body: Effect.succeed(body) })
        })
        for (let n = 0; n < 1000; n++) assert.strictEqual((yield* forge).status, 401)
        yield* TestClock.adjust("1 second")
        yield* forge
        yield* TestClock.adjust("1 minute")
        yield* forge
      }))
      assert.strictEqual(lines.length, 3, lines.join("\n"))
      assert.notInclude(lines[0], "more like this")
      assert.include(lines[1], "and 999 more like this since the last line")
      assert.notInclude(lines[2], "more like this")
    }).pipe(Effect.scoped))
})

describe("a request", () => {
  it.effect("whose body is compressed is refused with 415", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(layer([]))
      const subscription = Context.get(context, EventSubscription.EventSubscription)
      const { body, headers } = Deliveries.genuine(Deliveries.event2())
      for (
        const [encoding, status] of [["gzip", 415], ["br, identity", 415], ["identity", 200], [
          "Identity",
          200
        ]] as const
      ) {
        const request = {
          method: "POST",
          headers: { ...headers, "content-encoding": encoding },
          body: Effect.succeed(body)
        }
        assert.strictEqual((yield* EventDoor.answer(subscription, request)).status, status, encoding)
      }
    }).pipe(Effect.scoped, silent))

  it.effect("whose timestamp is in milliseconds is refused, and the log names the mistake", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_700_000_000_000)
      const lines = yield* recorded(Effect.gen(function*() {
        const answer = yield* door([])
        assert.strictEqual((yield* answer(Deliveries.event2(), 1_700_000_000_000 * 1000)).status, 401)
      }))
      assert.include(lines.join(), "timestamp is in milliseconds")
    }).pipe(Effect.scoped))
})
