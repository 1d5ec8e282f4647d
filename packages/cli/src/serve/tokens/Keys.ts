/** The keys with which services ask for tokens. A key is kept as its hash. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash, timingSafeEqual } from "node:crypto"
import { UsageError } from "../../Failure.js"

export interface Key {
  /** Names the key in the log: `billing`, or `key 2` for the second key. */
  readonly name: string
  readonly hash: Uint8Array
}

/** No two keys are the same. */
export type Keys = ReadonlyArray<Key>

/** Lets every request in: only for a loopback address or a Unix socket. */
export const none: Keys = []

const shortest = 16

const advice = "Make a key with: openssl rand -hex 32"

const hashOf = (text: string): Uint8Array => createHash("sha256").update(text).digest()

/** Splits `billing=KEY`. Takes `=` at the end of a key for the padding of Base64. */
const split = (entry: string): { readonly name: string | undefined; readonly value: string } => {
  const [, name, value = entry] = /^([A-Za-z][\w.-]{0,39})=(?!=?$)(.*)$/.exec(entry) ?? []
  return { name, value }
}

const flawOf = (value: string): string | undefined =>
  /\s/.test(value)
    ? "has white space in its name or its value"
    : !/^[\x21-\x7e]*$/.test(value)
    ? "has characters that no HTTP header can carry"
    : value.length < shortest
    ? `is shorter than ${shortest} characters`
    : undefined

/**
 * Reads keys, one on each line or separated by commas, each with a name before it if the log is to show the name:
 * `billing=KEY`. Ignores empty lines and comments, which begin with `#`. `from` names the source in an error, which never shows a
 * key.
 */
export const parse = (text: Redacted.Redacted, from: string): Effect.Effect<Keys, UsageError> =>
  Effect.gen(function*() {
    const entries = Redacted.value(text).split(/\r?\n/)
      .filter((line) => !/^\s*#/.test(line))
      .flatMap((line) => line.split(","))
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
    if (entries.length === 0) return yield* new UsageError({ message: `${from} has no key in it. ${advice}` })
    const keys: Array<Key> = []
    for (const [i, entry] of entries.entries()) {
      const { name = `key ${i + 1}`, value } = split(entry)
      const flaw = flawOf(value)
      if (flaw !== undefined) {
        return yield* new UsageError({ message: `key ${i + 1} of ${from} ${flaw}. ${advice}` })
      }
      const hash = hashOf(value)
      if (keys.some((key) => timingSafeEqual(key.hash, hash))) {
        return yield* new UsageError({ message: `key ${i + 1} of ${from} is there twice: remove one of the two` })
      }
      keys.push({ name, hash })
    }
    return keys
  })

/** Returns the key in a header `Authorization: Bearer KEY`. Takes as long for any header of the same length. */
export const find = (keys: Keys, authorization: string): Key | undefined => {
  const [, value] = /^bearer +([\x21-\x7e]+)$/i.exec(authorization) ?? []
  if (value === undefined) return undefined
  const hash = hashOf(value)
  let found: Key | undefined
  for (const key of keys) {
    // No early exit: the time must not tell which key was nearly right.
    if (timingSafeEqual(key.hash, hash)) found = key
  }
  return found
}
