/** Each server among the examples as a process of its own, with the emulator pushing to it. */
import { Emulator } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { app, connectSilently, get, pushed, secrets, start, startServer } from "./programs.js"
import { checkWebhook } from "./webhook.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [] }))

/** These close their server themselves, also if a connection sends nothing. */
const isClosing = (name: string) => ["node-http.ts", "express.ts", "koa.ts", "fastify.ts", "nestjs.ts"].includes(name)

// Each has an app of its own.
describe.concurrent("servers", () => {
  layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("examples", (it) => {
    it.effect.each<[string, [string, ...Array<string>]]>([
      ["server.ts", ["server.ts"]],
      ["events.ts", ["events.ts"]],
      ["node-http.ts", ["node-http.ts"]],
      ["express.ts", ["express.ts"]],
      ["koa.ts", ["koa.ts"]],
      ["fastify.ts", ["fastify.ts"]],
      ["nestjs.ts", ["nestjs.ts"]],
      ["hono.ts", ["test/serve.ts", "../hono.mjs"]],
      ["workers.ts", ["test/serve.ts", "../workers.mjs"]]
    ])("%s takes what the platform sends, and refuses the rest", ([name, program]) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const appId = `cli_${name}`
        yield* emulator.setApp(app(appId))
        const { output, printed, started } = yield* start(program, {
          FEISHU_APP_ID: appId,
          FEISHU_BASE_URL: emulator.baseUrl,
          ...secrets,
          PORT: "0",
          TICKET_DIRECTORY: yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
        })
        const [, port] = yield* printed(/Listening on http:\/\/\S+:(\d+)\b/)
        const origin = `http://127.0.0.1:${port}`
        yield* checkWebhook({
          appId,
          url: `${origin}/webhook/event`,
          output,
          printed,
          hasHandlers: name !== "server.ts",
          // Nest's body parser comes first.
          ofFramework: name === "nestjs.ts" ? [400, 413] : []
        })

        if (name === "events.ts") yield* printed(/A user was created: 飞书/)
        if (name === "server.ts") {
          const page = yield* get(`${origin}/ticket`)
          assert.strictEqual(page.status, 200)
          assert.match(yield* Effect.promise(() => page.text()), /^sent at \d{4}-\d\d-\d\dT[\d:.]+Z$/)
        }
        if (name === "express.ts" || name === "fastify.ts" || name === "nestjs.ts") {
          const headers = { "content-type": "application/json" }
          const echo = yield* get(`${origin}/echo`, { method: "POST", headers, body: "{\"a\":1}" })
          assert.deepStrictEqual(yield* Effect.promise(() => echo.json()), { a: 1 })
        }

        if (isClosing(name)) yield* connectSilently(origin)
        yield* started.kill("SIGINT").pipe(Effect.forkScoped)
        const ended = yield* Effect.merge(Effect.timeout(started.exitCode, "20 seconds"))
        assert.match(String(ended), /^(0|130)$|signal: SIGINT$/m)
        const text = yield* output
        for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
      }).pipe(Effect.scoped), { timeout: 120_000 })

    it.effect.each<[string, [string, ...Array<string>]]>([
      ["tenant.ts", ["tenant.ts"]],
      ["official-sdk.ts", ["official-sdk.ts"]],
      ["workers.ts", ["test/serve.ts", "../workers.mjs"]]
    ])(
      "%s shows who a tenant is",
      ([name, program]) =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          const appId = `cli_tenant_${name}`
          yield* emulator.setApp(app(appId))
          const { origin, output } = yield* startServer(program, appId)
          if (name === "official-sdk.ts") {
            // It does not wait for one.
            yield* emulator.pushTicket(appId)
            yield* pushed((push) => push.appId === appId && push.outcome === "acknowledged")
          }
          const page = yield* get(`${origin}/tenants/tenant_1`)
          assert.deepStrictEqual([page.status, yield* Effect.promise(() => page.text())], [200, "tenant_1 (FTENANT_1)"])
          if (name === "tenant.ts") {
            const none = yield* get(`${origin}/tenants/tenant_2`)
            assert.strictEqual(none.status, 404)
            assert.include(yield* Effect.promise(() => none.text()), "the tenant has installed it")
          }
          const text = yield* output
          for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )
  })
})
