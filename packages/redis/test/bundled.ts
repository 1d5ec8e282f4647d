/** A program of the tests as one file: its process starts in a fraction of the time that it takes to load each module. */
import { Effect } from "effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

/** Returns an effect that builds the program at its first run, and gives the path of the file. */
export const bundled = (program: string): Effect.Effect<string> => {
  const outfile = fileURLToPath(new URL(`../build/bundled/${program}.mjs`, import.meta.url))
  let built: Promise<unknown> | undefined
  return Effect.as(
    Effect.promise(() =>
      built ??= build({
        entryPoints: [fileURLToPath(new URL(`${program}.ts`, import.meta.url))],
        outfile,
        bundle: true,
        platform: "node",
        format: "esm",
        target: "node20",
        tsconfig: fileURLToPath(new URL("../../../tsconfig.json", import.meta.url)),
        // What is CommonJS in it requires Node's own modules.
        banner: {
          js:
            "import { createRequire as makeRequire } from \"node:module\"; const require = makeRequire(import.meta.url);"
        },
        logLevel: "silent"
      })
    ),
    outfile
  )
}
