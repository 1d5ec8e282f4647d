import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  Option,
  Random,
  Scope,
  TestClock,
  type Tracer
} from "effect"
import { makeFork } from "../../src/internal/background.js"
import * as Span from "../../src/internal/span.js"
import * as Moment from "../../src/internal/token/moment.js"
import * as RenewingCache from "../../src/internal/token/renewingCache.js"
import { movableClock } from "../movableClock.js"
import { pass, withQuickClock } from "../quickClock.js"
import { recorder } from "../spans.js"

const seconds = (count: number) => count * 1000
const minutes = (count: number) => count * 60_000

class Refusal extends Data.TaggedError("Refusal")<{ readonly wait: Duration.Duration | undefined }> {}

/** What one fetch does. */
type Step = Effect.Effect<string, Refusal>

const refused: Step = Effect.fail(new Refusal({ wait: undefined }))

const after = (duration: Duration.DurationInput, step: Step): Step => Effect.delay(step, duration)

interface Options {
  /** The steps of the first, second, … fetch. The last step is repeated. */
  readonly steps?: ReadonlyArray<Step>
  readonly capacity?: number
  /** In milliseconds after the fetch. Default: 10 minutes. */
  readonly renewAfter?: number
  /** In milliseconds after the fetch. Default: 1 hour. */
  readonly expireAfter?: number
}

/** Makes the cache under test. Without steps, the values are `value-1`, `value-2`, … */
const makeCache = ({ capacity = 10, expireAfter = minutes(60), renewAfter = minutes(10), steps = [] }: Options = {}) =>
  Effect.gen(function*() {
    /** By fetch, in the order of their beginning: the key, and the value that was in memory. */
    const fetches: Array<{ readonly key: string; readonly current: string | undefined }> = []
    const failedRenewals: Array<{
      readonly key: string
      readonly current: string
      readonly cause: Cause.Cause<Refusal>
    }> = []

    const cache = RenewingCache.make<string, string, Refusal, never>({
      capacity,
      fork: yield* makeFork<never>(),
      fetch: (key, current) =>
        Effect.gen(function*() {
          const number = fetches.push({ key, current: current?.value })
          const value = yield* steps[Math.min(number, steps.length) - 1] ?? Effect.succeed(`value-${number}`)
          const now = Moment.now(yield* Effect.clock)
          return {
            value,
            renewAt: Moment.later(now, renewAfter),
            expiresAt: Moment.later(now, expireAfter)
          }
        }),
      spanOf: (key) => Span.makeShared("fetch", () => ({ key })),
      withWaitSpan: (key) => Span.withSpan("wait", () => ({ attributes: { key } })),
      onRenewalFailed: (key, { value }, cause) =>
        Effect.sync(() => void failedRenewals.push({ key, current: value, cause })),
      askedWait: ({ wait }) => wait
    })
    return { ...cache, fetches, failedRenewals }
  })

const unbounded = { concurrency: "unbounded" } as const

/** Lets the fetches in the background do everything that needs no time. */
const settle = TestClock.adjust(0)

const isWaiting = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

const anyValue = () => true

/** Runs a test in a scope of its own, which ends the fetches. */
const effect = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) =>
  it.effect(name, () => Effect.scoped(test))

describe("RenewingCache.get", () => {
  effect(
    "A value is fetched once, and returned from memory until the value has to be renewed",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache()
      for (const wait of [0, 1, minutes(5), minutes(5) - 2]) {
        yield* TestClock.adjust(wait)
        assert.strictEqual(yield* get("a"), "value-1")
      }
      yield* settle
      assert.deepStrictEqual(fetches, [{ key: "a", current: undefined }])
    })
  )

  effect(
    "Each key has a value of its own",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache()
      const keys = ["a", "b", "", "A", "__proto__"]
      const values = yield* Effect.forEach(keys, get)
      assert.deepStrictEqual(values, keys.map((_, index) => `value-${index + 1}`))
      assert.deepStrictEqual(yield* Effect.forEach(keys, get), values)
      assert.deepStrictEqual(fetches.map(({ key }) => key), keys)
    })
  )

  effect(
    "A value is fetched once for all who ask before the fetch ends",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ steps: [after("1 second", Effect.succeed("only"))] })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index * 9),
        (wait) => Effect.fork(Effect.delay(get("a"), wait))
      )
      yield* TestClock.adjust("999 millis")
      for (const fiber of fibers) assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust("1 millis")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "only")
      assert.strictEqual(fetches.length, 1)
    })
  )

  effect(
    "A fetch that ends at once returns its value to all who ask, and the value is in memory",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ steps: [Effect.succeed("only")] })
      const values = yield* Effect.all(Effect.replicate(get("a"), 100), unbounded)
      assert.deepStrictEqual(new Set(values), new Set(["only"]))
      assert.strictEqual(fetches.length, 1)
    })
  )

  effect(
    "A fetch that fails at once is not under way any more",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ steps: [refused, refused, Effect.succeed("third")] })
      assert.instanceOf(yield* Effect.flip(get("a")), Refusal)
      assert.instanceOf(yield* Effect.flip(get("a")), Refusal)
      assert.strictEqual(yield* get("a"), "third")
      assert.strictEqual(fetches.length, 3)
    })
  )

  effect(
    "The fetch of one key does not keep another key waiting",
    Effect.gen(function*() {
      const { get } = yield* makeCache({ steps: [Effect.never, Effect.succeed("second")] })
      yield* Effect.fork(get("a"))
      yield* settle
      assert.strictEqual(yield* get("b"), "second")
    })
  )

  effect(
    "A failure is returned to all who wait, and is not cached",
    Effect.gen(function*() {
      const { failedRenewals, fetches, get } = yield* makeCache({
        steps: [after("1 second", refused), Effect.succeed("second")]
      })
      const fibers = yield* Effect.replicateEffect(Effect.fork(Effect.flip(get("a"))), 20)
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) assert.instanceOf(yield* Fiber.join(fiber), Refusal)
      assert.strictEqual(fetches.length, 1)
      assert.strictEqual(yield* get("a"), "second")
      assert.deepStrictEqual(failedRenewals, [], "there was nothing to renew")
    })
  )

  for (
    const [name, end, exit] of [
      ["dies", Effect.die("a bug"), (cause: Cause.Cause<Refusal>) => Option.contains(Cause.dieOption(cause), "a bug")],
      ["is interrupted", Effect.interrupt, Cause.isInterruptedOnly]
    ] as const
  ) {
    effect(
      `A fetch that ${name} ends the wait of all who wait, and the next caller fetches again`,
      Effect.gen(function*() {
        const { fetches, get } = yield* makeCache({ steps: [after("1 second", end), Effect.succeed("second")] })
        const fibers = yield* Effect.replicateEffect(Effect.fork(get("a")), 20)
        yield* TestClock.adjust("1 second")
        for (const fiber of fibers) {
          const ended = yield* Fiber.await(fiber)
          assert.isTrue(Exit.isFailure(ended) && exit(ended.cause), String(ended))
        }
        assert.strictEqual(yield* get("a"), "second")
        assert.strictEqual(fetches.length, 2)
      })
    )
  }

  effect(
    "An expired value is not returned, and the fetch gets the expired value",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), after("1 second", Effect.succeed("new"))]
      })
      yield* get("a")
      yield* TestClock.adjust("60 minutes")
      const fiber = yield* Effect.fork(get("a"))
      yield* settle
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "new")
      assert.deepStrictEqual(fetches.map(({ current }) => current), [undefined, "old"])
    })
  )

  effect(
    "If the fetch for an expired value fails, the next caller fetches at once",
    Effect.gen(function*() {
      const { failedRenewals, fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), refused, refused, Effect.succeed("new")]
      })
      yield* get("a")
      yield* TestClock.adjust("60 minutes")
      yield* Effect.flip(get("a"))
      yield* Effect.flip(get("a"))
      assert.strictEqual(yield* get("a"), "new")
      assert.deepStrictEqual(fetches.map(({ current }) => current), [undefined, "old", "old", "old"])
      assert.deepStrictEqual(failedRenewals, [])
    })
  )

  effect(
    "A value that has expired already when its fetch ends is returned to the caller, and not cached for the next",
    Effect.gen(function*() {
      const { get } = yield* makeCache({ renewAfter: 0, expireAfter: 0 })
      assert.strictEqual(yield* get("a"), "value-1")
      assert.strictEqual(yield* get("a"), "value-2")
    })
  )
})

describe("An interruption", () => {
  it.effect.prop(
    "Interrupting any callers after any number of steps ends no fetch, and neither the others nor the next caller need "
      + "another",
    {
      isInterrupted: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      yieldsBefore: fc.nat({ max: 12 }),
      yieldsWithin: fc.nat({ max: 8 })
    },
    ({ isInterrupted, yieldsBefore, yieldsWithin }) =>
      Effect.gen(function*() {
        const { fetches, get } = yield* makeCache({
          steps: [Effect.as(Effect.repeatN(Effect.yieldNow(), yieldsWithin), "only"), refused]
        })
        const fibers = yield* Effect.forEach(isInterrupted, () => Effect.fork(get("a")))
        yield* Effect.repeatN(Effect.yieldNow(), yieldsBefore)
        for (const [index, fiber] of fibers.entries()) if (isInterrupted[index]) yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* get("a"), "only")
        for (const [index, fiber] of fibers.entries()) {
          if (!isInterrupted[index]) assert.strictEqual(yield* Fiber.join(fiber), "only")
        }
        assert.strictEqual(fetches.length, 1)
      }).pipe(Effect.scoped)
  )

  effect(
    "Interrupting a caller does not wait for the fetch",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ steps: [Effect.uninterruptible(after("1 hour", refused))] })
      const fiber = yield* Effect.fork(get("a"))
      yield* settle
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.strictEqual(fetches.length, 1)
      yield* TestClock.adjust("1 hour")
    })
  )

  effect(
    "Interrupting the caller that began a renewal does not end the renewal",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", Effect.succeed("new"))]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      const fiber = yield* Effect.fork(Effect.andThen(get("a"), Effect.never))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* get("a"), "new")
      assert.strictEqual(fetches.length, 2)
    })
  )
})

describe("A renewal", () => {
  effect(
    "A value is renewed in the background when somebody asks, one renewal at a time, and returned meanwhile",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", Effect.succeed("new"))]
      })
      yield* get("a")
      yield* TestClock.adjust(minutes(10) - 1)
      yield* get("a")
      yield* settle
      assert.strictEqual(fetches.length, 1)
      yield* TestClock.adjust(1)
      for (let second = 0; second < 5; second++) {
        const values = yield* Effect.all(Effect.replicate(get("a"), 20), unbounded)
        assert.deepStrictEqual(new Set(values), new Set(["old"]))
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* get("a"), "new")
      yield* TestClock.adjust(minutes(10) - 1)
      assert.strictEqual(yield* get("a"), "new")
      yield* settle
      assert.deepStrictEqual(fetches.map(({ current }) => current), [undefined, "old"])
    })
  )

  effect(
    "A value is not renewed if nobody asks",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache()
      yield* get("a")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(fetches.length, 1)
    })
  )

  effect(
    "A value that expires during its renewal is not returned, and the callers wait for that renewal",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", Effect.succeed("new"))]
      })
      yield* get("a")
      yield* TestClock.adjust(minutes(60) - 1)
      assert.strictEqual(yield* get("a"), "old")
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.fork(get("a"))
      yield* TestClock.adjust(seconds(5) - 2)
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), "new")
      assert.strictEqual(fetches.length, 2)
    })
  )

  effect(
    "A value that expires during a renewal that fails is not kept, and the failure is returned to those who wait",
    Effect.gen(function*() {
      const { failedRenewals, fetches, get } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", refused), Effect.succeed("new")]
      })
      yield* get("a")
      yield* TestClock.adjust(minutes(60) - 1)
      yield* get("a")
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.fork(Effect.flip(get("a")))
      yield* TestClock.adjust("5 seconds")
      assert.instanceOf(yield* Fiber.join(fiber), Refusal)
      assert.deepStrictEqual(failedRenewals, [])
      assert.strictEqual(yield* get("a"), "new")
      assert.strictEqual(fetches.length, 3)
    })
  )

  effect(
    "A renewal that fails is told with the key, the value in use and the cause, and the value stays in use",
    Effect.gen(function*() {
      const { failedRenewals, get } = yield* makeCache({ steps: [Effect.succeed("good"), refused] })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* get("a"), "good")
      yield* settle
      assert.deepStrictEqual(failedRenewals, [{
        key: "a",
        current: "good",
        cause: Cause.fail(new Refusal({ wait: undefined }))
      }])
      yield* TestClock.adjust(minutes(50) - 1)
      assert.strictEqual(yield* get("a"), "good")
    })
  )

  effect(
    "A renewal that dies is told, keeps the value in use, and is followed by a pause",
    Effect.gen(function*() {
      const { failedRenewals, fetches, get } = yield* makeCache({
        steps: [Effect.succeed("good"), Effect.die("a bug"), Effect.succeed("new")]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* get("a"), "good")
        yield* settle
      }
      assert.deepStrictEqual(failedRenewals.map(({ cause }) => cause), [Cause.die("a bug")])
      assert.strictEqual(fetches.length, 2)
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* get("a"), "good")
      yield* settle
      assert.strictEqual(yield* get("a"), "new")
    })
  )

  effect(
    "A renewal that is interrupted keeps the value in use, and is not told as a failure",
    Effect.gen(function*() {
      const { failedRenewals, get } = yield* makeCache({
        steps: [Effect.succeed("good"), Effect.interrupt, Effect.succeed("new")]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* get("a"), "good")
      yield* settle
      assert.deepStrictEqual(failedRenewals, [])
      assert.strictEqual(yield* get("a"), "good")
      yield* TestClock.adjust("15 seconds")
      yield* get("a")
      yield* settle
      assert.strictEqual(yield* get("a"), "new")
    })
  )

  effect(
    "A renewal that fails after other renewals puts off its own key only",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        steps: [Effect.succeed("a"), Effect.succeed("b"), refused, Effect.succeed("new b")]
      })
      yield* get("a")
      yield* get("b")
      yield* TestClock.adjust("10 minutes")
      yield* get("a")
      yield* settle
      yield* get("b")
      yield* settle
      assert.strictEqual(yield* get("a"), "a")
      assert.strictEqual(yield* get("b"), "new b")
      assert.strictEqual(fetches.length, 4)
    })
  )
})

describe("The pause after a renewal that failed", () => {
  /** Random numbers below 1. `fc.double` would return mostly tiny ones. */
  const random = fc.nat({ max: 999 }).map((number) => number / 1000)

  /** Returns the pause after the failure with this index. */
  const pauseOf = (random: number, index: number) => Math.min(seconds(15) * 2 ** index, minutes(5)) * (0.5 + random / 2)

  /** Fails unless the next renewal begins after the pause, and neither earlier nor later. Lets time pass. */
  const assertPause = (
    { fetches, get }: RenewingCache.RenewingCache<string, string, Refusal> & { readonly fetches: Array<unknown> },
    pause: number
  ) =>
    Effect.gen(function*() {
      const before = fetches.length
      const early = Math.max(0, Math.floor(pause) - 1)
      yield* pass(early)
      yield* get("a")
      yield* pass(0)
      assert.strictEqual(fetches.length, before, `a renewal before ${pause} ms`)
      yield* pass(Math.ceil(pause) + 1 - early)
      yield* get("a")
      yield* pass(0)
      assert.strictEqual(fetches.length, before + 1, `no renewal after ${pause} ms`)
    })

  /** Makes a cache whose value has to be renewed, with one renewal that failed. */
  const afterOneFailure = (steps: ReadonlyArray<Step>, options: Options = {}) =>
    Effect.gen(function*() {
      const cache = yield* makeCache({ steps: [Effect.succeed("first"), ...steps], ...options })
      yield* cache.get("a")
      yield* pass("10 minutes")
      yield* cache.get("a")
      yield* pass(0)
      assert.strictEqual(cache.fetches.length, 2)
      return cache
    })

  it.effect.prop(
    "Pauses begin with 15 s and double to 5 minutes, and each is shortened at random, to a half at most",
    [random],
    ([random]) =>
      Effect.gen(function*() {
        const cache = yield* afterOneFailure([refused])
        for (let index = 0; index < 8; index++) yield* assertPause(cache, pauseOf(random, index))
        assert.strictEqual(yield* cache.get("a"), "first")
        assert.strictEqual(cache.failedRenewals.length, 9)
      }).pipe(Effect.scoped, Effect.withRandom(Random.fixed([random])), withQuickClock),
    { fastCheck: { numRuns: 20 } }
  )

  it.effect("Each pause is drawn anew", () =>
    Effect.gen(function*() {
      const cache = yield* afterOneFailure([refused])
      for (const [index, random] of [0.25, 0.75, 0, 0.5].entries()) yield* assertPause(cache, pauseOf(random, index))
    }).pipe(Effect.scoped, Effect.withRandom(Random.fixed([0.25, 0.75, 0, 0.5])), withQuickClock))

  it.effect("A success makes the next pause short again", () =>
    Effect.gen(function*() {
      const cache = yield* afterOneFailure([refused, refused, refused, Effect.succeed("second"), refused])
      for (const index of [0, 1, 2]) yield* assertPause(cache, pauseOf(0.5, index))
      assert.strictEqual(yield* cache.get("a"), "second")
      yield* assertPause(cache, minutes(10))
      yield* assertPause(cache, pauseOf(0.5, 0))
      yield* assertPause(cache, pauseOf(0.5, 1))
    }).pipe(Effect.scoped, Effect.withRandom(Random.fixed([0.5])), withQuickClock))

  it.effect.prop(
    "A pause is as long as the error asks at least",
    { random, wait: fc.integer({ min: 0, max: seconds(40) }) },
    ({ random, wait }) =>
      Effect.gen(function*() {
        const cache = yield* afterOneFailure([Effect.fail(new Refusal({ wait: Duration.millis(wait) })), refused])
        yield* assertPause(cache, Math.max(wait, pauseOf(random, 0)))
        yield* assertPause(cache, pauseOf(random, 1))
      }).pipe(Effect.scoped, Effect.withRandom(Random.fixed([random])), withQuickClock),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect.prop(
    "A pause ends when the value expires, and the next caller waits for a fetch then",
    { wait: fc.integer({ min: minutes(1), max: minutes(1000) }), left: fc.integer({ min: 1, max: seconds(50) }) },
    ({ left, wait }) =>
      Effect.gen(function*() {
        const cache = yield* afterOneFailure(
          [Effect.fail(new Refusal({ wait: Duration.millis(wait) })), Effect.succeed("second")],
          { expireAfter: minutes(10) + left }
        )
        yield* pass(left - 1)
        assert.strictEqual(yield* cache.get("a"), "first")
        yield* pass(0)
        assert.strictEqual(cache.fetches.length, 2)
        yield* pass(1)
        assert.strictEqual(yield* cache.get("a"), "second")
        assert.strictEqual(cache.fetches.length, 3)
      }).pipe(Effect.scoped, withQuickClock),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect("A pause begins when the renewal has failed, not when the renewal began", () =>
    Effect.gen(function*() {
      const cache = yield* afterOneFailure([after("1 minute", refused)])
      yield* pass("1 minute")
      yield* assertPause(cache, pauseOf(0.5, 0))
    }).pipe(Effect.scoped, Effect.withRandom(Random.fixed([0.5])), withQuickClock))
})

describe("RenewingCache.invalidate", () => {
  effect(
    "An invalid value is removed, and the next fetch gets no current value",
    Effect.gen(function*() {
      const { fetches, get, invalidate } = yield* makeCache()
      yield* get("a")
      invalidate("a", (value) => value === "value-1")
      assert.strictEqual(yield* get("a"), "value-2")
      assert.deepStrictEqual(fetches.map(({ current }) => current), [undefined, undefined])
    })
  )

  effect(
    "A value that is not invalid stays, and so do the values of other keys",
    Effect.gen(function*() {
      const { get, invalidate } = yield* makeCache()
      yield* get("a")
      yield* get("b")
      invalidate("a", (value) => value === "value-2")
      assert.strictEqual(yield* get("a"), "value-1")
      invalidate("a", anyValue)
      assert.strictEqual(yield* get("b"), "value-2")
      assert.strictEqual(yield* get("a"), "value-3")
    })
  )

  effect(
    "A key without a value has nothing to invalidate",
    Effect.gen(function*() {
      const { get, invalidate } = yield* makeCache()
      const seen: Array<string> = []
      invalidate("a", (value) => {
        seen.push(value)
        return true
      })
      assert.deepStrictEqual(seen, [])
      assert.strictEqual(yield* get("a"), "value-1")
    })
  )

  effect(
    "A value that is invalidated during its renewal is not returned, and the callers wait for that renewal",
    Effect.gen(function*() {
      const { fetches, get, invalidate } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", Effect.succeed("new"))]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      yield* get("a")
      yield* settle
      invalidate("a", anyValue)
      const fiber = yield* Effect.fork(get("a"))
      yield* TestClock.adjust(4999)
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), "new")
      assert.strictEqual(yield* get("a"), "new")
      assert.strictEqual(fetches.length, 2)
    })
  )

  effect(
    "A value that is invalidated during a renewal that fails does not come back",
    Effect.gen(function*() {
      const { failedRenewals, fetches, get, invalidate } = yield* makeCache({
        steps: [Effect.succeed("old"), after("5 seconds", refused), Effect.succeed("new")]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      yield* get("a")
      yield* settle
      invalidate("a", anyValue)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(failedRenewals, [])
      assert.strictEqual(yield* get("a"), "new")
      assert.strictEqual(fetches.length, 3)
    })
  )

  effect(
    "Invalidating during the first fetch of a value does not end the fetch",
    Effect.gen(function*() {
      const { fetches, get, invalidate } = yield* makeCache({ steps: [after("5 seconds", Effect.succeed("only"))] })
      const fiber = yield* Effect.fork(get("a"))
      yield* TestClock.adjust("1 second")
      invalidate("a", anyValue)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "only")
      assert.strictEqual(yield* get("a"), "only")
      assert.strictEqual(fetches.length, 1)
    })
  )
})

describe("The capacity", () => {
  effect(
    "The least recently used value is evicted first",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ capacity: 2 })
      for (const key of ["a", "b", "a", "c", "a"]) yield* get(key)
      assert.deepStrictEqual(fetches.map(({ key }) => key), ["a", "b", "c"])
      yield* get("b")
      assert.deepStrictEqual(fetches.at(-1), { key: "b", current: undefined })
    })
  )

  effect(
    "More fetches at once than the capacity are one for each key, too",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ capacity: 1, steps: [after("1 second", Effect.succeed("value"))] })
      const keys = ["a", "b", "c", "d"]
      const fiber = yield* Effect.fork(Effect.forEach([...keys, ...keys, ...keys], get, unbounded))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(fetches.map(({ key }) => key), keys)
    })
  )

  effect(
    "Failures evict nothing",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({ capacity: 1, steps: [Effect.succeed("good"), refused] })
      yield* get("a")
      for (const key of ["b", "c", "d"]) yield* Effect.flip(get(key))
      assert.strictEqual(yield* get("a"), "good")
      assert.strictEqual(fetches.length, 4)
    })
  )

  effect(
    "A value that is evicted during its renewal comes back if the renewal succeeds",
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache({
        capacity: 1,
        steps: [Effect.succeed("a"), after("5 seconds", Effect.succeed("new a")), Effect.succeed("b")]
      })
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      yield* get("a")
      yield* settle
      assert.strictEqual(yield* get("b"), "b")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* get("a"), "new a")
      assert.strictEqual(fetches.length, 3)
    })
  )
})

describe("The end of the scope", () => {
  for (
    const [region, where] of [["an interruptible", Effect.interruptible], [
      "an uninterruptible",
      Effect.uninterruptible
    ]] as const
  ) {
    it.effect(`Closing the scope interrupts a fetch that a caller in ${region} region waits for, and ends the wait`, () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const interrupted = yield* Deferred.make<void>()
        const { get } = yield* Scope.extend(
          makeCache({ steps: [Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))] }),
          scope
        )
        const fiber = yield* Effect.fork(where(get("a")))
        yield* settle
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(yield* Deferred.isDone(interrupted))
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      }))
  }

  it.effect("Closing the scope interrupts a renewal, which is not told as a failure", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { failedRenewals, get } = yield* Scope.extend(
        makeCache({ steps: [Effect.succeed("good"), Effect.never] }),
        scope
      )
      yield* get("a")
      yield* TestClock.adjust("10 minutes")
      yield* get("a")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(failedRenewals, [])
      assert.strictEqual(yield* get("a"), "good")
    }))

  it.effect("A caller that asks after the scope was closed gets the value from memory, and is interrupted otherwise", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fetches, get } = yield* Scope.extend(makeCache(), scope)
      yield* get("a")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* get("a"), "value-1")
      for (const key of ["b", "b", "c"]) {
        const fiber = yield* Effect.fork(get(key))
        yield* settle
        assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      }
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* get("a"), "value-1")
      yield* TestClock.adjust("50 minutes")
      const fiber = yield* Effect.fork(get("a"))
      yield* settle
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      assert.strictEqual(fetches.length, 1)
    }))
})

describe("The two clocks", () => {
  const withMovableClock = <A, E>(
    name: string,
    test: (
      clock: Effect.Effect.Success<typeof movableClock>
    ) => Effect.Effect<A, E, Scope.Scope>
  ) =>
    it.effect(
      name,
      () =>
        Effect.flatMap(movableClock, (movable) => test(movable).pipe(Effect.scoped, Effect.withClock(movable.clock)))
    )

  const yieldOften = Effect.repeatN(Effect.yieldNow(), 30)

  for (const move of ["moveSystem", "moveMonotonic"] as const) {
    const [one, other] = move === "moveSystem" ? ["system's", "monotonic"] : ["monotonic", "system's"]

    withMovableClock(
      `A value is renewed, and expires, as the ${one} clock says while the ${other} clock stands still`,
      (clock) =>
        Effect.gen(function*() {
          const { fetches, get } = yield* makeCache()
          yield* get("a")
          clock[move](minutes(10) - 1)
          yield* get("a")
          yield* yieldOften
          assert.strictEqual(fetches.length, 1)
          clock[move](1)
          assert.strictEqual(yield* get("a"), "value-1")
          yield* yieldOften
          assert.strictEqual(yield* get("a"), "value-2")
          clock[move](minutes(60))
          assert.strictEqual(yield* get("a"), "value-3")
        })
    )

    withMovableClock(
      `A pause ends as the ${one} clock says while the ${other} clock stands still`,
      (clock) =>
        Effect.gen(function*() {
          const { fetches, get } = yield* makeCache({ steps: [Effect.succeed("good"), refused] })
          yield* get("a")
          clock[move](minutes(10))
          yield* get("a")
          yield* yieldOften
          assert.strictEqual(fetches.length, 2)
          clock[move](7499)
          yield* get("a")
          yield* yieldOften
          assert.strictEqual(fetches.length, 2)
          clock[move](7501)
          yield* get("a")
          yield* yieldOften
          assert.strictEqual(fetches.length, 3)
        })
    )
  }

  withMovableClock(
    "A value expires by the monotonic clock even if the system's clock was set back",
    ({ moveMonotonic, moveSystem }) =>
      Effect.gen(function*() {
        const { get } = yield* makeCache()
        yield* get("a")
        moveSystem(-minutes(10_000))
        assert.strictEqual(yield* get("a"), "value-1")
        moveMonotonic(minutes(60))
        assert.strictEqual(yield* get("a"), "value-2")
      })
  )

  withMovableClock(
    "A renewal that fails does not keep a value beyond its expiry by the monotonic clock if the system's clock was set back",
    ({ moveMonotonic, moveSystem }) =>
      Effect.gen(function*() {
        const { get } = yield* makeCache({
          steps: [
            Effect.succeed("old"),
            Effect.fail(new Refusal({ wait: Duration.hours(2) })),
            Effect.succeed("new")
          ]
        })
        yield* get("a")
        moveSystem(-minutes(10_000))
        moveMonotonic(minutes(10))
        yield* get("a")
        yield* yieldOften
        moveMonotonic(minutes(50) - 1)
        assert.strictEqual(yield* get("a"), "old")
        moveMonotonic(1)
        assert.strictEqual(yield* get("a"), "new")
      })
  )
})

describe("The spans", () => {
  const nameOf = (span: Tracer.AnySpan) => span._tag === "Span" ? span.name : assert.fail("not a span of the test")
  const linked = ({ links }: Tracer.Span) => links.map(({ span }) => nameOf(span))

  it.effect("The span of a fetch has no parent, and is linked with each span that waits, in both directions", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      yield* Effect.gen(function*() {
        const { get } = yield* Effect.withSpan(
          makeCache({ steps: [after("1 second", Effect.succeed("only"))] }),
          "the span that is open when the cache is made"
        )
        const first = yield* Effect.fork(Effect.withSpan(get("a"), "request 1"))
        const second = yield* Effect.fork(Effect.withSpan(get("a"), "request 2"))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        yield* Effect.withSpan(get("a"), "request 3")
      }).pipe(Effect.scoped, Effect.withTracer(tracer))

      const [fetchSpan, ...others] = spans.filter(({ name }) => name === "fetch")
      if (fetchSpan === undefined) return assert.fail("the fetch has no span")
      assert.deepStrictEqual(others, [])
      assert.isTrue(Option.isNone(fetchSpan.parent))
      assert.strictEqual(fetchSpan.attributes.get("key"), "a")
      assert.strictEqual(fetchSpan.status._tag, "Ended")
      assert.deepStrictEqual(linked(fetchSpan), ["wait", "wait"])
      const waits = spans.filter(({ name }) => name === "wait")
      assert.deepStrictEqual(
        waits.map(({ parent }) => nameOf(Option.getOrThrow(parent))),
        ["request 1", "request 2"]
      )
      for (const wait of waits) {
        assert.deepStrictEqual(linked(wait), ["fetch"])
        assert.strictEqual(wait.links[0]?.span, fetchSpan)
      }
    }))

  it.effect("The span of a renewal is linked with the span of each request that got the old value meanwhile", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      yield* Effect.gen(function*() {
        const { get } = yield* makeCache({ steps: [Effect.succeed("old"), after("1 second", Effect.succeed("new"))] })
        yield* get("a")
        yield* TestClock.adjust("10 minutes")
        yield* Effect.withSpan(get("a"), "request 1")
        yield* Effect.withSpan(get("a"), "request 2")
        yield* TestClock.adjust("1 second")
        yield* Effect.withSpan(get("a"), "request 3")
      }).pipe(Effect.scoped, Effect.withTracer(tracer))

      const renewal = spans.findLast(({ name }) => name === "fetch") ?? assert.fail("the renewal has no span")
      assert.isTrue(Option.isNone(renewal.parent))
      assert.deepStrictEqual(linked(renewal), ["request 1", "request 2"])
      const requests = spans.filter(({ name }) => name.startsWith("request"))
      assert.deepStrictEqual(requests.map(linked), [["fetch"], ["fetch"], []])
      assert.strictEqual(spans.filter(({ name }) => name === "wait").length, 1)
    }))

  it.effect("The span of shared work has no parent, whichever span is open when the work begins", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const work = Effect.withSpan(Effect.void, "inner")
      yield* Span.makeShared("shared", () => ({})).within(work).pipe(
        Effect.withSpan("outer"),
        Effect.withTracer(tracer)
      )
      const parents = spans.map(({ name, parent }) => [name, Option.getOrUndefined(Option.map(parent, nameOf))])
      assert.deepStrictEqual(parents, [["outer", undefined], ["shared", undefined], ["inner", "shared"]])
    }))

  it.effect("Without a tracer that records, a fetch has no span, and sees no span that is open elsewhere", () =>
    Effect.gen(function*() {
      const open = Effect.match(Effect.currentParentSpan, { onFailure: () => "no span", onSuccess: nameOf })
      const { get } = yield* Effect.withSpan(
        makeCache({ steps: [open] }),
        "the span that is open when the cache is made"
      )
      assert.strictEqual(yield* Effect.withSpan(get("a"), "request"), "no span")
    }).pipe(Effect.scoped))
})
