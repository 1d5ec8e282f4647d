/** A server that is stopped and started again with the same store. */
import { Emulator, Journal } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { app, get, secrets, start } from "./programs.js"

const programs = ["warm-start.ts", "promise-warm-start.ts"]

layer(Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: programs.map(app) })), {
  excludeTestServices: true,
  timeout: "20 seconds"
})((it) => {
  it.scoped.each(programs)(
    "%s that is started again has the ticket of the process before, and asks the platform for none",
    (program) =>
      Effect.gen(function*() {
        const appId = program
        const emulator = yield* Emulator.Emulator
        const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
        const startServer = Effect.gen(function*() {
          const server = yield* start([program], {
            FEISHU_APP_ID: appId,
            FEISHU_BASE_URL: emulator.baseUrl,
            ...secrets,
            PORT: "0",
            TICKET_DIRECTORY: directory
          })
          const [, port] = yield* server.printed(/Listening on http:\/\/\S+:(\d+)\b/)
          return { ...server, origin: `http://127.0.0.1:${port}` }
        })
        const ready = (origin: string) =>
          Effect.flatMap(
            get(`${origin}/readyz`),
            (response) =>
              Effect.map(Effect.promise(() => response.text()), (text) => ({ status: response.status, text }))
          )
        const resends = Effect.map(emulator.journal, (entries) =>
          entries.filter(Journal.$is("Call")).filter((call) =>
            call.appId === appId && call.path.endsWith("/app_ticket/resend")
          ).length)

        const first = yield* startServer
        // Without a request URL, the push of the resend goes nowhere.
        const before = yield* ready(first.origin)
        assert.strictEqual(before.status, 503)
        assert.include(before.text, "There is no ticket: ")
        yield* Effect.retry(emulator.setRequestUrl(appId, `${first.origin}/webhook/event`), { times: 5 })
        yield* emulator.pushTicketAndWait(appId)
        yield* Effect.repeat(ready(first.origin), {
          until: ({ status }) =>
            status === 200,
          schedule: Schedule.spaced("20 millis")
        })
        yield* first.started.kill("SIGTERM")
        yield* Effect.exit(Effect.timeout(first.started.exitCode, "20 seconds"))
        assert.strictEqual(yield* resends, 1)

        const second = yield* startServer
        assert.strictEqual((yield* ready(second.origin)).status, 200)
        assert.strictEqual(yield* resends, 1)
        const printed = (yield* first.output) + (yield* second.output)
        for (const secret of Object.values(secrets)) assert.notInclude(printed, secret)
      }),
    { timeout: 120_000 }
  )
})
