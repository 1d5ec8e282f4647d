/** Options and rules that can never apply, which the emulator refuses with a sentence. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Client from "./client.js"

const fault = Fault.html(500)
const pushFault = Fault.Lost()
const app = Client.storeApp

const refusalOf = (options: Partial<Emulator.Options>) =>
  Effect.flip(Effect.provide(Emulator.Emulator, Emulator.layerHttpClient({ apps: [app], ...options })))

const wrongRules: ReadonlyArray<[Fault.Rule<Fault.Fault>, string]> = [
  [Fault.every(0, fault), "every(0)"],
  [Fault.every(1.5, fault), "every(1.5)"],
  [Fault.every(-1, fault), "every(-1)"],
  [Fault.next(0, fault), "next(0)"],
  [Fault.next(-3, fault), "next(-3)"],
  [Fault.next(NaN, fault), "next(NaN)"],
  [Fault.withProbability(0, fault, { seed: 1 }), "above 0, and 1 at most"],
  [Fault.withProbability(1.1, fault, { seed: 1 }), "above 0, and 1 at most"],
  [Fault.withProbability(NaN, fault, { seed: 1 }), "above 0, and 1 at most"],
  [Fault.next(1, Fault.Answer({ status: 1000, headers: {}, body: "" })), "the status 1000 cannot be sent"],
  [Fault.next(1, Fault.Answer({ status: 200, headers: { "a header": "" }, body: "" })), "\"a header\" cannot be sent"],
  [Fault.next(1, Fault.Answer({ status: 200, headers: { "content-length": "1" }, body: "" })), "cannot be set"],
  [Fault.next(1, Fault.Answer({ status: 200, headers: { Trailer: "x-sum" }, body: "" })), "cannot be set"],
  [Fault.next(1, Fault.ContentType({ contentType: "a\nb" })), "cannot be sent"],
  [Fault.next(1, Fault.Refuse({ code: 1.5, msg: "", status: 400 })), "the code 1.5 is no whole number"],
  [Fault.next(1, Fault.Refuse({ code: NaN, msg: "", status: 400 })), "the code NaN is no whole number"],
  [Fault.next(1, Fault.rateLimit({ resetSeconds: 0.5 })), "resetSeconds is 0.5: give a whole number, 0 or above"],
  [Fault.next(1, Fault.rateLimit({ resetSeconds: -1 })), "resetSeconds is -1"],
  [Fault.next(1, fault, { only: [] }), "for no path and no type"],
  [Fault.next(1, fault, { only: "" }), "begin with /open-apis/"],
  [Fault.next(1, fault, { only: "/elsewhere" }), "begin with /open-apis/"],
  [Fault.next(1, fault, { only: "/open-apis/auth/v3/none" }), "does not exist"],
  [Fault.next(1, fault, { only: ["/open-apis/x", "/open-apis/x?a"] }), "without the query"]
]

const wrongPushRules: ReadonlyArray<[Fault.Rule<Fault.PushFault>, string]> = [
  [Fault.every(0, pushFault), "every(0)"],
  [Fault.next(0, pushFault), "next(0)"],
  [Fault.withProbability(2, pushFault, { seed: 1 }), "above 0, and 1 at most"],
  [Fault.next(1, pushFault, { only: [] }), "for no path and no type"],
  [Fault.next(1, pushFault, { only: "" }), "no empty type"],
  [Fault.next(1, pushFault, { only: "/open-apis/x" }), "is a path"],
  [Fault.next(1, pushFault, { only: "card.action.trigger" }), "is a callback"]
]

describe("A rule that can never apply", () => {
  it.effect.each(wrongRules)(
    "%o is refused by setFaults and in the options, and changes nothing",
    ([rule, reason]) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setFaults([fault])
        const error = yield* Effect.flip(emulator.setFaults([Fault.next(1, fault), rule]))
        assert.instanceOf(error, Emulator.OptionsError)
        assert.strictEqual(error.option, "faults")
        assert.match(error.message, /^The emulator's faults: /)
        assert.include(error.message, reason)
        assert.deepStrictEqual(yield* emulator.faults, [Fault.next(1, fault)])
        assert.strictEqual((yield* Client.get("/open-apis/x")).status, 500)
        assert.deepStrictEqual(yield* refusalOf({ faults: [rule] }), error)
      }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] })))
  )

  it.effect.each(wrongPushRules)(
    "%o is refused by setPushFaults and in the options",
    ([rule, reason]) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setPushFaults([pushFault])
        const error = yield* Effect.flip(emulator.setPushFaults([rule]))
        assert.strictEqual(error.option, "pushFaults")
        assert.include(error.message, reason)
        assert.deepStrictEqual(yield* emulator.pushFaults, [Fault.next(1, pushFault)])
        assert.deepStrictEqual(yield* refusalOf({ pushFaults: [rule] }), error)
      }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] })))
  )
})

describe("Options that cannot be", () => {
  it.effect.each<[Partial<Emulator.Options>, string, string]>([
    [{ apps: [app, Client.selfBuiltApp, { ...app, kind: "self-built" }] }, "apps", "two apps have the id cli_store"],
    [{ apps: [{ ...app, appId: "" }] }, "apps", "an app has no id"],
    [{ apps: [{ ...app, appSecret: Redacted.make("") }] }, "apps", "cli_store has an empty secret"],
    [{ limits: [{ path: "/elsewhere", calls: 1, per: "1 second" }] }, "limits", "begin with /open-apis/"],
    [{ limits: [{ path: "/open-apis/auth/v3/x", calls: 1, per: "1 second" }] }, "limits", "does not exist"],
    [{ limits: [{ path: "/open-apis/x", calls: -1, per: "1 second" }] }, "limits", "give a whole number"],
    [{ limits: [{ path: "/open-apis/x", calls: 1.5, per: "1 second" }] }, "limits", "give a whole number"],
    [{ limits: [{ path: "/open-apis/x", calls: 1, per: "999 millis" }] }, "limits", "whole seconds"],
    [{ limits: [{ path: "/open-apis/x", calls: 1, per: "1500 millis" }] }, "limits", "whole seconds"],
    [{ limits: [{ path: "/open-apis/x", calls: 1, per: Infinity }] }, "limits", "whole seconds"]
  ])("%o are refused", ([options, option, reason]) =>
    Effect.gen(function*() {
      const error = yield* refusalOf(options)
      assert.instanceOf(error, Emulator.OptionsError)
      assert.strictEqual(error.option, option)
      assert.include(error.message, reason)
      const server = Emulator.layerServer({ apps: [app], ...options })
      assert.deepStrictEqual(yield* Effect.flip(Effect.provide(Emulator.Emulator, server)), error)
    }))
})

describe("A path with a segment like :message_id", () => {
  it.effect("is for any segment in the rules of faults and in limits, too", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults([Fault.next(1, fault, { only: "/open-apis/messages/:message_id" })])
      assert.strictEqual((yield* Client.get("/open-apis/messages")).status, 400)
      assert.strictEqual((yield* Client.get("/open-apis/messages/om_1")).status, 500)
      const authorization = yield* Client.bearer
      const status = (path: string) => Effect.map(Client.get(path, authorization), ({ status }) => status)
      assert.strictEqual(yield* status("/open-apis/chats/oc_1"), 200)
      assert.strictEqual(yield* status("/open-apis/chats/oc_2"), 429)
      assert.strictEqual(yield* status("/open-apis/chats/oc_2/members"), 200)
    }).pipe(Effect.provide(Emulator.layerHttpClient({
      apps: [Client.selfBuiltApp],
      limits: [{ path: "/open-apis/chats/:chat_id", calls: 1, per: "1 minute" }]
    }))))
})

it.effect("A rule for several paths or types applies to each", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults([Fault.next(2, fault, { only: ["/open-apis/x", "/open-apis/y"] })])
    const status = (path: string) => Effect.map(Client.get(path), ({ status }) => status)
    assert.deepStrictEqual(
      [yield* status("/open-apis/x"), yield* status("/open-apis/z"), yield* status("/open-apis/y")],
      [500, 400, 500]
    )
    yield* emulator.setFaults([Fault.every(1, fault)])
    assert.strictEqual(yield* status("/open-apis/x"), 500)
    assert.strictEqual((yield* emulator.faults).length, 1)
  }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] }))))
