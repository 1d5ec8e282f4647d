/**
 * Why a call to the platform failed: `FeishuNetworkError` if no usable answer came, `FeishuApiError` if the platform
 * answered and refused.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as ErrorCode from "./ErrorCode.js"
import { askedWait } from "./internal/askedWait.js"
import { classify } from "./internal/call/classify.js"
import { oneLine } from "./internal/oneLine.js"

const networkAdvice = {
  Connection: "Check the network, DNS, and any proxy or firewall between this machine and the host.",
  Certificate:
    "Check the host's certificate, and any proxy that replaces certificates. If it is signed by an authority of "
    + "your own, name the authority's certificate to the runtime (Node and Bun: the variable NODE_EXTRA_CA_CERTS).",
  Timeout: "Check that the host can be reached from this machine; if it is only slow, raise the time limit.",
  Unavailable: "The platform, or a gateway before it, is out of order: try again later.",
  InvalidRequest: "Nothing was sent: correct the request.",
  InvalidResponse: "Something other than the Open Platform may have answered: check the base URL and any proxy.",
  TooLarge: "Ask for less at a time. A file is read with FeishuClient.file, which has no limit.",
  Schema: "The platform has done what was asked, and its answer does not fit the schema: correct the schema."
} as const

/**
 * No usable answer came. The request may or may not have reached the platform.
 *
 * - `Connection`: no connection, or the connection broke before an answer came.
 * - `Certificate`: the host's certificate was not accepted. Nothing was sent.
 * - `Timeout`: no complete answer in the time for one attempt.
 * - `Unavailable`: HTTP 5xx without an error code of the platform, so most likely from a gateway.
 * - `InvalidRequest`: the request cannot be sent as it is. Nothing was sent.
 * - `InvalidResponse`: the answer is not the platform's: not JSON, not its envelope, or cut off.
 * - `TooLarge`: the answer says success, and is longer than 64 MiB (1 MiB for a resend or a token).
 * - `Schema`: the answer says success and does not fit what the caller expects.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeishuNetworkError extends Schema.TaggedError<FeishuNetworkError>(
  "@effect-feishu/core/FeishuNetworkError"
)(
  "FeishuNetworkError",
  {
    reason: Schema.Literal(
      "Connection",
      "Certificate",
      "Timeout",
      "Unavailable",
      "InvalidRequest",
      "InvalidResponse",
      "TooLarge",
      "Schema"
    ),
    method: Schema.String,
    url: Schema.String,
    /** The failure in a few words. */
    description: Schema.String,
    /** The HTTP status, if an answer had begun. */
    status: Schema.optional(Schema.Number),
    /** How long the answer asks to wait (headers `x-ogw-ratelimit-reset` and `Retry-After`). */
    retryAfter: Schema.optional(Schema.DurationFromMillis),
    /** The transport's own error: only its names, messages and codes, with the secrets masked. */
    cause: Schema.optional(Schema.Defect)
  }
) {
  /**
   * Returns one or two sentences that say what to do.
   *
   * @since 0.1.0
   */
  get advice(): string {
    return brokeOff(this) ? networkAdvice.Connection : networkAdvice[this.reason]
  }

  /**
   * Returns `true` if the same request may succeed later. Returns `false` for `Certificate`, `InvalidRequest`,
   * `TooLarge` and `Schema`, and for a complete answer with a 3xx or 4xx status, because then the address is wrong. Returns `true` for
   * 408, for 429 and for any answer with a `retryAfter`.
   *
   * Does not say that a second request does no harm: without an answer, the platform may have done what was asked.
   *
   * @since 0.1.0
   */
  get isRetryable(): boolean {
    switch (this.reason) {
      case "Certificate":
      case "InvalidRequest":
      case "TooLarge":
      case "Schema":
        return false
      case "InvalidResponse":
        return brokeOff(this)
          || askedWait(this) !== undefined
          || this.status === undefined
          || this.status < 300
          || this.status === 408
          || this.status === 429
      default:
        return true
    }
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    const status = this.status === undefined ? "" : `, HTTP ${this.status}`
    return `${this.method} ${this.url}: ${oneLine(this.description)} (${this.reason}${status}). ${this.advice}`
  }

  /**
   * @since 0.1.0
   */
  override toJSON(): unknown {
    return { ...this, message: this.message, isRetryable: this.isRetryable }
  }
}

/** An `InvalidResponse` has a cause if the transport failed while the answer came. */
const brokeOff = (error: FeishuNetworkError): boolean => error.reason === "InvalidResponse" && error.cause !== undefined

/**
 * A link to a page of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export const HelpLink = Schema.Struct({
  url: Schema.String,
  description: Schema.optional(Schema.String)
})

/**
 * A scope that the app or the user lacks (pages "如何为应用申请所需权限？" and "如何解决 99991679 错误").
 *
 * @since 0.1.0
 * @category models
 */
export const PermissionViolation = Schema.Struct({
  /** The scope, for example `contact:user.id:readonly`. */
  subject: Schema.String,
  /** `action_scope_required`: the app lacks the scope. `action_privilege_required`: the user has not granted it. */
  type: Schema.optional(Schema.String)
})

/** The field may be left out when the error is made. */
const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: () => A) =>
  Schema.withConstructorDefault(Schema.propertySignature(schema), value)

const kindOf = (error: FeishuApiError) =>
  classify({
    code: error.code,
    status: error.status,
    url: error.url,
    asksToWait: askedWait(error) !== undefined
  })

const wrongKindOfToken = "The platform refused a token that it had just issued, so this API may not take this kind of "
  + "token: look up on the API's page whether it takes a tenant, an app or a user access token."

/**
 * The platform answered with a `code` other than 0, whatever the HTTP status.
 *
 * Branch on `kind` or `code`, never on `msg`: the platform changes its wording.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeishuApiError extends Schema.TaggedError<FeishuApiError>("@effect-feishu/core/FeishuApiError")(
  "FeishuApiError",
  {
    /** The platform's error code. `ErrorCode.table` lists the known codes. */
    code: Schema.Int,
    /** The platform's own text. May be empty. */
    msg: Schema.String,
    /** The HTTP status. The platform also refuses with 200. */
    status: Schema.Number,
    method: Schema.String,
    url: Schema.String,
    /** The id to quote to the platform's support: `x-tt-logid`, else `x-request-id`, else `error.log_id` of the body. */
    logId: Schema.optional(Schema.String),
    /** How long to wait before the next try (headers `x-ogw-ratelimit-reset` and `Retry-After`). */
    retryAfter: Schema.optional(Schema.DurationFromMillis),
    /** A page or a hint of the platform for finding the cause. */
    troubleshooter: Schema.optional(Schema.String),
    /** Links to pages of the platform. */
    helps: withDefault(Schema.Array(HelpLink), () => []),
    /** The missing scopes. Most APIs need only one of the scopes. */
    permissionViolations: withDefault(Schema.Array(PermissionViolation), () => []),
    /** `true` if the platform refused a token just after issuing the token. */
    wasTokenNew: withDefault(Schema.Boolean, () => false)
  }
) {
  /**
   * Returns the meaning of the code as one of thirteen kinds.
   *
   * @since 0.1.0
   */
  get kind(): ErrorCode.Kind {
    return kindOf(this).kind
  }

  /**
   * Returns one or two sentences that say what to do.
   *
   * @since 0.1.0
   */
  get advice(): string {
    return this.wasTokenNew ? wrongKindOfToken : ErrorCode.table.get(this.code)?.advice ?? ErrorCode.advice[this.kind]
  }

  /**
   * Returns `true` if the same request may succeed later.
   *
   * @since 0.1.0
   */
  get isRetryable(): boolean {
    return kindOf(this).retryable
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    const wait = askedWait(this)
    const logId = this.logId === undefined ? "" : `, log id ${this.logId}`
    const scopes = this.permissionViolations.map(({ subject }) => oneLine(subject)).join(", ")
    return [
      `${this.method} ${this.url}: refused with code ${this.code}`,
      this.msg === "" ? "" : ` "${oneLine(this.msg)}"`,
      ` (${this.kind}, HTTP ${this.status}${logId}).`,
      wait === undefined ? "" : ` The platform asks to wait ${Duration.format(wait)}.`,
      scopes === "" ? "" : ` Missing scopes: ${scopes}.`,
      ` ${this.advice}`,
      this.troubleshooter === undefined ? "" : ` ${oneLine(this.troubleshooter)}`,
      ...this.helps.map((help) => ` See ${oneLine(help.url)}`)
    ].join("")
  }

  /**
   * @since 0.1.0
   */
  override toJSON(): unknown {
    return { ...this, message: this.message, kind: this.kind, isRetryable: this.isRetryable }
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type FeishuError = FeishuNetworkError | FeishuApiError

/**
 * The schema of both errors, to send a failure to another process or to store the failure.
 *
 * @since 0.1.0
 * @category errors
 */
export const FeishuError: Schema.Union<[typeof FeishuNetworkError, typeof FeishuApiError]> = Schema.Union(
  FeishuNetworkError,
  FeishuApiError
)
