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
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Layer } from "effect"
import { createServer } from "node:http"
import { reply } from "./reply.js"

const Subscription = EventSubscription.layer({
  handlers: [
    // Fails if there are too many tasks, and the platform pushes the event again.
    EventHandler.on(FeishuEvents.MessageReceived, (event) => BackgroundTasks.add(reply(event)))
  ],
  backgroundTasks: { capacity: 1000, concurrency: 10, drainFor: "5 seconds" }
})

HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(Subscription),
  Layer.provide(AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))),
  Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
