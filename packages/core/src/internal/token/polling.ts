/**
 * Lets a fiber wait for a value that another process or another request brings. Looks for the value again and again, with
 * timers of the fiber's own. Knows nothing of Feishu.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The first and the longest pause between two looks. Each is half as long again as the last. */
const firstPause = Duration.toMillis("500 millis")
const longestPause = Duration.toMillis("5 seconds")

/** Waits for what `look` returns, while `work` runs. Fails if the work fails, or at the time limit. A failed look is repeated. */
export const wait = <A, E, R>(options: {
  readonly look: Effect.Effect<Option.Option<A>, unknown, R>
  readonly work: Effect.Effect<never, E, R>
  readonly limit: Duration.Duration
  readonly onTimeout: Effect.Effect<never, E>
}): Effect.Effect<A, E, R> => {
  const { limit, look, onTimeout, work } = options
  const looking = Effect.gen(function*() {
    for (let pause = firstPause;; pause = Math.min(pause * 1.5, longestPause)) {
      yield* Effect.sleep(pause)
      const found = Option.flatten(yield* Effect.option(look))
      if (Option.isSome(found)) return found.value
    }
  })
  return Effect.raceFirst(looking, Effect.raceFirst(work, Effect.delay(onTimeout, limit)))
}
