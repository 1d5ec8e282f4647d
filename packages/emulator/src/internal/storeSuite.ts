/** Registers the tests of the stores, and makes the test data that several suites need. */
import { afterAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

/** In milliseconds. Longer than the 5 s of Vitest, because a slow store on a busy machine needs longer. */
const timeout = 30_000

/** In milliseconds since 1970: a moment in November 2023. */
export const epoch = 1_700_000_000_000

/** Makes the id of a new app. */
export const newApp: Effect.Effect<string> = Effect.map(
  Effect.all([Random.nextIntBetween(0, 2 ** 31), Random.nextIntBetween(0, 2 ** 31)]),
  ([a, b]) => `cli_${a.toString(36)}${b.toString(36)}`
)

/** Makes the ids of new apps that a store confuses if the store escapes or shortens ids wrongly. */
export const similarApps: Effect.Effect<ReadonlyArray<string>> = Effect.map(newApp, (app) => {
  const ends = ["", "/", "/0", "//", "/..", "/../x", ".", "%2F", ":", "\"", " ", "é", "应用", "🎫"]
  return [...ends, "x".repeat(150), `${"x".repeat(149)}y`].map((end) => app + end)
})

/** Repeats `effect` every 10 ms until `holds` returns `true` for the result. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(effect, { until: holds, schedule: Schedule.spaced("10 millis") }))

/** Registers tests of one store. Each test gets a new `Fixture`, runs on real time, and may take 30 s. */
export interface Tests<Fixture> {
  readonly test: <E>(name: string, body: (fixture: Fixture) => Effect.Effect<void, E, Scope.Scope>) => void
  /** Runs the body `numRuns` times (default: 30): with the examples first, and then with random values. */
  readonly prop: <T, E>(
    name: string,
    arbitrary: FastCheck.Arbitrary<T>,
    body: (value: T, fixture: Fixture) => Effect.Effect<void, E, Scope.Scope>,
    options?: { readonly numRuns?: number; readonly examples?: ReadonlyArray<NoInfer<T>> }
  ) => void
}

/** Registers groups of tests under one `describe`. Builds the store once, before the first test. */
export const suite = <Fixture, R, E>(
  name: string,
  store: Layer.Layer<R, E>,
  fixture: Effect.Effect<Fixture, never, R>,
  groups: ReadonlyArray<(tests: Tests<Fixture>) => void>
): void =>
  void describe(name, () => {
    // `layer` of @effect/vitest would also provide the store to `it.effect` of all tests that follow in the file.
    const runtime = ManagedRuntime.make(store)
    afterAll(() => runtime.dispose())
    const run = <E2>(body: (fixture: Fixture) => Effect.Effect<void, E2, Scope.Scope>) =>
      fixture.pipe(Effect.flatMap(body), Effect.scoped, Effect.provide(runtime))
    const tests: Tests<Fixture> = {
      test: (name, body) => it.live(name, () => run(body), timeout),
      prop: (name, arbitrary, body, { examples = [], numRuns = 30 } = {}) =>
        it.live.prop(name, [arbitrary], ([value]) => run((fixture) => body(value, fixture)), {
          timeout,
          fastCheck: { numRuns, examples: examples.map((example) => [example]) }
        })
    }
    for (const group of groups) group(tests)
  })
