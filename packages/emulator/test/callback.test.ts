/** A button that is pressed in a test. */
import { EventHandler, FeishuEvents } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, LogLevel, Option, Redacted, Schema, TestClock } from "effect"
import type { RequestUrl } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as EmulatorTest from "../src/EmulatorTest.js"
import * as Journal from "../src/Journal.js"

const Choice = Schema.Struct({ action: Schema.Struct({ value: Schema.Struct({ choice: Schema.String }) }) })

const press = (choice: string) =>
  Effect.flatMap(
    Emulator.Emulator,
    ({ callback }) => callback("cli_test", { type: "card.action.trigger", payload: { action: { value: { choice } } } })
  )

const silent = Effect.provide(Logger.minimumLogLevel(LogLevel.None))

describe("Emulator.callback", () => {
  it.effect("returns what the user sees", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* press("yes"), { toast: { type: "info", content: "yes" } })
      assert.deepStrictEqual(yield* press("fail"), { toast: FeishuEvents.failureToast })
      const { journal } = yield* Emulator.Emulator
      assert.deepStrictEqual(
        (yield* journal).filter(Journal.$is("Push")).map((
          { attempt, eventType, outcome }
        ) => [eventType, attempt, outcome]),
        [["card.action.trigger", 1, "acknowledged"], ["card.action.trigger", 1, "acknowledged"]]
      )
    }).pipe(
      Effect.provide(EmulatorTest.layerTicket({
        subscription: {
          handlers: [
            EventHandler.callback("card.action.trigger", Choice, ({ payload: { action: { value: { choice } } } }) =>
              choice === "fail" ? Effect.fail("no") : Effect.succeed({ toast: { type: "info", content: choice } }))
          ]
        }
      })),
      silent
    ))

  const withUrl = (requestUrl: RequestUrl) => EmulatorTest.layer({ app: { requestUrl } })

  it.effect("fails and says why if the user sees an error, and sends nothing again", () =>
    Effect.gen(function*() {
      let deliveries = 0
      const shape = "the answer is not of the shape that card.action.trigger allows"
      const answers = {
        "the answer has the HTTP status 500 instead of 200": { status: 500, body: "" },
        "the answer is no JSON object": { status: 200, body: "OK" },
        "the answer is empty: is there an EventHandler.callback for card.action.trigger?": { status: 200, body: "" },
        [`${shape}: toast.content: Expected string, actual 1, or Expected undefined, actual 1`]: {
          status: 200,
          body: "{\"toast\":{\"content\":1}}"
        },
        [`${shape}: card.type: is missing`]: { status: 200, body: "{\"card\":{\"elements\":[]}}" }
      }
      for (const [reason, answer] of Object.entries(answers)) {
        const error = yield* Effect.flip(press("yes")).pipe(Effect.provide(withUrl(() =>
          Effect.sync(() => {
            deliveries++
            return answer
          })
        )))
        assert.deepInclude(error, { _tag: "CallbackError", reason })
        yield* TestClock.adjust("8 hours")
      }
      assert.strictEqual(deliveries, 5)
      const late = yield* Effect.fork(Effect.flip(press("yes")).pipe(Effect.provide(withUrl(() => Effect.never))))
      yield* TestClock.adjust("3 seconds")
      assert.deepInclude(yield* Fiber.join(late), { _tag: "CallbackError", reason: "timed out" })
    }).pipe(silent))

  it.effect("checks the shape of the answer to a callback of a known type only", () =>
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const send = (type: string) => callback("cli_test", { type, payload: {} })
      assert.deepStrictEqual(yield* send("profile.view.get"), { inline: "a title" })
      assert.deepInclude(yield* Effect.flip(send("url.preview.get")), {
        reason:
          "the answer is not of the shape that url.preview.get allows: inline: Expected Inline, actual \"a title\", "
          + "or Expected undefined, actual \"a title\""
      })
    }).pipe(Effect.provide(withUrl(() => Effect.succeed({ status: 200, body: "{\"inline\":\"a title\"}" })))))

  it.effect("names the known callbacks if a misspelled type gets an empty answer", () =>
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const error = yield* Effect.flip(callback("cli_test", { type: "card.action.triger", payload: {} }))
      assert.strictEqual(
        error.message,
        "The user of cli_test sees an error in place of the answer to card.action.triger: the answer is empty: "
          + "card.action.triger is not a known callback (card.action.trigger, url.preview.get) and has no "
          + "EventHandler.callback"
      )
    }).pipe(Effect.provide(EmulatorTest.layerTicket()), silent))

  it.effect("sends what a click always has, unless the event has it or leaves it out with undefined", () => {
    const clicks: Array<FeishuEvents.CardAction & { readonly tenantKey: Option.Option<string> }> = []
    return Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const click = (payload: Readonly<Record<string, unknown>>, tenantKey?: string) =>
        callback("cli_test", { type: "card.action.trigger", tenantKey, payload })
      const noted = { toast: { type: "success", content: "noted" } }
      assert.deepStrictEqual(yield* click({ action: { tag: "button", value: { choice: "yes" } } }), noted)
      assert.deepStrictEqual(
        yield* click({
          operator: { open_id: "ou_1" },
          token: "c-1",
          action: { value: "no" },
          host: undefined,
          context: { url: "https://example.com/1", open_chat_id: undefined }
        }, "tenant_2"),
        noted
      )
      yield* click({})
      assert.deepStrictEqual(yield* click({ operator: undefined }), { toast: FeishuEvents.failureToast })
      assert.deepStrictEqual(clicks.map(({ token: _, ...click }) => click), [
        {
          tenantKey: Option.some("tenant_1"),
          operator: { open_id: "ou_emulator", tenant_key: "tenant_1" },
          action: { tag: "button", value: { choice: "yes" } },
          host: "im_message",
          context: { open_message_id: "om_emulator", open_chat_id: "oc_emulator" }
        },
        {
          tenantKey: Option.some("tenant_2"),
          operator: { open_id: "ou_1", tenant_key: "tenant_2" },
          action: { tag: "button", value: "no" },
          context: { url: "https://example.com/1", open_message_id: "om_emulator" }
        },
        {
          tenantKey: Option.some("tenant_1"),
          operator: { open_id: "ou_emulator", tenant_key: "tenant_1" },
          action: { tag: "button" },
          host: "im_message",
          context: { open_message_id: "om_emulator", open_chat_id: "oc_emulator" }
        }
      ])
      const tokens = clicks.map(({ token }) => Redacted.value(token))
      assert.strictEqual(tokens[1], "c-1")
      assert.match(tokens[0] ?? "", /^c-\w{40}$/)
      assert.notStrictEqual(tokens[0], tokens[2])
    }).pipe(
      Effect.provide(EmulatorTest.layerTicket({
        subscription: {
          handlers: [EventHandler.callback(FeishuEvents.CardAction, ({ payload, tenantKey }) =>
            Effect.sync(() => {
              clicks.push({ ...payload, tenantKey })
              return { toast: FeishuEvents.toast("success", "noted") }
            }))]
        }
      })),
      silent
    )
  })

  it.effect("sends what a link preview always has", () =>
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const preview = (context?: object) =>
        callback("cli_test", { type: "url.preview.get", payload: context === undefined ? {} : { context } })
      assert.deepStrictEqual(yield* preview(), { inline: { title: "https://example.com/ for ou_emulator" } })
      assert.deepStrictEqual(yield* preview({ url: "https://example.com/1" }), {
        inline: { title: "https://example.com/1 for ou_emulator" }
      })
    }).pipe(
      Effect.provide(EmulatorTest.layerTicket({
        subscription: {
          handlers: [EventHandler.callback(FeishuEvents.LinkPreview, ({ payload: { context, operator } }) =>
            Effect.succeed({ inline: { title: `${context.url} for ${operator.open_id}` } }))]
        }
      })),
      silent
    ))

  it.effect("fails for an app that there is not", () =>
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const error = yield* Effect.flip(callback("cli_unknown", { type: "card.action.trigger", payload: {} }))
      assert.strictEqual(error._tag, "UnknownApp")
    }).pipe(Effect.provide(EmulatorTest.layer())))
})
