import { AppTicket } from "@effect-feishu/core"
import { Emulator, EmulatorTest, Fault } from "@effect-feishu/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, TestClock } from "effect"

/** Your service: it cannot start without a ticket. */
const start = Effect.map(AppTicket.get, ({ value }) => `started with ${Redacted.value(value).length} characters`)

it.effect("starts in spite of a rate limit and a late push", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults([Fault.rateLimit({ resetSeconds: 7 })])
    yield* emulator.setPushFaults([Fault.Late({ by: "100 seconds" })])
    const fiber = yield* Effect.fork(start)
    yield* TestClock.adjust("2 minutes")
    assert.strictEqual(yield* Fiber.join(fiber), "started with 32 characters")
  }).pipe(Effect.provide(EmulatorTest.layerTicket())))
