/** The route of the request URL behind a server, with the platform and the target that a test chooses. */
import { type Claims, EventSubscription, FeishuApp, TicketStore } from "@effect-feishu/core"
import * as EventCrypto from "@effect-feishu/emulator/EventCrypto"
import { HttpLayerRouter, HttpServer } from "@effect/platform"
import { NodeContext, NodeHttpServer } from "@effect/platform-node"
import { Clock, Context, Effect, Layer, Logger, Option, Queue, Redacted, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Http from "node:http"
import type * as Answering from "../src/serve/deliveries/Answering.js"
import * as Receiver from "../src/serve/deliveries/Receiver.js"
import type { Shown } from "../src/serve/deliveries/Shown.js"
import * as TargetClient from "../src/serve/deliveries/TargetClient.js"
import { listen } from "./servers.js"

export const path = "/webhook/event"

/** An app whose secrets contain its id. */
export const appOf = (appId: string, withKey = true) => ({
  appId,
  appSecret: Redacted.make(`the-secret-of-${appId}`),
  verificationToken: Redacted.make(`the-token-of-${appId}`),
  ...(withKey && { encryptKey: Redacted.make(`the-key-of-${appId}`) })
})

export type App = ReturnType<typeof appOf>

export type Stores = Context.Context<TicketStore.TicketStore | Claims.Claims>

export const memory: Effect.Effect<Stores, never, Scope.Scope> = Layer.build(TicketStore.layerMemory)

export const receivingOf = (options: App, stores: Stores) =>
  Effect.gen(function*() {
    const app = yield* Effect.orDie(FeishuApp.make(options))
    const subscription = yield* EventSubscription.make().pipe(
      Effect.provideService(FeishuApp.FeishuApp, app),
      Effect.provide(stores),
      Effect.orDie
    )
    return [app.appId, { app, subscription }] as const
  })

/** Closes the connections that clients keep open, as `serve` does, after all hand-overs have ended. */
const layerServer = Layer.unwrapEffect(Effect.sync(() => {
  const server = Http.createServer()
  return Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
}))

/** Listens until the scope ends. Collects what is shown, and what is logged. */
export const receive = (
  { apps, stores, ...options }: Omit<Receiver.Options, "apps" | "onDelivery"> & {
    readonly apps: ReadonlyArray<App>
    readonly stores?: Stores
    readonly onDelivery?: Receiver.Options["onDelivery"]
  }
) =>
  Effect.gen(function*() {
    const shown = yield* Queue.unbounded<Shown>()
    const logged: Array<string> = []
    const kept = stores ?? (yield* memory)
    const receiving = new Map(yield* Effect.forEach(apps, (app) => receivingOf(app, kept)))
    const route = HttpLayerRouter.use((router) =>
      Effect.flatMap(
        Receiver.make({ onDelivery: (delivery) => Queue.offer(shown, delivery), ...options, apps: receiving }),
        (app) => router.add("*", path, app)
      )
    )
    const context = yield* HttpLayerRouter.serve(route, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(layerServer),
      Layer.provide([
        TargetClient.layer,
        Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void logged.push((Array.isArray(message) ? message : [message]).join(" ")))
        )
      ]),
      Layer.orDie,
      Layer.build
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    const port = address._tag === "TcpAddress" ? address.port : 0
    return { url: `http://127.0.0.1:${port}${path}`, port, logged, shown, next: Queue.take(shown) }
  })

/** A request as a target got it. */
export interface Received {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
}

export type Answer = (response: Http.ServerResponse, received: Received) => unknown

const readAll = (request: Http.IncomingMessage, done: (body: Buffer) => void) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => done(Buffer.concat(chunks)))
}

/** A service that answers each request in this way. Default: an empty 200. */
export const target = (answer: Answer = (response) => response.end()) =>
  Effect.gen(function*() {
    const received = yield* Queue.unbounded<Received>()
    const port = yield* listen(Http.createServer((request, response) => {
      readAll(request, (body) => {
        const all = { method: request.method, url: request.url, headers: request.headers, body }
        Queue.unsafeOffer(received, all)
        answer(response, all)
      })
    }))
    return {
      port,
      url: new URL(`http://127.0.0.1:${port}/service?of=mine`),
      next: Queue.take(received),
      count: Queue.size(received)
    }
  })

/** Answers with this status and this text. */
export const answering = (status: number, text = "", contentType = "application/json"): Answer => (response) =>
  response.writeHead(status, { "content-type": contentType }).end(text)

export const forwardTo = (to: URL): Answering.Policy => ({ _tag: "Forward", to })

export const header = ({ appId, verificationToken }: App, type: string, id: string) => ({
  event_id: id,
  token: Redacted.value(verificationToken),
  create_time: "1760000000000",
  event_type: type,
  tenant_key: "tenant_1",
  app_id: appId
})

export const eventOf = (app: App, type: string, event: object = { text: "你好" }, id = "event-1") =>
  JSON.stringify({ schema: "2.0", header: header(app, type, id), event })

export const ticketOf = (app: App, value: string, ts: string) =>
  JSON.stringify({
    ts,
    uuid: "ticket-1",
    token: Redacted.value(app.verificationToken),
    type: "event_callback",
    event: { app_id: app.appId, app_ticket: value, type: "app_ticket" }
  })

/** Encrypts and signs a text as the platform does. `spaced`: with white space around each part of the JSON. */
export const seal = (app: App, text: string, { ago = 0, spaced = false } = {}) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const encryptKey = app.encryptKey && Redacted.value(app.encryptKey)
    const contentType = { "content-type": "application/json; charset=utf-8" }
    if (encryptKey === undefined) return { headers: contentType, body: text }
    const encrypted = EventCrypto.encrypt({ encryptKey, iv: randomBytes(16), text })
    const body = spaced ? `{ "encrypt" :\t"${encrypted}" ,"more": "é"}\r\n ` : JSON.stringify({ encrypt: encrypted })
    const timestamp = String(Math.floor(now / 1000) - ago)
    const nonce = "a-nonce"
    return {
      headers: {
        ...contentType,
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": EventCrypto.sign({ timestamp, nonce, encryptKey, body })
      },
      body
    }
  })

export const post = (url: string, init: { readonly headers: Record<string, string>; readonly body: string }) =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { method: "POST", redirect: "manual", signal, ...init })
    return { status: response.status, contentType: response.headers.get("content-type"), text: await response.text() }
  })

/** Sends a text to the request URL as the platform does. */
export const push = (url: string, app: App, text: string) =>
  Effect.flatMap(seal(app, text), (sealed) => post(url, sealed))

export const ticketIn = (stores: Stores, appId: string) =>
  Effect.map(
    Effect.orDie(Context.get(stores, TicketStore.TicketStore).get(appId)),
    Option.map(({ value }) => Redacted.value(value))
  )

export const files = NodeContext.layer
