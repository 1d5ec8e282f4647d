/**
 * The Dockerfile and the compose file, without a container engine: the same commands, with the same files, variables and users,
 * in folders of this machine. The names of the services lead to loopback, and each port is replaced by a free one.
 */
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import * as RedisServer from "../../packages/redis/test/redisServer.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = `${root}examples/compose/`
const dockerfile = Fs.readFileSync(`${folder}Dockerfile`, "utf8")
const compose = Fs.readFileSync(`${folder}compose.yaml`, "utf8")

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string }
  readonly command?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
  readonly healthcheck?: { readonly test: ReadonlyArray<string> }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const readCompose = (text: string) =>
  parse(text, { merge: true }) as {
    readonly services: Readonly<Record<"emulator" | "redis" | "app", Service>>
    readonly volumes: Readonly<Record<string, unknown>>
  }

interface Stage {
  readonly name: string
  readonly instructions: ReadonlyArray<readonly [instruction: string, rest: string]>
}

/** Reads the stages of a Dockerfile without continued lines. */
const readStages = (text: string): ReadonlyArray<Stage> => {
  const stages: Array<{ readonly name: string; readonly instructions: Array<readonly [string, string]> }> = []
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const [, instruction = "", rest = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? assert.fail(`no instruction: ${line}`)
    if (instruction === "FROM") stages.push({ name: rest.split(" AS ")[1] ?? "", instructions: [] })
    else stages.at(-1)?.instructions.push([instruction, rest])
  }
  return stages
}

const stageOf = (stages: ReadonlyArray<Stage>, name: string): Stage =>
  stages.find((stage) => stage.name === name) ?? assert.fail(`no stage ${name}`)

const restsOf = ({ instructions }: Stage, instruction: string): ReadonlyArray<string> =>
  instructions.flatMap(([name, rest]) => name === instruction ? [rest] : [])

const words = (rest: string | undefined): ReadonlyArray<string> => JSON.parse(rest ?? "[]") as ReadonlyArray<string>

/** The command of a HEALTHCHECK. */
const healthOf = (stage: Stage): ReadonlyArray<string> =>
  words(restsOf(stage, "HEALTHCHECK")[0]?.replace(/^.*? CMD /, ""))

/** The user and group of `nobody`, for a test that may choose: no container has more rights. */
const unprivileged = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}

describe("examples/compose", () => {
  const { services, volumes } = readCompose(compose)
  const stages = readStages(dockerfile)

  it("has a Dockerfile that builds from files of the clone, and runs nothing as root", () => {
    assert.deepStrictEqual(stages.map(({ name }) => name), ["build", "emulator", "app"])
    for (const line of dockerfile.match(/^FROM .*$/gm) ?? []) assert.match(line, /^FROM node:20-slim AS \w+$/)
    for (const name of ["emulator", "app"]) {
      assert.deepStrictEqual(restsOf(stageOf(stages, name), "USER"), ["node"])
      const { instructions } = stageOf(stages, name)
      const user = instructions.findIndex(([instruction]) => instruction === "USER")
      const root = instructions.findLastIndex(([instruction]) => instruction === "RUN" || instruction === "COPY")
      assert.isAbove(user, root)
    }
    const { scripts, workspaces } = JSON.parse(Fs.readFileSync(`${root}package.json`, "utf8")) as {
      readonly scripts: Record<string, string>
      readonly workspaces: ReadonlyArray<string>
    }
    assert.include(scripts["build"], "npm run build --workspace @effect-feishu/cli")
    assert.include(workspaces, "examples")
    // What the build makes must not come from the clone.
    const ignored = Fs.readFileSync(`${root}.dockerignore`, "utf8").split("\n")
    assert.includeMembers(ignored, ["**/node_modules", "**/dist", "**/build", ".git"])
  })

  it("has a compose file whose ports, URLs, names and volumes belong together", () => {
    for (const name of ["emulator", "app"] as const) {
      const { build } = services[name]
      assert.strictEqual(resolve(folder, build?.context ?? ""), resolve(root))
      assert.isTrue(Fs.existsSync(join(folder, build?.context ?? "", build?.dockerfile ?? "")))
      const stage = stageOf(stages, build?.target ?? "")
      // Only this machine reaches the ports, and the ports are those of the images.
      const [port] = restsOf(stage, "EXPOSE")
      assert.deepStrictEqual(services[name].ports, [`127.0.0.1:${port}:${port}`])
    }
    const options = new Map(
      services.emulator.command?.slice(1).map((word) => word.split(/=(.*)/s) as [string, string])
    )
    const stage = stageOf(stages, "emulator")
    const [port] = restsOf(stage, "EXPOSE")
    const defaults = words(restsOf(stage, "CMD")[0])
    assert.strictEqual(services.emulator.command?.[0], "emulator")
    assert.strictEqual(options.get("--port"), port)
    assert.strictEqual(options.get("--host"), "0.0.0.0")
    for (const name of ["--host", "--port", "--state"]) {
      assert.strictEqual(defaults[defaults.indexOf(name) + 1], options.get(name), name)
    }
    assert.include(healthOf(stage).join(" "), `http://127.0.0.1:${port}/healthz`)
    assert.strictEqual(options.get("--base-url"), `http://emulator:${port}`)
    assert.strictEqual(services.app.environment?.["FEISHU_BASE_URL"], options.get("--base-url"))
    assert.strictEqual(services.app.environment?.["FEISHU_ALLOW_HTTP"], "true")
    const requestUrl = new URL(options.get("--request-url") ?? "")
    assert.strictEqual(requestUrl.hostname, "app")
    assert.strictEqual(requestUrl.port, services.app.environment?.["PORT"])
    assert.include(Fs.readFileSync(`${root}examples/many-machines.ts`, "utf8"), `"${requestUrl.pathname}"`)
    assert.strictEqual(new URL(services.app.environment?.["FEISHU_REDIS_URL"] ?? "").hostname, "redis")
    // The state is in the volume.
    const [volume = "", path = ""] = services.emulator.volumes?.[0]?.split(":") ?? []
    assert.property(volumes, volume)
    assert.deepStrictEqual(restsOf(stage, "VOLUME"), [path])
    assert.isTrue(options.get("--state")?.startsWith(`${path}/`))
    // Both have the same app.
    const own = new Set(["FEISHU_ALLOW_HTTP", "FEISHU_BASE_URL", "FEISHU_REDIS_URL", "PORT"])
    const shared = Object.entries(services.app.environment ?? {}).filter(([name]) => !own.has(name))
    assert.deepStrictEqual(Object.fromEntries(shared), services.emulator.environment)
    assert.deepStrictEqual(
      shared.map(([name]) => name).toSorted(),
      ["FEISHU_APP_ID", "FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"]
    )
    // The app starts when a health check says so.
    assert.deepStrictEqual(services.app.depends_on, {
      emulator: { condition: "service_healthy" },
      redis: { condition: "service_healthy" }
    })
    assert.isDefined(services.redis.healthcheck)
  })

  it.scopedLive(
    "runs: the app gets a ticket and a tenant's token from http://emulator, and the next run knows the app",
    () =>
      Effect.gen(function*() {
        const [emulatorPort, appPort] = yield* Effect.all([RedisServer.freePort, RedisServer.freePort])
        const { port: redisPort } = yield* RedisServer.make()
        const at = yield* Effect.acquireRelease(
          Effect.sync(() => Fs.mkdtempSync(join(tmpdir(), "compose-"))),
          (at) => Effect.sync(() => Fs.rmSync(at, { recursive: true, force: true }))
        )
        Fs.chmodSync(at, 0o755)
        /** Replaces ports and folders of the containers by those of this machine. */
        const local = (text: string) =>
          text.replaceAll("4000", String(emulatorPort)).replaceAll("3000", String(appPort)).replaceAll(
            "6379",
            String(redisPort)
          )
            .replaceAll("/opt/", `${at}/opt/`).replaceAll("/state", `${at}/state`).replaceAll(
              "/app/server",
              `${at}/app/server`
            )
        const { services } = readCompose(local(compose))
        const stages = readStages(local(dockerfile))
        const [emulator, app] = [stageOf(stages, "emulator"), stageOf(stages, "app")]

        // The build: `npm ci` is left out, and the command is there from the tests' setup.
        const [, , bundle = ""] = restsOf(stageOf(stages, "build"), "RUN")
        execFileSync("sh", ["-c", bundle], { cwd: root, stdio: "pipe" })
        for (const copy of restsOf(emulator, "COPY")) {
          const [from = "", to = ""] = copy.replace("--from=build /src/", root).split(" ")
          Fs.cpSync(from, to.endsWith("/") ? join(to, from.split("/").at(-1) ?? "") : to, { recursive: true })
        }
        const makeState = () =>
          execFileSync("sh", ["-c", (restsOf(emulator, "RUN")[0] ?? "").replace("chown node:node", "chown nobody")])
        if ("uid" in unprivileged) makeState()
        else Fs.mkdirSync(`${at}/state`)
        execFileSync("chmod", ["-R", "a+rX", `${at}/opt`, `${at}/app`])

        // Stands for the network of the containers.
        const names = join(at, "names.mjs")
        Fs.writeFileSync(
          names,
          `import dns from "node:dns"
          const lookup = dns.lookup
          const own = (name) => ["emulator", "app", "redis"].includes(name) ? "127.0.0.1" : name
          dns.lookup = (name, ...rest) => lookup(own(name), ...rest)`
        )
        Fs.chmodSync(names, 0o644)
        const start = ([command = "", ...args]: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const child = spawn(command === "node" ? process.execPath : command, args, {
                ...unprivileged,
                cwd: "/",
                env: { PATH: process.env["PATH"], NODE_OPTIONS: `--import=${names}`, ...env },
                stdio: ["ignore", "pipe", "pipe"]
              })
              const printed = { text: "" }
              for (const stream of [child.stdout, child.stderr]) {
                stream.on("data", (chunk: Buffer) => void (printed.text += chunk.toString()))
              }
              return { child, printed }
            }),
            ({ child }) => end(child)
          )
        const end = (child: ChildProcess) =>
          Effect.async<void>((resume) => {
            if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
            child.once("exit", () => resume(Effect.void))
            child.kill("SIGTERM")
          })
        const [entry = ""] = restsOf(emulator, "ENTRYPOINT")
        const startEmulator = start(
          [...words(entry), ...services.emulator.command ?? []],
          services.emulator.environment
        )
        const isHealthy = Effect.sync(() => {
          const [command = "", ...args] = healthOf(emulator)
          return spawnSync(command === "node" ? process.execPath : command, args).status === 0
        })
        const healthy = Effect.repeat(isHealthy, { until: (ok) => ok, schedule: Schedule.spaced("100 millis") }).pipe(
          Effect.timeout("20 seconds")
        )

        const first = yield* startEmulator
        yield* healthy
        const running = yield* start(words(restsOf(app, "CMD")[0]), services.app.environment)
        const page = Effect.promise(async () => {
          try {
            const response = await fetch(`http://127.0.0.1:${appPort}/tenants/tenant_1`)
            return await response.text()
          } catch (error) {
            return String(error)
          }
        })
        yield* Effect.repeat(page, {
          until: (text) => text.includes("FTENANT_1"),
          schedule: Schedule.spaced("200 millis")
        }).pipe(
          Effect.timeout("25 seconds"),
          Effect.catchAll(() => Effect.dieMessage(`${first.printed.text}\n---\n${running.printed.text}`))
        )
        assert.include(first.printed.text, `# The platform listens on http://emulator:${emulatorPort}`)
        assert.include(first.printed.text, `# Console for the browser: http://127.0.0.1:${emulatorPort}/`)
        assert.match(first.printed.text, /app_ticket \w+ to cli_compose, attempt 1: acknowledged/)

        yield* end(first.child)
        assert.strictEqual(yield* isHealthy, false)
        const { apps } = JSON.parse(Fs.readFileSync(`${at}/state/emulator.json`, "utf8")) as {
          readonly apps: ReadonlyArray<Record<string, unknown>>
        }
        assert.deepInclude(apps[0], { appId: "cli_compose", requestUrl: `http://app:${appPort}/webhook/event` })
        yield* startEmulator
        yield* healthy
      }).pipe(Effect.provide(NodeContext.layer)),
    60_000
  )
})
