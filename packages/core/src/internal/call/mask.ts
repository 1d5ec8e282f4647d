/** Removes the secrets of a request from error texts of the platform and of the transport. */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { escape } from "effect/RegExp"

export type Mask = (text: string) => string

/**
 * Lists the encodings of a secret that are found: plain, in JSON (also with `\/`), in a URL, in a form. Not found: a
 * secret that was encoded further (base64, HTML entities) or cut.
 */
const encodings = (secret: string): ReadonlyArray<string> => {
  const json = JSON.stringify(secret).slice(1, -1)
  return [
    secret,
    json,
    json.replaceAll("/", "\\/"),
    // A lone surrogate has no URL encoding.
    encodeURIComponent(secret.replace(/\p{Cs}/gu, "\ufffd")),
    new URLSearchParams([["", secret]]).toString().slice(1)
  ]
}

/** A shorter secret may be part of an ordinary word: replaced only if no letter or digit is next to the secret. */
const shortestInsideWords = 6

const sourceOf = (encoding: string): string =>
  encoding.length < shortestInsideWords
    ? `(?<![\\p{L}\\p{N}])${escape(encoding)}(?![\\p{L}\\p{N}])`
    : escape(encoding)

/** Compiled once for each secret: a token is used for many requests. */
const patterns = new WeakMap<Redacted.Redacted, RegExp>()

const patternOf = (secret: Redacted.Redacted): RegExp => {
  const known = patterns.get(secret)
  if (known !== undefined) return known
  const all = encodings(Redacted.value(secret)).filter((encoding) => encoding !== "")
  // The longest first because one may contain another. Ignores case because %2f is %2F. An empty secret never matches.
  const pattern = all.length === 0
    ? /(?!)/
    : new RegExp(all.toSorted((a, b) => b.length - a.length).map(sourceOf).join("|"), "giu")
  patterns.set(secret, pattern)
  return pattern
}

/** Replaces each encoding of each secret by `<redacted>`, the longest secret first. */
export const make = (secrets: ReadonlyArray<Redacted.Redacted>): Mask => {
  const lengthOf = (secret: Redacted.Redacted) => Redacted.value(secret).length
  return (text) =>
    secrets.toSorted((a, b) => lengthOf(b) - lengthOf(a))
      .reduce((masked, secret) => masked.replace(patternOf(secret), "<redacted>"), text)
}

/** Limits a chain of causes, which may be circular. */
const maxDepth = 8

/**
 * Copies an error and its causes. Keeps names, messages, codes and stacks, masked; leaves out every other property,
 * because a property such as `request` may hold the secrets.
 */
export const cause = (value: unknown, mask: Mask, depth = 0): Error => {
  const original = Predicate.isRecord(value) ? value : { message: String(value) }
  const textOf = (key: string) => Predicate.isString(original[key]) ? mask(original[key]) : undefined
  const code = textOf("code")
  const syscall = textOf("syscall")
  const { errors } = original
  const inside = Array.isArray(errors) && depth < maxDepth
    ? errors.map((error) => cause(error, mask, depth + 1))
    : undefined
  const message = textOf("message") || code || inside?.map(messages).join(", ") || "no message"
  const error = Object.assign(
    inside === undefined ? new Error(message) : new AggregateError(inside, message),
    code && { code },
    syscall && { syscall }
  )
  error.name = textOf("name") ?? error.name
  error.stack = textOf("stack") ?? error.stack ?? ""
  if (original["cause"] !== undefined && depth < maxDepth) error.cause = cause(original["cause"], mask, depth + 1)
  return error
}

/** Returns the messages of an error and its causes, the outermost first. */
export const messages = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${messages(error.cause)}` : error.message

/** Returns the names and codes of an error and its causes, without their messages. */
export const names = (value: unknown, depth = 0): string => {
  if (!Predicate.isRecord(value)) return typeof value
  const { cause, code, name, reason } = value
  const own = [name, reason, code].filter((word) => Predicate.isString(word) && /^\w{1,40}$/.test(word)).join(" ")
  return cause !== undefined && depth < maxDepth ? `${own}: ${names(cause, depth + 1)}` : own
}
