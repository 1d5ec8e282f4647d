/** User access tokens, and tokens in the shape of JSON Web Tokens, with the library's own clients. */
import { AccessToken, FeishuClient } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, TestClock } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as EmulatorTest from "../src/EmulatorTest.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const lastCall = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.findLast(Journal.$is("Call")))
)

/** The code of a call with this bearer token. */
const codeOf = (value: string) =>
  Effect.map(Client.get("/open-apis/x", `Bearer ${value}`), ({ body, status }) => [status, body["code"]])

for (const [door, Live] of Object.entries(Client.doors({ apps: [Client.storeApp] }))) {
  describe(`A user access token at Emulator.${door}`, () => {
    it.effect("opens the API, is refused once invalid or expired, and is no app access token", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const token = yield* emulator.userToken("cli_store")
        const value = Redacted.value(token.value)
        assert.match(value, /^u-[0-9a-f]{40}$/)
        assert.deepInclude(token, { kind: "user", tenantKey: "tenant_1" })
        assert.deepStrictEqual(yield* codeOf(value), [200, 0])
        assert.deepInclude(yield* lastCall, { appId: "cli_store", tenantKey: "tenant_1", token: "valid" })
        assert.strictEqual((yield* Client.tenantToken(value, "tenant_1")).body["code"], 99991664)
        assert.deepStrictEqual(yield* codeOf("u-unknown"), [400, 99991668])
        assert.deepInclude(yield* lastCall, { appId: undefined, token: "invalid" })
        yield* emulator.advance("2 hours")
        assert.deepStrictEqual(yield* codeOf(value), [400, 99991677])
        assert.deepInclude(yield* lastCall, { appId: "cli_store", tenantKey: "tenant_1", token: "invalid" })
        yield* emulator.invalidateTokens("cli_store")
        assert.deepStrictEqual(yield* codeOf(value), [400, 99991668])
      }).pipe(Effect.provide(Live)))
  })
}

describe("A user access token", () => {
  it.effect("is for the tenant and the life that the options say", () =>
    Effect.gen(function*() {
      const { now, userToken } = yield* Emulator.Emulator
      const token = yield* userToken("cli_test", { tenantKey: "tenant_2", life: "10 seconds" })
      assert.deepInclude(token, { tenantKey: "tenant_2" })
      assert.strictEqual(token.expiresAt.epochMillis, (yield* now) + 10_000)
      // The tenant has not installed the app.
      assert.deepStrictEqual(yield* codeOf(Redacted.value(token.value)), [400, 99991673])
      const endless = yield* userToken("cli_test", { life: Infinity })
      assert.deepStrictEqual(yield* codeOf(Redacted.value(endless.value)), [200, 0])
      const ended = yield* userToken("cli_test", { life: 0 })
      assert.deepStrictEqual(yield* codeOf(Redacted.value(ended.value)), [400, 99991677])
      assert.strictEqual((yield* Effect.flip(userToken("cli_none")))._tag, "UnknownApp")
    }).pipe(Effect.provide(EmulatorTest.layer())))

  it.effect("works with FeishuClient.forUser, which reads why a token is refused", () =>
    Effect.gen(function*() {
      const { answer, userToken } = yield* Emulator.Emulator
      yield* answer("/open-apis/authen/v1/user_info", { name: "a user" })
      const ask = (token: Redacted.Redacted) =>
        Effect.gen(function*() {
          const client = yield* FeishuClient.forUser(token)
          const response = yield* FeishuClient.filterCodeOk(yield* client.get("/open-apis/authen/v1/user_info"))
          return yield* response.json
        })
      const { value } = yield* userToken("cli_test", { life: "1 hour" })
      assert.deepInclude(yield* ask(value), { data: { name: "a user" } })
      assert.deepInclude(yield* Effect.flip(ask(Redacted.make("u-unknown"))), { code: 99991668, kind: "TokenInvalid" })
      yield* TestClock.adjust("1 hour")
      assert.deepInclude(yield* Effect.flip(ask(value)), { code: 99991677, kind: "TokenInvalid" })
    }).pipe(Effect.provide(EmulatorTest.layer())))
})

describe("Tokens in the shape of JSON Web Tokens", () => {
  const Live = EmulatorTest.layerToken({ app: { jwtTokens: true } })
  const isJwt = (value: string) => {
    assert.match(value, /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.closeTo(value.length, 4_096, 200)
  }

  it.effect("work with AccessToken and FeishuClient, until they end", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.pushTicketAndWait("cli_test")
      const app = yield* AccessToken.app
      const tenant = yield* AccessToken.tenant("tenant_1")
      for (const { value } of [app, tenant]) isJwt(Redacted.value(value))
      assert.notStrictEqual(Redacted.value(app.value), Redacted.value(tenant.value))
      assert.deepStrictEqual(tenant.tenantKey, Option.some("tenant_1"))
      const client = yield* FeishuClient.forTenant("tenant_1")
      const call = Effect.flatMap(client.get("/open-apis/x"), FeishuClient.filterCodeOk)
      yield* call
      assert.deepInclude(yield* lastCall, { token: "valid", code: 0 })
      // The client takes new tokens once the platform refuses these.
      yield* emulator.invalidateTokens("cli_test")
      yield* call
      const calls = (yield* emulator.journal).filter(Journal.$is("Call")).slice(-5).map((
        { code, path }
      ) => [path, code])
      assert.deepStrictEqual(calls, [
        ["/open-apis/x", 99991663],
        ["/open-apis/auth/v3/tenant_access_token", 99991664],
        ["/open-apis/auth/v3/app_access_token", 0],
        ["/open-apis/auth/v3/tenant_access_token", 0],
        ["/open-apis/x", 0]
      ])
    }).pipe(Effect.provide(Live)))

  it.effect("are refused like other tokens, each by its kind", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.pushTicketAndWait("cli_test")
      const app = Redacted.value((yield* AccessToken.app).value)
      const tenant = Redacted.value((yield* AccessToken.tenant("tenant_1")).value)
      const user = Redacted.value((yield* emulator.userToken("cli_test")).value)
      isJwt(user)
      const codes = Effect.forEach([app, tenant, user], codeOf)
      assert.deepStrictEqual(yield* codes, [[200, 0], [200, 0], [200, 0]])
      yield* emulator.advance("2 hours")
      assert.deepStrictEqual(yield* codes, [[400, 99991664], [400, 99991663], [400, 99991677]])
      yield* emulator.invalidateTokens("cli_test")
      assert.deepStrictEqual(yield* codes, [[400, 99991664], [400, 99991663], [400, 99991668]])
      assert.deepStrictEqual(yield* codeOf("eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIxIn0.c2ln"), [400, 99991663])
      assert.deepStrictEqual(yield* codeOf("ey.no token"), [400, 99991671])
    }).pipe(Effect.provide(Live)))
})
