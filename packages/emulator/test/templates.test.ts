/** The templates of events and callbacks, against the schemas of the library. */
import { FeishuEvents } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Predicate, Schema } from "effect"
import * as Emulator from "../src/Emulator.js"
import { templates } from "../src/internal/control/templates.js"
import * as Client from "./client.js"

type Definition = FeishuEvents.Definition<unknown> | FeishuEvents.CallbackDefinition<unknown, unknown, unknown, unknown>

const isDefinition = (value: unknown): value is Definition =>
  Predicate.isTagged(value, "Event") || Predicate.isTagged(value, "Callback")

const definitions = Object.values<unknown>(FeishuEvents).filter(isDefinition)

/** Returns the `event` object that an app gets after a push of this template. */
const received = (template: typeof templates[number]) => {
  const receiver = Client.receiver(Client.storeApp)
  return Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const send = template.kind === "callback" ? emulator.callback : emulator.pushAndWait
    yield* send("cli_store", template)
    const [event] = receiver.events
    return event?.["event"] as unknown
  }).pipe(Effect.provide(
    Layer.fresh(Emulator.layerHttpClient({ apps: [{ ...Client.storeApp, requestUrl: receiver.requestUrl }] }))
  ))
}

describe("templates", () => {
  it("there is one template for each event and each callback of FeishuEvents", () => {
    assert.deepStrictEqual(
      templates.map(({ kind, type }) => `${kind} ${type}`).toSorted(),
      definitions.map(({ _tag, type }) => `${_tag.toLowerCase()} ${type}`).toSorted()
    )
  })

  for (const definition of definitions) {
    it.effect(`the template of ${definition.type} arrives as the schema of FeishuEvents has it`, () =>
      Effect.gen(function*() {
        const template = templates.find(({ type }) => type === definition.type) ?? assert.fail("no template")
        yield* Schema.decodeUnknown(definition.payload)(yield* received(template))
      }))
  }

  it("each template has a title in English and in Chinese", () => {
    for (const { titles, type } of templates) {
      assert.match(titles.en, /^[\x20-\x7e]+$/, type)
      assert.match(titles.zh, /^[\u4e00-\u9fff]+$/, type)
    }
  })
})
