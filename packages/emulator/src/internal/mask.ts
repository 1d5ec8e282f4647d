/** Hides secrets in what the journal shows. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** The longest text that the journal keeps, in characters. */
const longest = 16_384

/** The fields whose values the emulator has made itself: the ends are shown, to tell one from another. */
const made = new Set([
  "app_ticket",
  "app_access_token",
  "tenant_access_token",
  "user_access_token"
])

/** The fields whose values may be a user's own. */
const hidden = new Set(["app_secret", "token", "encrypt", "refresh_token", "password"])

/** Shows both ends of a value that the emulator has made: `t-3f…9a`. */
export const ends = (value: string): string => value.length < 16 ? "…" : `${value.slice(0, 4)}…${value.slice(-2)}`

const maskField = (name: string, value: unknown): unknown =>
  typeof value !== "string"
    ? value
    : made.has(name)
    ? ends(value)
    : hidden.has(name)
    ? "…"
    : value

/** A hidden field in a text that is not JSON, such as a form or JSON that broke off. */
const inText = new RegExp(`("?(?:${[...made, ...hidden].join("|")})"?\\s*[:=]\\s*"?)[^"&\\s,}]+`, "g")

const decodeJson = Schema.decodeOption(Schema.parseJson())

/** Returns the text without the secrets in it, if it is JSON. Cuts off a long text. */
export const text = (text: string): string => {
  const json = decodeJson(text)
  const masked = Option.isSome(json) && typeof json.value === "object"
    ? JSON.stringify(json.value, maskField)
    : text.replace(inText, "$1…")
  return masked.length <= longest ? masked : `${masked.slice(0, longest)}… (${masked.length} characters)`
}

/** Returns the headers without the secrets in them. */
export const headers = (
  headers: Readonly<Record<string, string | undefined>>
): Readonly<Record<string, string>> => {
  const shown: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    shown[name] = name === "authorization"
      ? value.replace(
        /^(\S+\s+)?(.+)$/,
        (_, scheme: string | undefined, token: string) => `${scheme ?? ""}${ends(token)}`
      )
      : name === "cookie" || name === "proxy-authorization"
      ? "…"
      : value
  }
  return shown
}
