/**
 * How long processes take to start: one that imports this library beside those that import Effect alone and the platform's SDK,
 * and the command beside the smallest program that does something with the modules that the command needs.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Process from "node:process"
import { alternate, nanosOf } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"

const folder = Path.resolve("packages/proof/build/startup")

const importing = (...modules: ReadonlyArray<string>) =>
  modules.map((name) => `import ${JSON.stringify(name)}`).join("\n")

const effect = [
  "@effect/platform/FetchHttpClient",
  "@effect/platform/HttpClient",
  "@effect/platform/HttpClientRequest",
  "@effect/platform/HttpClientResponse",
  "effect/Config",
  "effect/Effect",
  "effect/Layer",
  "effect/Schedule",
  "effect/Schema",
  "effect/Stream"
]

interface Bundle {
  readonly outputs: Readonly<
    Record<string, {
      readonly inputs: Readonly<Record<string, unknown>>
      readonly imports: ReadonlyArray<{ readonly path: string; readonly kind: string }>
    }>
  >
}

/** Returns the sources that the command `ticket` loads. `build/bundle.json` says which file of the bundle loads what. */
const sourcesOfTicket = (): ReadonlyArray<string> => {
  const { outputs } = JSON.parse(Fs.readFileSync("packages/cli/build/bundle.json", "utf8")) as Bundle
  const loaded = new Set<string>()
  const load = (path: string): void => {
    if (loaded.has(path) || outputs[path] === undefined) return
    loaded.add(path)
    for (const { kind, path: next } of outputs[path].imports) if (kind === "import-statement") load(next)
  }
  for (const path of Object.keys(outputs)) if (/^dist\/one-shot\/(main\.|process-|Ticket-)/.test(path)) load(path)
  const inputs = [...loaded].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}))
  return inputs.filter((input) => input.endsWith(".ts")).map((input) => Path.resolve("packages/cli", input))
}

/** Reads a command line and a variable, says that the variable is missing, and ends with 2. */
const bare = `import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Commander from "commander"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
const program = new Commander.Command("bare")
program.command("ticket").action(() =>
  Config.string("FEISHU_APP_ID").pipe(
    Effect.tapError((error) => Console.error(error.message)),
    Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)),
    NodeRuntime.runMain({ disableErrorReporting: true, teardown: () => process.exit(2) })
  )
)
program.parse(process.argv)`

/** Adds to `bare` the modules of others that the command `ticket` uses, and of each module the same functions. */
const bareProgram = (): string => {
  const members = new Map<string, Set<string>>()
  for (const file of sourcesOfTicket()) {
    const text = Fs.readFileSync(file, "utf8")
    for (
      const [, name = "", from = ""] of text.matchAll(/^import \* as (\w+) from "((?:@?effect|commander)[^"]*)"/gm)
    ) {
      const known = members.get(from) ?? new Set()
      members.set(from, known)
      for (const [, member = ""] of text.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, "g"))) known.add(member)
    }
  }
  const modules = [...members]
  return [
    ...modules.map(([from], i) => `import * as m${i} from "${from}"`),
    `globalThis.used = [${modules.flatMap(([, names], i) => [...names].map((name) => `m${i}.${name}`)).join(", ")}]`,
    bare
  ].join("\n")
}

const ofEffect = "Effect, the modules that a program with HTTP needs"
const ofCore = "core: AccessToken, AppTicket, EventNodeListener, FeishuApp, FeishuClient"
const ofSdk = "@larksuiteoapi/node-sdk"
const ofBare = "a bare program on the modules that feishu-ticket ticket uses"
const ofTicket = "feishu-ticket ticket, without settings"
const ofVersion = "feishu-ticket --version"

const programs = () => ({
  [ofEffect]: importing(...effect),
  [ofCore]: importing(
    ...effect,
    ...["AccessToken", "AppTicket", "EventNodeListener", "FeishuApp", "FeishuClient", "TicketStore"].map((name) =>
      `@effect-feishu/core/${name}`
    )
  ),
  [ofSdk]: importing("@larksuiteoapi/node-sdk"),
  [ofBare]: bareProgram(),
  [ofTicket]: undefined,
  [ofVersion]: undefined
})

type Name = keyof ReturnType<typeof programs>

const command = Path.resolve("packages/cli/bin/feishu-ticket.js")

const write = (contents: string, n: number, isBundled: boolean) =>
  Effect.promise(async () => {
    const outfile = Path.join(folder, `${n}.mjs`)
    if (!isBundled) Fs.writeFileSync(outfile, contents)
    else {
      await build({
        stdin: { contents, resolveDir: Path.resolve("packages/cli") },
        outfile,
        // As the command has it: `commander` asks for Node's modules by `require`.
        banner: {
          js:
            `import { createRequire as __createRequire } from "node:module"\nconst require = __createRequire(import.meta.url)`
        },
        bundle: true,
        platform: "node",
        format: "esm",
        target: "node20",
        minifyWhitespace: true,
        minifySyntax: true,
        logLevel: "error"
      })
    }
    return outfile
  })

/** Returns the milliseconds until the process has ended with this code. */
const run = (file: string, args: ReadonlyArray<string>, code: number) =>
  Effect.map(
    nanosOf(Effect.sync(() => {
      const { status, stderr } = spawnSync(Process.execPath, [file, ...args], { env: { PATH: process.env["PATH"] } })
      if (status !== code) throw new Error(`${file} ended with ${status}: ${stderr}`)
    })),
    (nanos) => nanos / 1e6
  )

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.gen(function*() {
    yield* Effect.sync(() => Fs.mkdirSync(folder, { recursive: true }))
    const all = programs()
    const names = Object.keys(all) as ReadonlyArray<Name>
    const files = yield* Effect.forEach(names, (name, n) => {
      const contents = all[name]
      return contents === undefined ? Effect.succeed(command) : write(contents, n, name === ofBare)
    })
    const times = yield* alternate(
      Object.fromEntries(Arr.zipWith(names, files, (name, file) => {
        const isTicket = name === ofTicket || name === ofBare
        return [name, run(file, [isTicket ? "ticket" : "--version"], isTicket ? 2 : 0)]
      })),
      { warmUp: 1, rounds: isQuick ? 7 : 21 }
    )
    const of = (name: Name) => times[name] ?? []
    return {
      tables: [{
        title: "Start of a process",
        head: ["", "ms"],
        rows: names.map((name) => [name, median(of(name)).toFixed(0)])
      }],
      claims: [
        {
          name: "import of core: time to that of Effect alone",
          values: ratios(of(ofCore), of(ofEffect)),
          must: { most: 1.3 }
        },
        {
          name: "feishu-ticket ticket: time to that of a bare program on the same modules",
          values: ratios(of(ofTicket), of(ofBare)),
          must: { most: 1.3 }
        },
        {
          name: "feishu-ticket --version: time to that of a bare program on the modules of ticket",
          values: ratios(of(ofVersion), of(ofBare)),
          must: { most: 0.9 }
        }
      ]
    }
  })
