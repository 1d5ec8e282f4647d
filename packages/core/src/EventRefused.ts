/**
 * The reason why a delivery to the request URL is not accepted.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const statuses = {
  UnknownApp: 404,
  AppLookup: 503,
  Method: 405,
  ContentType: 415,
  TooLarge: 413,
  Incomplete: 400,
  BodyRead: 500,
  Malformed: 400,
  Unsigned: 401,
  Signature: 401,
  Stale: 401,
  Decryption: 401,
  Token: 401,
  ForeignApp: 401,
  Store: 503,
  Running: 503,
  Handler: 500,
  HandlerTimeout: 500
} as const

/**
 * A delivery was not accepted.
 *
 * - `UnknownApp`: the path names an app that is unknown. `AppLookup`: the subscription of the app cannot be found or built.
 * - `Method`, `ContentType`, `TooLarge`, `Incomplete`: the request is not a `POST` of JSON, is longer than 1 MB, or broke
 *   off.
 * - `BodyRead`: the web framework has read the body and has not kept its bytes, which the signature covers.
 * - `Malformed`: the body is neither an event nor a handshake.
 * - `Unsigned`: a proof is missing. `Signature`: the signature is wrong. `Stale`: the signature is right and too old, or from
 *   the future. `Decryption`: the event cannot be decrypted. `Token`: the verification token is wrong. `ForeignApp`: the event
 *   is for another app.
 * - `Store`: the `TicketStore` or the `Claims` failed. `Running`: another delivery of this event is being handled. `Handler`,
 *   `HandlerTimeout`: the handler failed, or did not end in time. After each of these the platform pushes again.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventRefused extends Schema.TaggedError<EventRefused>("@effect-feishu/core/EventRefused")("EventRefused", {
  reason: Schema.Literal(
    "UnknownApp",
    "AppLookup",
    "Method",
    "ContentType",
    "TooLarge",
    "Incomplete",
    "BodyRead",
    "Malformed",
    "Unsigned",
    "Signature",
    "Stale",
    "Decryption",
    "Token",
    "ForeignApp",
    "Store",
    "Running",
    "Handler",
    "HandlerTimeout"
  ),
  /** Says what was wrong, and what to do. For the log only: the answer does not contain the description. */
  description: Schema.String
}) {
  /**
   * Returns the HTTP status of the answer.
   *
   * @since 0.1.0
   */
  get status(): number {
    return statuses[this.reason]
  }

  /**
   * Returns `true` if nothing shows that the delivery was meant for this app.
   *
   * @since 0.1.0
   */
  get isUnproven(): boolean {
    return this.status === 401
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `refused a delivery to the request URL (${this.reason}): ${this.description}`
  }
}
