/** Checks signatures and decrypts bodies. Uses `node:crypto` if the runtime has it, else WebCrypto. */
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import { constantTimeEquals } from "./constantTimeEquals.js"

/** What the platform signs, and its signature. Documented in `EventCrypto`. */
export interface Signed {
  readonly timestamp: string
  readonly nonce: string
  readonly signature: string
  readonly body: Uint8Array
}

/** Answers at once on `node:crypto`, and with promises on WebCrypto. */
export interface Crypto {
  readonly isGenuine: (signed: Signed) => boolean | Promise<boolean>
  /** Returns `undefined` for bytes that cannot be decrypted with this key. */
  readonly decrypt: (encrypted: Uint8Array<ArrayBuffer>) => string | undefined | Promise<string | undefined>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const decodeUtf8 = (bytes: AllowSharedBufferSource): string | undefined => {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Stricter than `Buffer` and `atob`, which ignore what is not base64. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** `Buffer` takes a tenth of the time. */
const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  typeof Buffer === "undefined"
    ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    : Buffer.from(text, "base64")

/** Decodes base64. Returns `undefined` unless the bytes are an IV and at least one block, in whole blocks. */
export const decode = (encrypted: string): Uint8Array<ArrayBuffer> | undefined => {
  if (!base64.test(encrypted)) return undefined
  const bytes = bytesOf(encrypted)
  return bytes.length >= 32 && bytes.length % 16 === 0 ? bytes : undefined
}

/** Uses WebCrypto, which every runtime has. */
export const makeWeb = (encryptKey: Redacted.Redacted): Crypto => {
  const key = encoder.encode(Redacted.value(encryptKey))
  const digest = (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest("SHA-256", bytes)
  const importKey = async () => crypto.subtle.importKey("raw", await digest(key), "AES-CBC", false, ["decrypt"])
  let aesKey: Promise<CryptoKey> | undefined
  return {
    isGenuine: async ({ body, nonce, signature, timestamp }) => {
      const head = encoder.encode(timestamp + nonce)
      const bytes = new Uint8Array(head.length + key.length + body.length)
      bytes.set(head)
      bytes.set(key, head.length)
      bytes.set(body, head.length + key.length)
      return constantTimeEquals(Encoding.encodeHex(new Uint8Array(await digest(bytes))), signature)
    },
    decrypt: async (bytes) => {
      aesKey ??= importKey()
      const [iv, data] = [bytes.subarray(0, 16), bytes.subarray(16)]
      const text = await crypto.subtle.decrypt({ name: "AES-CBC", iv }, await aesKey, data).catch(() => undefined)
      return text && decodeUtf8(text)
    }
  }
}

type NodeCrypto = typeof import("node:crypto")

/** Returns `node:crypto` if there is one. Not imported, because a bundle for a browser-like runtime has none. */
const nodeCrypto = (): NodeCrypto | undefined =>
  (globalThis as {
    readonly process?: { readonly getBuiltinModule?: (id: string) => NodeCrypto | undefined }
  }).process?.getBuiltinModule?.("node:crypto")

/** Removes the padding of PKCS#7. Returns `undefined` if any byte of the padding is wrong. */
const withoutPadding = (bytes: Uint8Array): Uint8Array | undefined => {
  const length = bytes.at(-1) ?? 0
  const end = bytes.length - length
  const isPadding = length >= 1 && length <= 16 && bytes.subarray(end).every((byte) => byte === length)
  return isPadding ? bytes.subarray(0, end) : undefined
}

const makeNode = (node: NodeCrypto, encryptKey: Redacted.Redacted): Crypto => {
  const aesKey = node.createHash("sha256").update(Redacted.value(encryptKey)).digest()
  return {
    isGenuine: ({ body, nonce, signature, timestamp }) =>
      constantTimeEquals(
        node.createHash("sha256").update(timestamp + nonce + Redacted.value(encryptKey)).update(body).digest("hex"),
        signature
      ),
    decrypt: (bytes) => {
      // Without the padding of OpenSSL, which throws for each delivery to another app.
      const decipher = node.createDecipheriv("aes-256-cbc", aesKey, bytes.subarray(0, 16)).setAutoPadding(false)
      const text = withoutPadding(decipher.update(bytes.subarray(16)))
      return text && decodeUtf8(text)
    }
  }
}

/** Uses `node:crypto` if the runtime has it (Node, Bun, Deno), because it takes a tenth of the time, else WebCrypto. */
export const make = (encryptKey: Redacted.Redacted): Crypto => {
  const node = nodeCrypto()
  return node === undefined ? makeWeb(encryptKey) : makeNode(node, encryptKey)
}
