/** The words after the name of a command. */
import { parseArgs } from "node:util"

/** The command line is wrong. The message says what there is. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

const options = {
  /** Shorter, and less exact. */
  quick: { type: "boolean", default: false },
  /** The sections to run, with commas between. */
  only: { type: "string" },
  /** A file to write everything to, as JSON. */
  json: { type: "string" },
  /** Writes the results and the plots to the repository. */
  write: { type: "boolean", default: false },
  /** Names of faults, with commas between. */
  faults: { type: "string" },
  /** The first seed. */
  first: { type: "string", default: "0" },
  /** How many inputs, or seeds. */
  runs: { type: "string" }
} as const

export interface CommandLine {
  readonly isQuick: boolean
  readonly only: ReadonlyArray<string> | undefined
  readonly json: string | undefined
  readonly write: boolean
  readonly faults: ReadonlyArray<string> | undefined
  readonly first: number
  readonly runs: number | undefined
}

const read = (words: ReadonlyArray<string>) => {
  try {
    return parseArgs({ args: [...words], options }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const list = (text: string | undefined) => text?.split(",").filter((name) => name !== "")

/** A command that ran nothing because of a wrong number would say that all claims hold. */
const number = (option: string, text: string, least: number): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== "") return value
  throw new UsageError(`--${option} needs a whole number from ${least} on, and not ${text}`)
}

/** Throws a `UsageError`. */
export const parse = (words: ReadonlyArray<string>): CommandLine => {
  const { faults, first, json, only, quick, runs, write } = read(words)
  return {
    isQuick: quick,
    only: list(only),
    json,
    write,
    faults: list(faults),
    first: number("first", first, 0),
    runs: runs === undefined ? undefined : number("runs", runs, 1)
  }
}

/** Returns the sections with these names, or all. Throws a `UsageError` for a name that no section has. */
export const pick = <A>(
  command: string,
  sections: Readonly<Record<string, A>>,
  only: ReadonlyArray<string> | undefined
): Readonly<Record<string, A>> => {
  const names = Object.keys(sections)
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new UsageError(`there is no ${unknown}: ${command} has ${names.join(", ")}`)
  return Object.fromEntries(Object.entries(sections).filter(([name]) => only?.includes(name) ?? true))
}
