/** Faults, in one process and between processes. */
import type * as Effect from "effect/Effect"
import { UsageError } from "../commandLine.js"
import type { Section } from "../report/Section.js"
import * as Faults from "./faults.js"
import * as InProcess from "./inProcess.js"
import * as Processes from "./processes.js"

export interface Options {
  readonly isQuick: boolean
  /** Names of faults, which happen together. Default: each alone, and each pair. */
  readonly faults: ReadonlyArray<string> | undefined
  readonly first: number
  /** Seeds for each combination, by default 500; between processes seeds in all, by default 20. Default if `isQuick`: 1. */
  readonly runs: number | undefined
}

export const sections = (
  { faults, first, isQuick, runs }: Options
): Readonly<Record<string, Effect.Effect<Section, unknown>>> => {
  const unknown = faults?.find((name) => !Faults.isName(name))
  if (unknown !== undefined) throw new UsageError(`there is no fault ${unknown}: there are ${Faults.names.join(", ")}`)
  return {
    "in-process": InProcess.section({
      faults: faults?.filter(Faults.isName),
      first,
      runs: runs ?? (isQuick ? 1 : 500)
    }),
    "processes": Processes.section(first, runs ?? (isQuick ? 1 : 20))
  }
}
