/**
 * What is wrong with a command line, in words that help. `@effect/cli` takes the first word that it does not know for an
 * "unknown argument", whatever it is.
 */
import * as Either from "effect/Either"

export interface Known {
  /** The words by which the command is called: `emulator push`. */
  readonly name: string
  /** As its help has them: `--json`, `--port number`, `--domain feishu | lark`, `--tenant key...`. */
  readonly options: ReadonlyArray<string>
  /** The words that follow, as its help has them: `<EVENT>`, `<KEY> 1+`. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** `true`: the command does nothing without a further word. */
  readonly isGroup?: boolean
}

interface Option {
  readonly name: string
  readonly takesValue: boolean
  readonly choices: ReadonlyArray<string>
  readonly isRepeated: boolean
}

const parse = (text: string): Option => {
  const [, name = text, value = ""] = /^(\S+) ?(.*)$/.exec(text) ?? []
  return {
    name,
    takesValue: value !== "",
    choices: value.includes(" | ") ? value.split(" | ") : [],
    isRepeated: value.endsWith("...")
  }
}

/** How many letters have to be changed, added or left out. */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

const didYouMean = (word: string, known: ReadonlyArray<string>): string | undefined => {
  const lower = word.toLowerCase()
  const [nearest] = known
    .map((name) => ({ name, far: name.startsWith(lower) ? 0 : distance(lower, name) }))
    .filter(({ far, name }) => far <= Math.max(1, Math.floor(name.length / 4)))
    .toSorted((a, b) => a.far - b.far)
  return nearest === undefined ? undefined : `did you mean ${nearest.name}?`
}

const list = (word: string) => (words: ReadonlyArray<string>) => words.join(", ").replace(/, ([^,]*)$/, ` ${word} $1`)
const either = list("or")
const both = list("and")

export const logLevels = ["all", "trace", "debug", "info", "warning", "error", "fatal", "none"]

/** Options that any command has, and that may stand before it. */
const common: ReadonlyArray<Option> = [
  { name: "--log-level", takesValue: true, choices: logLevels, isRepeated: false },
  { name: "--wizard", takesValue: false, choices: [], isRepeated: false }
]

/** Returns the last words of the commands that begin with the words of `command`. */
const subcommandsOf = (command: string, names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.flatMap((name) => {
    const rest = name.startsWith(`${command} `) ? name.slice(command.length + 1) : ""
    return rest === "" || rest.includes(" ") ? [] : [rest]
  })

/** Says what is wrong with a word that is no option. Never repeats the word, which may be a secret. */
const flawOfArgument = (
  { args = [], name }: Known,
  word: string,
  { before, names, option }: {
    readonly before: number
    /** The first option before the word. */
    readonly option: string | undefined
    readonly names: ReadonlyArray<string>
  }
): string | undefined => {
  if (args.length > 0 && word.length > 1 && word.startsWith("-")) {
    return `${name} takes no word that begins with -: feishu-ticket ${name} --help shows what it takes`
  }
  if (before < args.length || args.at(-1)?.endsWith("+") === true) return undefined
  const subcommands = subcommandsOf(name, names)
  if (subcommands.includes(word) && option !== undefined) {
    return `options stand behind the command: feishu-ticket ${name} ${word} ${option.split("=")[0]}`
  }
  if (subcommands.length > 0) {
    return `there is no such command of ${name}: ${didYouMean(word, subcommands) ?? `there are ${both(subcommands)}`}`
  }
  return args.length > 0
    ? `${name} takes no word behind ${
      args.at(-1)?.replace(/^<|>$/g, "")
    }: feishu-ticket ${name} --help shows what it takes`
    : `${name} takes options only, and no other words: feishu-ticket ${name} --help shows them`
}

/** Sorts the words behind a command, or says what is wrong with them. */
const sort = (
  command: Known,
  words: ReadonlyArray<string>,
  names: ReadonlyArray<string>
): Either.Either<{ readonly options: ReadonlyArray<string>; readonly args: ReadonlyArray<string> }, string> => {
  const known = [...command.options.map(parse), ...common]
  const optionOf = (word: string) => known.find(({ name }) => name === word)
  const seen = new Set<Option>()
  const options: Array<string> = []
  const args: Array<string> = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ""
    if (!/^--?[a-z]/i.test(word)) {
      const flaw = flawOfArgument(command, word, { before: args.length, option: options[0], names })
      if (flaw !== undefined) return Either.left(flaw)
      args.push(word)
      continue
    }
    const [name = "", value] = word.split(/=(.*)/s, 2)
    const option = optionOf(name)
    if (option === undefined) {
      const suggestion = didYouMean(name, known.map(({ name }) => name))
        ?? `feishu-ticket ${command.name} --help shows what it has`
      return Either.left(`${command.name} has no option ${name}: ${suggestion}`)
    }
    if (seen.has(option) && !option.isRepeated) return Either.left(`${name} is given twice`)
    seen.add(option)
    options.push(word)
    const next = words[i + 1]
    if (!option.takesValue) {
      // The wizard writes `--json true`.
      if (value === undefined && next !== undefined && /^(true|false)$/.test(next)) options.push(words[++i] ?? "")
      if (value !== undefined && !/^(true|false)$/.test(value)) return Either.left(`${name} takes no value`)
      continue
    }
    const given = value ?? next
    if (value === undefined) i++
    if (given === undefined || (value === undefined && optionOf(given.split("=")[0] ?? "") !== undefined)) {
      return Either.left(`${name} needs a value`)
    }
    if (value === undefined) options.push(given)
    if (given === "") return Either.left(`${name} is empty: give it a value, or leave it out`)
    if (option.choices.length > 0 && !option.choices.includes(given)) {
      return Either.left(`${name} is ${either(option.choices)}`)
    }
  }
  return Either.right({ options, args })
}

/** `@effect/cli` knows the log level only before the command. */
const splitLogLevel = (words: ReadonlyArray<string>) => {
  const logLevel: Array<string> = []
  const others: Array<string> = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ""
    if (word === "--log-level") logLevel.push(...words.slice(i, ++i + 1))
    else (word.startsWith("--log-level=") ? logLevel : others).push(word)
  }
  return { logLevel, others }
}

/** Returns the command that the first words name: the longest name counts. */
const find = (words: ReadonlyArray<string>, commands: ReadonlyArray<Known>): Known | undefined =>
  commands
    .filter(({ name }) => name.split(" ").every((part, i) => words[i] === part))
    .toSorted((a, b) => b.name.length - a.name.length)[0]

export interface Checked {
  /** The words by which the command is called. */
  readonly name: string
  readonly logLevel: ReadonlyArray<string>
  /** The command with its options, and the other words behind them, as `@effect/cli` wants it. */
  readonly command: ReadonlyArray<string>
}

/** The log level, and the command with its options, or what is wrong with them. */
export const check = (words: ReadonlyArray<string>, commands: ReadonlyArray<Known>): Either.Either<Checked, string> => {
  const { logLevel, others: all } = splitLogLevel(words)
  const [first = "", ...others] = all
  const names = commands.map(({ name }) => name)
  const firstNames = names.filter((name) => !name.includes(" "))
  const command = find(all, commands)
  if (command === undefined) {
    const later = others.find((word) => firstNames.includes(word))
    return Either.left(
      later !== undefined && first.startsWith("-")
        ? `options stand behind the command: feishu-ticket ${later} ${first.split("=")[0]}`
        : first.startsWith("-") || first === ""
        ? `the first word is a command: ${either(firstNames)}`
        : `there is no command ${first}: ${didYouMean(first, firstNames) ?? `there are ${both(firstNames)}`}`
    )
  }
  const { name } = command
  const path = name.split(" ")
  const [next = "-"] = all.slice(path.length)
  if (command.isGroup === true && next.startsWith("-")) {
    return Either.left(`${name} needs a further word: ${either(subcommandsOf(name, names))}`)
  }
  const sorted = sort(command, [...all.slice(path.length), ...logLevel], names)
  if (Either.isLeft(sorted)) return Either.left(sorted.left)
  const { args, options } = sorted.right
  // The log level was sorted with the options.
  const own = options.slice(0, options.length - logLevel.length)
  return Either.right({ name, logLevel, command: [...path, ...own, ...args] })
}
