/**
 * Opens what the platform pushes to an app with an Encrypt Key, and tells whether the platform signed it (pages
 * "将事件发送至开发者服务器" and "接收事件").
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/**
 * The field `encrypt` cannot be opened: the key is another, or it was damaged on the way.
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
export interface Signed {
  /** The header `X-Lark-Request-Timestamp`: seconds since 1970. */
  readonly timestamp: string
  /** The header `X-Lark-Request-Nonce`. */
  readonly nonce: string
  /** The header `X-Lark-Signature`: lower-case hexadecimal. */
  readonly signature: string
  /** The bytes as they arrived: the signature is over them, and not over the JSON in them. */
  readonly body: Uint8Array
}

/**
 * @since 0.1.0
 * @category models
 */
export interface EventCrypto {
  /** Whether the signature is SHA-256 over timestamp, nonce, encrypt key and body. Compares in constant time. */
  readonly isGenuine: (signed: Signed) => Effect.Effect<boolean>
  /** `base64(iv ‖ AES-256-CBC(key = SHA-256(encrypt key), PKCS#7))` to text. Any wrong byte of padding is an error. */
  readonly decrypt: (encrypted: string) => Effect.Effect<string, DecryptionError>
  /** The same two without waiting, where the runtime has that: it spares each delivery a detour. */
  readonly sync: Option.Option<{
    readonly isGenuine: (signed: Signed) => boolean
    readonly decrypt: (encrypted: string) => Either.Either<string, DecryptionError>
  }>
}

/**
 * Whether two texts are the same, in a time that does not tell where they differ. Only the length can be learnt.
 *
 * @since 0.1.0
 * @category comparing
 */
export const constantTimeEquals = (a: string, b: string): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What `Buffer` ignores and `atob` forgives is not base64. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** An IV and one block at least, in whole blocks. */
const isWhole = (bytes: Uint8Array): boolean => bytes.length >= 32 && bytes.length % 16 === 0

/**
 * On WebCrypto, which every runtime has.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeWeb = (encryptKey: Redacted.Redacted): Effect.Effect<EventCrypto> =>
  Effect.promise(async () => {
    const key = encoder.encode(Redacted.value(encryptKey))
    const digest = (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest("SHA-256", bytes)
    const aesKey = await crypto.subtle.importKey("raw", await digest(key), "AES-CBC", false, ["decrypt"])
    return {
      sync: Option.none(),
      isGenuine: ({ body, nonce, signature, timestamp }) =>
        Effect.promise(async () => {
          const head = encoder.encode(timestamp + nonce)
          const bytes = new Uint8Array(head.length + key.length + body.length)
          bytes.set(head)
          bytes.set(key, head.length)
          bytes.set(body, head.length + key.length)
          return constantTimeEquals(Encoding.encodeHex(new Uint8Array(await digest(bytes))), signature)
        }),
      decrypt: (encrypted) =>
        Effect.tryPromise({
          try: async () => {
            const bytes = Uint8Array.from(atob(encrypted), (character) => character.charCodeAt(0))
            if (!isWhole(bytes) || !base64.test(encrypted)) throw new RangeError("not whole")
            const text = await crypto.subtle.decrypt(
              { name: "AES-CBC", iv: bytes.subarray(0, 16) },
              aesKey,
              bytes.subarray(16)
            )
            return decoder.decode(text)
          },
          catch: () => new DecryptionError()
        })
    }
  })

type NodeCrypto = typeof import("node:crypto")

/** `node:crypto` where there is one. Without an import, since a bundle for a browser-like runtime has none. */
const nodeCrypto = (): NodeCrypto | undefined =>
  (globalThis as {
    readonly process?: { readonly getBuiltinModule?: (id: string) => NodeCrypto | undefined }
  }).process?.getBuiltinModule?.("node:crypto")

const makeNode = (node: NodeCrypto, encryptKey: Redacted.Redacted): EventCrypto => {
  const aesKey = node.createHash("sha256").update(Redacted.value(encryptKey)).digest()
  const isGenuine = ({ body, nonce, signature, timestamp }: Signed): boolean =>
    constantTimeEquals(
      node.createHash("sha256").update(timestamp + nonce + Redacted.value(encryptKey)).update(body).digest("hex"),
      signature
    )
  const decrypt = (encrypted: string): Either.Either<string, DecryptionError> =>
    Either.try({
      try: () => {
        const bytes = Buffer.from(encrypted, "base64")
        if (!isWhole(bytes) || !base64.test(encrypted)) throw new RangeError("not whole")
        const decipher = node.createDecipheriv("aes-256-cbc", aesKey, bytes.subarray(0, 16))
        return decoder.decode(Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]))
      },
      catch: () => new DecryptionError()
    })
  return {
    sync: Option.some({ isGenuine, decrypt }),
    isGenuine: (signed) => Effect.sync(() => isGenuine(signed)),
    decrypt: (encrypted) => Effect.suspend(() => decrypt(encrypted))
  }
}

/**
 * On `node:crypto` where the runtime has it (Node, Bun, Deno), for it takes a tenth of the time or less, else on WebCrypto.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (encryptKey: Redacted.Redacted): Effect.Effect<EventCrypto> =>
  Effect.suspend(() => {
    const node = nodeCrypto()
    return node === undefined ? makeWeb(encryptKey) : Effect.succeed(makeNode(node, encryptKey))
  })
