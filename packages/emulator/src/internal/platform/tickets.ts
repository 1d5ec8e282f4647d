/** The tickets of store apps. An app may have several valid tickets side by side (page "ISV 相关"). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { PlatformClock } from "../clock.js"
import { hex } from "../random.js"
import { CountedMap } from "./countedMap.js"

/** So many tickets are remembered as secrets, valid or not. */
const mostRemembered = 10_000

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
  /** Returns `true` if the value is or was a ticket of any app. */
  readonly isTicket: (value: string) => boolean
  readonly invalidate: (appId: string) => void
  readonly clear: () => void
  /** Grows with each change. */
  readonly changes: () => number
  /** Adds tickets from a file. */
  readonly restore: (appId: string, tickets: ReadonlyArray<Ticket>) => void
}

export const make = (clock: PlatformClock): Tickets => {
  const byApp = new CountedMap<string, ReadonlyArray<Ticket>>()
  const remembered = new Set<string>()

  const remember = (value: string): void => {
    remembered.add(value)
    const [oldest] = remembered
    if (remembered.size > mostRemembered && oldest !== undefined) remembered.delete(oldest)
  }

  const list: Tickets["list"] = (appId, now) => (byApp.get(appId) ?? []).filter(({ expiresAt }) => expiresAt > now)
  return {
    list,
    issue: (appId) =>
      Effect.zipWith(hex(32), clock.now, (value, now) => {
        remember(value)
        byApp.set(appId, [...list(appId, now), { value, expiresAt: now + life }])
        return value
      }),
    isValid: (appId, value, now) => list(appId, now).some((ticket) => ticket.value === value),
    isTicket: (value) => remembered.has(value),
    invalidate: (appId) => void byApp.delete(appId),
    clear: () => byApp.clear(),
    changes: () => byApp.changes,
    restore: (appId, tickets) => {
      for (const { value } of tickets) remember(value)
      byApp.set(appId, tickets)
    }
  }
}
