import { EmulatorTest } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as AppTicket from "../src/AppTicket.js"

describe("get", () => {
  it.effect("on a cold start asks for a ticket once, whoever asks, and waits for it", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.all(Effect.replicate(AppTicket.get, 10000), { concurrency: "unbounded" }))
      yield* TestClock.adjust("119 seconds")
      const tickets = yield* Fiber.join(fiber)
      assert.strictEqual(new Set(tickets).size, 1)
    }).pipe(Effect.provide(EmulatorTest.layerTicket({ pushDelay: "119 seconds" }))))
})
