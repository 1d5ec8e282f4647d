// oxlint-disable typescript/no-explicit-any -- an answer is whatever the platform says: the tests look into it freely
/** What a client of the platform does, in plain calls: the emulator's tests must not lean on the library. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import type { App, Delivery } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as EventCrypto from "../src/EventCrypto.js"

export const secret = "the app's secret"

export const storeApp: App = {
  appId: "cli_store",
  appSecret: Redacted.make(secret),
  encryptKey: Redacted.make("an encrypt key"),
  verificationToken: Redacted.make("a verification token"),
  tenants: ["tenant_1", "tenant_2"]
}

export const selfBuiltApp: App = {
  appId: "cli_self_built",
  appSecret: Redacted.make(secret),
  kind: "self-built",
  tenants: ["tenant_own"]
}

/** The two doors of an emulator with these options, by name. */
export const doors = (options: Emulator.Options) => ({
  layerServer: Layer.merge(Emulator.layerServer(options), FetchHttpClient.layer),
  layerHttpClient: Emulator.layerHttpClient(options)
})

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  readonly body: { readonly [field: string]: any }
}

const execute = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function*() {
    const response = yield* HttpClient.execute(request)
    const text = yield* response.text
    const isJson = response.headers["content-type"]?.startsWith("application/json") === true && text.trim() !== ""
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : {}
    }
    return answer
  })

export const post = (path: string, body: unknown) =>
  Effect.flatMap(Emulator.Emulator, ({ baseUrl }) =>
    execute(
      HttpClientRequest.post(baseUrl + path).pipe(
        HttpClientRequest.bodyText(typeof body === "string" ? body : JSON.stringify(body), "application/json")
      )
    ))

export const get = (path: string, authorization?: string) =>
  Effect.flatMap(Emulator.Emulator, ({ baseUrl }) =>
    execute(
      HttpClientRequest.get(baseUrl + path).pipe(
        authorization === undefined ? (_) => _ : HttpClientRequest.setHeader("authorization", authorization)
      )
    ))

/** Sends any request. A body is sent as JSON. */
export const send = (
  method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH",
  path: string,
  { authorization, body, headers = {} }: {
    readonly authorization?: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
  }
) =>
  Effect.flatMap(Emulator.Emulator, ({ baseUrl }) =>
    execute(
      HttpClientRequest.make(method)(baseUrl + path).pipe(
        body === undefined ? (_) => _ : HttpClientRequest.bodyText(body, "application/json"),
        HttpClientRequest.setHeaders({ ...headers, ...(authorization !== undefined && { authorization }) })
      )
    ))

const v3 = "/open-apis/auth/v3"
const credentials = (app: App) => ({ app_id: app.appId, app_secret: Redacted.value(app.appSecret) })

export const resend = (app: App) => post(`${v3}/app_ticket/resend`, credentials(app))
export const appToken = (app: App, ticket: string) =>
  post(`${v3}/app_access_token`, { ...credentials(app), app_ticket: ticket })
export const tenantToken = (token: string, tenant: string) =>
  post(`${v3}/tenant_access_token`, { app_access_token: token, tenant_key: tenant })
export const appTokenInternal = (app: App) => post(`${v3}/app_access_token/internal`, credentials(app))
export const tenantTokenInternal = (app: App) => post(`${v3}/tenant_access_token/internal`, credentials(app))

/** The header of a call with a token of the self-built app. */
export const bearer = Effect.map(
  tenantTokenInternal(selfBuiltApp),
  ({ body }) => `Bearer ${body["tenant_access_token"]}`
)

/** The event in a delivery to an app, whose signature must be right. */
export const open = (app: App, delivery: Delivery): { readonly [field: string]: any } => {
  const body = JSON.parse(delivery.body)
  if (app.encryptKey === undefined) return body
  const encryptKey = Redacted.value(app.encryptKey)
  const text = EventCrypto.decrypt({ encryptKey, encrypted: body.encrypt })
  const event = JSON.parse(text)
  if (event.type !== "url_verification") {
    const signature = EventCrypto.sign({
      timestamp: delivery.headers["x-lark-request-timestamp"] ?? "",
      nonce: delivery.headers["x-lark-request-nonce"] ?? "",
      encryptKey,
      body: delivery.body
    })
    if (delivery.headers["x-lark-signature"] !== signature) throw new Error("wrong signature")
  }
  return event
}

/** A request URL that acknowledges everything, and what has arrived there. */
export const receiver = (app: App) => {
  const deliveries: Array<Delivery> = []
  const events: Array<ReturnType<typeof open>> = []
  const tickets: Array<string> = []
  return {
    deliveries,
    events,
    tickets,
    requestUrl: (delivery: Delivery) =>
      Effect.sync(() => {
        const event = open(app, delivery)
        deliveries.push(delivery)
        events.push(event)
        if (event["event"]?.type === "app_ticket") tickets.push(event["event"].app_ticket)
        const { challenge } = event
        return { status: 200, body: challenge === undefined ? "{}" : JSON.stringify({ challenge }) }
      })
  }
}

/** Listens on a free loopback port until the scope ends, and gives the URL. */
export const listen = (handler: Http.RequestListener) =>
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer(handler)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : address}`
  }))
