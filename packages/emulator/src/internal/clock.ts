/**
 * The time of the platform: the clock of the program, plus the time by which the clock was run forward.
 *
 * Tickets, tokens, limits, and the waits between pushes use this time. What leaves the platform (the timestamp of a signature,
 * the time of an event) has the time of the program's clock, because the app, in a process of its own, compares it with its own.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface PlatformClock {
  /** In milliseconds since 1970. */
  readonly now: Effect.Effect<number>
  readonly sleep: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Runs the clock forward. Every sleep whose end comes in this time ends now. */
  readonly advance: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** Returns the time by which the clock was run forward, in milliseconds. */
  readonly advanced: Effect.Effect<number>
}

export const make = (): PlatformClock => {
  let offset = 0
  /** Opened and replaced with each advance, so that every sleep looks at the time again. */
  let advances = Effect.unsafeMakeLatch(false)
  const now = Effect.map(Clock.currentTimeMillis, (millis) => millis + offset)

  const sleepUntil = (end: number): Effect.Effect<void> =>
    Effect.flatMap(now, (millis) =>
      millis >= end
        ? Effect.void
        : Effect.zipRight(
          Effect.raceFirst(Effect.sleep(end - millis), Effect.suspend(() => advances.await)),
          Effect.suspend(() => sleepUntil(end))
        ))

  return {
    now,
    sleep: (duration) => Effect.flatMap(now, (millis) => sleepUntil(millis + Duration.toMillis(duration))),
    advance: (duration) =>
      Effect.suspend(() => {
        offset += Duration.toMillis(duration)
        const ended = advances
        advances = Effect.unsafeMakeLatch(false)
        return ended.open
      }),
    advanced: Effect.sync(() => offset)
  }
}
