/**
 * Takes secrets out of what other software, the platform or the transport, says about a request that held them.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { escape } from "effect/RegExp"

export type Mask = (text: string) => string

/**
 * How a secret may look in somebody's message: as it is, inside JSON (also with `\/`), inside a URL or a form. Not
 * covered: what has been encoded further (base64, HTML entities) or cut.
 */
const forms = (secret: string): ReadonlyArray<string> => {
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

export const make = (secrets: ReadonlyArray<Redacted.Redacted>): Mask => {
  // Made when it is needed, for most calls meet with nothing that quotes a secret.
  let pattern: RegExp | undefined
  return (text) => {
    if (pattern === undefined) {
      const needles = secrets.flatMap((secret) => forms(Redacted.value(secret))).filter((form) => form !== "")
      // The longest first, since one may contain another; in any case, since %2f is %2F. Of none: what matches nothing.
      pattern = needles.length === 0
        ? /(?!)/
        : new RegExp(needles.toSorted((a, b) => b.length - a.length).map(escape).join("|"), "gi")
    }
    return text.replace(pattern, "<redacted>")
  }
}

/**
 * A transport's error with its chain of causes, as new errors of names, messages, codes and stacks only: what else
 * hangs on the original, the request for one, may hold the secrets.
 */
export const cause = (value: unknown, mask: Mask, depth = 0): Error => {
  const original = Predicate.isRecord(value) ? value : { message: String(value) }
  const textOf = (key: string) => Predicate.isString(original[key]) ? mask(original[key]) : undefined
  const code = textOf("code")
  const syscall = textOf("syscall")
  const error = Object.assign(
    new Error(textOf("message") || code || "no message"),
    code && { code },
    syscall && { syscall }
  )
  error.name = textOf("name") ?? error.name
  error.stack = textOf("stack") ?? error.stack ?? ""
  // A chain that leads back to itself has no end of its own.
  if (original["cause"] !== undefined && depth < 8) error.cause = cause(original["cause"], mask, depth + 1)
  return error
}

/** The messages of an error and its causes, from the outermost in. */
export const messages = (error: Error): string =>
  error.cause instanceof Error ? `${error.message}: ${messages(error.cause)}` : error.message

/** What kinds of errors they are, from the outermost in, and nothing of what they say. */
export const names = (value: unknown, depth = 0): string => {
  if (!Predicate.isRecord(value)) return typeof value
  const { cause, code, name, reason } = value
  const own = [name, reason, code].filter((word) => Predicate.isString(word) && /^\w{1,40}$/.test(word)).join(" ")
  return cause !== undefined && depth < 8 ? `${own}: ${names(cause, depth + 1)}` : own
}
