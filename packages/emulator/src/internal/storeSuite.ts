/** What the suites of both stores share: apps that nobody else has, and what claims do. */
import { afterAll, assert, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** A test of a store that is slow, on a busy machine, may take longer than the 5 s that Vitest gives it. */
export const timeout = 30_000

export const newApp: Effect.Effect<string> = Effect.map(
  Effect.all([Random.nextIntBetween(0, 2 ** 31), Random.nextIntBetween(0, 2 ** 31)]),
  ([a, b]) => `cli_${a.toString(36)}${b.toString(36)}`
)

export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(effect, { until: holds, schedule: Schedule.spaced("10 millis") }))

/** Builds the store for the tests that follow, and takes it down after them. */
export const over = <R, E>(store: Layer.Layer<R, E>) => {
  // Not by `layer`, which would put this layer behind `it.effect` of all tests that follow in the file.
  const runtime = ManagedRuntime.make(store)
  afterAll(() => runtime.dispose())
  const withStore = <A, E2>(effect: Effect.Effect<A, E2, R>) => Effect.provide(effect, runtime)
  const test = <A, E2>(name: string, self: () => Effect.Effect<A, E2, R>) =>
    it.live(name, () => withStore(self()), timeout)
  return { test, withStore }
}

const anyText = FastCheck.oneof(
  FastCheck.string({ unit: "binary" }),
  FastCheck.constantFrom(
    "",
    " ",
    "/",
    ".",
    "..",
    "a/b",
    "\0",
    "%2F",
    "*",
    "{x}",
    "__proto__",
    "constructor",
    "toString",
    "0",
    "事件",
    "x".repeat(10_000)
  )
)

export interface Claims {
  readonly claim: (
    name: string,
    duration: Duration.Duration
  ) => Effect.Effect<Option.Option<Duration.Duration>, unknown>
  readonly hold: (name: string, duration: Duration.Duration) => Effect.Effect<void, unknown>
  readonly release: (name: string) => Effect.Effect<void, unknown>
}

const hour = Duration.hours(1)

const millisLeft = (left: Option.Option<Duration.Duration>) => Option.map(left, Duration.toMillis)

/** What the claims of each app do. */
export const claims = <R>(
  { test, withStore }: {
    readonly test: (name: string, self: () => Effect.Effect<void, unknown, R>) => void
    readonly withStore: <A>(effect: Effect.Effect<A, unknown, R>) => Effect.Effect<A, unknown>
  },
  claimsOf: (app: string) => Effect.Effect<Claims, never, R>
): void => {
  const fresh = Effect.flatMap(newApp, claimsOf)

  test("of 100 who claim a name at once exactly one has it", () =>
    Effect.gen(function*() {
      const { claim } = yield* fresh
      for (const name of ["event/1", "event/2"]) {
        const answers = yield* Effect.replicateEffect(claim(name, hour), 100, { concurrency: "unbounded" })
        assert.strictEqual(answers.filter(Option.isNone).length, 1)
      }
    }))

  test("of 100 who claim a name at once when its time is over exactly one has it", () =>
    Effect.gen(function*() {
      const { claim, hold } = yield* fresh
      yield* hold("name", Duration.millis(100))
      yield* Effect.sleep("150 millis")
      const answers = yield* Effect.replicateEffect(claim("name", hour), 100, { concurrency: "unbounded" })
      assert.strictEqual(answers.filter(Option.isNone).length, 1)
    }))

  test("tells for how much longer a name is claimed", () =>
    Effect.gen(function*() {
      const { claim } = yield* fresh
      assert.isTrue(Option.isNone(yield* claim("name", hour)))
      for (const duration of [Duration.hours(2), Duration.millis(1), hour]) {
        const left = Option.getOrThrow(millisLeft(yield* claim("name", duration)))
        assert.isAtMost(left, 3_600_000)
        assert.isAbove(left, 3_600_000 - 60_000)
      }
    }))

  test("a claim ends when its time is over, and not before, however often others ask", () =>
    Effect.gen(function*() {
      const { claim } = yield* fresh
      const start = yield* Clock.currentTimeNanos
      assert.isTrue(Option.isNone(yield* claim("name", Duration.millis(200))))
      assert.isTrue(Option.isNone(yield* claim("another", hour)))
      yield* until(claim("name", hour), Option.isNone)
      const end = yield* Clock.currentTimeNanos
      // Two clocks may differ by some milliseconds.
      assert.isAbove(Number(end - start) / 1e6, 190)
      assert.isTrue(Option.isSome(yield* claim("name", hour)), "it has a new holder")
      assert.isTrue(Option.isSome(yield* claim("another", hour)))
    }))

  test("holds a name for longer or shorter, whoever has it", () =>
    Effect.gen(function*() {
      const { claim, hold } = yield* fresh
      yield* hold("free", hour)
      assert.isTrue(Option.isSome(yield* claim("free", hour)))

      yield* claim("longer", Duration.minutes(1))
      yield* hold("longer", hour)
      const left = millisLeft(yield* claim("longer", Duration.minutes(1)))
      assert.isAbove(Option.getOrThrow(left), 3_600_000 - 60_000)

      yield* claim("shorter", hour)
      yield* hold("shorter", Duration.millis(50))
      yield* until(claim("shorter", hour), Option.isNone)
    }))

  test("a name that is released is free, and no other", () =>
    Effect.gen(function*() {
      const { claim, hold, release } = yield* fresh
      yield* release("never held")
      assert.isTrue(Option.isNone(yield* claim("never held", hour)))
      yield* claim("a", hour)
      yield* hold("b", hour)
      yield* release("a")
      assert.isTrue(Option.isSome(yield* claim("b", hour)))
      assert.isTrue(Option.isNone(yield* claim("a", hour)))
      yield* release("b")
      assert.isTrue(Option.isNone(yield* claim("b", hour)))
    }))

  it.live.prop(
    "takes any text for a name",
    [FastCheck.uniqueArray(anyText, { minLength: 2, maxLength: 2 })],
    ([[a = "", b = ""]]) =>
      withStore(Effect.gen(function*() {
        const { claim, hold, release } = yield* fresh
        const isFree = (name: string) => Effect.map(claim(name, hour), Option.isNone)
        assert.isTrue(yield* isFree(a))
        assert.isFalse(yield* isFree(a))
        assert.isTrue(yield* isFree(b))
        assert.isFalse(yield* isFree(a))
        yield* release(a)
        assert.isFalse(yield* isFree(b))
        yield* hold(a, hour)
        assert.isFalse(yield* isFree(a))
      })),
    {
      timeout,
      // The names that have a meaning in JavaScript, for certain.
      fastCheck: { numRuns: 30, examples: [[["__proto__", "constructor"]], [["constructor", "__proto__"]]] }
    }
  )

  test("holds many names at once, and releases one of them", () =>
    Effect.gen(function*() {
      const { claim, release } = yield* fresh
      const names = Arr.makeBy(300, (n) => `event/${n}`)
      const free = Effect.filter(names, (name) => Effect.map(claim(name, hour), Option.isNone), { concurrency: 50 })
      assert.deepStrictEqual(yield* free, names)
      yield* release("event/7")
      assert.deepStrictEqual(yield* free, ["event/7"])
    }))
}
