/** Decides whether a request may be sent a second time. */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { constTrue } from "effect/Function"
import type { FeishuError } from "../../FeishuError.js"

/** Codes of a failure to connect: of Node's sockets and `fetch`, of undici, of Bun's `fetch`. */
const connectCodes: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket"
])

/** Messages of a failure to connect that has no code of its own: Node's TLS, undici behind a proxy, Deno's `fetch`. */
const connectMessages = /before secure TLS connection was established|when HTTP Tunneling|client error \(Connect\)/

const failedToConnect = (error: Error): boolean => {
  const { code, syscall } = error as { readonly code?: unknown; readonly syscall?: unknown }
  // The same codes end a connection that had been made: then the system call is "read" or "write".
  return syscall === undefined
    ? connectCodes.has(code) || connectMessages.test(error.message)
    : typeof syscall === "string" && /^(connect$|getaddrinfo$|query)/.test(syscall)
}

/** Returns `true` if no connection was made. A host with several addresses fails with one error for each address. */
const neverConnected = (error: unknown, depth = 0): boolean => {
  if (!(error instanceof Error) || depth > 8) return false
  const { cause, errors } = error as { readonly cause?: unknown; readonly errors?: unknown }
  return Array.isArray(errors) && errors.length > 0
    ? errors.every((error) => neverConnected(error, depth + 1))
    : failedToConnect(error) || neverConnected(cause, depth + 1)
}

/** Returns `true` if the platform did nothing: no connection was made, or the platform refused the call for its rate. */
const hasDoneNothing = (error: FeishuError): boolean =>
  error._tag === "FeishuApiError"
    ? error.kind === "RateLimited"
    : error.status === 429
      || (error.reason === "Connection" && error.status === undefined && neverConnected(error.cause))

/** Returns `true` if a raw body can be read any number of times. */
const isLasting = (body: unknown): boolean =>
  typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob
  || body instanceof FormData || body instanceof URLSearchParams

/** Returns `true` if sending the request may use up the body. */
const isReadOnce = ({ body }: HttpClientRequest.HttpClientRequest, isReplayable: boolean): boolean =>
  body._tag === "Stream" ? !isReplayable : body._tag === "Raw" && !isLasting(body.body)

/** The idempotent methods (RFC 9110, 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])

export interface SendAgain {
  /** Returns `true` if the request may be sent again after this failure. */
  readonly after: (error: FeishuError) => boolean
  /** `true` if the request may be sent with another token after the platform refused the first token. */
  readonly withAnotherToken: boolean
}

/** For the library's own calls, which do no harm when they are sent twice: the `RetryPolicy` alone decides. */
export const always: SendAgain = { after: constTrue, withAnotherToken: true }

/**
 * Allows no second sending of a body that can be read once. Allows any other request to be sent again if the platform did
 * nothing, or if the failure may pass and the request is idempotent, by its method or by `FeishuClient.idempotent`.
 */
export const make = (request: HttpClientRequest.HttpClientRequest, caller: {
  readonly isIdempotent: boolean
  /** `true` if a `Stream` in the body can run again. */
  readonly isReplayable: boolean
}): SendAgain => {
  const isSentOnce = isReadOnce(request, caller.isReplayable)
  const isIdempotent = caller.isIdempotent || idempotentMethods.has(request.method)
  return {
    after: (error) => !isSentOnce && (hasDoneNothing(error) || (isIdempotent && error.isRetryable)),
    withAnotherToken: !isSentOnce
  }
}
