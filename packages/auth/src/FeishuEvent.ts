/**
 * An event of the platform's, in one shape for its schemas 1.0 and 2.0.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"

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

/** What a request URL is sent, decrypted: the token is still to be checked. */
export type Message =
  | { readonly _tag: "Challenge"; readonly token: string | undefined; readonly challenge: string }
  | {
    readonly _tag: "Event"
    readonly token: string | undefined
    readonly event:
      & Omit<FeishuEvent, "appId" | "createdAt">
      & { readonly appId: string | undefined; readonly createdAt: DateTime.Utc | undefined }
  }

/** A field that says nothing where it has a type that nobody expects. */
const text = Schema.optional(
  Schema.UndefinedOr(Schema.String).annotations({ decodingFallback: () => Either.right(undefined) })
)
/** The documentation's times are strings; a number says the same. */
const time = Schema.optional(
  Schema.UndefinedOr(Schema.Union(Schema.String, Schema.Number)).annotations({
    decodingFallback: () => Either.right(undefined)
  })
)
const object = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const Challenge = Schema.Struct({
  type: Schema.Literal("url_verification"),
  challenge: Schema.String,
  token: text
})

const Event1 = Schema.Struct({
  type: Schema.Literal("event_callback"),
  uuid: Schema.NonEmptyString,
  ts: time,
  token: text,
  event: object
})

/** What 1.0 has beside an event's own fields. */
const Event1Fields = Schema.Struct({ type: Schema.NonEmptyString, app_id: text, tenant_key: text })

const Event2 = Schema.Struct({
  schema: Schema.Literal("2.0"),
  header: Schema.Struct({
    event_id: Schema.NonEmptyString,
    event_type: Schema.NonEmptyString,
    create_time: time,
    token: text,
    app_id: text,
    tenant_key: text
  }),
  event: Schema.optionalWith(object, { default: () => ({}) })
})

const decodeChallenge = Schema.decodeUnknownEither(Challenge)
const decodeEvent1 = Schema.decodeUnknownEither(Event1)
const decodeEvent1Fields = Schema.decodeUnknownEither(Event1Fields)
const decodeEvent2 = Schema.decodeUnknownEither(Event2)

const timeOf = (value: string | number | undefined, millisecondsPerUnit: number): DateTime.Utc | undefined => {
  const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
  return typeof number === "number"
    // Rounded, since binary fractions would turn the documentation's 1502199207.717 into …716 now and then.
    ? Option.getOrUndefined(DateTime.make(Math.round(number * millisecondsPerUnit)))
    : undefined
}

const withoutToken = ({ token: _, ...rest }: Readonly<Record<string, unknown>>) => rest

const challenge = (json: unknown): Either.Either<Message, ParseResult.ParseError> =>
  Either.map(decodeChallenge(json), ({ challenge, token }) => ({ _tag: "Challenge", token, challenge }))

const event1 = (json: Readonly<Record<string, unknown>>): Either.Either<Message, ParseResult.ParseError> =>
  Either.gen(function*() {
    const { event, token, ts, uuid } = yield* decodeEvent1(json)
    const fields = yield* decodeEvent1Fields(event)
    return {
      _tag: "Event",
      token,
      event: {
        id: uuid,
        type: fields.type,
        appId: fields.app_id || undefined,
        tenantKey: Option.fromNullable(fields.tenant_key || undefined),
        createdAt: timeOf(ts, 1000),
        payload: event,
        raw: withoutToken(json)
      }
    }
  })

const event2 = (json: Readonly<Record<string, unknown>>): Either.Either<Message, ParseResult.ParseError> =>
  Either.map(decodeEvent2(json), ({ event, header }) => ({
    _tag: "Event",
    token: header.token,
    event: {
      id: header.event_id,
      type: header.event_type,
      appId: header.app_id || undefined,
      tenantKey: Option.fromNullable(header.tenant_key || undefined),
      createdAt: timeOf(header.create_time, 1),
      payload: event,
      raw: { ...json, header: withoutToken(json["header"] as Readonly<Record<string, unknown>>) }
    }
  }))

/** Names the fields that are wrong and never their values, which may be secrets. */
const describe = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .map((issue) => `${issue._tag === "Missing" ? "missing" : "unexpected"} "${issue.path.join(".")}"`)
    .join(", ")

/**
 * Reads what a request URL was sent, or says what is wrong with it, without its values.
 *
 * @internal
 */
export const decode = (json: unknown): Either.Either<Message, string> => {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return Either.left("it is not a JSON object")
  const body = json as Readonly<Record<string, unknown>>
  const message = body["type"] === "url_verification"
    ? challenge(body)
    : "schema" in body
    ? event2(body)
    : event1(body)
  return Either.mapLeft(message, describe)
}
