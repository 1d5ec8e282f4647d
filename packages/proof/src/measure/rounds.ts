/** The one way to measure: all contestants in turns, round after round, so that the other work of the machine falls on all alike. */
import * as Effect from "effect/Effect"

export interface Rounds {
  /** Rounds that do not count. */
  readonly warmUp: number
  readonly rounds: number
}

/**
 * Runs each contestant once in each round. The turn goes forwards in one round and backwards in the next, so that no contestant
 * always follows the same one. Returns what each contestant gave in each round that counts.
 */
export const alternate = <const Name extends string, A, E, R>(
  contestants: Readonly<Record<Name, Effect.Effect<A, E, R>>>,
  { rounds, warmUp }: Rounds
): Effect.Effect<Record<Name, ReadonlyArray<A>>, E, R> =>
  Effect.gen(function*() {
    const turn = Object.entries<Effect.Effect<A, E, R>>(contestants)
    const values = new Map<string, Array<A>>(turn.map(([name]) => [name, []]))
    for (let round = -warmUp; round < rounds; round++) {
      for (const [name, run] of round % 2 === 0 ? turn : turn.toReversed()) {
        const value = yield* run
        if (round >= 0) values.get(name)?.push(value)
      }
    }
    return Object.fromEntries(values) as unknown as Record<Name, ReadonlyArray<A>>
  })

/** Returns the nanoseconds that the effect takes. */
export const nanosOf = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const begin = process.hrtime.bigint()
    return Effect.map(effect, () => Number(process.hrtime.bigint() - begin))
  })

/** Returns the microseconds of CPU time, of all threads of this process, that the effect takes. */
export const cpuOf = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const before = process.cpuUsage()
    return Effect.map(effect, () => {
      const { system, user } = process.cpuUsage(before)
      return system + user
    })
  })
