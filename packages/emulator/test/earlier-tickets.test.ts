/** Begins with the tickets of an earlier run. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Redacted, TestClock } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as Client from "./client.js"

const { appId } = Client.storeApp

const ticket = (value: string, hours: number, of = appId) => ({
  appId: of,
  value: Redacted.make(value),
  expiresAt: DateTime.add(DateTime.unsafeMake(0), { hours })
})

describe("the tickets of an earlier run", () => {
  it.effect("are valid until their end, and none of them after a reset", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const codeWith = (value: string) =>
        Effect.map(Client.appToken(Client.storeApp, value), ({ body }) => body["code"])
      assert.deepStrictEqual(
        (yield* emulator.tickets(appId)).map(({ value }) => Redacted.value(value)),
        ["older", "newer"]
      )
      assert.deepStrictEqual(yield* Effect.all([codeWith("older"), codeWith("newer"), codeWith("ended")]), [
        0,
        0,
        10012
      ])
      yield* TestClock.adjust("90 minutes")
      assert.deepStrictEqual(yield* Effect.all([codeWith("older"), codeWith("newer")]), [10012, 0])
      yield* emulator.reset
      assert.deepStrictEqual(yield* emulator.tickets(appId), [])
      assert.strictEqual(yield* codeWith("newer"), 10012)
    }).pipe(Effect.provide(Emulator.layerHttpClient({
      apps: [Client.storeApp],
      tickets: [ticket("ended", 0), ticket("older", 1), ticket("newer", 2)]
    }))))

  it.effect("are refused if they belong to an app that the options do not have", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(Layer.launch(Emulator.layerHttpClient({
        apps: [Client.storeApp],
        tickets: [ticket("stray", 1, "cli_other")]
      })))
      assert.strictEqual(
        refused.message,
        "The emulator's tickets: a ticket is of cli_other, which is none of the apps"
      )
    }))
})

it.effect("the tokens of an earlier run are valid until their end, and the calls for tokens give them again", () =>
  Effect.gen(function*() {
    const before = yield* Emulator.Emulator
    yield* before.pushTicket(appId)
    const [ticket] = yield* before.tickets(appId)
    const app = (yield* Client.appToken(Client.storeApp, ticket === undefined ? "" : Redacted.value(ticket.value)))
      .body["app_access_token"]
    const tenant = (yield* Client.tenantToken(app, "tenant_1")).body["tenant_access_token"]
    const user = Redacted.value((yield* before.userToken(appId)).value)
    const tokens = (yield* before.tokens(appId)).map((token) => Object.assign({ appId }, token))

    yield* Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      for (const token of [tenant, user]) {
        assert.strictEqual((yield* Client.get("/open-apis/test", `Bearer ${token}`)).status, 200)
      }
      assert.strictEqual((yield* Client.tenantToken(app, "tenant_1")).body["tenant_access_token"], tenant)
      yield* TestClock.adjust("2 hours")
      assert.strictEqual((yield* Client.get("/open-apis/test", `Bearer ${tenant}`)).body["code"], 99991663)
      yield* emulator.reset
      assert.deepStrictEqual(yield* emulator.tokens(appId), [])
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [Client.storeApp], tokens })))
  }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [Client.storeApp] }))))
