/** Reads the words of a command line by `commander`, and writes the help. */
import * as Commander from "commander"
import type { Command, Run } from "./Command.js"
import * as Help from "./Help.js"
import type { Input, Inputs } from "./Input.js"
import { everywhere, type LogLevel } from "./Options.js"

/** `run`: the command to run. `print`: the help or the version. `wrong`: what is wrong with the words. */
export type Parsed =
  | { readonly _tag: "run"; readonly command: Command; readonly load: () => Promise<Run>; readonly logLevel: LogLevel }
  | { readonly _tag: "print"; readonly text: string }
  | { readonly _tag: "wrong"; readonly message: string }

/** Returns `retry-for` for `retryFor`. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Collects the values of an input. The last one counts unless the input may be repeated. */
const reader = ({ isRepeated, kind }: Input<unknown>) => (text: string, before: ReadonlyArray<unknown> = []) => {
  const value = kind === undefined ? true : kind.read(text)
  if (value === undefined) throw new Commander.InvalidArgumentError(`It ${kind?.must}.`)
  return isRepeated ? [...before, value] : [value]
}

/** Refuses the first word, which is no command behind `command`. If `error`, refuses an option and the lack of a word, too. */
const refuse = ({ command, error }: Commander.AddHelpTextContext): string => {
  const [word] = command.args
  if (command.commands.length === 0 || (!error && word?.startsWith("-") !== false)) return ""
  const what = word === undefined ? "missing command" : `unknown command '${word}'`
  return command.error(`${what}: ${command.name()} has ${command.commands.map((inner) => inner.name()).join(", ")}`)
}

/** Describes the command, and the commands behind it, to `commander`. */
const describe = (made: Commander.Command, command: Command, onRun: (parsed: Parsed) => void): void => {
  const { args, commands, description, examples, run } = command
  const options: Inputs = { ...command.options, ...everywhere }
  made.description(description).addHelpText("after", Help.examples(examples)).allowExcessArguments(commands.length > 0)
  for (const [name, input] of Object.entries(options)) {
    const flags = `--${flagOf(name)}${input.kind === undefined ? "" : ` <${input.kind.placeholder}>`}`
    made[input.isRequired ? "requiredOption" : "option"](flags, input.description, reader(input))
  }
  for (const input of Object.values(args)) {
    const word = `${input.kind?.placeholder}${input.isRepeated ? "..." : ""}`
    made.argument(input.isRequired ? `<${word}>` : `[${word}]`, input.description, reader(input))
  }
  for (const inner of commands) describe(made.command(inner.name), inner, onRun)
  if (commands.length > 0) {
    made.command("help [command...]").description("Show the help of a command.").helpOption(false).allowUnknownOption()
      .action((words: ReadonlyArray<string>) => void made.parse([...words, "--help"], { from: "user" }))
  }
  // Without an action, `commander` says which command an unknown word may mean.
  if (made.parent === null) return
  made.action(() => {
    if (run === undefined || (commands.length > 0 && made.args.length > 0)) {
      return void refuse({ command: made, error: true })
    }
    const words = Object.fromEntries(Object.keys(args).map((name, index) => [name, made.processedArgs[index]]))
    const given: Record<string, ReadonlyArray<unknown>> = { ...made.optsWithGlobals(), ...made.opts(), ...words }
    const valueOf = ([name, input]: readonly [string, Input<unknown>]) => [name, input.of(given[name] ?? [])]
    const { logLevel, ...values } = Object.fromEntries(Object.entries({ ...options, ...args }).map(valueOf))
    onRun({ _tag: "run", command, load: () => run(values as never), logLevel })
  })
}

/** Says what is wrong. Leaves out the value behind `=` of an option that takes none, because the value may be a secret. */
const sentenceOf = ({ code, message }: Commander.CommanderError): string => {
  const sentence = message.replace(/^error: /, "").replaceAll(/\n\(?/g, " (").trim()
    .replace(/^(unknown option '[^=]*)=.*/s, "$1' (or the option takes no value)")
  return code === "commander.unknownCommand" ? `${sentence}; see feishu-ticket --help` : sentence
}

export const parse = (words: ReadonlyArray<string>, root: Command, version: string): Parsed => {
  let out = ""
  let parsed: Parsed | undefined
  const program = new Commander.Command(root.name)
    .version(version, "-v, --version", "Show the version.")
    // `--json` behind `emulator push` is not an option of `emulator`.
    .enablePositionalOptions()
    .helpOption("-h, --help", "Show this help.")
    .exitOverride()
    .configureOutput({ writeOut: (text) => void (out += text), writeErr: () => {} })
    // `commander` prints help also before a word that is no command.
    .addHelpText("beforeAll", refuse)
    .addHelpText("after", ({ command }) => Help.tables(command))
  describe(program, root, (run) => void (parsed = run))
  try {
    program.parse(words.length === 0 ? ["--help"] : words, { from: "user" })
  } catch (error) {
    if (!(error instanceof Commander.CommanderError)) throw error
    if (error.exitCode !== 0) return { _tag: "wrong", message: sentenceOf(error) }
  }
  return parsed ?? { _tag: "print", text: out.trimEnd() }
}
