/** Checks signatures and decrypts bodies: on `node:crypto` where the runtime has it, else on WebCrypto. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { constantTimeEquals } from "./constantTimeEquals.js"

/** Documented in `EventCrypto`. */
export class DecryptionError extends Schema.TaggedError<DecryptionError>("@effect-feishu/core/DecryptionError")(
  "DecryptionError",
  {}
) {
  override get message(): string {
    return "The event cannot be decrypted: check that encryptKey is the developer console's \"Encrypt Key\""
  }
}

/** What the platform signs, and its signature. Documented in `EventCrypto`. */
export interface Signed {
  readonly timestamp: string
  readonly nonce: string
  readonly signature: string
  readonly body: Uint8Array
}

export interface Crypto {
  readonly isGenuine: (signed: Signed) => Effect.Effect<boolean>
  readonly decrypt: (encrypted: string) => Effect.Effect<string, DecryptionError>
  /** The same two functions without an effect. Only on `node:crypto`. */
  readonly sync: Option.Option<{
    readonly isGenuine: (signed: Signed) => boolean
    readonly decrypt: (encrypted: string) => Either.Either<string, DecryptionError>
  }>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Stricter than `Buffer` and `atob`, which ignore what is not base64. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Whether the bytes are an IV and at least one block, in whole blocks. */
const isWhole = (bytes: Uint8Array): boolean => bytes.length >= 32 && bytes.length % 16 === 0

/** Uses WebCrypto, which every runtime has. */
export const makeWeb = (encryptKey: Redacted.Redacted): Effect.Effect<Crypto> =>
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

/** Returns `node:crypto` if there is one. Not imported, because a bundle for a browser-like runtime has none. */
const nodeCrypto = (): NodeCrypto | undefined =>
  (globalThis as {
    readonly process?: { readonly getBuiltinModule?: (id: string) => NodeCrypto | undefined }
  }).process?.getBuiltinModule?.("node:crypto")

const makeNode = (node: NodeCrypto, encryptKey: Redacted.Redacted): Crypto => {
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

/** Uses `node:crypto` if the runtime has it (Node, Bun, Deno) because it takes a tenth of the time, else WebCrypto. */
export const make = (encryptKey: Redacted.Redacted): Effect.Effect<Crypto> =>
  Effect.suspend(() => {
    const node = nodeCrypto()
    return node === undefined ? makeWeb(encryptKey) : Effect.succeed(makeNode(node, encryptKey))
  })
