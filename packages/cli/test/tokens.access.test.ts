/** Who gets an answer of the token service, and what the log has of the answers. */
import { Emulator } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Layer, Metric, Option, Redacted } from "effect"
import * as Keys from "../src/serve/tokens/Keys.js"
import * as Refusals from "../src/serve/tokens/Refusals.js"
import * as Service from "./tokenService.js"

const appId = "cli_access"

const withEmulator = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(
    test,
    Emulator.layerServer({ apps: [Service.app(appId)], pushDelay: "10 millis" }).pipe(Layer.merge(Service.quiet))
  )

/** An app whose token is in memory. */
const app = Effect.map(DateTime.now, (now) => {
  const token = {
    value: Redacted.make("t-0123456789"),
    expiresAt: DateTime.add(now, { hours: 1 }),
    tenantKey: Option.some("tenant_1")
  }
  return Service.appsOf(Service.stub(appId, {
    tokens: { app: Effect.succeed(token), tenant: () => Effect.succeed(token), invalidate: () => Effect.void }
  }))
})

const count = (reason: Refusals.Reason) =>
  Effect.map(
    Metric.value(Metric.tagged(
      Metric.counter("feishu_token_service_refusals_total", {
        description: "Requests that the token service refused, by reason",
        incremental: true
      }),
      "reason",
      reason
    )),
    ({ count }) => count
  )

const path = "/v1/tenants/tenant_1/token"
const paths = [path, "/v1/app/token", "/v1/ticket", "/v1/openapi.json", "/v1/tokens", "/"]

describe("A request without a right key", () => {
  it.scopedLive("is refused on every path but /healthz, with a sentence", () =>
    Effect.gen(function*() {
      const { ask } = yield* Service.listen(yield* app)
      for (const path of paths) {
        const answer = yield* ask(path, { key: null })
        assert.strictEqual(answer.status, 401, path)
        assert.strictEqual(answer.headers["www-authenticate"], "Bearer")
        assert.strictEqual(answer.headers["cache-control"], "no-store")
        assert.deepStrictEqual(answer.json, {
          error: {
            _tag: "Unauthorized",
            message: "Send a key of the token service in the header: Authorization: Bearer KEY"
          }
        })
      }
      assert.strictEqual((yield* ask("/healthz", { key: null })).status, 503)
      const wrong = yield* ask(path, { key: "a-wrong-key-0123456789" })
      assert.strictEqual(wrong.status, 401)
      assert.strictEqual(wrong.json.error.message, "The token service does not know this key")
      assert.notInclude(wrong.text, "0123456789")
    }).pipe(Effect.provide(Service.quiet)))

  it.scopedLive("is answered with 429 after ten in a minute, while a right key works", () => {
    const { layer, lines } = Service.collectLog()
    return Effect.gen(function*() {
      const { ask } = yield* Service.listen(yield* app)
      const before = yield* Effect.all([count("wrong key"), count("too many"), count("no key")])
      for (let i = 0; i < 10; i++) {
        assert.strictEqual((yield* ask(path, { key: `a-wrong-key-0123456789-${i}` })).status, 401)
        assert.strictEqual((yield* ask(path)).status, 200)
      }
      const limited = yield* ask(path, { key: "a-wrong-key-0123456789" })
      assert.strictEqual(limited.status, 429)
      const wait = Number(limited.headers["retry-after"])
      assert.isTrue(wait >= 1 && wait <= 60)
      assert.deepStrictEqual(limited.json.error, {
        _tag: "TooManyRefusals",
        message: "Too many requests from 127.0.0.1 had no key or a wrong key: a wrong key is refused with 429 for "
          + `${wait} s. A right key works at once`,
        retry_after: wait
      })
      assert.strictEqual((yield* ask(path, { key: null })).status, 429)
      assert.strictEqual((yield* ask(path)).status, 200)
      const after = yield* Effect.all([count("wrong key"), count("too many"), count("no key")])
      assert.deepStrictEqual(after.map((value, i) => value - (before[i] ?? NaN)), [10, 2, 0])
      const warnings = lines.filter((line) => line.startsWith("WARN"))
      // One line for each reason.
      assert.strictEqual(warnings.length, 2)
      assert.include(warnings[0], "refused a request for a token from 127.0.0.1: wrong key")
      assert.include(warnings[1], "refused a request for a token from 127.0.0.1: no key")
    }).pipe(Effect.provide(layer))
  })

  it.scopedLive("does not work after the key was removed, while the other key works", () =>
    Effect.gen(function*() {
      const apps = yield* app
      const before = yield* Service.listen(apps)
      const after = yield* Service.listen(apps, {
        keys: yield* Keys.parse(Redacted.make(Service.keys.reports), "the test")
      })
      const ask = (service: typeof before, key: string) =>
        Effect.map(service.ask(path, { key }), ({ status }) => status)
      assert.strictEqual(yield* ask(before, Service.keys.billing), 200)
      assert.strictEqual(yield* ask(before, Service.keys.reports), 200)
      assert.strictEqual(yield* ask(after, Service.keys.billing), 401)
      assert.strictEqual(yield* ask(after, Service.keys.reports), 200)
    }).pipe(Effect.provide(Service.quiet)))
})

describe("The limit of refusals", () => {
  it.effect("ends after a minute, and forgets the oldest of 10,000 addresses", () =>
    Effect.gen(function*() {
      let now = 0
      const clock = { ...yield* Effect.clock, unsafeCurrentTimeMillis: () => now } as Clock.Clock
      const { refuse } = Refusals.make(clock)
      const verdicts = Array.from({ length: 11 }, () => refuse("10.0.0.1", "wrong key"))
      assert.deepStrictEqual(verdicts.map(({ retryAfter }) => retryAfter), [...Array(10).fill(undefined), 60])
      now = 59_001
      assert.deepStrictEqual(refuse("10.0.0.1", "wrong key"), { retryAfter: 1, isFirst: false })
      now = 60_000
      assert.deepStrictEqual(refuse("10.0.0.1", "wrong key"), { retryAfter: undefined, isFirst: true })
      for (let i = 0; i < 9_999; i++) refuse(`10.1.${i}`, "wrong key")
      assert.isFalse(refuse("10.0.0.1", "wrong key").isFirst)
      refuse("10.2.0.0", "wrong key")
      assert.isTrue(refuse("10.0.0.1", "wrong key").isFirst)
    }))
})

describe("Without keys", () => {
  const listenWithoutKeys = Effect.flatMap(app, (apps) => Service.listen(apps, { keys: Keys.none }))
  const asked = (headers: Record<string, string>) => ({ key: null, headers })

  it.scopedLive("a program on this machine is answered", () =>
    Effect.gen(function*() {
      const { ask } = yield* listenWithoutKeys
      for (const host of ["localhost", "localhost:3001", "127.0.0.1:3001", "[::1]:3001"]) {
        assert.strictEqual((yield* ask(path, asked({ host }))).status, 200, host)
      }
      assert.strictEqual((yield* ask("/v1/openapi.json", { key: null })).status, 200)
    }).pipe(Effect.provide(Service.quiet)))

  it.scopedLive("a page in a browser is refused on every path", () =>
    Effect.gen(function*() {
      const { ask } = yield* listenWithoutKeys
      const before = yield* count("browser")
      const pages: ReadonlyArray<Record<string, string>> = [
        { origin: "https://evil.example" },
        { origin: "null" },
        { host: "evil.example:3001" },
        { host: "127.0.0.1.evil.example" },
        { "sec-fetch-site": "cross-site" }
      ]
      for (const headers of pages) {
        for (const path of [...paths, "/healthz", "/healthz?x"]) {
          const answer = yield* ask(path, asked(headers))
          assert.strictEqual(answer.status, 403, `${path} ${JSON.stringify(headers)}`)
          assert.strictEqual(answer.json.error._tag, "Forbidden")
          assert.match(answer.json.error.message, /^Refused: /)
        }
      }
      assert.strictEqual((yield* count("browser")) - before, pages.length * (paths.length + 2))
    }).pipe(Effect.provide(Service.quiet)))

  it.scopedLive("no address beyond loopback is listened on", () =>
    Effect.gen(function*() {
      const apps = yield* app
      const address = { _tag: "Tcp", host: "0.0.0.0", port: 0 } as const
      const error = yield* Effect.flip(Service.listen(apps, { keys: Keys.none, address }))
      assert.strictEqual(
        error.message,
        "the token service needs keys on http://0.0.0.0:0, because other machines can reach this address: give "
          + "--tokens-key-file or FEISHU_TOKENS_KEYS, or listen on 127.0.0.1"
      )
    }))
})

it.scopedLive("Beyond loopback, the service warns that there is no TLS", () => {
  const { layer, lines } = Service.collectLog()
  return Effect.gen(function*() {
    const { url } = yield* Service.listen(yield* app, { address: { _tag: "Tcp", host: "0.0.0.0", port: 0 } })
    assert.match(url, /^http:\/\/0\.0\.0\.0:[1-9]\d+$/)
    const warning = lines.find((line) => line.startsWith("WARN"))
    assert.include(warning, "WITHOUT TLS")
  }).pipe(Effect.provide(layer))
})

describe("The log", () => {
  it.scopedLive("has a line for each token and ticket that is revealed, and no secret", () => {
    const { layer, lines } = Service.collectLog()
    return withEmulator(
      Effect.gen(function*() {
        const { ask } = yield* Service.listen(Service.appsOf(yield* Service.served(appId)))
        // From the endpoint, and then from memory.
        for (const key of Object.values(Service.keys)) {
          yield* ask("/v1/tenants/tenant_1/token", { key })
          yield* ask("/v1/app/token", { key })
        }
        yield* ask("/v1/ticket")
        const { json } = yield* ask("/v1/tenants/tenant_1/token")
        yield* ask("/v1/tenants/tenant_1/token/invalidate", { method: "POST", body: { token: json.token } })
        yield* ask("/v1/tenants/tenant_9/token")
        yield* ask("/v1/app/token", { key: "a-wrong-key-0123456789" })
        yield* Service.until(() => revealsIn(lines).length >= 6)
        assert.deepStrictEqual(revealsIn(lines), [
          "revealed the tenant access token of tenant_1 (app cli_access) to billing at 127.0.0.1",
          "revealed the app access token (app cli_access) to billing at 127.0.0.1",
          "revealed the tenant access token of tenant_1 (app cli_access) to reports at 127.0.0.1",
          "revealed the app access token (app cli_access) to reports at 127.0.0.1",
          "revealed the app ticket (app cli_access) to billing at 127.0.0.1",
          "revealed the tenant access token of tenant_1 (app cli_access) to billing at 127.0.0.1"
        ])
        Service.assertNoSecrets(lines.join("\n"), [...yield* Service.issued(appId), "a-wrong-key"])
      }).pipe(Effect.provide(layer))
    )
  })

  it.live("has the line of an answer that was given just before the end", () => {
    const { layer, lines } = Service.collectLog()
    return Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(function*() {
        const { ask } = yield* Service.listen(yield* app)
        yield* Effect.all(Array.from({ length: 100 }, () => ask(path)), { concurrency: 10 })
      }))
      assert.strictEqual(revealsIn(lines).length, 100)
    }).pipe(Effect.provide(layer))
  })
})

const revealsIn = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => /revealed the .* at [\d.]+/.exec(line)?.slice(0, 1) ?? [])
