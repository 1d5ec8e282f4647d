/** Counts the calls of each app against the limits (page "频控策略"). */
import * as Duration from "effect/Duration"
import type { RateLimit } from "../../App.js"
import { type Decision, refusal } from "./exchange.js"
import { matches } from "./paths.js"

export interface Limits {
  /** Counts a call. Returns the refusal if the app has no call left in the current window of one of the limits. */
  readonly count: (appId: string, path: string, now: number) => Decision | undefined
  readonly clear: () => void
}

const refuse = (limit: RateLimit, appId: string, left: number): Decision =>
  refusal(99991400, "request trigger frequency limit", {
    appId,
    status: limit.status ?? 429,
    headers: {
      "x-ogw-ratelimit-limit": String(Math.ceil(Duration.toSeconds(limit.per))),
      "x-ogw-ratelimit-reset": String(Math.ceil(left / 1000))
    }
  })

export const make = (limits: ReadonlyArray<RateLimit>): Limits => {
  const windows = new Map<string, { readonly endsAt: number; calls: number }>()

  /** Returns the window of a limit that this app is in. */
  const windowOf = (appId: string, index: number, per: number, now: number) => {
    const key = JSON.stringify([appId, index])
    const current = windows.get(key)
    if (current !== undefined && current.endsAt > now) return current
    const next = { endsAt: now + per, calls: 0 }
    windows.set(key, next)
    return next
  }

  return {
    count: (appId, path, now) => {
      let refused: Decision | undefined
      for (const [index, limit] of limits.entries()) {
        if (!matches(limit.path, path)) continue
        const window = windowOf(appId, index, Duration.toMillis(limit.per), now)
        window.calls++
        if (window.calls > limit.calls) refused = refuse(limit, appId, window.endsAt - now)
      }
      return refused
    },
    clear: () => windows.clear()
  }
}
