/**
 * Decrypts what the platform pushes to an app with an Encrypt Key, and checks whether the platform signed it (pages
 * "将事件发送至开发者服务器" and "接收事件").
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { decode, make as makeCrypto } from "./internal/webhook/eventCrypto.js"

/**
 * The field `encrypt` cannot be decrypted: the Encrypt Key is another one, or the field was damaged on the way.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecryptionError extends Schema.TaggedError<DecryptionError>("@effect-feishu/core/DecryptionError")(
  "DecryptionError",
  {}
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return "The event cannot be decrypted: check that encryptKey is the developer console's \"Encrypt Key\""
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface EventCrypto {
  /** Returns `true` if the signature is SHA-256 over timestamp, nonce, encrypt key and body. Compares in constant time. */
  readonly isGenuine: (signed: {
    /** The header `X-Lark-Request-Timestamp`: seconds since 1970. */
    readonly timestamp: string
    /** The header `X-Lark-Request-Nonce`. */
    readonly nonce: string
    /** The header `X-Lark-Signature`: lower-case hexadecimal. */
    readonly signature: string
    /** The bytes as they arrived: the signature covers the bytes, not the JSON in them. */
    readonly body: Uint8Array
  }) => Effect.Effect<boolean>
  /** Decrypts `base64(iv ‖ AES-256-CBC(key = SHA-256(encrypt key), PKCS#7))`. Fails on any wrong byte of padding. */
  readonly decrypt: (encrypted: string) => Effect.Effect<string, DecryptionError>
}

const awaited = <A>(answer: () => A | Promise<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const value = answer()
    return value instanceof Promise ? Effect.promise(() => value) : Effect.succeed(value)
  })

/**
 * Uses `node:crypto` if the runtime has it (Node, Bun, Deno), else WebCrypto.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (encryptKey: Redacted.Redacted): Effect.Effect<EventCrypto> =>
  Effect.sync(() => {
    const crypto = makeCrypto(encryptKey)
    return {
      isGenuine: (signed) => awaited(() => crypto.isGenuine(signed)),
      decrypt: (encrypted) =>
        Effect.flatMap(
          awaited(() => {
            const bytes = decode(encrypted)
            return bytes && crypto.decrypt(bytes)
          }),
          (text) => text === undefined ? new DecryptionError() : Effect.succeed(text)
        )
    }
  })
