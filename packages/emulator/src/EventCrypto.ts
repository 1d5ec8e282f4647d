/**
 * Encrypts and signs events as the platform does (pages "将事件发送至开发者服务器" and "接收事件").
 *
 * @since 0.1.0
 */
import * as Crypto from "node:crypto"

const keyOf = (encryptKey: string): Buffer => Crypto.createHash("sha256").update(encryptKey).digest()

/**
 * Encrypts a text. Returns the field `encrypt` of a body: `base64(iv ‖ AES-256-CBC(key = SHA-256(encrypt key), PKCS#7))`.
 *
 * @since 0.1.0
 * @category crypto
 */
export const encrypt = (options: {
  readonly encryptKey: string
  /** 16 random bytes. */
  readonly iv: Uint8Array
  readonly text: string
}): string => {
  const cipher = Crypto.createCipheriv("aes-256-cbc", keyOf(options.encryptKey), options.iv)
  return Buffer.concat([options.iv, cipher.update(options.text, "utf8"), cipher.final()]).toString("base64")
}

/**
 * Decrypts the field `encrypt` of a body. Throws if the key is wrong or the field is damaged.
 *
 * @since 0.1.0
 * @category crypto
 */
export const decrypt = (options: { readonly encryptKey: string; readonly encrypted: string }): string => {
  const bytes = Buffer.from(options.encrypted, "base64")
  const decipher = Crypto.createDecipheriv("aes-256-cbc", keyOf(options.encryptKey), bytes.subarray(0, 16))
  return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString("utf8")
}

/**
 * Computes the header `X-Lark-Signature`: the SHA-256 of timestamp, nonce, encrypt key and raw body, in lower-case hexadecimal
 * digits.
 *
 * @since 0.1.0
 * @category crypto
 */
export const sign = (options: {
  readonly timestamp: string
  readonly nonce: string
  readonly encryptKey: string
  readonly body: string
}): string =>
  Crypto.createHash("sha256")
    .update(options.timestamp + options.nonce + options.encryptKey + options.body)
    .digest("hex")
