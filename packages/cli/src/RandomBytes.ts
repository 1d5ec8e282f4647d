/** Random bytes, for ids, nonces and challenges. */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Random from "effect/Random"

export const make = (count: number): Effect.Effect<Uint8Array> =>
  Effect.map(Effect.replicateEffect(Random.nextIntBetween(0, 256), count), (numbers) => Uint8Array.from(numbers))

/** Returns random hexadecimal digits, two for each byte. */
export const hex = (count: number): Effect.Effect<string> => Effect.map(make(count), Encoding.encodeHex)
