import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Either, FastCheck, Logger, Option, Redacted, Schema } from "effect"
import * as FeishuEvents from "../src/FeishuEvents.js"
import * as Message from "../src/internal/webhook/message.js"
import * as examples from "./eventExamples.js"
import { everything } from "./everything.js"

type Path = ReadonlyArray<string>

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> => typeof json === "object" && json !== null

/** Returns the path of each field. Fields of an array's elements are fields, elements are not. */
const pathsOf = (json: unknown, parent: Path = []): ReadonlyArray<Path> =>
  isObject(json)
    ? Object.entries(json).flatMap(([key, value]) => {
      const path: Path = parent.concat(key)
      return (Array.isArray(json) ? [] : [path]).concat(pathsOf(value, path))
    })
    : []

/** Changes the object that has the last field of the path. */
const changeAt = (
  json: unknown,
  [key = "", ...rest]: Path,
  change: (object: Record<string, unknown>, key: string) => void
): unknown => {
  if (!isObject(json) || !(key in json)) return json
  if (Array.isArray(json)) {
    return json.map((value, index) => String(index) === key ? changeAt(value, rest, change) : value)
  }
  const copy = { ...json }
  if (rest.length === 0) change(copy, key)
  else copy[key] = changeAt(copy[key], rest, change)
  return copy
}

const withoutField = (json: unknown, path: Path) =>
  changeAt(json, path, (object, key) => {
    delete object[key]
  })

const withNull = (json: unknown, path: Path) =>
  changeAt(json, path, (object, key) => {
    object[key] = null
  })

/** Adds a field that no page has to each object. */
const withExtras = (json: unknown): unknown =>
  Array.isArray(json)
    ? json.map(withExtras)
    : isObject(json)
    ? {
      ...Object.fromEntries(Object.entries(json).map(([key, value]) => [key, withExtras(value)])),
      a_new_field: { of: ["the platform"] }
    }
    : json

const withoutExtras = (json: unknown): unknown =>
  Array.isArray(json)
    ? json.map(withoutExtras)
    : isObject(json)
    ? Object.fromEntries(
      Object.entries(json).flatMap(([key, value]) => key === "a_new_field" ? [] : [[key, withoutExtras(value)]])
    )
    : json

/** The fields of an example that a payload's type does not list. */
type Unlisted<Example, Payload> = Example extends ReadonlyArray<infer E>
  ? Payload extends ReadonlyArray<infer P> ? Unlisted<E, P> : never
  : Example extends object ? Payload extends object ?
        | Exclude<keyof Example, keyof Payload>
        | { [K in keyof Example & keyof Payload]: Unlisted<Example[K], NonNullable<Payload[K]>> }[
          & keyof Example
          & keyof Payload
        ]
    : never
  : never

interface Options {
  /** The fields without which the payload is refused. */
  readonly required: ReadonlyArray<string>
  /** The fields whose content the app chooses. */
  readonly free?: ReadonlyArray<string>
}

/** Events of schema 1.0 repeat their type in the payload. */
const caseOf = <A, I, Example extends { readonly event: object }>(
  definition: { readonly type: string; readonly payload: Schema.Schema<A, I> },
  example: [Exclude<Unlisted<Example["event"], A>, "type">] extends [never] ? Example
    : { readonly unlisted: Unlisted<Example["event"], A> },
  { free = [], required }: Options
) => {
  const decode = Schema.decodeUnknownEither(definition.payload, { errors: "all" })
  const encode = Schema.encodeSync(definition.payload)
  const payload: unknown = "event" in example ? withoutField(example.event, ["type"]) : assert.fail()
  const paths = pathsOf(payload)
  return {
    type: definition.type,
    example,
    payload,
    required,
    paths,
    optional: paths.filter((path) =>
      !required.includes(path.join(".")) && !free.some((name) => path.join(".").startsWith(`${name}.`))
    ),
    /** Decodes and encodes, which keeps the fields that the schema has. */
    kept: (json: unknown): unknown => encode(Either.getOrThrow(decode(json))),
    problem: (json: unknown): string | undefined =>
      Either.match(decode(json), { onLeft: ({ message }) => message, onRight: () => undefined })
  }
}

const user = ["object", "object.open_id"]
const department = ["object", "object.open_department_id"]

const cases = {
  MessageReceived: caseOf(FeishuEvents.MessageReceived, examples.messageReceived, {
    required: [
      "sender",
      "sender.sender_type",
      "message",
      "message.message_id",
      "message.create_time",
      "message.chat_id",
      "message.chat_type",
      "message.message_type",
      "message.content",
      "message.mentions.0.key"
    ]
  }),
  BotAdded: caseOf(FeishuEvents.BotAdded, examples.botAdded, { required: ["chat_id"] }),
  BotRemoved: caseOf(FeishuEvents.BotRemoved, examples.botRemoved, { required: ["chat_id"] }),
  BotMenuClicked: caseOf(FeishuEvents.BotMenuClicked, examples.botMenuClicked, { required: ["event_key"] }),
  AppStatusChanged: caseOf(FeishuEvents.AppStatusChanged, examples.appStatusChanged, {
    required: ["app_id", "tenant_key", "status"]
  }),
  AppOpened: caseOf(FeishuEvents.AppOpened, examples.appOpened, { required: ["app_id", "tenant_key"] }),
  AppUninstalled: caseOf(FeishuEvents.AppUninstalled, examples.appUninstalled, { required: ["app_id", "tenant_key"] }),
  AppVisibilityAdded: caseOf(FeishuEvents.AppVisibilityAdded, examples.appVisibilityAdded, { required: [] }),
  UserCreated: caseOf(FeishuEvents.UserCreated, examples.userCreated, { required: user }),
  UserUpdated: caseOf(FeishuEvents.UserUpdated, examples.userUpdated, { required: user }),
  UserDeleted: caseOf(FeishuEvents.UserDeleted, examples.userDeleted, { required: user }),
  DepartmentCreated: caseOf(FeishuEvents.DepartmentCreated, examples.departmentCreated, { required: department }),
  DepartmentUpdated: caseOf(FeishuEvents.DepartmentUpdated, examples.departmentUpdated, { required: department }),
  DepartmentDeleted: caseOf(FeishuEvents.DepartmentDeleted, examples.departmentDeleted, { required: department }),
  ContactScopeUpdated: caseOf(FeishuEvents.ContactScopeUpdated, examples.contactScopeUpdated, {
    required: ["added", "removed"].flatMap((name) => [
      `${name}.departments.0.open_department_id`,
      `${name}.users.0.open_id`
    ])
  }),
  CardAction: caseOf(FeishuEvents.CardAction, examples.cardAction, {
    required: ["operator", "operator.open_id", "token", "action", "action.tag"],
    free: ["action.value", "action.form_value"]
  }),
  LinkPreview: caseOf(FeishuEvents.LinkPreview, examples.linkPreview, {
    required: ["operator", "operator.open_id", "context", "context.url"]
  })
}

for (const [name, { example, kept, optional, paths, payload, problem, required, type }] of Object.entries(cases)) {
  describe(`FeishuEvents.${name}`, () => {
    it(`${name} has the type of the page's example`, () => {
      const message = Either.getOrThrow(Message.decode(example, JSON.stringify(example)))
      assert.strictEqual(message._tag === "Event" ? message.event.type : undefined, type)
    })

    it(`${name} keeps each field of the page's example`, () => {
      assert.deepStrictEqual(kept(payload), payload)
    })

    it(`${name} ignores fields that the platform may add`, () => {
      assert.notDeepEqual(withExtras(payload), payload)
      assert.deepStrictEqual(withoutExtras(kept(withExtras(payload))), payload)
    })

    it(`${name} decodes without an optional field`, () => {
      for (const path of optional) {
        const json = withoutField(payload, path)
        assert.deepStrictEqual(kept(json), json, path.join("."))
      }
    })

    it(`${name} reads null in an optional field as absent`, () => {
      for (const path of optional) {
        assert.deepStrictEqual(kept(withNull(payload, path)), withoutField(payload, path), path.join("."))
      }
    })

    it.prop(
      `${name} decodes without any set of optional fields`,
      { absent: FastCheck.subarray([...optional]) },
      ({ absent }) => {
        const json = absent.reduce<unknown>(withoutField, payload)
        assert.deepStrictEqual(kept(json), json)
      }
    )

    it(`${name} names the required field that is missing`, () => {
      for (const name of required) {
        const path = paths.find((path) => path.join(".") === name) ?? assert.fail(name)
        const message = problem(withoutField(payload, path)) ?? assert.fail(`${name} is not required`)
        for (const key of path) assert.include(message, /^\d+$/.test(key) ? `[${key}]` : `["${key}"]`)
        assert.include(message, "is missing")
      }
    })
  })
}

describe("FeishuEvents", () => {
  it("lists each definition in a test", () => {
    const definitions = Object.entries(FeishuEvents).filter(([, value]) => isObject(value) && "_tag" in value)
    assert.deepStrictEqual(definitions.map(([name]) => name).toSorted(), Object.keys(cases).toSorted())
  })

  it("describes the events that it does not list", () => {
    const OrderPaid = FeishuEvents.make({
      type: "order_paid",
      payload: Schema.Struct({ order_id: Schema.NumberFromString }),
      key: ({ order_id }) => String(order_id)
    })
    const payload = Schema.decodeSync(OrderPaid.payload)({ order_id: "1" })
    assert.strictEqual(OrderPaid._tag, "Event")
    assert.strictEqual(OrderPaid.key?.(payload), "1")
  })
})

const decoded = <A, I>({ payload }: { readonly payload: Schema.Schema<A, I> }, json: unknown): A =>
  Schema.decodeUnknownSync(payload)(json)

describe("FeishuEvents.MessageReceived", () => {
  const { key } = FeishuEvents.MessageReceived
  const received = decoded(FeishuEvents.MessageReceived, examples.messageReceived.event)

  it("the key of a message is its id", () => {
    assert.strictEqual(key?.(received), "om_5ce6d572455d361153b7cb51da133945")
  })

  it("textOf returns the text of a text message", () => {
    assert.strictEqual(Option.getOrNull(FeishuEvents.textOf(received.message)), "@_user_1 hello")
  })

  it("textOf returns None for another type of message", () => {
    const image = { message_type: "image", content: "{\"image_key\":\"img_v2\",\"text\":\"no\"}" }
    assert.strictEqual(Option.getOrNull(FeishuEvents.textOf(image)), null)
  })

  it.each(["", "{", "[]", "null", "{}", "{\"text\":1}"])("textOf returns None for the content %s", (content) => {
    assert.strictEqual(Option.getOrNull(FeishuEvents.textOf({ message_type: "text", content })), null)
  })
})

describe("FeishuEvents.BotMenuClicked", () => {
  it("the time of a click in the menu is a number or a string", () => {
    for (const timestamp of [1669364458, "1669364458"]) {
      const payload = { ...examples.botMenuClicked.event, timestamp }
      assert.strictEqual(decoded(FeishuEvents.BotMenuClicked, payload).timestamp, timestamp)
    }
  })
})

describe("FeishuEvents.CardAction", () => {
  const { action, token } = examples.cardAction.event
  const decodeAction = (fields: object) =>
    decoded(FeishuEvents.CardAction, { ...examples.cardAction.event, action: { tag: "button", ...fields } }).action

  it("the value of a component is an object or a string", () => {
    assert.deepStrictEqual(decodeAction({ value: action.value }).value, { key: "value" })
    assert.deepStrictEqual(decodeAction({ value: "a string" }).value, "a string")
  })

  it("an action keeps what components outside a form send", () => {
    const fields = { tag: "input", input_value: "text", option: "1", options: ["1", "2"], checked: false }
    assert.deepStrictEqual(decodeAction(fields), fields)
  })

  it("the token is redacted", () => {
    const payload = decoded(FeishuEvents.CardAction, examples.cardAction.event)
    assert.strictEqual(Redacted.value(payload.token), token)
    assert.notInclude(everything(payload), token)
  })

  it.each([
    ["without an operator", { ...examples.cardAction.event, operator: undefined }],
    ["with a token in an array", { ...examples.cardAction.event, token: [token] }],
    ["with a token in an object", { ...examples.cardAction.event, token: { token } }]
  ])("the token is not in the error for an action %s", (_, payload) => {
    const result = Schema.decodeUnknownEither(FeishuEvents.CardAction.payload, { errors: "all" })(payload)
    const error = Either.match(result, { onLeft: (error) => error, onRight: () => assert.fail("it was decoded") })
    assert.notInclude(everything(error), token)
    assert.notInclude(Cause.pretty(Cause.fail(error)), token)
  })

  it.effect("the token is in no log of a payload", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const payload = decoded(FeishuEvents.CardAction, examples.cardAction.event)
      const loggers = [Logger.stringLogger, Logger.logfmtLogger, Logger.jsonLogger]
      for (const logger of loggers) {
        const written = Logger.map(logger, (line) => lines.push(line))
        yield* Effect.logInfo("a card action", payload).pipe(
          Effect.annotateLogs({ payload }),
          Effect.provide(Logger.replace(Logger.defaultLogger, written))
        )
      }
      assert.lengthOf(lines, 3)
      for (const line of lines) {
        assert.include(line, "Button_lvkepfu3")
        assert.notInclude(line, token)
      }
    }))

  const encode = (answer: FeishuEvents.CardActionAnswer): unknown =>
    Schema.encodeSync(FeishuEvents.CardAction.answer)(answer)
  const toast = FeishuEvents.toast("info", "卡片交互成功", { zh_cn: "卡片交互成功", en_us: "card action success" })

  it("an answer with a card that is JSON is the page's example", () => {
    const card = FeishuEvents.card(examples.rawCardAnswer.card.data)
    assert.deepStrictEqual(encode({ toast, card }), examples.rawCardAnswer)
  })

  it("an answer with a template is the page's example", () => {
    const card = FeishuEvents.templateCard("AAqi6xJ8rabcd", {
      version: "1.0.0",
      variables: { open_id: "ou_d506829e8b6a17607e56bcd6b1aabcef" }
    })
    assert.deepStrictEqual(encode({ toast, card }), examples.templateCardAnswer)
  })

  it("each part of an answer is optional", () => {
    assert.deepStrictEqual(encode({}), {})
    assert.deepStrictEqual(encode({ toast: FeishuEvents.toast("warning", "no") }), {
      toast: { type: "warning", content: "no" }
    })
    assert.deepStrictEqual(encode({ toast: { i18n: { en_us: "no" } } }), { toast: { i18n: { en_us: "no" } } })
    assert.deepStrictEqual(encode({ card: FeishuEvents.templateCard("AAq") }), {
      card: { type: "template", data: { template_id: "AAq" } }
    })
  })

  it.each([
    ["toast of an unknown type", { toast: { type: "fatal", content: "no" } }],
    ["card of an unknown type", { card: { type: "card_json", data: {} } }],
    ["template without an id", { card: { type: "template", data: {} } }]
  ])("an answer with a %s is refused", (_, answer) => {
    assert.isTrue(Either.isLeft(Schema.encodeUnknownEither(FeishuEvents.CardAction.answer)(answer)))
  })
})

describe("FeishuEvents.LinkPreview", () => {
  it("a link in a message that the user is typing has no message", () => {
    const context = { url: "https://example.com/1", preview_token: "", open_message_id: "", open_chat_id: "" }
    const payload = { ...examples.linkPreview.event, context }
    assert.deepStrictEqual(decoded(FeishuEvents.LinkPreview, payload).context, context)
  })

  const encode = (answer: FeishuEvents.LinkPreviewAnswer): unknown =>
    Schema.encodeSync(FeishuEvents.LinkPreview.answer)(answer)

  it("an answer with a title and a template is the page's example", () => {
    const { image_key } = examples.linkPreviewAnswer.inline
    const answer = encode({
      inline: { i18n_title: { zh_cn: "smart card test click jump & rich text" }, image_key },
      card: FeishuEvents.templateCard("AAqVG2xxxxxBS", { version: "1.0.0", variables: {} })
    })
    assert.deepStrictEqual(answer, examples.linkPreviewAnswer)
  })

  it("an answer keeps each field of the page", () => {
    const url = { copy_url: "https://a", ios: "https://b", android: "https://c", pc: "https://d", web: "https://e" }
    const answer = { inline: { title: "a title", i18n_title: {}, image_key: "img_1", url } }
    assert.deepStrictEqual(encode(answer), answer)
    assert.deepStrictEqual(encode({}), {})
  })
})
