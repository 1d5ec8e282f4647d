/** A server as a process of its own: the token service, or an Effect `HttpServer` that answers the same bytes. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import * as Output from "../../src/Output.js"
import * as Listen from "../../src/serve/Listen.js"
import type { ServedApp } from "../../src/serve/ServedApp.js"
import * as Audit from "../../src/serve/tokens/Audit.js"
import * as Door from "../../src/serve/tokens/Door.js"
import * as Keys from "../../src/serve/tokens/Keys.js"
import { key, type Name } from "./load.js"

const appId = "cli_a1b2c3d4e5f6a7b8"

/** Must not be called, because the store has every token. */
const Platform = Layer.mergeAll(
  Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.dieMessage("the platform was called"))),
  Layer.succeed(AppTicket.AppTicket, {
    get: Effect.dieMessage("a ticket was asked for"),
    refresh: Effect.dieMessage("a ticket was asked for"),
    invalidate: () => Effect.void,
    changes: Stream.empty
  })
)

const Tokens = Layer.effect(
  TokenStore.TokenStore,
  Effect.map(TokenStore.makeMemory(), (memory) => ({
    ...memory,
    get: ({ tenantKey }: TokenStore.Key) =>
      Effect.map(DateTime.now, (now) =>
        Option.map(tenantKey, (key) => ({
          value: Redacted.make(`t-g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS3${key}`),
          expiresAt: DateTime.add(now, { hours: 2 })
        })))
  }))
)

const App = FeishuApp.layer({
  appId,
  appSecret: Redacted.make("an app secret"),
  encryptKey: Redacted.make("an encrypt key"),
  verificationToken: Redacted.make("a verification token")
})

const servedApp = Effect.gen(function*() {
  const tickets = yield* AppTicket.AppTicket
  const tokens = yield* AccessToken.make()
  const served: ServedApp = {
    app: yield* FeishuApp.FeishuApp,
    subscription: yield* EventSubscription.make(),
    tickets,
    store: yield* TicketStore.TicketStore,
    tokens,
    invalidate: tokens.invalidate
  }
  return served
}).pipe(Effect.provide(Layer.mergeAll(App, Platform, Tokens, TicketStore.layerMemory)))

const loopback = { _tag: "Tcp", host: "127.0.0.1", port: 0 } as const

const tokenService = (fromMemory: boolean) =>
  Effect.gen(function*() {
    const apps = new Map([[appId, yield* servedApp]])
    const keys = yield* Keys.parse(Redacted.make(`bench=${key}\nother=${key}-2`), "the benchmark")
    const listener = yield* Door.make({ apps, keys, audit: yield* Audit.make, fromMemory })
    const address = yield* Listen.serve(listener, {
      address: loopback,
      named: { port: "--tokens-port", host: "--tokens-host" },
      longestDraining: "10 seconds"
    })
    return address._tag === "Tcp" ? address.port : NaN
  })

/** Answers each request with the bytes and the headers of the token service. */
const httpServer = Effect.gen(function*() {
  const body = JSON.stringify({
    token: "t-g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS30000000000000001",
    expires_in: 7199,
    expires_at: DateTime.formatIso(yield* DateTime.now),
    app_id: appId,
    tenant_key: "0000000000000001"
  })
  const server = yield* NodeHttpServer.make(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
  yield* server.serve(
    Effect.sync(() =>
      HttpServerResponse.text(body, { contentType: "application/json", headers: { "cache-control": "no-store" } })
    )
  )
  const { address } = server
  return address._tag === "TcpAddress" ? address.port : NaN
})

const servers = {
  "Effect HttpServer": httpServer,
  "token service": tokenService(true),
  "token service, HttpApi alone": tokenService(false)
} satisfies Readonly<Record<Name, unknown>>

const main = Effect.gen(function*() {
  const name = process.argv[2] as Name
  const port = yield* servers[name]
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    process.send?.({ cpu: system + user })
  })
  process.on("disconnect", () => process.exit())
  process.send?.({ port })
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(Output.layer))

await Effect.runPromise(main)
