/**
 * A web server that calls the platform for its tenants: GET /tenants/KEY shows who the tenant is.
 *
 * With `TICKET_DIRECTORY` the ticket is in a file, so that a restart needs no resend: `after-deploy.ts` measures that.
 */
import {
  AccessToken,
  AppTicket,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeKeyValueStore, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Option, Schema } from "effect"
import { createServer } from "node:http"

const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String }) })

/** The tenant's own data, with the tenant's own token. */
const whoIs = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    const { tenant } = yield* FeishuClient.schemaData(Tenant)(response)
    return `${tenant.name} (${tenant.display_id})`
  })

const Page = HttpLayerRouter.add(
  "GET",
  "/tenants/:key",
  Effect.gen(function*() {
    const { key = "" } = yield* HttpLayerRouter.params
    return HttpServerResponse.text(yield* whoIs(key))
  }).pipe(
    Effect.catchTags({
      // 11210: the tenant has not installed the app; 99991673: not any longer.
      FeishuApiError: ({ advice, code }) =>
        HttpServerResponse.text(advice, { status: code === 11210 || code === 99991673 ? 404 : 502 }),
      FeishuNetworkError: ({ advice }) => HttpServerResponse.text(advice, { status: 502 }),
      TicketTimeout: ({ message }) => HttpServerResponse.text(message, { status: 503 }),
      TicketStoreError: ({ message }) => HttpServerResponse.text(message, { status: 503 })
    })
  )
)

const Tokens = AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))

// The ticket is a secret: let nobody else read this directory.
const Tickets = Layer.unwrapEffect(
  Effect.map(Config.option(Config.nonEmptyString("TICKET_DIRECTORY")), (directory) =>
    Option.isNone(directory)
      ? TicketStore.layerMemory
      : TicketStore.layerKeyValueStore().pipe(Layer.provide(NodeKeyValueStore.layerFileSystem(directory.value))))
)

HttpLayerRouter.serve(Layer.merge(EventHttpApp.layer("/webhook/event"), Page)).pipe(
  Layer.provide([Tokens, EventSubscription.layer()]),
  Layer.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch, Tickets]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
