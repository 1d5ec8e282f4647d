import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isFile, isJson, isWithin } from "./bodyKind.js"
import { TextResponse } from "./textResponse.js"

/** Returns `true` if the runtime accepts `cache: "no-store"`. Some runtimes throw, for example workerd. */
const acceptsNoStore = (): boolean => {
  try {
    return new Request("https://open.feishu.cn", { cache: "no-store" }).method === "GET"
  } catch {
    return false
  }
}

/** Ends the stream when the request is aborted: Node's `fetch` goes on reading. */
const readableOf = (stream: Stream.Stream<Uint8Array, unknown>, signal: AbortSignal): Effect.Effect<ReadableStream> =>
  Effect.map(
    Stream.toReadableStreamEffect(stream),
    (readable) => readable.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), { signal })
  )

const sendable = (body: HttpBody.HttpBody, signal: AbortSignal): Effect.Effect<BodyInit | undefined> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed(undefined)
    case "Raw":
    case "Uint8Array":
      return Effect.succeed(body.body as BodyInit)
    case "FormData":
      return Effect.succeed(body.formData)
    case "Stream":
      return readableOf(body.stream, signal)
  }
}

const headersOf = (init: RequestInit, headers: Headers.Headers): Headers.Headers =>
  // `fetch` sets the length itself. Some runtimes refuse a given length.
  Headers.remove(
    init.headers === undefined
      ? headers
      : Headers.merge(Headers.fromInput(new globalThis.Headers(init.headers)), headers),
    "content-length"
  )

/** `duplex` is required for a body that is a stream, and missing in the types. */
type Init = RequestInit & { readonly duplex: "half" }

/** Returns `true` if the failure of `fetch` is about the request itself, for example about a character in a header. */
const isInvalid = (url: URL, { body = null, headers = {}, method = "GET" }: Init): boolean => {
  try {
    // A stream cannot be read twice, and is valid.
    return new Request(url, { method, headers, body: body instanceof ReadableStream ? null : body }).bodyUsed
  } catch {
    return true
  }
}

/** JSON of this length is read together with its headers, which spares a turn of the scheduler. */
const maxShortBytes = 64 * 1024

const isShortJson = (headers: Headers.Headers): boolean =>
  isJson(headers) && !isFile(headers) && isWithin(headers, maxShortBytes)

const responseOf = async (
  request: HttpClientRequest.HttpClientRequest,
  web: Response
): Promise<HttpClientResponse.HttpClientResponse> => {
  const response = HttpClientResponse.fromWeb(request, web)
  const { headers } = response
  if (web.body === null || !isShortJson(headers)) return response
  const text = await web.text().then(
    Exit.succeed,
    (cause) => Exit.fail(new HttpClientError.ResponseError({ request, response, reason: "Decode", cause }))
  )
  return new TextResponse(response, headers, text)
}

/**
 * Documented in `FeishuClient`. Not made of `FetchHttpClient.layer`, which merges two contexts for each request and reads
 * each body with a fiber of its own: together a fifth of the cost of a call. The services are the same.
 */
export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(Effect.context<never>(), (ofLayer) => {
    const fixed: RequestInit = acceptsNoStore() ? { redirect: "manual", cache: "no-store" } : { redirect: "manual" }
    return HttpClient.make((request, url, signal, { currentContext: ofCaller }) => {
      const service = <I, S>(tag: Context.Tag<I, S>): S | undefined =>
        Option.getOrUndefined(
          Option.orElse(Context.getOption(ofCaller, tag), () => Context.getOption(ofLayer, tag))
        )
      const init = service(FetchHttpClient.RequestInit) ?? {}
      const fetch = service(FetchHttpClient.Fetch) ?? globalThis.fetch
      const send = (body: BodyInit | undefined) => {
        const all: Init = {
          ...init,
          ...fixed,
          method: request.method,
          headers: headersOf(init, request.headers),
          body: body ?? null,
          duplex: "half",
          signal
        }
        return Effect.tryPromise({
          try: async () => responseOf(request, await fetch(url, all)),
          catch: (cause) =>
            new HttpClientError.RequestError({ request, reason: isInvalid(url, all) ? "Encode" : "Transport", cause })
        })
      }
      return Effect.flatMap(sendable(request.body, signal), send)
    })
  })
)
