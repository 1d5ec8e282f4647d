/**
 * The time of the platform: the clock of the program, plus the time by which the clock was run forward.
 *
 * Tickets, tokens, limits, and the waits between pushes use this time. What leaves the platform (the timestamp of a signature,
 * the time of an event) has the time of the program's clock, because the app, in a process of its own, compares it with its own.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { OptionsError } from "../EmulatorError.js"

export interface PlatformClock {
  /** In milliseconds since 1970. */
  readonly now: Effect.Effect<number>
  readonly sleep: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Sleeps until this time, in milliseconds since 1970. */
  readonly sleepUntil: (end: number) => Effect.Effect<void>
  /**
   * Makes a sleep for waits that follow each other. A wait that ended late, because the clock was run forward beyond its end,
   * shortens the next ones.
   */
  readonly makeSleep: () => (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Runs the clock forward. Every sleep whose end comes in this time ends now. Dies if the duration is too long. */
  readonly advance: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Returns the time by which the clock was run forward, in milliseconds. */
  readonly advanced: Effect.Effect<number>
}

/** A date beyond some 270,000 years does not exist in JavaScript. */
const longest = Duration.toMillis(Duration.days(36_500))

export const make = (): PlatformClock => {
  let offset = 0
  /** Opened and replaced with each advance, so that every sleep looks at the time again. */
  let advances = Effect.unsafeMakeLatch(false)
  const now = Effect.map(Clock.currentTimeMillis, (millis) => millis + offset)

  const sleepUntil = (end: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      // Of before the look at the time: an advance between the look and the sleep must wake the sleep.
      const { await: advance } = advances
      return Effect.flatMap(now, (millis) =>
        millis >= end
          ? Effect.void
          : Effect.andThen(
            Effect.raceFirst(Effect.sleep(end - millis), advance),
            Effect.suspend(() => sleepUntil(end))
          ))
    })

  return {
    now,
    sleepUntil,
    sleep: (duration) => Effect.flatMap(now, (millis) => sleepUntil(millis + Duration.toMillis(duration))),
    makeSleep: () => {
      let late = 0
      return (duration) =>
        Effect.gen(function*() {
          const end = (yield* now) - late + Duration.toMillis(duration)
          yield* sleepUntil(end)
          late = (yield* now) - end
        })
    },
    advance: (duration) =>
      Effect.suspend(() => {
        const sum = offset + Duration.toMillis(duration)
        if (sum > longest) {
          return Effect.die(new OptionsError({ option: "clock", description: "give a duration of 100 years at most" }))
        }
        offset = sum
        const ended = advances
        advances = Effect.unsafeMakeLatch(false)
        return ended.open
      }),
    advanced: Effect.sync(() => offset)
  }
}
