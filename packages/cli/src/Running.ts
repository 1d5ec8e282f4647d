/** Runs what the words of a command line say. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type { Run } from "./Command.js"
import type * as CommandLine from "./CommandLine.js"
import * as Failure from "./Failure.js"
import type * as Options from "./Options.js"
import * as Report from "./Report.js"

const levels: Readonly<Record<Options.LogLevel, LogLevel.LogLevel>> = {
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

/** Fails after it has said why. `words` say whether the reason is a document. */
export const run = (parsed: CommandLine.Parsed, words: ReadonlyArray<string>): Run => {
  switch (parsed._tag) {
    case "print":
      return Console.log(parsed.text)
    case "wrong":
      return Report.fail(new Failure.UsageError({ message: parsed.message }), { json: isJson(words) })
    case "run":
      return Logger.withMinimumLogLevel(Effect.flatten(Effect.promise(parsed.load)), levels[parsed.logLevel])
  }
}
