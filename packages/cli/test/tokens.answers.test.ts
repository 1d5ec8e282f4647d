/** The endpoints of the token service: their answers and their errors. */
import { AppTicket, FeishuError, TicketStore } from "@effect-feishu/core"
import { Emulator, Fault } from "@effect-feishu/emulator"
import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, DateTime, Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import * as Listen from "../src/serve/Listen.js"
import type * as Audit from "../src/serve/tokens/Audit.js"
import * as MemoryTokens from "../src/serve/tokens/MemoryTokens.js"
import { TokenApi } from "../src/serve/tokens/TokenApi.js"
import * as Time from "../src/Time.js"
import * as Service from "./tokenService.js"

const appId = "cli_tokens"

const tenantTokenCall = "/open-apis/auth/v3/tenant_access_token"

const withEmulator = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(
    test,
    Emulator.layerServer({
      apps: [
        Service.app(appId, { tenants: ["tenant_1", "tenant_2"] }),
        Service.app("cli_other"),
        Service.app("cli_own", { kind: "self-built" })
      ],
      pushDelay: "10 millis"
    }).pipe(Layer.merge(Service.quiet))
  )

const expectedOf = (list: ReadonlyArray<Emulator.Token>, kind: string, tenantKey?: string) =>
  list.findLast((token) => token.kind === kind && token.tenantKey === tenantKey) ?? assert.fail("no token was issued")

describe("The token service", () => {
  it.scopedLive("returns tokens and the ticket with their ends", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const tenant = yield* ask("/v1/tenants/tenant_1/token")
      const own = yield* ask("/v1/app/token")
      const tokens = yield* emulator.tokens(appId)
      const ofTenant = expectedOf(tokens, "tenant", "tenant_1")
      assert.strictEqual(tenant.status, 200)
      assert.strictEqual(tenant.json.token, Redacted.value(ofTenant.value))
      assert.strictEqual(tenant.json.app_id, appId)
      assert.strictEqual(tenant.json.tenant_key, "tenant_1")
      assert.isTrue(Number.isInteger(tenant.json.expires_in))
      assert.approximately(tenant.json.expires_in, 7195, 5)
      const end = DateTime.toEpochMillis(DateTime.unsafeMake(tenant.json.expires_at))
      assert.approximately(end, DateTime.toEpochMillis(ofTenant.expiresAt), 5_000)
      assert.deepStrictEqual(Object.keys(own.json).toSorted(), ["app_id", "expires_at", "expires_in", "token"])
      assert.strictEqual(own.json.token, Redacted.value(expectedOf(tokens, "app").value))

      const ticket = yield* ask("/v1/ticket")
      const [newest] = (yield* emulator.tickets(appId)).toReversed()
      assert.strictEqual(ticket.json.ticket, newest && Redacted.value(newest.value))
      assert.strictEqual(ticket.json.app_id, appId)
      assert.approximately(ticket.json.expires_in, 10_795, 5)
      assert.match(ticket.json.sent_at, /^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/)
      for (const { headers } of [tenant, own, ticket]) {
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.strictEqual(headers["content-type"], "application/json")
      }
    })))

  it.scopedLive("returns the newest ticket, though an older one is still valid", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const first = yield* ask("/v1/ticket")
      yield* emulator.pushTicketAndWait(appId)
      const second = yield* ask("/v1/ticket")
      assert.notStrictEqual(second.json.ticket, first.json.ticket)
      const newest = (yield* emulator.tickets(appId)).at(-1)
      assert.strictEqual(second.json.ticket, newest && Redacted.value(newest.value))
    })))

  it.scopedLive("answers from memory as the endpoint does, in all cases", () =>
    withEmulator(Effect.gen(function*() {
      const apps = Service.appsOf(yield* Service.served(appId), yield* Service.servedSelfBuilt("cli_own"))
      const { fast, slow } = yield* Service.listenBothWays(apps)
      const cases: ReadonlyArray<[path: string, asked?: Service.Asked]> = [
        [`/v1/tenants/tenant_1/token?app_id=${appId}`],
        [`/v1/tenants/tenant%5F1/token?app_id=${appId}`],
        [`/v1/tenants/tenant_1/token?app_id=${appId}&x=1`],
        [`/v1/tenants/tenant_1/token?app_id=${appId}`, { method: "HEAD" }],
        [`/v1/app/token?app_id=${appId}`],
        ["/v1/app/token?app_id=cli_own"],
        ["/v1/tenants/any/token?app_id=cli_own"],
        ["/v1/tenants/tenant_1/token"],
        ["/v1/app/token"],
        ["/v1/app/token?app_id="],
        ["/v1/app/token?app_id=cli_unknown"],
        [`/v1/app/token?app_id=${appId}&app_id=cli_own`],
        [`/v1/tenants/tenant_3/token?app_id=${appId}`],
        [`/v1/tenants/a%0ab/token?app_id=${appId}`],
        [`/v1/app/token?app_id=${appId}`, { method: "POST", body: {} }],
        [`/v1/app/token/?app_id=${appId}`],
        ["/v1/app/token", { key: "a wrong key" }]
      ]
      // The tokens are in memory from here on.
      for (const [path, asked] of cases) yield* slow(path, asked)
      for (const [path, asked] of cases) {
        const answers = yield* Effect.all([fast(path, asked), slow(path, asked)])
        const [one, two] = answers.map(({ headers, status, text }) => ({
          status,
          headers: { ...headers, date: "", "keep-alive": "" },
          text: text
            .replace(/"expires_in":\d+/, "SECONDS")
            // Each attempt has an id of its own.
            .replace(/log id [\w-]+|"log_id":"[\w-]+"/g, "LOG ID")
        }))
        assert.deepStrictEqual(one, two, path)
      }
    })))

  it.scopedLive("answers from memory only what is in memory", () =>
    Effect.gen(function*() {
      const token = {
        value: Redacted.make("t-1"),
        expiresAt: yield* DateTime.now,
        tenantKey: Option.some("tenant_1")
      }
      const revealed: Array<Audit.Reveal> = []
      const caller = { key: "billing", address: "127.0.0.1" }
      const answer = yield* MemoryTokens.make({
        apps: Service.appsOf(Service.stub(appId, {
          tokens: {
            app: Effect.never,
            tenant: (key) => key === "tenant_1" ? Effect.succeed(token) : Effect.die("not in memory"),
            invalidate: () => Effect.void
          }
        })),
        audit: { add: (reveal) => void revealed.push(reveal) }
      })
      const address = yield* Listen.serve((request, response) => {
        if (!answer(request, response, caller)) response.writeHead(418).end()
      }, Service.onAnyPort)
      const statusOf = (path: string, method = "GET") =>
        Effect.map(Service.ask(Service.placeOf(address), path, { method }), ({ status }) => status)
      assert.strictEqual(yield* statusOf("/v1/tenants/tenant_1/token"), 200)
      assert.strictEqual(yield* statusOf(`/v1/tenants/tenant_1/token?app_id=${appId}`), 200)
      const reveal = { kind: "tenant access token" as const, appId, tenantKey: "tenant_1", caller }
      assert.deepStrictEqual(revealed, [reveal, reveal])
      assert.strictEqual(yield* statusOf("/v1/tenants/tenant_1/token", "POST"), 418)
      assert.strictEqual(yield* statusOf("/v1/tenants/tenant_2/token"), 418)
      assert.strictEqual(yield* statusOf("/v1/tenants/tenant_1/token?app_id=cli_unknown"), 418)
      assert.strictEqual(yield* statusOf("/v1/app/token"), 418)
      assert.strictEqual(yield* statusOf("/v1/ticket"), 418)
      assert.strictEqual(revealed.length, 2)
    }).pipe(Effect.provide(Service.quiet)))

  it.scopedLive("needs the id of the app only if there are several", () =>
    withEmulator(Effect.gen(function*() {
      const [one, other] = yield* Effect.all([Service.served(appId), Service.served("cli_other")])
      const several = yield* Service.listen(Service.appsOf(one, other))
      const missing = yield* several.ask("/v1/app/token")
      assert.strictEqual(missing.status, 400)
      assert.deepStrictEqual(missing.json, {
        error: {
          _tag: "BadRequest",
          message: "Name the app with ?app_id=, because there are several: cli_tokens, cli_other"
        }
      })
      for (const id of [appId, "cli_other"]) {
        const { json } = yield* several.ask(`/v1/tenants/tenant_1/token?app_id=${id}`)
        assert.include(yield* Service.issued(id), json.token)
        assert.strictEqual(json.app_id, id)
      }
      const single = yield* Service.listen(Service.appsOf(other))
      assert.strictEqual((yield* single.ask("/v1/app/token")).json.app_id, "cli_other")
      assert.strictEqual((yield* single.ask("/v1/app/token?app_id=cli_other")).json.app_id, "cli_other")
      const unknown = yield* single.ask(`/v1/ticket?app_id=${appId}`)
      assert.strictEqual(unknown.status, 404)
      assert.deepStrictEqual(unknown.json.error, {
        _tag: "UnknownApp",
        message: "The token service does not have the app cli_tokens. It has: cli_other"
      })
    })))

  it.scopedLive("returns another token after the current one was invalidated, and only then", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const invalidate = (path: string, token: string) =>
        Effect.map(ask(`${path}/invalidate`, { method: "POST", body: { token } }), ({ headers, status, text }) => {
          assert.deepStrictEqual([status, text, headers["cache-control"]], [204, "", "no-store"])
        })
      for (const path of ["/v1/tenants/tenant_1/token", "/v1/app/token"]) {
        const before = (yield* ask(path)).json.token
        yield* invalidate(path, "t-another")
        yield* invalidate(path, before.slice(1))
        assert.strictEqual((yield* ask(path)).json.token, before)
        yield* emulator.invalidateTokens(appId)
        yield* invalidate(path, before)
        const after = (yield* ask(path)).json.token
        assert.notStrictEqual(after, before)
        // A second service that was refused with the same token must not cost the new one.
        yield* invalidate(path, before)
        assert.strictEqual((yield* ask(path)).json.token, after)
      }
    })))

  it.scopedLive("has no ticket of a self-built app, and one token for any tenant", () =>
    withEmulator(Effect.gen(function*() {
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.servedSelfBuilt("cli_own")))
      const ticket = yield* ask("/v1/ticket")
      assert.strictEqual(ticket.status, 404)
      assert.deepStrictEqual(ticket.json.error, {
        _tag: "NoTicket",
        message: "cli_own is self-built: such an app needs no ticket and gets none"
      })
      const one = yield* ask("/v1/tenants/a/token")
      const two = yield* ask("/v1/tenants/b/token")
      assert.strictEqual(one.json.token, two.json.token)
      yield* Effect.flatMap(Emulator.Emulator, ({ invalidateTokens }) => invalidateTokens("cli_own"))
      yield* ask("/v1/tenants/b/token/invalidate", { method: "POST", body: { token: one.json.token } })
      assert.notStrictEqual((yield* ask("/v1/tenants/a/token")).json.token, one.json.token)
      assert.notProperty(one.json, "tenant_key")
      assert.deepStrictEqual((yield* ask("/healthz")).json, { ok: true, apps: [{ app_id: "cli_own", ok: true }] })
    })))

  it.scopedLive("passes on why the platform refused", () =>
    withEmulator(Effect.gen(function*() {
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const { json, status, text } = yield* ask("/v1/tenants/tenant_3/token")
      assert.strictEqual(status, 502)
      assert.strictEqual(json.error._tag, "FeishuApiError")
      assert.strictEqual(json.error.code, 11210)
      assert.strictEqual(json.error.msg, "the tenant has not installed the app")
      assert.match(json.error.log_id, /^\w+$/)
      assert.match(json.error.message, /refused with code 11210/)
      Service.assertNoSecrets(text, yield* Service.issued(appId))
      assert.notMatch(text, /\bat .*\.ts/)
    })))

  it.scopedLive("answers 503 if no ticket comes in time", () =>
    withEmulator(Effect.gen(function*() {
      const app = yield* Service.served(appId, { receives: false, ticket: { waitFor: "200 millis" } })
      const { ask } = yield* Service.listen(Service.appsOf(app))
      for (const path of ["/v1/ticket", "/v1/app/token", "/v1/tenants/tenant_1/token"]) {
        const { headers, json, status } = yield* ask(path)
        assert.strictEqual(status, 503)
        assert.strictEqual(json.error._tag, "TicketTimeout")
        assert.match(json.error.message, /^No app ticket for cli_tokens came within 200ms/)
        assert.strictEqual(headers["retry-after"], String(json.error.retry_after))
        assert.isAbove(json.error.retry_after, 0)
        assert.strictEqual(headers["cache-control"], "no-store")
      }
    })))

  const network = { method: "POST", url: "https://open.feishu.cn/x", description: "no answer" } as const
  const failures: ReadonlyArray<
    [name: string, error: AppTicket.TicketError, status: number, tag: string, retryAfter?: string]
  > = [
    [
      "the network is away",
      new FeishuError.FeishuNetworkError({ ...network, reason: "Connection" }),
      503,
      "FeishuNetworkError",
      "5"
    ],
    [
      "a gateway asks to wait",
      new FeishuError.FeishuNetworkError({ ...network, reason: "Unavailable", retryAfter: Duration.millis(1200) }),
      503,
      "FeishuNetworkError",
      "2"
    ],
    [
      "the answer is of no use",
      new FeishuError.FeishuNetworkError({ ...network, reason: "Certificate" }),
      502,
      "UnusableAnswer"
    ],
    [
      "the platform limits the rate",
      new FeishuError.FeishuApiError({
        code: 99991400,
        msg: "slow down",
        status: 429,
        method: "POST",
        url: network.url,
        retryAfter: Duration.seconds(7)
      }),
      502,
      "FeishuApiError",
      "7"
    ],
    [
      "the next resend is known",
      new AppTicket.TicketTimeout({ appId, waited: Duration.seconds(1), nextResendIn: Duration.seconds(42) }),
      503,
      "TicketTimeout",
      "42"
    ],
    [
      "the store is away",
      new TicketStore.TicketStoreError({ appId, operation: "get", description: "no connection" }),
      503,
      "TicketStoreError",
      "5"
    ]
  ]

  it.scopedLive.each(failures)(
    "has a status and a sentence if %s",
    ([_, error, status, tag, retryAfter]) =>
      Effect.gen(function*() {
        const stubbed = Service.stub(appId, {
          tokens: { app: Effect.fail(error), tenant: () => Effect.fail(error), invalidate: () => Effect.void }
        })
        const { ask } = yield* Service.listen(Service.appsOf(stubbed))
        for (const path of ["/v1/app/token", "/v1/tenants/tenant_1/token"]) {
          const answer = yield* ask(path)
          assert.strictEqual(answer.status, status)
          assert.strictEqual(answer.json.error._tag, tag)
          assert.strictEqual(answer.json.error.message, error.message)
          assert.strictEqual(answer.headers["retry-after"], retryAfter)
        }
        // Without a current token, there is nothing to forget.
        const invalidated = yield* ask("/v1/app/token/invalidate", { method: "POST", body: { token: "t-1" } })
        assert.strictEqual(invalidated.status, 204)
      })
  )

  it.scopedLive("logs no reveal for HEAD, which is answered without the token", () => {
    const { layer, lines } = Service.collectLog()
    return Effect.gen(function*() {
      const expiresAt = DateTime.add(yield* DateTime.now, { hours: 1 })
      const token = { value: Redacted.make("t-1"), expiresAt, tenantKey: Option.none() }
      const ticket = { value: Redacted.make("a ticket"), sentAt: yield* DateTime.now }
      yield* Effect.scoped(Effect.gen(function*() {
        const { ask } = yield* Service.listen(Service.appsOf(Service.stub(appId, {
          tickets: { get: Effect.succeed(ticket) } as Partial<AppTicket.Service> as AppTicket.Service,
          tokens: {
            app: Effect.succeed(token),
            tenant: () => Effect.succeed(token),
            invalidate: () => Effect.void
          }
        })))
        for (const path of ["/v1/app/token", "/v1/tenants/tenant_1/token", "/v1/ticket"]) {
          const { status, text } = yield* ask(path, { method: "HEAD" })
          assert.deepStrictEqual([status, text], [200, ""])
        }
        yield* ask("/v1/app/token")
      }))
      // The end of the scope has written all lines.
      const revealed = lines.filter((line) => line.includes("revealed"))
      assert.match(revealed.join("\n"), /^INFO revealed the app access token [^\n]*$/)
    }).pipe(Effect.provide(layer))
  })

  it.scopedLive("answers 500 without the reason to an error of its own, and logs the reason", () => {
    const { layer, lines } = Service.collectLog()
    return Effect.gen(function*() {
      const broken = Service.stub(appId, {
        tokens: { app: Effect.die(new Error("a defect")), tenant: () => Effect.never, invalidate: () => Effect.void }
      })
      const { ask } = yield* Service.listen(Service.appsOf(broken))
      const { headers, json, status } = yield* ask("/v1/app/token")
      assert.strictEqual(status, 500)
      assert.deepStrictEqual(json.error, {
        _tag: "InternalError",
        message: "The token service met with an error: the log of the service has the reason"
      })
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.isTrue(lines.some((line) => line.startsWith("ERROR")))
    }).pipe(Effect.provide(layer))
  })

  const body = "The body must be JSON of the form {\"token\":\"t-…\"}, have no other field, and come with the header "
    + "Content-Type: application/json"
  const wrong: ReadonlyArray<[name: string, path: string, asked: Service.Asked, status: number, message: string]> = [
    ["no body", "/v1/app/token/invalidate", { method: "POST" }, 400, body],
    ["no JSON", "/v1/app/token/invalidate", { method: "POST", body: "{" }, 400, body],
    [
      "another content type",
      "/v1/app/token/invalidate",
      { method: "POST", body: { token: "t-1" }, headers: { "content-type": "application/x-www-form-urlencoded" } },
      400,
      body
    ],
    ["no token", "/v1/app/token/invalidate", { method: "POST", body: {} }, 400, body],
    ["an empty token", "/v1/app/token/invalidate", { method: "POST", body: { token: "" } }, 400, body],
    ["a wrong type", "/v1/app/token/invalidate", { method: "POST", body: { token: ["t-secret"] } }, 400, body],
    [
      "a misspelling",
      "/v1/app/token/invalidate",
      { method: "POST", body: { token: "t-1", tokn: "t-secret" } },
      400,
      body
    ],
    [
      "a long body",
      "/v1/app/token/invalidate",
      { method: "POST", body: { token: "t".repeat(20_000) } },
      400,
      "The body is longer than 16384 bytes"
    ],
    [
      "a tenant key with a line break",
      "/v1/tenants/a%0Ab/token",
      {},
      400,
      "tenant_key must be given once, and have 1 to 128 letters, digits and the characters _ . -"
    ],
    [
      "an empty app id",
      "/v1/app/token?app_id=",
      {},
      400,
      "app_id must be given once, and have 1 to 128 letters, digits and the characters _ . -"
    ],
    [
      "an unknown path",
      "/v1/tokens",
      {},
      404,
      "The token service has no endpoint for GET at this path: /v1/openapi.json lists the endpoints"
    ],
    [
      "a wrong method",
      "/v1/ticket",
      { method: "DELETE" },
      404,
      "The token service has no endpoint for DELETE at this path: /v1/openapi.json lists the endpoints"
    ]
  ]

  it.scopedLive.each(wrong)(
    "answers with a sentence to %s",
    ([_, path, asked, status, message]) =>
      Effect.gen(function*() {
        const { ask } = yield* Service.listen(Service.appsOf(Service.stub(appId, {})))
        const answer = yield* ask(path, asked)
        assert.strictEqual(answer.status, status)
        assert.deepStrictEqual(answer.json, {
          error: { _tag: status === 404 ? "NotFound" : "BadRequest", message }
        })
        assert.notInclude(answer.text, "t-secret")
        assert.strictEqual(answer.headers["cache-control"], "no-store")
      })
  )

  const lengths: ReadonlyArray<[length: number, status: number]> = [[16_384, 204], [16_385, 400], [1_000_000, 400]]

  it.scopedLive.each(lengths)(
    "counts the %i bytes of a body that does not say its length",
    ([length, status]) =>
      Effect.gen(function*() {
        const { ask } = yield* Service.listen(Service.appsOf(Service.stub(appId, {})))
        const answer = yield* ask("/v1/app/token/invalidate", {
          method: "POST",
          isChunked: true,
          body: `{"token":"t-1"}`.padEnd(length)
        })
        assert.strictEqual(answer.status, status)
        if (status === 204) return
        assert.deepStrictEqual(answer.json, {
          error: { _tag: "BadRequest", message: "The body is longer than 16384 bytes" }
        })
        assert.strictEqual(answer.headers.connection, "close")
      })
  )

  it.scopedLive("is healthy only while each store app has a valid ticket", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const one = yield* Service.served(appId)
      const two = yield* Service.served("cli_other")
      const { ask } = yield* Service.listen(Service.appsOf(one, two, yield* Service.servedSelfBuilt("cli_own")))
      const health = ask("/healthz", { key: null })
      yield* emulator.pushTicketAndWait("cli_other")
      const before = yield* health
      assert.strictEqual(before.status, 503)
      assert.strictEqual(before.json.ok, false)
      assert.deepStrictEqual(before.json.apps[0], {
        app_id: appId,
        ok: false,
        reason: "there is no ticket: the platform pushes one every hour to the request URL"
      })
      assert.strictEqual(before.json.apps[1].ok, true)
      assert.deepStrictEqual(before.json.apps[2], { app_id: "cli_own", ok: true })

      /** The result of a look is used for 1 s. */
      const becomes = (status: number) =>
        Effect.repeat(Effect.delay(health, "100 millis"), { until: (answer) => answer.status === status })
      yield* emulator.pushTicketAndWait(appId)
      const after = yield* becomes(200)
      assert.strictEqual(after.headers["cache-control"], "no-store")
      assert.strictEqual(after.json.ok, true)
      assert.approximately(after.json.apps[0].expires_in, 10_795, 5)
      Service.assertNoSecrets(after.text, yield* Service.issued(appId))

      const ticket = yield* one.store.get(appId)
      yield* one.store.drop(appId, Option.getOrThrow(ticket))
      yield* becomes(503)
    })))

  it.scopedLive("answers 204 to a report of a refused token only if the store has the token no more", () =>
    withEmulator(Effect.gen(function*() {
      const path = "/v1/tenants/tenant_1/token"
      const emulator = yield* Emulator.Emulator
      const { setReadOnly, store, values } = yield* Service.readOnlyStore
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId, { tokens: store })))
      const refused = (yield* ask(path)).json.token
      const report = ask(`${path}/invalidate`, { method: "POST", body: { token: refused } })
      yield* emulator.invalidateTokens(appId)
      setReadOnly(true)
      const failed = [...yield* Effect.all(Arr.replicate(report, 5), { concurrency: "unbounded" }), yield* report]
      assert.notStrictEqual((yield* ask(path)).json.token, refused)
      for (const { headers, json, status } of [...failed, yield* report]) {
        assert.strictEqual(status, 503)
        assert.strictEqual(json.error._tag, "TokenStoreError")
        assert.match(json.error.message, /it is read-only/)
        assert.strictEqual(headers["retry-after"], "5")
      }
      assert.include(yield* values, refused)
      setReadOnly(false)
      assert.strictEqual((yield* report).status, 204)
      assert.notInclude(yield* values, refused)
      const other = yield* Service.listen(Service.appsOf(yield* Service.served(appId, { tokens: store })))
      assert.notStrictEqual((yield* other.ask(path)).json.token, refused)
    })))

  it.scopedLive("asks the platform once in 10 s for a tenant that the platform refuses", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const served = yield* Service.served(appId)
      yield* emulator.pushTicketAndWait(appId)
      const { ask } = yield* Service.listen(Service.appsOf(served))
      const answers = yield* Effect.forEach([1, 2, 3, 4], () => ask("/v1/tenants/tenant_none/token"))
      for (const { json, status } of answers) {
        assert.strictEqual(status, 502)
        assert.strictEqual(json.error._tag, "FeishuApiError")
      }
      assert.strictEqual(yield* Service.calls(appId, "/tenant_access_token"), 1)
      assert.strictEqual((yield* ask("/v1/tenants/tenant_1/token")).status, 200)
    })))

  it.scopedLive("warns once of a tenant that the platform refuses to many callers at the same time", () => {
    const { layer, lines } = Service.collectLog()
    return withEmulator(
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
        yield* emulator.setFaults([Fault.next(1, Fault.Delay({ duration: "500 millis" }), { only: tenantTokenCall })])
        const asking = Array.from({ length: 40 }, () => ask("/v1/tenants/tenant_none/token"))
        const answers = yield* Effect.all(asking, { concurrency: "unbounded" })
        for (const { status } of answers) assert.strictEqual(status, 502)
        assert.strictEqual(yield* Service.calls(appId, "/tenant_access_token"), 1)
        const warnings = lines.filter((line) => line.includes("no token of tenant_none"))
        assert.match(warnings.join("\n"), /^WARN no token of tenant_none \(app cli_tokens\): [^\n]*11210[^\n]*$/)
      }).pipe(Effect.provide(layer))
    )
  })

  it.scopedLive("is not healthy with an expired ticket, or with a store that is away", () =>
    Effect.gen(function*() {
      const sentAt = DateTime.subtract(yield* DateTime.now, { hours: 3, minutes: 2 })
      const expired = { value: Redacted.make("an expired ticket"), sentAt }
      const stubs = [
        Service.stub("cli_expired", { store: { get: () => Effect.succeedSome(expired) } as never }),
        Service.stub("cli_away", {
          store: {
            get: (appId: string) =>
              new TicketStore.TicketStoreError({ appId, operation: "get", description: "no connection" })
          } as never
        })
      ]
      const { ask } = yield* Service.listen(Service.appsOf(...stubs))
      const { json, status, text } = yield* ask("/healthz")
      assert.strictEqual(status, 503)
      const [{ reason, ...health }] = json.apps
      assert.deepStrictEqual(health, { app_id: "cli_expired", ok: false })
      // A busy machine may ask a second later.
      assert.match(reason, /^the newest ticket expired 2m( \d+s)? ago$/)
      assert.match(json.apps[1].reason, /TicketStore\.get for cli_away: no connection/)
      assert.notInclude(text, "an expired ticket")
    }))

  it.scopedLive("makes one call of each kind for 1,000 cold callers", () =>
    withEmulator(Effect.gen(function*() {
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      const answers = yield* Effect.all(Array.from({ length: 1000 }, () => ask("/v1/tenants/tenant_1/token")), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
      assert.strictEqual(new Set(answers.map(({ json }) => json.token)).size, 1)
      assert.strictEqual(yield* Service.calls(appId, "/app_ticket/resend"), 1)
      assert.strictEqual(yield* Service.calls(appId, "/app_access_token"), 1)
      assert.strictEqual(yield* Service.calls(appId, "/tenant_access_token"), 1)
    })), 60_000)

  it.scopedLive("goes on with a fetch whose first caller has disconnected", () =>
    withEmulator(Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      yield* emulator.setPushFaults([{ _tag: "Held" }])
      const gone = yield* Effect.fork(ask("/v1/tenants/tenant_1/token"))
      yield* Effect.repeat(Service.calls(appId, "/app_ticket/resend"), { until: (calls) => calls === 1 })
      const waiting = yield* Effect.fork(ask("/v1/tenants/tenant_1/token"))
      yield* Fiber.interrupt(gone)
      yield* emulator.pushTicketAndWait(appId)
      assert.strictEqual((yield* Fiber.join(waiting)).status, 200)
      assert.strictEqual(yield* Service.calls(appId, "/tenant_access_token"), 1)
    })))
})

it("The seconds until an end are rounded down, and never negative", () => {
  const end = DateTime.unsafeMake(10_000)
  assert.deepStrictEqual([0, 8_001, 8_000, 9_999, 12_000].map((now) => Time.secondsUntil(end, now)), [
    10,
    1,
    2,
    0,
    0
  ])
})

describe("The OpenAPI document", () => {
  const paths = Object.entries(OpenApi.fromApi(TokenApi).paths)

  it("lists the endpoints", () => {
    assert.deepStrictEqual(paths.map(([path, methods]) => `${Object.keys(methods).join(" ")} ${path}`), [
      "get /v1/tenants/{tenant_key}/token",
      "get /v1/app/token",
      "get /v1/ticket",
      "post /v1/tenants/{tenant_key}/token/invalidate",
      "post /v1/app/token/invalidate",
      "get /healthz"
    ])
  })

  it.scopedLive("is served, with a schema for each reference in it", () =>
    Effect.gen(function*() {
      const { ask } = yield* Service.listen(Service.appsOf(Service.stub(appId, {})))
      const { headers, json, status, text } = yield* ask("/v1/openapi.json")
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.strictEqual(json.openapi, "3.1.0")
      const references = [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([_, name]) => name ?? "")
      assert.isNotEmpty(references)
      assert.deepStrictEqual(references.filter((name) => !(name in json.components.schemas)), [])
      assert.notInclude(text, "HttpApiDecodeError")
      const { error } = json.components.schemas.BadRequestAnswer.properties
      assert.deepStrictEqual(error, { $ref: "#/components/schemas/BadRequest" })
      assert.deepStrictEqual(json.components.securitySchemes.key, { type: "http", scheme: "bearer" })
    }))

  it.scopedLive.each(paths)("has each answer that %s gives", ([path, methods]) =>
    withEmulator(Effect.gen(function*() {
      const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
      for (const [method, { responses, security }] of Object.entries(methods)) {
        const place = path.replace("{tenant_key}", "tenant_1")
        const asked = { method: method.toUpperCase(), ...(method === "post" && { body: { token: "t-1" } }) }
        const given = yield* Effect.all([
          ask("/v1/ticket").pipe(Effect.zipRight(ask(place, asked))),
          ask(place, { ...asked, key: null }),
          ask(`${place}?app_id=cli_unknown`, asked),
          ask(`${place}?app_id=%20`, asked)
        ])
        assert.oneOf(given[0].status, [200, 204])
        for (const { status } of given) assert.property(responses, String(status))
        assert.strictEqual(given[1].status === 401, security?.[0] !== undefined)
      }
    })))
})
