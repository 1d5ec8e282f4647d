/**
 * Starts processes without the loader of TypeScript that runs the benchmark: with the loader, V8 keeps other objects of a
 * delivery for longer, and a delivery takes up to 10 µs more.
 */
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import * as ChildProcess from "node:child_process"
import * as Url from "node:url"

const source = Url.fileURLToPath(new URL("child.ts", import.meta.url))
const script = Url.fileURLToPath(new URL("../../build/bench/doors-child.mjs", import.meta.url))

/** Translates the script of the processes. */
export const prepare = Effect.promise(() =>
  build({
    entryPoints: [source],
    outfile: script,
    bundle: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20"
  })
)

/** Starts a process until the scope ends. */
export const fork = (...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => ChildProcess.fork(script, args, { execArgv: [] })),
    (child) => Effect.sync(() => child.connected && child.disconnect())
  )
