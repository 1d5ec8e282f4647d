/** Remembers the values, tickets or tokens, that the platform has refused, so that no store brings one back. */
import * as Duration from "effect/Duration"
import * as Lru from "../lru.js"

/**
 * The time for which a value is believed that the platform has issued again, whoever refuses the value meanwhile. Doubles each
 * time, up to `longestBelief`.
 */
const firstBelief = Duration.toMillis("15 seconds")
const longestBelief = Duration.toMillis("10 minutes")

interface Refused {
  /** How often the platform has issued the value again. */
  readonly reissues: number
  /** Until when the value is believed, on the monotonic clock in milliseconds. `undefined` while the value is refused. */
  readonly believedUntil: number | undefined
  /** `true` if the value was removed from the store since the platform refused the value. */
  readonly isRemoved: boolean
}

export interface RefusedValues {
  /**
   * Remembers that the platform refused the value. Returns `"removed"` if the value was removed since it was refused, or
   * `"reissued"` and remembers nothing if the platform has issued the value again just now: 15 s ago at most the first time,
   * and twice as long each further time, up to 10 minutes.
   */
  readonly refuse: (value: string, now: number) => "refused" | "removed" | "reissued"
  /** Remembers that the store no longer has the refused value. */
  readonly remove: (value: string) => void
  /** Takes the value as valid, because the platform issued the value. Returns `true` if the value was refused before. */
  readonly issue: (value: string, now: number) => boolean
  readonly has: (value: string) => boolean
}

/** `capacity`: the most values that are remembered. The least recently used value is forgotten first. */
export const make = (capacity: number): RefusedValues => {
  const values = Lru.make<string, Refused>(capacity)
  return {
    refuse: (value, now) => {
      const known = values.get(value)
      if (known?.believedUntil !== undefined && now < known.believedUntil) return "reissued"
      if (known?.isRemoved === true) return "removed"
      values.set(value, { reissues: known?.reissues ?? 0, believedUntil: undefined, isRemoved: false })
      return "refused"
    },
    remove: (value) => {
      const known = values.get(value)
      if (known !== undefined && known.believedUntil === undefined) values.set(value, { ...known, isRemoved: true })
    },
    issue: (value, now) => {
      const known = values.get(value)
      if (known === undefined || known.believedUntil !== undefined) return false
      const belief = Math.min(longestBelief, firstBelief * 2 ** known.reissues)
      values.set(value, { reissues: known.reissues + 1, believedUntil: now + belief, isRemoved: false })
      return true
    },
    has: (value) => {
      const known = values.get(value)
      return known !== undefined && known.believedUntil === undefined
    }
  }
}
