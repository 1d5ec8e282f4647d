/** Sends a request and reads the answer, with a time limit and a span. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { constTrue } from "effect/Function"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import * as Tracer from "effect/Tracer"
import type { FeishuError } from "../../FeishuError.js"
import * as Span from "../span.js"
import { timeLimit } from "../timeLimit.js"
import type { Attempt } from "./attempts.js"
import * as Failure from "./failure.js"
import type { Transport } from "./transport.js"

export interface Exchange<A, E> {
  readonly transport: Transport
  readonly request: HttpClientRequest.HttpClientRequest
  readonly target: Failure.Target
  /** Reads the answer. Adds status, code and log id to the span. */
  readonly read: (
    response: HttpClientResponse.HttpClientResponse,
    span: Tracer.Span | undefined
  ) => Effect.Effect<A, E>
  /** Returns the failure with which the span ends though an answer was read. */
  readonly failureOf?: (answer: A) => unknown
  readonly attempt: Attempt
  readonly spanName: string
  /** Further attributes of the span. */
  readonly attributes: Readonly<Record<string, string>>
  /** Annotates the lines of the log. */
  readonly annotations: Readonly<Record<string, string>>
}

/** Builds the log line only if the log level is `Debug` or lower. */
const logAttempt = (
  { annotations, attempt, target }: Pick<Exchange<unknown, unknown>, "annotations" | "attempt" | "target">
) =>
  Effect.flatMap(FiberRef.get(FiberRef.currentMinimumLogLevel), (level) =>
    LogLevel.greaterThan(level, LogLevel.Debug)
      ? Effect.void
      : Effect.annotateLogs(Effect.logDebug(`attempt ${attempt.number}: ${target.method} ${target.url}`), annotations))

/** Sets the parent span. Turns off the client's own span, because its error would hold the request with the secrets. */
const within = (span: Tracer.Span | undefined) => (runtime: Runtime.Runtime<never>): Runtime.Runtime<never> => {
  const silent = Runtime.setFiberRef(runtime, HttpClient.currentTracerDisabledWhen, constTrue)
  return span === undefined ? silent : Runtime.provideService(silent, Tracer.ParentSpan, span)
}

/** Sends a request and reads its answer, in the time of the attempt. */
const inTime = <A, E extends FeishuError>(exchange: Exchange<A, E>, span: Tracer.Span | undefined) => {
  const { attempt, read, request, target, transport } = exchange
  const answer = Effect.mapError(transport(request), (error) => Failure.noAnswer(target, error))
  return timeLimit(
    Effect.andThen(logAttempt(exchange), Effect.flatMap(answer, (response) => read(response, span))),
    {
      duration: attempt.timeout,
      onTimeout: () => Failure.tooLate(target, attempt.timeout),
      updateRuntime: within(span)
    }
  )
}

/**
 * Sends a request and reads its answer, in a span that replaces the `HttpClient`'s own.
 *
 * The span's attributes are `feishu.attempt`, `http.request.method`, `url.full`, and what `read` adds.
 */
export const run = <A, E extends FeishuError>(exchange: Exchange<A, E>) => {
  const { attempt, attributes, failureOf, spanName, target } = exchange
  const options = (): Tracer.SpanOptions => ({
    kind: "client",
    captureStackTrace: false,
    attributes: {
      "feishu.attempt": attempt.number,
      "http.request.method": target.method,
      "url.full": target.url,
      ...attributes
    }
  })
  return Span.useSpan(spanName, options, (span) => inTime(exchange, span), failureOf)
}
