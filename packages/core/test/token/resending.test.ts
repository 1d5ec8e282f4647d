import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option } from "effect"
import * as Claims from "../../src/Claims.js"
import * as Resending from "../../src/internal/token/resending.js"
import { forgetfulClaims } from "../forgetfulClaims.js"
import { pass, withQuickClock } from "../quickClock.js"

const make = (claims: Claims.Service, ...sends: ReadonlyArray<Effect.Effect<boolean, string>>) => {
  let sent = 0
  const resending = Resending.make<string, never>({
    appId: "cli_test",
    claims,
    coolDown: Duration.minutes(1),
    send: Effect.suspend(() => sends[sent++] ?? Effect.succeed(true)),
    onAccepted: Effect.void,
    askedWait: () => undefined
  })
  const ask = Effect.map(resending.sendUnlessCoolingDown, Duration.toSeconds)
  return { ...resending, ask, sent: () => sent }
}

describe.each([
  ["keeps claims", Claims.makeMemory()],
  ["forgets a claim at once", Effect.succeed(forgetfulClaims)]
])("over a store that %s", (_, claims) => {
  it.effect("a resend that was cut off with its request on Workers holds back the next one for the cool-down", () =>
    Effect.gen(function*() {
      const { ask, sent } = make(yield* claims, Effect.never)
      // A clock of its own, which stands still, because the timers of a request end with the request.
      const cutOff = yield* Effect.fork(withQuickClock(ask))
      yield* pass("10 seconds")
      assert.strictEqual(yield* ask, 50)
      yield* pass("50 seconds")
      assert.strictEqual(yield* ask, 0)
      assert.strictEqual(sent(), 2)
      assert.strictEqual(yield* ask, 120)
      assert.isTrue(Option.isNone(yield* Fiber.poll(cutOff)))
    }).pipe(withQuickClock))

  it.effect("a resend is held back while one is under way in another request of the isolate", () =>
    Effect.gen(function*() {
      const { ask, sent } = make(yield* claims, Effect.delay(Effect.succeed(true), "10 minutes"))
      const first = yield* Effect.fork(ask)
      for (let n = 0; n < 30; n++) {
        yield* pass("19 seconds")
        assert.isAbove(yield* ask, 0)
      }
      yield* pass("30 seconds")
      assert.strictEqual(yield* Fiber.join(first), 0)
      assert.strictEqual(yield* ask, 120)
      assert.strictEqual(sent(), 1)
    }).pipe(withQuickClock))

  it.effect("a push holds back none after a failed resend, whose failure is known until the next resend", () =>
    Effect.gen(function*() {
      const { ask, failureAt, heldBackFor, pushHasCome, sent } = make(yield* claims, Effect.fail("refused"))
      assert.strictEqual(yield* Effect.flip(ask), "refused")
      yield* pass("10 seconds")
      yield* pushHasCome
      assert.strictEqual(yield* ask, 50)
      assert.strictEqual(failureAt(59_999), "refused")
      assert.deepStrictEqual(heldBackFor(10_000), Duration.seconds(50))
      assert.isUndefined(failureAt(60_000))
      yield* pass("50 seconds")
      assert.strictEqual(yield* ask, 0)
      assert.isUndefined(failureAt(60_000))
      assert.isUndefined(heldBackFor(60_000))
      assert.strictEqual(sent(), 2)
    }).pipe(withQuickClock))
})
