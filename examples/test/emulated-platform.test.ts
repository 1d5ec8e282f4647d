import { AppTicket } from "@effect-feishu/auth"
import { type App, Emulator, EmulatorTest, Fault } from "@effect-feishu/emulator"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"

/** Your service: it starts by asking for a ticket. */
const start = Effect.as(AppTicket.resend, "started")

it.effect("starts in spite of a rate limit, and is sent its ticket", () => {
  const events: Array<string> = []
  const requestUrl = ({ body }: App.Delivery) =>
    Effect.sync(() => {
      events.push(JSON.parse(body).event.type)
      return { status: 200, body: "" }
    })
  return Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    yield* emulator.setFaults([Fault.rateLimit({ resetSeconds: 7 })])
    const fiber = yield* Effect.fork(start)
    yield* TestClock.adjust("8 seconds")
    assert.strictEqual(yield* Fiber.join(fiber), "started")
    assert.deepStrictEqual(events, ["app_ticket"])
  }).pipe(Effect.provide(EmulatorTest.layer({ app: { requestUrl } })))
})
