/**
 * The tokens that the platform has issued. A call for a token gives the same token until 30 minutes before its end, and then a
 * new one, while the old one lives on (page "商店应用获取 app_access_token").
 */
import * as Duration from "effect/Duration"

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
  /** Also finds a token that has expired. */
  readonly find: (value: string) => Token | undefined
  /** Returns the tokens of an app that are valid. */
  readonly list: (appId: string, now: number) => ReadonlyArray<Token>
  readonly invalidate: (appId: string) => void
  readonly clear: () => void
}

const base64 = (text: string): string => Buffer.from(text).toString("base64url")

/** Shapes a token as a JSON Web Token of 4 KB, as newer tokens are. Nobody can verify it, and nobody should. */
const jwt = (digits: string): string =>
  `${base64(JSON.stringify({ alg: "ES256", typ: "JWT" }))}.${
    base64(JSON.stringify({ jti: digits, pad: digits.repeat(Math.ceil(2_900 / digits.length)) }))
  }.${base64(digits.repeat(2))}`

export const make = (): Tokens => {
  const tokens = new Map<string, Token>()
  /** By app and tenant: the newest token, and the one before it, which may live on to its own end. */
  const issued = new Map<string, { readonly newest: Token; readonly before: Token | undefined }>()
  const keyOf = (appId: string, tenantKey: string | undefined) => JSON.stringify([appId, tenantKey])

  return {
    current: (appId, tenantKey, { digits, isJwt, now }) => {
      const key = keyOf(appId, tenantKey)
      const current = issued.get(key)
      if (current !== undefined && current.newest.expiresAt - now >= renewal) return current.newest
      const kind = tenantKey === undefined ? "app" : "tenant"
      const value = isJwt ? jwt(digits) : `${kind[0]}-${digits}`
      const token: Token = { value, kind, appId, tenantKey, expiresAt: now + life }
      tokens.set(value, token)
      // The one before the last has ended: two follow each other at 90 minutes at least, and live for 120.
      if (current?.before !== undefined) tokens.delete(current.before.value)
      issued.set(key, { newest: token, before: current?.newest })
      return token
    },
    add: (token) => void tokens.set(token.value, token),
    find: (value) => tokens.get(value),
    list: (appId, now) => [...tokens.values()].filter((token) => token.appId === appId && token.expiresAt > now),
    invalidate: (appId) => {
      for (const token of tokens.values()) if (token.appId === appId) tokens.delete(token.value)
      for (const [key, { newest }] of issued) if (newest.appId === appId) issued.delete(key)
    },
    clear: () => {
      tokens.clear()
      issued.clear()
    }
  }
}

export const secondsLeft = (token: Token, now: number): number => Math.floor((token.expiresAt - now) / 1000)
