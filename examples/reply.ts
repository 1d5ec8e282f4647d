/** What an app does that takes longer than a handler may. The examples beside this file share it. */
import { FeishuClient, type FeishuEvent, type FeishuEvents } from "@effect-feishu/core"
import { HttpBody } from "@effect/platform"
import { Effect } from "effect"

export const reply = (
  { payload: { message }, tenantKey }: FeishuEvent.FeishuEvent<typeof FeishuEvents.MessageReceived.payload.Type>
) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(yield* tenantKey)
    const sent = client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, {
      body: HttpBody.unsafeJson({
        msg_type: "text",
        content: JSON.stringify({ text: "We will look into it." }),
        // The platform sends one reply for each `uuid` within an hour (page "回复消息"), so the call may be sent twice.
        uuid: message.message_id
      })
    })
    yield* Effect.flatMap(FeishuClient.idempotent(sent), FeishuClient.filterCodeOk)
    yield* Effect.logInfo(`replied to ${message.message_id}`)
  })
