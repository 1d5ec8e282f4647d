/**
 * Acknowledges each message at once, and replies in the background. When the process is stopped, it finishes its replies.
 * If the process dies, the replies under way are lost: `durable-queue.ts` loses none.
 */
import {
  AccessToken,
  AppTicket,
  BackgroundTasks,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  type FeishuEvent,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpBody, HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { createServer } from "node:http"

const reply = (
  { payload: { message }, tenantKey }: FeishuEvent.FeishuEvent<typeof FeishuEvents.MessageReceived.payload.Type>
) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(yield* tenantKey)
    const response = yield* client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, {
      body: HttpBody.unsafeJson({ msg_type: "text", content: JSON.stringify({ text: "We will look into it." }) })
    })
    yield* FeishuClient.filterCodeOk(response)
    yield* Effect.logInfo(`replied to ${message.message_id}`)
  })

const Subscription = EventSubscription.layer({
  handlers: [
    // Fails if there are too many tasks, and the platform pushes the event again.
    EventHandler.on(FeishuEvents.MessageReceived, (event) => BackgroundTasks.add(reply(event)))
  ],
  backgroundTasks: { capacity: 1000, concurrency: 10, drainFor: "8 seconds" }
})

HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(Subscription),
  Layer.provide(AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))),
  Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
