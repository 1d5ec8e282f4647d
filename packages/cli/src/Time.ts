/** Words for times and spans of time. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"

/** Rounds to the second, and to the minute beyond an hour: `42s`, `3m 5s`, `2h 5m`. */
export const span = (millis: number): string => {
  const seconds = Math.round(Math.abs(millis) / 1000)
  // Effect leaves out the unit of 0.
  if (seconds === 0) return "0s"
  return Duration.format(Duration.seconds(seconds >= 3600 ? seconds - seconds % 60 : seconds))
}

/** Returns the local time of day, to the millisecond. */
export const ofDay = (millis: number): string => {
  const date = DateTime.toDate(DateTime.unsafeMake(millis))
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`
}

/** A negative span is in the future, because clocks differ. */
export const ago = (millis: number): string => `${span(millis)} ${millis < 0 ? "from now" : "ago"}`

export const moment = (time: DateTime.Utc): string => DateTime.formatIso(time).replace(/\.\d+Z$/, "Z")

/** Returns the whole seconds until a moment, or 0 after it. `now`: in milliseconds since 1970. */
export const secondsUntil = (moment: DateTime.Utc, now: number): number =>
  Math.max(0, Math.floor((DateTime.toEpochMillis(moment) - now) / 1000))
