/** Random choices that a seed repeats. */
import * as Utils from "effect/Utils"

export interface Dice {
  /** Returns a whole number from 0 to `below`, without `below`. */
  readonly below: (below: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(values: readonly [A, ...ReadonlyArray<A>]) => A
}

export const make = (seed: number): Dice => {
  const random = new Utils.PCGRandom(seed)
  const below = (below: number): number => below <= 1 ? 0 : random.integer(below)
  return {
    below,
    chance: (probability) => random.number() < probability,
    pick: (values) => values[below(values.length)] ?? values[0]
  }
}
