/**
 * Translates the sources once and runs them, because a loader that translates while a program runs slows down what is
 * measured. `node run.mjs bench --quick`. Each run has a folder of its own, so that two runs at once do not disturb each other.
 */
import { build } from "esbuild"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

// In this package, whose dependencies the translated sources import.
const parent = fileURLToPath(new URL("build", import.meta.url))
mkdirSync(parent, { recursive: true })
const outdir = mkdtempSync(join(parent, "run-"))
process.once("exit", () => rmSync(outdir, { recursive: true, force: true }))
// Ends by `exit`, which removes the folder.
for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) process.once(signal, () => process.exit(code))

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
const main = join(outdir, "main.mjs")
// The processes that a measurement starts run what has been translated.
process.argv[1] = main
await import(pathToFileURL(main).href)
