/**
 * How long the command takes to say its version, for which it loads nothing of Effect's runtime, against a bare program: `npm run bench:cli`, after `npm run build`. It
 * fails above 1.3 times as long.
 *
 * Two bare programs are measured: one that imports the Effect modules that the command needs and does nothing with them,
 * and one of the fewest lines that do something with them, bundled as the command is.
 */
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const runs = Number(process.argv[2] ?? 15)
const limit = 1.3

const here = fileURLToPath(new URL("..", import.meta.url))
const folder = join(here, "build/startup")
mkdirSync(folder, { recursive: true })

const imports = `import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Commander from "commander"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
`
const programs = {
  modules: join(folder, "modules.mjs"),
  smallest: join(folder, "smallest.mjs"),
  command: join(here, "bin/feishu-ticket.js")
}
writeFileSync(programs.modules, imports)
await build({
  stdin: {
    contents: `${imports}
const program = new Commander.Command("bare").version("0.1.0").exitOverride()
Effect.sync(() => {
  try {
    program.parse(process.argv)
  } catch {}
}).pipe(
  Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)),
  NodeRuntime.runMain
)`,
    resolveDir: here
  },
  outfile: programs.smallest,
  // As the command has it: `commander` asks for Node's modules by `require`.
  banner: {
    js:
      "import { createRequire as __createRequire } from \"node:module\"\nconst require = __createRequire(import.meta.url)"
  },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "error"
})

/** How long the whole process takes, in milliseconds. */
const time = (program) => {
  const since = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [program, "--version"])
  const taken = performance.now() - since
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`)
  return taken
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

const names = Object.keys(programs)
const times = Object.fromEntries(names.map((name) => [name, []]))
// In turn, since a machine is now faster and now slower; the first of each is for the file system's caches.
for (let run = 0; run <= runs; run++) {
  for (const name of names) {
    const taken = time(programs[name])
    if (run > 0) times[name].push(taken)
  }
}
const ratios = ["modules", "smallest"].map((bare) =>
  median(times.command.map((taken, run) => taken / times[bare][run]))
)
process.stdout.write(
  `--version, median of ${runs} runs on Node ${process.version}\n`
    + `  the modules it needs, imported   ${median(times.modules).toFixed(0)} ms\n`
    + `  the smallest program, bundled    ${median(times.smallest).toFixed(0)} ms\n`
    + `  feishu-ticket                    ${median(times.command).toFixed(0)} ms: `
    + `${ratios.map((ratio) => ratio.toFixed(2)).join(" and ")} times as long\n`
)
if (ratios.some((ratio) => ratio > limit)) {
  process.stderr.write(`That is more than ${limit} times.\n`)
  process.exitCode = 1
}
