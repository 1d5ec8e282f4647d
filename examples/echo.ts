/** A bot in some 20 lines: replies to each text message with the text. */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpBody, HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { createServer } from "node:http"

const echo = EventHandler.on(
  FeishuEvents.MessageReceived,
  ({ payload: { message }, tenantKey }) =>
    Effect.gen(function*() {
      if (message.message_type !== "text") return
      const client = yield* FeishuClient.forTenant(yield* tenantKey)
      const body = HttpBody.unsafeJson({ msg_type: "text", content: message.content, uuid: message.message_id })
      const response = yield* client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, { body })
      yield* FeishuClient.filterCodeOk(response)
    })
)

HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(EventSubscription.layer({ handlers: [echo] })),
  Layer.provide(AccessToken.layer()),
  Layer.provide(AppTicket.layer()),
  Layer.provide([TicketStore.layerMemory, TokenStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
