/** Runs one of the commands of this package. */
import * as Effect from "effect/Effect"
import { type CommandLine, parse, pick, UsageError } from "./commandLine.js"
import type * as Report from "./report/Report.js"

const [name = "", ...words] = process.argv.slice(2)

type Sections = Report.Options["sections"]

const commands: Readonly<Record<string, (line: CommandLine) => Promise<Sections>>> = {
  bench: async ({ isQuick }) => (await import("./bench/sections.js")).sections(isQuick),
  chaos: async (line) => (await import("./chaos/sections.js")).sections(line),
  soak: async ({ isQuick }) => (await import("./soak/sections.js")).sections(isQuick),
  fuzz: async (line) => (await import("./fuzz/sections.js")).sections(line)
}

/** Returns `false` if a claim does not hold. */
const main = async (): Promise<boolean> => {
  const command = commands[name]
  if (command === undefined) {
    throw new UsageError(`there is no command ${name}: there are ${Object.keys(commands).join(", ")}`)
  }
  const line = parse(words)
  const sections = pick(name, await command(line), line.only)
  const { run } = await import("./report/Report.js")
  return Effect.runPromise(run({
    command: name,
    sections,
    json: line.json,
    isQuick: line.isQuick,
    write: line.write ? "packages/proof" : undefined
  }))
}

if (name === "child") {
  const { run } = await import("./child.js")
  await run(words)
} else {
  try {
    process.exitCode = await main() ? 0 : 1
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 64
  }
}
