/** Handlers in EmulatorTest.layerTicket and layerToken that need what these layers provide. */
import {
  AccessToken,
  AppTicket,
  Claims,
  EventHandler,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpBody } from "@effect/platform"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted, TestClock } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as EmulatorTest from "../src/EmulatorTest.js"
import * as Journal from "../src/Journal.js"

const message = {
  type: FeishuEvents.MessageReceived.type,
  payload: {
    sender: { sender_id: { open_id: "ou_1" }, sender_type: "user", tenant_key: "tenant_1" },
    message: {
      message_id: "om_1",
      create_time: "0",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: "text",
      content: "{\"text\":\"hello\"}"
    }
  }
}

const logging = () => {
  const lines: Array<string> = []
  const logger = Logger.make((options) => lines.push(Logger.logfmtLogger.log(options)))
  return { lines, layer: Logger.add(logger) }
}

describe("A handler in EmulatorTest.layerToken", () => {
  it.effect("calls the platform with FeishuClient and needs nothing else", () => {
    const reply = EventHandler.on(FeishuEvents.MessageReceived, ({ payload, tenantKey }) =>
      Effect.gen(function*() {
        const client = yield* FeishuClient.forTenant(yield* tenantKey)
        const response = yield* client.post(`/open-apis/im/v1/messages/${payload.message.message_id}/reply`, {
          body: HttpBody.unsafeJson({ content: payload.message.content })
        })
        yield* FeishuClient.filterCodeOk(response)
      }))
    const Live = EmulatorTest.layerToken({ subscription: { handlers: [reply] } })
    expectTypeOf<Layer.Layer.Context<typeof Live>>().toEqualTypeOf<never>()
    return Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.pushTicketAndWait("cli_test")
      assert.deepInclude(yield* emulator.pushAndWait("cli_test", message), { outcome: "acknowledged", status: 200 })
      const call = (yield* emulator.journal).findLast(Journal.$is("Call"))
      assert.deepInclude(call, { path: "/open-apis/im/v1/messages/om_1/reply", tenantKey: "tenant_1", code: 0 })
      assert.deepStrictEqual(JSON.parse(call?.received?.text ?? ""), { content: message.payload.message.content })
    }).pipe(Effect.provide(Live))
  })

  it.effect("may need each service of the layer, and the layer needs only the others", () => {
    class Mine extends Context.Tag("Mine")<Mine, string>() {}
    const all = Effect.all([
      AccessToken.AccessToken,
      TokenStore.TokenStore,
      AppTicket.AppTicket,
      TicketStore.TicketStore,
      Claims.Claims,
      FeishuApp.FeishuApp,
      HttpClient.HttpClient,
      Emulator.Emulator
    ])
    const seen: Array<string> = []
    const handler = EventHandler.on(FeishuEvents.MessageReceived, () =>
      Effect.gen(function*() {
        yield* all
        seen.push(yield* Mine)
      }))
    const Live = EmulatorTest.layerToken({ subscription: { handlers: [handler] } })
    expectTypeOf<Layer.Layer.Context<typeof Live>>().toEqualTypeOf<Mine>()
    return Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      assert.deepInclude(yield* pushAndWait("cli_test", message), { status: 200 })
      assert.deepStrictEqual(seen, ["mine"])
    }).pipe(Effect.provide(Layer.provide(Live, Layer.succeed(Mine, "mine"))))
  })

  it.effect("gets a ticket by itself after pushDelay", () => {
    const handler = EventHandler.on(
      FeishuEvents.MessageReceived,
      ({ tenantKey }) => Effect.flatMap(tenantKey, AccessToken.tenant)
    )
    return Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      const fiber = yield* Effect.fork(pushAndWait("cli_test", message))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* fiber, { outcome: "acknowledged", status: 200 })
    }).pipe(Effect.provide(EmulatorTest.layerToken({ subscription: { handlers: [handler] } })))
  })

  it.effect("gets a ticket at once without a pushDelay", () => {
    const handler = EventHandler.on(
      FeishuEvents.MessageReceived,
      ({ tenantKey }) => Effect.flatMap(tenantKey, AccessToken.tenant)
    )
    return Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      assert.deepInclude(yield* pushAndWait("cli_test", message), { outcome: "acknowledged", status: 200 })
    }).pipe(Effect.provide(EmulatorTest.layerToken({ pushDelay: 0, subscription: { handlers: [handler] } })))
  })
})

it.effect("A handler in EmulatorTest.layerTicket may need the ticket, and the layer needs nothing", () => {
  const tickets: Array<string> = []
  const handler = EventHandler.on(
    FeishuEvents.MessageReceived,
    () => Effect.map(AppTicket.get, ({ value }) => void tickets.push(Redacted.value(value)))
  )
  const Live = EmulatorTest.layerTicket({ subscription: { handlers: [handler] } })
  expectTypeOf<Layer.Layer.Context<typeof Live>>().toEqualTypeOf<never>()
  return Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.pushTicketAndWait("cli_test")
    assert.deepInclude(yield* emulator.pushAndWait("cli_test", message), { status: 200 })
    assert.strictEqual(tickets.length, 1)
  }).pipe(Effect.provide(Live))
})

it.effect("A handler in EmulatorTest.layerTicket that needs a token is not provided with one", () => {
  const handler = EventHandler.on(FeishuEvents.MessageReceived, () => AccessToken.tenant("tenant_1"))
  const Live = EmulatorTest.layerTicket({ subscription: { handlers: [handler] } })
  expectTypeOf<Layer.Layer.Context<typeof Live>>().toEqualTypeOf<AccessToken.AccessToken>()
  return Effect.void
})

describe("A wrong use of EmulatorTest", () => {
  it.effect("of an event without a tenant is in the log as a sentence", () => {
    const { layer, lines } = logging()
    const handler = EventHandler.on(
      FeishuEvents.MessageReceived,
      ({ tenantKey }) => Effect.flatMap(tenantKey, FeishuClient.forTenant)
    )
    return Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      const refused = yield* pushAndWait("cli_test", { ...message, tenantKey: null })
      assert.deepInclude(refused, { outcome: "refused", status: 500 })
      assert.include(lines.join("\n"), "names no tenant")
    }).pipe(Effect.provide(Layer.provide(EmulatorTest.layerToken({ subscription: { handlers: [handler] } }), layer)))
  })

  it.effect.each<[EmulatorTest.Options, string]>([
    [{ app: { appId: "" } }, "app"],
    [{ app: { appSecret: Redacted.make("") } }, "appSecret is empty"],
    [{ answers: [{ path: "/im/v1" }] }, "begin with /open-apis/"],
    [{ limits: [{ path: "/im/v1", calls: 1, per: "1 second" }] }, "begin with /open-apis/"]
  ])("%o fails with a sentence", ([options, reason]) =>
    Effect.gen(function*() {
      for (const layer of [EmulatorTest.layer, EmulatorTest.layerTicket, EmulatorTest.layerToken]) {
        const error = yield* Effect.flip(Effect.provide(Emulator.Emulator, layer(options)))
        assert.include(["FeishuAppError", "OptionsError"], error._tag)
        assert.include(error.message, reason)
      }
    }))

  it.effect("of an app that does not exist fails with a sentence", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const uses: ReadonlyArray<Effect.Effect<unknown, { readonly message: string }>> = [
        emulator.push("cli_tset", message),
        emulator.pushAndWait("cli_tset", message),
        emulator.pushTicket("cli_tset"),
        emulator.pushTicketAndWait("cli_tset"),
        emulator.callback("cli_tset", message),
        emulator.userToken("cli_tset"),
        emulator.setRequestUrl("cli_tset", "http://127.0.0.1"),
        emulator.updateApp("cli_tset", (app) => app)
      ]
      for (const use of uses) {
        assert.match((yield* Effect.flip(use)).message, /^The emulator has no app cli_tset: /)
      }
    }).pipe(Effect.provide(EmulatorTest.layer())))
})
