/** The record of a command, from which help, completions, the table of the README and tests derive. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import type * as Effect from "effect/Effect"
import type { Failed } from "./Failed.js"
import { flagOf, type Input, type Inputs, type Values } from "./Input.js"
import { everywhere } from "./Options.js"
import type { Output } from "./Output.js"

/** The services that a command may use. */
export type Environment = Output | FileSystem.FileSystem | Path.Path

export type Run = Effect.Effect<void, Failed, Environment>

export interface Command {
  readonly name: string
  readonly description: string
  /** The words behind the command, in their order. */
  readonly args: Inputs
  readonly options: Inputs
  readonly examples: ReadonlyArray<string>
  /** `true`: the command runs until a signal ends it. */
  readonly isService: boolean
  /** `true`: the command goes on after the reader of standard output has closed the pipe. */
  readonly outlivesReader: boolean
  /** `undefined`: the command does nothing without a further word. */
  readonly run: ((values: never) => Promise<Run>) | undefined
  readonly commands: ReadonlyArray<Command>
}

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
type None = {}

interface Definition<Args extends Inputs, Options extends Inputs> {
  readonly description: string
  readonly args?: Args
  readonly options?: Options
  readonly examples: ReadonlyArray<string>
  readonly isService?: boolean
  readonly outlivesReader?: boolean
  /** Loads the code of the command, which takes time, when the command runs. */
  readonly load: () => Promise<{ readonly run: (values: Values<NoInfer<Args>> & Values<NoInfer<Options>>) => Run }>
  readonly commands?: ReadonlyArray<Command>
}

export const make = <Args extends Inputs = None, Options extends Inputs = None>(
  name: string,
  { args, load, options, ...definition }: Definition<Args, Options>
): Command => ({
  isService: false,
  outlivesReader: false,
  commands: [],
  ...definition,
  name,
  args: args ?? {},
  options: options ?? {},
  run: async (values: Values<Args> & Values<Options>) => (await load()).run(values)
})

/** A command that does nothing without a further word. */
export const group = (
  name: string,
  { commands, description, examples }: Pick<Command, "description" | "examples" | "commands">
): Command => ({
  name,
  description,
  args: {},
  options: {},
  examples,
  isService: false,
  outlivesReader: false,
  run: undefined,
  commands
})

/** An option, or a word behind the command, as it is typed. */
export interface Given extends Input<unknown> {
  readonly name: string
  /** The flag of an option, or the name of a word. No other input of the command has the same key. */
  readonly key: string
  /** For example `--retry-for <duration>`, `<event>`, or `[key...]`. */
  readonly syntax: string
}

/** Returns the options of the command, with those that each command has. */
export const optionsOf = ({ options }: Command): ReadonlyArray<Given> =>
  Object.entries<Input<unknown>>({ ...options, ...everywhere }).map(([name, input]) => {
    const key = `--${flagOf(name)}`
    const syntax = input.kind === undefined ? key : `${key} <${input.kind.placeholder}>`
    return Object.assign({}, input, { name, key, syntax })
  })

/** Returns the words behind the command, in their order. */
export const wordsOf = ({ args }: Command): ReadonlyArray<Given> =>
  Object.entries(args).map(([name, input]) => {
    const shown = `${input.kind?.placeholder}${input.isRepeated ? "..." : ""}`
    return Object.assign({}, input, { name, key: name, syntax: input.isRequired ? `<${shown}>` : `[${shown}]` })
  })
