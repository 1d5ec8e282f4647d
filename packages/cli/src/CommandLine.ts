/** Reads the words of a command line by `commander`, and writes the help. */
import * as Commander from "commander"
import type { Command, Run } from "./Command.js"
import * as Help from "./Help.js"
import type { Input, Inputs } from "./Input.js"

/** The log levels of Effect, as `--log-level` has them. */
export const logLevels = ["all", "trace", "debug", "info", "warning", "error", "fatal", "none"] as const

export type LogLevel = typeof logLevels[number]

/** `run`: the command to run. `print`: the help or the version. `wrong`: what is wrong with the words. */
export type Parsed =
  | {
    readonly _tag: "run"
    readonly command: Command
    readonly load: () => Promise<Run>
    readonly logLevel: LogLevel | undefined
  }
  | { readonly _tag: "print"; readonly text: string }
  | { readonly _tag: "wrong"; readonly message: string }

/** Returns `retry-for` for `retryFor`. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Collects the texts of an input. The last one counts unless the input may be repeated. */
const reader = ({ isRepeated, kind }: Input<unknown>) => (text: string, before: ReadonlyArray<unknown> | undefined) => {
  const value = kind?.read(text)
  if (value === undefined) throw new Commander.InvalidArgumentError(`It ${kind?.must}.`)
  return isRepeated ? [...before ?? [], value] : [value]
}

const optionOf = (name: string, input: Input<unknown>): Commander.Option => {
  const { description, isRequired, kind } = input
  const flag = `--${flagOf(name)}`
  return kind === undefined
    ? new Commander.Option(flag, description)
    : new Commander.Option(`${flag} <${kind.placeholder}>`, description)
      .makeOptionMandatory(isRequired)
      .argParser(reader(input))
}

const argumentOf = (input: Input<unknown>): Commander.Argument => {
  const { description, isRepeated, isRequired, kind } = input
  const name = `${kind?.placeholder}${isRepeated ? "..." : ""}`
  return new Commander.Argument(isRequired ? `<${name}>` : `[${name}]`, description).argParser(reader(input))
}

/** Returns the value of each input. `given` has nothing, `true`, or the list of `reader` for it. */
const valuesOf = (inputs: Inputs, given: (name: string, index: number) => unknown) =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, input], index) => [name, input.of([given(name, index) ?? []].flat())])
  )

const logLevelOption = () =>
  new Commander.Option("--log-level <level>", "How much of the log to show.").choices(logLevels)

/** Throws for a word that is no command behind this one, or for the lack of a word. */
const throwNoCommand = ({ commands, name }: Command, word = "no word"): never => {
  const names = commands.map(({ name }) => name).join(", ")
  throw new Commander.CommanderError(2, "commander.unknownCommand", `unknown command '${word}': ${name} has ${names}`)
}

/** Adds the command, and the commands behind it. */
const add = (parent: Commander.Command, command: Command, onRun: (parsed: Parsed) => void): void => {
  const { args, commands, description, examples, name, options, run } = command
  const made = parent.command(name)
    .description(description)
    .addHelpText("after", Help.examples(examples))
  for (const [name, input] of Object.entries(options)) made.addOption(optionOf(name, input))
  made.addOption(logLevelOption())
  for (const input of Object.values(args)) made.addArgument(argumentOf(input))
  for (const inner of commands) add(made, inner, onRun)
  // The action says which commands there are.
  if (commands.length > 0) made.allowExcessArguments()
  made.action(() => {
    if (run === undefined || (commands.length > 0 && made.args.length > 0)) return throwNoCommand(command, made.args[0])
    const values = {
      ...valuesOf(options, (name) => made.getOptionValue(name)),
      ...valuesOf(args, (_, index) => made.processedArgs[index])
    }
    const { logLevel } = made.optsWithGlobals<{ readonly logLevel?: LogLevel }>()
    onRun({ _tag: "run", command, load: () => run(values as never), logLevel })
  })
}

/** Says what is wrong. Leaves out the value behind `=` of an option that takes none, because the value may be a secret. */
const sentenceOf = ({ code, message }: Commander.CommanderError): string => {
  const sentence = message.replace(/^error: /, "").replaceAll(/\n\(?/g, " (").trim()
  if (code === "commander.unknownCommand") return `${sentence}; see feishu-ticket --help`
  if (code !== "commander.unknownOption" || !sentence.includes("=")) return sentence
  return sentence.replace(/=.*/s, "' (or the option takes no value)")
}

/** Turns `help serve` into `serve --help`, and lets the help of a command that does not exist be an error. */
const withHelpBehind = (words: ReadonlyArray<string>, commands: ReadonlyArray<Command>): ReadonlyArray<string> => {
  const all = words[0] === "help" ? [...words.filter((word) => word !== "help"), "--help"] : words
  const [first = "-"] = all
  return first.startsWith("-") || commands.some(({ name }) => name === first) ? all : [first]
}

export const parse = (
  words: ReadonlyArray<string>,
  commands: ReadonlyArray<Command>,
  version: string
): Parsed => {
  let out = ""
  let parsed: Parsed | undefined
  const program = new Commander.Command("feishu-ticket")
    .description(Help.description)
    .version(version, "-v, --version", "Show the version.")
    .addOption(logLevelOption())
    // `--json` behind `emulator push` is not an option of `emulator`.
    .enablePositionalOptions()
    .helpOption("-h, --help", "Show this help.")
    .helpCommand("help [command]", "Show the help of a command.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (out += text), writeErr: () => {} })
    .addHelpText("after", Help.ofAll)
  for (const command of commands) {
    add(program, command, (run) => void (parsed = run))
  }
  try {
    if (words.length === 0) program.outputHelp()
    else program.parse(withHelpBehind(words, commands), { from: "user" })
  } catch (error) {
    if (!(error instanceof Commander.CommanderError)) throw error
    if (error.exitCode !== 0) return { _tag: "wrong", message: sentenceOf(error) }
  }
  return parsed ?? { _tag: "print", text: out.replace(/\n$/, "") }
}
