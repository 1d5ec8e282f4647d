import { AppTicket, FeishuApp } from "@effect-feishu/core"
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, TestClock } from "effect"

/** A service of yours: it goes on where the platform cannot be reached. */
const wakeUp = AppTicket.resend.pipe(
  Effect.as("asked"),
  Effect.catchTag("FeishuNetworkError", () => Effect.succeed("unreachable"))
)

const App = FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make("a secret") })

/** Answers every request in the platform's place. */
const platform = (answer: () => Response) =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, answer())))
  )

it.effect("asks for a ticket", () =>
  Effect.gen(function*() {
    assert.strictEqual(yield* wakeUp, "asked")
  }).pipe(Effect.provide([App, platform(() => Response.json({ code: 0, msg: "success" }))])))

it.effect("goes on without the platform, after all retries and without real waiting", () =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(wakeUp)
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual(yield* Fiber.join(fiber), "unreachable")
  }).pipe(Effect.provide([App, platform(() => new Response("Bad Gateway", { status: 502 }))])))

it.effect("fails when the secret is wrong", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(wakeUp)
    assert.strictEqual(error.kind, "Credentials")
  }).pipe(Effect.provide([App, platform(() => Response.json({ code: 10015, msg: "app secret invalid" }))])))
