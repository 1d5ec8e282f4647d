/** Encrypts and signs what an app gets. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Delivery } from "../../App.js"
import * as EventCrypto from "../../EventCrypto.js"
import { hex } from "../random.js"

/** A delivery, and the text that was encrypted. */
export interface Sealed extends Delivery {
  readonly text: string
}

export const open = (secret: Redacted.Redacted | undefined): string | undefined => secret && Redacted.value(secret)

/** Encrypts and signs a text if the app has an encrypt key. The handshake is not signed. */
export const seal = ({ encryptKey, isSigned, text }: {
  readonly encryptKey: string | undefined
  readonly text: string
  readonly isSigned: boolean
}): Effect.Effect<Sealed> =>
  Effect.gen(function*() {
    const headers = { "content-type": "application/json; charset=utf-8" }
    if (encryptKey === undefined) return { headers, body: text, text }
    const iv = Buffer.from(yield* hex(32), "hex")
    const body = JSON.stringify({ encrypt: EventCrypto.encrypt({ encryptKey, iv, text }) })
    if (!isSigned) return { headers, body, text }
    // The time of the program, with which the app compares its own.
    const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const nonce = yield* hex(10)
    return {
      headers: {
        ...headers,
        "x-lark-request-timestamp": timestamp,
        "x-lark-request-nonce": nonce,
        "x-lark-signature": EventCrypto.sign({ timestamp, nonce, encryptKey, body })
      },
      body,
      text
    }
  })

/** Changes one character in the middle of the body. */
export const tamper = (delivery: Sealed): Sealed => {
  const middle = Math.floor(delivery.body.length / 2)
  const other = delivery.body[middle] === "A" ? "B" : "A"
  return { ...delivery, body: delivery.body.slice(0, middle) + other + delivery.body.slice(middle + 1) }
}
