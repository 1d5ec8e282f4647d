/** Two apps as two processes would be, without Effect, with one Redis. */
import { createFeishu } from "@effect-feishu/core/promise"
import { Emulator, Journal } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { inspect } from "node:util"
import ts from "typescript"
import { redis } from "../src/promise.js"
import { RedisUrlError } from "../src/RedisError.js"
import * as RedisServer from "./redisServer.js"

const app = { appId: "cli_test", appSecret: "the app secret", encryptKey: "the encrypt key" }

const Platform = Emulator.layerServer({
  apps: [{ appId: app.appId, appSecret: Redacted.make(app.appSecret), encryptKey: Redacted.make(app.encryptKey) }],
  pushDelay: 0
})

describe("redis", () => {
  it.scopedLive("gives two apps one ticket and one token, and lets one of them handle an event", () =>
    Effect.gen(function*() {
      const { baseUrl, journal, pushAndWait, setRequestUrl } = yield* Emulator.Emulator
      const { port } = yield* RedisServer.make()
      const seen: Array<string> = []
      const make = (name: string) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const store = redis({ url: `redis://127.0.0.1:${port}`, timeout: 10_000 })
            const feishu = createFeishu({ ...app, baseUrl, store, logger: false })
            feishu.on("of.mine", ({ id }) => void seen.push(`${name} ${id}`))
            return feishu
          }),
          (feishu) => Effect.promise(() => feishu.close())
        )
      const feishus = [yield* make("first"), yield* make("second")] as const
      let pushes = 0
      yield* setRequestUrl(app.appId, (delivery) =>
        Effect.promise(async () => {
          // As a load balancer does.
          const { webhook } = feishus[pushes++ % 2] ?? feishus[0]
          const response = await webhook.web(new Request("http://127.0.0.1/", { method: "POST", ...delivery }))
          return { status: response.status, body: await response.text() }
        }))
      const tokens = yield* Effect.promise(() => Promise.all(feishus.map((feishu) => feishu.tenantToken("tenant_1"))))
      assert.strictEqual(new Set(tokens).size, 1)
      const calls = (yield* journal).filter(Journal.$is("Call")).map(({ path }) => path.replace("/open-apis/", ""))
      assert.deepStrictEqual(calls, [
        "auth/v3/app_ticket/resend",
        "auth/v3/app_access_token",
        "auth/v3/tenant_access_token"
      ])
      const { eventId } = yield* pushAndWait(app.appId, { type: "of.mine", payload: {} })
      assert.deepStrictEqual(seen.map((line) => line.split(" ")[1]), [eventId])
    }).pipe(Effect.provide(Platform)))

  it("refuses a wrong URL, and shows neither this nor a right one", () => {
    assert.throws(() => redis({ url: "http://user:the-password@127.0.0.1" }), RedisUrlError)
    try {
      redis({ url: "http://user:the-password@127.0.0.1" })
    } catch (error) {
      assert.notInclude(inspect(error), "the-password")
    }
    const store = redis({ url: "redis://user:the-password@127.0.0.1:6379" })
    assert.notInclude(inspect(store, { depth: 20, showHidden: true }) + JSON.stringify(store), "the-password")
  })

  it("has declarations that import no Effect", () => {
    const source = readFileSync(new URL("../src/promise.ts", import.meta.url), "utf8")
    const { outputText } = ts.transpileDeclaration(source, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, isolatedDeclarations: true }
    })
    const imports = ts.preProcessFile(outputText, true, true).importedFiles.map(({ fileName }) => fileName)
    assert.deepStrictEqual(imports, ["@effect-feishu/core/promise"])
  })
})
