/** What is sent hostile input, and whether the time of a comparison tells a secret. */
import type * as Effect from "effect/Effect"
import * as Os from "node:os"
import type { Section } from "../report/Section.js"
import * as Finding from "./Finding.js"
import * as Timing from "./timing.js"

export interface Options {
  readonly isQuick: boolean
  /** The seed of the first input. */
  readonly first: number
  /** How many inputs. Default: a million, and ten thousand if `isQuick`. */
  readonly runs: number | undefined
}

export const sections = (
  { first, isQuick, runs = isQuick ? 10_000 : 1_000_000 }: Options
): Readonly<Record<string, Effect.Effect<Section, unknown>>> => {
  const processes = runs < 1000 ? 1 : Os.availableParallelism()
  return {
    "webhook": Finding.section({
      name: "webhook",
      title: "Changed deliveries through four doors",
      claim:
        "webhook: deliveries that crash or hang a door, that are accepted unsigned, or that the doors answer differently",
      first,
      runs,
      processes
    }),
    "answers": Finding.section({
      name: "answers",
      title: "Changed answers of the platform",
      claim: "answers: calls that crash or hang, that succeed without success, or that show a secret",
      first,
      runs: Math.ceil(runs / 5),
      processes
    }),
    "timing": Timing.section(isQuick)
  }
}
