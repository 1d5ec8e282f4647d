import { assert, describe, it } from "@effect/vitest"
import { DateTime, Either, FastCheck, Option, Redacted } from "effect"
import * as Message from "../src/internal/webhook/message.js"

const decoded = (json: unknown) =>
  Either.getOrThrowWith(Message.decode(json, JSON.stringify(json) ?? ""), (problem) => new Error(problem))

const decodedEvent = (json: unknown) => {
  const message = decoded(json)
  return message._tag === "Event" ? message : assert.fail("not an event")
}

const problem = (json: unknown) =>
  Either.match(Message.decode(json, JSON.stringify(json) ?? ""), {
    onLeft: (problem) => problem,
    onRight: () => assert.fail("it was decoded")
  })

const token = "a verification token"

/** The ticket's event, as the documentation has it. */
const event1 = {
  ts: "1502199207.7171419",
  uuid: "bc447199585340d1f3728d26b1c0297a",
  token,
  type: "event_callback",
  event: { app_id: "cli_xxx", app_ticket: "xxx", type: "app_ticket", tenant_key: "a tenant" }
}

const event2 = {
  schema: "2.0",
  header: {
    event_id: "f7984f25108f8137722bb63cee927e66",
    token,
    create_time: "1608725989000",
    event_type: "contact.user_group.created_v3",
    tenant_key: "xxxxxxx",
    app_id: "cli_xxxxxxxx"
  },
  event: { user_group: { user_group_id: "g" } }
}

const without = (fields: object, name: string) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name))

describe("Message.decode", () => {
  it("reads an event of schema 1.0", () => {
    assert.deepStrictEqual(decoded(event1), {
      _tag: "Event",
      token,
      event: {
        id: "bc447199585340d1f3728d26b1c0297a",
        type: "app_ticket",
        appId: "cli_xxx",
        tenantKey: Option.some("a tenant"),
        createdAt: DateTime.unsafeMake(1_502_199_207_717),
        payload: event1.event,
        raw: without(event1, "token"),
        text: Redacted.make(JSON.stringify(event1))
      }
    })
  })

  it("reads an event of schema 2.0", () => {
    assert.deepStrictEqual(decoded(event2), {
      _tag: "Event",
      token,
      event: {
        id: "f7984f25108f8137722bb63cee927e66",
        type: "contact.user_group.created_v3",
        appId: "cli_xxxxxxxx",
        tenantKey: Option.some("xxxxxxx"),
        createdAt: DateTime.unsafeMake(1_608_725_989_000),
        payload: event2.event,
        raw: { schema: "2.0", header: without(event2.header, "token"), event: event2.event },
        text: Redacted.make(JSON.stringify(event2))
      }
    })
  })

  it("reads the handshake of a URL", () => {
    assert.deepStrictEqual(decoded({ challenge: "c", token, type: "url_verification" }), {
      _tag: "Challenge",
      token,
      challenge: "c"
    })
    assert.deepStrictEqual(decoded({ challenge: "", type: "url_verification" }), {
      _tag: "Challenge",
      token: undefined,
      challenge: ""
    })
  })

  it("needs no more than an id and a type", () => {
    const bare1 = decodedEvent({ type: "event_callback", uuid: "1", event: { type: "a" } })
    const bare2 = decodedEvent({ schema: "2.0", header: { event_id: "1", event_type: "a" } })
    for (const { event, token } of [bare1, bare2]) {
      assert.isUndefined(token)
      assert.deepInclude(event, {
        id: "1",
        type: "a",
        appId: undefined,
        tenantKey: Option.none(),
        createdAt: undefined
      })
    }
    assert.deepStrictEqual(bare1.event.payload, { type: "a" })
    assert.deepStrictEqual(bare2.event.payload, {})
  })

  it("a field that is empty, or of a type that nobody expects, says nothing", () => {
    for (const value of ["", null, 1, true, [], {}]) {
      for (
        const json of [
          { ...event1, event: { ...event1.event, tenant_key: value, app_id: value } },
          { ...event2, header: { ...event2.header, tenant_key: value, app_id: value } }
        ]
      ) {
        const { event } = decodedEvent(json)
        assert.isTrue(Option.isNone(event.tenantKey))
        assert.isUndefined(event.appId)
      }
    }
    for (const value of [null, 1, [token], { token }]) {
      assert.isUndefined(decodedEvent({ ...event1, token: value }).token)
      assert.isUndefined(decodedEvent({ ...event2, header: { ...event2.header, token: value } }).token)
      assert.isUndefined(decoded({ challenge: "c", token: value, type: "url_verification" }).token)
    }
  })

  it("leaves the token out of the event", () => {
    for (
      const json of [
        event1,
        event2,
        { ...event2, event: undefined },
        { ...event1, token: [token] },
        { ...event2, header: { ...event2.header, token: { token } } }
      ]
    ) {
      const { event } = decodedEvent(json)
      assert.notInclude(JSON.stringify(event), token)
    }
  })

  it("leaves the token out of an event 2.0 that has it where 1.0 has it", () => {
    assert.notInclude(JSON.stringify(decodedEvent({ ...event2, token }).event), token)
  })

  it("leaves an event's own field of that name, which is not the app's token", () => {
    assert.deepStrictEqual(decodedEvent({ ...event2, event: { token: "c-1" } }).event.payload, { token: "c-1" })
    assert.deepStrictEqual(decodedEvent({ ...event2, event: { token: "c-1" } }).event.raw["event"], { token: "c-1" })
    assert.strictEqual(event1.token, token, "what was given is as it was")
    assert.strictEqual(event2.header.token, token, "what was given is as it was")
  })

  const createdAt1 = (ts: unknown) => decodedEvent({ ...event1, ts }).event.createdAt
  const createdAt2 = (create_time: unknown) =>
    decodedEvent({ ...event2, header: { ...event2.header, create_time } }).event.createdAt

  it.each<[unknown, number]>([
    ["1502199207.7171419", 1_502_199_207_717],
    ["1502199207.717", 1_502_199_207_717],
    ["1502199207.0", 1_502_199_207_000],
    ["1502199207", 1_502_199_207_000],
    [1_502_199_207.717, 1_502_199_207_717],
    [1_502_199_207, 1_502_199_207_000],
    ["0", 0]
  ])("1.0 says %s s", (ts, millis) => {
    assert.deepStrictEqual(createdAt1(ts), DateTime.unsafeMake(millis))
  })

  it.each<[unknown, number]>([
    ["1608725989000", 1_608_725_989_000],
    ["1608725989000.4", 1_608_725_989_000],
    ["1603977298000000", 1_603_977_298_000],
    [1_603_977_298_000_600, 1_603_977_298_001],
    [1_608_725_989_000, 1_608_725_989_000],
    ["0", 0]
  ])("2.0 says %s ms or µs", (ts, millis) => {
    assert.deepStrictEqual(createdAt2(ts), DateTime.unsafeMake(millis))
  })

  it("no time is in anything else", () => {
    const values = [
      "",
      " ",
      "now",
      "2024-01-01",
      "1e3",
      "0x10",
      "1502199207.",
      ".5",
      "1502199207,7",
      " 1502199207",
      "1502199207\n",
      "-1502199207",
      "Infinity",
      "NaN",
      "9".repeat(30),
      "9".repeat(400),
      "１５０２１９９２０７",
      1e300,
      Infinity,
      NaN,
      null,
      true,
      [],
      ["1502199207"],
      {}
    ]
    for (const value of values) {
      assert.isUndefined(createdAt1(value), String(value))
      assert.isUndefined(createdAt2(value), String(value))
    }
  })

  it.prop(
    "reads every millisecond, as a text of whole or broken seconds or as a number",
    [FastCheck.integer({ min: 0, max: 4_102_444_800_000 }), FastCheck.stringMatching(/^\d{0,4}$/)],
    ([millis, digits]) => {
      const seconds = `${Math.floor(millis / 1000)}.${String(millis % 1000).padStart(3, "0")}`
      const expected = DateTime.unsafeMake(millis)
      assert.deepStrictEqual(createdAt1(seconds), expected)
      assert.deepStrictEqual(createdAt1(Number(seconds)), expected)
      assert.deepStrictEqual(createdAt2(String(millis)), expected)
      assert.deepStrictEqual(createdAt2(millis), expected)
      const finer = createdAt1(`${seconds}${digits}`)
      assert.isTrue(finer !== undefined && Math.abs(DateTime.distance(expected, finer)) <= 1)
    }
  )

  it("says what is wrong, by the names of fields and never by their values", () => {
    const cases: ReadonlyArray<[unknown, string]> = [
      [{ ...event1, type: undefined }, "type"],
      [{ ...event1, type: "secret" }, "type"],
      [{ ...event1, uuid: undefined }, "uuid"],
      [{ ...event1, uuid: "" }, "uuid"],
      [{ ...event1, uuid: ["secret"] }, "uuid"],
      [{ ...event1, event: undefined }, "event"],
      [{ ...event1, event: "secret" }, "event"],
      [{ ...event1, event: { secret: "secret" } }, "type"],
      [{ ...event1, event: { type: { secret: "secret" } } }, "type"],
      [{ ...event2, schema: "secret" }, "schema"],
      [{ ...event2, schema: 2 }, "schema"],
      [{ ...event2, header: undefined }, "header"],
      [{ ...event2, header: "secret" }, "header"],
      [{ ...event2, header: { ...event2.header, event_id: undefined } }, "header.event_id"],
      [{ ...event2, header: { ...event2.header, event_id: "" } }, "header.event_id"],
      [{ ...event2, header: { ...event2.header, event_type: { secret: "secret" } } }, "header.event_type"],
      [{ ...event2, event: ["secret"] }, "event"],
      [{ type: "url_verification", token: "secret" }, "challenge"],
      [{ type: "url_verification", challenge: { secret: "secret" } }, "challenge"],
      [{}, "type"]
    ]
    for (const [json, field] of cases) {
      const said = problem(json)
      assert.match(said, /^(missing|unexpected) "/)
      assert.include(said, field)
      assert.notInclude(said, "secret")
      assert.notInclude(said, token)
      assert.notInclude(said, "\n")
    }
    assert.strictEqual(problem({ ...event1, uuid: undefined }), "unexpected \"uuid\"")
    assert.strictEqual(problem(without(event1, "uuid")), "missing \"uuid\"")
    for (const json of [null, undefined, 1, "secret", ["secret"], []]) {
      assert.strictEqual(problem(json), "it is not a JSON object")
    }
  })

  it.prop(
    "never throws, and never says a value",
    [FastCheck.oneof(
      FastCheck.jsonValue(),
      FastCheck.record(
        {
          schema: FastCheck.oneof(FastCheck.constant("2.0"), FastCheck.jsonValue()),
          type: FastCheck.oneof(FastCheck.constantFrom("event_callback", "url_verification"), FastCheck.jsonValue()),
          uuid: FastCheck.jsonValue(),
          ts: FastCheck.oneof(FastCheck.double(), FastCheck.string(), FastCheck.jsonValue()),
          token: FastCheck.jsonValue(),
          challenge: FastCheck.jsonValue(),
          event: FastCheck.jsonValue(),
          header: FastCheck.oneof(
            FastCheck.jsonValue(),
            FastCheck.record({
              event_id: FastCheck.oneof(FastCheck.string(), FastCheck.jsonValue()),
              event_type: FastCheck.oneof(FastCheck.string(), FastCheck.jsonValue()),
              create_time: FastCheck.oneof(FastCheck.double(), FastCheck.string(), FastCheck.jsonValue())
            }, { requiredKeys: [] })
          )
        },
        { requiredKeys: [] }
      )
    )],
    ([json]) => {
      const message = Message.decode(json, JSON.stringify(json) ?? "")
      if (Either.isLeft(message)) {
        assert.match(message.left, /^it is not a JSON object$|^((missing|unexpected) "[a-z_.]+"(, |$))+$/)
      }
    },
    { fastCheck: { numRuns: 500 } }
  )

  const text = FastCheck.string({ minLength: 1, unit: "binary" })
  const optionalText = FastCheck.option(FastCheck.string(), { nil: undefined })
  const fields = FastCheck.record({
    id: text,
    type: text,
    appId: optionalText,
    tenantKey: optionalText,
    token: optionalText,
    millis: FastCheck.option(FastCheck.integer({ min: 0, max: 4_102_444_800_000 }), { nil: undefined }),
    payload: FastCheck.dictionary(
      FastCheck.string().filter((name) => name !== "__proto__"),
      FastCheck.jsonValue(),
      { noNullPrototype: true }
    )
  })

  /** Through JSON, as the platform's bodies come: without what is undefined. */
  const arrived = (json: unknown): unknown => JSON.parse(JSON.stringify(json))

  it.prop("gives back whatever fields it was sent, in both schemas", [fields], ([sent]) => {
    const { appId, id, millis, tenantKey, token, type } = sent
    const own = arrived({ ...sent.payload, type, app_id: appId, tenant_key: tenantKey })
    const json1 = {
      type: "event_callback",
      uuid: id,
      ts: millis === undefined ? undefined : String(millis / 1000),
      event: own
    }
    const header = {
      event_id: id,
      event_type: type,
      app_id: appId,
      tenant_key: tenantKey,
      create_time: millis === undefined ? undefined : String(millis)
    }
    const json2 = { schema: "2.0", header, event: sent.payload }
    const first = decodedEvent(arrived({ ...json1, token }))
    const second = decodedEvent(arrived({ ...json2, header: { ...header, token } }))
    for (const message of [first, second]) {
      assert.strictEqual(message.token, token)
      assert.deepInclude(message.event, {
        id,
        type,
        appId: appId || undefined,
        tenantKey: Option.fromNullable(tenantKey || undefined),
        createdAt: millis === undefined ? undefined : DateTime.unsafeMake(millis)
      })
    }
    assert.deepStrictEqual(first.event.payload, own)
    assert.deepStrictEqual(first.event.raw, arrived(json1))
    assert.deepStrictEqual(second.event.payload, arrived(sent.payload))
    assert.deepStrictEqual(second.event.raw, arrived(json2))
  })

  it("an event's field gives no event another's fields, whatever its name", () => {
    const nasty = JSON.stringify(event1).replace(
      "{\"app_id\"",
      "{\"__proto__\":{\"tenant_key\":\"b\",\"x\":1},\"app_id\""
    )
    const { event } = decodedEvent(JSON.parse(nasty))
    assert.isUndefined(event.payload["x"])
    assert.isTrue(Object.hasOwn(event.payload, "__proto__"), "it is a field like every other")
  })
})
