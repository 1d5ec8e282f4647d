/** A program of the tests as one file: its process starts in a fraction of the time that it takes to load each module. */
import { Effect } from "effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { forNode } from "./bundling.js"

/** Returns an effect that builds the program at its first run, and gives the path of the file. */
export const bundled = (program: string): Effect.Effect<string> => {
  const outfile = fileURLToPath(new URL(`../build/bundled/${program}.mjs`, import.meta.url))
  let built: Promise<unknown> | undefined
  return Effect.as(
    Effect.promise(() =>
      built ??= build({
        entryPoints: [fileURLToPath(new URL(`${program}.ts`, import.meta.url))],
        outfile,
        ...forNode,
        tsconfig: fileURLToPath(new URL("../../../tsconfig.json", import.meta.url)),
        logLevel: "silent"
      })
    ),
    outfile
  )
}
