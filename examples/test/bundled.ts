/**
 * The examples as one file each, beside the packages that they name: a process starts in a third of the time that it
 * takes to load and translate each module by itself.
 */
import { Effect } from "effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

const examples = fileURLToPath(new URL("..", import.meta.url))

/** The arguments for `node` that run this program, a path from the folder of the examples. */
export const bundled = (program: string): Effect.Effect<string> =>
  Effect.as(
    Effect.promise(() =>
      build({
        entryPoints: [examples + program],
        outdir: `${examples}build/bundled`,
        outbase: examples,
        outExtension: { ".js": ".mjs" },
        bundle: true,
        platform: "node",
        format: "esm",
        target: "node20",
        packages: "external",
        tsconfig: fileURLToPath(new URL("../../tsconfig.json", import.meta.url)),
        sourcemap: "inline",
        logLevel: "silent"
      })
    ),
    `${examples}build/bundled/${program.replace(/\.ts$/, ".mjs")}`
  )
