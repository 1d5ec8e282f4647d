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

/** Starts the app of Next.js for an app of the emulator, until the scope ends. */
const serve = (appId: string) =>
  Effect.gen(function*() {
    const { baseUrl, setApp } = yield* Emulator.Emulator
    yield* setApp(app(appId))
    const { output, printed } = yield* next(["start", "--port", "0"], {
      FEISHU_APP_ID: appId,
      FEISHU_BASE_URL: baseUrl,
      ...secrets
    })
    const [, port] = yield* printed(/http:\/\/localhost:(\d+)/)
    yield* printed(/Ready/)
    return { origin: `http://127.0.0.1:${port}`, output, printed }
  })

/** Next answers the methods for which a route exports nothing. */
const webhook = { hasHandlers: true, ofFramework: [405] }

const assertNoSecret = (text: string) => {
  for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
}

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [] }))

layer(Live, { excludeTestServices: true })((it) => {
  it.effect(
    "The Next.js example calls for a tenant with the ticket that its webhook has received, and serves an app without Effect",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const build = yield* next(["build"], {})
        assert.strictEqual(Number(yield* build.started.exitCode), 0, yield* build.output)

        const appId = "cli_nextjs"
        const { origin, output, printed } = yield* serve(appId)
        yield* checkWebhook({ appId, url: `${origin}/webhook/event`, output, printed, ...webhook })
        const page = yield* Effect.timeout(get(`${origin}/tenants/tenant_1`), "20 seconds")
        assert.deepStrictEqual([page.status, yield* Effect.promise(() => page.text())], [200, "tenant_1 (FTENANT_1)"])
        const none = yield* get(`${origin}/tenants/tenant_2`)
        assert.strictEqual(none.status, 404)
        const calls = (yield* emulator.journal).filter(Journal.$is("Call"))
        assert.deepStrictEqual(calls.filter(({ path }) => path.endsWith("/app_ticket/resend")), [])
        assertNoSecret(yield* output)

        const promised = yield* serve("cli_nextjs_promise")
        yield* checkWebhook({
          appId: "cli_nextjs_promise",
          url: `${promised.origin}/webhook/promise`,
          output: promised.output,
          printed: promised.printed,
          ...webhook
        })
        assertNoSecret(yield* promised.output)
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
