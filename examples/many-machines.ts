/** A server of which as many may run as there are machines: GET /tenants/KEY shows who the tenant is. */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient
} from "@effect-feishu/core"
import { RedisConnection, RedisTicketStore, RedisTokenStore } from "@effect-feishu/redis"
import { HttpLayerRouter, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { createServer } from "node:http"

// The only difference from a server that runs alone
const Stores = Layer.merge(RedisTicketStore.layer(), RedisTokenStore.layer()).pipe(
  Layer.provide(RedisConnection.layerConfig())
)

// Whichever machine an event reaches, it is handled once.
const Subscription = EventSubscription.layer({
  handlers: [EventHandler.all(({ id, type }) => Console.log(`${type}: event ${id}`))]
})

const Page = HttpLayerRouter.add(
  "GET",
  "/tenants/:key",
  Effect.gen(function*() {
    const { key = "" } = yield* HttpLayerRouter.params
    const client = yield* FeishuClient.forTenant(key)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    return HttpServerResponse.text(yield* response.text)
  }).pipe(Effect.catchAll(({ message }) => HttpServerResponse.text(message, { status: 502 })))
)

HttpLayerRouter.serve(Layer.merge(EventHttpApp.layer("/webhook/event"), Page)).pipe(
  Layer.provide([AccessToken.layer(), Subscription]),
  Layer.provide(AppTicket.layer()),
  Layer.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch, Stores]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
