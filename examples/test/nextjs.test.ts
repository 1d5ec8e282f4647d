/** The Next.js example, as Next builds and starts it. `npm run test:nextjs` installs what this test needs. */
import { Emulator, Journal } from "@effect-feishu/emulator"
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import { app, get, run, secrets } from "./programs.js"
import { checkWebhook } from "./webhook.js"

const directory = fileURLToPath(new URL("../nextjs", import.meta.url))

const next = (args: ReadonlyArray<string>, variables: Record<string, string>) =>
  run(Command.workingDirectory(Command.make("node", "node_modules/next/dist/bin/next", ...args), directory), {
    NODE_ENV: "production",
    NEXT_TELEMETRY_DISABLED: "1",
    ...variables
  })

const appId = "cli_nextjs"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [app(appId)] }))

layer(Live, { excludeTestServices: true })((it) => {
  it.effect(
    "The Next.js example calls for a tenant with the ticket that its webhook has received",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const build = yield* next(["build"], {})
        assert.strictEqual(Number(yield* build.started.exitCode), 0, yield* build.output)

        const { output, printed } = yield* next(["start", "--port", "0"], {
          FEISHU_APP_ID: appId,
          FEISHU_BASE_URL: emulator.baseUrl,
          ...secrets
        })
        const [, port] = yield* printed(/http:\/\/localhost:(\d+)/)
        const origin = `http://127.0.0.1:${port}`
        yield* printed(/Ready/)
        yield* checkWebhook({
          appId,
          url: `${origin}/webhook/event`,
          output,
          printed,
          hasHandlers: true,
          // Next answers the methods for which a route exports nothing.
          ofFramework: [405]
        })

        const page = yield* Effect.timeout(get(`${origin}/tenants/tenant_1`), "20 seconds")
        assert.deepStrictEqual([page.status, yield* Effect.promise(() => page.text())], [200, "tenant_1 (FTENANT_1)"])
        const none = yield* get(`${origin}/tenants/tenant_2`)
        assert.strictEqual(none.status, 404)
        const calls = (yield* emulator.journal).filter(Journal.$is("Call"))
        assert.deepStrictEqual(calls.filter(({ path }) => path.endsWith("/app_ticket/resend")), [])

        const text = yield* output
        for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
