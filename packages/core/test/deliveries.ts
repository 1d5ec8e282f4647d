/** What the platform, or somebody else, sends to a request URL: built by the emulator's crypto, not by the library's. */
import { EventCrypto } from "@effect-feishu/emulator"
import * as Redacted from "effect/Redacted"
import type { Delivery } from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"

export const encryptKey = "the encrypt key"
export const verificationToken = "the verification token"

/** An app, with what proves its events. */
export const app = (options?: Partial<FeishuApp.Options>) =>
  FeishuApp.layer({
    appId: "cli_test",
    appSecret: Redacted.make("the app secret"),
    encryptKey: Redacted.make(encryptKey),
    verificationToken: Redacted.make(verificationToken),
    ...options
  })

/** An app without an encrypt key. */
export const plainApp = FeishuApp.layer({
  appId: "cli_test",
  appSecret: Redacted.make("the app secret"),
  verificationToken: Redacted.make(verificationToken)
})

/** Seconds with a fraction, as in the documentation. */
export const ts = (millis: number) => (millis / 1000).toFixed(7)

export const ticketEvent = (options: {
  readonly ticket?: string
  readonly sentAt?: number
  readonly appId?: string
  readonly token?: string
  readonly id?: string
}) => ({
  ts: ts(options.sentAt ?? 0),
  uuid: options.id ?? "the id of a ticket event",
  token: options.token ?? verificationToken,
  type: "event_callback",
  event: { app_id: options.appId ?? "cli_test", app_ticket: options.ticket ?? "a ticket", type: "app_ticket" }
})

export const event1 = (options: { readonly id?: string; readonly type?: string; readonly payload?: object } = {}) => ({
  ts: "1502199207.7171419",
  uuid: options.id ?? "the id of a 1.0 event",
  token: verificationToken,
  type: "event_callback",
  event: { app_id: "cli_test", tenant_key: "tenant_1", ...options.payload, type: options.type ?? "app_open" }
})

export const event2 = (options: {
  readonly id?: string
  readonly type?: string
  readonly appId?: string
  readonly token?: string
  readonly payload?: object
} = {}) => ({
  schema: "2.0",
  header: {
    event_id: options.id ?? "the id of a 2.0 event",
    token: options.token ?? verificationToken,
    create_time: "1608725989000",
    event_type: options.type ?? "contact.user.created_v3",
    tenant_key: "tenant_1",
    app_id: options.appId ?? "cli_test"
  },
  event: options.payload ?? { name: "飞书" }
})

export const challenge = (options: { readonly token?: string } = {}) => ({
  challenge: "a challenge",
  token: options.token ?? verificationToken,
  type: "url_verification"
})

const headers = { "content-type": "application/json; charset=utf-8" }
const bytes = (text: string) => new TextEncoder().encode(text)
const iv = new Uint8Array(16).fill(7)

export const plain = (json: unknown): Delivery => ({ headers, body: bytes(JSON.stringify(json)) })

export const encryptedText = (text: string, key = encryptKey): string =>
  JSON.stringify({ encrypt: EventCrypto.encrypt({ encryptKey: key, iv, text }) })

export const encrypted = (json: unknown, key = encryptKey): string => encryptedText(JSON.stringify(json), key)

export const signed = (
  body: string,
  options: { readonly at?: number; readonly key?: string } = {}
): Delivery => {
  const timestamp = String(Math.floor((options.at ?? 0) / 1000))
  const nonce = "a nonce"
  return {
    headers: {
      ...headers,
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": EventCrypto.sign({ timestamp, nonce, encryptKey: options.key ?? encryptKey, body })
    },
    body: bytes(body)
  }
}

/** As the platform sends it to an app with an encrypt key. */
export const genuine = (json: unknown, at = 0): Delivery => signed(encrypted(json), { at })

/** Encrypted, but not signed: as the platform sends a handshake. */
export const unsigned = (json: unknown, key = encryptKey): Delivery => ({ headers, body: bytes(encrypted(json, key)) })
