import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Logger, LogLevel, Option, TestClock } from "effect"
import { timeLimit } from "../../src/internal/timeLimit.js"

const limited = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  timeLimit(effect, { duration: Duration.seconds(10), onTimeout: () => "too late" })

describe("timeLimit", () => {
  it.effect("returns what the effect returns, and fails as the effect fails", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* limited(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(limited(Effect.fail("its own"))), "its own")
      assert.deepStrictEqual(yield* Effect.exit(limited(Effect.die("a bug"))), Exit.die("a bug"))
      const fiber = yield* Effect.fork(limited(Effect.delay(Effect.succeed(2), "9 seconds")))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 2)
    }))

  for (
    const [region, where] of [["an interruptible", Effect.interruptible], [
      "an uninterruptible",
      Effect.uninterruptible
    ]] as const
  ) {
    it.effect(`holds in ${region} region, to the millisecond, and interrupts the effect`, () =>
      Effect.gen(function*() {
        const interrupted = yield* Deferred.make<void>()
        const effect = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
        const fiber = yield* Effect.fork(where(limited(effect)))
        yield* TestClock.adjust(9999)
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "too late")
        yield* Deferred.await(interrupted)
      }))
  }

  it.effect("holds for an effect that cannot be interrupted, which goes on", () =>
    Effect.gen(function*() {
      const latch = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const effect = Effect.uninterruptible(
        Effect.zipRight(Deferred.await(latch), Deferred.succeed(ended, undefined))
      )
      const fiber = yield* Effect.fork(limited(effect))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Effect.flip(Fiber.join(fiber)), "too late")
      yield* Deferred.succeed(latch, undefined)
      yield* Deferred.await(ended)
    }))

  it.effect("lets the caller's interruption through, and waits for the finalizers of the effect", () =>
    Effect.gen(function*() {
      const steps: Array<string> = []
      const started = yield* Deferred.make<void>()
      const effect = Effect.zipRight(Deferred.succeed(started, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => steps.push("finalized"))))
      )
      const fiber = yield* Effect.fork(limited(effect))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      steps.push("interrupted")
      assert.deepStrictEqual(steps, ["finalized", "interrupted"])
    }))

  it.effect("does not let the caller's interruption into an uninterruptible region", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const latch = yield* Deferred.make<string>()
      const effect = Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(latch))
      const results: Array<Exit.Exit<string, string>> = []
      const fiber = yield* limited(effect).pipe(
        Effect.onExit((exit) => Effect.sync(() => results.push(exit))),
        Effect.uninterruptible,
        Effect.fork
      )
      yield* Deferred.await(started)
      yield* Fiber.interruptFork(fiber)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(results, [])
      yield* Deferred.succeed(latch, "done")
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(results, [Exit.succeed("done")])
    }))

  it.effect("logs nothing, whatever becomes of the effect", () =>
    Effect.gen(function*() {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => lines.push(message))
      yield* Effect.gen(function*() {
        yield* Effect.exit(limited(Effect.fail("its own")))
        yield* Effect.exit(limited(Effect.die("a bug")))
        const fiber = yield* Effect.fork(Effect.exit(limited(Effect.never)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(fiber)
      }).pipe(Effect.provide([
        Logger.replace(Logger.defaultLogger, logger),
        Logger.minimumLogLevel(LogLevel.All)
      ]))
      assert.deepStrictEqual(lines, [])
    }))

  it.live("holds on the live clock, and leaves no timer behind", () =>
    Effect.gen(function*() {
      const timers = Effect.sync(() => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length)
      const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      const before = yield* timers
      const short = { duration: Duration.millis(20), onTimeout: () => "too late" }
      assert.strictEqual(yield* Effect.flip(timeLimit(Effect.never, short)), "too late")
      const long = { duration: Duration.hours(1), onTimeout: () => "too late" }
      yield* timeLimit(Effect.void, long)
      yield* timeLimit(turn, long)
      const fiber = yield* Effect.fork(timeLimit(Effect.never, long))
      yield* turn
      assert.isAbove(yield* timers, before)
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.zipRight(turn, timers), { until: (number) => number <= before })
      const forever = { duration: Duration.infinity, onTimeout: () => "too late" }
      assert.strictEqual(yield* timeLimit(Effect.delay(Effect.succeed(1), 1), forever), 1)
    }))
})
