/** `transformClient` of the app, in all of the library's calls. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Random, Redacted, Schema } from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as TokenStore from "../src/TokenStore.js"
import * as Scripted from "./scripted.js"

const app = (transformClient: FeishuApp.Options["transformClient"], kind?: FeishuApp.Kind) =>
  FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, kind, transformClient })

const tagged = HttpClient.mapRequest(HttpClientRequest.setHeader("x-tag", "1"))

describe("transformClient", () => {
  it.effect("changes each call: resend, tokens, and those of FeishuClient", () =>
    Effect.gen(function*() {
      const script = Scripted.make(
        Scripted.ok,
        Scripted.json({ code: 0, msg: "", tenant_access_token: "t-1", app_access_token: "t-1", expire: 7200 }),
        Scripted.json({ code: 0, msg: "", data: {} })
      )
      yield* Effect.provide(AppTicket.resend, [app(tagged), script.layer])
      yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.get("/open-apis/x")),
        Effect.flatMap(FeishuClient.schemaData(Schema.Struct({}))),
        Effect.provide(AccessToken.layerSelfBuilt()),
        Effect.provide([app(tagged, "self-built"), script.layer, TokenStore.layerMemory])
      )
      assert.deepStrictEqual(script.seen.map(({ request }) => request.headers["x-tag"]), ["1", "1", "1"])
    }))

  it.effect("sees each attempt", () =>
    Effect.gen(function*() {
      let attempts = 0
      const counting = HttpClient.tapRequest(() => Effect.sync(() => void attempts++))
      const script = Scripted.make(Scripted.rateLimited(0), Scripted.ok)
      yield* FeishuClient.forUser(Redacted.make("u-1")).pipe(
        Effect.flatMap((client) => client.get("/open-apis/x")),
        Effect.provide(Layer.merge(app(counting), script.layer)),
        Effect.withRandom(Random.fixed([0]))
      )
      assert.strictEqual(attempts, 2)
    }))

  it.effect("may refuse by status, and the caller still gets the platform's refusal", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.refused(10016, { status: 400 }))
      const error = yield* Effect.flip(
        Effect.provide(AppTicket.resend, [app(HttpClient.filterStatusOk), script.layer])
      )
      assert.deepInclude(error, { _tag: "FeishuApiError", code: 10016 })
    }))

  it.effect("runs once for an app and a client", () =>
    Effect.gen(function*() {
      let runs = 0
      const counting = (client: HttpClient.HttpClient) => {
        runs++
        return client
      }
      const script = Scripted.make(Scripted.ok)
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* AppTicket.resend
          yield* AppTicket.resend
          const user = FeishuClient.forUser(Redacted.make("u-1"))
          yield* Effect.flatMap(user, (client) => client.get("/open-apis/x"))
          yield* Effect.flatMap(user, (client) => client.get("/open-apis/x"))
        }),
        Layer.merge(app(counting), script.layer)
      )
      assert.strictEqual(runs, 1)
      assert.strictEqual(script.seen.length, 4)
    }))
})
