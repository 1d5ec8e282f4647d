/** Remembers the APIs that refused a token just after the platform issued the token. */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"

type Request = HttpClientRequest.HttpClientRequest

/** The milliseconds for which a refusal is remembered. */
const rememberFor = 10 * 60 * 1000

const maxRemembered = 1000

/** The method and the resource of a request: what follows in the path is mostly an id. */
const apiOf = ({ method, url }: Request): string => {
  const path = /\/open-apis\/[^/?#]*(\/[^/?#]*){0,2}/.exec(url)?.[0] ?? url
  return `${method} ${path}`
}

interface Refusal {
  /** Counts the refusals of the service. */
  readonly number: number
  /** `true` if the refused token was new. */
  readonly isWrongKind: boolean
  readonly until: number
}

/** `owner`: the tenant or the app that has the token. `now`: in milliseconds since 1970. */
export interface WrongTokens {
  /** Returns the number of the last refusal. A call that begins now gets no token that was refused before. */
  readonly lastRefusal: () => number
  /** Returns `true` if the API refused a new token in the last 10 minutes, or any token before a call began. */
  readonly isWrongKind: (
    owner: string,
    request: Request,
    call: { readonly lastRefusal: number },
    now: number
  ) => boolean
  readonly remember: (owner: string, request: Request, refusal: { readonly isWrongKind: boolean }, now: number) => void
}

export const make = (): WrongTokens => {
  const refusals = new Map<string, Refusal>()
  const keyOf = (owner: string, request: Request) => `${apiOf(request)} ${owner}`
  let count = 0
  return {
    lastRefusal: () => count,
    isWrongKind: (owner, request, { lastRefusal }, now) => {
      const known = refusals.get(keyOf(owner, request))
      return known !== undefined && now < known.until && (known.isWrongKind || known.number <= lastRefusal)
    },
    remember: (owner, request, { isWrongKind }, now) => {
      const key = keyOf(owner, request)
      const known = refusals.get(key)
      // Not for longer than 10 minutes in all: a token may have become invalid meanwhile.
      if (known !== undefined && known.isWrongKind && now < known.until) return
      // Deleted first so that the key moves to the end: the first key is the oldest.
      refusals.delete(key)
      refusals.set(key, { number: ++count, isWrongKind, until: now + rememberFor })
      for (const oldest of refusals.keys()) {
        if (refusals.size <= maxRemembered) break
        refusals.delete(oldest)
      }
    }
  }
}
