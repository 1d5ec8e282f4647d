/** Tickets and tokens, and how long each lives: in process, on the test's clock, to the second. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, TestClock } from "effect"
import * as Emulator from "../src/Emulator.js"
import * as Client from "./client.js"

/** An emulator of its own for each test, with a store app that receives its events. */
const withEmulator = <A, E>(
  test: (world: {
    readonly emulator: Emulator.Service
    readonly app: typeof Client.storeApp
    readonly tickets: ReadonlyArray<string>
  }) => Effect.Effect<A, E, Effect.Effect.Context<ReturnType<typeof Client.resend>>>,
  limits?: Emulator.Options["limits"]
) => {
  const received = Client.receiver(Client.storeApp)
  const app = { ...Client.storeApp, requestUrl: received.requestUrl }
  return Effect.flatMap(Emulator.Emulator, (emulator) => test({ emulator, app, tickets: received.tickets })).pipe(
    Effect.provide(Emulator.layerHttpClient({ apps: [app, Client.selfBuiltApp], limits }))
  )
}

const ticketOf = (world: { readonly app: typeof Client.storeApp; readonly tickets: ReadonlyArray<string> }) =>
  Effect.gen(function*() {
    yield* Client.resend(world.app)
    yield* TestClock.adjust("200 millis")
    return world.tickets.at(-1) ?? assert.fail("no ticket came")
  })

const second = Duration.seconds(1)

describe("A ticket", () => {
  it.effect("gives an app access token, which gives a tenant access token, which opens the API", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const app = yield* Client.appToken(world.app, yield* ticketOf(world))
        assert.match(app.body["app_access_token"], /^a-[0-9a-f]{40}$/)
        assert.deepInclude(app.body, { code: 0, msg: "success", expire: 7200 })
        const tenant = yield* Client.tenantToken(app.body["app_access_token"], "tenant_1")
        assert.match(tenant.body["tenant_access_token"], /^t-[0-9a-f]{40}$/)
        assert.deepInclude(tenant.body, { code: 0, msg: "success", expire: 7200 })
        const bearer = `Bearer ${tenant.body["tenant_access_token"]}`
        assert.deepStrictEqual((yield* Client.get("/open-apis/any/v1/thing", bearer)).body, {
          code: 0,
          msg: "success",
          data: {}
        })
        const { body } = yield* Client.get("/open-apis/tenant/v2/tenant/query", bearer)
        assert.strictEqual(body["data"].tenant.tenant_key, "tenant_1")
      })
    ))

  it.effect("is valid for 3 h, beside others", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const first = yield* ticketOf(world)
        yield* TestClock.adjust("1 hour")
        const other = yield* ticketOf(world)
        assert.notStrictEqual(first, other)
        const code = (ticket: string) => Effect.map(Client.appToken(world.app, ticket), ({ body }) => body["code"])
        assert.deepStrictEqual([yield* code(first), yield* code(other)], [0, 0])
        yield* TestClock.adjust(Duration.subtract("2 hours", "201 millis"))
        assert.deepStrictEqual([yield* code(first), yield* code(other)], [0, 0])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual([yield* code(first), yield* code(other)], [10012, 0])
      })
    ))

  it.effect("of another app, made up, or invalidated is refused", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const ticket = yield* ticketOf(world)
        yield* world.emulator.setApp({ ...world.app, appId: "cli_other" })
        assert.strictEqual((yield* Client.appToken({ ...world.app, appId: "cli_other" }, ticket)).body["code"], 10012)
        assert.strictEqual((yield* Client.appToken(world.app, "made up")).body["code"], 10012)
        assert.strictEqual((yield* Client.appToken(world.app, "")).body["code"], 10003)
        yield* world.emulator.invalidateTickets(world.app.appId)
        assert.strictEqual((yield* Client.appToken(world.app, ticket)).body["code"], 10012)
      })
    ))
})

describe("A token", () => {
  const kinds = {
    "app access token": (world: Parameters<typeof ticketOf>[0]) =>
      Effect.map(ticketOf(world), (ticket) => () => Client.appToken(world.app, ticket)),
    "tenant access token of a self-built app": () =>
      Effect.succeed(() => Client.tenantTokenInternal(Client.selfBuiltApp)),
    "app access token of a self-built app": () => Effect.succeed(() => Client.appTokenInternal(Client.selfBuiltApp))
  }
  for (const [kind, begin] of Object.entries(kinds)) {
    it.effect(`the ${kind} is the same until 30 min before its end, then a new one while the old one lives`, () =>
      withEmulator((world) =>
        Effect.gen(function*() {
          const call = yield* begin(world)
          const ask = Effect.map(call(), ({ body }) => ({
            token: body["app_access_token"] ?? body["tenant_access_token"],
            expire: body["expire"]
          }))
          const works = (token: string) =>
            Effect.map(Client.get("/open-apis/test", `Bearer ${token}`), ({ body }) => body["code"] === 0)

          const first = yield* ask
          assert.strictEqual(first.expire, 7200)
          yield* TestClock.adjust("500 millis")
          assert.deepStrictEqual(yield* ask, { ...first, expire: 7199 })
          yield* TestClock.adjust("500 millis")
          assert.deepStrictEqual(yield* ask, { ...first, expire: 7199 })

          // 90 min: exactly 30 min are left.
          yield* TestClock.adjust(Duration.subtract("90 minutes", second))
          assert.deepStrictEqual(yield* ask, { ...first, expire: 1800 })
          yield* TestClock.adjust(second)
          const next = yield* ask
          assert.notStrictEqual(next.token, first.token)
          assert.strictEqual(next.expire, 7200)
          assert.deepStrictEqual(yield* ask, next)

          // The old one lives to its own end.
          yield* TestClock.adjust(Duration.subtract("30 minutes", "2 seconds"))
          assert.isTrue(yield* works(first.token))
          yield* TestClock.adjust(second)
          assert.isFalse(yield* works(first.token))
          assert.isTrue(yield* works(next.token))
        })
      ))
  }

  it.effect("the one of a tenant follows the same rule, each tenant for itself", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const ticket = yield* ticketOf(world)
        const ask = (tenant: string) =>
          Effect.gen(function*() {
            const app = yield* Client.appToken(world.app, ticket)
            return (yield* Client.tenantToken(app.body["app_access_token"], tenant)).body
          })
        const one = yield* ask("tenant_1")
        yield* TestClock.adjust("1 hour")
        const two = yield* ask("tenant_2")
        assert.notStrictEqual(one["tenant_access_token"], two["tenant_access_token"])
        yield* TestClock.adjust("30 minutes")
        assert.deepInclude(yield* ask("tenant_1"), { tenant_access_token: one["tenant_access_token"], expire: 1800 })
        yield* TestClock.adjust(second)
        assert.notStrictEqual((yield* ask("tenant_1"))["tenant_access_token"], one["tenant_access_token"])
        assert.deepInclude(yield* ask("tenant_2"), { tenant_access_token: two["tenant_access_token"], expire: 5399 })
      })
    ))

  it.effect("of a self-built app: both in one answer, and they are one", () =>
    withEmulator(() =>
      Effect.gen(function*() {
        const { body } = yield* Client.appTokenInternal(Client.selfBuiltApp)
        assert.match(body["app_access_token"], /^t-/)
        assert.strictEqual(body["tenant_access_token"], body["app_access_token"])
        assert.strictEqual(
          (yield* Client.tenantTokenInternal(Client.selfBuiltApp)).body["tenant_access_token"],
          body["tenant_access_token"]
        )
      })
    ))

  it.effect("is refused with the documented codes", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const app = (yield* Client.appToken(world.app, yield* ticketOf(world))).body["app_access_token"]
        const tenant = (yield* Client.tenantToken(app, "tenant_1")).body["tenant_access_token"]
        const code = (authorization?: string) =>
          Effect.map(Client.get("/open-apis/test", authorization), ({ body, status }) => [status, body["code"]])

        assert.deepStrictEqual(yield* code(), [400, 99991661])
        assert.deepStrictEqual(yield* code("Basic abc"), [400, 99991661])
        assert.deepStrictEqual(yield* code("Bearer abc"), [400, 99991671])
        assert.deepStrictEqual(yield* code("Bearer t-abc"), [400, 99991663])
        assert.deepStrictEqual(yield* code("Bearer a-abc"), [400, 99991664])
        assert.deepStrictEqual(yield* code(`Bearer ${tenant}`), [200, 0])

        assert.strictEqual((yield* Client.tenantToken("a-abc", "tenant_1")).body["code"], 99991664)
        assert.strictEqual((yield* Client.tenantToken(tenant, "tenant_1")).body["code"], 99991664)
        assert.strictEqual((yield* Client.tenantToken(app, "tenant_none")).body["code"], 11210)
        assert.strictEqual((yield* Client.tenantToken(app, "")).body["code"], 10003)

        yield* world.emulator.setApp({ ...world.app, tenants: ["tenant_2"] })
        assert.deepStrictEqual(yield* code(`Bearer ${tenant}`), [400, 99991673])
        assert.strictEqual((yield* Client.tenantToken(app, "tenant_1")).body["code"], 11210)

        yield* world.emulator.setApp({ ...world.app, enabled: false })
        assert.deepStrictEqual(yield* code(`Bearer ${tenant}`), [400, 99991662])
        assert.strictEqual((yield* Client.tenantToken(app, "tenant_1")).body["code"], 10005)

        yield* world.emulator.setApp(world.app)
        assert.deepStrictEqual(yield* code(`Bearer ${tenant}`), [200, 0])
        // The tenant's data is for the tenant's token.
        assert.strictEqual(
          (yield* Client.get("/open-apis/tenant/v2/tenant/query", `Bearer ${app}`)).body["code"],
          99991663
        )
        assert.strictEqual((yield* Client.post("/open-apis/tenant/v2/tenant/query", {})).status, 404)

        yield* world.emulator.invalidateTokens(world.app.appId)
        assert.deepStrictEqual(yield* code(`Bearer ${tenant}`), [400, 99991663])
        assert.strictEqual((yield* Client.tenantToken(app, "tenant_1")).body["code"], 99991664)
        const renewed = (yield* Client.appToken(world.app, yield* ticketOf(world))).body["app_access_token"]
        assert.notStrictEqual(renewed, app)
        assert.strictEqual((yield* Client.tenantToken(renewed, "tenant_1")).body["code"], 0)

        // An app access token that has ended gives no more tenant access tokens.
        yield* TestClock.adjust(Duration.subtract("2 hours", "1 millis"))
        assert.strictEqual((yield* Client.tenantToken(renewed, "tenant_1")).body["code"], 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Client.tenantToken(renewed, "tenant_1")).body["code"], 99991664)
      })
    ))

  it.effect("a store app's calls are not a self-built app's", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Client.appTokenInternal(world.app)).body["code"], 10005)
        assert.strictEqual((yield* Client.tenantTokenInternal(world.app)).body["code"], 10005)
        assert.strictEqual((yield* Client.appToken(Client.selfBuiltApp, "x")).body["code"], 10005)
        assert.strictEqual((yield* Client.resend(Client.selfBuiltApp)).body["code"], 10016)
      })
    ))
})

describe("A rate limit", () => {
  it.effect.each([429, 400] as const)(
    "is per app and call, as HTTP %i, until the window's end",
    (status) =>
      withEmulator((world) =>
        Effect.gen(function*() {
          yield* world.emulator.setApp({ ...world.app, appId: "cli_other" })
          const resend = Client.resend(world.app)
          assert.strictEqual((yield* resend).body["code"], 0)
          yield* TestClock.adjust("2500 millis")
          assert.strictEqual((yield* resend).body["code"], 0)
          const limited = yield* resend
          assert.strictEqual(limited.status, status)
          assert.deepInclude(limited.body, { code: 99991400 })
          assert.strictEqual(limited.headers["x-ogw-ratelimit-limit"], "10")
          assert.strictEqual(limited.headers["x-ogw-ratelimit-reset"], "8")
          assert.strictEqual((yield* Client.resend({ ...world.app, appId: "cli_other" })).body["code"], 0)
          assert.strictEqual((yield* Client.appToken(world.app, "x")).body["code"], 10012)
          yield* TestClock.adjust("7 seconds")
          assert.strictEqual((yield* resend).body["code"], 99991400)
          yield* TestClock.adjust(second)
          assert.strictEqual((yield* resend).body["code"], 0)
        }), [{ path: "/open-apis/auth/v3/app_ticket/resend", calls: 2, per: "10 seconds", status }])
  )

  it.effect("counts for the app whose token a call carries, and of several limits the one that is exceeded", () =>
    withEmulator((world) =>
      Effect.gen(function*() {
        const app = (yield* Client.appToken(world.app, yield* ticketOf(world))).body["app_access_token"]
        const tenant = (yield* Client.tenantToken(app, "tenant_1")).body["tenant_access_token"]
        const call = Effect.map(Client.get("/open-apis/x", `Bearer ${tenant}`), ({ body }) => body["code"])
        assert.deepStrictEqual([yield* call, yield* call], [0, 99991400])
        yield* TestClock.adjust(second)
        assert.strictEqual(yield* call, 0)
        yield* TestClock.adjust(second)
        const limited = yield* Client.get("/open-apis/x", `Bearer ${tenant}`)
        assert.strictEqual(limited.headers["x-ogw-ratelimit-reset"], "58")
        const journal = yield* world.emulator.journal
        assert.deepInclude(journal.at(-1), { path: "/open-apis/x", appId: "cli_store", status: 429 })
      }), [
      { path: "/open-apis/x", calls: 1, per: "1 second" },
      { path: "/open-apis/x", calls: 3, per: "1 minute" }
    ]))
})
