/**
 * The tokens that the platform has issued. A call for a token gives the same token until 30 minutes before its end, and then a
 * new one, while the old one lives on (page "商店应用获取 app_access_token").
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { CountedMap } from "./countedMap.js"

const life = Duration.toMillis("2 hours")

/** With less than this left, a call for a token gives a new one. */
const renewal = Duration.toMillis("30 minutes")

export interface Token {
  readonly value: string
  readonly kind: "app" | "tenant" | "user"
  readonly appId: string
  /** `undefined` for an app access token. */
  readonly tenantKey: string | undefined
  /** In milliseconds since 1970, on the platform's clock. */
  readonly expiresAt: number
}

export interface Tokens {
  /** Returns the token of an app, or of a tenant: the current one, or a new one made of `digits`. */
  readonly current: (
    appId: string,
    tenantKey: string | undefined,
    options: { readonly digits: string; readonly isJwt: boolean; readonly now: number }
  ) => Token
  readonly add: (token: Token) => void
  /** Adds a token of an earlier run. The newest of an app and tenant comes last. */
  readonly restore: (token: Token) => void
  /** Also finds a token that has expired. */
  readonly find: (value: string) => Token | undefined
  /** Returns the tokens of an app that are valid. */
  readonly list: (appId: string, now: number) => ReadonlyArray<Token>
  readonly invalidate: (appId: string) => void
  readonly clear: () => void
  /** Grows with each change. */
  readonly changes: () => number
}

const base64 = (text: string): string => Buffer.from(text).toString("base64url")

/** Shapes a token as a JSON Web Token of 4 KB, as newer tokens are. No app can verify the token, and none should. */
const jwt = (kind: Token["kind"], digits: string): string =>
  `${base64(JSON.stringify({ alg: "ES256", typ: "JWT" }))}.${
    base64(JSON.stringify({ kind, jti: digits, pad: digits.repeat(Math.ceil(2_850 / digits.length)) }))
  }.${base64(digits.repeat(2))}`

/** Shapes a token as the platform does: `a-…`, `t-…`, `u-…`, or a JSON Web Token. */
export const shape = (
  kind: Token["kind"],
  { digits, isJwt }: { readonly digits: string; readonly isJwt: boolean }
): string => isJwt ? jwt(kind, digits) : `${kind[0]}-${digits}`

const isShaped = (value: string): boolean => /^[atu]-/.test(value) || /^ey[^.]*\.[^.]+\.[^.]*$/.test(value)

const decodePayload = Schema.decodeOption(
  Schema.parseJson(Schema.Struct({ kind: Schema.Literal("app", "tenant", "user") }))
)

/** Returns the kind that a token has by its shape, or `undefined` if no token has this shape. */
export const kindByShape = (value: string): Token["kind"] | undefined => {
  if (!isShaped(value)) return undefined
  if (value.startsWith("a-")) return "app"
  if (value.startsWith("u-")) return "user"
  const payload = Buffer.from(value.split(".")[1] ?? "", "base64url").toString("utf8")
  return Option.match(decodePayload(payload), { onNone: () => "tenant", onSome: ({ kind }) => kind })
}

export const make = (): Tokens => {
  const tokens = new CountedMap<string, Token>()
  /** By app and tenant: the newest token, and the one before it, which may live on to its own end. */
  const issued = new Map<string, { readonly newest: Token; readonly before: Token | undefined }>()
  const keyOf = (appId: string, tenantKey: string | undefined) => JSON.stringify([appId, tenantKey])

  return {
    current: (appId, tenantKey, { digits, isJwt, now }) => {
      const key = keyOf(appId, tenantKey)
      const current = issued.get(key)
      if (current !== undefined && current.newest.expiresAt - now >= renewal) return current.newest
      const kind = tenantKey === undefined ? "app" : "tenant"
      const value = shape(kind, { digits, isJwt })
      const token: Token = { value, kind, appId, tenantKey, expiresAt: now + life }
      tokens.set(value, token)
      // The one before the last has ended: two follow each other at 90 minutes at least, and live for 120.
      if (current?.before !== undefined) tokens.delete(current.before.value)
      issued.set(key, { newest: token, before: current?.newest })
      return token
    },
    add: (token) => void tokens.set(token.value, token),
    restore: (token) => {
      tokens.set(token.value, token)
      if (token.kind === "user") return
      const key = keyOf(token.appId, token.tenantKey)
      issued.set(key, { newest: token, before: issued.get(key)?.newest })
    },
    find: (value) => tokens.get(value),
    list: (appId, now) => [...tokens.values()].filter((token) => token.appId === appId && token.expiresAt > now),
    invalidate: (appId) => {
      for (const token of tokens.values()) if (token.appId === appId) tokens.delete(token.value)
      for (const [key, { newest }] of issued) if (newest.appId === appId) issued.delete(key)
    },
    clear: () => {
      tokens.clear()
      issued.clear()
    },
    changes: () => tokens.changes
  }
}

export const secondsLeft = (token: Token, now: number): number => Math.floor((token.expiresAt - now) / 1000)
