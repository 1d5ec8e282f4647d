/** What the words of a command line make the program do. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { Run } from "./Command.js"
import * as CommandLine from "./CommandLine.js"
import { commands } from "./Commands.js"
import * as Completions from "./Completions.js"
import * as Failure from "./Failure.js"
import * as Report from "./Report.js"

declare const __VERSION__: string

export interface Program {
  /** Fails after it has said why. */
  readonly run: Run
  /** `true`: a signal is the way in which the program should end. */
  readonly isService: boolean
}

const levels: Readonly<Record<CommandLine.LogLevel, LogLevel.LogLevel>> = {
  all: LogLevel.All,
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warning: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  none: LogLevel.None
}

const isJson = (words: ReadonlyArray<string>) => words.some((word) => /^--json(=|$)/.test(word))

export const make = (words: ReadonlyArray<string>): Program => {
  if (words[0] === "completion-server") {
    return { run: Console.log(Completions.answer(commands, process.env)), isService: false }
  }
  const parsed = CommandLine.parse(words, commands, __VERSION__)
  switch (parsed._tag) {
    case "print":
      return { run: Console.log(parsed.text), isService: false }
    case "wrong":
      return {
        run: Report.fail(new Failure.UsageError({ message: parsed.message }), { json: isJson(words) }),
        isService: false
      }
    case "run": {
      const { command: { isService }, effect, logLevel } = parsed
      return {
        run: logLevel === undefined ? effect : Effect.asVoid(Logger.withMinimumLogLevel(effect, levels[logLevel])),
        isService
      }
    }
  }
}
