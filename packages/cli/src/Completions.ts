/** Completes words for a shell. The scripts for the shells are made by `@pnpm/tabtab` at build time. */
import { type Command, type Given, optionsOf, wordsOf } from "./Command.js"

/** The word that lets a shell complete names of files. */
const files = "__tabtab_complete_files__"

type Candidate = { readonly name: string; readonly description?: string }

/** The line of a candidate, as the script of the shell reads it. */
const lineOf = (shell: string) => ({ description, name }: Candidate): string => {
  if (shell.endsWith("bash") || description === undefined) return name
  return shell.endsWith("zsh") ? `${name}:${description.replaceAll(":", "\\:")}` : `${name}\t${description}`
}

const choicesOf = ({ kind }: Given): ReadonlyArray<Candidate> =>
  (kind?.isFile === true ? [files] : kind?.choices ?? []).map((name) => ({ name }))

/** Returns the option of the command that takes the next word as its value. */
const optionBefore = (command: Command, word: string | undefined) =>
  optionsOf(command).find(({ key, kind }) => key === word && kind !== undefined)

/** Returns what may follow these words. */
const candidates = (words: ReadonlyArray<string>, root: Command): ReadonlyArray<Candidate> => {
  const next = (at: Command, word: string, n: number) =>
    optionBefore(at, words[n - 1]) ? at : at.commands.find(({ name }) => name === word) ?? at
  const found = words.reduce(next, root)
  const option = optionBefore(found, words.at(-1))
  const options = optionsOf(found).map(({ description, key }) => ({ name: key, description }))
  return option
    ? choicesOf(option)
    : [...found.commands, ...wordsOf(found).flatMap(choicesOf), ...options, { name: "--help" }]
}

/** Answers the script of a shell, which gives the line and the place of the cursor by variables. */
export const answer = (root: Command, { COMP_LINE = "", COMP_POINT, SHELL = "" }: NodeJS.ProcessEnv): string => {
  const words = COMP_LINE.slice(0, Number(COMP_POINT ?? Infinity)).split(" ")
  const partial = words.pop() ?? ""
  const found = candidates(words, root)
    .filter(({ name }) => name === files ? !partial.startsWith("-") : name.startsWith(partial))
  return found.map(lineOf(SHELL)).join("\n")
}
