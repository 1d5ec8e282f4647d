/** Reads how long an answer asks to wait before the next request. */
import * as Duration from "effect/Duration"

/** A longer wait counts as this many milliseconds, about 31 years. */
const longest = 1e12

/** Returns `true` for the three forms of a date in HTTP (RFC 9110, 5.6.7), which all have a time of day. */
const isHttpDate = (value: string): boolean => /^[A-Za-z]{3,9},? .*\d{2}:\d{2}:\d{2}/.test(value)

const millisOf = (value: string, now: number): number | undefined => {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000
  if (!isHttpDate(value)) return undefined
  const date = Date.parse(value.endsWith("GMT") ? value : `${value} GMT`)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** Splits a header that came several times, which transports join with commas, but not at the comma within a date. */
const valuesOf = (header: string): ReadonlyArray<string> =>
  header.split(/,(?!\s*\d{2}[ -][A-Za-z]{3})/).map((value) => value.trim())

/**
 * Returns the largest wait of `x-ogw-ratelimit-reset` (seconds, page "频控策略"), else of `Retry-After` (seconds or a
 * date, RFC 9110, 10.2.3). Ignores values that are neither.
 */
export const retryAfter = (
  headers: Readonly<Record<string, string | undefined>>,
  /** Milliseconds since 1970. */
  now: number
): Duration.Duration | undefined => {
  for (const name of ["x-ogw-ratelimit-reset", "retry-after"]) {
    const waits = valuesOf(headers[name] ?? "").map((value) => millisOf(value, now)).filter((wait) =>
      wait !== undefined
    )
    if (waits.length > 0) return Duration.millis(Math.min(Math.max(...waits), longest))
  }
  return undefined
}
