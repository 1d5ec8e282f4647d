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
  /** Why the app has no valid ticket. */
  readonly reason?: string
}

const longestLook = "5 seconds"

const ofStoreApp = ({ app, store }: ServedApp): Effect.Effect<AppHealth> => {
  const ill = (reason: string): AppHealth => ({ app_id: app.appId, ok: false, reason })
  return Effect.gen(function*() {
    const newest = yield* store.get(app.appId)
    const now = yield* Clock.currentTimeMillis
    if (Option.isNone(newest)) return ill("there is no ticket: the platform pushes one every hour to the request URL")
    const expiresAt = Tickets.expiresAt(newest.value)
    const left = DateTime.toEpochMillis(expiresAt) - now
    return left > 0
      ? { app_id: app.appId, ok: true, expires_in: Time.secondsUntil(expiresAt, now) }
      : ill(`the newest ticket expired ${Time.span(left)} ago`)
  }).pipe(
    Effect.timeoutTo({
      duration: longestLook,
      onTimeout: () => ill(`the store of the tickets has not answered within ${longestLook}`),
      onSuccess: (health) => health
    }),
    Effect.catchAll(({ message }) => Effect.succeed(ill(message)))
  )
}

/** A self-built app needs no ticket. */
const ofApp = (served: ServedApp): Effect.Effect<AppHealth> =>
  served.app.kind === "self-built" ? Effect.succeed({ app_id: served.app.appId, ok: true }) : ofStoreApp(served)

export interface Health {
  /** `true`: each store app has a valid ticket now. */
  readonly ok: boolean
  readonly apps: ReadonlyArray<AppHealth>
}

/** Looks into the store, so that a ticket that another process dropped does not count. */
export const of = (apps: ServedApps): Effect.Effect<Health> =>
  Effect.map(Effect.forEach(Array.from(apps.values()), ofApp, { concurrency: 10 }), (apps) => ({
    ok: apps.every(({ ok }) => ok),
    apps
  }))
