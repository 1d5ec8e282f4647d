/** Deliveries as the platform sends them, and as somebody else does. */
import * as Emulated from "@effect-feishu/emulator/EventCrypto"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"

/** An app, as far as its deliveries need it. */
export interface App {
  readonly appId: string
  readonly encryptKey: string
  readonly verificationToken: string
}

/** The app with this number. */
export const appOf = (n: number): App => ({
  appId: `cli_${`${n}`.padStart(16, "0")}`,
  encryptKey: `an encrypt key of some length, ${n}`,
  verificationToken: `a verification token of some length, ${n}`
})

export const app = appOf(0)
export const path = "/events"
export const eventType = "contact.user.updated_v3"

export interface Delivery {
  readonly body: string
  readonly headers: Record<string, string>
}

/** Makes the decrypted body of the delivery with this number. */
export type Make = (app: App, n: number, now: number) => unknown

/** Each is a millisecond later than the one before, from an hour ago on. */
export const ticket: Make = ({ appId, verificationToken }, n, now) => ({
  ts: ((now - 3_600_000 + n) / 1000).toFixed(3),
  uuid: `${n}`.padStart(32, "0"),
  token: verificationToken,
  type: "event_callback",
  event: { type: "app_ticket", app_id: appId, app_ticket: `g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS${n}` }
})

export const event: Make = ({ appId, verificationToken }, n, now) => ({
  schema: "2.0",
  header: {
    event_id: `${n}`.padStart(32, "0"),
    event_type: eventType,
    create_time: `${now}`,
    token: verificationToken,
    app_id: appId,
    tenant_key: "736588c9260f175d"
  },
  event: {
    object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    },
    old_object: { name: "张四" }
  }
})

/** Encrypts and signs. */
export const deliver = (app: App, make: Make, n: number, now: number): Delivery => {
  const { encryptKey } = app
  const iv = Crypto.createHash("md5").update(`${n}`).digest()
  const text = JSON.stringify(make(app, n, now))
  const body = JSON.stringify({ encrypt: Emulated.encrypt({ encryptKey, iv, text }) })
  const timestamp = `${Math.floor(now / 1000)}`
  const nonce = `${n}`
  return {
    body,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": Emulated.sign({ timestamp, nonce, encryptKey, body })
    }
  }
}

/** Each delivery has a number of its own in this process. */
let sent = 0

/** Makes so many deliveries, each for the first time. */
export const prepare = (app: App, make: Make, count: number): Effect.Effect<ReadonlyArray<Delivery>> =>
  Effect.map(Clock.currentTimeMillis, (now) => Arr.makeBy(count, () => deliver(app, make, sent++, now)))

/** Replaces the signature by a wrong one. */
export const forged = ({ body, headers }: Delivery): Delivery => ({
  body,
  headers: {
    ...headers,
    "x-lark-signature": Crypto.createHash("sha256").update(headers["x-lark-signature"] ?? "").digest("hex")
  }
})

/** Leaves out the headers of the signature. */
export const unsigned = ({ body, headers }: Delivery): Delivery => ({
  body,
  headers: { "content-type": headers["content-type"] ?? "" }
})
