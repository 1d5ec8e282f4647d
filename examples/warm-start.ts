/**
 * A server that has a ticket soon after a deploy: the ticket is in a file, which the next process reads. GET /readyz tells
 * whether there is a ticket.
 */
import { AppTicket, EventHttpApp, EventSubscription, FeishuApp, FeishuClient, TicketStore } from "@effect-feishu/core"
import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeKeyValueStore, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer } from "effect"
import { createServer } from "node:http"

// The ticket is a secret: let nobody else read this directory. Keep the directory when a new version is deployed.
const Tickets = Layer.unwrapEffect(
  Effect.map(
    Config.withDefault(Config.string("TICKET_DIRECTORY"), ".tickets"),
    (directory) => Layer.provide(TicketStore.layerKeyValueStore(), NodeKeyValueStore.layerFileSystem(directory))
  )
)

// A request waits for a ticket for 20 s at most, because the proxy in front of this server waits for 30 s.
const Ticket = AppTicket.layer({ waitFor: "20 seconds" })

/** Answers 200 if there is a ticket. Otherwise asks the platform for one, and answers 503 after a second. */
const Ready = HttpLayerRouter.use((router) =>
  Effect.flatMap(AppTicket.AppTicket, (ticket) =>
    router.add(
      "GET",
      "/readyz",
      ticket.get.pipe(
        Effect.as(HttpServerResponse.text("There is a ticket.\n")),
        Effect.timeout("1 second"),
        Effect.catchAll(({ message }) => HttpServerResponse.text(`There is no ticket: ${message}\n`, { status: 503 }))
      )
    ))
)

// `SIGTERM` and Ctrl-C close the layers: the server finishes its answers, the subscription its handlers and tasks.
HttpLayerRouter.serve(Layer.merge(EventHttpApp.layer("/webhook/event"), Ready)).pipe(
  Layer.provide([Ticket, EventSubscription.layer()]),
  Layer.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch, Tickets]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
