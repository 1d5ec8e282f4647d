/**
 * A web server whose traces, metrics and log lines go to an OpenTelemetry collector by OTLP/HTTP. GET /tenants/KEY shows who the
 * tenant is.
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
import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient, HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { reply } from "./reply.js"

const Telemetry = Layer.unwrapEffect(Effect.gen(function*() {
  const baseUrl = yield* Config.withDefault(Config.string("OTEL_EXPORTER_OTLP_ENDPOINT"), "http://localhost:4318")
  const serviceName = yield* Config.withDefault(Config.string("OTEL_SERVICE_NAME"), "feishu-service")
  return Otlp.layerJson({
    baseUrl,
    // Without an id of its own, two processes would overwrite the metrics of each other.
    resource: { serviceName, attributes: { "service.instance.id": randomUUID() } }
  })
})).pipe(Layer.provide(FetchHttpClient.layer))

const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String }) })

const whoIs = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    const { tenant } = yield* FeishuClient.schemaData(Tenant)(response)
    return `${tenant.name} (${tenant.display_id})`
  }).pipe(Effect.withSpan("whoIs"))

const Page = HttpLayerRouter.add(
  "GET",
  "/tenants/:key",
  Effect.gen(function*() {
    const { key = "" } = yield* HttpLayerRouter.params
    return HttpServerResponse.text(yield* whoIs(key))
  }).pipe(Effect.catchAll(({ message }) => HttpServerResponse.text(message, { status: 502 })))
)

const Subscription = EventSubscription.layer({
  handlers: [EventHandler.on(FeishuEvents.MessageReceived, (event) => BackgroundTasks.add(reply(event)))]
})

const Tokens = AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))

HttpLayerRouter.serve(Layer.merge(EventHttpApp.layer("/webhook/event"), Page)).pipe(
  Layer.provide(Subscription),
  Layer.provide(Tokens),
  Layer.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch, TicketStore.layerMemory]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  // Last, so that the layers above are traced, too: they fetch tickets and tokens for all callers.
  Layer.provide(Telemetry),
  Layer.launch,
  NodeRuntime.runMain
)
