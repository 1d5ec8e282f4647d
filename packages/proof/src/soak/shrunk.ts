/** The time of the platform in a run of minutes: its clock goes so many times as fast as the clock of the app. */
import * as Duration from "effect/Duration"

/** An hour, after which the platform pushes the next ticket, lasts 30 s. A token of 2 hours lasts a minute. */
export const times = 120

/** Returns how long this time of the platform lasts on the app's clock. */
export const shrunk = (duration: Duration.DurationInput): Duration.Duration =>
  Duration.millis(Duration.toMillis(duration) / times)
