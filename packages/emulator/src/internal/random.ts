/** The random digits and ids of the platform. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Returns random hexadecimal digits. */
export const hex = (digits: number): Effect.Effect<string> =>
  Effect.map(
    Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 32), Math.ceil(digits / 8)),
    (numbers) => numbers.map((number) => number.toString(16).padStart(8, "0")).join("").slice(0, digits)
  )

/** Returns a log id as the platform shapes it: the time to the second, then random digits. */
export const logId: Effect.Effect<string> = Effect.zipWith(
  DateTime.now,
  hex(20),
  (now, random) => DateTime.formatIso(now).replace(/\D/g, "").slice(0, 14) + random.toUpperCase()
)
