/** The clients of TOKEN-SERVICE.md, in each language that this machine has. */
import { Emulator } from "@effect-feishu/emulator"
import { Command, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Service from "./tokenService.js"

const appId = "cli_clients"

const page = readFileSync(fileURLToPath(new URL("../TOKEN-SERVICE.md", import.meta.url)), "utf8")

const clients: ReadonlyArray<[language: string, file: string, command: ReadonlyArray<string>]> = [
  ["java", "Tokens.java", ["java"]],
  ["go", "main.go", ["go", "run"]],
  ["python", "tokens.py", ["python3"]],
  ["php", "tokens.php", ["php"]]
]

const isHere = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0

const codeOf = (language: string): string => {
  const code = [...page.matchAll(/^```(\w+)\n([^]*?)^```/gm)].findLast(([, name]) => name === language)?.[2]
  return code ?? assert.fail(`the page has no client in ${language}`)
}

const run = (words: ReadonlyArray<string>, env: Record<string, string>) =>
  Effect.gen(function*() {
    const [program = "", ...args] = words
    const started = yield* Command.start(Command.env(Command.make(program, ...args), env))
    const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))
    return yield* Effect.all([text(started.stdout), text(started.stderr), started.exitCode], { concurrency: 3 })
  })

const layer = Layer.mergeAll(
  NodeContext.layer,
  Service.quiet,
  Emulator.layerServer({ apps: [Service.app(appId, { tenants: ["tenant_1"] })], pushDelay: "10 millis" })
)

describe("A client of TOKEN-SERVICE.md", () => {
  for (const [language, file, command] of clients) {
    it.scopedLive.skipIf(!isHere(command[0] ?? ""))(
      `in ${language} uses another token if its token is refused, though the store cannot remove the refused token`,
      () =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          const { setReadOnly, store } = yield* Service.readOnlyStore
          const { ask, url } = yield* Service.listen(
            Service.appsOf(yield* Service.served(appId, { tokens: store }))
          )
          assert.strictEqual((yield* ask("/v1/tenants/tenant_1/token")).status, 200)
          yield* emulator.invalidateTokens(appId)
          setReadOnly(true)
          const fs = yield* FileSystem.FileSystem
          const path = join(yield* fs.makeTempDirectoryScoped(), file)
          yield* fs.writeFileString(path, codeOf(language))
          const [stdout, stderr, code] = yield* run([...command, path, "tenant_1"], {
            TOKENS_URL: url,
            TOKENS_KEY: Service.keys.billing,
            FEISHU_BASE_URL: emulator.baseUrl
          })
          assert.strictEqual(code, 0, stdout + stderr)
          assert.match(stdout, /"code":\s*0\b/, stderr)
          assert.strictEqual(yield* Service.calls(appId, "/tenant_access_token"), 2)
        }).pipe(Effect.provide(layer)),
      60_000
    )
  }
})
