/**
 * Translates the sources once and runs them, because a loader that translates while a program runs slows down what is
 * measured. `node run.mjs bench --quick`.
 */
import { build } from "esbuild"
import { rmSync } from "node:fs"
import { fileURLToPath } from "node:url"

const outdir = fileURLToPath(new URL("build/run", import.meta.url))

rmSync(outdir, { recursive: true, force: true })
await build({
  entryPoints: [fileURLToPath(new URL("src/main.ts", import.meta.url))],
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  packages: "external",
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  logLevel: "error"
})
const main = new URL("build/run/main.mjs", import.meta.url)
// The processes that a measurement starts run what has been translated.
process.argv[1] = fileURLToPath(main)
await import(main.href)
