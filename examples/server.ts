/** A web server with a ticket: it receives the events at /webhook/event, and has a page that needs the ticket. */
import { AppTicket, EventHttpApp, EventSubscription, FeishuApp, FeishuClient, TicketStore } from "@effect-feishu/core"
import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, DateTime, Effect, Layer } from "effect"
import { createServer } from "node:http"

const Webhook = EventHttpApp.layer("/webhook/event")

const Page = HttpLayerRouter.use((router) =>
  Effect.flatMap(AppTicket.AppTicket, (ticket) =>
    router.add(
      "GET",
      "/ticket",
      Effect.map(ticket.get, ({ sentAt }) => HttpServerResponse.text(`sent at ${DateTime.formatIso(sentAt)}`))
    ))
)

HttpLayerRouter.serve(Layer.merge(Webhook, Page)).pipe(
  Layer.provide([AppTicket.layer(), EventSubscription.layer()]),
  Layer.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch, TicketStore.layerMemory]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
