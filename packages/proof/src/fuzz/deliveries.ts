/** Deliveries that begin as genuine ones, and are changed before they are encrypted, after that, or after they are signed. */
import * as Emulated from "@effect-feishu/emulator/EventCrypto"
import * as Crypto from "node:crypto"
import type { Dice } from "./Dice.js"
import * as Mutations from "./mutations.js"

export const appId = "cli_fuzz"
export const encryptKey = "the encrypt key of the app"
export const verificationToken = "the verification token of the app"

export interface Delivery {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Where the body is split on its way. */
  readonly splits: ReadonlyArray<number>
}

const ticket = (n: number, now: number) => ({
  ts: ((now + n) / 1000).toFixed(3),
  uuid: `ticket ${n}`,
  token: verificationToken,
  type: "event_callback",
  event: { type: "app_ticket", app_id: appId, app_ticket: `ticket ${n}` }
})

const event1 = (n: number, now: number) => ({
  ts: (now / 1000).toFixed(6),
  uuid: `event ${n}`,
  token: verificationToken,
  type: "event_callback",
  event: { type: "app_open", app_id: appId, tenant_key: "tenant_1", applicants: [{ open_id: "ou_1" }] }
})

const event2 = (type: string, event: object) => (n: number, now: number) => ({
  schema: "2.0",
  header: {
    event_id: `event ${n}`,
    event_type: type,
    create_time: `${now}`,
    token: verificationToken,
    app_id: appId,
    tenant_key: "tenant_1"
  },
  event
})

const challenge = (n: number) => ({ challenge: `challenge ${n}`, token: verificationToken, type: "url_verification" })

type Make = (n: number, now: number) => object

const kinds: readonly [Make, ...ReadonlyArray<Make>] = [
  ticket,
  event1,
  event2("im.message.receive_v1", {
    sender: {
      sender_id: { union_id: "on_1", user_id: "u1", open_id: "ou_1" },
      sender_type: "user",
      tenant_key: "tenant_1"
    },
    message: {
      message_id: "om_1",
      create_time: "1609073151345",
      chat_id: "oc_1",
      chat_type: "group",
      message_type: "text",
      content: "{\"text\":\"hello\"}"
    }
  }),
  event2("contact.user.updated_v3", { object: { open_id: "ou_1", name: "张三" }, old_object: {} }),
  event2("card.action.trigger", {
    operator: { tenant_key: "tenant_1", open_id: "ou_1" },
    token: "c-1",
    action: { tag: "button", value: { key: "value" } },
    host: "im_message",
    context: { open_message_id: "om_1", open_chat_id: "oc_1" }
  }),
  challenge
]

/** With an encrypt key, the platform encrypts and signs. Without one it sends the text as it is. */
export const seal = (text: string, isEncrypted: boolean, dice: Dice): string => {
  if (!isEncrypted) return text
  const iv = Crypto.createHash("md5").update(`${dice.below(1e9)}`).digest()
  return JSON.stringify({ encrypt: Emulated.encrypt({ encryptKey, iv, text }) })
}

const signed = (body: string, now: number, dice: Dice): Readonly<Record<string, string>> => {
  const timestamp = `${Math.floor(now / 1000)}`
  const nonce = `${dice.below(1e9)}`
  return {
    "x-lark-request-timestamp": timestamp,
    "x-lark-request-nonce": nonce,
    "x-lark-signature": Emulated.sign({ timestamp, nonce, encryptKey, body })
  }
}

const jsonType = { "content-type": "application/json; charset=utf-8" }

/** A header can have only some characters on the wire. */
const headerText = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "").trim()

const mutateHeaders = (headers: Readonly<Record<string, string>>, dice: Dice): Readonly<Record<string, string>> => {
  const names = Object.keys(headers)
  const name = names[dice.below(names.length)]
  if (name === undefined) return headers
  const { [name]: value = "", ...others } = headers
  return dice.chance(0.3) ? others : { ...others, [name]: headerText(Mutations.text(value, dice)) }
}

/** Changes the base64 of the field, or the JSON around it. */
const encrypted = (sealed: string, dice: Dice): string =>
  dice.chance(0.5)
    ? sealed.replace(
      /"encrypt":"([^"]*)"/,
      (_, encrypt: string) => `"encrypt":${JSON.stringify(Mutations.text(encrypt, dice))}`
    )
    : Mutations.json(sealed, dice)

const methods = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] as const

/** Makes the delivery with this number. */
export const make = (n: number, isEncrypted: boolean, now: number, dice: Dice): Delivery => {
  const where = dice.pick(["nowhere", "inside", "inside", "sealed", "outside", "outside", "headers"])
  const text = JSON.stringify(dice.pick(kinds)(n, now))
  const sealed = seal(where === "inside" ? Mutations.several(text, Mutations.json, dice) : text, isEncrypted, dice)
  const changed = where === "sealed"
    ? Mutations.several(sealed, isEncrypted ? encrypted : Mutations.json, dice)
    : sealed
  const headers = { ...jsonType, ...(isEncrypted && signed(changed, now, dice)) }
  const bytes: Uint8Array = Buffer.from(changed)
  const body = where === "outside" ? Mutations.several(bytes, Mutations.bytes, dice) : bytes
  return {
    method: dice.chance(0.01) ? dice.pick(methods) : "POST",
    headers: where === "headers" ? Mutations.several(headers, mutateHeaders, dice) : headers,
    body,
    splits: Array.from({ length: dice.below(4) }, () => dice.below(body.length + 1)).toSorted((a, b) => a - b)
  }
}

/** Returns the body in the parts in which it comes. */
export const partsOf = ({ body, splits }: Delivery): ReadonlyArray<Uint8Array> =>
  [0, ...splits].map((begin, i) => body.subarray(begin, splits[i] ?? body.length)).filter(({ length }) => length > 0)

const sha256 = (...parts: ReadonlyArray<string | Uint8Array>) => {
  const hash = Crypto.createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined

/** Tells by other code than the library's whether the sender knew the app's secrets, so that the app may act. */
export const isGenuine = ({ body, headers }: Delivery, isEncrypted: boolean, now: number): boolean => {
  const outer = parse(Buffer.from(body).toString("utf8").replace(/^\ufeff/, ""))
  if (isEncrypted) {
    const timestamp = headers["x-lark-request-timestamp"] ?? ""
    const nonce = headers["x-lark-request-nonce"] ?? ""
    const isSigned = headers["x-lark-signature"] === sha256(timestamp, nonce, encryptKey, body)
    if (!isSigned || !(Math.abs(now / 1000 - Number(timestamp)) < 26_000)) return false
  }
  const encrypted = fieldOf(outer, "encrypt")
  let inner = outer
  if (isEncrypted) {
    try {
      inner = parse(Emulated.decrypt({ encryptKey, encrypted: String(encrypted) }))
    } catch {
      return false
    }
  }
  const token = fieldOf(fieldOf(inner, "header"), "token") ?? fieldOf(inner, "token")
  return token === verificationToken
}
