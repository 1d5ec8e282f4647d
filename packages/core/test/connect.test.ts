/** A `POST` to a host that is never reached, over real sockets: it is sent again, because nothing has been done. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Agent } from "@effect/platform-node/Undici"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import type { LookupFunction } from "node:net"
import * as Net from "node:net"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { listen } from "./listen.js"
import { services } from "./platform.js"

type Client = Layer.Layer<HttpClient.HttpClient>

/** Sends a `POST` under a policy that would go on for ever, and returns how often it was sent before it failed. */
const attempts = (baseUrl: string, client: Client) =>
  Effect.gen(function*() {
    let failures = 0
    const schedule = Schedule.recurs(2).pipe(Schedule.tapInput(() => Effect.sync(() => void failures++)))
    const error = yield* FeishuClient.forTenant("tenant_1").pipe(
      Effect.flatMap((client) => client.post("/open-apis/im/v1/messages")),
      Effect.flip,
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.fromSchedule(schedule)),
      Effect.provide(services(baseUrl, client))
    )
    assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Connection" })
    return { failures, error }
  })

const undici = (connect: NonNullable<Agent.Options["connect"]>): Client =>
  NodeHttpClient.layerUndiciWithoutDispatcher.pipe(
    Layer.provide(
      Layer.scoped(
        NodeHttpClient.Dispatcher,
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ connect })),
          (agent) => Effect.promise(() => agent.destroy())
        )
      )
    )
  )
const node = (lookup: LookupFunction): Client =>
  NodeHttpClient.layerWithoutAgent.pipe(Layer.provide(NodeHttpClient.makeAgentLayer({ lookup })))

/** Two addresses of this machine, on which nothing listens. */
const twoAddresses: LookupFunction = (_, __, callback) =>
  callback(null, [{ address: "127.0.0.1", family: 4 }, { address: "127.0.0.2", family: 4 }])

/** A port on which nothing listens. */
const freePort = Effect.map(Effect.scoped(listen(Net.createServer())), (url) => new URL(url).port)

const clients: ReadonlyArray<readonly [string, Client]> = [
  ["fetch", FeishuClient.layerFetch],
  ["node:http", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici]
]

describe("A POST is sent again", () => {
  it.scopedLive.each<readonly [string, Client]>([
    ["node:http", node(twoAddresses)],
    ["undici", undici({ lookup: twoAddresses })]
  ])("over %s if each of several addresses refuses the connection", ([_, client]) =>
    Effect.gen(function*() {
      const { failures } = yield* attempts(`https://two.example:${yield* freePort}`, client)
      assert.strictEqual(failures, 3)
    }))

  it.scopedLive("over undici if the connection takes too long", () =>
    Effect.gen(function*() {
      const client = undici({ timeout: 50, lookup: () => {} })
      const { error, failures } = yield* attempts("https://slow.example", client)
      assert.include(error.message, "Connect Timeout Error")
      assert.strictEqual(failures, 3)
    }))

  it.scopedLive.each(clients)("over %s if TLS is never established", ([_, client]) =>
    Effect.gen(function*() {
      let connections = 0
      const server = Net.createServer((socket) => {
        connections++
        socket.destroy()
      })
      const baseUrl = (yield* listen(server)).replace("http:", "https:")
      const { failures } = yield* attempts(baseUrl, client)
      assert.deepStrictEqual([failures, connections], [3, 3])
    }))
})
