/** What is loaded for what: the time to start is the time to load. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { commands } from "../src/Commands.js"

interface Output {
  readonly entryPoint?: string
  readonly imports: ReadonlyArray<{ readonly path: string; readonly kind: string; readonly external?: boolean }>
  readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>
}

const { outputs } = JSON.parse(
  readFileSync(fileURLToPath(new URL("../build/bundle.json", import.meta.url)), "utf8")
) as {
  readonly outputs: Readonly<Record<string, Output>>
}

/** All that is loaded with a module of the sources, before anything runs: files by their path, packages by their name. */
const loadedWith = (source: string, folder = "dist"): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const loaded = new Set<string>()
  const visit = (file: string) => {
    const output = outputs[file]
    if (output === undefined || seen.has(file)) return
    seen.add(file)
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      if (bytesInOutput > 0) loaded.add(input.replace(/^(\.\.\/)+/, ""))
    }
    for (const { external, kind, path } of output.imports) {
      if (kind !== "import-statement") continue
      if (external === true) loaded.add(path)
      else visit(path)
    }
  }
  const [file] =
    Object.entries(outputs).find(([file, { entryPoint }]) => dirname(file) === folder && entryPoint === `src/${source}`)
      ?? assert.fail(`nothing is built from ${source}`)
  visit(file)
  return [...loaded]
}

const modules = ["Resend", "Serve", "Ticket", "Token", "Doctor", "Verify", "Emulator"]

const assertNone = (loaded: ReadonlyArray<string>, unwanted: RegExp) =>
  assert.deepStrictEqual(loaded.filter((path) => unwanted.test(path)), [])

describe("what is loaded", () => {
  it("for --version and --help is nothing of any command", () => {
    const loaded = loadedWith("main.ts")
    assert.include(loaded, "src/Commands.ts")
    assertNone(
      loaded,
      /^src\/commands\/|^(core|emulator|redis)\/|fiberRuntime|platform-node|prom-client|ioredis|node:https?$/
    )
  })

  it.each(modules)("for %s is nothing of another command", (name) => {
    const loaded = loadedWith(`commands/${name}.ts`)
    assert.include(loaded, `src/commands/${name}.ts`)
    assertNone(
      loaded,
      new RegExp(`^src/commands/(?!${name}\\.ts|${name.toLowerCase()}/)|opentelemetry|^redis/|ioredis`)
    )
  })

  it("for a command that scripts call is the bundle of such commands alone", () => {
    const packageFolder = fileURLToPath(new URL("..", import.meta.url))
    const copy = mkdtempSync(join(tmpdir(), "feishu-ticket-"))
    try {
      for (const name of ["bin", "dist/one-shot", "package.json"]) {
        cpSync(join(packageFolder, name), join(copy, name), { recursive: true })
      }
      for (const { name } of commands) {
        const { stderr } = spawnSync(process.execPath, [join(copy, "bin/feishu-ticket.js"), name], {
          encoding: "utf8",
          env: {}
        })
        const isOneShot = ["resend", "ticket", "token"].includes(name)
        assert.include(stderr, isOneShot ? "FEISHU_APP_ID is not set" : "is not built yet", name)
      }
    } finally {
      rmSync(copy, { recursive: true })
    }
  })

  it.each(["Resend", "Ticket", "Token"])(
    "for %s, which scripts call, is less than where all commands are bundled",
    (name) => {
      const loaded = loadedWith(`commands/${name}.ts`, "dist/one-shot")
      const loadedWithAll = loadedWith(`commands/${name}.ts`)
      assert.include(loaded, `src/commands/${name}.ts`)
      assert.includeMembers([...loadedWithAll], [...loaded])
      assert.isBelow(loaded.length, loadedWithAll.length)
    }
  )

  it.each(["Push", "Callback", "Fault", "Answer", "Clock", "Journal", "State", "Reset", "App"])(
    "for emulator %s is neither the emulator itself nor another command",
    (name) => {
      const loaded = loadedWith(`commands/emulator/${name}.ts`)
      assert.include(loaded, "emulator/src/ControlApi.ts")
      assertNone(
        loaded,
        new RegExp(
          `^emulator/src/(Emulator\\.ts|internal)|^src/commands/(?!emulator/(${name}|[a-z]\\w*|Running)\\.ts)|ioredis`
        )
      )
    }
  )

  it("only for the commands that are servers is the emulator, or an HTTP server", () => {
    for (const name of modules) {
      const loaded = loadedWith(`commands/${name}.ts`)
      if (name !== "Emulator") assertNone(loaded, /^emulator\/src\/(Emulator\.ts|internal\/)/)
      if (name !== "Serve" && name !== "Emulator") assertNone(loaded, /HttpServer\.js$|httpServer\.js$/)
    }
  })
})
