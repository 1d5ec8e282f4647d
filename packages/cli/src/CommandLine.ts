/** Reads the words of a command line by `commander`, and writes the help. */
import * as Commander from "commander"
import { type Command, type Given, optionsOf, type Run, wordsOf } from "./Command.js"
import { meanings } from "./ExitCode.js"
import * as Help from "./Help.js"
import type { LogLevel } from "./Options.js"
import { variables } from "./VariableNames.js"

/** `run`: the command to run. `print`: the help or the version. `wrong`: what is wrong with the words. */
export type Parsed =
  | { readonly _tag: "run"; readonly command: Command; readonly load: () => Promise<Run>; readonly logLevel: LogLevel }
  | { readonly _tag: "print"; readonly text: string }
  | { readonly _tag: "wrong"; readonly message: string }

/** The values of the options and words that were given, by their keys. */
type Values = Map<string, ReadonlyArray<unknown>>

/** Reads a value and keeps it. The last value counts unless the input may be repeated. */
const reader = ({ isRepeated, key, kind }: Given, values: Values) => (text: string) => {
  const value = kind === undefined ? true : kind.read(text)
  if (value === undefined) throw new Commander.InvalidArgumentError(`It ${kind?.must}.`)
  values.set(key, isRepeated ? [...values.get(key) ?? [], value] : [value])
}

/** Refuses the first word behind the command, which is no command, or the lack of a word. */
const refuse = (command: Commander.Command): never => {
  const [word] = command.args
  const what = word === undefined ? "missing command" : `unknown command '${word}'`
  return command.error(`${what}: ${command.name()} has ${command.commands.map((inner) => inner.name()).join(", ")}`)
}

/** `commander` prints help also before a word that is no command. */
const refuseUnknown = ({ command, error }: Commander.AddHelpTextContext): string =>
  command.commands.length > 0 && (error || command.args[0]?.startsWith("-") === false) ? refuse(command) : ""

/** Describes the command, and the commands behind it, to `commander`. */
const describe = (made: Commander.Command, command: Command, values: Values, onRun: (parsed: Parsed) => void): void => {
  const { commands, run } = command
  const [options, words] = [optionsOf(command), wordsOf(command)]
  made.description(command.description).allowExcessArguments(commands.length > 0)
    .addHelpText("after", ["\nExamples:", ...command.examples.map((line) => `  $ feishu-ticket ${line}`)].join("\n"))
  for (const option of options) {
    made[option.isRequired ? "requiredOption" : "option"](option.syntax, option.description, reader(option, values))
  }
  for (const word of words) made.argument(word.syntax, word.description, reader(word, values))
  for (const inner of commands) describe(made.command(inner.name), inner, values, onRun)
  if (commands.length > 0) {
    made.command("help [command...]").description("Show the help of a command.").helpOption(false).allowUnknownOption()
      .action((words: ReadonlyArray<string>) => void made.parse([...words, "--help"], { from: "user" }))
  }
  // Without an action, `commander` says which command an unknown word may mean.
  if (made.parent === null) return
  made.action(() => {
    if (run === undefined || (commands.length > 0 && made.args.length > 0)) return refuse(made)
    // `emulator --port 4001 push`: an option of a command stands before a further word.
    const foreign = [...values.keys()].find((key) => key[0] === "-" && !options.some((option) => option.key === key))
    if (foreign !== undefined) return made.error(`unknown option '${foreign}' of ${made.name()}`)
    const read = [...options, ...words].map(({ key, name, of }) => [name, of(values.get(key) ?? [])])
    const { logLevel, ...others } = Object.fromEntries(read)
    onRun({ _tag: "run", command, load: () => run(others as never), logLevel })
  })
}

/** Says what is wrong. Leaves out the value behind `=` of an option that takes none, because the value may be a secret. */
const sentenceOf = ({ code, message }: Commander.CommanderError): string => {
  const sentence = message.replace(/^error: /, "").replaceAll(/\n\(?/g, " (").trim()
    .replace(/^unknown option ('[^=]*)=.*/s, "$1' is no option of this command, or takes no value")
  return code === "commander.unknownCommand" ? `${sentence}; see feishu-ticket --help` : sentence
}

export const parse = (words: ReadonlyArray<string>, root: Command, version: string): Parsed => {
  let out = ""
  let parsed: Parsed | undefined
  const program: Commander.Command = new Commander.Command(root.name)
    .version(version, "-v, --version", "Show the version.")
    // `--json` behind `emulator push` is not an option of `emulator`.
    .enablePositionalOptions()
    .helpOption("-h, --help", "Show this help.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (out += text), writeErr: () => {} })
    .addHelpText("beforeAll", refuseUnknown)
    .addHelpText("after", () => Help.table(program, "Variables, also from a file that --dotenv names:", variables))
    .addHelpText("after", () => Help.table(program, "Exit codes:", meanings))
  describe(program, root, new Map(), (run) => void (parsed = run))
  try {
    program.parse(words.length === 0 ? ["--help"] : words, { from: "user" })
  } catch (error) {
    if (!(error instanceof Commander.CommanderError)) throw error
    if (error.exitCode !== 0) return { _tag: "wrong", message: sentenceOf(error) }
  }
  return parsed ?? { _tag: "print", text: out.trimEnd() }
}
