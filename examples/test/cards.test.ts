/** The bot of `cards.ts` as a process of its own. The emulator presses its buttons. */
import { FeishuEvents } from "@effect-feishu/core"
import { Emulator, Journal } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { app, secrets, startServer } from "./programs.js"

const appId = "cli_cards"
const path = "/open-apis/interactive/v1/card/update"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [app(appId)] }))

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })((it) => {
  it.scoped(
    "cards.ts answers clicks and links at once, and updates a card after work that takes longer",
    () =>
      Effect.gen(function*() {
        const { emulator, output } = yield* startServer(["cards.ts"], appId)
        const click = (name: string) =>
          emulator.callback(appId, { type: FeishuEvents.CardAction.type, payload: { action: { name } } })

        assert.deepInclude(yield* click("approve"), { toast: { type: "success", content: "Approved." } })
        assert.deepStrictEqual(yield* click("details"), {
          card: { type: "template", data: { template_id: "AAq_details", template_variable: { title: "Details" } } }
        })
        assert.deepStrictEqual(
          yield* emulator.callback(appId, {
            type: FeishuEvents.LinkPreview.type,
            payload: { context: { url: "https://example.com/T-1" } }
          }),
          { inline: { title: "Ticket T-1" } }
        )

        assert.deepStrictEqual(yield* click("report"), {
          toast: { type: "info", content: "The report takes a moment." }
        })
        const entries = yield* Effect.repeat(emulator.journal, {
          until: (entries) => entries.some((entry) => entry._tag === "Call" && entry.path === path),
          schedule: Schedule.spaced("20 millis")
        }).pipe(Effect.andThen(emulator.journal))
        const update = entries.findIndex((entry) => entry._tag === "Call" && entry.path === path)
        assert.deepInclude(entries[update], {
          method: "POST",
          appId,
          tenantKey: "tenant_1",
          token: "valid",
          status: 200,
          code: 0
        })
        // The platform refuses an update that comes before the answer.
        const answered = entries.slice(0, update).filter(Journal.$is("Push")).filter(({ eventType }) =>
          eventType === FeishuEvents.CardAction.type
        )
        assert.strictEqual(answered.length, 3)
        const text = yield* output
        for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
      }),
    { timeout: 60_000 }
  )
})
