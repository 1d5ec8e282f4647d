/** The calls of a tenant, with plain options and answers. */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { AccessToken, AccessTokenError } from "../../AccessToken.js"
import type { FeishuApp } from "../../FeishuApp.js"
import * as FeishuClient from "../../FeishuClient.js"
import type { FeishuError } from "../../FeishuError.js"
import type { CallOptions, FetchOptions } from "../../PromiseApi.js"
import { ReadResponse } from "../call/readResponse.js"

type Services = AccessToken | FeishuApp | HttpClient.HttpClient

const execute = (
  tenantKey: string,
  request: HttpClientRequest.HttpClientRequest,
  { idempotent }: Pick<CallOptions, "idempotent">
): Effect.Effect<HttpClientResponse.HttpClientResponse, AccessTokenError, Services> => {
  const sent = Effect.flatMap(FeishuClient.forTenant(tenantKey), (client) => client.execute(request))
  return idempotent === true ? FeishuClient.idempotent(sent) : sent
}

const decodeAny = FeishuClient.schemaData(Schema.Unknown)

/** Leaves out `null`, which Effect's own function takes for an object. */
const paramsOf = (query: NonNullable<CallOptions["query"]>) =>
  Object.entries(query).flatMap(([name, value]) =>
    [value].flat().flatMap((value) => value === null || value === undefined ? [] : [[name, value] as const])
  )

/** Returns `data` of the answer. */
export const request = (
  tenantKey: string,
  call: CallOptions
): Effect.Effect<unknown, AccessTokenError | FeishuError, Services> =>
  Effect.suspend(() => {
    const { headers, json, method = json === undefined ? "GET" : "POST", path, query } = call
    const bare = HttpClientRequest.make(method)(path, {
      ...(query !== undefined && { urlParams: paramsOf(query) }),
      ...(headers !== undefined && { headers })
    })
    return execute(tenantKey, json === undefined ? bare : HttpClientRequest.bodyUnsafeJson(bare, json), call)
  }).pipe(Effect.flatMap(decodeAny))

/** The methods of Effect's requests. */
const methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] as const

const methodOf = (name: string) => {
  const method = methods.find((method) => method === name.toUpperCase())
  if (method === undefined) throw new TypeError(`the method ${name} is not one of ${methods.join(", ")}`)
  return method
}

/** A body that `fetch` sends as it is, with the content type that `fetch` gives to it. */
const withBody = (request: HttpClientRequest.HttpClientRequest, body: FetchOptions["body"]) =>
  body === undefined || body === null ? request : HttpClientRequest.setBody(request, HttpBody.raw(body))

const readableOf = (
  stream: Stream.Stream<Uint8Array, FeishuError>,
  signal: AbortSignal | undefined
): ReadableStream<Uint8Array> => {
  const readable = Stream.toReadableStream(stream)
  return signal === undefined ? readable : readable.pipeThrough(new TransformStream(), { signal })
}

/** The answer of a redirect, and the answer without a body by its status, has no body here. */
const bodyOf = (
  response: HttpClientResponse.HttpClientResponse,
  signal: AbortSignal | undefined
): Effect.Effect<BodyInit | null, FeishuError> =>
  response.status >= 300 && response.status < 400 || [204, 205].includes(response.status)
    ? Effect.succeed(null)
    : response instanceof ReadResponse
    ? Effect.succeed(response.body)
    : Effect.map(FeishuClient.file(response), ({ stream }) => readableOf(stream, signal))

/** Calls like `fetch`. */
export const fetch = (
  tenantKey: string,
  path: string,
  init: FetchOptions
): Effect.Effect<Response, AccessTokenError | FeishuError, Services> =>
  Effect.gen(function*() {
    const { body, headers, method = "GET", signal } = init
    const bare = HttpClientRequest.make(methodOf(method))(path, headers === undefined ? {} : { headers })
    const response = yield* execute(tenantKey, withBody(bare, body), init)
    return new Response(yield* bodyOf(response, signal), { status: response.status, headers: response.headers })
  })
