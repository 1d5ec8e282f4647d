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

/** `Buffer` takes a tenth of the time of `atob`. Both ignore some characters that are not base64. */
const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  typeof Buffer === "undefined"
    ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
    : Buffer.from(text, "base64")

/** Returns the number of bytes of a text in base64. */
const lengthOf = (text: string): number => text.length / 4 * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0)

/** Matches characters that are base64 only in URLs, and white space. */
const notBase64 = /[-_\s]/

/**
 * Decodes base64. Returns `undefined` unless the bytes are an IV and at least one block, in whole blocks, and every character
 * is of base64: a decoder that ignores a character returns fewer bytes.
 */
export const decode = (encrypted: string): Uint8Array<ArrayBuffer> | undefined => {
  if (encrypted.length % 4 !== 0 || notBase64.test(encrypted)) return undefined
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = bytesOf(encrypted)
  } catch {
    return undefined
  }
  return bytes.length >= 32 && bytes.length % 16 === 0 && bytes.length === lengthOf(encrypted) ? bytes : undefined
}

/** Uses WebCrypto, which every runtime has. */
export const makeWeb = (encryptKey: Redacted.Redacted): Crypto => {
  const key = encoder.encode(Redacted.value(encryptKey))
  const digest = (bytes: Uint8Array<ArrayBuffer>) => crypto.subtle.digest("SHA-256", bytes)
  const importKey = async () => crypto.subtle.importKey("raw", await digest(key), "AES-CBC", false, ["decrypt"])
  let aesKey: CryptoKey | undefined
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
      // Keeps the key and not its promise: on Workers, a promise never settles if its request has ended.
      const imported = aesKey ?? await importKey()
      aesKey = imported
      const [iv, data] = [bytes.subarray(0, 16), bytes.subarray(16)]
      const text = await crypto.subtle.decrypt({ name: "AES-CBC", iv }, imported, data).catch(() => undefined)
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
