/** A button that is pressed in a test. */
import { EventHandler } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, LogLevel, Schema, TestClock } from "effect"
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
      assert.nestedPropertyVal(yield* press("fail"), "toast.type", "error")
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
        "the answer is no JSON object": { status: 200, body: "" },
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
      assert.strictEqual(deliveries, 4)
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

  it.effect("fails for an app that there is not", () =>
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const error = yield* Effect.flip(callback("cli_unknown", { type: "card.action.trigger", payload: {} }))
      assert.strictEqual(error._tag, "UnknownApp")
    }).pipe(Effect.provide(EmulatorTest.layer())))
})
