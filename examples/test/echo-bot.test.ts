import { EventHandler, FeishuClient, FeishuEvents } from "@effect-feishu/core"
import { Emulator, EmulatorTest, Journal } from "@effect-feishu/emulator"
import { HttpBody } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"

/** Your bot replies to each message with the content of the message. */
const echo = EventHandler.on(
  FeishuEvents.MessageReceived,
  ({ payload: { message }, tenantKey }) =>
    Effect.gen(function*() {
      const client = yield* FeishuClient.forTenant(yield* tenantKey)
      const response = yield* client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, {
        body: HttpBody.unsafeJson({ msg_type: "text", content: message.content })
      })
      yield* FeishuClient.filterCodeOk(response)
    })
)

const Live = EmulatorTest.layerToken({ subscription: { handlers: [echo] } })

/** What a user sends to the bot. */
const message = {
  type: "im.message.receive_v1",
  payload: {
    sender: { sender_type: "user" },
    message: {
      message_id: "om_1",
      create_time: "1700000000000",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: "text",
      content: "{\"text\":\"hi\"}"
    }
  }
}

it.effect("replies to a message", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.answer("/open-apis/im/v1/messages/:message_id/reply", { message_id: "om_2" })
    const delivered = yield* emulator.pushAndWait("cli_test", message)
    assert.strictEqual(delivered.outcome, "acknowledged")
    const reply = (yield* emulator.journal).findLast(Journal.$is("Call"))
    assert.strictEqual(reply?.path, "/open-apis/im/v1/messages/om_1/reply")
    assert.include(reply?.received?.text, "hi")
  }).pipe(
    // The layer runs the handler, so the layer needs the logger: the reason of a handler that fails is printed.
    Effect.provide(Layer.provide(Live, Logger.pretty))
  ))
