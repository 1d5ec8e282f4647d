/** Decides which requests the token service answers: those with a key, or without keys those of no browser. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Runtime from "effect/Runtime"
import type * as Http from "node:http"
import { isLoopback } from "../../Loopback.js"
import type * as Caller from "./Caller.js"
import * as Keys from "./Keys.js"
import * as Refusals from "./Refusals.js"
import { Forbidden, TooManyRefusals, Unauthorized } from "./TokenErrors.js"

export interface Refusal {
  readonly status: 401 | 403 | 429
  readonly headers: Readonly<Record<string, string>>
  readonly error: Unauthorized | Forbidden | TooManyRefusals
}

export interface Admission {
  /** Admits a request to an endpoint that needs a key. */
  readonly admit: (request: Http.IncomingMessage) => Either.Either<Caller.Service, Refusal>
  /** Returns why a request must not be answered, though the endpoint needs no key. */
  readonly refusalWithoutKey: (request: Http.IncomingMessage) => Refusal | undefined
}

/** Returns the address of the other end. */
const addressOf = ({ socket }: Http.IncomingMessage): string =>
  socket.remoteAddress?.replace(/^::ffff:/, "") ?? "the Unix socket"

/** Removes the port of a header `host`. */
const nameOf = (host: string): string => host.replace(/:\d*$/, "")

/**
 * Returns why a request may come from a page in a browser. A page can send requests to this machine, and can give its own name
 * the address of this machine (DNS rebinding).
 */
const browserOf = ({ headers, socket }: Http.IncomingMessage): string | undefined => {
  const { host = "", origin } = headers
  const site = headers["sec-fetch-site"]
  if (origin !== undefined) return "a request with the header Origin comes from a page in a browser"
  if (site !== undefined && site !== "none") {
    return "a request with the header Sec-Fetch-Site comes from a page in a browser"
  }
  // No browser reaches a Unix socket, so any name will do there.
  return socket.remoteAddress !== undefined && !isLoopback(nameOf(host))
    ? "without keys, the token service answers only to localhost and to loopback addresses in the header Host"
    : undefined
}

const unauthorized = (message: string): Refusal => ({
  status: 401,
  headers: { "www-authenticate": "Bearer" },
  error: new Unauthorized({ message })
})

const sentences = {
  "no key": "Send a key of the token service in the header: Authorization: Bearer KEY",
  "wrong key": "The token service does not know this key"
} as const

export const make = (keys: Keys.Keys): Effect.Effect<Admission> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const run = Runtime.runFork(runtime)
    const log = (line: string): void => void run(Effect.logWarning(line))
    const refusals = Refusals.make(Runtime.runSync(runtime)(Effect.clock))

    const refuse = (address: string, reason: "no key" | "wrong key"): Refusal => {
      const { isFirst, retryAfter } = refusals.refuse(address, reason)
      if (isFirst) log(`refused a request for a token from ${address}: ${reason}`)
      if (retryAfter === undefined) return unauthorized(sentences[reason])
      return {
        status: 429,
        headers: { "retry-after": String(retryAfter) },
        error: new TooManyRefusals({
          message: `Too many requests from ${address} had no key or a wrong key: a wrong key is refused with 429 for `
            + `${retryAfter} s. A right key works at once`,
          retry_after: retryAfter
        })
      }
    }

    const refusalWithoutKey = (request: Http.IncomingMessage): Refusal | undefined => {
      const reason = keys.length > 0 ? undefined : browserOf(request)
      if (reason === undefined) return undefined
      Refusals.countOne("browser")
      return { status: 403, headers: {}, error: new Forbidden({ message: `Refused: ${reason}` }) }
    }

    return {
      refusalWithoutKey,
      admit: (request) => {
        const address = addressOf(request)
        if (keys.length === 0) {
          const refusal = refusalWithoutKey(request)
          return refusal === undefined ? Either.right({ key: undefined, address }) : Either.left(refusal)
        }
        const { authorization } = request.headers
        const key = Keys.find(keys, authorization ?? "")
        return key === undefined
          ? Either.left(refuse(address, authorization === undefined ? "no key" : "wrong key"))
          : Either.right({ key: key.name, address })
      }
    }
  })
