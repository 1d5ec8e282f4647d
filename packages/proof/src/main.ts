/** Runs one of the commands of this package. */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import type * as Report from "./report/Report.js"

const [name = "", ...args] = process.argv.slice(2)

const options = {
  /** Shorter, and less exact. */
  quick: { type: "boolean", default: false },
  /** The sections to run, with commas between. */
  only: { type: "string" },
  /** A file to write everything to, as JSON. */
  json: { type: "string" },
  /** Writes the results and the plots to the repository. */
  write: { type: "boolean", default: false },
  /** Names of faults, with commas between. */
  faults: { type: "string" },
  /** The first seed. */
  first: { type: "string", default: "0" },
  /** How many inputs, or seeds. */
  runs: { type: "string" }
} as const

type Values = ReturnType<typeof parseArgs<{ readonly options: typeof options }>>["values"]

const numberOf = (text: string | undefined) => text === undefined ? undefined : Number(text)

const commands: Readonly<Record<string, (values: Values) => Promise<Report.Options["sections"]>>> = {
  bench: async ({ quick }) => (await import("./bench/sections.js")).sections(quick),
  chaos: async ({ faults, first, quick, runs }) =>
    (await import("./chaos/sections.js")).sections({
      isQuick: quick,
      faults: faults?.split(",").filter((name) => name !== ""),
      first: Number(first),
      runs: numberOf(runs)
    }),
  soak: async ({ quick }) => (await import("./soak/sections.js")).sections(quick),
  fuzz: async ({ first, quick, runs }) =>
    (await import("./fuzz/sections.js")).sections({ isQuick: quick, first: Number(first), runs: numberOf(runs) })
}

const main = async (sections: (values: Values) => Promise<Report.Options["sections"]>): Promise<boolean> => {
  const { values } = parseArgs({ args, options })
  const { run } = await import("./report/Report.js")
  return Effect.runPromise(run({
    command: name,
    sections: await sections(values),
    only: values.only?.split(","),
    json: values.json,
    isQuick: values.quick,
    write: values.write ? "packages/proof" : undefined
  }))
}

if (name === "child") {
  const { run } = await import("./child.js")
  await run(args)
} else {
  const command = commands[name]
  if (command === undefined) throw new Error(`there is no command ${name}: ${Object.keys(commands).join(", ")}`)
  process.exitCode = await main(command) ? 0 : 1
}
