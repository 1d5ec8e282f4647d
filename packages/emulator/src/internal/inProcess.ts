/** The emulator's door without a socket. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { longestBody, type Reply, type Request } from "./platform/exchange.js"

const textOf = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<string, HttpClientError.RequestError> => {
  const { body } = request
  switch (body._tag) {
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(body.body))
    case "Stream":
      return body.stream.pipe(
        Stream.decodeText(),
        Stream.mkString,
        Effect.mapError((cause) => new HttpClientError.RequestError({ request, reason: "Encode", cause }))
      )
    case "Raw":
      return Effect.succeed(typeof body.body === "string" ? body.body : "")
    default:
      return Effect.succeed("")
  }
}

/** Breaks off after half of the body, as a socket does. */
const brokenOff = (body: string): ReadableStream => {
  let sent = false
  return new ReadableStream({
    pull: (controller) => {
      if (sent) return controller.error(new TypeError("terminated"))
      sent = true
      controller.enqueue(new TextEncoder().encode(body.slice(0, Math.floor(body.length / 2))))
    }
  })
}

export const httpClient = (
  handle: (request: Request) => Effect.Effect<Reply>
): HttpClient.HttpClient =>
  HttpClient.make((request, url) =>
    Effect.gen(function*() {
      const body = yield* textOf(request)
      const isTooLong = Buffer.byteLength(body) > longestBody
      const reply = yield* handle({
        method: request.method,
        path: url.pathname,
        query: url.search.slice(1),
        headers: request.headers,
        body: isTooLong ? "" : body,
        isBrokenOff: false,
        isTooLong
      })
      if (reply.end === "never begun") {
        return yield* new HttpClientError.RequestError({
          request,
          reason: "Transport",
          cause: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
        })
      }
      const hasBody = reply.status !== 204 && reply.status !== 205 && reply.status !== 304
      const replyBody = reply.end === "cut off" ? brokenOff(reply.body) : reply.body
      return HttpClientResponse.fromWeb(
        request,
        new Response(hasBody ? replyBody : null, { status: reply.status, headers: { ...reply.headers } })
      )
    })
  )
