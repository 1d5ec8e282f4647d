/** Behind a proxy: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment hold, which Node's own `fetch` ignores. */
import { AppTicket, FeishuApp } from "@effect-feishu/core"
import { NodeHttpClient, NodeRuntime, Undici } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"

const Proxy = Layer.scoped(
  NodeHttpClient.Dispatcher,
  Effect.acquireRelease(
    Effect.sync(() => new Undici.EnvHttpProxyAgent()),
    (agent) => Effect.promise(() => agent.close())
  )
)

const HttpClientLive = Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, Proxy)

AppTicket.resend.pipe(
  Effect.zipRight(Console.log("Accepted: the platform will push the app ticket.")),
  Effect.provide([FeishuApp.layerConfig(), HttpClientLive]),
  NodeRuntime.runMain
)
