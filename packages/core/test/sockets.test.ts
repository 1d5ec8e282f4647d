/** The resend over real sockets: the emulator on one end, each of the usual HTTP clients on the other. */
import { type App, Emulator, Fault, Journal } from "@effect-feishu/emulator"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, LogLevel, Redacted } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import type { FeishuApiError, FeishuNetworkError } from "../src/FeishuError.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { listen } from "./listen.js"

const appSecret = Redacted.make("a secret")
const apps: ReadonlyArray<App.App> = [
  { appId: "cli_store", appSecret },
  { appId: "cli_disabled", appSecret, enabled: false },
  { appId: "cli_self_built", appSecret, kind: "self-built" }
]

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FeishuClient.layerFetch],
  ["node:http", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici]
]

const app = (options?: Partial<FeishuApp.Options>) =>
  Layer.unwrapEffect(
    Effect.map(Emulator.Emulator, ({ baseUrl }) =>
      FeishuApp.layer({ appId: "cli_store", appSecret, baseUrl, ...options }))
  )

const quiet = Logger.minimumLogLevel(LogLevel.None)

/** Quick waits, but otherwise as the default. */
const policy = RetryPolicy.make({ baseDelay: "10 millis" })
const impatient = (attemptTimeout: Duration.DurationInput): RetryPolicy.Policy => ({ ...policy, attemptTimeout })

for (const [name, client] of clients) {
  const resend = (options?: Partial<FeishuApp.Options>, retryPolicy = policy) =>
    AppTicket.resend.pipe(
      Effect.provideService(RetryPolicy.RetryPolicy, retryPolicy),
      Effect.provide([app(options), client])
    )

  /** One attempt of 1 s. */
  const once = (baseUrl: string) =>
    AppTicket.resend.pipe(
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ retries: 0, attemptTimeout: "1 second" })),
      Effect.provide([FeishuApp.layer({ appId: "cli_store", appSecret, baseUrl }), client])
    )

  const calls = Effect.flatMap(
    Emulator.Emulator,
    ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")))
  )

  /** The resend under these faults: its outcome, and the exchanges as the emulator saw them. */
  const against = (faults: ReadonlyArray<Fault.Fault>, retryPolicy = policy) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults(faults)
      const before = (yield* calls).length
      const exit = yield* Effect.exit(resend({}, retryPolicy))
      return { exit, exchanges: (yield* calls).slice(before) }
    })

  const failure = (exit: Exit.Exit<void, FeishuNetworkError | FeishuApiError | FeishuApp.FeishuAppError>) =>
    Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : assert.fail(`not a failure: ${exit}`)

  describe(`resend over ${name}`, () => {
    layer(Layer.merge(Emulator.layerServer({ apps }), quiet), { excludeTestServices: true })((it) => {
      it.effect("succeeds", () =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against([])
          assert.isTrue(Exit.isSuccess(exit))
          assert.strictEqual(exchanges.length, 1)
          assert.deepInclude(exchanges[0], {
            method: "POST",
            path: "/open-apis/auth/v3/app_ticket/resend",
            appId: "cli_store"
          })
        }))

      it.effect("outlives a dropped connection, a cut-off answer, a gateway's page and a slow answer", () =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against(
            [Fault.Drop(), Fault.Cut(), Fault.html(502), Fault.Delay({ duration: "5 seconds" })],
            impatient("1 second")
          )
          assert.isTrue(Exit.isSuccess(exit))
          assert.deepStrictEqual(
            exchanges.map((exchange) => exchange.fault),
            ["Drop", "Cut", "Answer", "Delay", undefined]
          )
        }))

      it.effect.each([429, 400] as const)("waits as it is told to, by HTTP %i", (status) =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against([Fault.rateLimit({ resetSeconds: 1, status })])
          assert.isTrue(Exit.isSuccess(exit))
          const [first, second] = exchanges
          const waited = (second?.at ?? NaN) - (first?.at ?? NaN)
          assert.isAtLeast(waited, 990)
          assert.isBelow(waited, 3000)
        }))

      it.effect.each<[string, Partial<FeishuApp.Options>, number, FeishuApiError["kind"]]>([
        ["a wrong secret", { appSecret: Redacted.make("another") }, 10014, "Credentials"],
        ["an app that does not exist", { appId: "cli_none" }, 10014, "Credentials"],
        ["a disabled app", { appId: "cli_disabled" }, 10005, "AppState"],
        ["a self-built app", { appId: "cli_self_built", kind: "self-built" }, 10016, "NotStoreApp"]
      ])("is refused for %s, at once and with a log id", ([_, options, code, kind]) =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          yield* emulator.setFaults([])
          const before = (yield* calls).length
          const error = yield* Effect.flip(resend(options))
          assert.deepInclude(error, { _tag: "FeishuApiError", code })
          if (error._tag !== "FeishuApiError") return
          assert.strictEqual(error.kind, kind)
          assert.match(error.logId ?? "", /^\d{14}[0-9A-F]{20}$/)
          assert.strictEqual((yield* calls).length - before, 1)
        }))

      it.effect.each([301, 302, 303, 307, 308])(
        "follows no redirect by HTTP %i: the secret goes nowhere else",
        (status) =>
          Effect.gen(function*() {
            const elsewhere = yield* Layer.build(Emulator.layerServer({ apps })).pipe(
              Effect.map(Context.get(Emulator.Emulator))
            )
            const { exchanges, exit } = yield* against([
              Fault.Answer({ status, headers: { location: `${elsewhere.baseUrl}/elsewhere` }, body: "" })
            ])
            assert.deepInclude(failure(exit), { _tag: "FeishuNetworkError", reason: "InvalidResponse", status })
            assert.strictEqual(exchanges.length, 1)
            assert.deepStrictEqual(yield* elsewhere.journal, [])
          }).pipe(Effect.scoped)
      )

      it.effect.each<[string, Fault.Fault, FeishuNetworkError["reason"]]>([
        ["no connection is kept", Fault.Drop(), "Connection"],
        ["no answer is whole", Fault.Cut(), "InvalidResponse"],
        ["no answer comes", Fault.Delay({ duration: Duration.infinity }), "Timeout"],
        ["a gateway answers", Fault.Answer({ status: 503, headers: {}, body: "" }), "Unavailable"],
        ["a refusal is 10 MB", Fault.Answer({ status: 503, headers: {}, body: " ".repeat(10_000_000) }), "Unavailable"]
      ])("gives up after 6 attempts when %s", ([_, fault, reason]) =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against(
            Array.from({ length: 6 }, () => fault),
            reason === "Timeout" ? impatient("300 millis") : policy
          )
          assert.deepInclude(failure(exit), { _tag: "FeishuNetworkError", reason })
          assert.strictEqual(exchanges.length, 6)
        }))
    })

    it.scopedLive("is a Connection error where nothing listens", () =>
      Effect.gen(function*() {
        const { baseUrl } = yield* Layer.build(Emulator.layerServer({ apps })).pipe(
          Effect.map(Context.get(Emulator.Emulator)),
          Effect.scoped
        )
        const error = yield* Effect.flip(once(baseUrl))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Connection" })
        assert.include(error.message, "ECONNREFUSED")
      }))

    it.scopedLive.each<[string, (socket: Net.Socket) => void, FeishuNetworkError["reason"]]>([
      ["hangs up at once", (socket) => socket.destroy(), "Connection"],
      ["speaks something else than HTTP", (socket) => socket.end("220 mail.example.com ESMTP\r\n"), "Connection"],
      [
        "sends headers without an end",
        (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(200_000)}`),
        "Connection"
      ],
      [
        "sends chunks that are none",
        (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n{}"),
        "InvalidResponse"
      ],
      [
        "ends before its content-length",
        (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code\":0}"),
        "InvalidResponse"
      ],
      [
        "sends one byte at a time, too slowly",
        (socket) => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
          // @effect-diagnostics-next-line globalTimers:off
          const drip = setInterval(() => socket.write("{"), 100)
          socket.on("close", () => clearInterval(drip))
        },
        "Timeout"
      ]
    ])("survives a peer that %s", ([_, behave, reason]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(once(
          yield* listen(Net.createServer((socket) => {
            socket.on("error", () => {})
            socket.once("data", () => behave(socket))
          }))
        ))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason })
        assert.isTrue("isRetryable" in error && error.isRetryable)
      }))

    it.scopedLive("is a Connection error where TLS is wanted and not spoken", () =>
      Effect.gen(function*() {
        const baseUrl = yield* listen(Http.createServer((_, response) => response.end()))
        const error = yield* Effect.flip(once(baseUrl.replace("http:", "https:")))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Connection" })
        assert.match(error.message, /SSL|TLS|packet length/i)
      }))

    it.scopedLive("is a Connection error where the name is unknown", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(once("https://open.feishu.invalid"))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Connection" })
        assert.match(error.message, /ENOTFOUND|EAI_AGAIN/)
      }))

    it.scopedLive("stops a long answer, however long it would be", () =>
      Effect.gen(function*() {
        let sent = 0
        const closed = yield* Deferred.make<void>()
        const baseUrl = yield* listen(Http.createServer((_, response) => {
          response.writeHead(200)
          const more = () => {
            while (response.write(" ".repeat(64 * 1024))) sent += 64 * 1024
          }
          response.on("drain", more)
          response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
          more()
        }))
        assert.deepInclude(yield* Effect.flip(once(baseUrl)), {
          reason: "TooLarge",
          isRetryable: false,
          description: "the answer is longer than 1 MiB"
        })
        yield* Effect.timeout(Deferred.await(closed), "1 second")
        // What sockets hold on the way, beyond what was read.
        assert.isBelow(sent, 16 * 1024 * 1024)
      }))

    it.scopedLive.each(["before the answer", "in the middle of the answer"])(
      "closes the connection when it is interrupted %s",
      (when) =>
        Effect.gen(function*() {
          const started = yield* Deferred.make<void>()
          const closed = yield* Deferred.make<void>()
          const baseUrl = yield* listen(Http.createServer((_, response) => {
            if (when === "in the middle of the answer") {
              response.writeHead(200, { "content-type": "application/json" }).write("{\"code\":")
            }
            Deferred.unsafeDone(started, Effect.void)
            response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
          }))
          const fiber = yield* Effect.fork(once(baseUrl))
          yield* Deferred.await(started)
          yield* Effect.sleep("50 millis")
          const [elapsed, exit] = yield* Effect.timed(Fiber.interrupt(fiber))
          assert.isTrue(Exit.isInterrupted(exit))
          assert.isBelow(Duration.toMillis(elapsed), 500)
          yield* Effect.timeout(Deferred.await(closed), "1 second")
        })
    )
  })
}
