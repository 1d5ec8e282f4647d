import { Emulator, Fault } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import * as RedisServer from "../../packages/redis/test/redisServer.js"
import { app, get, secrets, start } from "./programs.js"

it.scopedLive(
  "many-machines.ts shares the ticket, the tokens, and what has been handled",
  () =>
    Effect.gen(function*() {
      const appId = "cli_many"
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app(appId))
      const { port: redis } = yield* RedisServer.make()
      const machine = Effect.gen(function*() {
        const program = yield* start(["many-machines.ts"], {
          FEISHU_APP_ID: appId,
          FEISHU_BASE_URL: emulator.baseUrl,
          ...secrets,
          FEISHU_REDIS_URL: `redis://127.0.0.1:${redis}`,
          PORT: "0"
        })
        const [, port] = yield* program.printed(/Listening on http:\/\/\S+:(\d+)\b/)
        return { ...program, origin: `http://127.0.0.1:${port}` }
      })
      const [first, second] = yield* Effect.all([machine, machine], { concurrency: 2 })

      // Whichever asks, the push goes to the first.
      yield* Effect.retry(emulator.setRequestUrl(appId, `${first.origin}/webhook/event`), { times: 2 })
      const pages = yield* Effect.forEach([second, first], ({ origin }) => get(`${origin}/tenants/tenant_1`), {
        concurrency: 2
      })
      for (const page of pages) {
        assert.strictEqual(page.status, 200)
        assert.include(yield* Effect.promise(() => page.text()), "FTENANT_1")
      }
      const calls = (yield* emulator.journal).flatMap((entry) =>
        entry._tag === "Call" && entry.path.includes("/auth/") ? [entry.path.replace("/open-apis/auth/v3/", "")] : []
      )
      assert.deepStrictEqual(calls, ["app_ticket/resend", "app_access_token", "tenant_access_token"])

      // The platform sends the event again, in spite of the success, and it reaches the other machine.
      yield* emulator.setPushFaults([Fault.Doubled({ after: "3 seconds" })])
      const eventId = yield* emulator.push(appId, { type: "contact.user.created_v3", payload: {} })
      yield* first.printed(new RegExp(`event ${eventId}`))
      yield* Effect.retry(emulator.setRequestUrl(appId, `${second.origin}/webhook/event`), { times: 2 })
      const delivered = Effect.map(emulator.journal, (entries) =>
        entries.filter((entry) =>
          entry._tag === "Push" && entry.eventId === eventId && entry.outcome === "acknowledged"
        ))
      yield* Effect.repeat(delivered, {
        until: ({ length }) =>
          length === 2,
        schedule: Schedule.spaced("50 millis")
      })
      assert.notInclude(yield* second.output, eventId)
      for (const { output } of [first, second]) {
        for (const secret of Object.values(secrets)) {
          assert.notInclude(yield* output, secret)
        }
      }
    }).pipe(Effect.provide(Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [] })))),
  60_000
)
