/**
 * The token service of `feishu-ticket serve --tokens`: gives the services of a company, in any language, valid access tokens over
 * HTTP. Has a listener of its own, apart from the request URL's.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { UsageError } from "../../Failure.js"
import { isLoopback } from "../../Loopback.js"
import type { Health } from "../Health.js"
import * as Listen from "../Listen.js"
import type { ServedApp, ServedApps } from "../ServedApp.js"
import * as Audit from "./Audit.js"
import * as Door from "./Door.js"
import type { Keys } from "./Keys.js"
import * as RefusedTenants from "./RefusedTenants.js"
import { closing } from "./TokenErrors.js"

export interface Options {
  readonly apps: ServedApps
  readonly health: Effect.Effect<Health>
  /** `Keys.none`: only on a loopback address or on a Unix socket. */
  readonly keys: Keys
  readonly address: Listen.Address
}

export interface Listening {
  /** With the port that was free. */
  readonly address: Listen.Address
  /** `http://127.0.0.1:3001`, or `unix:/run/tokens.sock`. */
  readonly url: string
}

/** The address by default, which other machines cannot reach. */
export const defaultAddress = { _tag: "Tcp", host: "127.0.0.1", port: 3001 } as const satisfies Listen.Address

const isLocal = (address: Listen.Address): boolean =>
  address._tag === "Unix" || (address.host !== undefined && isLoopback(address.host))

const check = ({ address, keys }: Options): Effect.Effect<void, UsageError> =>
  isLocal(address)
    ? Effect.void
    : keys.length === 0
    ? new UsageError({
      message:
        `the token service needs keys on ${Listen.urlOf(address)}, because other machines can reach this address: give `
        + "--tokens-key-file or FEISHU_TOKENS_KEYS, or listen on 127.0.0.1"
    })
    : Effect.logWarning(
      `the token service listens on ${
        Listen.urlOf(address)
      } WITHOUT TLS: everybody on the way can read the keys and the tokens. `
        + "Put a proxy with TLS in front, and let no other machine reach this port"
    )

/** The time for which requests are finished at the end. */
const longestDraining = Duration.seconds(10)

/** The time for which a request waits for a ticket at the end, because a ticket may take 2 minutes. */
const longestTicketWait = Duration.seconds(3)

/** Any other request is answered before the draining ends. */
const longestFetch = Duration.seconds(9)

/** Returns `true` if no request to the app waits for a ticket. */
const hasTicket = ({ tickets }: ServedApp): Effect.Effect<boolean> =>
  tickets === undefined ? Effect.succeed(true) : Effect.isSuccess(Effect.timeout(tickets.get, "500 millis"))

const closingOf = (ending: Deferred.Deferred<void>) => (served: ServedApp) =>
  Effect.gen(function*() {
    yield* Deferred.await(ending)
    yield* Effect.sleep(longestTicketWait)
    if (yield* hasTicket(served)) yield* Effect.sleep(Duration.subtract(longestFetch, longestTicketWait))
    return yield* closing
  })

/** Listens until the scope ends. Then finishes the requests that are under way, for 10 s at most. */
export const listen = (options: Options): Effect.Effect<Listening, UsageError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* check(options)
    const ending = yield* Deferred.make<void>()
    const listener = yield* Door.make({
      apps: new Map(Array.from(options.apps, ([id, served]) => [id, RefusedTenants.remember(served)])),
      audit: yield* Audit.make,
      closing: closingOf(ending),
      health: options.health,
      keys: options.keys
    })
    const address = yield* Listen.serve(listener, {
      address: options.address,
      named: { port: "--tokens-port", host: "--tokens-host", socket: "--tokens-socket" },
      longestDraining
    })
    // Runs before the draining, because finalizers run in reverse.
    yield* Effect.addFinalizer(() => Deferred.succeed(ending, undefined))
    return { address, url: Listen.urlOf(address) }
  })
