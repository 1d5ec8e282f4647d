/** What the token service remembers of a refusal: for one tenant, or for the app. */
import { type AccessToken, FeishuError } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Redacted, TestClock } from "effect"
import * as RefusedTenants from "../src/serve/tokens/RefusedTenants.js"
import * as Service from "./tokenService.js"

const appId = "cli_refused"

const authCall = (name: string) => `https://open.feishu.cn/open-apis/auth/v3/${name}`

const refusalOf = (code: number, call = "tenant_access_token") =>
  new FeishuError.FeishuApiError({ code, msg: "no", status: 200, method: "POST", url: authCall(call) })

/** Answers as `answers` says, or with a token. `asked` has the tenants for which the platform would be asked. */
const remembering = (answers: Map<string, FeishuError.FeishuApiError>) => {
  const asked: Array<string> = []
  const tenant: AccessToken.Service["tenant"] = (tenantKey) =>
    Effect.gen(function*() {
      asked.push(tenantKey)
      const refusal = answers.get(tenantKey)
      if (refusal !== undefined) return yield* refusal
      return { value: Redacted.make("t-1"), expiresAt: yield* DateTime.now, tenantKey: Option.some(tenantKey) }
    })
  const { tokens } = RefusedTenants.remember(Service.stub(appId, {
    tokens: { app: Effect.never, tenant, invalidate: () => Effect.void }
  }))
  const ask = (tenantKey: string) => Effect.map(Effect.either(tokens.tenant(tenantKey)), ({ _tag }) => _tag)
  return { ask, asked }
}

describe("A refused token", () => {
  it.scopedLive("of a disabled app costs one call and one warning for all tenants", () => {
    const { layer, lines } = Service.collectLog()
    const tenants = ["tenant_1", "tenant_2", "tenant_3", "tenant_4", "tenant_5"]
    return Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const statusOf = (tenantKey: string) => Effect.map(ask(`/v1/tenants/${tenantKey}/token`), ({ status }) => status)
      assert.strictEqual(yield* statusOf("tenant_0"), 200)
      yield* emulator.updateApp(appId, (app) => ({ ...app, enabled: false }))
      const before = yield* Service.calls(appId, "/tenant_access_token")
      const answers = yield* Effect.forEach(tenants, (tenantKey) => ask(`/v1/tenants/${tenantKey}/token`))
      assert.deepStrictEqual(
        answers.map(({ json, status }) => [status, json.error.code]),
        tenants.map(() => [502, 10005])
      )
      assert.strictEqual((yield* Service.calls(appId, "/tenant_access_token")) - before, 1)
      const warnings = lines.filter((line) => line.includes("10005"))
      assert.match(warnings.join("\n"), /^WARN no new token of any tenant \(app cli_refused\): [^\n]*$/)
      assert.strictEqual(yield* statusOf("tenant_0"), 200)
    }).pipe(
      Effect.provide(
        Emulator.layerServer({
          apps: [Service.app(appId, { tenants: ["tenant_0", ...tenants] })],
          pushDelay: "10 millis"
        }).pipe(Layer.merge(layer))
      )
    )
  })

  for (
    const [what, refusal] of [
      ["a disabled app", refusalOf(10005)],
      ["a wrong secret", refusalOf(10014, "app_access_token")],
      ["an app id that the host does not know", refusalOf(10003, "app_access_token")],
      ["an unknown code for the app's own token", refusalOf(12345, "app_access_token")],
      ["an address that the app does not allow", refusalOf(99991401)],
      ["a self-built app", refusalOf(11210, "tenant_access_token/internal")]
    ] as const
  ) {
    it.effect(`because of ${what} is refused to other tenants for 10 s`, () =>
      Effect.gen(function*() {
        const answers = new Map([["a", refusal], ["b", refusal]])
        const { ask, asked } = remembering(answers)
        assert.deepStrictEqual([yield* ask("a"), yield* ask("b"), yield* ask("a")], ["Left", "Left", "Left"])
        assert.deepStrictEqual(asked, ["a"])
        answers.clear()
        yield* TestClock.adjust("9999 millis")
        assert.strictEqual(yield* ask("b"), "Left")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* ask("b"), "Right")
      }).pipe(Effect.provide(Service.quiet)))
  }

  for (
    const [what, refusal] of [
      ["a tenant without the app (11210)", refusalOf(11210)],
      ["a tenant without the app (20009)", refusalOf(20009)],
      ["a tenant that gets no token", refusalOf(10013)],
      ["a tenant key that is wrong", refusalOf(10003)],
      ["a code that is not known", refusalOf(12345)]
    ] as const
  ) {
    it.effect(`because of ${what} is refused to this tenant alone for 10 s`, () =>
      Effect.gen(function*() {
        const { ask, asked } = remembering(new Map([["a", refusal]]))
        assert.deepStrictEqual([yield* ask("a"), yield* ask("a"), yield* ask("b")], ["Left", "Left", "Right"])
        yield* TestClock.adjust("10 seconds")
        yield* ask("a")
        assert.deepStrictEqual(asked, ["a", "b", "a"])
      }).pipe(Effect.provide(Service.quiet)))
  }

  it.effect("because of the app leaves the tokens that tenants have", () =>
    Effect.gen(function*() {
      const answers = new Map([["a", refusalOf(10005)]])
      const { ask, asked } = remembering(answers)
      assert.deepStrictEqual([yield* ask("b"), yield* ask("a"), yield* ask("b")], ["Right", "Left", "Right"])
      // The token of "b" has ended: one call finds that out.
      answers.set("b", refusalOf(10005))
      assert.deepStrictEqual([yield* ask("b"), yield* ask("b")], ["Left", "Left"])
      assert.deepStrictEqual(asked, ["b", "a", "b", "b"])
    }).pipe(Effect.provide(Service.quiet)))
})
