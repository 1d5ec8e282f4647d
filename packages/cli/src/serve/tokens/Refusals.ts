/** Counts the requests that are refused, and limits the wrong keys of each address. */
import type * as Clock from "effect/Clock"
import * as Metric from "effect/Metric"

/** `too many`: the address has sent too many wrong keys within a minute. */
export type Reason = "no key" | "wrong key" | "too many" | "browser"

const count = Metric.counter("feishu_token_service_refusals_total", {
  description: "Requests that the token service refused, by reason",
  incremental: true
})

const counters: Readonly<Record<Reason, Metric.Metric.Counter<number>>> = {
  "no key": Metric.tagged(count, "reason", "no key"),
  "wrong key": Metric.tagged(count, "reason", "wrong key"),
  "too many": Metric.tagged(count, "reason", "too many"),
  browser: Metric.tagged(count, "reason", "browser")
}

export const countOne = (reason: Reason): void => counters[reason].unsafeUpdate(1, [])

const allowed = 10
const window = 60_000

/** The most addresses that are remembered. The address whose minute began first is forgotten first. */
const maxAddresses = 10_000

export interface Verdict {
  /** The seconds until the address may try again. `undefined` if the address has not reached the limit. */
  readonly retryAfter: number | undefined
  /** `true` for the first refusal of the address for this reason in a minute. */
  readonly isFirst: boolean
}

export interface Refusals {
  /** Takes down that a request from the address has no key or a wrong key. */
  readonly refuse: (address: string, reason: "no key" | "wrong key") => Verdict
}

/**
 * Allows an address 10 refusals within a minute that begins with the first of them.
 *
 * A request with a right key is never limited, because all services have one address behind a load balancer. So the limit is no
 * protection against guessing, which the length of the keys is, and only keeps the log and the answers short.
 */
export const make = (clock: Clock.Clock): Refusals => {
  const minutes = new Map<string, { readonly endsAt: number; refusals: number; readonly reasons: Set<string> }>()

  const begin = (address: string, reason: string, now: number): void => {
    minutes.delete(address)
    const [oldest] = minutes.keys()
    if (oldest !== undefined && minutes.size >= maxAddresses) minutes.delete(oldest)
    minutes.set(address, { endsAt: now + window, refusals: 1, reasons: new Set([reason]) })
  }

  return {
    refuse: (address, reason) => {
      const now = clock.unsafeCurrentTimeMillis()
      const minute = minutes.get(address)
      if (minute === undefined || minute.endsAt <= now) {
        begin(address, reason, now)
        countOne(reason)
        return { retryAfter: undefined, isFirst: true }
      }
      minute.refusals++
      const isFirst = !minute.reasons.has(reason)
      minute.reasons.add(reason)
      const isLimited = minute.refusals > allowed
      countOne(isLimited ? "too many" : reason)
      return {
        // A clock that is set back must not lock an address out for longer.
        retryAfter: isLimited ? Math.ceil(Math.min(minute.endsAt - now, window) / 1000) : undefined,
        isFirst
      }
    }
  }
}
