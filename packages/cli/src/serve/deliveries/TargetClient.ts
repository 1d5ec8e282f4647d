/**
 * Sends deliveries to a service. Uses `node:http`, because `fetch` adds headers of its own, such as `sec-fetch-mode`. Goes through
 * the proxy of the environment, if there is one for the service.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Network from "../../Network.js"

/**
 * Keeps a connection for the next delivery, because a TLS handshake takes from the time that the platform waits. Closes a quiet
 * connection after 4 s, in milliseconds: many servers close theirs after 5 s, and a delivery on its way then would be lost.
 */
const agentLayer = NodeHttpClient.makeAgentLayer({ keepAlive: true, timeout: 4000 })

export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.gen(function*() {
    const network = yield* HttpClient.HttpClient
    const direct = yield* NodeHttpClient.make
    const execute = (request: HttpClientRequest.HttpClientRequest) =>
      (Network.proxyOf(request.url) === undefined ? direct : network).execute(request)
    return HttpClient.makeWith(Effect.flatMap(execute), Effect.succeed<HttpClientRequest.HttpClientRequest>)
  })
).pipe(Layer.provide(Layer.merge(Network.layer, agentLayer)))
