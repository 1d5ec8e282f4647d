/**
 * An event of the platform's, in one shape for its schemas 1.0 and 2.0.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

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
}

/**
 * What a request URL is sent, decrypted: the token is still to be checked.
 *
 * @since 0.1.0
 * @category models
 */
export type Message =
  | { readonly _tag: "Challenge"; readonly token: string | undefined; readonly challenge: string }
  | {
    readonly _tag: "Event"
    readonly token: string | undefined
    readonly event:
      & Omit<FeishuEvent, "appId" | "createdAt">
      & { readonly appId: string | undefined; readonly createdAt: DateTime.Utc | undefined }
  }

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** A field that says nothing where it is empty, or has a type that nobody expects. */
const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** The documentation's times are strings; a number says the same. */
const timeOf = (value: unknown, toMillis: (time: number) => number): DateTime.Utc | undefined => {
  const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
  return typeof number === "number" && number >= 0
    // Rounded, since binary fractions would turn the documentation's 1502199207.717 into …716 now and then.
    ? Option.getOrUndefined(DateTime.make(Math.round(toMillis(number))))
    : undefined
}

const fromSeconds = (time: number) => time * 1000

/** Events have milliseconds, and the example in "事件订阅概述" has microseconds. */
const fromCreateTime = (time: number) => time < 1e14 ? time : time / 1000

const withoutToken = ({ token: _, ...rest }: Json): Json => rest

/** Names the field and never its value, which may be a secret. */
const wrong = (json: Json, field: string, path = field): Either.Either<never, string> =>
  Either.left(`${field in json ? "unexpected" : "missing"} "${path}"`)

const challengeOf = (json: Json): Either.Either<Message, string> => {
  const { challenge, token } = json
  return typeof challenge === "string"
    ? Either.right({ _tag: "Challenge", token: typeof token === "string" ? token : undefined, challenge })
    : wrong(json, "challenge")
}

const event1 = (json: Json): Either.Either<Message, string> => {
  const { event, token, ts, type, uuid } = json
  if (type !== "event_callback") return wrong(json, "type")
  const id = textOf(uuid)
  if (id === undefined) return wrong(json, "uuid")
  if (!isObject(event)) return wrong(json, "event")
  const eventType = textOf(event["type"])
  if (eventType === undefined) return wrong(event, "type", "event.type")
  return Either.right({
    _tag: "Event",
    token: typeof token === "string" ? token : undefined,
    event: {
      id,
      type: eventType,
      appId: textOf(event["app_id"]),
      tenantKey: Option.fromNullable(textOf(event["tenant_key"])),
      createdAt: timeOf(ts, fromSeconds),
      payload: event,
      raw: withoutToken(json)
    }
  })
}

const event2 = (json: Json): Either.Either<Message, string> => {
  const { event = {}, header, schema } = json
  if (schema !== "2.0") return wrong(json, "schema")
  if (!isObject(header)) return wrong(json, "header")
  const id = textOf(header["event_id"])
  if (id === undefined) return wrong(header, "event_id", "header.event_id")
  const type = textOf(header["event_type"])
  if (type === undefined) return wrong(header, "event_type", "header.event_type")
  if (!isObject(event)) return wrong(json, "event")
  const { token } = header
  return Either.right({
    _tag: "Event",
    token: typeof token === "string" ? token : undefined,
    event: {
      id,
      type,
      appId: textOf(header["app_id"]),
      tenantKey: Option.fromNullable(textOf(header["tenant_key"])),
      createdAt: timeOf(header["create_time"], fromCreateTime),
      payload: event,
      raw: { ...withoutToken(json), header: withoutToken(header) }
    }
  })
}

/**
 * Reads what a request URL was sent, decrypted, or says what is wrong with it, without its values.
 *
 * By hand and not by a Schema, which takes ten times as long, and each delivery waits for it.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (json: unknown): Either.Either<Message, string> =>
  !isObject(json)
    ? Either.left("it is not a JSON object")
    : json["type"] === "url_verification"
    ? challengeOf(json)
    : "schema" in json
    ? event2(json)
    : event1(json)
