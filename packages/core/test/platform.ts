/** A platform on a real socket, and a client of it. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { DateTime, Effect, Layer, Logger, LogLevel, Option, Redacted } from "effect"
import * as Http from "node:http"
import * as AccessToken from "../src/AccessToken.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import { listen } from "./listen.js"
import * as Scripted from "./scripted.js"

/** The three transports. */
export const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FeishuClient.layerFetch],
  ["node:http", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici]
]

export interface Arrived {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
}

export type Answer = (response: Http.ServerResponse) => unknown

/** Each step answers one request, the last one all that follow. */
export const serve = (...steps: ReadonlyArray<Answer>) => {
  const arrived: Array<Arrived> = []
  const server = Http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      const { headers, method, url } = request
      arrived.push({ method, url, headers, body: Buffer.concat(chunks) })
      const step = steps[arrived.length - 1] ?? steps.at(-1)
      step?.(response)
    })
  })
  return Effect.map(listen(server), (baseUrl) => ({ arrived, baseUrl }))
}

export const says = (body: unknown, status = 200, headers: Http.OutgoingHttpHeaders = {}): Answer => (response) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

const token = (value: string): AccessToken.Token => ({
  value: Redacted.make(value),
  expiresAt: DateTime.unsafeMake(4e12),
  tenantKey: Option.some("tenant_1")
})

/** Always the same token, which nobody has to fetch. */
export const Tokens = Layer.succeed(AccessToken.AccessToken, {
  app: Effect.succeed(token("a-secret")),
  tenant: () => Effect.succeed(token("t-secret")),
  invalidate: () => Effect.void
})

/** The services of a program that calls the platform at this URL. */
export const services = (
  baseUrl: string,
  client: Layer.Layer<HttpClient.HttpClient>,
  options?: Partial<FeishuApp.Options>
) =>
  Layer.mergeAll(
    client,
    Tokens,
    FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl, ...options }),
    Logger.minimumLogLevel(LogLevel.None)
  )
