/** A call in an uninterruptible region goes to its end, over each of the usual HTTP clients. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { clients, says, serve, services } from "./platform.js"

const path = "/open-apis/im/v1/messages"

describe.each(clients)("In an uninterruptible region, over %s,", (_, http) => {
  /** Interrupts `acquireRelease(acquire, release)` once the request has arrived, and lets the server answer then. */
  const interruptInFlight = <A, E>(acquire: (baseUrl: string) => Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const mayAnswer = yield* Deferred.make<void>()
      const { baseUrl } = yield* serve((response) => {
        Deferred.unsafeDone(arrived, Effect.void)
        Effect.runFork(
          Effect.zipRight(Deferred.await(mayAnswer), Effect.sync(() => says({ code: 0, msg: "", data: {} })(response)))
        )
      })
      const steps: Array<string> = []
      const fiber = yield* Effect.acquireUseRelease(
        Effect.tap(acquire(baseUrl), () => steps.push("acquired")),
        () => Effect.sync(() => steps.push("used")),
        () => Effect.sync(() => steps.push("released"))
      ).pipe(Effect.exit, Effect.fork)
      yield* Deferred.await(arrived)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(steps, [])
      yield* Deferred.succeed(mayAnswer, undefined)
      yield* Fiber.await(fiber)
      return steps
    })

  it.scopedLive("a POST that is interrupted in flight is acquired and released", () =>
    Effect.gen(function*() {
      const steps = yield* interruptInFlight((baseUrl) =>
        FeishuClient.forTenant("tenant_1").pipe(
          Effect.flatMap((client) => client.post(path)),
          Effect.provide(services(baseUrl, http))
        )
      )
      assert.deepStrictEqual(steps, ["acquired", "released"])
    }))

  it.scopedLive("a resend that is interrupted in flight is acquired and released", () =>
    Effect.gen(function*() {
      const steps = yield* interruptInFlight((baseUrl) => Effect.provide(AppTicket.resend, services(baseUrl, http)))
      assert.deepStrictEqual(steps, ["acquired", "released"])
    }))

  it.scoped("the time limit of an attempt holds, and nothing is left open", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { baseUrl } = yield* serve((response) => {
        response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
        Deferred.unsafeDone(arrived, Effect.void)
      })
      const call = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.post(path)),
        Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ attemptTimeout: "3 seconds" })),
        Effect.provide(services(baseUrl, http)),
        Effect.uninterruptible,
        Effect.exit,
        Effect.fork
      )
      yield* Deferred.await(arrived)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(call)))
      yield* Deferred.await(closed)
    }))
})
