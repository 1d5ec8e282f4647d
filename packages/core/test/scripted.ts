/**
 * An in-process `HttpClient` that plays a script: exact under `TestClock`, no socket. Each step answers one request;
 * the last one answers all that follow.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as FeishuApp from "../src/FeishuApp.js"

export type Step = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

export const answer = (body: BodyInit | null, init?: ResponseInit): Step => (request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, init)))

export const json = (body: unknown, init?: ResponseInit): Step =>
  answer(JSON.stringify(body), { ...init, headers: { "content-type": "application/json", ...init?.headers } })

export const ok: Step = json({ code: 0, msg: "success" })

export const refused = (code: number, init?: ResponseInit): Step => json({ code, msg: "the platform's words" }, init)

export const rateLimited = (resetSeconds: number | string, status = 429): Step =>
  refused(99991400, { status, headers: { "x-ogw-ratelimit-reset": String(resetSeconds) } })

export const transportError = (cause: unknown): Step => (request) =>
  new HttpClientError.RequestError({ request, reason: "Transport", cause })

export const dropped: Step = transportError(
  new TypeError("fetch failed", { cause: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }) })
)

export const after = (duration: Duration.DurationInput, step: Step): Step => (request) =>
  Effect.delay(step(request), duration)

export const hang: Step = () => Effect.never

export interface Seen {
  /** Milliseconds on the test's clock. */
  readonly at: number
  readonly request: HttpClientRequest.HttpClientRequest
}

export const make = (...steps: ReadonlyArray<Step>) => {
  const seen: Array<Seen> = []
  const client = HttpClient.make((request) =>
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      seen.push({ at, request })
      const step = steps[seen.length - 1] ?? steps.at(-1)
      return step === undefined ? Effect.dieMessage("The script is empty") : step(request)
    })
  )
  return { seen, client, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** It has characters that look different inside JSON, a URL or a form. */
export const appSecret = Redacted.make("S3cr3t/\"+& 密\\x")

export const app = FeishuApp.layer({ appId: "cli_test", appSecret })
