/** Completes words for a shell. The scripts for the shells are made by `@pnpm/tabtab` at build time. */
import type { Command } from "./Command.js"
import { flagOf, type Input, type Inputs } from "./Input.js"
import { everywhere } from "./Options.js"

/** The word that lets a shell complete names of files. */
const files = "__tabtab_complete_files__"

type Candidate = { readonly name: string; readonly description?: string }

/** The line of a candidate, as the script of the shell reads it. */
const lineOf = (shell: string) => ({ description, name }: Candidate): string => {
  if (shell.endsWith("bash") || description === undefined) return name
  return shell.endsWith("zsh") ? `${name}:${description.replaceAll(":", "\\:")}` : `${name}\t${description}`
}

const choicesOf = ({ kind }: Input<unknown>): ReadonlyArray<Candidate> =>
  (kind?.isFile === true ? [files] : kind?.choices ?? []).map((name) => ({ name }))

/** Returns what may follow these words. A word that is being typed names no command yet. */
const candidates = (words: ReadonlyArray<string>, root: Command): ReadonlyArray<Candidate> => {
  const found = words.reduce((found, word) => found.commands.find(({ name }) => name === word) ?? found, root)
  const inputs: Inputs = { ...found.options, ...everywhere }
  const options = Object.entries(inputs).map(([name, input]) => Object.assign({}, input, { name: `--${flagOf(name)}` }))
  const option = options.find(({ kind, name }) => name === words.at(-1) && kind !== undefined)
  return option === undefined
    ? [...found.commands, ...Object.values(found.args).flatMap(choicesOf), ...options]
    : choicesOf(option)
}

/** Answers the script of a shell, which gives the line and the place of the cursor by variables. */
export const answer = (root: Command, { COMP_LINE = "", COMP_POINT, SHELL = "" }: NodeJS.ProcessEnv): string => {
  const words = COMP_LINE.slice(0, Number(COMP_POINT ?? Infinity)).split(" ")
  const partial = words.pop() ?? ""
  const found = candidates(words, root).filter(({ name }) => name === files || name.startsWith(partial))
  return found.map(lineOf(SHELL)).join("\n")
}
