/** The text of an answer, without secrets. */
import * as Redacted from "effect/Redacted"
import * as Secrets from "../../Secrets.js"

/** The longest text that is shown, in characters. */
const longestText = 10_000

/** The longest text in a line, in characters. */
const longestInLine = 200

/** A shorter secret is not looked for in a text, because it may be a word. */
const shortestSecret = 4

/** Matches the fields of JSON whose names are those of secrets. */
const secretField = /("(?:[a-z_]*_)?(?:token|ticket|secret)"\s*:\s*")((?:[^"\\]|\\.)*)(?=")/gi

const cut = (text: string, longest: number): string => text.length <= longest ? text : `${text.slice(0, longest)}…`

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)

const mask = (secret: string): string => Secrets.show(Redacted.make(secret), false)

const hide = (text: string, secrets: ReadonlyArray<string>, show: (secret: string) => string): string =>
  secrets
    .filter(({ length }) => length >= shortestSecret)
    .flatMap((secret) => [secret, escaped(secret)])
    .reduce((hidden, secret) => hidden.replaceAll(secret, show(secret)), text)

export interface Options {
  /** The secrets of the app, which are never shown. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** The event object of the delivery: the target may repeat the token of a card, or the ticket. */
  readonly payload: Readonly<Record<string, unknown>>
  /** Shows the ticket, the token of the card and the fields that have the name of a secret. */
  readonly reveal: boolean
}

/** Returns the text. Cuts off a long one. */
export const show = (body: Uint8Array, { payload, reveal, secrets }: Options): string => {
  const withoutSecrets = hide(Buffer.from(body).toString("utf8"), secrets.map(Redacted.value), () => "…")
  if (reveal) return cut(withoutSecrets, longestText)
  const tokens = [payload["token"], payload["app_ticket"]].filter((token) => typeof token === "string")
  const masked = hide(withoutSecrets, tokens, mask).replace(
    secretField,
    (_, before: string, value: string) => before + (value.endsWith("…") ? value : mask(value))
  )
  return cut(masked, longestText)
}

/** Returns the beginning of the text in one line. */
export const line = (body: Uint8Array, options: Options): string =>
  cut(show(body, options).replace(/\s+/g, " ").trim(), longestInLine)
