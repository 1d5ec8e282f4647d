/**
 * Makes `dist`: each command with all that it needs in few files, because a process that loads five hundred modules takes two
 * to three times as long to start. Only `ioredis` stays a dependency: it is loaded only where a Redis is named.
 *
 * `dist/one-shot` holds the commands that scripts call. In one build with the others, their files would hold, of each module,
 * also what `serve` and `emulator` need, and Node compiles all of a file.
 */
import tabtab from "@pnpm/tabtab"
import { build } from "esbuild"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "../..")
const { dependencies, version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"))

const name = "feishu-ticket"
const completions = Object.fromEntries(
  await Promise.all(
    tabtab.SUPPORTED_SHELLS.map(async (shell) => [
      shell,
      await tabtab.getCompletionScript({ name, completer: name, shell })
    ])
  )
)

const commands = readdirSync(join(here, "src/commands"), { recursive: true }).filter((file) => file.endsWith(".ts"))

/** Bundles the program with these commands, and no way to run others. Returns the files of the bundle, and what each holds and loads. */
const bundle = async (outdir, kept = commands) => {
  const others = commands.filter((file) => !kept.includes(file)).map((file) =>
    `./commands/${file.replace(/ts$/, "js")}`
  )
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.ts"],
    outdir,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    tsconfig: join(root, "tsconfig.json"),
    external: [...Object.keys(dependencies), ...others],
    // A text stays in the one file that uses it: esbuild would load an object with every command.
    define: { __VERSION__: JSON.stringify(version), __COMPLETIONS__: JSON.stringify(JSON.stringify(completions)) },
    // What was written for CommonJS asks for Node's own modules by `require`.
    banner: {
      js:
        "import { createRequire as __createRequire } from \"node:module\"\nconst require = __createRequire(import.meta.url)"
    },
    // Node compiles what it loads, so less of it starts sooner; the names stay, for a stack that somebody reports.
    minifyWhitespace: true,
    minifySyntax: true,
    metafile: true,
    logLevel: "warning"
  })
  return metafile.outputs
}

rmSync(join(here, "dist"), { recursive: true, force: true })
const outputs = {
  ...await bundle("dist"),
  ...await bundle("dist/one-shot", ["Resend.ts", "Ticket.ts", "Token.ts"])
}

/** The folder of the package that a file belongs to. */
const folderOf = (file) => {
  const parts = file.split("/")
  const at = parts.lastIndexOf("node_modules")
  return parts.slice(0, at + (parts[at + 1].startsWith("@") ? 3 : 2)).join("/")
}

const inputs = Object.values(outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => bytesInOutput > 0 ? [file] : [])
)
const folders = [...new Set(inputs.filter((file) => file.includes("node_modules/")).map(folderOf))]
const notices = folders.map((folder) => {
  const { license, name, version } = JSON.parse(readFileSync(join(here, folder, "package.json"), "utf8"))
  const file = readdirSync(join(here, folder)).find((name) => /^licen[cs]e/i.test(name))
  if (file === undefined && license !== "MIT") throw new Error(`${name} is ${license} and has no licence's text`)
  const text = file === undefined ? `Licence: ${license}` : readFileSync(join(here, folder, file), "utf8").trim()
  return `${name} ${version}\n\n${text}\n`
}).toSorted()
writeFileSync(
  join(here, "dist/THIRD-PARTY-LICENSES.txt"),
  `The files beside this one hold the following packages, in whole or in part.\n\n${
    notices.join(`\n${"-".repeat(80)}\n\n`)
  }`
)
// Which file loads what, for the tests.
mkdirSync(join(here, "build"), { recursive: true })
writeFileSync(join(here, "build/bundle.json"), JSON.stringify({ outputs }))
