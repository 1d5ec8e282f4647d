/** Faults, in one process and between processes. */
import type * as Effect from "effect/Effect"
import type { Section } from "../report/Section.js"
import * as Faults from "./faults.js"
import * as InProcess from "./inProcess.js"

export interface Options {
  readonly isQuick: boolean
  /** Names of faults, which happen together. Default: each alone, and each pair. */
  readonly faults: ReadonlyArray<string> | undefined
  readonly first: number
  /** Seeds for each combination. Default: 500, and 1 if `isQuick`. */
  readonly runs: number | undefined
}

export const sections = (
  { faults, first, isQuick, runs = isQuick ? 1 : 500 }: Options
): Readonly<Record<string, Effect.Effect<Section, unknown>>> => {
  const unknown = faults?.find((name) => !Faults.isName(name))
  if (unknown !== undefined) throw new Error(`there is no fault ${unknown}: ${Faults.names.join(", ")}`)
  return {
    "in-process": InProcess.section({ faults: faults?.filter(Faults.isName), first, runs })
  }
}
