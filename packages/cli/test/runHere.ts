/**
 * The command within the test's own process, from the words that are typed to the words that are printed, at a tenth of a
 * process's cost: for the many cases. How the process behaves is tested with `feishuTicket.ts`.
 */
import { FileSystem } from "@effect/platform"
import { Cause, Console, Context, DefaultServices, Effect, Exit, identity, Logger, Option } from "effect"
import { Failed } from "../src/Failed.js"
import * as Output from "../src/Output.js"
import * as Program from "../src/Program.js"
import * as Running from "../src/Running.js"

Object.assign(globalThis, { __VERSION__: "0.0.0" })

export interface Options {
  readonly env?: Record<string, string>
}

const run = (words: ReadonlyArray<string>) => Running.run(Program.read(words), words)

/** Runs it to its end, with these variables, and a folder of its own for its state. */
export const runHere = (args: ReadonlyArray<string>, { env }: Options = {}) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const dotenv = `${folder}/.env`
    const variables = Object.entries({ XDG_STATE_HOME: `${folder}/state`, ...env })
    yield* fs.writeFileString(dotenv, variables.map(([name, value]) => `${name}="${value}"\n`).join(""))
    const out: Array<string> = []
    const err: Array<string> = []
    const console: Console.Console = {
      ...Context.get(DefaultServices.liveServices, Console.Console),
      error: (...args) => Effect.sync(() => void err.push(args.join(" ")))
    }
    const exit = yield* run([...args, "--dotenv", dotenv]).pipe(
      Effect.provideService(Output.Output, {
        line: (text) => Effect.sync(() => void out.push(text)),
        paint: (_, text) => text,
        waiting: () => identity
      }),
      Effect.withConsole(console),
      Effect.provide(
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void err.push(String(message))))
      ),
      Effect.exit
    )
    const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
    if (Exit.isFailure(exit) && !(failure instanceof Failed)) return yield* Effect.failCause(exit.cause)
    return {
      code: failure instanceof Failed ? failure.code : 0,
      stdout: out.map((line) => `${line}\n`).join(""),
      stderr: err.map((line) => `${line}\n`).join("")
    }
  }).pipe(Effect.scoped, Effect.orDie)
