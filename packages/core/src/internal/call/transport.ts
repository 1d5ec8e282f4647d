/** Sends one request. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type * as FeishuApp from "../../FeishuApp.js"

/** Returns the answer whatever its status. Fails only if no answer comes. */
export type Transport = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>

/** `transformClient` runs once for each app and client, because its client may hold a semaphore or a cache. */
const made = new WeakMap<FeishuApp.Service, WeakMap<HttpClient.HttpClient, Transport>>()

const transportOf = (client: HttpClient.HttpClient, { transformClient }: FeishuApp.Service): Transport => {
  const { execute } = transformClient?.(client) ?? client
  return (request) =>
    // A client that refuses by status (`HttpClient.filterStatusOk`) must not hide the platform's answer.
    Effect.catchTag(execute(request), "ResponseError", ({ response }) => Effect.succeed(response))
}

export const make = (client: HttpClient.HttpClient, app: FeishuApp.Service): Transport => {
  const ofApp = made.get(app) ?? new WeakMap<HttpClient.HttpClient, Transport>()
  made.set(app, ofApp)
  const transport = ofApp.get(client) ?? transportOf(client, app)
  ofApp.set(client, transport)
  return transport
}
