/**
 * What comes back from the platform: its envelope `{ code, msg, data? }`, opened, or an error that says what came
 * instead.
 */
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { filterMap } from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FeishuApiError, FeishuNetworkError, HelpLink } from "../FeishuError.js"
import * as Mask from "./mask.js"

export interface Answer {
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
export interface Target {
  readonly method: string
  readonly url: string
  readonly mask: Mask.Mask
}

export const networkError = (target: Target, seen: {
  readonly reason: FeishuNetworkError["reason"]
  readonly description: string
  readonly cause?: unknown
  readonly answer?: Answer
}) => {
  const cause = seen.cause === undefined ? undefined : Mask.cause(seen.cause, target.mask)
  return new FeishuNetworkError({
    reason: seen.reason,
    method: target.method,
    url: target.url,
    description: target.mask(seen.description) + (cause === undefined ? "" : `: ${Mask.messages(cause)}`),
    status: seen.answer?.status,
    retryAfter: seen.answer && retryAfter(seen.answer),
    cause
  })
}

/** An answer that is not the platform's. */
export const unusable = (target: Target, answer: Answer, description: string, cause?: unknown) =>
  networkError(target, {
    reason: answer.status >= 500 && answer.status < 600 ? "Unavailable" : "InvalidResponse",
    description,
    cause,
    answer
  })

/** The request may or may not have reached the platform. */
export const noAnswer = (target: Target, error: HttpClientError.HttpClientError) =>
  networkError(target, { reason: "Connection", description: "no answer", cause: error.cause ?? error.message })

/** The longest answer that is read. The platform's longest to these calls, a token of 4 KB, is far below; so are its refusals. */
const maxAnswerBytes = 1024 * 1024

export const read = (target: Target, response: HttpClientResponse.HttpClientResponse) => {
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
const describeIssue = (error: ParseResult.ParseError, at: ReadonlyArray<string>): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => `${issue._tag === "Missing" ? "missing" : "unexpected"} "${[...at, ...issue.path].join(".")}"`)
    .join(", ")

/** The JSON of an answer that says `code: 0`. Any other is an error. */
export const open = Effect.fnUntraced(function*(target: Target, answer: Answer) {
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
    return yield* new FeishuApiError({
      code: envelope.code,
      msg: target.mask(envelope.msg ?? ""),
      status: answer.status,
      method: target.method,
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
  return json.value
})

/** What an answer holds there, or the names of what is wrong in it. */
export const decode = <A, I, R>(
  target: Target,
  answer: Answer,
  schema: Schema.Schema<A, I, R>,
  json: unknown,
  at: ReadonlyArray<string> = []
) =>
  Effect.mapError(
    Schema.decodeUnknown(schema, { errors: "all" })(json),
    (error) => unusable(target, answer, `the answer has ${describeIssue(error, at)}`)
  )
