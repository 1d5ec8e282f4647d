import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Layer, Logger, LogLevel, Redacted, Stream } from "effect"
import { inspect } from "node:util"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const resendPath = "/open-apis/auth/v3/app_ticket/resend"
const disabledApp = { ...Client.storeApp, appId: "cli_disabled", enabled: false }
const apps = [Client.storeApp, Client.selfBuiltApp, disabledApp]
const valid = { app_id: "cli_store", app_secret: Client.secret }

const eventually = (condition: () => boolean) =>
  Effect.sleep("5 millis").pipe(Effect.repeat({ until: condition }), Effect.timeout("3 seconds"))

const doors = {
  layerServer: Layer.merge(Emulator.layerServer({ apps }), FetchHttpClient.layer),
  layerHttpClient: Emulator.layerHttpClient({ apps })
}

const calls = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")))
)

for (const [door, Live] of Object.entries(doors)) {
  layer(Live, { excludeTestServices: true })(`Emulator.${door}`, (it) => {
    it.effect("accepts a store app's resend", () =>
      Effect.gen(function*() {
        const { body, headers, status } = yield* Client.resend(Client.storeApp)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(body, { code: 0, msg: "success" })
        assert.strictEqual(headers["content-type"], "application/json; charset=utf-8")
        assert.match(headers["x-tt-logid"] ?? "", /^\d{14}[0-9A-F]{20}$/)
      }))

    it.effect.each<[string, unknown, number]>([
      ["an app that does not exist", { ...valid, app_id: "cli_none" }, 10014],
      ["a wrong secret", { ...valid, app_secret: "another" }, 10014],
      ["a disabled app", { ...valid, app_id: "cli_disabled" }, 10005],
      ["a self-built app", { ...valid, app_id: "cli_self_built" }, 10016],
      ["no app id", { app_secret: Client.secret }, 10003],
      ["no app secret", { app_id: "cli_store" }, 10003],
      ["an empty app id", { ...valid, app_id: "" }, 10003],
      ["a number for the secret", { ...valid, app_secret: 1 }, 10003],
      ["an empty body", "", 10003],
      ["something other than JSON", "app_id=cli_store", 10003],
      ["a list", [], 10003],
      ["null", "null", 10003]
    ])("refuses %s, with HTTP 200", ([_, body, code]) =>
      Effect.gen(function*() {
        const answer = yield* Client.post(resendPath, body)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.body["code"], code)
        assert.match(answer.headers["x-tt-logid"] ?? "", /^\d{14}/)
      }))

    it.effect("answers 404 where there is no call", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Client.post("/elsewhere", valid)).status, 404)
        assert.strictEqual((yield* Client.get(resendPath)).status, 404)
      }))

    it.effect("ignores a query", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* Client.post(`${resendPath}?a=b`, valid)).body["code"], 0)
      }))

    it.effect("plays its faults once and in order", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setFaults([
          Fault.Drop(),
          Fault.Cut(),
          Fault.rateLimit({ resetSeconds: 7, status: 400 }),
          Fault.html(502),
          Fault.CutJson(),
          Fault.ContentType({ contentType: "text/plain" }),
          Fault.oversized(3_000_000),
          Fault.Delay({ duration: "50 millis" })
        ])
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Client.resend(Client.storeApp))), "Drop")
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Client.resend(Client.storeApp))), "Cut")

        const limited = yield* Client.resend(Client.storeApp)
        assert.strictEqual(limited.status, 400)
        assert.strictEqual(limited.headers["x-ogw-ratelimit-reset"], "7")
        assert.match(limited.headers["x-ogw-ratelimit-limit"] ?? "", /^\d+$/)
        assert.deepStrictEqual(limited.body, { code: 99991400, msg: "request trigger frequency limit" })

        const html = yield* Client.resend(Client.storeApp)
        assert.deepInclude(html, { status: 502 })
        assert.isUndefined(html.headers["x-tt-logid"])
        assert.include(html.text, "<html>")

        const cut = yield* Effect.exit(Client.resend(Client.storeApp))
        assert.isTrue(Exit.isFailure(cut) && cut.cause._tag === "Die", "not JSON")

        const plain = yield* Client.resend(Client.storeApp)
        assert.deepInclude(plain, { status: 200, text: "{\"code\":0,\"msg\":\"success\"}" })
        assert.strictEqual(plain.headers["content-type"], "text/plain")

        assert.strictEqual((yield* Client.resend(Client.storeApp)).text.length, 3_000_000)

        const [elapsed, delayed] = yield* Effect.timed(Client.resend(Client.storeApp))
        assert.isAtLeast(Duration.toMillis(elapsed), 45)
        assert.strictEqual(delayed.body["code"], 0)

        assert.strictEqual((yield* Client.resend(Client.storeApp)).body["code"], 0)
      }))

    it.effect("keeps a journal, without secrets", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const before = (yield* calls).length
        yield* emulator.setFaults([Fault.Drop(), Fault.html(500)])
        yield* Effect.exit(Client.resend(Client.storeApp))
        yield* Client.resend(Client.storeApp)
        const { headers } = yield* Client.resend(Client.storeApp)
        yield* Client.get("/open-apis/test", "Bearer t-none")
        yield* Client.post("/elsewhere", "garbage")
        const journal = (yield* calls).slice(before)
        const call = {
          _tag: "Call",
          method: "POST",
          path: resendPath,
          appId: "cli_store",
          tenantKey: undefined,
          token: "none"
        } as const
        const summaries = journal.map((
          { at: _, endedAt: _1, id: _2, logId: _3, query: _4, received: _5, sent: _6, ...entry }
        ) => ({ ...entry }))
        const answered = { ...call, outcome: "answered" } as const
        assert.deepStrictEqual(summaries, [
          { ...call, outcome: "no answer", fault: "Drop", status: undefined, code: undefined },
          { ...answered, fault: "Answer", status: 500, code: undefined },
          { ...answered, fault: undefined, status: 200, code: 0 },
          {
            ...answered,
            method: "GET",
            path: "/open-apis/test",
            appId: undefined,
            token: "invalid",
            fault: undefined,
            status: 400,
            code: 99991663
          },
          { ...answered, path: "/elsewhere", appId: undefined, fault: undefined, status: 404, code: undefined }
        ])
        assert.strictEqual(journal[2]?.logId, headers["x-tt-logid"])
        assert.deepStrictEqual(JSON.parse(journal[2]?.received?.text ?? ""), { app_id: "cli_store", app_secret: "…" })
        assert.deepStrictEqual(JSON.parse(journal[2]?.sent?.text ?? ""), { code: 0, msg: "success" })
        assert.strictEqual(journal[3]?.received?.headers["authorization"], "Bearer …")
        const now = yield* Clock.currentTimeMillis
        assert.isTrue(journal.every(({ at }) => at <= now && at > now - 10_000))
        const everything = inspect(emulator, { depth: null }) + inspect(yield* emulator.journal, { depth: null })
        for (const secret of [Client.secret, "an encrypt key", "a verification token"]) {
          assert.notInclude(everything, secret)
        }
      }))

    it.effect("streams what happens", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const seen: Array<string> = []
        yield* emulator.changes.pipe(
          Stream.filter(Journal.$is("Call")),
          Stream.runForEach(({ path }) => Effect.sync(() => seen.push(path))),
          Effect.forkScoped
        )
        // Until the subscription is there.
        yield* Effect.repeat(Client.get("/open-apis/first"), { until: () => seen.length > 0 })
        yield* Client.get("/open-apis/second")
        yield* eventually(() => seen.at(-1) === "/open-apis/second")
        assert.deepStrictEqual([...new Set(seen)], ["/open-apis/first", "/open-apis/second"])
      }).pipe(Effect.scoped))
  })
}

it.live("logs what happens where that is asked for, in lines to read", () =>
  Effect.gen(function*() {
    const received = Client.receiver(Client.storeApp)
    const app = { ...Client.storeApp, appId: "cli_told", requestUrl: received.requestUrl }
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    const tell = (level: LogLevel.LogLevel, isOver: () => boolean) =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setRequestUrl("cli_told", app.requestUrl)
        yield* Client.resend(app)
        yield* emulator.setFaults([Fault.Drop()])
        yield* Effect.ignore(Client.resend(app))
        yield* eventually(isOver)
        // What is delivered is entered after that.
        yield* Effect.sleep("50 millis")
      }).pipe(Effect.provide(
        Layer.merge(Emulator.layerHttpClient({ apps: [app], pushDelay: 0 }), Logger.minimumLogLevel(level)).pipe(
          Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
        )
      ))
    yield* tell(LogLevel.Info, () => received.tickets.length === 1)
    assert.deepStrictEqual(lines, [])
    yield* Logger.withMinimumLogLevel(tell(LogLevel.Debug, () => lines.length === 4), LogLevel.Debug)
    assert.deepStrictEqual(lines.map((line) => line.replace(/[0-9a-f]{32}/, "ID")).toSorted(), [
      "POST /open-apis/auth/v3/app_ticket/resend by cli_told: HTTP 200, code 0",
      "POST /open-apis/auth/v3/app_ticket/resend by cli_told: no answer (fault: Drop)",
      "handshake with the request URL of cli_told: passed",
      "push of app_ticket ID to cli_told, attempt 1: acknowledged with HTTP 200"
    ])
  }))

describe("Fault rules", () => {
  const fault = Fault.html(500)
  const statuses = (count: number, path = "/open-apis/test") =>
    Effect.forEach(Array.from({ length: count }), () => Effect.map(Client.get(path), ({ status }) => status))

  it.effect("the next 3, every 5th, and only for one path", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults([Fault.next(3, fault)])
      assert.deepStrictEqual(yield* statuses(5), [500, 500, 500, 400, 400])
      yield* emulator.setFaults([Fault.every(5, fault)])
      assert.deepStrictEqual(yield* statuses(11), [400, 400, 400, 400, 500, 400, 400, 400, 400, 500, 400])
      yield* emulator.setFaults([Fault.next(1, fault, { only: "/open-apis/other" })])
      assert.deepStrictEqual(yield* statuses(2), [400, 400])
      assert.deepStrictEqual(yield* statuses(2, "/open-apis/other"), [500, 400])
    }).pipe(Effect.provide(doors.layerHttpClient)))

  it.effect("with a probability, the same for the same seed", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const rule = Fault.withProbability(0.1, fault, { seed: "a seed" })
      yield* emulator.setFaults([rule])
      const first = yield* statuses(500)
      yield* emulator.setFaults([rule])
      assert.deepStrictEqual(yield* statuses(500), first)
      const count = first.filter((status) => status === 500).length
      assert.isAbove(count, 25)
      assert.isBelow(count, 80)
    }).pipe(Effect.provide(doors.layerHttpClient)))

  it.effect("a rule that is used twice begins anew", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const rule = Fault.next(1, fault)
      yield* emulator.setFaults([rule])
      assert.deepStrictEqual(yield* statuses(2), [500, 400])
      yield* emulator.setFaults([rule])
      assert.deepStrictEqual(yield* statuses(2), [500, 400])
    }).pipe(Effect.provide(doors.layerHttpClient)))
})

describe("Emulator.layerServer, its end", () => {
  it.live("closes its port, its open connections and its pending pushes with its scope", () =>
    Effect.gen(function*() {
      const app = { ...Client.storeApp, requestUrl: () => Effect.never }
      const Live = Emulator.layerServer({ apps: [app], faults: [Fault.Delay({ duration: "1 hour" })], pushDelay: 0 })
      const emulator = yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(Live)
        const emulator = Context.get(context, Emulator.Emulator)
        yield* Client.resend(app).pipe(Effect.provide(context), Effect.exit, Effect.forkDaemon)
        yield* emulator.pushTicket(app.appId)
        yield* Effect.sleep("10 millis").pipe(
          Effect.zipRight(emulator.journal),
          Effect.repeat({ until: ({ length }) => length === 1 })
        )
        return emulator
      }))
      const exit = yield* Effect.exit(Effect.provideService(Client.resend(app), Emulator.Emulator, emulator))
      assert.isTrue(Exit.isFailure(exit))
    }).pipe(Effect.provide(FetchHttpClient.layer), Effect.timeout("5 seconds")))

  it.scopedLive("says which port is taken", () =>
    Effect.gen(function*() {
      const { baseUrl } = Context.get(yield* Layer.build(Emulator.layerServer({ apps })), Emulator.Emulator)
      const port = Number(new URL(baseUrl).port)
      const error = yield* Effect.flip(Layer.build(Emulator.layerServer({ apps, port })))
      assert.instanceOf(error, Emulator.ServerError)
      assert.include(error.message, `port ${port}`)
    }))

  it.scopedLive("says which port is none", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(Emulator.layerServer({ apps, port: 70_000 })))
      assert.instanceOf(error, Emulator.ServerError)
      assert.include(error.message, "port 70000")
    }))

  it.scopedLive("listens on loopback and nowhere else", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(doors.layerServer)
      const { baseUrl } = Context.get(context, Emulator.Emulator)
      assert.match(baseUrl, /^http:\/\/127\.0\.0\.1:\d+$/)
      const elsewhere = HttpClient.get(baseUrl.replace("127.0.0.1", "127.0.0.2")).pipe(Effect.provide(context))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(elsewhere)))
    }).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.None)), Effect.timeout("3 seconds")))

  it.scopedLive("outlives clients that go away in the middle", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(doors.layerServer)
      yield* Context.get(context, Emulator.Emulator).setFaults([Fault.Delay({ duration: "1 hour" })])
      yield* Client.resend(Client.storeApp).pipe(Effect.timeout("50 millis"), Effect.ignore, Effect.provide(context))
      assert.strictEqual((yield* Effect.provide(Client.resend(Client.storeApp), context)).body["code"], 0)
    }))
})

it.effect("a body that is a stream is read, too", () =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(
      HttpClientRequest.post(`https://open.feishu.cn${resendPath}`).pipe(
        HttpClientRequest.bodyStream(Stream.make(new TextEncoder().encode(JSON.stringify(valid))))
      )
    )
    assert.deepInclude(yield* response.json, { code: 0 })
  }).pipe(Effect.provide(doors.layerHttpClient)))

it.scoped("the journal keeps the newest 100,000 entries", () =>
  Effect.gen(function*() {
    const journal = yield* Journal.make
    const append = (at: number) =>
      journal.append({ _tag: "Handshake", at, endedAt: at, appId: "", outcome: "passed", reason: undefined })
    for (let at = 0; at < 150_002; at++) yield* append(at)
    const entries = yield* journal.entries
    assert.strictEqual(entries.length, 100_000)
    assert.strictEqual(entries[0]?.at, 50_002)
    assert.strictEqual(entries.at(-1)?.at, 150_001)
  }))

it.effect("an app that is not there is a clear error", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const error = yield* Effect.flip(emulator.pushTicket("cli_none"))
    assert.include(error.message, "cli_none")
    yield* emulator.setApp({ appId: "cli_none", appSecret: Redacted.make("x") })
    yield* emulator.pushTicket("cli_none")
  }).pipe(Effect.provide(doors.layerHttpClient)))
