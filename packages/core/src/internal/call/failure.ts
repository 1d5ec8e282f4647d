/** Makes a `FeishuNetworkError` of what the transport reports or of an answer that cannot be used. */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Duration from "effect/Duration"
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

/** An answer came, and it is not the platform's. */
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

/** The platform did what was asked, but the answer holds something else than the caller expects. */
export const misfit = (target: Target, head: Head, description: string) =>
  networkError(target, { reason: "Schema", description, head })

/** Node's page "X509 certificate error codes"; Deno has no codes, only the message. */
const certificateCodes: ReadonlySet<unknown> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_CRL",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "CERT_SIGNATURE_FAILURE",
  "CRL_SIGNATURE_FAILURE",
  "CERT_NOT_YET_VALID",
  "CERT_HAS_EXPIRED",
  "CRL_NOT_YET_VALID",
  "CRL_HAS_EXPIRED",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CRL_LAST_UPDATE_FIELD",
  "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_CHAIN_TOO_LONG",
  "CERT_REVOKED",
  "INVALID_CA",
  "PATH_LENGTH_EXCEEDED",
  "INVALID_PURPOSE",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "HOSTNAME_MISMATCH",
  "ERR_TLS_CERT_ALTNAME_INVALID"
])

/** Whether an error or one of its causes says that the server's certificate was not accepted. */
const isAboutCertificate = (error: unknown, depth = 0): boolean => {
  if (!(error instanceof Error) || depth > 8) return false
  const { code } = error as { readonly code?: unknown }
  return certificateCodes.has(code)
    || error.message.includes("invalid peer certificate")
    || isAboutCertificate(error.cause, depth + 1)
}

const reasonOf = ({ cause, reason }: HttpClientError.RequestError): FeishuNetworkError["reason"] =>
  reason !== "Transport" ? "InvalidRequest" : isAboutCertificate(cause) ? "Certificate" : "Connection"

/** No answer came. Unless the request was invalid it may have reached the platform. */
export const noAnswer = (target: Target, error: HttpClientError.RequestError) => {
  const reason = reasonOf(error)
  return networkError(target, {
    reason,
    description: reason === "InvalidRequest" ? "the request cannot be sent" : "no answer",
    cause: error.cause ?? error.message
  })
}
