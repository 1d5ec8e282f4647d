/** Calls to a host whose certificate is not accepted, over each of the usual HTTP clients. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Agent } from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, LogLevel } from "effect"
import * as Https from "node:https"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as Certificates from "./certificates.js"
import { listen } from "./listen.js"
import * as Scripted from "./scripted.js"

const ca = Certificates.authority

/** Trusts the authority of the tests. `fetch` can be told of it only when the process starts. */
const undici = NodeHttpClient.layerUndiciWithoutDispatcher.pipe(
  Layer.provide(
    Layer.scoped(
      NodeHttpClient.Dispatcher,
      Effect.acquireRelease(
        Effect.sync(() => new Agent({ connect: { ca } })),
        (agent) => Effect.promise(() => agent.destroy())
      )
    )
  )
)
const node = NodeHttpClient.layerWithoutAgent.pipe(Layer.provide(NodeHttpClient.makeAgentLayer({ ca })))

const serve = (cert: string) =>
  Effect.gen(function*() {
    const seen = { connections: 0, requests: 0 }
    const server = Https.createServer({ cert, key: Certificates.key }, (_, response) => {
      seen.requests++
      response.writeHead(200, { "content-type": "application/json" }).end("{\"code\":0,\"msg\":\"success\"}")
    })
    server.on("connection", () => seen.connections++)
    const { port } = new URL(yield* listen(server))
    return { seen, baseUrl: `https://localhost:${port}` }
  })

const resend = (baseUrl: string, client: typeof undici) =>
  AppTicket.resend.pipe(
    Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ baseDelay: 0 })),
    Effect.provide([
      client,
      FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl }),
      Logger.minimumLogLevel(LogLevel.None)
    ])
  )

const cases: ReadonlyArray<readonly [what: string, client: string, layer: typeof undici, cert: string]> = [
  ["whose authority is unknown", "fetch", FeishuClient.layerFetch, Certificates.trusted],
  ["whose authority is unknown", "node:http", NodeHttpClient.layer, Certificates.trusted],
  ["whose authority is unknown", "undici", NodeHttpClient.layerUndici, Certificates.trusted],
  ["that has expired", "node:http", node, Certificates.expired],
  ["that has expired", "undici", undici, Certificates.expired],
  ["for another host", "node:http", node, Certificates.forAnotherHost],
  ["for another host", "undici", undici, Certificates.forAnotherHost]
]

describe("A certificate", () => {
  it.scopedLive.each(cases)(
    "%s is an error over %s that is not retried and says what to do",
    ([_, __, client, cert]) =>
      Effect.gen(function*() {
        const { baseUrl, seen } = yield* serve(cert)
        const error = yield* Effect.flip(resend(baseUrl, client))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Certificate" })
        assert.isFalse(error._tag === "FeishuNetworkError" && error.isRetryable)
        assert.include(error.message, "certificate")
        assert.include(error.message, "NODE_EXTRA_CA_CERTS")
        assert.notInclude(Cause.pretty(Cause.fail(error), { renderErrorCause: true }), "S3cr3t")
        assert.deepStrictEqual(seen, { connections: 1, requests: 0 })
      })
  )

  it.scopedLive.each([["node:http", node], ["undici", undici]] as const)(
    "of an authority that is named is accepted over %s",
    ([_, client]) =>
      Effect.gen(function*() {
        const { baseUrl, seen } = yield* serve(Certificates.trusted)
        yield* resend(baseUrl, client)
        assert.strictEqual(seen.requests, 1)
      })
  )
})
