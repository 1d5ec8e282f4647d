/**
 * An event or a callback of the platform, in one shape for the schemas 1.0 and 2.0.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"

/**
 * @since 0.1.0
 * @category models
 */
export interface FeishuEvent<out Payload = Readonly<Record<string, unknown>>> {
  /**
   * `uuid` of a 1.0 event, `header.event_id` of a 2.0 event: the same each time the platform pushes the event. Empty for a
   * callback without an id.
   */
  readonly id: string
  /** `event.type` of a 1.0 event, `header.event_type` of a 2.0 event. */
  readonly type: string
  readonly appId: string
  /** The company that the event is about. `None` if the event is about the app itself. */
  readonly tenantKey: Option.Option<string>
  /** `ts` of a 1.0 event, `header.create_time` of a 2.0 event. The time of arrival if the platform gives no time. */
  readonly createdAt: DateTime.Utc
  /** The `event` object. That of a 1.0 event also has `type`, `app_id` and `tenant_key`. */
  readonly payload: Payload
  /** The whole body as JSON, without the verification token, which is a secret. Holds the token of a card, also a secret. */
  readonly raw: Readonly<Record<string, unknown>>
  /**
   * The whole body as text, decrypted. Holds the verification token, and all digits of integers above 2^53, which
   * `JSON.parse` rounds.
   */
  readonly text: Redacted.Redacted
}
