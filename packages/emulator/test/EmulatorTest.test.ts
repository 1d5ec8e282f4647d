import { AppTicket, FeishuApp } from "@effect-feishu/core"
import { assert, expectTypeOf, it } from "@effect/vitest"
import { Effect, Option, Redacted, TestClock } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as EmulatorTest from "../src/EmulatorTest.js"
import * as Client from "./client.js"

it.effect("EmulatorTest.layer gives an app that its emulator knows", () =>
  Effect.gen(function*() {
    yield* AppTicket.resend
    const [call] = yield* Effect.flatMap(Emulator.Emulator, ({ journal }) => journal)
    assert.deepInclude(call, { _tag: "Call", appId: "cli_test", code: 0 })
  }).pipe(Effect.provide(EmulatorTest.layer())))

it.effect("EmulatorTest.layer gives the app that one asks for, and pushes to it on the test's clock", () => {
  const received = Client.receiver({ ...Client.storeApp, appId: "cli_mine" })
  return Effect.gen(function*() {
    const app = yield* FeishuApp.FeishuApp
    assert.deepInclude(app, { appId: "cli_mine", kind: "store" })
    assert.strictEqual(Option.getOrNull(Option.map(app.encryptKey, Redacted.value)), "an encrypt key")
    assert.strictEqual(Option.getOrNull(Option.map(app.verificationToken, Redacted.value)), "a verification token")
    yield* AppTicket.resend
    yield* TestClock.adjust("1 second")
    assert.strictEqual(received.tickets.length, 0)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(received.tickets.length, 1)
  }).pipe(Effect.provide(EmulatorTest.layer({
    app: { ...Client.storeApp, appId: "cli_mine", requestUrl: received.requestUrl },
    pushDelay: "2 seconds"
  })))
})

it.effect("EmulatorTest.layer gives a self-built app, too", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* FeishuApp.FeishuApp).kind, "self-built")
    assert.deepInclude(yield* Effect.flip(AppTicket.resend), { _tag: "FeishuApiError", code: 10016 })
  }).pipe(Effect.provide(EmulatorTest.layer({ app: { kind: "self-built" } }))))

it("EmulatorTest.layerTicket and layerToken need nothing, also in an array of layers", () => {
  const provided = Effect.provide(AppTicket.get, [EmulatorTest.layerTicket(), EmulatorTest.layerToken()])
  expectTypeOf<Effect.Effect.Context<typeof provided>>().toEqualTypeOf<never>()
})
