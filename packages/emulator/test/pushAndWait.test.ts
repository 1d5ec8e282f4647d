/** Pushes whose first delivery a test waits for. */
import { FeishuClient } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, TestClock } from "effect"
import type { Acknowledgement, App, Delivery, Event } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const event = { type: "test", payload: {} }

const acknowledged = { outcome: "acknowledged", status: 200, body: "{\"n\":1}" } as const

/** An emulator whose app has this request URL. */
const withUrl = <A, E, R>(
  requestUrl: App["requestUrl"],
  test: (emulator: Emulator.Service) => Effect.Effect<A, E, R>,
  options?: Partial<Emulator.Options>
) =>
  Effect.flatMap(Emulator.Emulator, test).pipe(
    Effect.provide(Emulator.layerHttpClient({ apps: [{ ...Client.storeApp, requestUrl }], ...options }))
  )

const answers = (answer: Effect.Effect<Acknowledgement, unknown>) => () => answer

const ok = answers(Effect.succeed({ status: 200, body: "{\"n\":1}" }))

/** The outcome of a push that the test waits for, while the clock of the test runs for some time. */
const outcomeOf = (
  push: Effect.Effect<Emulator.Delivered, unknown>,
  time: Parameters<typeof TestClock.adjust>[0] = "3 seconds"
) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(push)
    yield* TestClock.adjust(time)
    const { eventId, ...rest } = yield* Fiber.join(fiber)
    assert.match(eventId, /^[0-9a-f]{32}$/)
    return rest
  })

describe("pushAndWait", () => {
  it.effect("returns the status and the body of the first delivery, without the clock", () =>
    withUrl(ok, (emulator) =>
      Effect.gen(function*() {
        const { eventId, ...outcome } = yield* emulator.pushAndWait("cli_store", event)
        assert.deepStrictEqual(outcome, acknowledged)
        assert.deepInclude((yield* emulator.journal)[0], { _tag: "Push", eventId, attempt: 1, status: 200 })
        const ticket = yield* emulator.pushTicketAndWait("cli_store")
        assert.deepInclude(ticket, acknowledged)
        assert.strictEqual((yield* emulator.tickets("cli_store")).length, 1)
      })))

  it.effect.each<[string, App["requestUrl"], Omit<Emulator.Delivered, "eventId">]>([
    ["a request URL that refuses", answers(Effect.succeed({ status: 500, body: "no" })), {
      outcome: "refused",
      status: 500,
      body: "no"
    }],
    ["no request URL", undefined, { outcome: "no request URL", status: undefined, body: "" }],
    ["a request URL that cannot be reached", answers(Effect.fail("refused")), {
      outcome: "unreachable",
      status: undefined,
      body: ""
    }],
    ["a request URL that is none", "nonsense", { outcome: "unreachable", status: undefined, body: "" }],
    ["a request URL that never answers", answers(Effect.never), { outcome: "timed out", status: undefined, body: "" }],
    ["a function that dies", answers(Effect.die("a bug")), { outcome: "refused", status: 500, body: "" }]
  ])(
    "returns after 3 s at most with %s",
    ([_, requestUrl, expected]) =>
      withUrl(requestUrl, (emulator) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* outcomeOf(emulator.pushAndWait("cli_store", event)), expected)
          assert.deepStrictEqual(yield* outcomeOf(emulator.pushTicketAndWait("cli_store")), expected)
        }))
  )

  it.effect("fails for an app that the emulator does not have, and a ticket for an app that gets none", () =>
    withUrl(ok, (emulator) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(emulator.pushAndWait("cli_none", event)))._tag, "UnknownApp")
        assert.strictEqual((yield* Effect.flip(emulator.pushTicketAndWait("cli_none")))._tag, "UnknownApp")
        yield* emulator.setApp(Client.selfBuiltApp)
        const error = yield* Effect.flip(emulator.pushTicketAndWait("cli_self_built"))
        assert.include(error.message, "only a store app that is enabled does")
      })))

  it.effect.each<[Fault.PushFault, string, Omit<Emulator.Delivered, "eventId">]>([
    [Fault.Lost(), "0 seconds", { outcome: "lost", status: undefined, body: "" }],
    [Fault.Late({ by: "10 seconds" }), "10 seconds", acknowledged],
    [Fault.Doubled({ after: "10 seconds" }), "0 seconds", acknowledged],
    [Fault.Replayed({ after: "10 seconds" }), "0 seconds", acknowledged],
    [Fault.Forged(), "0 seconds", acknowledged],
    [Fault.Tampered(), "0 seconds", acknowledged]
  ])(
    "returns what came of the delivery under %o",
    ([fault, time, expected]) =>
      withUrl(ok, (emulator) =>
        Effect.gen(function*() {
          const push = emulator.pushAndWait("cli_store", event)
          assert.deepStrictEqual(yield* outcomeOf(push, time as "0 seconds"), expected)
        }), { pushFaults: [fault] })
  )

  it.effect("returns the answer to the genuine event, if a forged one comes before", () =>
    withUrl((delivery) =>
      Effect.sync(() => {
        try {
          return { status: 200, body: Client.open(Client.storeApp, delivery)["header"].event_type }
        } catch {
          return { status: 401, body: "forged" }
        }
      }), (emulator) =>
      Effect.gen(function*() {
        assert.deepInclude(yield* emulator.pushAndWait("cli_store", event), { status: 200, body: "test" })
        yield* emulator.setPushFaults([Fault.Tampered()])
        assert.deepInclude(yield* emulator.pushAndWait("cli_store", event), { status: 401, body: "forged" })
      }), { pushFaults: [Fault.Forged()] }))

  it.effect("waits under Held for the next push to the same app", () =>
    withUrl(ok, (emulator) =>
      Effect.gen(function*() {
        const held = yield* Effect.fork(emulator.pushAndWait("cli_store", event))
        yield* TestClock.adjust("10 minutes")
        assert.isTrue(Option.isNone(yield* Fiber.poll(held)))
        assert.deepInclude(yield* emulator.pushAndWait("cli_store", event), acknowledged)
        assert.deepInclude(yield* Fiber.join(held), acknowledged)
      }), { pushFaults: [Fault.next(1, Fault.Held(), { only: "test" })] }))

  it.effect.each(["setApp", "updateApp"] as const)(
    "returns if %s replaces the app before the delivery",
    (change) =>
      withUrl(ok, (emulator) =>
        Effect.gen(function*() {
          const push = yield* Effect.fork(emulator.pushAndWait("cli_store", event))
          yield* TestClock.adjust("1 second")
          const other = answers(Effect.succeed({ status: 201, body: "another" }))
          yield* change === "setApp"
            ? emulator.setApp({ ...Client.storeApp, requestUrl: other })
            : emulator.updateApp("cli_store", (app) => ({ ...app, requestUrl: other }))
          yield* TestClock.adjust("10 seconds")
          assert.deepInclude(yield* Fiber.join(push), { outcome: "refused", status: 201, body: "another" })
        }), { pushFaults: [Fault.Late({ by: "10 seconds" })] })
  )

  for (const fault of [Fault.Held(), Fault.Late({ by: "10 seconds" })]) {
    it.effect(`returns if a reset comes before the delivery under ${fault._tag}, and nothing is delivered later`, () =>
      withUrl(ok, (emulator) =>
        Effect.gen(function*() {
          const push = yield* Effect.fork(emulator.pushAndWait("cli_store", event))
          yield* TestClock.adjust("1 second")
          yield* emulator.reset
          assert.deepInclude(yield* Fiber.join(push), { outcome: "no request URL", status: undefined, body: "" })
          yield* emulator.setPushFaults([])
          yield* emulator.push("cli_store", { type: "after", payload: {} })
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(
            (yield* emulator.journal).map((entry) => entry._tag === "Push" && entry.eventType),
            ["after"]
          )
        }), { pushFaults: [fault] }))
  }

  it.effect("returns if the emulator ends before the delivery", () =>
    Effect.gen(function*() {
      const push = yield* Effect.scoped(Effect.gen(function*() {
        const options = { apps: [Client.storeApp], pushFaults: [Fault.Late({ by: "1 hour" })] }
        const context = yield* Layer.build(Emulator.layerHttpClient(options))
        const push = Effect.flatMap(Emulator.Emulator, (emulator) => emulator.pushAndWait("cli_store", event))
        const fiber = yield* Effect.forkDaemon(Effect.provide(push, context))
        yield* TestClock.adjust("1 second")
        return fiber
      }))
      assert.deepInclude(yield* Fiber.join(push), { outcome: "no request URL" })
    }))

  it.effect("dies with the reason if the event cannot be JSON", () =>
    withUrl(ok, (emulator) =>
      Effect.gen(function*() {
        const wrong = { type: "test", payload: { n: 1n } }
        for (
          const push of [emulator.pushAndWait("cli_store", wrong), Effect.asVoid(emulator.push("cli_store", wrong))]
        ) {
          const defect = yield* Effect.catchAllDefect(Effect.asVoid(push), (defect) => Effect.succeed(String(defect)))
          assert.include(defect, "BigInt")
        }
      })))

  it.live("returns what came over sockets", () =>
    Effect.gen(function*() {
      const url = yield* Client.listen((_, response) => response.writeHead(202).end("later"))
      yield* withUrl(url, (emulator) =>
        Effect.gen(function*() {
          assert.deepInclude(yield* emulator.pushAndWait("cli_store", event), {
            outcome: "refused",
            status: 202,
            body: "later"
          })
        }))
    }).pipe(Effect.scoped, Effect.timeout("5 seconds"), Effect.provide(FeishuClient.layerFetch)))
})

describe("reset", () => {
  it.effect("ends the retries of events and the pushes after a resend", () =>
    withUrl(answers(Effect.succeed({ status: 500, body: "" })), (emulator) =>
      Effect.gen(function*() {
        yield* emulator.push("cli_store", event)
        yield* Client.resend(Client.storeApp)
        yield* TestClock.adjust("100 millis")
        yield* emulator.reset
        yield* TestClock.adjust("50 minutes")
        assert.deepStrictEqual(yield* emulator.journal, [])
        yield* TestClock.adjust("10 minutes")
        assert.deepInclude((yield* emulator.journal)[0], { eventType: "app_ticket", attempt: 1 })
      })))

  it.effect("may come from a request URL in the same process", () =>
    Effect.gen(function*() {
      let resets = 0
      const emulator = yield* Emulator.Emulator
      yield* emulator.updateApp("cli_store", (app) => ({
        ...app,
        requestUrl: () => Effect.as(emulator.reset, { status: 200, body: String(++resets) })
      }))
      yield* emulator.push("cli_store", event)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(resets, 1)
      yield* emulator.updateApp("cli_store", (app) => ({ ...app, requestUrl: ok }))
      assert.deepInclude(yield* emulator.pushAndWait("cli_store", event), acknowledged)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [Client.storeApp] }))))
})

describe("The tenant of a pushed event", () => {
  const tenants = (given: Partial<Event>) => {
    const deliveries: Array<Delivery> = []
    const requestUrl = (delivery: Delivery) =>
      Effect.sync(() => {
        deliveries.push(delivery)
        return { status: 200, body: "{}" }
      })
    return withUrl(requestUrl, (emulator) =>
      Effect.gen(function*() {
        yield* emulator.pushAndWait("cli_store", { ...event, ...given })
        const [delivery] = deliveries
        const pushed = delivery && Client.open(Client.storeApp, delivery)
        const journal = (yield* emulator.journal).find(Journal.$is("Push"))
        return {
          event: pushed?.["header"] === undefined ? pushed?.["event"].tenant_key : pushed["header"].tenant_key,
          journal: journal?.tenantKey
        }
      }))
  }
  const one = { event: "tenant_1", journal: "tenant_1" }
  const two = { event: "tenant_2", journal: "tenant_2" }

  it.effect("is the first of the app, unless the event names another or none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* tenants({}), one)
      assert.deepStrictEqual(yield* tenants({ schema: "1.0" }), one)
      assert.deepStrictEqual(yield* tenants({ tenantKey: undefined }), one)
      assert.deepStrictEqual(yield* tenants({ tenantKey: "tenant_2" }), two)
      assert.deepStrictEqual(yield* tenants({ tenantKey: "tenant_2", schema: "1.0" }), two)
      assert.deepStrictEqual(yield* tenants({ tenantKey: null }), { event: "", journal: undefined })
      assert.deepStrictEqual(yield* tenants({ tenantKey: null, schema: "1.0" }), {
        event: undefined,
        journal: undefined
      })
    }))

  it.effect("is never that of a ticket", () =>
    Effect.gen(function*() {
      for (const tenantKey of [undefined, null, "tenant_2"]) {
        assert.deepStrictEqual(yield* tenants({ type: "app_ticket", schema: "1.0", tenantKey }), {
          event: undefined,
          journal: undefined
        })
      }
    }))

  it.effect("is not that of a callback either, if the callback names none", () => {
    const headers: Array<unknown> = []
    const requestUrl = (delivery: Delivery) =>
      Effect.sync(() => {
        const { event, header } = Client.open(Client.storeApp, delivery)
        headers.push([header.tenant_key, event.operator.tenant_key])
        return { status: 200, body: "{}" }
      })
    return withUrl(requestUrl, (emulator) =>
      Effect.gen(function*() {
        const type = "card.action.trigger"
        yield* emulator.callback("cli_store", { type, payload: {} })
        yield* emulator.callback("cli_store", { type, payload: {}, tenantKey: null })
        assert.deepStrictEqual(headers, [["tenant_1", "tenant_1"], ["", undefined]])
      }))
  })
})

const answer = { status: 200, body: "" }

it.effect("a function that cannot be interrupted, or interrupts itself, neither delays nor interrupts who waits", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const pushTo = (requestUrl: App["requestUrl"]) =>
      Effect.zipRight(
        emulator.updateApp(Client.storeApp.appId, (app) => ({ ...app, requestUrl })),
        emulator.pushAndWait(Client.storeApp.appId, { type: "x", payload: {} })
      )
    const release = yield* Deferred.make<typeof answer>()
    const stuck = () => Effect.uninterruptible(Deferred.await(release))
    const slow = yield* Effect.fork(pushTo(stuck))
    yield* TestClock.adjust("3 seconds")
    assert.deepInclude(yield* Fiber.join(slow), { outcome: "timed out" })
    const handshake = yield* Effect.fork(Effect.flip(emulator.setRequestUrl(Client.storeApp.appId, stuck)))
    yield* TestClock.adjust("1 second")
    assert.strictEqual((yield* Fiber.join(handshake))._tag, "RequestUrlError")
    assert.deepInclude(yield* pushTo(() => Effect.interrupt), { outcome: "refused", status: 500 })
    yield* Deferred.succeed(release, answer)
  }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [Client.storeApp] }))))

it.scopedLive("the journal has the headers and the text of the answer of a request URL", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const requestUrl = yield* Client.listen((request, response) => {
      request.resume()
      response.writeHead(200, { "x-answered-by": "the app" }).end("{}")
    })
    yield* emulator.updateApp(Client.storeApp.appId, (app) => ({ ...app, requestUrl }))
    yield* emulator.pushAndWait(Client.storeApp.appId, { type: "x", payload: {} })
    const push = (yield* emulator.journal).find(Journal.$is("Push"))
    assert.strictEqual(push?.received?.headers["x-answered-by"], "the app")
    assert.strictEqual(push?.received?.text, "{}")
  }).pipe(Effect.provide(Emulator.layerServer({ apps: [Client.storeApp] }))))

it.scopedLive.each<[number, string | Uint8Array | undefined, Omit<Emulator.Delivered, "eventId">]>([
  [204, undefined, { outcome: "refused", status: 204, body: "" }],
  [304, undefined, { outcome: "refused", status: 304, body: "" }],
  [200, undefined, { outcome: "acknowledged", status: 200, body: "" }],
  [200, "\uFEFF{}", { outcome: "acknowledged", status: 200, body: "{}" }],
  [200, Uint8Array.of(0xff, 0x41), { outcome: "acknowledged", status: 200, body: "\uFFFDA" }]
])(
  "an answer with the status %d and the body %o is what came of the push",
  ([status, body, expected]) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const requestUrl = yield* Client.listen((request, response) => {
        request.resume()
        response.writeHead(status).end(body)
      })
      yield* emulator.updateApp(Client.storeApp.appId, (app) => ({ ...app, requestUrl }))
      const { eventId, ...outcome } = yield* emulator.pushAndWait(Client.storeApp.appId, event)
      assert.notStrictEqual(eventId, "")
      assert.deepStrictEqual(outcome, expected)
    }).pipe(Effect.provide(Emulator.layerServer({ apps: [Client.storeApp] })))
)

it.scopedLive("an answer of a request URL that is longer than 1 MB is not read to its end", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const requestUrl = yield* Client.listen((request, response) => {
      request.resume()
      response.writeHead(200).end("x".repeat(2_000_000))
    })
    yield* emulator.updateApp(Client.storeApp.appId, (app) => ({ ...app, requestUrl }))
    const { body, outcome } = yield* emulator.pushAndWait(Client.storeApp.appId, { type: "x", payload: {} })
    assert.strictEqual(outcome, "unreachable")
    assert.strictEqual(body, "")
  }).pipe(Effect.provide(Emulator.layerServer({ apps: [Client.storeApp] }))))
