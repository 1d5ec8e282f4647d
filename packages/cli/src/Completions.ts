/** Completes words for a shell. The scripts for the shells are made by `@pnpm/tabtab` at build time. */
import type { Command } from "./Command.js"
import { flagOf, logLevels } from "./CommandLine.js"
import type { Input } from "./Input.js"

export const shells = ["bash", "zsh", "fish", "pwsh"] as const

export type Shell = typeof shells[number]

/** The word that lets a shell complete names of files. */
const files = "__tabtab_complete_files__"

type Candidate = readonly [name: string, description?: string]

/** The line of a candidate, as the script of the shell reads it. */
const lineOf = (shell: string) => ([name, description]: Candidate): string => {
  if (shell.endsWith("bash") || description === undefined) return name
  return shell.endsWith("zsh") ? `${name}:${description.replaceAll(":", "\\:")}` : `${name}\t${description}`
}

const choicesOf = ({ kind }: Input<unknown>): ReadonlyArray<Candidate> =>
  kind?.isFile === true ? [[files]] : (kind?.choices ?? []).map((name) => [name])

/** Returns what may follow these words. A word that is being typed names no command yet. */
const candidates = (words: ReadonlyArray<string>, commands: ReadonlyArray<Command>): ReadonlyArray<Candidate> => {
  const last = words.at(-1)
  if (last === "--log-level") return logLevels.map((name) => [name])
  let found: Command | undefined
  for (const word of words) found = (found?.commands ?? commands).find(({ name }) => name === word) ?? found
  const options = Object.entries(found?.options ?? {}).map(([name, input]) => ({ name: `--${flagOf(name)}`, input }))
  const option = options.find(({ input, name }) => name === last && input.kind !== undefined)
  if (option !== undefined) return choicesOf(option.input)
  return [
    ...(found?.commands ?? commands).map(({ description, name }): Candidate => [name, description]),
    ...Object.values(found?.args ?? {}).flatMap(choicesOf),
    ...options.map(({ input, name }): Candidate => [name, input.description])
  ]
}

/** Answers the script of a shell, which gives the line and the place of the cursor by variables. */
export const answer = (
  commands: ReadonlyArray<Command>,
  { COMP_LINE = "", COMP_POINT = "Infinity", SHELL = "" }: Readonly<Record<string, string | undefined>>
): string => {
  const words = COMP_LINE.slice(0, Number(COMP_POINT)).split(" ")
  const partial = words.pop() ?? ""
  return candidates(words, commands)
    .filter(([name]) => name === files || name.startsWith(partial))
    .map(lineOf(SHELL))
    .join("\n")
}
