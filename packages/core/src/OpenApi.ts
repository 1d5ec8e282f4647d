/**
 * One exchange with the Open Platform: the request, its time limit, the answer decoded or classified, retries, a span.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as Layer from "effect/Layer"
import { map as mapValues } from "effect/Record"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import { FeishuApp } from "./FeishuApp.js"
import type { FeishuError } from "./FeishuError.js"
import * as Answer from "./internal/answer.js"
import * as Mask from "./internal/mask.js"
import * as RetryPolicy from "./RetryPolicy.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Call<A, I> {
  /** What the call is named in spans (`OpenApi.<name>`) and logs. */
  readonly name: string
  readonly path: `/open-apis/${string}`
  /** Sent as a JSON object. A `Redacted` value is opened on the wire only, and masked wherever it might come back. */
  readonly body: Readonly<Record<string, string | Redacted.Redacted>>
  /** What the answer must hold beside `code` and `msg`. */
  readonly answer: Schema.Schema<A, I>
}

const isSecret = (value: string | Redacted.Redacted): value is Redacted.Redacted => Redacted.isRedacted(value)

const send = (target: Answer.Target, body: Call<unknown, unknown>["body"]) =>
  Effect.gen(function*() {
    // Its span would end with an error that holds the request, and so the secrets.
    const client = HttpClient.withTracerDisabledWhen(yield* HttpClient.HttpClient, constTrue)
    return yield* client.execute(
      HttpClientRequest.post(target.url).pipe(
        HttpClientRequest.acceptJson,
        HttpClientRequest.bodyText(
          JSON.stringify(mapValues(body, (value) => isSecret(value) ? Redacted.value(value) : value)),
          "application/json; charset=utf-8"
        )
      )
    )
  }).pipe(
    // A client that refuses by status must not hide the platform's answer.
    Effect.catchIf(
      (error): error is HttpClientError.ResponseError => error._tag === "ResponseError",
      (error) => Effect.succeed(error.response)
    ),
    Effect.mapError((error) => Answer.noAnswer(target, error))
  )

/**
 * Calls the platform with `POST`, under the `RetryPolicy` in force.
 *
 * Each attempt is a span `OpenApi.<name>` with the attributes `feishu.app_id`, `feishu.attempt`, `feishu.code` and
 * `feishu.log_id`, in place of the `HttpClient`'s own.
 *
 * @since 0.1.0
 * @category calls
 */
export const post = <A, I>(
  call: Call<A, I>
): Effect.Effect<A, FeishuError, FeishuApp | HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const app = yield* FeishuApp
    const target: Answer.Target = {
      method: "POST",
      url: app.baseUrl + call.path,
      mask: Mask.make(Object.values(call.body).filter(isSecret))
    }
    return yield* RetryPolicy.retry((number, timeout) =>
      Effect.logDebug(`attempt ${number}: POST ${target.url}`).pipe(
        Effect.zipRight(send(target, call.body)),
        Effect.flatMap((response) => Answer.read(target, response)),
        Effect.flatMap((answer) =>
          Effect.flatMap(Answer.open(target, answer), (json) => Answer.decode(target, answer, call.answer, json))
        ),
        // The time limit holds where the caller cannot be interrupted, too.
        Effect.interruptible,
        Effect.timeoutFail({
          duration: timeout,
          onTimeout: () =>
            Answer.networkError(target, {
              reason: "Timeout",
              description: `no complete answer within ${Duration.format(timeout)}`
            })
        }),
        Effect.zipLeft(Effect.logDebug(`attempt ${number} succeeded`)),
        Effect.withSpan(`OpenApi.${call.name}`, {
          kind: "client",
          captureStackTrace: false,
          attributes: {
            "feishu.app_id": app.appId,
            "feishu.attempt": number,
            "http.request.method": "POST",
            "url.full": target.url
          }
        })
      )
    )
  }).pipe(Effect.annotateLogs("call", call.name))

/**
 * An `HttpClient` over `fetch` that follows no redirect. `FetchHttpClient.layer` follows them, and so could carry the
 * app secret to wherever a 307 points.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Layer.provide(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
)
