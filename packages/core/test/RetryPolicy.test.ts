import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Deferred,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  HashMap,
  Logger,
  LogLevel,
  Option,
  Random,
  Schedule,
  TestClock
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuError from "../src/FeishuError.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as Scripted from "./scripted.js"

/** Plays the script to its end on the test's clock; `random` is what `Random.next` always gives. */
const play = (
  steps: ReadonlyArray<Scripted.Step>,
  options?: {
    readonly random?: number
    readonly policy?: RetryPolicy.Policy
  }
) =>
  Effect.gen(function*() {
    const script = Scripted.make(...steps)
    const start = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.exit(AppTicket.resend).pipe(
      Effect.zip(Clock.currentTimeMillis),
      (resend) =>
        options?.policy === undefined
          ? resend
          : Effect.provideService(resend, RetryPolicy.RetryPolicy, options.policy),
      Effect.provide([script.layer, Scripted.app]),
      Effect.withRandom(Random.fixed([options?.random ?? 0.5])),
      Effect.fork
    )
    yield* TestClock.adjust("1 hour")
    const [exit, end] = yield* Fiber.join(fiber)
    return { exit, attempts: script.seen.map(({ at }) => at - start), total: end - start }
  })

const failure = (exit: Exit.Exit<void, FeishuError.FeishuError>) => {
  if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") return assert.fail(`not a failure: ${exit}`)
  return exit.cause.error
}

describe("RetryPolicy, the default", () => {
  it.effect("waits up to 200 ms, doubling, with full jitter, 5 times at most", () =>
    Effect.gen(function*() {
      const run = yield* play([Scripted.dropped], { random: 1 })
      assert.deepStrictEqual(run.attempts, [0, 200, 600, 1400, 3000, 6200])
      assert.deepInclude(failure(run.exit), { _tag: "FeishuNetworkError", reason: "Connection" })

      assert.deepStrictEqual((yield* play([Scripted.dropped], { random: 0.5 })).attempts, [
        0,
        100,
        300,
        700,
        1500,
        3100
      ])
      assert.deepStrictEqual((yield* play([Scripted.dropped], { random: 0 })).attempts, [0, 0, 0, 0, 0, 0])
    }))

  it.effect("waits exactly as long as the platform asks, whatever the jitter", () =>
    Effect.gen(function*() {
      for (const status of [429, 400]) {
        for (const random of [0, 1]) {
          const run = yield* play([Scripted.rateLimited(7, status), Scripted.rateLimited(1.5, status), Scripted.ok], {
            random
          })
          assert.deepStrictEqual(run.attempts, [0, 7000, 8500])
          assert.isTrue(Exit.isSuccess(run.exit))
        }
      }
    }))

  it.effect("fails at once with the platform's error where the wait does not fit the rest of the 30 s", () =>
    Effect.gen(function*() {
      const long = yield* play([Scripted.rateLimited(30)])
      assert.deepStrictEqual([long.attempts, long.total], [[0], 0])
      assert.deepInclude(failure(long.exit), { _tag: "FeishuApiError", code: 99991400 })

      const fits = yield* play([Scripted.rateLimited(29.999), Scripted.ok])
      assert.deepStrictEqual(fits.attempts, [0, 29_999])

      const later = yield* play([Scripted.after("5 seconds", Scripted.rateLimited(20)), Scripted.rateLimited(5)])
      assert.deepStrictEqual([later.attempts, later.total], [[0, 25_000], 25_000])
      assert.deepInclude(failure(later.exit), { _tag: "FeishuApiError", code: 99991400 })
    }))

  it.effect("backs off where the platform asks for a wait of zero, or for one that is not a number", () =>
    Effect.gen(function*() {
      for (const reset of ["0", "soon", "-1", "", "7 apples", "0x7"]) {
        assert.deepStrictEqual((yield* play([Scripted.rateLimited(reset), Scripted.ok])).attempts, [0, 100])
      }
    }))

  it.effect("gives each attempt 10 s, and all of it 30 s", () =>
    Effect.gen(function*() {
      const run = yield* play([Scripted.hang], { random: 1 })
      assert.deepStrictEqual(run.attempts, [0, 10_200, 20_600])
      assert.strictEqual(run.total, 30_000)
      const error = failure(run.exit)
      assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Timeout" })
      // The third attempt had only 9.4 s: the error before it says more.
      assert.include(error.message, "no complete answer within 10s (Timeout)")
    }))

  it.effect("an attempt that the 30 s cut short does not hide what the platform said", () =>
    Effect.gen(function*() {
      const run = yield* play([Scripted.rateLimited(29), Scripted.hang])
      assert.deepStrictEqual([run.attempts, run.total], [[0, 29_000], 30_000])
      assert.deepInclude(failure(run.exit), { _tag: "FeishuApiError", code: 99991400 })

      const first = yield* play([Scripted.hang], { policy: RetryPolicy.make({ totalTimeout: "1 second" }) })
      assert.strictEqual(first.total, 1000)
      assert.include(failure(first.exit).message, "no complete answer within 1s (Timeout)")
    }))

  it.effect("waits no longer than 10 s, however many retries", () =>
    Effect.gen(function*() {
      const policy = RetryPolicy.make({ retries: 8, totalTimeout: "2 minutes" })
      const run = yield* play([Scripted.dropped], { random: 1, policy })
      assert.deepStrictEqual(run.attempts.slice(-3), [12_600, 22_600, 32_600])
    }))

  it.effect("keeps its time where the caller cannot be interrupted", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.hang)
      const fiber = yield* AppTicket.resend.pipe(
        Effect.uninterruptible,
        Effect.provide([script.layer, Scripted.app]),
        Effect.withRandom(Random.fixed([1])),
        Effect.flip,
        Effect.fork
      )
      yield* TestClock.adjust("30 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { reason: "Timeout" })
      assert.strictEqual(script.seen.length, 3)
    }))

  it.effect("is not misled when the system's clock is set", () =>
    Effect.gen(function*() {
      const clock = yield* Effect.clock
      let correction = 0
      const set: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + correction)
      })
      const jump = (millis: number, step: Scripted.Step): Scripted.Step => (request) =>
        Effect.suspend(() => {
          correction = millis
          return step(request)
        })
      for (const millis of [3_600_000, -3_600_000]) {
        const run = yield* play([jump(millis, Scripted.dropped), Scripted.hang]).pipe(Effect.withClock(set))
        correction = 0
        assert.strictEqual(failure(run.exit)._tag, "FeishuNetworkError")
        assert.strictEqual(run.attempts.length, 4)
      }
    }))

  it.effect("the time limit covers the answer's body", () =>
    Effect.gen(function*() {
      const endless = new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode("{")),
        start: () => new Promise(() => {})
      })
      const run = yield* play([Scripted.answer(endless)], { policy: RetryPolicy.none })
      assert.strictEqual(run.total, 10_000)
      assert.deepInclude(failure(run.exit), { _tag: "FeishuNetworkError", reason: "Timeout" })
    }))

  it.effect.each<[string, Scripted.Step]>([
    ["wrong credentials", Scripted.refused(10015)],
    ["not a store app", Scripted.refused(10016, { status: 500 })],
    ["an unknown code", Scripted.refused(4)],
    ["a page that is not there", Scripted.answer("not found", { status: 404 })]
  ])("does not retry %s", ([_, step]) =>
    Effect.gen(function*() {
      const run = yield* play([step])
      assert.deepStrictEqual([run.attempts, run.total], [[0], 0])
      failure(run.exit)
    }))

  it.effect.each<[string, Scripted.Step]>([
    ["an internal error", Scripted.refused(1500)],
    ["an unknown code with a 5xx status", Scripted.refused(4, { status: 500 })],
    ["a gateway's 502", Scripted.answer("<html>", { status: 502 })],
    ["a gateway's 503", Scripted.answer("<html>", { status: 503 })],
    ["a gateway's 504", Scripted.answer("<html>", { status: 504 })],
    ["a 500 without JSON", Scripted.answer("", { status: 500 })],
    ["an answer that is cut off", Scripted.answer("{\"code\":0,\"ms")],
    ["a dropped connection", Scripted.dropped]
  ])("retries %s", ([_, step]) =>
    Effect.gen(function*() {
      const run = yield* play([step, step, Scripted.ok])
      assert.deepStrictEqual(run.attempts, [0, 100, 300])
      assert.isTrue(Exit.isSuccess(run.exit))
    }))
})

describe("RetryPolicy, in its place", () => {
  it.effect("none: one attempt", () =>
    Effect.gen(function*() {
      const run = yield* play([Scripted.dropped], { policy: RetryPolicy.none })
      assert.deepStrictEqual([run.attempts, run.total], [[0], 0])
      assert.deepInclude(failure(run.exit), { _tag: "FeishuNetworkError", reason: "Connection" })
    }))

  it.effect("make: each of its numbers", () =>
    Effect.gen(function*() {
      const policy = RetryPolicy.make({
        retries: 3,
        baseDelay: "1 second",
        maxDelay: "1500 millis",
        attemptTimeout: "2 seconds",
        totalTimeout: "1 minute"
      })
      const run = yield* play([Scripted.hang], { policy, random: 1 })
      assert.deepStrictEqual(run.attempts, [0, 3000, 6500, 10_000])
      assert.strictEqual(run.total, 12_000)
    }))

  it.effect("make: a fraction of a retry is none", () =>
    Effect.gen(function*() {
      for (const [retries, attempts] of [[1.9, 2], [0.5, 1], [-1, 1], [NaN, 1]] as const) {
        const run = yield* play([Scripted.dropped], { policy: RetryPolicy.make({ retries }) })
        assert.strictEqual(run.attempts.length, attempts)
      }
    }))

  it.effect("make: no end of retries within the total time", () =>
    Effect.gen(function*() {
      const policy = RetryPolicy.make({ retries: Infinity, maxDelay: "1 second", totalTimeout: "1 minute" })
      const run = yield* play([Scripted.dropped], { policy, random: 1 })
      assert.isAbove(run.attempts.length, 50)
      assert.isBelow(run.total, 60_000)
    }))

  it.effect("fromSchedule: the schedule alone decides", () =>
    Effect.gen(function*() {
      const everySecond = Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(40)))
      const run = yield* play([Scripted.refused(10015)], { policy: RetryPolicy.fromSchedule(everySecond) })
      assert.deepStrictEqual(run.attempts, Array.from({ length: 41 }, (_, n) => n * 1000))

      const onlyRetryable = everySecond.pipe(
        Schedule.whileInput((error: FeishuError.FeishuError) => error.isRetryable)
      )
      assert.deepStrictEqual(
        (yield* play([Scripted.refused(10015)], { policy: RetryPolicy.fromSchedule(onlyRetryable) })).attempts,
        [0]
      )
    }))

  it.effect("fromSchedule: an attempt has 10 s, or what is given", () =>
    Effect.gen(function*() {
      const run = yield* play([Scripted.hang], { policy: RetryPolicy.fromSchedule(Schedule.recurs(3)) })
      assert.deepStrictEqual(run.attempts, [0, 10_000, 20_000, 30_000])
      assert.strictEqual(run.total, 40_000)
      const policy = RetryPolicy.fromSchedule(Schedule.recurs(1), { attemptTimeout: "2 seconds" })
      assert.strictEqual((yield* play([Scripted.hang], { policy })).total, 4000)
    }))

  it.effect("a schedule with time limits around it", () =>
    Effect.gen(function*() {
      const policy: RetryPolicy.Policy = {
        schedule: Schedule.spaced("1 second"),
        attemptTimeout: "3 seconds",
        totalTimeout: "7 seconds"
      }
      const run = yield* play([Scripted.hang], { policy })
      assert.deepStrictEqual(run.attempts, [0, 4000])
      assert.strictEqual(run.total, 7000)
    }))

  it.effect("one region's policy is not another's", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.dropped)
      yield* AppTicket.resend.pipe(
        Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
        Effect.flip,
        Effect.zipRight(Effect.flip(AppTicket.resend)),
        Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.fromSchedule(Schedule.recurs(2))),
        Effect.provide([script.layer, Scripted.app])
      )
      assert.strictEqual(script.seen.length, 1 + 3)
    }))
})

describe("RetryPolicy, its log", () => {
  const logged = (...steps: ReadonlyArray<Scripted.Step>) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations, logLevel, message }) => {
        lines.push(`${logLevel.label} ${HashMap.get(annotations, "call").pipe(Option.getOrNull)}: ${String(message)}`)
      })
      yield* play(steps).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.Debug)
      )
      return lines.map((line) => line.replaceAll("https://open.feishu.cn/open-apis/auth/v3/app_ticket/resend", "URL"))
    })

  it.effect("has each attempt, each failure with the wait that follows, and the success after a failure", () =>
    Effect.gen(function*() {
      const [first, failed, second, ...more] = yield* logged(Scripted.rateLimited(7), Scripted.ok)
      assert.strictEqual(first, "DEBUG appTicketResend: attempt 1: POST URL")
      assert.match(
        failed ?? "",
        /^WARN appTicketResend: attempt 1 failed, the next one follows in 7s: POST URL: refused with code 99991400/
      )
      assert.strictEqual(second, "DEBUG appTicketResend: attempt 2: POST URL")
      assert.deepStrictEqual(more, ["DEBUG appTicketResend: attempt 2 succeeded"])
    }))

  it.effect("says why no attempt follows", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* logged(Scripted.after("1 second", Scripted.rateLimited(60)))).slice(1), [
        "WARN appTicketResend: attempt 1 failed and none follows: the wait of 1m before it does not fit the 29s that are left"
      ])
    }))
})

describe("RetryPolicy, interrupted", () => {
  it.effect("a wait ends at once", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.rateLimited(20), Scripted.ok)
      const fiber = yield* AppTicket.resend.pipe(Effect.provide([script.layer, Scripted.app]), Effect.fork)
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(script.seen.length, 1)
    }))

  it.effect("the request under way is aborted", () =>
    Effect.gen(function*() {
      const aborted = yield* Deferred.make<void>()
      const script = Scripted.make(() => Effect.onInterrupt(Effect.never, () => Deferred.succeed(aborted, undefined)))
      const fiber = yield* AppTicket.resend.pipe(Effect.provide([script.layer, Scripted.app]), Effect.fork)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      yield* Deferred.await(aborted)
      assert.strictEqual(script.seen.length, 1)
    }))
})

describe("RetryPolicy, any sequence of outcomes", () => {
  type Outcome =
    & { readonly takes: number }
    & (
      | { readonly kind: "success" | "refusal" | "drop" }
      | { readonly kind: "rate limit"; readonly resetSeconds: number }
    )

  const takes = FastCheck.oneof(FastCheck.constant(0), FastCheck.integer({ min: 0, max: 15_000 }))
  const outcomes = FastCheck.array(
    FastCheck.oneof<FastCheck.MaybeWeightedArbitrary<Outcome>[]>(
      {
        weight: 4,
        arbitrary: FastCheck.record({ kind: FastCheck.constant("drop"), takes })
      },
      {
        weight: 4,
        arbitrary: FastCheck.record({
          kind: FastCheck.constant("rate limit"),
          takes,
          resetSeconds: FastCheck.integer({ min: 0, max: 12 })
        })
      },
      {
        weight: 1,
        arbitrary: FastCheck.record({ kind: FastCheck.constantFrom("success", "refusal"), takes })
      }
    ),
    { minLength: 1, maxLength: 10 }
  )
  const policies = FastCheck.record({
    retries: FastCheck.integer({ min: 0, max: 8 }),
    baseDelay: FastCheck.integer({ min: 0, max: 2000 }),
    maxDelay: FastCheck.integer({ min: 0, max: 20_000 }),
    attemptTimeout: FastCheck.integer({ min: 1, max: 20_000 }),
    totalTimeout: FastCheck.integer({ min: 1, max: 60_000 })
  })

  const step = (outcome: Outcome): Scripted.Step => {
    switch (outcome.kind) {
      case "success":
        return Scripted.after(outcome.takes, Scripted.ok)
      case "refusal":
        return Scripted.after(outcome.takes, Scripted.refused(10015))
      case "drop":
        return Scripted.after(outcome.takes, Scripted.dropped)
      case "rate limit":
        return Scripted.after(outcome.takes, Scripted.rateLimited(outcome.resetSeconds))
    }
  }

  /** The policy again, as a plain loop over numbers. */
  const expected = (outcomes: ReadonlyArray<Outcome>, policy: Required<RetryPolicy.Options>, random: number) => {
    const total = Number(policy.totalTimeout)
    const attempts: Array<number> = []
    let now = 0
    let before: string | undefined
    while (true) {
      attempts.push(now)
      const outcome = outcomes[Math.min(attempts.length, outcomes.length) - 1]
      if (outcome === undefined) return assert.fail("no outcome")
      const allowed = Math.min(Number(policy.attemptTimeout), total - now)
      const isTimeout = outcome.takes >= allowed
      now += isTimeout ? allowed : outcome.takes
      if (!isTimeout && outcome.kind === "success") return { attempts, total: now, result: "success" }
      const isCutShort = allowed < Number(policy.attemptTimeout)
      const seen = isTimeout ? "Timeout" : outcome.kind === "drop" ? "Connection" : outcome.kind
      const result: string = isTimeout && isCutShort ? before ?? seen : seen
      before = result
      const backoff = Math.round(
        random * Math.min(Number(policy.maxDelay), Number(policy.baseDelay) * 2 ** (attempts.length - 1))
      )
      const wait = result === "rate limit" && outcome.kind === "rate limit" && outcome.resetSeconds > 0
        ? outcome.resetSeconds * 1000
        : backoff
      if (result === "refusal" || attempts.length > Number(policy.retries) || wait >= total - now) {
        return { attempts, total: now, result }
      }
      now += wait
    }
  }

  it.effect.prop(
    "obeys the number of attempts, the waits and the total time",
    [outcomes, policies, FastCheck.integer({ min: 0, max: 100 })],
    ([outcomes, policy, percent]) =>
      Effect.gen(function*() {
        const random = percent / 100
        const run = yield* play(outcomes.map(step), { policy: RetryPolicy.make(policy), random })
        const result = Exit.match(run.exit, {
          onSuccess: () => "success",
          onFailure: () => {
            const error = failure(run.exit)
            return error._tag === "FeishuNetworkError" ? error.reason : error.code === 10015 ? "refusal" : "rate limit"
          }
        })
        assert.deepStrictEqual(
          { attempts: run.attempts, total: run.total, result },
          expected(outcomes, policy, random)
        )
        assert.isAtMost(run.attempts.length, policy.retries + 1)
        assert.isAtMost(run.total, policy.totalTimeout)
      }),
    { fastCheck: { numRuns: 50 }, timeout: 60_000 }
  )

  it.effect.prop(
    "waits no longer than the bound, whatever chance says",
    [FastCheck.integer()],
    ([seed]) =>
      Effect.gen(function*() {
        const driver = yield* Schedule.driver(RetryPolicy.schedule({ retries: 8, maxDelay: "3 seconds" }))
        const error = new FeishuError.FeishuNetworkError({
          reason: "Timeout",
          method: "POST",
          url: "",
          description: ""
        })
        for (const bound of [200, 400, 800, 1600, 3000, 3000, 3000, 3000]) {
          const start = yield* Clock.currentTimeMillis
          const fiber = yield* Effect.fork(Effect.zipRight(driver.next(error), Clock.currentTimeMillis))
          yield* TestClock.adjust("1 minute")
          assert.isTrue(yield* Effect.map(Fiber.join(fiber), (end) => end - start >= 0 && end - start <= bound))
        }
        assert.isTrue(Exit.isFailure(yield* Effect.exit(driver.next(error))))
      }).pipe(Effect.withRandom(Random.make(seed))),
    { fastCheck: { numRuns: 20 }, timeout: 60_000 }
  )
})
