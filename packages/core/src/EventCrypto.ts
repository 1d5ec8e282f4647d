/**
 * Decrypts what the platform pushes to an app with an Encrypt Key, and checks whether the platform signed it (pages
 * "将事件发送至开发者服务器" and "接收事件").
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { DecryptionError, make as makeCrypto } from "./internal/webhook/eventCrypto.js"

export {
  /**
   * The field `encrypt` cannot be decrypted: the Encrypt Key is another one, or the field was damaged on the way.
   *
   * @since 0.1.0
   * @category errors
   */
  DecryptionError
}

/**
 * @since 0.1.0
 * @category models
 */
export interface EventCrypto {
  /** Whether the signature is SHA-256 over timestamp, nonce, encrypt key and body. Compares in constant time. */
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

/**
 * Uses `node:crypto` if the runtime has it (Node, Bun, Deno), else WebCrypto.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (encryptKey: Redacted.Redacted) => Effect.Effect<EventCrypto> = makeCrypto
