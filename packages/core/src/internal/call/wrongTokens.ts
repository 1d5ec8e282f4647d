/** Remembers the APIs that refused a token just after the platform issued the token. */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"

/** The milliseconds for which an API gets no new token after the API refused a new token. */
const rememberFor = 10 * 60 * 1000

const maxRemembered = 1000

/** The method and the resource of a request: what follows in the path is mostly an id. */
const apiOf = ({ method, url }: HttpClientRequest.HttpClientRequest): string => {
  const path = /\/open-apis\/[^/?#]*(\/[^/?#]*){0,2}/.exec(url)?.[0] ?? url
  return `${method} ${path}`
}

export interface WrongTokens {
  /** `owner`: the tenant or the app that has the token. `now`: in milliseconds since 1970. */
  readonly has: (owner: string, request: HttpClientRequest.HttpClientRequest, now: number) => boolean
  readonly add: (owner: string, request: HttpClientRequest.HttpClientRequest, now: number) => void
}

export const make = (): WrongTokens => {
  const until = new Map<string, number>()
  const keyOf = (owner: string, request: HttpClientRequest.HttpClientRequest) => `${apiOf(request)} ${owner}`
  return {
    has: (owner, request, now) => now < (until.get(keyOf(owner, request)) ?? 0),
    add: (owner, request, now) => {
      const key = keyOf(owner, request)
      // Deleted first so that the key moves to the end: the first key is the oldest.
      until.delete(key)
      until.set(key, now + rememberFor)
      for (const oldest of until.keys()) {
        if (until.size <= maxRemembered) break
        until.delete(oldest)
      }
    }
  }
}
