/**
 * The examples as one file each, beside the packages that they name: a process starts in a third of the time that it
 * takes to load and translate each module by itself.
 */
import { Effect } from "effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const examples = fileURLToPath(new URL("..", import.meta.url))

/** By program: each is built once. */
const built = new Map<string, Promise<unknown>>()

/** The arguments for `node` that run this program, a path from the folder of the examples. */
export const bundled = (program: string): Effect.Effect<string> =>
  Effect.as(
    Effect.promise(() => {
      const known = built.get(program)
      if (known !== undefined) return known
      const made = build({
        entryPoints: [examples + program],
        outdir: `${examples}build/bundled`,
        outbase: examples,
        outExtension: { ".js": ".mjs" },
        bundle: true,
        platform: "node",
        format: "esm",
        target: "node20",
        packages: "external",
        tsconfig: `${examples}tsconfig.json`,
        sourcemap: "inline",
        logLevel: "silent"
      })
      built.set(program, made)
      return made
    }),
    `${examples}build/bundled/${program.replace(/\.ts$/, ".mjs")}`
  )
