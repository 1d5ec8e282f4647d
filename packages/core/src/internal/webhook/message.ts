/** Reads the decrypted body of a delivery: a handshake, or an event of schema 1.0 or 2.0. */
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject, type Json } from "../isObject.js"

/** The decrypted body of a delivery. Its verification token has not been checked yet. */
export type Message =
  | { readonly _tag: "Challenge"; readonly token: string | undefined; readonly challenge: string }
  | {
    readonly _tag: "Event"
    readonly token: string | undefined
    readonly event:
      & Omit<FeishuEvent, "appId" | "createdAt">
      & { readonly appId: string | undefined; readonly createdAt: DateTime.Utc | undefined }
  }

/** Returns a non-empty string, or nothing for any other value. */
const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** Reads a time that is a string, as the platform's pages show it, or a number. */
const timeOf = (value: unknown, toMillis: (time: number) => number): DateTime.Utc | undefined => {
  const number = typeof value === "string" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
  return typeof number === "number" && number >= 0
    // Rounded because binary fractions turn 1502199207.717 into …716 now and then.
    ? Option.getOrUndefined(DateTime.make(Math.round(toMillis(number))))
    : undefined
}

const fromSeconds = (time: number) => time * 1000

/** Events have milliseconds; the example on the page "事件订阅概述" has microseconds. */
const fromCreateTime = (time: number) => time < 1e14 ? time : time / 1000

const withoutOwnToken = ({ token: _, ...rest }: Json): Json => rest
const withoutToken = (json: Json): Json => "token" in json ? withoutOwnToken(json) : json

/** Names the field. Leaves out the value, which may be a secret. */
const wrong = (json: Json, field: string, path = field): Either.Either<never, string> =>
  Either.left(`${field in json ? "unexpected" : "missing"} "${path}"`)

const challengeOf = (json: Json): Either.Either<Message, string> => {
  const { challenge, token } = json
  return typeof challenge === "string"
    ? Either.right({ _tag: "Challenge", token: typeof token === "string" ? token : undefined, challenge })
    : wrong(json, "challenge")
}

/** Recognises the callback of cards before 2024 (page "消息卡片回传交互（旧）"). */
export const isOldCardAction = (json: unknown): boolean =>
  isObject(json) && isObject(json["action"]) && typeof json["open_message_id"] === "string" && !("type" in json)

export const oldCardAction =
  "it is the old callback card.action.trigger_v1: subscribe to card.action.trigger in the developer console instead"

const event1 = (json: Json, text: string): Either.Either<Message, string> => {
  const { event, token, ts, type, uuid } = json
  if (isOldCardAction(json)) return Either.left(oldCardAction)
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
      raw: withoutToken(json),
      text: Redacted.make(text)
    }
  })
}

const event2 = (json: Json, text: string): Either.Either<Message, string> => {
  const { event = {}, header, schema } = json
  if (schema !== "2.0") return wrong(json, "schema")
  if (!isObject(header)) return wrong(json, "header")
  const type = textOf(header["event_type"])
  if (type === undefined) return wrong(header, "event_type", "header.event_type")
  if (type === "card.action.trigger_v1") return Either.left(oldCardAction)
  // The page "回调概述" shows a callback without an id. An event without an id is refused when its handler is known.
  const id = "event_id" in header ? textOf(header["event_id"]) : ""
  if (id === undefined) return wrong(header, "event_id", "header.event_id")
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
      raw: { ...withoutToken(json), header: withoutToken(header) },
      text: Redacted.make(text)
    }
  })
}

/**
 * Reads the body of a delivery, or names the field that is wrong, without its value.
 *
 * Written by hand because a `Schema` takes ten times as long and every delivery waits for it.
 */
export const decode = (
  json: unknown,
  /** The body that was parsed. */
  text: string
): Either.Either<Message, string> =>
  !isObject(json)
    ? Either.left("it is not a JSON object")
    : json["type"] === "url_verification"
    ? challengeOf(json)
    : "schema" in json
    ? event2(json, text)
    : event1(json, text)
