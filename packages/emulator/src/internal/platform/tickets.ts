/** The tickets of store apps. An app may have several valid tickets side by side (page "ISV 相关"). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PlatformClock } from "../clock.js"
import { hex } from "../random.js"

const life = Duration.toMillis("3 hours")

export interface Ticket {
  readonly value: string
  /** In milliseconds since 1970, on the platform's clock. */
  readonly expiresAt: number
}

export interface Tickets {
  readonly issue: (appId: string) => Effect.Effect<string>
  readonly isValid: (appId: string, value: string, now: number) => boolean
  /** Returns the valid tickets, the newest last. */
  readonly list: (appId: string, now: number) => ReadonlyArray<Ticket>
  readonly invalidate: (appId: string) => void
  readonly clear: () => void
  /** Adds tickets from a file. */
  readonly restore: (appId: string, tickets: ReadonlyArray<Ticket>) => void
}

export const make = (clock: PlatformClock): Tickets => {
  const byApp = new Map<string, ReadonlyArray<Ticket>>()
  const list: Tickets["list"] = (appId, now) => (byApp.get(appId) ?? []).filter(({ expiresAt }) => expiresAt > now)
  return {
    list,
    issue: (appId) =>
      Effect.zipWith(hex(32), clock.now, (value, now) => {
        byApp.set(appId, [...list(appId, now), { value, expiresAt: now + life }])
        return value
      }),
    isValid: (appId, value, now) => list(appId, now).some((ticket) => ticket.value === value),
    invalidate: (appId) => void byApp.delete(appId),
    clear: () => byApp.clear(),
    restore: (appId, tickets) => void byApp.set(appId, tickets)
  }
}
