/** The resend over real sockets: the emulator on one end, each of the usual HTTP clients on the other. */
import { Emulator, Fault } from "@effect-feishu/emulator"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, LogLevel, Redacted } from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import type { ApiError, NetworkError } from "../src/FeishuError.js"
import * as OpenApi from "../src/OpenApi.js"
import * as RetryPolicy from "../src/RetryPolicy.js"

const appSecret = Redacted.make("a secret")
const apps: ReadonlyArray<Emulator.App> = [
  { appId: "cli_store", appSecret },
  { appId: "cli_disabled", appSecret, enabled: false },
  { appId: "cli_self_built", appSecret, kind: "self-built" }
]

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", OpenApi.layerFetch],
  ["node:http", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici]
]

const app = (options?: Partial<FeishuApp.Options>) =>
  Layer.unwrapEffect(
    Effect.map(Emulator.Emulator, ({ baseUrl }) =>
      FeishuApp.layer({ appId: "cli_store", appSecret, baseUrl, ...options }))
  )

const quiet = Logger.minimumLogLevel(LogLevel.None)

/** Quick, but otherwise as the default. */
const policy = RetryPolicy.make({ baseDelay: "10 millis", attemptTimeout: "300 millis" })

for (const [name, client] of clients) {
  const resend = (options?: Partial<FeishuApp.Options>) =>
    AppTicket.resend.pipe(
      Effect.provideService(RetryPolicy.RetryPolicy, policy),
      Effect.provide([app(options), client])
    )

  /** The resend under these faults: its outcome, and the exchanges as the emulator saw them. */
  const against = (...faults: ReadonlyArray<Fault.Fault>) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setFaults(faults)
      const before = (yield* emulator.journal).length
      const exit = yield* Effect.exit(resend())
      return { exit, exchanges: (yield* emulator.journal).slice(before) }
    })

  const failure = (exit: Exit.Exit<void, NetworkError | ApiError | FeishuApp.FeishuAppError>) =>
    Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : assert.fail(`not a failure: ${exit}`)

  describe(`resend over ${name}`, () => {
    layer(Layer.merge(Emulator.layerServer({ apps }), quiet), { excludeTestServices: true })((it) => {
      it.effect("succeeds", () =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against()
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
            Fault.Drop(),
            Fault.Cut(),
            Fault.Answer({ status: 502, headers: { "content-type": "text/html" }, body: "<html>Bad Gateway</html>" }),
            Fault.Delay({ duration: "5 seconds" })
          )
          assert.isTrue(Exit.isSuccess(exit))
          assert.deepStrictEqual(
            exchanges.map(({ fault }) => fault),
            ["Drop", "Cut", "Answer", "Delay", undefined]
          )
        }))

      it.effect.each([429, 400] as const)("waits as it is told to, by HTTP %i", (status) =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against(Fault.rateLimit({ resetSeconds: 1, status }))
          assert.isTrue(Exit.isSuccess(exit))
          const [first, second] = exchanges
          const waited = (second?.at ?? NaN) - (first?.at ?? NaN)
          assert.isAtLeast(waited, 990)
          assert.isBelow(waited, 1500)
        }))

      it.effect.each<[string, Partial<FeishuApp.Options>, number, ApiError["kind"]]>([
        ["a wrong secret", { appSecret: Redacted.make("another") }, 10015, "Credentials"],
        ["an app that does not exist", { appId: "cli_none" }, 10015, "Credentials"],
        ["a disabled app", { appId: "cli_disabled" }, 10014, "AppState"],
        ["a self-built app", { appId: "cli_self_built", kind: "self-built" }, 10016, "NotStoreApp"]
      ])("is refused for %s, at once and with a log id", ([_, options, code, kind]) =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          yield* emulator.setFaults([])
          const before = (yield* emulator.journal).length
          const error = yield* Effect.flip(resend(options))
          assert.deepInclude(error, { _tag: "ApiError", code })
          if (error._tag !== "ApiError") return
          assert.strictEqual(error.kind, kind)
          assert.match(error.logId ?? "", /^\d{14}[0-9A-F]{20}$/)
          assert.strictEqual((yield* emulator.journal).length - before, 1)
        }))

      it.effect.each([301, 302, 303, 307, 308])(
        "follows no redirect by HTTP %i: the secret goes nowhere else",
        (status) =>
          Effect.gen(function*() {
            const elsewhere = yield* Layer.build(Emulator.layerServer({ apps })).pipe(
              Effect.map(Context.get(Emulator.Emulator))
            )
            const { exchanges, exit } = yield* against(
              Fault.Answer({ status, headers: { location: `${elsewhere.baseUrl}/elsewhere` }, body: "" })
            )
            assert.deepInclude(failure(exit), { _tag: "NetworkError", reason: "InvalidResponse", status })
            assert.strictEqual(exchanges.length, 1)
            assert.deepStrictEqual(yield* elsewhere.journal, [])
          }).pipe(Effect.scoped)
      )

      it.effect.each<[string, Fault.Fault, NetworkError["reason"]]>([
        ["no connection is kept", Fault.Drop(), "Connection"],
        ["no answer is whole", Fault.Cut(), "InvalidResponse"],
        ["no answer comes", Fault.Delay({ duration: Duration.infinity }), "Timeout"],
        ["a gateway answers", Fault.Answer({ status: 503, headers: {}, body: "" }), "Unavailable"],
        [
          "the answer is 10 MB",
          Fault.Answer({ status: 200, headers: {}, body: " ".repeat(10_000_000) }),
          "InvalidResponse"
        ]
      ])("gives up after 6 attempts when %s", ([_, fault, reason]) =>
        Effect.gen(function*() {
          const { exchanges, exit } = yield* against(...Array.from({ length: 6 }, () => fault))
          assert.deepInclude(failure(exit), { _tag: "NetworkError", reason })
          assert.strictEqual(exchanges.length, 6)
        }))
    })

    it.scopedLive("is a Connection error where nothing listens", () =>
      Effect.gen(function*() {
        const { baseUrl } = yield* Layer.build(Emulator.layerServer({ apps })).pipe(
          Effect.map(Context.get(Emulator.Emulator)),
          Effect.scoped
        )
        const error = yield* AppTicket.resend.pipe(
          Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
          Effect.provide([FeishuApp.layer({ appId: "cli_store", appSecret, baseUrl }), client]),
          Effect.flip
        )
        assert.deepInclude(error, { _tag: "NetworkError", reason: "Connection" })
        assert.include(error.message, "ECONNREFUSED")
      }))

    it.scopedLive.each(["before the answer", "in the middle of the answer"])(
      "closes the connection when it is interrupted %s",
      (when) =>
        Effect.gen(function*() {
          const started = yield* Deferred.make<void>()
          const closed = yield* Deferred.make<void>()
          const server = yield* Effect.acquireRelease(
            Effect.async<Http.Server>((resume) => {
              const server = Http.createServer((_, response) => {
                if (when === "in the middle of the answer") {
                  response.writeHead(200, { "content-type": "application/json" }).write("{\"code\":")
                }
                Deferred.unsafeDone(started, Effect.void)
                response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
              })
              server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
            }),
            (server) =>
              Effect.sync(() => {
                server.close()
                server.closeAllConnections()
              })
          )
          const baseUrl = `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`
          const fiber = yield* AppTicket.resend.pipe(
            Effect.provide([FeishuApp.layer({ appId: "cli_store", appSecret, baseUrl }), client]),
            Effect.fork
          )
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
