/**
 * Sends deliveries to a service. Uses `node:http`, because `fetch` adds headers of its own, such as `sec-fetch-mode`. Goes through
 * the proxy of the environment, if there is one for the service.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Http from "node:http"
import { Socket } from "node:net"
import * as Network from "../../Network.js"

/**
 * Keeps a connection for the next delivery, because a TLS handshake takes from the time that the platform waits. Closes a quiet
 * connection after 4 s, in milliseconds, because many servers close theirs after 5 s.
 */
const keeping = { keepAlive: true, timeout: 4000 }

/** The codes of a connection that the other end has closed. Node gives "socket hang up" the first. */
const closed: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE"])

/** Collects the errors of requests for which the target closed a connection that was used before, without a byte of an answer. */
const collect = (agent: Http.Agent, errors: WeakSet<Error>) => {
  const reuseSocket = agent.reuseSocket.bind(agent)
  agent.reuseSocket = (socket, request) => {
    reuseSocket(socket, request)
    if (!(socket instanceof Socket)) return
    const before = socket.bytesRead
    request.once("error", (error: NodeJS.ErrnoException) => {
      if (closed.has(error.code) && socket.bytesRead === before) errors.add(error)
    })
  }
}

/**
 * Sends a delivery a second time, over a new connection, if the target closed a connection that was used before, without a byte of
 * an answer. Most such targets closed a quiet connection and never read the delivery. A target that crashed while it handled the
 * delivery looks the same and may handle the delivery twice. This is accepted, because the platform repeats an event, and the user
 * of a callback repeats the click, after an error. An error of a new connection never leads to a second time.
 */
const makeDirect = Effect.gen(function*() {
  const keptAgent = yield* NodeHttpClient.makeAgent(keeping)
  const errors = new WeakSet<Error>()
  for (const agent of [keptAgent.http, keptAgent.https]) collect(agent, errors)
  const kept = yield* Effect.provideService(NodeHttpClient.make, NodeHttpClient.HttpAgent, keptAgent)
  const fresh = yield* Effect.provideServiceEffect(
    NodeHttpClient.make,
    NodeHttpClient.HttpAgent,
    NodeHttpClient.makeAgent()
  )
  return (request: HttpClientRequest.HttpClientRequest) =>
    Effect.catchIf(
      kept.execute(request),
      ({ cause }) => cause instanceof Error && errors.has(cause),
      () => fresh.execute(request)
    )
})

export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.scoped(
  HttpClient.HttpClient,
  Effect.gen(function*() {
    const network = yield* HttpClient.HttpClient
    const direct = yield* makeDirect
    const execute = (request: HttpClientRequest.HttpClientRequest) =>
      Network.proxyOf(request.url) === undefined ? direct(request) : network.execute(request)
    return HttpClient.makeWith(Effect.flatMap(execute), Effect.succeed<HttpClientRequest.HttpClientRequest>)
  })
).pipe(Layer.provide(Network.layer))
