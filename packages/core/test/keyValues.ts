/** What the tests of the stores have in common: a `KeyValueStore` to meddle with, and where a secret must not be. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Option, Schema, TestClock } from "effect"
import { everything } from "./everything.js"

export const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** Builds a store over files in a folder of its own. */
export const inFiles = <A>(store: Layer.Layer<A, never, KeyValueStore.KeyValueStore>) =>
  Layer.unwrapScoped(
    Effect.map(temporaryFolder, (folder) => Layer.provide(store, KeyValueStore.layerFileSystem(folder)))
  ).pipe(Layer.provide(NodeContext.layer))

/** One process among many on a busy machine may take longer for 1000 files than the platform waits. */
export const patient = { timeout: "1 minute" } as const

type Method = "get" | "set" | "remove"

/** A `KeyValueStore` whose entries a test sees, and whose operations it may replace. */
export const makeKvs = () => {
  const entries = new Map<string, string>()
  /** What happens before each operation, if anything. */
  const before: { [_ in Method]?: (key: string, value: string) => Effect.Effect<void, SystemError> } = {}
  const written: Array<{ readonly key: string; readonly text: string }> = []
  const run = (method: Method, key: string, value = "") =>
    Effect.suspend(() => before[method]?.(key, value) ?? Effect.void)
  const kvs = KeyValueStore.make({
    get: (key) => Effect.map(run("get", key), () => Option.fromNullable(entries.get(key))),
    set: (key, value) =>
      Effect.map(run("set", key, String(value)), () => {
        entries.set(key, String(value))
        written.push({ key, text: String(value) })
      }),
    remove: (key) => Effect.map(run("remove", key), () => void entries.delete(key)),
    getUint8Array: () => Effect.dieMessage("not used"),
    clear: Effect.sync(() => entries.clear()),
    size: Effect.sync(() => entries.size)
  })
  /** The one entry that there is. */
  const only = () => {
    const [entry, ...more] = entries
    assert.deepStrictEqual(more, [])
    return entry ?? assert.fail("no entry")
  }
  return { before, entries, kvs, only, written }
}

/** The same, and a function that makes a store over it. */
export const makeKvsFor = <O, S>(
  makeKeyValueStore: (options?: O) => Effect.Effect<S, never, KeyValueStore.KeyValueStore>
) => {
  const made = makeKvs()
  const store = (options?: O) =>
    Effect.provideService(makeKeyValueStore(options), KeyValueStore.KeyValueStore, made.kvs)
  return { ...made, store }
}

export const kvsError = (description: string, cause?: unknown) =>
  new SystemError({
    module: "KeyValueStore",
    method: "m",
    reason: "Unknown",
    description,
    ...(cause === undefined ? {} : { cause })
  })

/** Keeps the log's lines, each with all that a logger is given. */
export const recorded = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
      lines.push(`${logLevel.label} ${everything([message, cause, annotations])}`)
    })
    return Effect.as(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), lines)
  })

/** The same, while the test's clock runs: what is unreadable is read again a little later. */
export const recordedOverTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(recorded(effect))
    yield* TestClock.adjust("10 seconds")
    return yield* Fiber.join(fiber)
  })

/** Looks at a failure of this class, in each form that a program may show it in: it is to be free of these secrets. */
export const nowhereIn = <E extends Error, I>(errorClass: Schema.Schema<E, I>) => {
  const encode = Schema.encode(errorClass)
  return (exit: Exit.Exit<unknown, E>, secrets: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") return assert.fail(`not a failure: ${exit}`)
      const error = exit.cause.error
      assert.isTrue(Schema.is(errorClass)(error))
      const text = [
        everything(error),
        everything(error.cause),
        everything(exit),
        Cause.pretty(exit.cause, { renderErrorCause: true }),
        JSON.stringify(yield* encode(error))
      ].join("\n")
      for (const secret of secrets) {
        for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]) {
          assert.notInclude(text, form)
        }
      }
      return error
    })
}
