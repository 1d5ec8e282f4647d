/** Runs one of the commands of this package. */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import type * as Report from "./report/Report.js"

type Command = (isQuick: boolean) => Promise<Pick<Report.Options, "command" | "sections">>

const commands: Readonly<Record<string, Command>> = {
  bench: async (isQuick) => ({ command: "bench", sections: (await import("./bench/sections.js")).sections(isQuick) })
}

const [name = "", ...args] = process.argv.slice(2)

const main = async (command: Command): Promise<boolean> => {
  const { values } = parseArgs({
    args,
    options: {
      /** Shorter rounds, whose figures vary more. */
      quick: { type: "boolean", default: false },
      /** The sections to run, with commas between. */
      only: { type: "string" },
      json: { type: "string" },
      write: { type: "boolean", default: false }
    }
  })
  const { run } = await import("./report/Report.js")
  return Effect.runPromise(run({
    ...await command(values.quick),
    only: values.only?.split(","),
    json: values.json,
    slack: values.quick ? 1.2 : 1,
    write: values.write ? "packages/proof" : undefined
  }))
}

if (name === "child") {
  const { run } = await import("./bench/child.js")
  await run(args)
} else {
  const command = commands[name]
  if (command === undefined) throw new Error(`there is no command ${name}: ${Object.keys(commands).join(", ")}`)
  process.exitCode = await main(command) ? 0 : 1
}
