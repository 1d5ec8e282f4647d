/**
 * An event of the platform's, in one shape for its schemas 1.0 and 2.0.
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
  /** `uuid` of a 1.0 event, `header.event_id` of a 2.0 event: the same each time the platform pushes it. */
  readonly id: string
  /** `event.type` of a 1.0 event, `header.event_type` of a 2.0 event. */
  readonly type: string
  readonly appId: string
  /** The company that it is about; none where the event is about the app itself. */
  readonly tenantKey: Option.Option<string>
  /** `ts` of a 1.0 event, `header.create_time` of a 2.0 event; the time of arrival where the platform gives none. */
  readonly createdAt: DateTime.Utc
  /** The `event` object. Of a 1.0 event it holds `type`, `app_id` and `tenant_key`, too. */
  readonly payload: Payload
  /** The whole body as JSON, without the verification token, which is a secret. */
  readonly raw: Readonly<Record<string, unknown>>
  /**
   * The whole body as text, decrypted. Holds the verification token, and all digits of integers above 2^53, which
   * `JSON.parse` rounds.
   */
  readonly text: Redacted.Redacted
}
