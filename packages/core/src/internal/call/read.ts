/** Reads an answer into memory. */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { FeishuNetworkError } from "../../FeishuError.js"
import { isFile, isJson, isWithin } from "./bodyKind.js"
import * as Envelope from "./envelope.js"
import * as Failure from "./failure.js"
import { ReadResponse } from "./readResponse.js"

type Response = HttpClientResponse.HttpClientResponse

/** The longest refusal, and the longest answer to the library's own calls: their longest is a token of 4 KB. */
export const maxShort = 1024 * 1024

/** The longest JSON of a success. Files are not read. */
export const maxLong = 64 * 1024 * 1024

const textOfStream = (target: Failure.Target, head: Failure.Head, response: Response, maxBytes: number) =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let bytes = 0
    return response.stream.pipe(
      // Mapped within the stream: a stream may run on a fiber of its own, and the failure of a fiber is logged.
      Stream.catchTag(
        "ResponseError",
        (error) => error.reason === "EmptyBody" ? Stream.empty : Stream.fail(Failure.brokeOff(target, head, error))
      ),
      Stream.runForEach((chunk) => {
        bytes += chunk.length
        if (bytes > maxBytes) {
          return Effect.fail(Failure.tooLarge(target, head, maxBytes))
        }
        text += decoder.decode(chunk, { stream: true })
        return Effect.void
      }),
      Effect.map(() => text + decoder.decode())
    )
  })

/** Reads a body of known length at once, and counts the bytes of any other. */
const textOf = (
  target: Failure.Target,
  head: Failure.Head,
  response: Response,
  maxBytes: number
): Effect.Effect<string, FeishuNetworkError> =>
  isWithin(head.headers, maxBytes)
    ? Effect.mapError(response.text, (error) => Failure.brokeOff(target, head, error))
    : textOfStream(target, head, response, maxBytes)

const headOf = ({ headers, status }: Response, now: number): Failure.Head => ({ status, headers, now })

/** Adds status, code and log id to the attempt's span. */
const annotate = (span: Tracer.Span, target: Failure.Target, head: Failure.Head, code?: number, logId?: string) => {
  span.attribute("http.response.status_code", head.status)
  if (code !== undefined) span.attribute("feishu.code", code)
  const id = head.headers["x-tt-logid"] ?? head.headers["x-request-id"] ?? logId
  if (id) span.attribute("feishu.log_id", target.mask(id))
}

const opened = (
  target: Failure.Target,
  head: Failure.Head,
  response: Response,
  body: string,
  span: Tracer.Span | undefined
): ReadResponse => {
  const result = Envelope.open(target, head, body)
  if (span !== undefined) {
    const error = result._tag === "Left" && result.left._tag === "FeishuApiError" ? result.left : undefined
    annotate(span, target, head, result._tag === "Right" ? 0 : error?.code, error?.logId)
  }
  return new ReadResponse(response, head, body, result)
}

const readWhole = (
  target: Failure.Target,
  head: Failure.Head,
  response: Response,
  maxBytes: number,
  span: Tracer.Span | undefined
): Effect.Effect<ReadResponse, FeishuNetworkError> =>
  Effect.map(textOf(target, head, response, maxBytes), (body) => opened(target, head, response, body, span))

/** Reads the whole answer. */
export const whole = (
  target: Failure.Target,
  response: Response,
  maxBytes: number,
  span?: Tracer.Span
): Effect.Effect<ReadResponse, FeishuNetworkError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => readWhole(target, headOf(response, now), response, maxBytes, span))

/** Statuses of answers without a body. */
const noContent: ReadonlySet<number> = new Set([204, 205, 304])

/** Reads refusals, and JSON that is not an attachment. Returns any other answer unread. */
export const unlessFile = (
  target: Failure.Target,
  response: Response,
  span: Tracer.Span | undefined
): Effect.Effect<Response, FeishuNetworkError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<Response, FeishuNetworkError> => {
    const head = headOf(response, now)
    const { headers, status } = head
    if (status < 200 || status > 599) return Effect.fail(Failure.unusable(target, head, "the answer is not HTTP's"))
    const isRefusal = status >= 400
    const hasNoBody = noContent.has(status) || response.request.method === "HEAD"
    if (hasNoBody && isRefusal) return Effect.succeed(opened(target, head, response, "", span))
    if (hasNoBody || (!isRefusal && (!isJson(headers) || isFile(headers)))) {
      if (span !== undefined) annotate(span, target, head)
      return Effect.succeed(response)
    }
    return readWhole(target, head, response, isRefusal ? maxShort : maxLong, span)
  })
