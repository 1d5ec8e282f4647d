/** Remembers the values, tickets or tokens, that the platform has refused, so that no store brings one back. */
import * as Duration from "effect/Duration"
import * as Lru from "../lru.js"

/** A value that the platform has issued again is believed for this time, whoever refuses the value meanwhile. */
const believedFor = Duration.toMillis("10 minutes")

interface Refused {
  /** When the platform issued the value again, on the monotonic clock in milliseconds. */
  readonly reissuedAt?: number
}

export interface RefusedValues {
  /**
   * Remembers that the platform refused the value. Returns `"first"`, or `"again"` if the value is refused already, or
   * `"reissued"` and remembers nothing if the platform has issued the value again in the last 10 minutes.
   */
  readonly refuse: (value: string, now: number) => "first" | "again" | "reissued"
  /** Takes the value as valid, because the platform issued the value. Returns `true` if the value was refused before. */
  readonly issue: (value: string, now: number) => boolean
  readonly has: (value: string) => boolean
}

/** `capacity`: the most values that are remembered. The least recently used value is forgotten first. */
export const make = (capacity: number): RefusedValues => {
  const values = Lru.make<string, Refused>(capacity)
  const isRefused = (refused: Refused | undefined) => refused !== undefined && refused.reissuedAt === undefined
  return {
    refuse: (value, now) => {
      const known = values.get(value)
      if (known?.reissuedAt !== undefined && now - known.reissuedAt < believedFor) return "reissued"
      values.set(value, {})
      return isRefused(known) ? "again" : "first"
    },
    issue: (value, now) => {
      const known = values.get(value)
      if (known === undefined) return false
      values.set(value, { reissuedAt: now })
      return isRefused(known)
    },
    has: (value) => isRefused(values.get(value))
  }
}
