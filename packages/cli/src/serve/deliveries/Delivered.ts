/** The content of a delivery to the request URL: an event, a callback, a ticket or a handshake. */
import * as EventCrypto from "@effect-feishu/core/EventCrypto"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"

export type Kind = "challenge" | "ticket" | "event" | "callback"

export interface Delivered {
  readonly kind: Kind
  /** `url_verification` for a handshake. */
  readonly type: string
  /** The same each time the platform pushes the event. Empty if the platform sends no id. */
  readonly id: string
  readonly tenantKey: Option.Option<string>
  readonly createdAt: Option.Option<DateTime.Utc>
  /** The `event` object. The whole body for an old card. Empty for a handshake. */
  readonly payload: Fields
}

type Fields = Readonly<Record<string, unknown>>

const oldCard = "card.action.trigger_v1"

/** The types for which a user waits for the answer (page "回调概述"), and the callback of cards before 2024. */
const callbacks: ReadonlySet<string> = new Set(["card.action.trigger", "url.preview.get", oldCard])

const fieldsOf = (value: unknown): Fields => Predicate.isRecord(value) ? value : {}

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

const keyOf = (value: unknown): Option.Option<string> => Option.liftPredicate(textOf(value), (text) => text !== "")

/** Reads a time in milliseconds. */
const timeOf = (value: unknown, toMillis: (time: number) => number): Option.Option<DateTime.Utc> =>
  typeof value === "number" || (typeof value === "string" && /^\d+(\.\d+)?$/.test(value))
    ? DateTime.make(Math.round(toMillis(Number(value))))
    : Option.none()

const kindOf = (type: string): Kind => type === "app_ticket" ? "ticket" : callbacks.has(type) ? "callback" : "event"

const challenge: Delivered = {
  kind: "challenge",
  type: "url_verification",
  id: "",
  tenantKey: Option.none(),
  createdAt: Option.none(),
  payload: {}
}

const ofSchema1 = (json: Fields): Delivered => {
  const payload = fieldsOf(json["event"])
  const type = textOf(payload["type"])
  return {
    kind: kindOf(type),
    type,
    id: textOf(json["uuid"]),
    tenantKey: keyOf(payload["tenant_key"]),
    createdAt: timeOf(json["ts"], (seconds) => seconds * 1000),
    payload
  }
}

const ofSchema2 = (json: Fields): Delivered => {
  const header = fieldsOf(json["header"])
  const type = textOf(header["event_type"])
  return {
    kind: kindOf(type),
    type,
    id: textOf(header["event_id"]),
    tenantKey: keyOf(header["tenant_key"]),
    // The example on the page "事件订阅概述" has microseconds.
    createdAt: timeOf(header["create_time"], (time) => time < 1e14 ? time : time / 1000),
    payload: fieldsOf(json["event"])
  }
}

/** Recognises the callback of cards before 2024 (page "消息卡片回传交互（旧）"). */
const isOldCard = (json: Fields): boolean =>
  typeof json["open_message_id"] === "string" && typeof json["action"] === "object" && !("type" in json)

const ofOldCard = (json: Fields): Delivered => ({
  kind: "callback",
  type: oldCard,
  id: "",
  tenantKey: keyOf(json["tenant_key"]),
  createdAt: Option.none(),
  payload: json
})

const ofJson = (json: Fields): Delivered =>
  json["type"] === "url_verification"
    ? challenge
    : "schema" in json
    ? ofSchema2(json)
    : isOldCard(json)
    ? ofOldCard(json)
    : ofSchema1(json)

const parse = (text: string): Option.Option<Fields> =>
  Option.filter(
    Option.map(Either.getRight(Either.try((): unknown => JSON.parse(text))), fieldsOf),
    (json) => Object.keys(json).length > 0
  )

const decrypt = (encrypted: string, encryptKey: Option.Option<Redacted.Redacted>) =>
  Option.match(encryptKey, {
    onNone: () => Effect.succeedNone,
    onSome: (key) => Effect.option(Effect.flatMap(EventCrypto.make(key), (crypto) => crypto.decrypt(encrypted)))
  })

/**
 * Reads the body of a delivery. Returns `None` for bytes that are no delivery, or that this key does not decrypt. Proves nothing:
 * call `EventSubscription.prove` first.
 */
export const read = (
  body: Uint8Array,
  encryptKey: Option.Option<Redacted.Redacted>
): Effect.Effect<Option.Option<Delivered>> =>
  Effect.gen(function*() {
    const outer = parse(Buffer.from(body).toString("utf8"))
    const encrypted = Option.getOrUndefined(outer)?.["encrypt"]
    if (typeof encrypted !== "string") return Option.map(outer, ofJson)
    return Option.map(Option.flatMap(yield* decrypt(encrypted, encryptKey), parse), ofJson)
  }).pipe(Effect.map(Option.filter(({ type }) => type !== "")))
