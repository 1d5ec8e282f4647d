/** The work of a door by hand, as the reference: checks, decrypts and reads a delivery, and remembers no event. */
import * as Crypto from "node:crypto"
import type { App } from "./deliveries.js"

const sha256 = (text: string) => Crypto.createHash("sha256").update(text)

const isSame = (actual: Uint8Array, expected: Uint8Array) =>
  actual.length === expected.length && Crypto.timingSafeEqual(actual, expected)

interface Opened {
  readonly ts?: string
  readonly token?: string
  readonly header?: { readonly token: string }
  readonly event: { readonly type?: string; readonly app_ticket?: string }
}

/** Keeps a ticket if it is newer. Other events want nothing done. */
export const make = ({ encryptKey, verificationToken }: App) => {
  const aesKey = sha256(encryptKey).digest()
  const token = Buffer.from(verificationToken)
  let newest = { ts: 0, ticket: "" }
  let taken = 0
  let refused = 0

  /** Returns the status of the answer. */
  const statusOf = (timestamp: string, nonce: string, signature: string, body: Uint8Array): number => {
    const digest = sha256(timestamp + nonce + encryptKey).update(body).digest()
    if (!isSame(Buffer.from(signature, "hex"), digest)) return 401
    const { encrypt } = JSON.parse(body.toString()) as { readonly encrypt: string }
    const bytes = Buffer.from(encrypt, "base64")
    const decipher = Crypto.createDecipheriv("aes-256-cbc", aesKey, bytes.subarray(0, 16))
    const text = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString()
    const opened = JSON.parse(text) as Opened
    if (!isSame(Buffer.from(opened.header?.token ?? opened.token ?? ""), token)) return 401
    if (opened.event.type === "app_ticket" && Number(opened.ts) > newest.ts) {
      newest = { ts: Number(opened.ts), ticket: opened.event.app_ticket ?? "" }
    }
    return 200
  }

  return {
    take: (header: (name: string) => string, body: Uint8Array): number => {
      const status = statusOf(
        header("x-lark-request-timestamp"),
        header("x-lark-request-nonce"),
        header("x-lark-signature"),
        body
      )
      if (status === 200) taken++
      else refused++
      return status
    },
    counts: () => ({ taken, refused, lines: 0 })
  }
}

/** The same work as a function from `Request` to `Response`. */
export const makeWeb = (app: App) => {
  const { counts, take } = make(app)
  const handler = async (request: Request): Promise<Response> => {
    const body = Buffer.from(await request.arrayBuffer())
    return new Response(null, { status: take((name) => request.headers.get(name) ?? "", body) })
  }
  return { handler, counts }
}
