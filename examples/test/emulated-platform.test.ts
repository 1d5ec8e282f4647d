import { AppTicket } from "@effect-feishu/auth"
import { Emulator, EmulatorTest, Fault } from "@effect-feishu/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"

it.effect("waits as it is told to, and asks again", () =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults([Fault.rateLimit({ resetSeconds: 7 })])

    const fiber = yield* Effect.fork(AppTicket.resend)
    yield* TestClock.adjust("7 seconds")
    yield* Fiber.join(fiber)

    const calls = (yield* emulator.journal).filter((entry) => entry._tag === "Call")
    assert.deepStrictEqual(calls.map(({ code }) => code), [99991400, 0])
  }).pipe(Effect.provide(EmulatorTest.layer())))
