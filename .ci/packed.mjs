/**
 * Uses the packages as a user gets them: packed, unpacked into a new project, compiled against and run there.
 * The sources are out of its reach, so what is missing from a package or its `exports` shows here.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const project = mkdtempSync(join(tmpdir(), "packed-"))
const modules = join(project, "node_modules")
const run = (command, args, options) => execFileSync(command, args, { cwd: project, encoding: "utf8", ...options })

try {
  const packages = readdirSync(join(root, "packages"))
  for (const name of packages) {
    const [{ filename, files }] = JSON.parse(
      run("npm", ["pack", "--json", "--silent", "--pack-destination", project], { cwd: join(root, "packages", name) })
    )
    const paths = files.map((file) => file.path)
    for (const wanted of ["README.md", "LICENSE", "src/index.ts", "dist/index.js", "dist/index.d.ts"]) {
      if (!paths.includes(wanted)) throw new Error(`@effect-feishu/${name} lacks ${wanted}`)
    }
    for (const path of paths) {
      if (!/^(dist|src)\/|^(README\.md|LICENSE|package\.json)$/.test(path)) throw new Error(`${name} holds ${path}`)
    }
    const target = join(modules, "@effect-feishu", name)
    mkdirSync(target, { recursive: true })
    run("tar", ["-xzf", join(project, filename), "-C", target, "--strip-components=1"])
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
      "many-apps",
      "tenant",
      "many-machines"
    ]
  ) {
    cpSync(join(root, "examples", `${example}.ts`), join(project, `${example}.ts`))
  }
  writeFileSync(
    join(project, "by-path.ts"),
    "import * as AppTicket from \"@effect-feishu/auth/AppTicket\"\nexport const resend = AppTicket.resend\n"
  )
  writeFileSync(
    join(project, "store-suites.ts"),
    `import { TicketStore, TokenStore } from "@effect-feishu/auth"
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
  process.stdout.write(`packed: ${packages.map((name) => `@effect-feishu/${name}`).join(", ")} compile and run\n`)
} finally {
  rmSync(project, { recursive: true, force: true })
}
