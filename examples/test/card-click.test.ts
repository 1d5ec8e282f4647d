import { EventHandler, FeishuEvents } from "@effect-feishu/core"
import { Emulator, EmulatorTest } from "@effect-feishu/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, Schema } from "effect"

/** Your handler: the card's buttons have a value. */
const Choice = Schema.Struct({ choice: Schema.Literal("approve", "reject") })
const onClick = EventHandler.callback(
  FeishuEvents.CardAction,
  ({ payload }) =>
    Effect.map(Schema.decodeUnknown(Choice)(payload.action.value), ({ choice }) => ({
      toast: FeishuEvents.toast("success", `You chose ${choice}.`)
    }))
)

const Live = EmulatorTest.layerTicket({ subscription: { handlers: [onClick] } })

const click = (value: unknown) =>
  Effect.flatMap(
    Emulator.Emulator,
    (emulator) =>
      emulator.callback("cli_test", { type: "card.action.trigger", payload: { action: { tag: "button", value } } })
  )

it.effect("shows the user a toast after a click", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* click({ choice: "approve" }), {
      toast: { type: "success", content: "You chose approve." }
    })
  }).pipe(
    // The layer runs the handler, so the layer needs the logger: the reason of a handler that fails is printed.
    Effect.provide(Layer.provide(Live, Logger.pretty))
  ))

it.effect("shows the user a failure after a click on a button of an older card, and logs the reason", () => {
  const logged: Array<string> = []
  const logger = Logger.make((line) => logged.push(Logger.logfmtLogger.log(line)))
  return Effect.gen(function*() {
    assert.deepStrictEqual(yield* click("approve"), { toast: FeishuEvents.failureToast })
    assert.include(logged.join("\n"), "Expected { readonly choice: \\\"approve\\\" | \\\"reject\\\" }")
  }).pipe(Effect.provide(Layer.provide(Live, Logger.add(logger))))
})
