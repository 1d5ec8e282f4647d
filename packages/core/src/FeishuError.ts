/**
 * Why a call to the platform failed: `FeishuNetworkError` when nothing usable came back, `FeishuApiError` when the platform
 * answered and refused.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as ErrorCode from "./ErrorCode.js"
import { askedWait } from "./internal/askedWait.js"
import { oneLine } from "./internal/oneLine.js"

const networkAdvice = {
  Connection: "Check the network, DNS, and any proxy or firewall between this machine and the host.",
  Timeout: "Check that the host can be reached from this machine; if it is only slow, raise the time limit.",
  Unavailable: "The platform, or a gateway before it, is out of order: try again later.",
  InvalidResponse: "Something other than the Open Platform may have answered: check the base URL and any proxy.",
  Schema: "The platform has done what was asked, and its answer does not fit the schema: correct the schema."
} as const

/**
 * Nothing usable came back: the request may or may not have reached the platform.
 *
 * - `Connection`: no connection, or it broke before an answer came.
 * - `Timeout`: no complete answer in the time allowed for one attempt.
 * - `Unavailable`: HTTP 5xx without an error code of the platform's, so most likely from a gateway.
 * - `InvalidResponse`: an answer came, but it is not the platform's: not JSON, not its envelope, too long, or cut off.
 * - `Schema`: an answer came that says success, but what it holds does not fit the schema given to `FeishuClient.schemaData`.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeishuNetworkError
  extends Schema.TaggedError<FeishuNetworkError>("@effect-feishu/core/FeishuNetworkError")(
    "FeishuNetworkError",
    {
      reason: Schema.Literal("Connection", "Timeout", "Unavailable", "InvalidResponse", "Schema"),
      method: Schema.String,
      url: Schema.String,
      /** What was seen, in a few words. */
      description: Schema.String,
      /** The HTTP status, where an answer had begun. */
      status: Schema.optional(Schema.Number),
      /** How long the answer said to wait (header `x-ogw-ratelimit-reset`), even though its body was of no use. */
      retryAfter: Schema.optional(Schema.DurationFromMillis),
      /** The transport's own error: its names, messages and codes only, with the secrets masked. */
      cause: Schema.optional(Schema.Defect)
    }
  )
{
  /**
   * What to do about it, in one sentence.
   *
   * @since 0.1.0
   */
  get advice(): string {
    return brokeOff(this) ? networkAdvice.Connection : networkAdvice[this.reason]
  }

  /**
   * Whether the same request, sent again later, may succeed. True but for a whole answer that says, by its 3xx or 4xx
   * status, that this is the wrong address; 408, 429 and a wait that it asks for are passing states; and for `Schema`.
   *
   * It is about the failure and not about the request: where no answer came, the platform may have done what was asked.
   *
   * @since 0.1.0
   */
  get isRetryable(): boolean {
    if (this.reason === "Schema") return false
    return this.reason !== "InvalidResponse"
      || brokeOff(this)
      || askedWait(this) !== undefined
      || this.status === undefined
      || this.status < 300
      || this.status === 408
      || this.status === 429
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

/** An `InvalidResponse` has a cause where the transport failed on the way, and none where a wrong answer came whole. */
const brokeOff = (error: FeishuNetworkError): boolean => error.reason === "InvalidResponse" && error.cause !== undefined

/**
 * A page that the platform points to.
 *
 * @since 0.1.0
 * @category models
 */
export const HelpLink = Schema.Struct({
  url: Schema.String,
  description: Schema.optional(Schema.String)
})

const classify = (error: FeishuApiError) =>
  ErrorCode.classify({ code: error.code, status: error.status, toldToWait: askedWait(error) !== undefined })

/**
 * The platform answered with a `code` other than 0, whatever the HTTP status.
 *
 * Branch on `kind` or `code`, never on `msg`: the platform changes its wording.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeishuApiError
  extends Schema.TaggedError<FeishuApiError>("@effect-feishu/core/FeishuApiError")("FeishuApiError", {
    /** The platform's error code; `ErrorCode.table` has the known ones. */
    code: Schema.Int,
    /** The platform's own words, empty where it gave none. */
    msg: Schema.String,
    /** The HTTP status: the platform refuses with 200, too. */
    status: Schema.Number,
    method: Schema.String,
    url: Schema.String,
    /** What to quote to the platform's support: `x-tt-logid`, else `x-request-id`, else `error.log_id` of the body. */
    logId: Schema.optional(Schema.String),
    /** How long to wait before the next try, from the header `x-ogw-ratelimit-reset` (seconds). */
    retryAfter: Schema.optional(Schema.DurationFromMillis),
    /** A page or a hint that the platform gives for finding the cause. */
    troubleshooter: Schema.optional(Schema.String),
    /** Pages that the platform points to. */
    helps: Schema.optionalWith(Schema.Array(HelpLink), { default: () => [] })
  })
{
  /**
   * What the code means, as one of eleven kinds.
   *
   * @since 0.1.0
   */
  get kind(): ErrorCode.Kind {
    return classify(this).kind
  }

  /**
   * What to do about it, in one sentence.
   *
   * @since 0.1.0
   */
  get advice(): string {
    return ErrorCode.advice[this.kind]
  }

  /**
   * Whether the same request, sent again later, may succeed.
   *
   * @since 0.1.0
   */
  get isRetryable(): boolean {
    return classify(this).retryable
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    const wait = askedWait(this)
    const logId = this.logId === undefined ? "" : `, log id ${this.logId}`
    return [
      `${this.method} ${this.url}: refused with code ${this.code}`,
      this.msg === "" ? "" : ` "${oneLine(this.msg)}"`,
      ` (${this.kind}, HTTP ${this.status}${logId}).`,
      wait === undefined ? "" : ` The platform asks to wait ${Duration.format(wait)}.`,
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
 * The two families as one schema, to send a failure to another process or to store it.
 *
 * @since 0.1.0
 * @category errors
 */
export const FeishuError: Schema.Union<[typeof FeishuNetworkError, typeof FeishuApiError]> = Schema.Union(
  FeishuNetworkError,
  FeishuApiError
)
