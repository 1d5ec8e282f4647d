/** The content of a delivery, and how the content is shown. */
import { FeishuApp, FeishuEvents } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Either, Option, Redacted } from "effect"
import * as Delivered from "../src/serve/deliveries/Delivered.js"
import { NoAnswer } from "../src/serve/deliveries/Forward.js"
import * as Shown from "../src/serve/deliveries/Shown.js"
import { appOf, eventOf, seal, ticketOf } from "./receiving.js"

const mine = appOf("cli_mine")
const key = mine.encryptKey ?? Redacted.make("")
const encryptKey = Option.some(key)

const read = (text: string) =>
  Effect.flatMap(seal(mine, text), ({ body }) => Delivered.read(Buffer.from(body), encryptKey))

const readPlain = (text: string) => Delivered.read(Buffer.from(text), Option.none())

const oldCard = { open_id: "ou_1", open_message_id: "om_1", tenant_key: "t_1", token: "c-0123456789abcdef", action: {} }

describe("the content of a delivery", () => {
  it.effect("of schema 2.0 is read, encrypted or not", () =>
    Effect.gen(function*() {
      const text = eventOf(mine, "a.type_v1", { a: "你好" })
      const expected = Option.some({
        kind: "event" as const,
        type: "a.type_v1",
        id: "event-1",
        tenantKey: Option.some("tenant_1"),
        createdAt: DateTime.make(1_760_000_000_000),
        payload: { a: "你好" }
      })
      assert.deepStrictEqual(yield* read(text), expected)
      assert.deepStrictEqual(yield* readPlain(text), expected)
    }))

  it.effect("of schema 1.0 is read", () =>
    Effect.gen(function*() {
      const event = { app_id: "cli_mine", tenant_key: "tenant_2", type: "app_open" }
      const text = JSON.stringify({ ts: "1502199207.7171419", uuid: "event-2", type: "event_callback", event })
      assert.deepStrictEqual(
        yield* read(text),
        Option.some({
          kind: "event" as const,
          type: "app_open",
          id: "event-2",
          tenantKey: Option.some("tenant_2"),
          createdAt: DateTime.make(1_502_199_207_717),
          payload: event
        })
      )
    }))

  for (
    const [what, text, expected] of [
      ["a ticket", ticketOf(mine, "the-ticket", "1502199207"), ["ticket", "app_ticket", "ticket-1"]],
      [
        "a handshake",
        JSON.stringify({ type: "url_verification", challenge: "c", token: "t" }),
        ["challenge", "url_verification", ""]
      ],
      ["a card", eventOf(mine, FeishuEvents.CardAction.type), ["callback", "card.action.trigger", "event-1"]],
      ["a link", eventOf(mine, FeishuEvents.LinkPreview.type), ["callback", "url.preview.get", "event-1"]],
      ["an old card", JSON.stringify(oldCard), ["callback", "card.action.trigger_v1", ""]],
      [
        "an old card in a new envelope",
        eventOf(mine, "card.action.trigger_v1"),
        ["callback", "card.action.trigger_v1", "event-1"]
      ]
    ] as const
  ) {
    it.effect(`is that of ${what}`, () =>
      Effect.gen(function*() {
        const delivered = Option.getOrThrow(yield* read(text))
        assert.deepStrictEqual([delivered.kind, delivered.type, delivered.id], [...expected])
      }))
  }

  it.effect("is none if the bytes are no delivery, or are encrypted with another key", () =>
    Effect.gen(function*() {
      for (const text of ["", "[]", "null", "{}", "{\"a\":1}", "no JSON", "{\"encrypt\":\"no base64\"}"]) {
        assert.deepStrictEqual(yield* readPlain(text), Option.none())
      }
      const { body } = yield* seal(mine, eventOf(mine, "a.type_v1"))
      const another = Option.some(Redacted.make("another"))
      assert.deepStrictEqual(yield* Delivered.read(Buffer.from(body), another), Option.none())
      assert.deepStrictEqual(yield* Delivered.read(Buffer.from(body), Option.none()), Option.none())
    }))
})

const cardToken = "c-295ee57216a5dc9de90fefd0aadb4b1d7d"

const shownOf = (text: string, more: Partial<Shown.Shown> = {}) =>
  Effect.gen(function*() {
    const app = yield* FeishuApp.make(mine)
    const delivered = Option.getOrThrow(yield* read(text))
    return { ...delivered, app, status: 200, forwarded: undefined, savedAs: undefined, ...more }
  })

const answered = (text: string, status = 200): Partial<Shown.Shown> => ({
  forwarded: {
    millis: 12,
    result: Either.right({ status, contentType: undefined, body: Buffer.from(text) })
  }
})

const show = (shown: Shown.Shown, reveal = false) => ({
  line: Shown.showLine(shown, { reveal, namesApp: false }),
  json: JSON.stringify(Shown.toJson(shown, { reveal }))
})

const click = eventOf(mine, "card.action.trigger", { token: cardToken, action: { value: { token: "mine" } } })

describe("a delivery that is shown", () => {
  it.effect("has a line with its type, its id and what came of it", () =>
    Effect.gen(function*() {
      const shown = yield* shownOf(eventOf(mine, "a.type_v1"), { status: 503 })
      assert.strictEqual(
        show(shown).line,
        "a.type_v1, event-1, tenant tenant_1, of 2025-10-09T08:53:20Z, answered 503"
      )
      const handedOn = { ...shown, ...answered("{\n  \"a\": 1\n}", 200), savedAs: "/folder/file.json" }
      assert.strictEqual(
        Shown.showLine(handedOn, { reveal: false, namesApp: true }),
        "a.type_v1, event-1, app cli_mine, tenant tenant_1, of 2025-10-09T08:53:20Z, handed on: 200 after 12ms, { \"a\": 1 }, "
          + "saved as /folder/file.json"
      )
      const lost = {
        ...shown,
        forwarded: { millis: 5, result: Either.left(new NoAnswer({ reason: "Late", message: "is late" })) }
      }
      assert.include(show(lost).line, "not handed on: the target is late")
    }))

  it.effect("has all of it as JSON", () =>
    Effect.gen(function*() {
      const shown = yield* shownOf(eventOf(mine, "a.type_v1", { a: 1 }), { ...answered("done", 500), status: 500 })
      assert.deepStrictEqual(Shown.toJson(shown, { reveal: false }), {
        appId: "cli_mine",
        kind: "event",
        eventType: "a.type_v1",
        id: "event-1",
        tenantKey: "tenant_1",
        createdAt: "2025-10-09T08:53:20Z",
        payload: { a: 1 },
        status: 500,
        forwarded: { status: 500, millis: 12, text: "done" }
      })
    }))

  it.effect("hides the token of a card, also in the answer of the target, unless it is to be revealed", () =>
    Effect.gen(function*() {
      const shown = yield* shownOf(
        click,
        answered(`{"card":{"seen":"${cardToken}"},"access_token":"t-0123456789abcdefgh"}`)
      )
      const hidden = show(shown)
      assert.notInclude(hidden.line + hidden.json, cardToken)
      assert.notInclude(hidden.line + hidden.json, "t-0123456789abcdefgh")
      assert.include(hidden.line, "\"seen\":\"c-29…\"")
      assert.include(hidden.json, "\"value\":{\"token\":\"mine\"}")
      const revealed = show(shown, true)
      assert.include(revealed.line, cardToken)
      assert.include(revealed.json, cardToken)
    }))

  it.effect("hides a ticket", () =>
    Effect.gen(function*() {
      const ticket = "the-ticket-0123456789"
      const shown = yield* shownOf(ticketOf(mine, ticket, "1502199207"), answered(`got ${ticket}`))
      assert.notInclude(JSON.stringify(show(shown)), ticket)
      assert.include(show(shown, true).json, ticket)
    }))

  it.effect("hides the secrets of the app in every case", () =>
    Effect.gen(function*() {
      const secrets = [mine.appSecret, mine.verificationToken, key].map(Redacted.value)
      const shown = yield* shownOf(click, answered(secrets.join(" and ")))
      for (const reveal of [true, false]) {
        for (const secret of secrets) assert.notInclude(JSON.stringify(show(shown, reveal)), secret)
      }
    }))

  it.effect("steers no terminal, and is cut off if it is long", () =>
    Effect.gen(function*() {
      const shown = yield* shownOf(eventOf(mine, "a.\u001b[2Jtype"), answered("\u001b[2J\nx".repeat(10_000)))
      const { json, line } = show(shown)
      assert.notInclude(line, "\u001b")
      assert.notInclude(line, "\n")
      assert.isBelow(line.length, 400)
      assert.isBelow(json.length, 100_000)
    }))
})
