/** Says of each app whether the app has a valid ticket now. */
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

const longestLook = "5 seconds"

/** The time for which a result is used again, so that many probes cost one look into the store. In milliseconds. */
const freshFor = 1000

const none = "there is no ticket: the platform pushes one every hour to the request URL"

/** Remembers the last ticket, because a store that is away for a moment takes no token from a service. */
const makeOfStoreApp = ({ app: { appId }, store }: ServedApp) => {
  let lastEnd: DateTime.Utc | undefined

  const ofTicket = (expiresAt: DateTime.Utc, now: number, reason?: string): AppHealth => {
    const left = DateTime.toEpochMillis(expiresAt) - now
    return left > 0
      ? {
        app_id: appId,
        ok: true,
        expires_in: Time.secondsUntil(expiresAt, now),
        ...(reason !== undefined && { reason })
      }
      : { app_id: appId, ok: false, reason: reason ?? `the newest ticket expired ${Time.span(left)} ago` }
  }

  const ofSilence = (reason: string) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now): AppHealth => lastEnd === undefined ? { app_id: appId, ok: false, reason } : ofTicket(lastEnd, now, reason)
    )

  return Effect.gen(function*() {
    const newest = yield* store.get(appId)
    lastEnd = Option.getOrUndefined(Option.map(newest, Tickets.expiresAt))
    return lastEnd === undefined
      ? { app_id: appId, ok: false, reason: none }
      : ofTicket(lastEnd, yield* Clock.currentTimeMillis)
  }).pipe(
    Effect.timeoutFail({
      duration: longestLook,
      onTimeout: () => ({ message: `the store of the tickets has not answered within ${longestLook}` })
    }),
    Effect.catchAll(({ message }) => ofSilence(message))
  )
}

/** A self-built app needs no ticket. */
const makeOfApp = (served: ServedApp): Effect.Effect<AppHealth> =>
  served.app.kind === "self-built"
    ? Effect.succeed({ app_id: served.app.appId, ok: true })
    : makeOfStoreApp(served)

/** Looks into the store, so that a ticket that another process dropped does not count. */
export const make = (apps: ServedApps): Effect.Effect<Health> => {
  const looks = Array.from(apps.values(), makeOfApp)
  let last: { readonly at: number; readonly health: Health } | undefined
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (last !== undefined && now >= last.at && now - last.at < freshFor) return Effect.succeed(last.health)
    return Effect.map(Effect.all(looks, { concurrency: 10 }), (apps) => {
      const health = { ok: apps.every(({ ok }) => ok), apps }
      last = { at: now, health }
      return health
    })
  })
}
