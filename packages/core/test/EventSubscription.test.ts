import { assert, describe, it } from "@effect/vitest"
import {
  DateTime,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  MetricState,
  Option,
  Redacted,
  Ref,
  Schema,
  Struct,
  TestClock
} from "effect"
import * as Claims from "../src/Claims.js"
import * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import type { EventRefused } from "../src/EventRefused.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"
import type { FeishuEvent } from "../src/FeishuEvent.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Deliveries from "./deliveries.js"
import { recorder } from "./spans.js"

const receive = (delivery: EventSubscription.Delivery) =>
  Effect.flatMap(EventSubscription.EventSubscription, (subscription) => subscription.receive(delivery))

const outcome = (delivery: EventSubscription.Delivery) => Effect.map(receive(delivery), ({ outcome }) => outcome)

/** Why the delivery is refused. */
const refusal = (delivery: EventSubscription.Delivery) => Effect.flip(receive(delivery))
const reason = (delivery: EventSubscription.Delivery) => Effect.map(refusal(delivery), ({ reason }) => reason)

const ticket = Effect.flatMap(TicketStore.TicketStore, (store) =>
  Effect.map(store.get("cli_test"), (ticket) => {
    const { sentAt, value } = Option.getOrElse(ticket, () => ({ sentAt: undefined, value: Redacted.make("none") }))
    return { value: Redacted.value(value), sentAt: sentAt && DateTime.toEpochMillis(sentAt) }
  }))

const subscribed = <R = never>(
  options?: EventSubscription.Options<R>,
  app: Layer.Layer<FeishuApp.FeishuApp, FeishuApp.FeishuAppError> = Deliveries.app()
) => EventSubscription.layer(options).pipe(Layer.provideMerge(Layer.merge(app, TicketStore.layerMemory)))

const hours = Duration.toMillis("1 hour")
/** Later than the first hours after 1970, so that there is a past. */
const start = 100 * hours
const begin = TestClock.setTime(start)

const answer = (request: Partial<EventDoor.Request> & { readonly delivery?: EventSubscription.Delivery }) =>
  Effect.flatMap(EventSubscription.EventSubscription, (subscription) =>
    EventDoor.answer(subscription, {
      method: "POST",
      headers: request.delivery?.headers ?? {},
      body: Effect.succeed(request.delivery?.body ?? new Uint8Array()),
      ...request
    }))

describe("a ticket", () => {
  it.effect("a ticket that the platform has sent is stored", () =>
    Effect.gen(function*() {
      yield* begin
      const delivery = Deliveries.genuine(Deliveries.ticketEvent({ ticket: "t-1", sentAt: start - 5 }), start)
      assert.strictEqual(yield* outcome(delivery), "stored")
      assert.deepStrictEqual(yield* ticket, { value: "t-1", sentAt: start - 5 })
      assert.strictEqual(yield* outcome(delivery), "older", "the same again")
    }).pipe(Effect.provide(subscribed())))

  it.effect("never replaces one that was sent after it", () =>
    Effect.gen(function*() {
      yield* begin
      const push = (ticket: string, sentAt: number) =>
        outcome(Deliveries.genuine(Deliveries.ticketEvent({ ticket, sentAt }), start))
      assert.strictEqual(yield* push("new", start), "stored")
      assert.strictEqual(yield* push("six hours old", start - 6 * hours), "older")
      assert.deepStrictEqual(yield* ticket, { value: "new", sentAt: start })
    }).pipe(Effect.provide(subscribed())))

  it.effect("a ticket from the future is refused, because it would hide every other ticket", () =>
    Effect.gen(function*() {
      yield* begin
      const later = (minutes: number) => Deliveries.plain(Deliveries.ticketEvent({ sentAt: start + minutes * 60_000 }))
      assert.strictEqual(yield* reason(later(5.1)), "Stale")
      assert.strictEqual(yield* outcome(later(4.9)), "stored")
    }).pipe(Effect.provide(subscribed({}, Deliveries.plainApp))))

  it.effect.each<[string, object]>([
    ["no ticket", { app_ticket: undefined }],
    ["an empty ticket", { app_ticket: "" }],
    ["a number for a ticket", { app_ticket: 1 }]
  ])("event with %s is malformed", ([_, fields]) =>
    Effect.gen(function*() {
      yield* begin
      const event = Deliveries.ticketEvent({ sentAt: start })
      assert.strictEqual(
        yield* reason(Deliveries.genuine({ ...event, event: { ...event.event, ...fields } }, start)),
        "Malformed"
      )
    }).pipe(Effect.provide(subscribed())))

  it.effect.each([undefined, "", "yesterday", -1, 1e300])(
    "event with the ts %s is malformed, and no ticket is lost by it",
    (ts) =>
      Effect.gen(function*() {
        yield* begin
        yield* outcome(Deliveries.genuine(Deliveries.ticketEvent({ ticket: "fresh", sentAt: start }), start))
        const stale = { ...Deliveries.ticketEvent({ ticket: "stale" }), ts }
        assert.strictEqual(yield* reason(Deliveries.genuine(stale, start)), "Malformed")
        assert.strictEqual((yield* ticket).value, "fresh")
      }).pipe(Effect.provide(subscribed()))
  )

  it.effect("event is acknowledged only when the store has it: 503 until then", () => {
    const Store = Layer.effect(
      TicketStore.TicketStore,
      Effect.gen(function*() {
        const memory = yield* TicketStore.makeMemory()
        const isBroken = yield* Ref.make(true)
        return {
          ...memory,
          put: (appId, ticket) =>
            Effect.flatMap(Ref.getAndSet(isBroken, false), (isBroken) =>
              isBroken
                ? new TicketStore.TicketStoreError({ appId, operation: "put", description: "disk full" })
                : memory.put(appId, ticket))
        }
      })
    )
    return Effect.gen(function*() {
      yield* begin
      const delivery = Deliveries.genuine(Deliveries.ticketEvent({ sentAt: start }), start)
      assert.deepStrictEqual(yield* answer({ delivery }), { status: 503, headers: {}, body: "" })
      assert.strictEqual((yield* ticket).value, "none")
      assert.deepStrictEqual(yield* answer({ delivery }), { status: 200, headers: {}, body: "" })
      assert.strictEqual((yield* ticket).value, "a ticket")
    }).pipe(
      Effect.provide(
        EventSubscription.layer().pipe(Layer.provideMerge(Layer.mergeAll(Deliveries.app(), Claims.layerMemory, Store)))
      )
    )
  })
})

describe("what does not prove to be the platform's", () => {
  const body = Deliveries.encrypted(Deliveries.ticketEvent({ sentAt: start }))
  const good = Deliveries.signed(body, { at: start })
  const without = (name: string) => {
    const headers = { ...good.headers, [name]: undefined }
    return { ...good, headers }
  }
  const withHeader = (name: string, value: string | ReadonlyArray<string>) => ({
    ...good,
    headers: { ...good.headers, [name]: value }
  })
  const tampered = good.body.slice()
  tampered[40] = (tampered[40] ?? 0) ^ 1
  const ticketFor = (options: Parameters<typeof Deliveries.ticketEvent>[0]) =>
    Deliveries.genuine(Deliveries.ticketEvent({ sentAt: start, ...options }), start)

  it.effect.each<[string, EventSubscription.Delivery, EventRefused["reason"]]>([
    ["no signature", without("x-lark-signature"), "Unsigned"],
    ["no timestamp", without("x-lark-request-timestamp"), "Unsigned"],
    ["no nonce", without("x-lark-request-nonce"), "Unsigned"],
    ["two signatures", withHeader("x-lark-signature", ["a", "b"]), "Unsigned"],
    ["another's signature", Deliveries.signed(body, { at: start, key: "another key" }), "Signature"],
    ["an empty signature", withHeader("x-lark-signature", ""), "Signature"],
    ["another time", withHeader("x-lark-request-timestamp", String(start / 1000 + 1)), "Signature"],
    ["another nonce", withHeader("x-lark-request-nonce", "other"), "Signature"],
    ["an altered body", { ...good, body: tampered }, "Signature"],
    ["a signature that is too old", Deliveries.signed(body, { at: start - 430 * 60_000 - 1000 }), "Stale"],
    ["a signature from the future", Deliveries.signed(body, { at: start + 301_000 }), "Stale"],
    ["a signature of no time", Deliveries.signed(body, { at: NaN }), "Stale"],
    ["a wrong verification token", ticketFor({ token: "guessed" }), "Token"],
    ["an empty verification token", ticketFor({ token: "" }), "Token"],
    ["a foreign app id", ticketFor({ appId: "cli_other" }), "ForeignApp"],
    ["no app id", ticketFor({ appId: "" }), "ForeignApp"],
    [
      "another's encryption",
      Deliveries.signed(Deliveries.encrypted(Deliveries.ticketEvent({}), "another key"), { at: start }),
      "Decryption"
    ],
    ["no encryption", Deliveries.plain(Deliveries.ticketEvent({ sentAt: start })), "Unsigned"],
    [
      "no encryption, but a signature",
      Deliveries.signed(JSON.stringify(Deliveries.ticketEvent({ sentAt: start })), { at: start }),
      "Unsigned"
    ]
  ])("because it has %s changes nothing and gets an empty 401", ([_, delivery, expected]) =>
    Effect.gen(function*() {
      yield* begin
      yield* outcome(Deliveries.genuine(Deliveries.ticketEvent({ ticket: "before", sentAt: start - 1 }), start))
      assert.strictEqual(yield* reason(delivery), expected)
      assert.deepStrictEqual(yield* answer({ delivery }), { status: 401, headers: {}, body: "" })
      assert.deepStrictEqual(yield* ticket, { value: "before", sentAt: start - 1 })
    }).pipe(Effect.provide(subscribed())))

  it.effect.each<[string, object, EventRefused["reason"]]>([
    ["a wrong verification token (1.0)", Deliveries.ticketEvent({ token: "guessed" }), "Token"],
    ["no verification token (1.0)", { ...Deliveries.ticketEvent({}), token: undefined }, "Token"],
    ["a number for a verification token", { ...Deliveries.ticketEvent({}), token: 1 }, "Token"],
    ["a wrong verification token (2.0)", Deliveries.event2({ token: "guessed" }), "Token"],
    ["a foreign app id (1.0)", Deliveries.ticketEvent({ appId: "cli_other" }), "ForeignApp"],
    ["a foreign app id (2.0)", Deliveries.event2({ appId: "cli_other" }), "ForeignApp"],
    ["an encryption that the app does not have", JSON.parse(body), "Decryption"]
  ])(
    "to an app without an encrypt key because it has %s changes nothing",
    ([_, json, expected]) =>
      Effect.gen(function*() {
        yield* begin
        assert.strictEqual(yield* reason(Deliveries.plain(json)), expected)
        assert.strictEqual((yield* answer({ delivery: Deliveries.plain(json) })).status, 401)
        assert.strictEqual((yield* ticket).value, "none")
      }).pipe(Effect.provide(subscribed({
        handlers: [EventHandler.all(() => Effect.die("it must not run"))]
      }, Deliveries.plainApp)))
  )

  it.effect("within the window of time is accepted to its ends", () =>
    Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* outcome(Deliveries.signed(body, { at: start - 430 * 60_000 })), "stored")
      assert.strictEqual(yield* outcome(Deliveries.signed(body, { at: start + 300_000 })), "older")
    }).pipe(Effect.provide(subscribed())))

  it.effect("is judged by another window where that is set", () =>
    Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* reason(Deliveries.signed(body, { at: start - 61_000 })), "Stale")
      assert.strictEqual(yield* reason(Deliveries.signed(body, { at: start + 11_000 })), "Stale")
      assert.strictEqual(yield* outcome(Deliveries.signed(body, { at: start - 60_000 })), "stored")
    }).pipe(Effect.provide(subscribed({ maxAge: "1 minute", maxFuture: "10 seconds" }))))

  it.effect("a refused delivery is answered with its status only", () =>
    Effect.gen(function*() {
      yield* begin
      const answers = yield* Effect.forEach([
        Deliveries.unsigned(Deliveries.ticketEvent({})),
        Deliveries.unsigned(Deliveries.ticketEvent({}), "another key"),
        Deliveries.unsigned("not an event"),
        Deliveries.unsigned(Deliveries.challenge({ token: "guessed" })),
        { ...good, body: new TextEncoder().encode("{\"encrypt\":\"AAAA\"}") },
        { ...good, body: new TextEncoder().encode("{\"encrypt\":\"not base64!\"}") }
      ], (delivery) => answer({ delivery }))
      assert.deepStrictEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
    }).pipe(Effect.provide(subscribed())))

  it.effect.prop(
    "is refused and never an accident, whatever the bytes and headers",
    { body: fc.uint8Array(), headers: fc.dictionary(fc.string(), fc.string()), json: fc.json() },
    ({ body, headers, json }) =>
      Effect.gen(function*() {
        yield* begin
        for (const bytes of [body, new TextEncoder().encode(json)]) {
          const delivery = { headers: { ...headers, "content-type": "application/json" }, body: bytes }
          assert.include([400, 401], (yield* answer({ delivery })).status)
        }
      }).pipe(Effect.provide(subscribed()), Logger.withMinimumLogLevel(LogLevel.None))
  )
})

describe("a signature is over the bytes", () => {
  it.effect.each<[string, (body: string) => string]>([
    ["white space", (body) => ` {\n  "encrypt" :\t${body.slice("{\"encrypt\":".length, -1)}\r\n} \n`],
    ["escaped unicode", (body) => body.replace("encrypt", "\\u0065ncr\\u0079pt").replaceAll("/", "\\/")],
    ["other fields", (body) => `{"a":1.0,${body.slice(1)}`]
  ])("so JSON with %s is accepted", ([_, change]) =>
    Effect.gen(function*() {
      yield* begin
      const body = change(Deliveries.encrypted(Deliveries.ticketEvent({ sentAt: start })))
      assert.notStrictEqual(JSON.stringify(JSON.parse(body)), body)
      assert.strictEqual(yield* outcome(Deliveries.signed(body, { at: start })), "stored")
    }).pipe(Effect.provide(subscribed())))
})

describe("a handshake", () => {
  it.effect("is answered with its challenge, encrypted and not signed", () =>
    Effect.gen(function*() {
      const delivery = Deliveries.unsigned(Deliveries.challenge())
      assert.deepStrictEqual(yield* answer({ delivery }), {
        status: 200,
        headers: { "content-type": "application/json; charset=utf-8" },
        body: "{\"challenge\":\"a challenge\"}"
      })
      assert.strictEqual(yield* outcome(Deliveries.genuine(Deliveries.challenge())), "challenge", "signed")
      assert.strictEqual(
        yield* outcome(Deliveries.signed(Deliveries.encrypted(Deliveries.challenge()), { key: "another key" })),
        "challenge",
        "its signature is not looked at"
      )
    }).pipe(Effect.provide(subscribed())))

  it.effect("tells in the log what is wrong with it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* reason(Deliveries.unsigned(Deliveries.challenge(), "another key")), "Decryption")
      assert.strictEqual(yield* reason(Deliveries.unsigned(Deliveries.challenge({ token: "guessed" }))), "Token")
      assert.strictEqual(yield* reason(Deliveries.unsigned(Deliveries.event2())), "Unsigned")
    }).pipe(Effect.provide(subscribed())))

  it.effect("with a wrong token is refused before its challenge is echoed", () =>
    Effect.gen(function*() {
      for (const token of ["guessed", ""]) {
        assert.strictEqual(
          (yield* answer({ delivery: Deliveries.unsigned(Deliveries.challenge({ token })) })).status,
          401
        )
      }
      assert.strictEqual((yield* answer({ delivery: Deliveries.plain(Deliveries.challenge()) })).status, 401)
    }).pipe(Effect.provide(subscribed())))

  it.effect("of an app without an encrypt key is answered as it is", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* outcome(Deliveries.plain(Deliveries.challenge())), "challenge")
      assert.strictEqual(yield* reason(Deliveries.plain(Deliveries.challenge({ token: "guessed" }))), "Token")
    }).pipe(Effect.provide(subscribed({}, Deliveries.plainApp))))
})

describe("a wrong signature", () => {
  it.effect("refuses a body that is longer than a handshake before the body is read", () =>
    Effect.gen(function*() {
      yield* begin
      const read = (length: number) => reason(Deliveries.signed("{".repeat(length), { at: start, key: "another key" }))
      assert.deepStrictEqual([yield* read(100), yield* read(1000)], ["Malformed", "Signature"])
    }).pipe(Effect.provide(subscribed())))
})

describe("a missing signature", () => {
  it.effect("refuses a body that is longer than an old callback before the body is read", () =>
    Effect.gen(function*() {
      const read = (length: number, signature?: string) => {
        const { body, headers } = Deliveries.signed("{".repeat(length))
        return reason({ body, headers: { ...headers, "x-lark-signature": signature } })
      }
      const reasons = yield* Effect.forEach([10_000, 20_000], (length) =>
        Effect.all([read(length), read(length, "0".repeat(40)), read(length, "0")]))
      assert.deepStrictEqual(reasons, [
        ["Malformed", "Malformed", "Malformed"],
        ["Unsigned", "Signature", "Signature"]
      ])
    }).pipe(Effect.provide(subscribed())))
})

describe("a malformed body", () => {
  it.effect.each<[string, string]>([
    ["nothing", ""],
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["null", "null"],
    ["neither event nor handshake", "{}"],
    ["an event without an id", JSON.stringify({ ...Deliveries.ticketEvent({}), uuid: undefined })],
    ["an event without a type", JSON.stringify({ ...Deliveries.ticketEvent({}), event: {} })],
    ["an unknown schema", JSON.stringify({ ...Deliveries.event2(), schema: "3.0" })]
  ])("with %s gets an empty 400", ([_, body]) =>
    Effect.gen(function*() {
      const delivery = { headers: { "content-type": "application/json" }, body: new TextEncoder().encode(body) }
      assert.deepStrictEqual(yield* answer({ delivery }), { status: 400, headers: {}, body: "" })
    }).pipe(Effect.provide(subscribed({}, Deliveries.plainApp))))

  it.effect("that is not UTF-8 gets 400", () =>
    Effect.gen(function*() {
      const delivery = { headers: { "content-type": "application/json" }, body: Uint8Array.of(0x22, 0xff, 0x22) }
      assert.strictEqual((yield* answer({ delivery })).status, 400)
    }).pipe(Effect.provide(subscribed({}, Deliveries.plainApp))))
})

describe("answer", () => {
  const headers = { "content-type": "application/json" }
  const unread = Effect.dieMessage("the body must not be read")

  it.effect.each<[string, Partial<EventDoor.Request>, EventDoor.Answer]>([
    ["GET", { method: "GET", headers }, { status: 405, headers: { allow: "POST" }, body: "" }],
    ["PUT", { method: "PUT", headers }, { status: 405, headers: { allow: "POST" }, body: "" }],
    ["no content type", { headers: {} }, { status: 415, headers: {}, body: "" }],
    ["text", { headers: { "content-type": "text/plain" } }, { status: 415, headers: {}, body: "" }],
    ["JSON of another kind", { headers: { "content-type": "application/jsonp" } }, {
      status: 415,
      headers: {},
      body: ""
    }],
    ["1,000,001 bytes", { headers: { ...headers, "content-length": "1000001" } }, {
      status: 413,
      headers: {},
      body: ""
    }]
  ])("refuses %s without reading the body", ([_, request, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answer({ ...request, body: unread }), expected)
    }).pipe(Effect.provide(subscribed())))

  it.effect.each(["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"])(
    "takes %s",
    (contentType) =>
      Effect.gen(function*() {
        const { body } = Deliveries.plain(Deliveries.challenge())
        const request = { headers: { "content-type": contentType }, body: Effect.succeed(body) }
        assert.strictEqual((yield* answer(request)).status, 200)
      }).pipe(Effect.provide(subscribed({}, Deliveries.plainApp)))
  )

  it.effect("gives 413 for a body that turns out too long, 400 for one that breaks off, 500 for a defect", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* answer({ headers, body: EventDoor.tooLarge })).status, 413)
      assert.strictEqual((yield* answer({ headers, body: EventDoor.incomplete })).status, 400)
      assert.strictEqual((yield* answer({ headers, body: Effect.die("a bug") })).status, 500)
    }).pipe(Effect.provide(subscribed())))

  it.effect("logs each refusal with its reason, without a secret, and counts it", () => {
    const lines: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.map(Logger.stringLogger, (line) => void lines.push(line))
    )
    const count = (reason: EventRefused["reason"]) =>
      Effect.map(
        Metric.value(FeishuMetrics.refusals.pipe(Metric.tagged("reason", reason))),
        (state: MetricState.MetricState.Counter<number>) => state.count
      )
    return Effect.gen(function*() {
      yield* begin
      const before = yield* Effect.all([count("Signature"), count("Token")])
      const json = Deliveries.ticketEvent({ ticket: "secret-ticket", token: "guessed-token", sentAt: start })
      yield* answer({ delivery: Deliveries.signed(Deliveries.encrypted(json), { key: "another", at: start }) })
      yield* answer({ delivery: Deliveries.genuine(json, start) })
      const after = yield* Effect.all([count("Signature"), count("Token")])
      assert.deepStrictEqual(after, [before[0] + 1, before[1] + 1])
      const log = lines.filter((line) => line.includes("WARN"))
      assert.strictEqual(log.length, 2)
      assert.include(log[0], "(Signature): the signature is wrong: check encryptKey")
      assert.include(log[1], "(Token): its verification token is not the app's")
      for (const secret of ["secret-ticket", "guessed-token", Deliveries.encryptKey, Deliveries.verificationToken]) {
        assert.notInclude(lines.join("\n"), secret)
      }
    }).pipe(Effect.provide([subscribed(), logger]))
  })
})

it.effect("is a span where the program has a tracer", () =>
  Effect.gen(function*() {
    const { spans, tracer } = yield* recorder
    yield* outcome(Deliveries.genuine(Deliveries.challenge())).pipe(
      Effect.provide(subscribed()),
      Effect.withTracer(tracer)
    )
    const [span] = spans
    assert.strictEqual(span?.name, "EventSubscription.receive")
    assert.strictEqual(span?.attributes.get("feishu.app_id"), "cli_test")
  }))

describe("other events", () => {
  /** Every event that reached the handler. */
  const recorded = (seen: Array<FeishuEvent>) =>
    EventHandler.all((event: FeishuEvent) => Effect.sync(() => void seen.push(event)))

  it.effect("reach the handler in one shape, 1.0 and 2.0, and without the verification token", () => {
    const seen: Array<FeishuEvent> = []
    return Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* outcome(Deliveries.genuine(Deliveries.event1(), start)), "handled")
      assert.strictEqual(yield* outcome(Deliveries.genuine(Deliveries.event2(), start)), "handled")
      const [first, second] = seen
      assert.deepInclude(first, {
        id: "the id of a 1.0 event",
        type: "app_open",
        appId: "cli_test",
        tenantKey: Option.some("tenant_1"),
        createdAt: DateTime.unsafeMake(1502199207717),
        payload: { app_id: "cli_test", tenant_key: "tenant_1", type: "app_open" }
      })
      assert.deepInclude(second, {
        id: "the id of a 2.0 event",
        type: "contact.user.created_v3",
        appId: "cli_test",
        tenantKey: Option.some("tenant_1"),
        createdAt: DateTime.unsafeMake(1608725989000),
        payload: { name: "飞书" }
      })
      const header = Struct.omit(Deliveries.event2().header, "token")
      assert.deepStrictEqual(second?.raw, { ...Deliveries.event2(), header })
      assert.notInclude(JSON.stringify(seen), Deliveries.verificationToken)
      assert.deepStrictEqual(
        seen.map(({ text }) => JSON.parse(Redacted.value(text))),
        [Deliveries.event1(), Deliveries.event2()]
      )
    }).pipe(Effect.provide(subscribed({ handlers: [recorded(seen)] })))
  })

  it.effect("keep the text of integers that JSON.parse rounds, encrypted or not", () => {
    const seen: Array<FeishuEvent> = []
    const text = (id: string) => JSON.stringify(Deliveries.event2({ id })).replace("\"飞书\"", "9007199254740993")
    const handlers = [recorded(seen)]
    return Effect.gen(function*() {
      yield* begin
      yield* outcome(Deliveries.signed(Deliveries.encryptedText(text("1")), { at: start })).pipe(
        Effect.provide(subscribed({ handlers }))
      )
      const plain = { ...Deliveries.plain({}), body: new TextEncoder().encode(text("2")) }
      yield* Effect.provide(outcome(plain), subscribed({ handlers }, Deliveries.plainApp))
      assert.deepStrictEqual(seen.map((event) => Redacted.value(event.text)), [text("1"), text("2")])
    })
  })

  it.effect("go to the handler for their type, else to the one for all, else nowhere", () => {
    const seen: Array<FeishuEvent> = []
    const others: Array<FeishuEvent> = []
    const handlers = [EventHandler.on("a", (event) => Effect.sync(() => void seen.push(event))), recorded(others)]
    return Effect.gen(function*() {
      yield* begin
      for (const type of ["a", "b"]) {
        yield* outcome(Deliveries.genuine(Deliveries.event2({ id: type, type }), start))
      }
      assert.deepStrictEqual([seen, others].map((events) => events.map(({ type }) => type)), [["a"], ["b"]])
    }).pipe(Effect.provide(subscribed({ handlers })))
  })

  it.effect("that nobody handles are acknowledged", () =>
    Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* outcome(Deliveries.genuine(Deliveries.event2(), start)), "unhandled")
    }).pipe(Effect.provide(subscribed())))

  it.effect("are decoded by the handler's schema, and refused with 500 where they do not fit", () => {
    const names: Array<string> = []
    const handler = EventHandler.on(
      "contact.user.created_v3",
      Schema.Struct({ name: Schema.String }),
      ({ payload }) => Effect.sync(() => void names.push(payload.name))
    )
    return Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* outcome(Deliveries.genuine(Deliveries.event2(), start)), "handled")
      const odd = Deliveries.genuine(Deliveries.event2({ id: "odd", payload: { name: 1 } }), start)
      assert.strictEqual(yield* reason(odd), "Handler")
      assert.strictEqual((yield* answer({ delivery: odd })).status, 500)
      assert.deepStrictEqual(names, ["飞书"])
    }).pipe(Effect.provide(subscribed({ handlers: [handler] })))
  })

  it.effect("run once, however often they come within 8 hours", () => {
    const seen: Array<FeishuEvent> = []
    return Effect.gen(function*() {
      yield* begin
      // Signed anew each time, as the platform may do.
      const push = Effect.flatMap(
        TestClock.currentTimeMillis,
        (now) => outcome(Deliveries.genuine(Deliveries.event2(), now))
      )
      assert.strictEqual(yield* push, "handled")
      assert.strictEqual(yield* push, "duplicate")
      yield* TestClock.adjust("7 hours")
      assert.strictEqual(yield* push, "duplicate")
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* push, "duplicate")
      assert.strictEqual(seen.length, 1)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* push, "handled")
    }).pipe(Effect.provide(subscribed({ handlers: [recorded(seen)] })))
  })

  it.effect("that somebody sends again run nothing inside the window and are refused outside of it", () => {
    const seen: Array<FeishuEvent> = []
    const replay = Deliveries.genuine(Deliveries.event2(), start)
    return Effect.gen(function*() {
      yield* begin
      assert.strictEqual(yield* outcome(replay), "handled")
      const outcomes = new Set<string>()
      for (let minutes = 0; minutes < 10 * 60; minutes += 10) {
        yield* TestClock.setTime(start + minutes * 60_000)
        const result = yield* Effect.either(receive(replay))
        outcomes.add(result._tag === "Right" ? result.right.outcome : result.left.reason)
      }
      assert.deepStrictEqual([...outcomes], ["duplicate", "Stale"])
      assert.strictEqual(seen.length, 1)
    }).pipe(Effect.provide(subscribed({ handlers: [recorded(seen)] })))
  })

  it.effect("whose handler fails or dies get 500, and are handled when they come again", () => {
    let runs = 0
    const handler = EventHandler.all(() =>
      Effect.suspend(() => ++runs === 1 ? Effect.fail("no") : runs === 2 ? Effect.die("never") : Effect.void)
    )
    return Effect.gen(function*() {
      yield* begin
      const delivery = Deliveries.genuine(Deliveries.event2(), start)
      assert.strictEqual((yield* answer({ delivery })).status, 500)
      assert.strictEqual(yield* reason(delivery), "Handler")
      assert.strictEqual(yield* outcome(delivery), "handled")
      assert.strictEqual(yield* outcome(delivery), "duplicate")
      assert.strictEqual(runs, 3)
    }).pipe(Effect.provide(subscribed({ handlers: [handler] })))
  })

  it.effect.each<[string, boolean]>([["is interrupted", false], ["goes on where it cannot be interrupted", true]])(
    "whose handler takes too long get 500 after 2.5 s, and the handler %s",
    ([_, uninterruptible]) => {
      let ended = ""
      const slow = Effect.sleep("10 seconds").pipe(
        Effect.zipRight(Effect.sync(() => {
          ended = "by itself"
        })),
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            ended = "by interruption"
          })
        )
      )
      const handlers = [EventHandler.all(() => uninterruptible ? Effect.uninterruptible(slow) : slow)]
      return Effect.gen(function*() {
        yield* begin
        const delivery = Deliveries.genuine(Deliveries.event2(), start)
        const fiber = yield* Effect.fork(reason(delivery))
        yield* TestClock.adjust(2499)
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(fiber), "HandlerTimeout")
        if (uninterruptible) {
          assert.strictEqual(yield* reason(delivery), "Running", "it is still at it")
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(ended, "by itself")
          const { claim } = yield* Claims.Claims
          assert.strictEqual(
            (yield* claim("cli_test", "event/the id of a 2.0 event", Duration.seconds(1)))._tag,
            "Claimed",
            "the platform has been told that it failed, so it may run again"
          )
        } else {
          assert.strictEqual(ended, "by interruption")
        }
      }).pipe(Effect.provide(subscribed({ handlers })))
    }
  )

  it.effect("whose handler goes on after its time and fails are handled again, and not at the same time", () =>
    Effect.gen(function*() {
      let runs = 0
      const overrun = Effect.andThen(Effect.uninterruptible(Effect.sleep("30 seconds")), Effect.fail("too late"))
      const handlers = [EventHandler.all(() => Effect.suspend(() => ++runs === 1 ? overrun : Effect.void))]
      yield* Effect.gen(function*() {
        yield* begin
        const delivery = Deliveries.genuine(Deliveries.event2(), start)
        const first = yield* Effect.fork(reason(delivery))
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(yield* Fiber.join(first), "HandlerTimeout")
        // A claim lasts 12.5 s.
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* reason(delivery), "Running")
        assert.strictEqual(runs, 1)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* outcome(delivery), "handled")
        assert.strictEqual(yield* outcome(delivery), "duplicate")
        assert.strictEqual(runs, 2)
      }).pipe(Effect.provide(subscribed({ handlers })))
    }))

  it.effect("that come again while they are being handled get 503 and are not handled twice", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const runs = yield* Ref.make(0)
      const handlers = [EventHandler.all(() => Effect.zipRight(Ref.update(runs, (n) => n + 1), Deferred.await(gate)))]
      yield* Effect.gen(function*() {
        yield* begin
        const delivery = Deliveries.genuine(Deliveries.event2(), start)
        const first = yield* Effect.fork(outcome(delivery))
        yield* Effect.yieldNow()
        const others = yield* Effect.all(Effect.replicate(Effect.either(receive(delivery)), 100), {
          concurrency: "unbounded"
        })
        assert.isTrue(others.every((other) => other._tag === "Left" && other.left.status === 503))
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(first), "handled")
        assert.strictEqual(yield* outcome(delivery), "duplicate")
        assert.strictEqual(yield* Ref.get(runs), 1)
      }).pipe(Effect.provide(subscribed({ handlers })))
    }))

  it.effect("are handled to the end where the platform goes away meanwhile", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const handlers = [EventHandler.all(() => Deferred.await(gate))]
      yield* Effect.gen(function*() {
        yield* begin
        const delivery = Deliveries.genuine(Deliveries.event2(), start)
        const first = yield* Effect.fork(answer({ delivery }))
        yield* Effect.yieldNow()
        const interruption = yield* Effect.fork(Fiber.interrupt(first))
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(interruption)
        assert.strictEqual(yield* outcome(delivery), "duplicate")
      }).pipe(Effect.provide(subscribed({ handlers })))
    }))

  it.effect("are handled to the end where the layer ends meanwhile, as long as they may take", () =>
    Effect.gen(function*() {
      const ended: Array<string> = []
      const handlers = [
        EventHandler.all(({ type }) =>
          Effect.sleep(type === "short" ? "2 seconds" : "1 hour").pipe(
            Effect.onExit((exit) => Effect.sync(() => ended.push(`${type} ${exit._tag}`)))
          )
        )
      ]
      yield* begin
      const fiber = yield* Effect.fork(
        Effect.gen(function*() {
          const { receive } = yield* EventSubscription.EventSubscription
          for (const type of ["short", "long"]) {
            yield* Effect.forkDaemon(receive(Deliveries.genuine(Deliveries.event2({ id: type, type }), start)))
          }
          yield* Effect.sleep("1 second")
        }).pipe(
          Effect.provide(subscribed({ handlers })),
          Effect.ensuring(Effect.sync(() => ended.push("layer")))
        )
      )
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(ended, ["short Success", "long Failure", "layer"])
    }))

  it.effect.each<[string, boolean]>([["was interrupted", false], ["could not be interrupted", true]])(
    "whose handler %s after its time are released, though the store waits where it can be interrupted",
    ([_, uninterruptible]) => {
      const slowly = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.zipRight(Effect.interruptible(Effect.sleep("1 second")), effect)
      const Slow = Layer.effect(
        Claims.Claims,
        Effect.map(Claims.makeMemory(), (memory) => ({
          ...memory,
          hold: (...args: Parameters<typeof memory.hold>) => slowly(memory.hold(...args)),
          release: (...args: Parameters<typeof memory.release>) => slowly(memory.release(...args))
        }))
      )
      const wait = Effect.sleep("3 seconds")
      const handlers = [EventHandler.all(() => uninterruptible ? Effect.uninterruptible(wait) : wait)]
      return Effect.gen(function*() {
        yield* begin
        const delivery = Deliveries.genuine(Deliveries.event2(), start)
        const fiber = yield* Effect.fork(reason(delivery))
        yield* TestClock.adjust("2500 millis")
        assert.strictEqual(yield* Fiber.join(fiber), "HandlerTimeout")
        yield* TestClock.adjust("2 seconds")
        const { claim } = yield* Claims.Claims
        const { _tag } = yield* claim("cli_test", "event/the id of a 2.0 event", Duration.seconds(1))
        assert.strictEqual(_tag, "Claimed")
      }).pipe(Effect.provide(
        EventSubscription.layer({ handlers }).pipe(
          Layer.provideMerge(Layer.mergeAll(Deliveries.app(), TicketStore.layerMemory, Slow))
        )
      ))
    }
  )

  it.effect("whose handler fails after its time are told of in the log", () => {
    const lines: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.map(Logger.stringLogger, (line) => void lines.push(line))
    )
    const handler = EventHandler.all(() =>
      Effect.uninterruptible(Effect.zipRight(Effect.sleep("10 seconds"), Effect.die("too late")))
    )
    return Effect.gen(function*() {
      yield* begin
      const fiber = yield* Effect.fork(reason(Deliveries.genuine(Deliveries.event2(), start)))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "HandlerTimeout")
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(lines.some((line) => line.includes("level=ERROR") && line.includes("too late")))
    }).pipe(Effect.provide([subscribed({ handlers: [handler] }), logger]))
  })

  it.effect("are not handled while the store cannot say whether they have been", () => {
    const Down = Layer.effect(
      Claims.Claims,
      Effect.map(Claims.makeMemory(), (memory) => ({
        ...memory,
        claim: (appId: string) =>
          new Claims.ClaimsError({ appId, operation: "claim", description: "the network is down" })
      }))
    )
    const seen: Array<FeishuEvent> = []
    return Effect.gen(function*() {
      yield* begin
      assert.strictEqual((yield* answer({ delivery: Deliveries.genuine(Deliveries.event2(), start) })).status, 503)
      assert.strictEqual(seen.length, 0)
    }).pipe(Effect.provide(
      EventSubscription.layer({ handlers: [recorded(seen)] }).pipe(
        Layer.provideMerge(Layer.mergeAll(Deliveries.app(), TicketStore.layerMemory, Down))
      )
    ))
  })

  it.effect("may use services of the program's", () => {
    class Count extends Effect.Service<Count>()("Count", { effect: Ref.make(0) }) {}
    const handler = EventHandler.all(() => Effect.flatMap(Count, Ref.update((n) => n + 1)))
    return Effect.gen(function*() {
      yield* begin
      yield* receive(Deliveries.genuine(Deliveries.event2(), start))
      assert.strictEqual(yield* Effect.flatMap(Count, Ref.get), 1)
    }).pipe(Effect.provide(subscribed({ handlers: [handler] }).pipe(Layer.provideMerge(Count.Default))))
  })
})

it.effect("the handler's spans and log lines belong to the delivery, wherever the layer was made", () => {
  const annotations: Array<unknown> = []
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make((entry) => annotations.push(Object.fromEntries(entry.annotations)))
  )
  const handler = EventHandler.all(() => Effect.withSpan(Effect.log("handled"), "handler"))
  return Effect.gen(function*() {
    const { spans, tracer } = yield* recorder
    yield* begin
    yield* receive(Deliveries.genuine(Deliveries.event2({ id: "one" }), start)).pipe(
      Effect.annotateLogs("request", "r1"),
      Effect.provide([subscribed({ handlers: [handler] }).pipe(Layer.withSpan("layer")), logger]),
      Effect.withTracer(tracer)
    )
    const own = spans.find(({ name }) => name === "handler")
    assert.strictEqual(
      Option.match(own?.parent ?? Option.none(), {
        onNone: () => "",
        onSome: (parent) => parent._tag === "Span" ? parent.name : ""
      }),
      "EventSubscription.receive"
    )
    assert.deepStrictEqual(annotations, [
      { request: "r1", app_id: "cli_test", event_id: "one", event_type: "contact.user.created_v3" }
    ])
  })
})

describe("options", () => {
  const failure = (options: EventSubscription.Options, app = Deliveries.app()) =>
    EventSubscription.make(options).pipe(
      Effect.provide([app, TicketStore.layerMemory]),
      Effect.flip,
      Effect.map(({ message }) => message)
    )
  const unproven = FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make("the app secret") })

  it.scoped("an app with neither key nor token is refused, unless told so", () =>
    Effect.gen(function*() {
      assert.include(
        yield* failure({}, unproven),
        "EventSubscription: encryptKey and verificationToken are both missing, so anybody could send this app a ticket"
      )
      const exit = yield* Effect.gen(function*() {
        yield* begin
        return yield* outcome(Deliveries.plain(Deliveries.ticketEvent({ token: "any", sentAt: start })))
      }).pipe(Effect.provide(subscribed({ acceptUnproven: true }, unproven)), Effect.exit)
      assert.deepStrictEqual(exit, Exit.succeed("stored" as const))
    }))

  it.scoped.each<[string, EventSubscription.Options, string]>([
    ["a handler for tickets", { handlers: [EventHandler.on("app_ticket", () => Effect.void)] }, "AppTicket.changes"],
    ["two handlers for one type", {
      handlers: [EventHandler.on("a", () => Effect.void), EventHandler.on("a", () => Effect.void)]
    }, "handlers has two for a"],
    ["a handler for no type", { handlers: [EventHandler.on("", () => Effect.void)] }, "handlers has one for \"\""],
    ["two handlers for all", {
      handlers: [EventHandler.all(() => Effect.void), EventHandler.all(() => Effect.void)]
    }, "handlers has two for all"],
    ["a memory shorter than the window", { rememberFor: "7 hours" }, "rememberFor must be longer than"],
    ["a window longer than the memory", { maxAge: "1 day" }, "rememberFor must be longer than"],
    ["more time than the platform gives", { handlerTimeout: "3 seconds" }, "handlerTimeout must be less than the 3 s"],
    ["no time for a handler", { handlerTimeout: -5 }, "handlerTimeout must be longer than 0"],
    ["no age for a signature", { maxAge: NaN }, "maxAge must be longer than 0"],
    ["no age for a callback", { maxCallbackAge: 0 }, "maxCallbackAge must be longer than 0"],
    [
      "no room for background tasks",
      { backgroundTasks: { capacity: 0 } },
      "capacity is 0 and must be a positive integer"
    ]
  ])("%s is refused", ([_, options, message]) =>
    Effect.gen(function*() {
      assert.include(yield* failure(options), message)
    }))
})

describe("anyOf", () => {
  const one = (appId: string, key?: string) =>
    EventSubscription.make().pipe(
      Effect.provide(FeishuApp.layer({
        appId,
        appSecret: Redacted.make("the app secret"),
        verificationToken: Redacted.make(Deliveries.verificationToken),
        ...(key !== undefined && { encryptKey: Redacted.make(key) })
      }))
    )

  it.scoped("gives each delivery to the app that it is for, among apps that come and go", () =>
    Effect.gen(function*() {
      yield* begin
      const store = yield* TicketStore.TicketStore
      const ticketOf = (appId: string) =>
        Effect.map(store.get(appId), (ticket) => Option.map(ticket, ({ value }) => Redacted.value(value)))
      const apps = [yield* one("cli_a", "key a"), yield* one("cli_plain")]
      const all = EventSubscription.anyOf(Effect.succeed(apps))
      const push = (appId: string, key?: string) => {
        const json = Deliveries.ticketEvent({ ticket: `of ${appId}`, appId, sentAt: start })
        return all.receive(
          key === undefined
            ? Deliveries.plain(json)
            : Deliveries.signed(Deliveries.encrypted(json, key), { at: start, key })
        )
      }
      assert.strictEqual((yield* push("cli_a", "key a")).outcome, "stored")
      assert.strictEqual((yield* push("cli_plain")).outcome, "stored")
      assert.strictEqual((yield* Effect.flip(push("cli_b", "key b"))).status, 401)
      apps.push(yield* one("cli_b", "key b"))
      assert.strictEqual((yield* push("cli_b", "key b")).outcome, "stored")
      for (const appId of ["cli_a", "cli_plain", "cli_b"]) {
        assert.strictEqual(Option.getOrNull(yield* ticketOf(appId)), `of ${appId}`)
      }
      // An app's key proves its own events only.
      const forged = Deliveries.ticketEvent({ ticket: "forged", appId: "cli_b", sentAt: start + 1 })
      const refusal = yield* Effect.flip(
        all.receive(Deliveries.signed(Deliveries.encrypted(forged, "key a"), { at: start, key: "key a" }))
      )
      assert.strictEqual(refusal.reason, "ForeignApp")
      assert.strictEqual(Option.getOrNull(yield* ticketOf("cli_b")), "of cli_b")
    }).pipe(Effect.provide(TicketStore.layerMemory)))

  it.scopedLive("lets other requests have a turn while a long forged body is compared with many apps", () =>
    Effect.gen(function*() {
      const apps = yield* Effect.forEach(Array.from({ length: 100 }).keys(), (n) => one(`cli_${n}`, `key ${n}`))
      const all = EventSubscription.anyOf(Effect.succeed(apps))
      const forged = Deliveries.signed(Deliveries.encryptedText("x".repeat(700_000)), { key: "another key" })
      let turns = 0
      const others = yield* Effect.fork(Effect.forever(Effect.delay(Effect.sync(() => turns++), 1)))
      const refusal = yield* Effect.flip(all.receive(forged))
      yield* Fiber.interrupt(others)
      assert.strictEqual(refusal.reason, "Signature")
      assert.isAbove(turns, 3)
    }).pipe(Effect.provide(TicketStore.layerMemory)))

  it.scoped("without any app refuses", () =>
    Effect.gen(function*() {
      const refusal = yield* Effect.flip(
        EventSubscription.anyOf(Effect.succeed([])).receive(Deliveries.plain(Deliveries.ticketEvent({})))
      )
      assert.strictEqual(refusal.status, 401)
    }))
})
