/**
 * One exchange with the Open Platform: the request, its time limit, the answer decoded or classified, retries, a span.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { filterMap } from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { constTrue } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import { map as mapValues } from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FeishuApp } from "./FeishuApp.js"
import { ApiError, type FeishuError, HelpLink, NetworkError } from "./FeishuError.js"
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

interface Answer {
  readonly status: number
  readonly headers: HttpClientResponse.HttpClientResponse["headers"]
  readonly body: string
}

/** `x-ogw-ratelimit-reset` is in seconds (page "频控策略"). */
const retryAfter = (answer: Answer): Duration.Duration | undefined => {
  const seconds = answer.headers["x-ogw-ratelimit-reset"] ?? ""
  return /^\d+(\.\d+)?$/.test(seconds) ? Duration.seconds(Math.min(Number(seconds), 1e9)) : undefined
}

/** Where a call goes, and what must not come back from there. */
interface Target {
  readonly url: string
  readonly mask: Mask.Mask
}

const networkError = (target: Target, seen: {
  readonly reason: NetworkError["reason"]
  readonly description: string
  readonly cause?: unknown
  readonly answer?: Answer
}) => {
  const cause = seen.cause === undefined ? undefined : Mask.cause(seen.cause, target.mask)
  return new NetworkError({
    reason: seen.reason,
    method: "POST",
    url: target.url,
    description: target.mask(seen.description) + (cause === undefined ? "" : `: ${Mask.messages(cause)}`),
    status: seen.answer?.status,
    retryAfter: seen.answer && retryAfter(seen.answer),
    cause
  })
}

/** An answer that is not the platform's. */
const unusable = (target: Target, answer: Answer, description: string, cause?: unknown) =>
  networkError(target, {
    reason: answer.status >= 500 && answer.status < 600 ? "Unavailable" : "InvalidResponse",
    description,
    cause,
    answer
  })

const send = (target: Target, body: Call<unknown, unknown>["body"]) =>
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
    Effect.mapError((error) =>
      networkError(target, {
        reason: "Connection",
        description: "no answer",
        cause: error.cause ?? error.message
      })
    )
  )

/** The longest answer that is read. The platform's longest to these calls, a token of 4 KB, is far below. */
const maxAnswerBytes = 1024 * 1024

const read = (target: Target, response: HttpClientResponse.HttpClientResponse) => {
  const answer = (body: string): Answer => ({ status: response.status, headers: response.headers, body })
  const decoder = new TextDecoder()
  let bytes = 0
  return response.stream.pipe(
    // Inside the stream, since a stream may run on a fiber of its own, and a fiber that fails is logged.
    Stream.catchTag("ResponseError", (error) =>
      error.reason === "EmptyBody"
        ? Stream.empty
        : Stream.fail(unusable(target, answer(""), "the answer broke off", error.cause ?? error.message))),
    Stream.mapEffect((chunk) => {
      bytes += chunk.length
      return bytes > maxAnswerBytes
        ? Effect.fail(unusable(target, answer(""), "the answer is longer than 1 MiB"))
        : Effect.succeed(decoder.decode(chunk, { stream: true }))
    }),
    Stream.mkString,
    Effect.map((body) => answer(body + decoder.decode()))
  )
}

/** A field that counts as absent where it has a type that nobody expects: it must not hide the `code` beside it. */
const lenient = <A, I>(schema: Schema.Schema<A, I>) =>
  Schema.optional(
    Schema.UndefinedOr(schema).annotations({ decodingFallback: () => Either.right(undefined) })
  )

const parseJson = Schema.decodeOption(Schema.parseJson())

const decodeEnvelope = Schema.decodeUnknownOption(Schema.Struct({
  code: Schema.Int,
  msg: lenient(Schema.String),
  error: lenient(Schema.Struct({
    log_id: lenient(Schema.String),
    troubleshooter: lenient(Schema.String),
    helps: lenient(Schema.Array(Schema.Unknown))
  }))
}))

const decodeHelpLink = Schema.decodeUnknownOption(
  Schema.Struct({ ...HelpLink.fields, description: lenient(Schema.String) })
)

const describeBody = (answer: Answer): string => {
  const contentType = answer.headers["content-type"] ?? "no content type"
  return answer.body === "" ? `an empty body (${contentType})` : `${contentType}, ${answer.body.length} characters`
}

/** Names the fields that are wrong and never their values, which may be tokens. */
const describeIssue = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => `${issue._tag === "Missing" ? "missing" : "unexpected"} "${issue.path.join(".")}"`)
    .join(", ")

const decode = Effect.fnUntraced(function*<A, I>(target: Target, schema: Schema.Schema<A, I>, answer: Answer) {
  const json = parseJson(answer.body)
  const envelope = Option.getOrUndefined(Option.flatMap(json, decodeEnvelope))
  const givenLogId = answer.headers["x-tt-logid"] ?? answer.headers["x-request-id"] ?? envelope?.error?.log_id
  const logId = givenLogId && target.mask(givenLogId)
  yield* Effect.annotateCurrentSpan({
    "http.response.status_code": answer.status,
    ...(envelope && { "feishu.code": envelope.code }),
    ...(logId && { "feishu.log_id": logId })
  })
  if (Option.isNone(json) || envelope === undefined) {
    return yield* unusable(target, answer, `the answer is not the platform's: ${describeBody(answer)}`)
  }
  if (envelope.code !== 0) {
    const { helps, troubleshooter } = envelope.error ?? {}
    return yield* new ApiError({
      code: envelope.code,
      msg: target.mask(envelope.msg ?? ""),
      status: answer.status,
      method: "POST",
      url: target.url,
      logId,
      retryAfter: retryAfter(answer),
      troubleshooter: troubleshooter && target.mask(troubleshooter),
      helps: filterMap(helps ?? [], (help) => decodeHelpLink(help)).map(({ description, url }) => ({
        url: target.mask(url),
        description: description && target.mask(description)
      }))
    })
  }
  if (answer.status > 299) {
    return yield* unusable(target, answer, "the answer says success and its HTTP status says otherwise")
  }
  return yield* Schema.decodeUnknown(schema, { errors: "all" })(json.value).pipe(
    Effect.mapError((error) => unusable(target, answer, `the answer has ${describeIssue(error)}`))
  )
})

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
    const target: Target = {
      url: app.baseUrl + call.path,
      mask: Mask.make(Object.values(call.body).filter(isSecret))
    }
    return yield* RetryPolicy.retry((number, timeout) =>
      Effect.logDebug(`attempt ${number}: POST ${target.url}`).pipe(
        Effect.zipRight(send(target, call.body)),
        Effect.flatMap((response) => read(target, response)),
        Effect.flatMap((answer) => decode(target, call.answer, answer)),
        // The time limit holds where the caller cannot be interrupted, too.
        Effect.interruptible,
        Effect.timeoutFail({
          duration: timeout,
          onTimeout: () =>
            networkError(target, {
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
