/**
 * The platform's official SDK for Node, unmodified, against the emulator over sockets: what passes here, passes there.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Lark from "@larksuiteoapi/node-sdk"
import { Context, Effect, Layer, Redacted } from "effect"
import type { App } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

/** The SDK's cache is one for the whole process unless one is given. */
const cacheOf = (): Lark.Cache & { readonly values: Map<string, unknown> } => {
  const values = new Map<string, unknown>()
  const keyOf = (key: Parameters<Lark.Cache["get"]>[0], options?: { namespace?: string }) =>
    `${options?.namespace} ${String(key)}`
  return {
    values,
    get: (key, options) => Promise.resolve(values.get(keyOf(key, options))),
    set: (key, value, _, options) => {
      values.set(keyOf(key, options), value)
      return Promise.resolve(true)
    }
  }
}

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }

const emulate = (app: App) =>
  Effect.map(Layer.build(Emulator.layerServer({ apps: [app] })), Context.get(Emulator.Emulator))

const clientOf = (emulator: Emulator.Service, app: App, cache: Lark.Cache) =>
  new Lark.Client({
    appId: app.appId,
    appSecret: Redacted.value(app.appSecret),
    appType: app.kind === "self-built" ? Lark.AppType.SelfBuild : Lark.AppType.ISV,
    domain: emulator.baseUrl,
    disableTokenCache: false,
    cache,
    logger: silent
  })

/** The SDK's own dispatcher behind its own HTTP adaptor. */
const webhook = (app: App, cache: Lark.Cache, handles: Record<string, (data: unknown) => void> = {}) => {
  const dispatcher = new Lark.EventDispatcher({
    ...(app.encryptKey && { encryptKey: Redacted.value(app.encryptKey) }),
    ...(app.verificationToken && { verificationToken: Redacted.value(app.verificationToken) }),
    cache,
    logger: silent
  }).register(handles)
  return Effect.map(
    Client.listen(Lark.adaptDefault("/webhook/event", dispatcher, { autoChallenge: true })),
    (baseUrl) => `${baseUrl}/webhook/event`
  )
}

const eventually = <A>(get: () => A | undefined) =>
  Effect.gen(function*() {
    for (let n = 0; n < 300; n++) {
      const value = get()
      if (value !== undefined) return value
      yield* Effect.sleep("10 millis")
    }
    return assert.fail("not within 3 s")
  })

const tenantQuery = (
  client: Lark.Client,
  ...options: Parameters<Lark.Client["request"]> extends [unknown, ...infer O] ? O : never
) =>
  Effect.tryPromise(() =>
    client.request<{ code: number; data: { tenant: { tenant_key: string } } }>(
      { method: "GET", url: "/open-apis/tenant/v2/tenant/query" },
      ...options
    )
  )

describe("The official Node SDK", () => {
  it.scopedLive(
    "as a store app: resends, takes the handshake and the ticket, gets tokens, calls an API",
    () =>
      Effect.gen(function*() {
        const app = Client.storeApp
        const emulator = yield* emulate(app)
        const cache = cacheOf()
        const events: Array<unknown> = []
        yield* emulator.setRequestUrl(
          app.appId,
          yield* webhook(app, cache, { "contact.user.created_v3": (data) => events.push(data) })
        )

        // Its constructor asks for a ticket.
        const client = clientOf(emulator, app, cache)
        yield* eventually(() => [...cache.values.values()].find((value) => /^[0-9a-f]{32}$/.test(String(value))))

        const answer = yield* tenantQuery(client, Lark.withTenantKey("tenant_2"))
        assert.strictEqual(answer.code, 0)
        assert.strictEqual(answer.data.tenant.tenant_key, "tenant_2")

        yield* emulator.push(app.appId, {
          type: "contact.user.created_v3",
          tenantKey: "tenant_2",
          payload: { name: "飞书" }
        })
        assert.deepInclude(yield* eventually(() => events[0]), { name: "飞书", tenant_key: "tenant_2" })

        // A push is entered when its answer has arrived, after the handler has run.
        const pushes = Effect.map(emulator.journal, (entries) => entries.filter(Journal.$is("Push")))
        yield* Effect.sleep("10 millis").pipe(
          Effect.zipRight(pushes),
          Effect.repeat({ until: ({ length }) => length === 2 }),
          Effect.timeout("3 seconds")
        )
        const journal = yield* emulator.journal
        assert.deepStrictEqual(
          journal.filter(Journal.$is("Call")).map(({ code, path, tenantKey, token }) => ({
            path,
            code,
            tenantKey,
            token
          })),
          [
            { path: "/open-apis/auth/v3/app_ticket/resend", code: 0, tenantKey: undefined, token: "none" },
            { path: "/open-apis/auth/v3/app_access_token", code: 0, tenantKey: undefined, token: "none" },
            { path: "/open-apis/auth/v3/tenant_access_token", code: 0, tenantKey: "tenant_2", token: "none" },
            { path: "/open-apis/tenant/v2/tenant/query", code: 0, tenantKey: "tenant_2", token: "valid" }
          ]
        )
        assert.deepStrictEqual(
          journal.filter(Journal.$is("Push")).map(({ eventType, outcome }) => [eventType, outcome]),
          [["app_ticket", "acknowledged"], ["contact.user.created_v3", "acknowledged"]]
        )
        assert.deepInclude(journal.find(Journal.$is("Handshake")), { outcome: "passed" })
      }),
    15_000
  )

  it.scopedLive("as a store app without an encrypt key", () =>
    Effect.gen(function*() {
      const app: App = { ...Client.storeApp, appId: "cli_plain", encryptKey: undefined }
      const emulator = yield* emulate(app)
      const cache = cacheOf()
      yield* emulator.setRequestUrl(app.appId, yield* webhook(app, cache))
      const client = clientOf(emulator, app, cache)
      yield* eventually(() => [...cache.values.values()].find((value) => /^[0-9a-f]{32}$/.test(String(value))))
      assert.strictEqual(
        (yield* tenantQuery(client, Lark.withTenantKey("tenant_1"))).data.tenant.tenant_key,
        "tenant_1"
      )
    }), 15_000)

  it.scopedLive("as a self-built app: gets its token and calls an API", () =>
    Effect.gen(function*() {
      const emulator = yield* emulate(Client.selfBuiltApp)
      const answer = yield* tenantQuery(clientOf(emulator, Client.selfBuiltApp, cacheOf()))
      assert.strictEqual(answer.data.tenant.tenant_key, "tenant_own")
    }), 15_000)

  it.scopedLive("sees a wrong secret as the platform reports it", () =>
    Effect.gen(function*() {
      const emulator = yield* emulate(Client.selfBuiltApp)
      const wrong = { ...Client.selfBuiltApp, appSecret: Redacted.make("another") }
      const error = yield* Effect.flip(tenantQuery(clientOf(emulator, wrong, cacheOf())))
      assert.include(String(error.cause), "10014")
    }), 15_000)

  it.scopedLive("sees a stale ticket as the platform reports it", () =>
    Effect.gen(function*() {
      const app = Client.storeApp
      const emulator = yield* emulate(app)
      const cache = cacheOf()
      yield* emulator.setRequestUrl(app.appId, yield* webhook(app, cache))
      const client = clientOf(emulator, app, cache)
      yield* eventually(() => [...cache.values.values()].find((value) => /^[0-9a-f]{32}$/.test(String(value))))
      yield* emulator.invalidateTickets(app.appId)
      const error = yield* Effect.flip(tenantQuery(client, Lark.withTenantKey("tenant_1")))
      assert.include(String(error.cause), "10012")
    }), 15_000)
})
