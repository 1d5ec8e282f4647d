/** Long lives and large numbers, in simulated time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { App } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

describe("A life of 2 days", () => {
  it.effect("has a push every hour, and a token whenever one is asked for", () => {
    const received = Client.receiver(Client.storeApp)
    const app: App = { ...Client.storeApp, requestUrl: received.requestUrl }
    return Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* TestClock.adjust("1 hour")
      const tokens = new Set<string>()
      // Every 20 minutes, as a service would that keeps none.
      for (let call = 0; call < 3 * (24 * 2 - 1); call++) {
        const ticket = received.tickets.at(-1) ?? assert.fail("no ticket")
        const { body } = yield* Client.appToken(app, ticket)
        assert.strictEqual(body["code"], 0)
        assert.isAtLeast(body["expire"], 1800)
        const tenant = yield* Client.tenantToken(body["app_access_token"], "tenant_1")
        tokens.add(tenant.body["tenant_access_token"])
        const answer = yield* Client.get("/open-apis/test", `Bearer ${tenant.body["tenant_access_token"]}`)
        assert.strictEqual(answer.body["code"], 0)
        yield* TestClock.adjust("20 minutes")
      }
      assert.strictEqual(received.tickets.length, 24 * 2)
      assert.strictEqual(new Set(received.tickets).size, 24 * 2)
      // A token is asked for anew after 100 minutes, the first time that less than 30 are left.
      assert.strictEqual(tokens.size, Math.ceil((24 * 2 - 1) * 60 / 100))
      const journal = yield* emulator.journal
      assert.strictEqual(journal.filter(Journal.$is("Push")).length, 24 * 2)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] })))
  })
})

describe("200 apps at once", () => {
  it.effect("each get their own tickets and tokens", () => {
    const worlds = Array.from({ length: 200 }, (_, n) => {
      const app: App = { ...Client.storeApp, appId: `cli_${n}` }
      const received = Client.receiver(app)
      return { received, app: { ...app, requestUrl: received.requestUrl } }
    })
    return Effect.gen(function*() {
      yield* Effect.forEach(worlds, ({ app }) => Client.resend(app), { concurrency: "unbounded" })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 hour")
      assert.isTrue(worlds.every(({ received }) => received.tickets.length === 2))
      const answers = yield* Effect.forEach(
        worlds,
        ({ app, received }) => Client.appToken(app, received.tickets[1] ?? ""),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(answers.map(({ body }) => body["app_access_token"])).size, 200)
      assert.strictEqual(
        (yield* Client.appToken(worlds[0]?.app ?? Client.storeApp, worlds[1]?.received.tickets[0] ?? ""))
          .body["code"],
        10012
      )
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: worlds.map(({ app }) => app), pushDelay: 0 })))
  })
})
