/**
 * Uses the packages as a user gets them: packed, unpacked into a new project, compiled against and run there.
 * The sources are out of its reach, so what is missing from a package or its `exports` shows here.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const project = mkdtempSync(join(tmpdir(), "packed-"))
const modules = join(project, "node_modules")
const run = (command, args, options) => execFileSync(command, args, { cwd: project, encoding: "utf8", ...options })

try {
  const packages = readdirSync(join(root, "packages")).filter((name) =>
    JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")).private !== true
  )
  for (const name of packages) {
    const [{ filename, files }] = JSON.parse(
      run("npm", ["pack", "--json", "--silent", "--pack-destination", project], { cwd: join(root, "packages", name) })
    )
    const paths = files.map((file) => file.path)
    const own = name === "cli"
      ? ["bin/feishu-ticket.js", "dist/main.js", "dist/one-shot/main.js", "dist/THIRD-PARTY-LICENSES.txt"]
      : ["src/index.ts", "dist/index.js", "dist/index.d.ts"]
    const pages = ["README.md", ...({ core: ["WORKERS.md"], cli: ["TOKEN-SERVICE.md"] }[name] ?? [])]
    for (const wanted of [...pages, "LICENSE", ...own]) {
      if (!paths.includes(wanted)) throw new Error(`@effect-feishu/${name} lacks ${wanted}`)
    }
    for (const path of paths) {
      if (!/^(bin|dist|src)\/|^(README\.md|WORKERS\.md|TOKEN-SERVICE\.md|LICENSE|package\.json)$/.test(path)) {
        throw new Error(`${name} holds ${path}`)
      }
    }
    const target = join(modules, "@effect-feishu", name)
    mkdirSync(target, { recursive: true })
    run("tar", ["-xzf", join(project, filename), "-C", target, "--strip-components=1"])
    // `exports` closes the internal modules, so a user's compiler cannot name a type of theirs.
    for (const path of name === "redis" ? paths.filter((path) => /^dist\/\w+\.d\.ts$/.test(path)) : []) {
      if (/["']\.\/internal\//.test(readFileSync(join(target, path), "utf8"))) {
        throw new Error(`the types of @effect-feishu/${name}, ${path}, name an internal module`)
      }
    }
  }

  // What a user installs beside them.
  for (
    const name of [
      "effect",
      "@effect/platform",
      "@effect/platform-node",
      "@effect/vitest",
      "vitest",
      "@types/node",
      "ioredis"
    ]
  ) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, "node_modules", name), join(modules, name), "dir")
  }

  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "NodeNext",
        target: "ES2022",
        lib: ["ES2023", "DOM", "DOM.Iterable"],
        types: ["node"],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: true
      },
      include: ["*.ts"]
    })
  )
  for (
    const example of [
      "plain",
      "errors",
      "retry-policy",
      "emulator",
      "resend",
      "server",
      "events",
      // The next example needs it.
      "apps",
      "many-apps",
      "tenant",
      "many-machines",
      // The servers among the examples share it.
      "handlers",
      "workers",
      // The next example needs it.
      "reply",
      "background-tasks",
      "cards"
    ]
  ) {
    cpSync(join(root, "examples", `${example}.ts`), join(project, `${example}.ts`))
  }
  writeFileSync(
    join(project, "by-path.ts"),
    "import * as AppTicket from \"@effect-feishu/core/AppTicket\"\nexport const resend = AppTicket.resend\n"
  )
  writeFileSync(
    join(project, "store-suites.ts"),
    `import { TicketStore, TokenStore } from "@effect-feishu/core"
import * as TicketStoreSuite from "@effect-feishu/emulator/TicketStoreSuite"
import * as TokenStoreSuite from "@effect-feishu/emulator/TokenStoreSuite"
TicketStoreSuite.suite("in memory", TicketStore.layerMemory, { atOnce: 10 })
TokenStoreSuite.suite("in memory", TokenStore.layerMemory, { atOnce: 10 })
`
  )
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc")], { stdio: "inherit" })

  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FEISHU_")))
  const story = run(process.execPath, ["resend.js"], { env: environment })
  if (!story.includes("attempt 3 succeeded")) throw new Error(`the packed example tells another story:\n${story}`)

  // The command has all that it needs in itself: none of what lies beside it here, and no Redis client until one is named.
  const alone = join(project, "alone")
  cpSync(join(modules, "@effect-feishu/cli"), alone, { recursive: true })
  rmSync(modules, { recursive: true })
  const command = (...args) =>
    run(process.execPath, [join(alone, "bin/feishu-ticket.js"), ...args], { env: environment })
  if (!command("--help").includes("doctor")) throw new Error("the packed command has no help")
  for (const name of ["resend", "serve", "ticket", "token", "doctor", "verify", "emulator"]) {
    // Loaded, it finds out that there is no app, or no body; the emulator would go on for ever.
    const args = name === "emulator"
      ? ["--port", "1", "--request-url", "nowhere"]
      : name === "verify"
      ? ["--body", join(project, "resend.js")]
      : []
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(alone, "bin/feishu-ticket.js"), name, ...args, "--json"],
      { env: environment, encoding: "utf8" }
    )
    if (status !== 2) throw new Error(`the packed command's ${name} ended with ${status}:\n${stdout}${stderr}`)
  }
  process.stdout.write(`packed: ${packages.map((name) => `@effect-feishu/${name}`).join(", ")} compile and run\n`)
} finally {
  rmSync(project, { recursive: true, force: true })
}
