/** Says of each app whether the app has a valid ticket now. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tickets from "../../Tickets.js"
import * as Time from "../../Time.js"
import type { ServedApp, ServedApps } from "../ServedApp.js"
import { secondsUntil } from "./Revealing.js"
import type { AppHealth } from "./TokenApi.js"

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
      ? { app_id: app.appId, ok: true, expires_in: secondsUntil(expiresAt, now) }
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

export const all = (apps: ServedApps): Effect.Effect<ReadonlyArray<AppHealth>> =>
  Effect.forEach(apps.values(), ofApp, { concurrency: 10 })
