import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Layer, Redacted } from "effect"
import { inspect } from "node:util"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Server from "../src/Server.js"

const resendPath = "/open-apis/auth/v3/app_ticket/resend"
const apps: ReadonlyArray<Emulator.App> = [
  { appId: "cli_store", appSecret: Redacted.make("a secret") },
  { appId: "cli_self_built", appSecret: Redacted.make("a secret"), kind: "self-built" },
  { appId: "cli_disabled", appSecret: Redacted.make("a secret"), enabled: false }
]
const valid = { app_id: "cli_store", app_secret: "a secret" }

const post = (body: unknown, path = resendPath) =>
  Effect.gen(function*() {
    const { baseUrl } = yield* Emulator.Emulator
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(
      HttpClientRequest.post(baseUrl + path).pipe(
        HttpClientRequest.bodyText(typeof body === "string" ? body : JSON.stringify(body), "application/json")
      )
    )
    return { status: response.status, headers: response.headers, body: yield* response.text }
  })

const Live = Layer.merge(Emulator.layerServer({ apps }), FetchHttpClient.layer)

layer(Live, { excludeTestServices: true })("Emulator", (it) => {
  describe("resend", () => {
    it.effect("accepts a store app", () =>
      Effect.gen(function*() {
        const { body, headers, status } = yield* post(valid)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(JSON.parse(body), { code: 0, msg: "success" })
        assert.strictEqual(headers["content-type"], "application/json; charset=utf-8")
        assert.match(headers["x-tt-logid"] ?? "", /^\d{14}[0-9A-F]{20}$/)
      }))

    it.effect.each<[string, unknown, number]>([
      ["an app that does not exist", { ...valid, app_id: "cli_none" }, 10015],
      ["a wrong secret", { ...valid, app_secret: "another" }, 10015],
      ["a disabled app", { ...valid, app_id: "cli_disabled" }, 10014],
      ["a self-built app", { ...valid, app_id: "cli_self_built" }, 10016],
      ["no app id", { app_secret: "a secret" }, 10003],
      ["no app secret", { app_id: "cli_store" }, 10003],
      ["an empty app id", { ...valid, app_id: "" }, 10003],
      ["a number for the secret", { ...valid, app_secret: 1 }, 10003],
      ["an empty body", "", 10003],
      ["something other than JSON", "app_id=cli_store", 10003],
      ["a list", [], 10003]
    ])("refuses %s", ([_, body, code]) =>
      Effect.gen(function*() {
        const answer = yield* post(body)
        assert.strictEqual(JSON.parse(answer.body).code, code)
        assert.match(answer.headers["x-tt-logid"] ?? "", /^\d{14}/)
      }))
  })

  it.effect("answers 404 elsewhere", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* post(valid, "/open-apis/none")).status, 404)
    }))

  it.effect("plays its faults once and in order", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults([
        Fault.Drop(),
        Fault.Cut(),
        Fault.rateLimit({ resetSeconds: 7, status: 400 }),
        Fault.Answer({ status: 502, headers: { "content-type": "text/html" }, body: "<html>" }),
        Fault.Delay({ duration: "50 millis" })
      ])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(post(valid))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(post(valid))))

      const limited = yield* post(valid)
      assert.strictEqual(limited.status, 400)
      assert.strictEqual(limited.headers["x-ogw-ratelimit-reset"], "7")
      assert.match(limited.headers["x-ogw-ratelimit-limit"] ?? "", /^\d+$/)
      assert.deepStrictEqual(JSON.parse(limited.body), { code: 99991400, msg: "request trigger frequency limit" })

      assert.deepInclude(yield* post(valid), { status: 502, body: "<html>" })

      const [elapsed, delayed] = yield* Effect.timed(post(valid))
      assert.isAtLeast(Duration.toMillis(elapsed), 45)
      assert.strictEqual(delayed.status, 200)

      assert.strictEqual((yield* post(valid)).status, 200)
    }))

  it.effect("keeps a journal, without secrets", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const before = (yield* emulator.journal).length
      yield* emulator.setFaults([Fault.Answer({ status: 500, headers: {}, body: "" })])
      yield* post(valid)
      yield* post("garbage", "/elsewhere")
      const journal = (yield* emulator.journal).slice(before)
      assert.deepStrictEqual(journal.map(({ at: _, ...exchange }) => exchange), [
        { method: "POST", path: resendPath, appId: "cli_store", fault: "Answer" },
        { method: "POST", path: "/elsewhere", appId: undefined, fault: undefined }
      ])
      const now = yield* Clock.currentTimeMillis
      assert.isTrue(journal.every(({ at }) => at <= now && at > now - 10_000))
      assert.notInclude(inspect(emulator, { depth: null }) + inspect(journal, { depth: null }), "a secret")
    }))
})

describe("Emulator.layerServer", () => {
  it.live("closes its port and its open connections with its scope", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator.pipe(
        Effect.tap((emulator) => emulator.setFaults([Fault.Delay({ duration: "1 hour" })])),
        Effect.tap((emulator) =>
          post(valid).pipe(
            Effect.provideService(Emulator.Emulator, emulator),
            Effect.exit,
            Effect.forkDaemon,
            Effect.zipRight(Effect.sleep("100 millis"))
          )
        ),
        Effect.tap((emulator) => Effect.map(emulator.journal, (journal) => assert.strictEqual(journal.length, 1))),
        Effect.provide(Live)
      )
      const exit = yield* post(valid).pipe(
        Effect.provideService(Emulator.Emulator, emulator),
        Effect.provide(FetchHttpClient.layer),
        Effect.exit
      )
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.timeout("2 seconds")))

  it.scopedLive("says which port is taken", () =>
    Effect.gen(function*() {
      const { baseUrl } = Context.get(yield* Layer.build(Emulator.layerServer({ apps })), Emulator.Emulator)
      const port = Number(new URL(baseUrl).port)
      const error = yield* Effect.flip(Layer.build(Emulator.layerServer({ apps, port })))
      assert.instanceOf(error, Server.ServerError)
      assert.include(error.message, `port ${port}`)
    }))

  it.scopedLive("outlives clients that go away in the middle", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Live)
      yield* Context.get(context, Emulator.Emulator).setFaults([Fault.Delay({ duration: "1 hour" })])
      yield* post(valid).pipe(Effect.timeout("50 millis"), Effect.ignore, Effect.provide(context))
      assert.strictEqual((yield* Effect.provide(post(valid), context)).status, 200)
    }))
})
