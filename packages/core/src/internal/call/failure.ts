/** Makes a `FeishuNetworkError` of a transport error or of an unusable answer. */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import { FeishuNetworkError } from "../../FeishuError.js"
import * as Mask from "./mask.js"
import { retryAfter } from "./retryAfter.js"

/** Names the request in errors. `mask` removes the secrets that the request holds. */
export interface Target {
  readonly method: string
  readonly url: string
  readonly mask: Mask.Mask
}

/** The status and the headers of an answer, and when it came in milliseconds since 1970. */
export interface Head {
  readonly status: number
  readonly headers: Headers.Headers
  readonly now: number
}

export const networkError = (target: Target, seen: {
  readonly reason: FeishuNetworkError["reason"]
  readonly description: string
  readonly cause?: unknown
  readonly head?: Head
}) => {
  const cause = seen.cause === undefined ? undefined : Mask.cause(seen.cause, target.mask)
  return new FeishuNetworkError({
    reason: seen.reason,
    method: target.method,
    url: target.url,
    description: target.mask(seen.description) + (cause === undefined ? "" : `: ${Mask.messages(cause)}`),
    status: seen.head?.status,
    retryAfter: seen.head && retryAfter(seen.head.headers, seen.head.now),
    cause
  })
}

/** The answer is not the platform's. */
export const unusable = (target: Target, head: Head, description: string, cause?: unknown) =>
  networkError(target, {
    reason: head.status >= 500 && head.status < 600 ? "Unavailable" : "InvalidResponse",
    description,
    cause,
    head
  })

export const brokeOff = (target: Target, head: Head, error: HttpClientError.ResponseError) =>
  unusable(target, head, "the answer broke off", error.cause ?? error.message)

export const tooLate = (target: Target, timeout: Duration.Duration) =>
  networkError(target, { reason: "Timeout", description: `no complete answer within ${Duration.format(timeout)}` })

export const tooLarge = (target: Target, head: Head, maxBytes: number) => {
  const description = `the answer is longer than ${maxBytes / 1024 / 1024} MiB`
  return head.status < 400
    ? networkError(target, { reason: "TooLarge", description, head })
    : unusable(target, head, description)
}

/** The platform succeeded, but the answer does not fit the caller's schema. */
export const misfit = (target: Target, head: Head, description: string) =>
  networkError(target, { reason: "Schema", description, head })

/** Matches all codes of Node's page "X509 certificate error codes". Deno has no codes, only a message. */
const certificateCode =
  /CERT|CRL|^UNABLE_TO_(DECODE_ISSUER_PUBLIC_KEY|VERIFY_LEAF_SIGNATURE)$|^(INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$/

/** Returns `true` if the runtime did not accept the server's certificate, by the error or a cause. */
const isAboutCertificate = (error: unknown, depth = 0): boolean => {
  if (!(error instanceof Error) || depth > 8) return false
  const { code } = error as { readonly code?: unknown }
  return (typeof code === "string" && certificateCode.test(code))
    || error.message.includes("invalid peer certificate")
    || isAboutCertificate(error.cause, depth + 1)
}

const reasonOf = ({ cause, reason }: HttpClientError.RequestError): FeishuNetworkError["reason"] =>
  reason !== "Transport" || (hasProperty(cause, "code") && cause.code === "UND_ERR_INVALID_ARG")
    ? "InvalidRequest"
    : isAboutCertificate(cause)
    ? "Certificate"
    : "Connection"

/** No answer came. The request may have reached the platform, unless the reason is `InvalidRequest`. */
export const noAnswer = (target: Target, error: HttpClientError.RequestError) => {
  const reason = reasonOf(error)
  return networkError(target, {
    reason,
    description: reason === "InvalidRequest" ? "the request cannot be sent" : "no answer",
    cause: error.cause ?? error.message
  })
}
