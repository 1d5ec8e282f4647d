/**
 * What is wrong with a command line, in words that help. `@effect/cli` takes the first word that it does not know for an
 * "unknown argument", whatever it is.
 */
import * as Either from "effect/Either"

export interface Known {
  readonly name: string
  /** As its help has them: `--json`, `--port number`, `--domain feishu | lark`, `--tenant key...`. */
  readonly options: ReadonlyArray<string>
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

const checkOptions = (command: Known, words: ReadonlyArray<string>): string | undefined => {
  const options = [...command.options.map(parse), ...common]
  const optionOf = (word: string) => options.find(({ name }) => name === word)
  const seen = new Set<Option>()
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ""
    // Not repeated, for it may be a secret.
    if (!/^--?[a-z]/i.test(word)) {
      return `${command.name} takes options only, and no other words: feishu-ticket ${command.name} --help shows them`
    }
    const [name = "", value] = word.split(/=(.*)/s, 2)
    const option = optionOf(name)
    if (option === undefined) {
      const suggestion = didYouMean(name, options.map(({ name }) => name))
        ?? `feishu-ticket ${command.name} --help shows what it has`
      return `${command.name} has no option ${name}: ${suggestion}`
    }
    if (seen.has(option) && !option.isRepeated) return `${name} is given twice`
    seen.add(option)
    const next = words[i + 1]
    if (!option.takesValue) {
      // The wizard writes `--json true`.
      if (value === undefined && next !== undefined && /^(true|false)$/.test(next)) i++
      if (value !== undefined && !/^(true|false)$/.test(value)) return `${name} takes no value`
      continue
    }
    if (value === undefined) i++
    const given = value ?? next
    if (given === undefined || (value === undefined && optionOf(given.split("=")[0] ?? "") !== undefined)) {
      return `${name} needs a value`
    }
    if (given === "") return `${name} is empty: give it a value, or leave it out`
    if (option.choices.length > 0 && !option.choices.includes(given)) return `${name} is ${either(option.choices)}`
  }
  return undefined
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

/** The log level, and the command with its options, or what is wrong with them. */
export const check = (
  words: ReadonlyArray<string>,
  commands: ReadonlyArray<Known>
): Either.Either<{ readonly logLevel: ReadonlyArray<string>; readonly command: ReadonlyArray<string> }, string> => {
  const { logLevel, others: [first = "", ...others] } = splitLogLevel(words)
  const names = commands.map(({ name }) => name)
  const command = commands.find(({ name }) => name === first)
  if (command === undefined) {
    const later = others.find((word) => names.includes(word))
    return Either.left(
      later !== undefined && first.startsWith("-")
        ? `options stand behind the command: feishu-ticket ${later} ${first.split("=")[0]}`
        : first.startsWith("-") || first === ""
        ? `the first word is a command: ${either(names)}`
        : `there is no command ${first}: ${didYouMean(first, names) ?? `there are ${both(names)}`}`
    )
  }
  const wrong = checkOptions(command, [...others, ...logLevel])
  return wrong === undefined ? Either.right({ logLevel, command: [first, ...others] }) : Either.left(wrong)
}
