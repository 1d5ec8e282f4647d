/** Says of each app whether the app has a valid ticket now. */
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tickets from "../Tickets.js"
import * as Time from "../Time.js"
import type { ServedApp, ServedApps } from "./ServedApp.js"

export interface AppHealth {
  readonly app_id: string
  readonly ok: boolean
  /** The seconds for which the ticket is valid. */
  readonly expires_in?: number
  /** Why the app has no valid ticket, or why the store says nothing about the ticket. */
  readonly reason?: string
}

export interface Health {
  /** `true`: each store app has a valid ticket now. */
  readonly ok: boolean
  readonly apps: ReadonlyArray<AppHealth>
}

export interface Service {
  /**
   * Looks into the stores, so that a ticket that another process dropped does not count. While a store is away, the last ticket
   * that was seen counts.
   */
  readonly look: Effect.Effect<Health>
  /** Remembers a ticket that has arrived. */
  readonly see: (appId: string, ticket: Ticket) => Effect.Effect<void>
}

const longestLook = "5 seconds"

/** The time for which a result is used again, so that many probes cost one look into the store. In milliseconds. */
const freshFor = 1000

const none = "there is no ticket: the platform pushes one every hour to the request URL"

interface OfApp {
  /** Returns why the store says nothing about the ticket. */
  readonly look: Effect.Effect<string | undefined>
  readonly see: (ticket: Ticket) => void
  readonly healthAt: (now: number, silence: string | undefined) => AppHealth
}

const makeOfStoreApp = ({ app: { appId }, store }: ServedApp): OfApp => {
  /** The end of the last ticket. */
  let end: DateTime.Utc | undefined

  return {
    look: Effect.suspend(() => {
      const before = end
      return Effect.map(store.get(appId), (newest) => {
        // A ticket that arrived meanwhile is newer.
        if (end === before) end = Option.getOrUndefined(Option.map(newest, Tickets.expiresAt))
      })
    }).pipe(
      Effect.timeoutFail({
        duration: longestLook,
        onTimeout: () => ({ message: `the store of the tickets has not answered within ${longestLook}` })
      }),
      Effect.match({ onFailure: ({ message }) => message, onSuccess: () => undefined })
    ),
    see: (ticket) => {
      end = Tickets.expiresAt(ticket)
    },
    healthAt: (now, silence) => {
      if (end === undefined) return { app_id: appId, ok: false, reason: silence ?? none }
      const left = DateTime.toEpochMillis(end) - now
      return left > 0
        ? {
          app_id: appId,
          ok: true,
          expires_in: Time.secondsUntil(end, now),
          ...(silence !== undefined && { reason: silence })
        }
        : { app_id: appId, ok: false, reason: silence ?? `the newest ticket expired ${Time.span(left)} ago` }
    }
  }
}

/** A self-built app needs no ticket. */
const makeOfApp = (served: ServedApp): OfApp =>
  served.app.kind === "store" ? makeOfStoreApp(served) : {
    look: Effect.succeed(undefined),
    see: () => {},
    healthAt: () => ({ app_id: served.app.appId, ok: true })
  }

export const make = (apps: ServedApps): Effect.Effect<Service> =>
  Effect.map(Effect.makeSemaphore(1), (semaphore) => {
    const ofApps = new Map(Array.from(apps, ([appId, served]) => [appId, makeOfApp(served)]))
    let last: { readonly at: number; readonly health: Health } | undefined

    const look = Effect.gen(function*() {
      const begun = yield* Clock.currentTimeMillis
      if (last !== undefined && begun >= last.at && begun - last.at < freshFor) return last.health
      const looked = yield* Effect.forEach(
        ofApps.values(),
        ({ healthAt, look }) => Effect.map(look, (silence) => ({ healthAt, silence })),
        { concurrency: 10 }
      )
      const at = yield* Clock.currentTimeMillis
      const apps = looked.map(({ healthAt, silence }) => healthAt(at, silence))
      const health = { ok: apps.every(({ ok }) => ok), apps }
      last = { at, health }
      return health
    })

    return {
      // A probe that comes during a look waits for the result of the look.
      look: semaphore.withPermits(1)(look),
      see: (appId, ticket) =>
        Effect.sync(() => {
          ofApps.get(appId)?.see(ticket)
          last = undefined
        })
    }
  })
