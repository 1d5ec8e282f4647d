/** An empty project that installs the tarballs and their peers as a user does, and then compiles and runs against both. */
import { execFile, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { environment } from "./environment.mjs"
import { packages } from "./tarballs.mjs"

const root = join(dirname(fileURLToPath(import.meta.url)), "../..")

/** The examples that the project compiles, and what these import. */
const examples = [
  "plain",
  "errors",
  "retry-policy",
  "emulator",
  // The example `resend` imports it.
  "story",
  "resend",
  "server",
  "events",
  "apps",
  "many-apps",
  "tenant",
  "many-machines",
  "handlers",
  "workers",
  "reply",
  "background-tasks",
  "cards",
  "echo",
  "loop",
  "warm-start"
]

/** The peers that others publish, with the ranges that our packages allow. */
const peers = Object.fromEntries(
  packages.flatMap(({ manifest }) => Object.entries(manifest.peerDependencies ?? {}))
    .filter(([name]) => !name.startsWith("@effect-feishu/"))
)

/** Returns the lowest version of a range such as `^5.11.0 || ^6.0.0`, whose first part has the lowest. */
const lowestOf = (range) => {
  const [, version] = /^\^(\d+\.\d+\.\d+)(?: \|\| |$)/.exec(range) ?? []
  if (version === undefined) throw new Error(`no lowest version is known of ${range}`)
  return version
}

/** `@effect/platform-node`, which the examples need, and which is no peer of ours. */
const platformNode = {
  // Its own peers are named, because npm takes the newest ones otherwise, which refuse the lowest `@effect/platform`.
  lowest: {
    "@effect/platform-node": "0.108.0",
    "@effect/cluster": "0.60.0",
    "@effect/experimental": "0.61.0",
    "@effect/rpc": "0.76.0",
    "@effect/sql": "0.52.0",
    "@effect/workflow": "0.19.0"
  },
  highest: { "@effect/platform-node": "^0.108.0" }
}

/** The packages that each project installs beside the tarballs. */
export const choices = {
  lowest: {
    ...Object.fromEntries(Object.entries(peers).map(([name, range]) => [name, lowestOf(range)])),
    ...platformNode.lowest
  },
  highest: { ...peers, ...platformNode.highest }
}

/**
 * The compilers, and the packages that hold types. With `skipLibCheck: false`, `@effect/platform-node` needs `@types/ws`;
 * all else needs `@types/node` only.
 */
const compilers = {
  typescript: "5.9.3",
  "typescript-7": "npm:typescript@7.0.2",
  "@types/node": "^20.19.0",
  "@types/ws": "^8.18.0"
}

const resolutions = {
  nodenext: { module: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" }
}

/** Modules that load only inside of a test. */
const isForTests = (module) => /Suite$|EmulatorTest$/.test(module)

const suites = `import { TicketStore, TokenStore } from "@effect-feishu/core"
import * as TicketStoreSuite from "@effect-feishu/emulator/TicketStoreSuite"
import * as TokenStoreSuite from "@effect-feishu/emulator/TokenStoreSuite"
import { RedisConnection, RedisTicketStore, RedisTokenStore } from "@effect-feishu/redis"
import { Layer } from "effect"

TicketStoreSuite.suite("in memory", TicketStore.layerMemory, { atOnce: 10 })
TokenStoreSuite.suite("in memory", TokenStore.layerMemory, { atOnce: 10 })

const path = process.env["REDIS_SOCKET"]
if (path !== undefined) {
  const connection = RedisConnection.layer({ path }, { timeout: "10 seconds" })
  TicketStoreSuite.suite("on Redis", RedisTicketStore.layer().pipe(Layer.provide(connection)), { atOnce: 10 })
  TokenStoreSuite.suite("on Redis", RedisTokenStore.layer().pipe(Layer.provide(connection)), { atOnce: 10 })
}
`

/** Starts a Redis on a socket in the folder, if this machine has a Redis. Returns how to end the server. */
const startRedis = (folder) =>
  new Promise((resolve) => {
    const server = spawn("redis-server", ["--port", "0", "--save", "", "--dir", folder, "--unixsocket", "redis.sock"])
    server.once("error", () => {
      process.stderr.write("There is no redis-server here, so the packed stores are not tried on Redis.\n")
      resolve({ environment: {}, end: () => {} })
    })
    let log = ""
    server.stdout.on("data", (text) => {
      log += text
      if (/ready to accept connections/i.test(log)) {
        resolve({ environment: { REDIS_SOCKET: join(folder, "redis.sock") }, end: () => server.kill() })
      }
    })
  })

/** Installs, compiles and runs. Returns the versions of the peers. */
export const tryOut = async (choice, folder, tarballs, modules) => {
  mkdirSync(folder)
  const run = async (command, args, extra = {}) => {
    try {
      const { stdout } = await promisify(execFile)(command, args, {
        cwd: folder,
        env: { ...environment, ...extra },
        maxBuffer: 2 ** 24
      })
      return stdout
    } catch (error) {
      throw new Error(`with the ${choice} peers, ${command} ${args.join(" ")}:\n${error.stdout}${error.stderr}`, {
        cause: error
      })
    }
  }
  const node = (...args) => run(process.execPath, args)
  const installed = (name) => JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8"))

  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const wanted = { ...choices[choice], ...compilers }
  await run("npm", [
    "install",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    ...tarballs,
    ...Object.entries(wanted).map(([name, range]) => `${name}@${range}`)
  ])
  for (const { manifest } of packages) {
    if (!existsSync(join(folder, "node_modules", manifest.name, "package.json"))) {
      throw new Error(`npm did not install ${manifest.name}`)
    }
    // What a package itself brings runs nothing during the installation.
    for (const name of Object.keys(manifest.dependencies ?? {})) noInstallScript(folder, name)
  }
  const versions = Object.fromEntries(Object.keys(choices[choice]).map((name) => [name, installed(name).version]))
  for (const [name, version] of Object.entries(choice === "lowest" ? choices.lowest : {})) {
    if (versions[name] !== version) throw new Error(`${name} is ${versions[name]} and not ${version}`)
  }

  for (const example of examples) {
    cpSync(join(root, "examples", `${example}.ts`), join(folder, `${example}.ts`))
  }
  const importsOf = (modules) =>
    modules.map((module, index) => `export * as module${index} from "${module}"\n`).join("")
  writeFileSync(join(folder, "store-suites.test.ts"), importsOf(modules.filter(isForTests)) + suites)
  writeFileSync(join(folder, "every-module.ts"), importsOf(modules.filter((module) => !isForTests(module))))
  for (const [name, resolution] of Object.entries(resolutions)) {
    const compilerOptions = {
      ...resolution,
      target: "ES2022",
      lib: ["ES2023", "DOM", "DOM.Iterable"],
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false
    }
    writeFileSync(join(folder, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    for (const compiler of ["typescript", "typescript-7"]) {
      const emits = name === "nodenext" && compiler === "typescript"
      const tsc = join(folder, "node_modules", compiler, "bin/tsc")
      // oxlint-disable-next-line no-await-in-loop -- two projects at once are enough for two cores
      await node(tsc, "--project", `tsconfig.${name}.json`, ...(emits ? [] : ["--noEmit"]))
    }
  }

  // Every module loads, and none of the internal ones.
  await node("every-module.js")
  await node(
    "--input-type=module",
    "--eval",
    `const error = await import("@effect-feishu/core/internal/isSame").catch((error) => error)
if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error("the internal modules are open")`
  )
  const story = await node("resend.js")
  if (!story.includes("attempt 3 succeeded")) throw new Error(`the packed example tells another story:\n${story}`)
  const help = await node("node_modules/.bin/feishu-ticket", "--help")
  if (!help.includes("doctor")) throw new Error("the installed command has no help")

  const redis = await startRedis(folder)
  try {
    await run(
      process.execPath,
      ["node_modules/vitest/vitest.mjs", "run", "store-suites.test.ts", "--no-isolate", "--testTimeout=30000"],
      redis.environment
    )
  } finally {
    redis.end()
  }
  return versions
}

/** Fails if the package, or a package that it brings, runs a script during the installation. */
const noInstallScript = (folder, name) => {
  const { packages } = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"))
  const seen = new Set()
  const visit = (name) => {
    if (seen.has(name)) return
    seen.add(name)
    for (const [path, entry] of Object.entries(packages)) {
      if (!path.endsWith(`node_modules/${name}`)) continue
      if (entry.hasInstallScript === true) throw new Error(`${path} has an install script`)
      for (const other of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) visit(other)
    }
  }
  visit(name)
}
