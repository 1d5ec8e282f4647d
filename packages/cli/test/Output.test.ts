/** What a command says while it waits without a terminal, in which a line could move. */
import { assert, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, TestClock } from "effect"
import * as Output from "../src/Output.js"

/** Collects what is written to standard error until the scope ends. */
const stderr = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const { write } = process.stderr
      const written: Array<string> = []
      process.stderr.write = (text: Uint8Array | string) => written.push(String(text)) > 0
      return { write, written }
    }),
    ({ write }) => Effect.sync(() => void (process.stderr.write = write))
  ),
  ({ written }) => written
)

/** Returns what is written in a wait of 12 s. */
const writtenAt = (level: LogLevel.LogLevel) =>
  Effect.gen(function*() {
    const written = yield* stderr
    const { waiting } = yield* Output.Output
    yield* Effect.fork(waiting("waiting for it")(Effect.never))
    yield* TestClock.adjust("12 seconds")
    return written
  }).pipe(Logger.withMinimumLogLevel(level), Effect.provide(Output.layer))

it.scoped("a long wait is logged once, with the time", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* writtenAt(LogLevel.Info), ["1970-01-01T00:00:05.000Z  waiting for it\n"])
  }))

it.scoped("a long wait is not logged if the log level hides it", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* writtenAt(LogLevel.Warning), [])
  }))
