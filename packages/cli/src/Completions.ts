/** What a shell may offer behind the words that are typed. The scripts for the shells are made by `@pnpm/tabtab` at build time. */
import type { Command } from "./Command.js"
import { flagOf, logLevels } from "./CommandLine.js"
import type { Input } from "./Input.js"

export const shells = ["bash", "zsh", "fish", "pwsh"] as const

export type Shell = typeof shells[number]

/** The word that lets a shell complete names of files. */
const files = "__tabtab_complete_files__"

interface Candidate {
  readonly name: string
  readonly description: string
}

/** Walks down the commands that the words name. */
const commandOf = (words: ReadonlyArray<string>, commands: ReadonlyArray<Command>) => {
  let found: Command | undefined
  let below = commands
  for (const word of words) {
    const next = below.find(({ name }) => name === word)
    if (next !== undefined) [found, below] = [next, next.commands]
  }
  return { found, below }
}

const choicesOf = ({ description, kind }: Input<unknown>): ReadonlyArray<Candidate> =>
  kind?.isFile === true
    ? [{ name: files, description: "" }]
    : (kind?.choices ?? []).map((name) => ({ name, description }))

/** `before`: the words before the word that is completed, from the name of the program on. */
export const candidates = (
  before: ReadonlyArray<string>,
  commands: ReadonlyArray<Command>
): ReadonlyArray<Candidate> => {
  const { below, found } = commandOf(before.slice(1), commands)
  const last = before.at(-1)
  if (last === "--log-level") return logLevels.map((name) => ({ name, description: "" }))
  const options = Object.entries(found?.options ?? {}).map(([name, input]) => ({ name: `--${flagOf(name)}`, input }))
  const option = options.find(({ input, name }) => name === last && input.kind !== undefined)
  if (option !== undefined) return choicesOf(option.input)
  return [
    ...below.map(({ description, name }) => ({ name, description })),
    ...Object.values(found?.args ?? {}).flatMap(choicesOf),
    ...options.map(({ input, name }) => ({ name, description: input.description }))
  ]
}

/** The line of a candidate, as the script of the shell reads it. */
const lineOf = (shell: Shell) => ({ description, name }: Candidate): string => {
  if (shell === "bash" || description === "") return name
  return shell === "zsh" ? `${name}:${description.replaceAll(":", "\\:")}` : `${name}\t${description}`
}

/** Answers the script of a shell, which says by variables where the cursor is. */
export const answer = (
  words: ReadonlyArray<string>,
  commands: ReadonlyArray<Command>,
  env: Readonly<Record<string, string | undefined>>
): string => {
  const shell = shells.find((shell) => env["SHELL"]?.endsWith(shell)) ?? "bash"
  // PowerShell gives the line only.
  const typed = words.length > 0 ? words : (env["COMP_LINE"] ?? "").split(" ")
  const at = Number(env["COMP_CWORD"] ?? typed.length)
  const partial = typed[at] ?? ""
  return candidates(typed.slice(0, at), commands)
    .filter(({ name }) => name === files || name.startsWith(partial))
    .map(lineOf(shell))
    .join("\n")
}
