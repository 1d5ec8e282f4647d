/**
 * Tests for every `TicketStore`, to run over a store of your own.
 *
 * Not part of the package's index, for it needs `vitest` and `@effect/vitest`: import it by its path,
 * `@effect-feishu/emulator/TicketStoreSuite`.
 *
 * @since 0.1.0
 */
import { type Ticket, TicketStore } from "@effect-feishu/core/TicketStore"
import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as StoreSuite from "./internal/storeSuite.js"

const epoch = 1_700_000_000_000

/**
 * Sent so many milliseconds after a moment that all tickets here have in common, in November 2023.
 *
 * @since 0.1.0
 * @category test data
 */
export const ticket = (after: number, value = `t-${after}`): Ticket => ({
  value: Redacted.make(value),
  sentAt: DateTime.unsafeMake(epoch + after)
})

/**
 * A ticket in a form that tests compare.
 *
 * @since 0.1.0
 * @category test data
 */
export const plain = (ticket: Ticket): { readonly value: string; readonly after: number } => ({
  value: Redacted.value(ticket.value),
  after: DateTime.toEpochMillis(ticket.sentAt) - epoch
})

/**
 * A ticket in a form that tests compare; undefined where there is none.
 *
 * @since 0.1.0
 * @category test data
 */
export const plainOption = (ticket: Option.Option<Ticket>): ReturnType<typeof plain> | undefined =>
  Option.getOrUndefined(Option.map(ticket, plain))

/**
 * An app that no test has had.
 *
 * @since 0.1.0
 * @category test data
 */
export const newApp: Effect.Effect<string> = StoreSuite.newApp

/**
 * Until it holds; the test's own time limit is the end of it.
 *
 * @since 0.1.0
 * @category running
 */
export const until: <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
) => Effect.Effect<void, E, R> = StoreSuite.until

/** One after another, as a plain variable. */
const makeModel = () => {
  let newest: { readonly value: string; readonly after: number; readonly dropped: boolean } | undefined
  return {
    put: (value: string, after: number) => {
      const isNewer = newest === undefined || after > newest.after
      if (isNewer) newest = { value, after, dropped: false }
      return isNewer
    },
    drop: (value: string) => {
      if (newest?.value === value) newest = { ...newest, dropped: true }
    },
    get: () => newest === undefined || newest.dropped ? undefined : { value: newest.value, after: newest.after }
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many tickets are put at once. Default: 1000. */
  readonly atOnce?: number | undefined
}

/**
 * The tests of a store, under `describe`. The layer is built once for all of them.
 *
 * They run on real time, for the store may have a clock of its own, and on apps that nobody else has, for the store may
 * outlive the test. Their tickets are old ones: a store may forget a ticket that has expired, but must keep each for at
 * least a minute after it was put. None may take longer than 30 s, and each operation must have the time that it takes
 * when `atOnce` of them are under way.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<TicketStore, E>, options?: Options): void =>
  void describe(`TicketStore, ${name}`, () => {
    const { test, withStore } = StoreSuite.over(store)

    test("has no ticket at first, and then the one that was put", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        assert.isTrue(Option.isNone(yield* store.get(app)))
        assert.isTrue(yield* store.put(app, ticket(0)))
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(0)))
      }))

    test("keeps a ticket whatever its characters, to the millisecond, and after it has expired", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        for (const value of ["\"\\/\n", "票據 🎫", "a=b&c=%20", "{\"dropped\":true}", "x".repeat(100_000)]) {
          for (const after of [-epoch, 1, Duration.toMillis("40000 days")]) {
            const app = yield* newApp
            assert.isTrue(yield* store.put(app, ticket(after, value)))
            assert.deepStrictEqual(plainOption(yield* store.get(app)), { value, after })
          }
        }
      }))

    test("a newer ticket replaces an older one; one that is older or as old does not", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        assert.isTrue(yield* store.put(app, ticket(10)))
        for (const other of [ticket(9), ticket(10), ticket(10, "another"), ticket(-100_000)]) {
          assert.isFalse(yield* store.put(app, other))
          assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(10)))
        }
        assert.isTrue(yield* store.put(app, ticket(11)))
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(11)))
        assert.isTrue(yield* store.put(app, ticket(12, "t-11")), "the same value, sent again")
        assert.deepStrictEqual(plainOption(yield* store.get(app)), { value: "t-11", after: 12 })
      }))

    test("drops this ticket only", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        yield* store.drop(app, ticket(0))
        assert.isTrue(yield* store.put(app, ticket(0)), "what was dropped before it came leaves no trace")
        yield* store.drop(app, ticket(0, "another"))
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(0)))
        assert.isTrue(yield* store.put(app, ticket(1)))
        yield* store.drop(app, ticket(0))
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(1)))
        yield* store.drop(app, ticket(1))
        assert.isTrue(Option.isNone(yield* store.get(app)))
      }))

    test("nothing brings a dropped ticket back but a newer one", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        yield* store.put(app, ticket(10))
        yield* store.drop(app, ticket(10))
        yield* store.drop(app, ticket(10))
        for (const other of [ticket(10), ticket(9), ticket(10, "another"), ticket(9, "t-10")]) {
          assert.isFalse(yield* store.put(app, other))
          assert.isTrue(Option.isNone(yield* store.get(app)))
        }
        assert.isTrue(yield* store.put(app, ticket(11)))
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(11)))
      }))

    const operation = FastCheck.record({
      kind: FastCheck.constantFrom("put", "put", "drop"),
      value: FastCheck.constantFrom("a", "b", "c"),
      after: FastCheck.nat(6)
    })

    it.live.prop(
      "one after another, any puts and drops do what they do to a variable",
      [FastCheck.array(operation, { maxLength: 15 })],
      ([operations]) =>
        withStore(Effect.gen(function*() {
          const store = yield* TicketStore
          const app = yield* newApp
          const model = makeModel()
          for (const { after, kind, value } of operations) {
            if (kind === "put") {
              assert.strictEqual(yield* store.put(app, ticket(after, value)), model.put(value, after))
            } else {
              yield* store.drop(app, ticket(after, value))
              model.drop(value)
            }
            assert.deepStrictEqual(plainOption(yield* store.get(app)), model.get())
          }
        })),
      { timeout: StoreSuite.timeout, fastCheck: { numRuns: 30 } }
    )

    it.live.prop(
      "at once, in any order, the newest of any tickets wins, and who was told true fits in",
      [FastCheck.array(FastCheck.nat(20), { minLength: 1, maxLength: 20 })],
      ([afters]) =>
        withStore(Effect.gen(function*() {
          const store = yield* TicketStore
          const app = yield* newApp
          const tickets = afters.map((after, n) => ticket(after, `t-${n}`))
          const kept = yield* Effect.forEach(tickets, (ticket) => store.put(app, ticket), { concurrency: "unbounded" })
          const accepted = tickets.filter((_, n) => kept[n]).map(plain)
          const newest = Math.max(...afters)
          assert.strictEqual(accepted.filter(({ after }) => after === newest).length, 1)
          assert.strictEqual(
            new Set(accepted.map(({ after }) => after)).size,
            accepted.length,
            "two as old as each other"
          )
          assert.deepStrictEqual(
            plainOption(yield* store.get(app)),
            accepted.find(({ after }) => after === newest)
          )
        })),
      { timeout: StoreSuite.timeout, fastCheck: { numRuns: 30 } }
    )

    test("of a thousand tickets at once the newest wins", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        const count = options?.atOnce ?? 1000
        // Neither in order nor against it: 7 is no divisor.
        const tickets = Arr.makeBy(count, (n) => ticket((n * 7 + count / 2) % count))
        const kept = yield* Effect.forEach(tickets, (ticket) => store.put(app, ticket), { concurrency: "unbounded" })
        assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(count - 1)))
        assert.isTrue(kept[tickets.findIndex((ticket) => plain(ticket).after === count - 1)])
        assert.isFalse(yield* store.put(app, ticket(count - 1)))
      }))

    /** What a subscriber is told, one by one. */
    const subscribe = (app: string) =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const seen = yield* Queue.unbounded<ReturnType<typeof plain>>()
        yield* Effect.forkScoped(Stream.runForEach(store.changes(app), (ticket) => Queue.offer(seen, plain(ticket))))
        return { next: Queue.take(seen), rest: Effect.map(Queue.takeAll(seen), Chunk.toReadonlyArray) }
      })

    test("tells every subscriber of the ticket that there is, and of each newer one", () =>
      Effect.scoped(Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        const early = yield* subscribe(app)
        yield* store.put(app, ticket(10))
        assert.deepStrictEqual(yield* early.next, plain(ticket(10)))

        const subscribers = [early, yield* subscribe(app), yield* subscribe(app)]
        for (const { next } of subscribers.slice(1)) assert.deepStrictEqual(yield* next, plain(ticket(10)))
        for (const n of [11, 12, 15]) {
          yield* store.put(app, ticket(n - 5))
          yield* store.put(app, ticket(n))
          for (const { next } of subscribers) assert.deepStrictEqual(yield* next, plain(ticket(n)))
        }
        for (const { rest } of subscribers) assert.deepStrictEqual(yield* rest, [])
      })))

    test("tells of a newer ticket that has the value of the one before", () =>
      Effect.scoped(Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        const { next } = yield* subscribe(app)
        yield* store.put(app, ticket(1, "same"))
        assert.deepStrictEqual(yield* next, { value: "same", after: 1 })
        assert.isTrue(yield* store.put(app, ticket(2, "same")))
        assert.deepStrictEqual(
          yield* Effect.timeoutTo(next, {
            duration: "3 seconds",
            onSuccess: (ticket) => ticket,
            onTimeout: () => undefined
          }),
          { value: "same", after: 2 }
        )
      })))

    test("does not tell of a dropped ticket", () =>
      Effect.scoped(Effect.gen(function*() {
        const store = yield* TicketStore
        const app = yield* newApp
        yield* store.put(app, ticket(1))
        const early = yield* subscribe(app)
        assert.deepStrictEqual(yield* early.next, plain(ticket(1)))
        yield* store.drop(app, ticket(1))
        const late = yield* subscribe(app)
        yield* store.put(app, ticket(1))
        yield* store.put(app, ticket(2))
        assert.deepStrictEqual(yield* early.next, plain(ticket(2)))
        assert.deepStrictEqual(yield* late.next, plain(ticket(2)))
      })))

    test("loses nobody who subscribes while tickets come", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        for (let round = 0; round < 5; round++) {
          const app = yield* newApp
          const watch = store.changes(app).pipe(
            Stream.map((ticket) => plain(ticket).after),
            Stream.takeUntil((after) => after === 19),
            Stream.runCollect,
            Effect.map(Chunk.toReadonlyArray)
          )
          const watchers = yield* Effect.fork(Effect.all(
            Arr.makeBy(10, (n) => Effect.zipRight(Effect.yieldNow({ priority: n % 3 }), watch)),
            { concurrency: "unbounded" }
          ))
          yield* Effect.forEach(Arr.makeBy(20, (n) => (n * 7 + 3) % 20), (n) => store.put(app, ticket(n)), {
            concurrency: "unbounded",
            discard: true
          })
          for (const seen of yield* Fiber.join(watchers)) {
            assert.deepStrictEqual(seen, [...new Set(seen)].toSorted((a, b) => a - b), "from older to newer")
          }
        }
      }))

    test("keeps apps apart, whatever their ids", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore
        const apps = yield* StoreSuite.oddApps
        yield* Effect.forEach(apps, (app, n) => store.put(app, ticket(n)), { concurrency: "unbounded" })
        for (const [n, app] of apps.entries()) {
          assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(n)))
        }
        for (const [n, app] of apps.entries()) {
          yield* store.drop(app, ticket(n))
          const left = yield* Effect.forEach(apps, (app) => store.get(app))
          assert.strictEqual(left.filter(Option.isSome).length, apps.length - n - 1)
        }
      }))
  })
