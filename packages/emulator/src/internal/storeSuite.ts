/** Shared by the suites of the stores. */
import { afterAll, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** A test of a store that is slow, on a busy machine, may take longer than the 5 s that Vitest gives it. */
export const timeout = 30_000

export const newApp: Effect.Effect<string> = Effect.map(
  Effect.all([Random.nextIntBetween(0, 2 ** 31), Random.nextIntBetween(0, 2 ** 31)]),
  ([a, b]) => `cli_${a.toString(36)}${b.toString(36)}`
)

/** New apps whose ids are easily taken for each other. */
export const oddApps: Effect.Effect<ReadonlyArray<string>> = Effect.map(newApp, (base) =>
  [
    "",
    "/",
    "/0",
    "//",
    "/..",
    "/../x",
    ".",
    "%2F",
    ":",
    "\"",
    " ",
    "é",
    "应用",
    "🎫",
    "x".repeat(150),
    `${"x".repeat(149)}y`
  ].map((end) => base + end))

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

export const anyText = FastCheck.oneof(
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
