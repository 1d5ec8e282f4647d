import { newApp, plain, plainOption, suite, ticket, until } from "@effect-feishu/emulator/TicketStoreSuite"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Queue,
  Stream,
  TestClock
} from "effect"
import * as TicketStore from "../src/TicketStore.js"
import { everything } from "./everything.js"
import * as KeyValues from "./keyValues.js"
import { kvsError, recorded, recordedOverTime, temporaryFolder } from "./keyValues.js"

suite("in memory", TicketStore.layerMemory)

suite(
  "in a KeyValueStore in memory",
  Layer.provide(TicketStore.layerKeyValueStore(KeyValues.patient), KeyValueStore.layerMemory)
)

suite(
  "in a KeyValueStore of files",
  KeyValues.inFiles(TicketStore.layerKeyValueStore(KeyValues.patient)),
  { atOnce: 200 }
)

const app = "cli_a"

type Operation = (store: TicketStore.Service) => Effect.Effect<unknown, TicketStore.TicketStoreError>

const makeKvs = () => KeyValues.makeKvsFor(TicketStore.makeKeyValueStore)

const assertNowhere = KeyValues.nowhereIn(TicketStore.TicketStoreError)

describe("TicketStore, in memory", () => {
  it.effect("tells each subscriber of each ticket that is put, in order", () =>
    Effect.gen(function*() {
      const store = yield* TicketStore.makeMemory()
      const subscribers = yield* Effect.forEach(
        Arr.range(1, 3),
        () => Effect.fork(Stream.runCollect(Stream.take(store.changes(app), 50)))
      )
      yield* Effect.yieldNow()
      yield* store.put(app, ticket(1))
      yield* TestClock.adjust(0)
      for (const n of Arr.range(2, 50)) assert.isTrue(yield* store.put(app, ticket(n)))
      for (const seen of yield* Fiber.join(Fiber.all(subscribers))) {
        assert.deepStrictEqual(Chunk.toReadonlyArray(seen).map(plain), Arr.range(1, 50).map((n) => plain(ticket(n))))
      }
    }))
})

describe("TicketStore, in a KeyValueStore", () => {
  const overFiles = (folder: string, options?: TicketStore.KeyValueOptions) =>
    Effect.map(
      Layer.build(Layer.provide(
        TicketStore.layerKeyValueStore({ ...KeyValues.patient, ...options }),
        KeyValueStore.layerFileSystem(folder)
      )),
      (context) => Context.get(context, TicketStore.TicketStore)
    )

  it.scopedLive("survives a restart", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [kept, dropped] = [yield* newApp, yield* newApp]
      yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* overFiles(`${folder}/new`)
        yield* store.put(kept, ticket(10))
        yield* store.put(dropped, ticket(10))
        yield* store.drop(dropped, ticket(10))
      }))
      const store = yield* overFiles(`${folder}/new`)
      assert.deepStrictEqual(plainOption(yield* store.get(kept)), plain(ticket(10)))
      assert.isFalse(yield* store.put(kept, ticket(9)))
      assert.isTrue(Option.isNone(yield* store.get(dropped)))
      assert.isFalse(yield* store.put(dropped, ticket(10)))
      assert.isTrue(yield* store.put(kept, ticket(11)))
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("tells of what another process has written to the files", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const [mine, other] = [yield* overFiles(folder, { pollInterval: "20 millis" }), yield* overFiles(folder)]
      const seen = yield* Queue.unbounded<TicketStore.Ticket>()
      yield* Effect.forkScoped(Stream.runForEach(mine.changes(app), (ticket) => Queue.offer(seen, ticket)))
      for (const n of [1, 2]) {
        yield* other.put(app, ticket(n))
        assert.deepStrictEqual(plain(yield* Queue.take(seen)), plain(ticket(n)))
        yield* until(mine.get(app), (newest) => plainOption(newest)?.after === n)
      }
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("tells of what another process has written within the interval, and of its own at once", () =>
    Effect.gen(function*() {
      for (const [pollInterval, wait] of [[undefined, 5000], ["1 minute", 60_000]] as const) {
        const { store } = makeKvs()
        const [mine, other] = [yield* store({ pollInterval }), yield* store({ pollInterval })]
        const seen: Array<number> = []
        const fiber = yield* Effect.fork(
          Stream.runForEach(mine.changes(app), (ticket) => Effect.sync(() => seen.push(plain(ticket).after)))
        )
        yield* TestClock.adjust(1)
        yield* other.put(app, ticket(1))
        yield* TestClock.adjust(wait)
        assert.deepStrictEqual(seen, [1])
        yield* mine.put(app, ticket(2))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(seen, [1, 2])
        yield* other.put(app, ticket(3))
        yield* TestClock.adjust(wait - 1000)
        assert.isFalse(yield* other.put(app, ticket(3)))
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(seen, [1, 2, 3])
        yield* Fiber.interrupt(fiber)
      }
    }))

  it.effect("keeps to its prefix", () =>
    Effect.gen(function*() {
      const { entries, only, store } = makeKvs()
      for (const prefix of [undefined, "a/", ""]) {
        entries.clear()
        const prefixed = yield* store({ prefix })
        yield* prefixed.put(app, ticket(1))
        assert.isTrue(only()[0].startsWith(prefix ?? "feishu/"))
      }
      const [one, two] = [yield* store({ prefix: "1/" }), yield* store({ prefix: "2/" })]
      yield* one.put(app, ticket(1))
      assert.isTrue(Option.isNone(yield* two.get(app)))
    }))

  it.effect("keeps apps apart whose ids differ in case only", () =>
    Effect.gen(function*() {
      const { get, put } = yield* makeKvs().store()
      yield* put("cli_a", ticket(1))
      assert.isTrue(Option.isNone(yield* get("cli_A")))
    }))

  describe("an unreadable ticket", () => {
    const value = "the-ticket-itself"
    const whole = JSON.stringify({ ticket: value, sentAt: "2024-01-01T00:00:00.000Z", dropped: false })

    it.effect("would be readable, were it whole", () =>
      Effect.gen(function*() {
        const { entries, only, store } = makeKvs()
        const { get, put } = yield* store()
        yield* put(app, ticket(1))
        entries.set(only()[0], whole)
        assert.strictEqual(plainOption(yield* get(app))?.value, value)
      }))

    const texts: Record<string, string> = {
      "cut off": whole.slice(0, -10),
      "of no byte": "",
      "of binary garbage": `\u0000\u001f\ufffd${value}\ufffd`,
      "that is another kind of JSON": "null",
      "that is a list": `["${value}"]`,
      "without fields": "{}",
      "with an empty ticket": whole.replace(value, ""),
      "with a ticket that is no text": whole.replace(`"${value}"`, `["${value}"]`),
      "with a time that is none": whole.replace("2024-01-01T00:00:00.000Z", `${value} yesterday`),
      "with a time that is no text": whole.replace("\"2024-01-01T00:00:00.000Z\"", "{}"),
      "without dropped": whole.replace(",\"dropped\":false", ""),
      "with a dropped that is no boolean": whole.replace("false", `"${value}"`)
    }

    it.effect.each(Object.entries(texts))(
      "%s counts as absent, is told of once, and is overwritten",
      ([_, text]) =>
        Effect.gen(function*() {
          const { entries, only, store } = makeKvs()
          const kept = yield* store()
          yield* kept.put(app, ticket(100))
          const [key] = only()
          entries.set(key, text)
          const lines = yield* recordedOverTime(Effect.gen(function*() {
            for (let n = 0; n < 3; n++) assert.isTrue(Option.isNone(yield* kept.get(app)))
            yield* kept.drop(app, ticket(100))
            assert.strictEqual(entries.get(key), text)
            assert.isTrue(yield* kept.put(app, ticket(1)))
            assert.deepStrictEqual(plainOption(yield* kept.get(app)), plain(ticket(1)))
          }))
          assert.strictEqual(lines.length, 1)
          assert.match(lines[0] ?? "", /^WARN /)
          assert.include(lines[0], key)
          assert.notInclude(lines[0], value)
          assert.notInclude(lines[0], "yesterday")
        })
    )

    it.effect("is told of again when it is another", () =>
      Effect.gen(function*() {
        const { entries, only, store } = makeKvs()
        const { get, put } = yield* store()
        yield* put(app, ticket(100))
        const [key] = only()
        const lines = yield* recordedOverTime(Effect.forEach(["a", "a", "b", "b"], (text) => {
          entries.set(key, text)
          return get(app)
        }))
        assert.strictEqual(lines.length, 2)
      }))

    it.effect("is waited for where another process is writing it, and is nothing to tell of", () =>
      Effect.gen(function*() {
        const { before, entries, only, store } = makeKvs()
        const { get, put } = yield* store()
        yield* put(app, ticket(1))
        const [key] = only()
        const text = entries.get(key) ?? ""
        for (const unfinished of ["", text.slice(0, -1)]) {
          let reads = 0
          before.get = () => Effect.sync(() => void entries.set(key, ++reads < 4 ? unfinished : text))
          const lines = yield* recordedOverTime(
            Effect.map(get(app), (found) => assert.deepStrictEqual(plainOption(found), plain(ticket(1))))
          )
          assert.deepStrictEqual(lines, [])
          assert.strictEqual(reads, 4)
        }
      }))

    it.scopedLive("among files, too", () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const fs = yield* FileSystem.FileSystem
        const store = yield* overFiles(folder)
        yield* store.put(app, ticket(100))
        const [file = ""] = yield* fs.readDirectory(folder)
        for (const bytes of [new Uint8Array(), Uint8Array.of(0xff, 0xfe, 0, 0xc3, 0x28), new Uint8Array(10_000)]) {
          yield* fs.writeFile(`${folder}/${file}`, bytes)
          const lines = yield* recorded(Effect.gen(function*() {
            assert.isTrue(Option.isNone(yield* store.get(app)))
            assert.isTrue(yield* store.put(app, ticket(1)))
            assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(1)))
          }))
          assert.strictEqual(lines.length, 1)
        }
      }).pipe(Effect.provide(NodeContext.layer)))
  })

  describe("that fails", () => {
    const secret = "t-0123 \"456\"/789+abc"
    const secretTicket = ticket(10, secret)
    const quotes = [
      secret,
      JSON.stringify({ ticket: secret }),
      `SET x ${encodeURIComponent(secret)}`,
      new URLSearchParams({ secret }).toString()
    ]
    const errors = quotes.flatMap((quote) => [
      kvsError(quote),
      kvsError("outer", new Error("middle", { cause: Object.assign(new Error(quote), { code: quote, quote }) }))
    ])

    const operations: ReadonlyArray<[name: TicketStore.TicketStoreError["operation"], run: Operation]> = [
      ["get", (store) => store.get(app)],
      ["put", (store) => store.put(app, secretTicket)],
      ["drop", (store) => store.drop(app, secretTicket)],
      ["changes", (store) => Stream.runDrain(store.changes(app))]
    ]

    it.effect.each(operations)(
      "to be read, makes %s fail, in a typed way and for this time only",
      ([name, run]) =>
        Effect.gen(function*() {
          const { before, store } = makeKvs()
          const kept = yield* store()
          before.get = () => kvsError("the disk is gone", Object.assign(new Error("EIO: no answer"), { code: "EIO" }))
          const error = yield* assertNowhere(yield* Effect.exit(run(kept)), [])
          assert.deepInclude(error, { _tag: "TicketStoreError", operation: name, appId: app })
          assert.include(error.message, `TicketStore.${name} for ${app}`)
          assert.include(error.message, "the disk is gone")
          assert.include(error.message, "EIO: no answer")
          assert.instanceOf(error.cause, Error)
          delete before.get
          if (name !== "changes") yield* run(kept)
        })
    )

    it.effect.each(operations.filter(([name]) => name !== "get" && name !== "changes"))(
      "to be written, makes %s fail, in a typed way and for this time only",
      ([name, run]) =>
        Effect.gen(function*() {
          const { before, store } = makeKvs()
          const kept = yield* store()
          if (name === "drop") yield* kept.put(app, secretTicket)
          before.set = () => kvsError("the disk is full")
          const error = yield* assertNowhere(yield* Effect.exit(run(kept)), [secret])
          assert.deepInclude(error, { operation: name, appId: app })
          assert.include(error.message, "the disk is full")
          delete before.set
          yield* run(kept)
        })
    )

    it.effect("a ticket that could not be written was not put", () =>
      Effect.gen(function*() {
        const { before, store } = makeKvs()
        const kept = yield* store()
        yield* kept.put(app, ticket(1))
        before.set = () => kvsError("the disk is full")
        yield* Effect.flip(kept.put(app, ticket(2)))
        yield* Effect.flip(kept.drop(app, ticket(1)))
        delete before.set
        assert.deepStrictEqual(plainOption(yield* kept.get(app)), plain(ticket(1)))
        assert.isTrue(yield* kept.put(app, ticket(2)))
      }))

    for (const method of ["get", "set"] as const) {
      it.effect(`and quotes the ticket in the error of its ${method}: put and drop do not`, () =>
        Effect.gen(function*() {
          for (const error of errors) {
            const { before, store } = makeKvs()
            const kept = yield* store()
            // It has not seen this ticket before.
            before[method] = () => error
            yield* assertNowhere(yield* Effect.exit(kept.put(app, secretTicket)), [secret])
            delete before[method]
            yield* kept.put(app, secretTicket)
            before[method] = () => error
            yield* assertNowhere(yield* Effect.exit(kept.drop(app, secretTicket)), [secret])
          }
        }))
    }

    it.effect("and quotes the ticket that it has: get and changes do not", () =>
      Effect.gen(function*() {
        for (const error of errors) {
          const { before, store } = makeKvs()
          const kept = yield* store()
          yield* kept.put(app, secretTicket)
          before.get = () => error
          yield* assertNowhere(yield* Effect.exit(kept.get(app)), [secret])
          yield* assertNowhere(yield* Effect.exit(Stream.runDrain(kept.changes(app))), [secret])
        }
      }))

    it.effect("and quotes the ticket that it has: a put of another does not", () =>
      Effect.gen(function*() {
        for (const error of errors) {
          const { before, store } = makeKvs()
          const kept = yield* store()
          yield* kept.put(app, secretTicket)
          before.get = () => error
          yield* assertNowhere(yield* Effect.exit(kept.put(app, ticket(11, "another"))), [secret, "another"])
        }
      }))
  })

  describe("that hangs", () => {
    const operations: Record<
      string,
      (store: TicketStore.Service) => Effect.Effect<unknown, TicketStore.TicketStoreError>
    > = {
      get: (store) => store.get(app),
      put: (store) => store.put(app, ticket(10)),
      drop: (store) => store.drop(app, ticket(10)),
      changes: (store) => Stream.runDrain(store.changes(app))
    }

    for (const uninterruptible of [false, true]) {
      it.effect.each(Object.entries(operations))(
        `%s fails after 2 s${uninterruptible ? ", even where nothing may interrupt it" : ""}`,
        ([name, run]) =>
          Effect.gen(function*() {
            const { before, store } = makeKvs()
            const kept = yield* store()
            const hang = yield* Deferred.make<void>()
            before.get = () => Deferred.await(hang)
            const operation = uninterruptible ? Effect.uninterruptible(run(kept)) : run(kept)
            const fiber = yield* Effect.fork(Effect.exit(operation))
            yield* TestClock.adjust("1999 millis")
            assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
            yield* TestClock.adjust("1 millis")
            const exit = yield* Fiber.poll(fiber)
            // Or else this test would hang, too.
            yield* Deferred.succeed(hang, undefined)
            if (Option.isNone(exit)) return assert.fail("it hangs")
            const error = yield* assertNowhere(yield* exit.value, [plain(ticket(10)).value])
            assert.strictEqual<string>(error.operation, name)
            assert.deepInclude(error, { appId: app, description: "no answer within 2s" })
          })
      )
    }

    it.effect("for another time, if it is told so", () =>
      Effect.gen(function*() {
        const { before, store } = makeKvs()
        const kept = yield* store({ timeout: "30 seconds" })
        before.set = () => Effect.never
        const fiber = yield* Effect.fork(Effect.flip(kept.put(app, ticket(10))))
        yield* TestClock.adjust("29 seconds")
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust("1 second")
        assert.include((yield* Fiber.join(fiber)).message, "no answer within 30s")
      }))

    it.effect("works again when it no longer hangs; whoever gave up meanwhile has done nothing", () =>
      Effect.gen(function*() {
        for (const method of ["get", "set"] as const) {
          const { before, store, written } = makeKvs()
          const kept = yield* store()
          const hang = yield* Deferred.make<void>()
          before[method] = (key) => key.includes(app) ? Deferred.await(hang) : Effect.void
          const given = yield* Effect.forkAll(Arr.range(1, 10).map((n) => Effect.exit(kept.put(app, ticket(n)))))
          yield* TestClock.adjust("1 second")
          // Another app is not kept waiting.
          assert.isTrue(yield* kept.put("cli_b", ticket(1)))
          yield* TestClock.adjust("1 second")
          for (const exit of yield* Fiber.join(given)) assert.isTrue(Exit.isFailure(exit))

          delete before[method]
          yield* Deferred.succeed(hang, undefined)
          yield* TestClock.adjust(0)
          assert.isAtMost(written.filter(({ key }) => key.includes(app)).length, 1)
          assert.isTrue(yield* kept.put(app, ticket(20)))
          assert.deepStrictEqual(plainOption(yield* kept.get(app)), plain(ticket(20)))
        }
      }))
  })

  describe("interrupted", () => {
    /** Written in two steps, as a file is: in between it is not whole. */
    const torn = Effect.gen(function*() {
      const made = makeKvs()
      const inTheMiddle = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const kept = yield* made.store()
      yield* kept.put(app, ticket(1))
      made.before.set = (key, value) =>
        Effect.zipRight(
          Effect.sync(() => made.entries.set(key, value.slice(0, 10))),
          Effect.zipRight(Deferred.succeed(inTheMiddle, undefined), Deferred.await(goOn))
        )
      return { ...made, goOn, inTheMiddle, kept }
    })

    it.effect("a put ends at once, and its entry is whole in the end", () =>
      Effect.gen(function*() {
        const { before, goOn, inTheMiddle, kept } = yield* torn
        const fiber = yield* Effect.fork(kept.put(app, ticket(2)))
        yield* Deferred.await(inTheMiddle)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))

        const lines = yield* recorded(Effect.gen(function*() {
          const reading = yield* Effect.fork(kept.get(app))
          yield* TestClock.adjust("1 second")
          assert.isTrue(Option.isNone(yield* Fiber.poll(reading)), "it reads while another writes")
          delete before.set
          yield* Deferred.succeed(goOn, undefined)
          assert.deepStrictEqual(plainOption(yield* Fiber.join(reading)), plain(ticket(2)))
        }))
        assert.deepStrictEqual(lines, [])
        assert.isTrue(yield* kept.put(app, ticket(3)))
      }))

    it.effect("a put that waits for its turn has no effect, and others have theirs", () =>
      Effect.gen(function*() {
        const { before, goOn, inTheMiddle, kept } = yield* torn
        const first = yield* Effect.fork(kept.put(app, ticket(2)))
        yield* Deferred.await(inTheMiddle)
        const second = yield* Effect.fork(kept.put(app, ticket(30)))
        const third = yield* Effect.fork(kept.put(app, ticket(4)))
        yield* TestClock.adjust(0)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(second)))
        delete before.set
        yield* Deferred.succeed(goOn, undefined)
        assert.isTrue(yield* Fiber.join(first))
        assert.isTrue(yield* Fiber.join(third))
        assert.deepStrictEqual(plainOption(yield* kept.get(app)), plain(ticket(4)))
      }))
  })

  it.effect("a ticket that was read does not show its value", () =>
    Effect.gen(function*() {
      const { store } = makeKvs()
      const { get, put } = yield* store()
      yield* put(app, ticket(1, "the-value"))
      const kept = yield* get(app)
      assert.strictEqual(plainOption(kept)?.value, "the-value")
      assert.notInclude(everything(kept), "the-value")
      assert.notInclude(everything(Option.getOrThrow(kept)), "the-value")
    }))

  it.scopedLive("an app id that is too long for a file's name is a failure like any other", () =>
    Effect.gen(function*() {
      const store = yield* overFiles(yield* temporaryFolder)
      const long = "x".repeat(1000)
      const operations: ReadonlyArray<Operation> = [
        (store) => store.get(long),
        (store) => store.put(long, ticket(1))
      ]
      for (const run of operations) {
        yield* assertNowhere(yield* Effect.exit(run(store)), [plain(ticket(1)).value])
      }
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("an operation is one effect that can be run again", () =>
    Effect.gen(function*() {
      const { store } = makeKvs()
      const kept = yield* store()
      const get = kept.get(app)
      assert.isTrue(Option.isNone(yield* get))
      yield* kept.put(app, ticket(1))
      assert.deepStrictEqual(plainOption(yield* get), plain(ticket(1)))
    }))
})

describe("TicketStoreError", () => {
  it("says what was done, what was seen and what to do, in every form", () => {
    const error = new TicketStore.TicketStoreError({ appId: app, operation: "put", description: "the disk is full" })
    assert.strictEqual(
      error.message,
      "TicketStore.put for cli_a: the disk is full. Check that the store behind the TicketStore works; until then the "
        + "platform pushes again"
    )
    assert.include(String(error), error.message)
  })
})
