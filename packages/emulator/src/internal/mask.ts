/** Hides secrets in what the journal shows. */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { App } from "../App.js"
import type { Apps } from "./platform/apps.js"

/** The longest text that the journal keeps, in characters. */
const longest = 16_384

/** The longest path, query or tenant key. The journal keeps these for more entries than texts. */
const longestName = 1_024

/** Longer than any token: a token that begins within the longest text is hidden as a whole. */
const margin = 8_192

/** A shorter secret is hidden only in the fields that have the name of a secret: `x` stands in many words. */
const shortestSecret = 8

/** The fields whose values the emulator has made itself: the ends are shown, to tell one from another. */
const made = new Set([
  "app_ticket",
  "app_access_token",
  "tenant_access_token",
  "user_access_token"
])

/** The fields whose values may be a user's own. */
const hidden = new Set(["app_secret", "token", "encrypt", "refresh_token", "password"])

/** The headers whose values may be a user's own. */
const hiddenHeaders = new Set(["cookie", "set-cookie", "proxy-authorization"])

/** Shows both ends of a value that the emulator has made: `t-3f…9a`. */
export const ends = (value: string): string => value.length < 16 ? "…" : `${value.slice(0, 4)}…${value.slice(-2)}`

const maskField = (name: string, value: unknown): unknown =>
  typeof value === "string" && made.has(name)
    ? ends(value)
    : value !== null && (made.has(name) || hidden.has(name))
    ? "…"
    : value

/** A hidden field in a text that is not JSON, such as a form or JSON that broke off. */
const inText = new RegExp(
  `("?\\b(?:${[...made, ...hidden].join("|")})"?\\s*[:=]\\s*)("(?:[^"\\\\]|\\\\.)*"?|[^"&\\s,}]+)`,
  "g"
)

const decodeJson = Schema.decodeOption(Schema.parseJson())

/** Tokens in the shapes that the emulator gives to tokens. */
const tokens = /[atu]-[0-9a-f]{40}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+/g

const ticketLength = 32

const cut = (text: string, longest: number, length = text.length): string =>
  length <= longest && text.length <= longest ? text : `${text.slice(0, longest)}… (${length} characters)`

const escape = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Returns a secret as it may stand in a text: as it is, in JSON, in JSON that is a string in JSON, in a URL, and in a form. */
const spellings = (secret: string): ReadonlyArray<string> => {
  const encoded = new URLSearchParams({ "": secret }).toString().slice(1)
  return [secret, escape(secret), escape(escape(secret)), encoded, encoded.replaceAll("+", "%20")]
}

const secretsOf = ({ appSecret, encryptKey, verificationToken }: App): ReadonlyArray<string> =>
  [appSecret, encryptKey, verificationToken]
    .flatMap((secret) => secret === undefined ? [] : Redacted.value(secret))
    .filter(({ length }) => length >= shortestSecret)

/** Matches any of the secrets. The longest come first, because a secret may contain another. */
const patternOf = (secrets: ReadonlyArray<string>): RegExp | undefined => {
  const spelled = [...new Set(secrets.flatMap(spellings))].toSorted((a, b) => b.length - a.length)
  const escaped = spelled.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"))
  return escaped.length === 0 ? undefined : new RegExp(escaped.join("|"), "g")
}

export interface Mask {
  /** Returns a body without the secrets in it. Cuts off a long one. */
  readonly text: (text: string) => string
  /** Returns a path, a query or a tenant key without the secrets in it. Cuts off a long one. */
  readonly name: (name: string) => string
  readonly headers: (headers: Readonly<Record<string, string | undefined>>) => Readonly<Record<string, string>>
}

export const make = ({ apps, isTicket }: {
  readonly apps: Apps
  readonly isTicket: (value: string) => boolean
}): Mask => {
  let known = { changes: -1, pattern: patternOf([]) }

  /** Hides the secrets of the apps. */
  const hideSecrets = (text: string): string => {
    const { changes } = apps
    if (changes !== known.changes) known = { changes, pattern: patternOf([...apps.values()].flatMap(secretsOf)) }
    return known.pattern === undefined ? text : text.replace(known.pattern, "…")
  }

  /** Hides each ticket among hexadecimal digits. */
  const hideTickets = (digits: string): string => {
    for (let i = 0; i + ticketLength <= digits.length; i++) {
      const ticket = digits.slice(i, i + ticketLength)
      if (!isTicket(ticket)) continue
      return `${digits.slice(0, i)}${ends(ticket)}${hideTickets(digits.slice(i + ticketLength))}`
    }
    return digits
  }

  /** Hides the tokens and tickets that the emulator has made. */
  const hideMade = (text: string): string => text.replace(tokens, ends).replace(/[0-9a-f]{32,}/g, hideTickets)

  const hide = (text: string): string => hideMade(hideSecrets(text))

  const text = (text: string): string => {
    const json = decodeJson(text)
    const masked = Option.isSome(json) && typeof json.value === "object"
      ? JSON.stringify(json.value, maskField)
      : text.slice(0, longest + margin).replace(inText, "$1…")
    const { length } = Option.isSome(json) ? masked : text
    return cut(hide(masked.slice(0, longest + margin)), longest, length)
  }

  const authorization = (value: string): string =>
    hideSecrets(value).replace(
      /^(\S+\s+)?(.+)$/,
      (_, scheme: string | undefined, token: string) => `${scheme ?? ""}${ends(token)}`
    )

  return {
    text,
    name: (name) => cut(hide(name.slice(0, longestName + margin).replace(inText, "$1…")), longestName),
    headers: (headers) => {
      const shown: Record<string, string> = {}
      for (const [name, value] of Object.entries(headers)) {
        if (value === undefined) continue
        shown[hide(name)] = hiddenHeaders.has(name)
          ? "…"
          : cut(hide(name === "authorization" ? authorization(value) : value), longest)
      }
      return shown
    }
  }
}
