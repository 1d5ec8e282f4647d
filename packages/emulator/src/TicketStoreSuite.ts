/**
 * Tests that every `TicketStore` passes. Run the tests over a store of your own.
 *
 * Not part of the package's index, because the module needs `vitest` and `@effect/vitest`: import the module by its path,
 * `@effect-feishu/emulator/TicketStoreSuite`.
 *
 * @since 0.1.0
 */
import { type Ticket, TicketStore } from "@effect-feishu/core/TicketStore"
import { assert } from "@effect/vitest"
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

/**
 * Makes a ticket that was sent `after` milliseconds after a moment in November 2023, which all tickets of the suite share.
 * Default of `value`: `t-` and the milliseconds.
 *
 * @since 0.1.0
 * @category test data
 */
export const ticket = (after: number, value = `t-${after}`): Ticket => ({
  value: Redacted.make(value),
  sentAt: DateTime.unsafeMake(StoreSuite.epoch + after)
})

/**
 * Returns a ticket in a form that tests compare. `after` is in milliseconds, as in `ticket`.
 *
 * @since 0.1.0
 * @category test data
 */
export const plain = (ticket: Ticket): { readonly value: string; readonly after: number } => ({
  value: Redacted.value(ticket.value),
  after: DateTime.toEpochMillis(ticket.sentAt) - StoreSuite.epoch
})

/**
 * Returns a ticket in a form that tests compare, and `undefined` for `None`.
 *
 * @since 0.1.0
 * @category test data
 */
export const plainOption = (ticket: Option.Option<Ticket>): ReturnType<typeof plain> | undefined =>
  Option.getOrUndefined(Option.map(ticket, plain))

/**
 * Makes the id of a new app: a random id that starts with `cli_`.
 *
 * @since 0.1.0
 * @category test data
 */
export const newApp: Effect.Effect<string> = StoreSuite.newApp

/**
 * Repeats `effect` every 10 ms until `holds` returns `true` for the result. Fails if `effect` fails. Has no time limit: the
 * time limit of the test applies.
 *
 * @since 0.1.0
 * @category running
 */
export const until: <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
) => Effect.Effect<void, E, R> = StoreSuite.until

const fixture = Effect.all({ store: TicketStore, app: newApp })

type Fixture = Effect.Effect.Success<typeof fixture>
type Tests = StoreSuite.Tests<Fixture>

const putAndGet = ({ test }: Tests): void => {
  test("get returns None at first, and then the ticket that was put", ({ app, store }) =>
    Effect.gen(function*() {
      assert.isTrue(Option.isNone(yield* store.get(app)))
      assert.isTrue(yield* store.put(app, ticket(0)))
      assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(0)))
    }))

  test("get returns a ticket of any characters and any time, even an expired ticket", ({ store }) =>
    Effect.gen(function*() {
      for (const value of ["\"\\/\n", "票據 🎫", "a=b&c=%20", "{\"dropped\":true}", "x".repeat(100_000)]) {
        for (const after of [-StoreSuite.epoch, 1, Duration.toMillis("40000 days")]) {
          const app = yield* newApp
          assert.isTrue(yield* store.put(app, ticket(after, value)))
          assert.deepStrictEqual(plainOption(yield* store.get(app)), { value, after })
        }
      }
    }))

  test("put replaces an older ticket, and ignores a ticket that is older or as old", ({ app, store }) =>
    Effect.gen(function*() {
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
}

const drop = ({ test }: Tests): void => {
  test("drop removes the given ticket only", ({ app, store }) =>
    Effect.gen(function*() {
      yield* store.drop(app, ticket(0))
      assert.isTrue(yield* store.put(app, ticket(0)), "a drop before the put has no effect")
      yield* store.drop(app, ticket(0, "another"))
      assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(0)))
      assert.isTrue(yield* store.put(app, ticket(1)))
      yield* store.drop(app, ticket(0))
      assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(1)))
      yield* store.drop(app, ticket(1))
      assert.isTrue(Option.isNone(yield* store.get(app)))
    }))

  test("put replaces a dropped ticket by a newer ticket only", ({ app, store }) =>
    Effect.gen(function*() {
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
}

/** Keeps the newest ticket of one app in a variable. */
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

const anyOperation = FastCheck.record({
  kind: FastCheck.constantFrom("put", "put", "drop"),
  value: FastCheck.constantFrom("a", "b", "c"),
  after: FastCheck.nat(6)
})

const sequences = ({ prop }: Tests): void =>
  prop(
    "any sequence of puts and drops gives the results of the model",
    FastCheck.array(anyOperation, { maxLength: 15 }),
    (operations, { app, store }) =>
      Effect.gen(function*() {
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
      })
  )

const simultaneousPuts = (atOnce: number) => ({ prop, test }: Tests): void => {
  prop(
    "simultaneous puts keep the newest ticket, and accept at most one of several equally old tickets",
    FastCheck.array(FastCheck.nat(20), { minLength: 1, maxLength: 20 }),
    (afters, { app, store }) =>
      Effect.gen(function*() {
        const tickets = afters.map((after, n) => ticket(after, `t-${n}`))
        const results = yield* Effect.forEach(tickets, (ticket) => store.put(app, ticket), { concurrency: "unbounded" })
        const accepted = tickets.filter((_, n) => results[n]).map(plain)
        assert.strictEqual(new Set(accepted.map(({ after }) => after)).size, accepted.length)
        const newest = accepted.find(({ after }) => after === Math.max(...afters))
        assert.isDefined(newest)
        assert.deepStrictEqual(plainOption(yield* store.get(app)), newest)
      })
  )

  test(`${atOnce} simultaneous puts keep the newest ticket`, ({ app, store }) =>
    Effect.gen(function*() {
      // Sorted by a remainder: neither ascending nor descending, for any `atOnce`.
      const afters = Arr.makeBy(atOnce, (n) => n).toSorted((a, b) => (a * 7) % 10 - (b * 7) % 10)
      const results = yield* Effect.forEach(afters, (n) => store.put(app, ticket(n)), { concurrency: "unbounded" })
      assert.deepStrictEqual(plainOption(yield* store.get(app)), plain(ticket(atOnce - 1)))
      assert.isTrue(results[afters.indexOf(atOnce - 1)])
      assert.isFalse(yield* store.put(app, ticket(atOnce - 1)))
    }))
}

/** Subscribes to `changes`: `next` waits for a ticket, `rest` returns the tickets that have arrived since. */
const subscribe = ({ app, store }: Fixture) =>
  Effect.gen(function*() {
    const seen = yield* Queue.unbounded<ReturnType<typeof plain>>()
    yield* Effect.forkScoped(Stream.runForEach(store.changes(app), (ticket) => Queue.offer(seen, plain(ticket))))
    return { next: Queue.take(seen), rest: Effect.map(Queue.takeAll(seen), Chunk.toReadonlyArray) }
  })

const changes = ({ test }: Tests): void => {
  test("changes emits the newest ticket to every subscriber, and then each newer ticket", ({ app, store }) =>
    Effect.gen(function*() {
      const early = yield* subscribe({ app, store })
      yield* store.put(app, ticket(10))
      assert.deepStrictEqual(yield* early.next, plain(ticket(10)))

      const late = [yield* subscribe({ app, store }), yield* subscribe({ app, store })]
      for (const { next } of late) assert.deepStrictEqual(yield* next, plain(ticket(10)))
      const subscribers = [early, ...late]
      for (const n of [11, 12, 15]) {
        yield* store.put(app, ticket(n - 5))
        yield* store.put(app, ticket(n))
        for (const { next } of subscribers) assert.deepStrictEqual(yield* next, plain(ticket(n)))
      }
      for (const { rest } of subscribers) assert.deepStrictEqual(yield* rest, [])
    }))

  test("changes emits a newer ticket that has the value of the ticket before", ({ app, store }) =>
    Effect.gen(function*() {
      const { next } = yield* subscribe({ app, store })
      yield* store.put(app, ticket(1, "same"))
      assert.deepStrictEqual(yield* next, { value: "same", after: 1 })
      assert.isTrue(yield* store.put(app, ticket(2, "same")))
      assert.deepStrictEqual(yield* Effect.timeout(next, "3 seconds"), { value: "same", after: 2 })
    }))

  test("changes does not emit a dropped ticket", ({ app, store }) =>
    Effect.gen(function*() {
      yield* store.put(app, ticket(1))
      const early = yield* subscribe({ app, store })
      assert.deepStrictEqual(yield* early.next, plain(ticket(1)))
      yield* store.drop(app, ticket(1))
      const late = yield* subscribe({ app, store })
      yield* store.put(app, ticket(1))
      yield* store.put(app, ticket(2))
      assert.deepStrictEqual(yield* early.next, plain(ticket(2)))
      assert.deepStrictEqual(yield* late.next, plain(ticket(2)))
    }))

  test("changes does not emit the tickets of apps with similar ids", ({ store }) =>
    Effect.gen(function*() {
      const apps = yield* StoreSuite.similarApps
      const subscribers = yield* Effect.forEach(apps, (app) => subscribe({ app, store }))
      for (const round of [0, apps.length]) {
        yield* Effect.forEach(apps, (app, n) => store.put(app, ticket(round + n)))
        for (const [n, { next }] of subscribers.entries()) {
          assert.deepStrictEqual(yield* next, plain(ticket(round + n)))
        }
      }
      for (const { rest } of subscribers) assert.deepStrictEqual(yield* rest, [])
    }))
}

/** Collects the tickets of `changes` until the ticket that was sent at `last`. */
const collectUntil = (last: number, { app, store }: Fixture) =>
  store.changes(app).pipe(
    Stream.map((ticket) => plain(ticket).after),
    Stream.takeUntil((after) => after === last),
    Stream.runCollect,
    Effect.map(Chunk.toReadonlyArray)
  )

const changesDuringPuts = ({ test }: Tests): void =>
  test("changes emits the newest ticket to every subscriber that starts while tickets arrive", ({ store }) =>
    Effect.gen(function*() {
      for (let round = 0; round < 5; round++) {
        const app = yield* newApp
        const collectors = yield* Effect.fork(Effect.all(
          Arr.makeBy(10, (n) => Effect.andThen(Effect.yieldNow({ priority: n % 3 }), collectUntil(19, { app, store }))),
          { concurrency: "unbounded" }
        ))
        yield* Effect.forEach(Arr.makeBy(20, (n) => (n * 7 + 3) % 20), (n) => store.put(app, ticket(n)), {
          concurrency: "unbounded"
        })
        for (const seen of yield* Fiber.join(collectors)) {
          assert.deepStrictEqual(seen, [...new Set(seen)].toSorted((a, b) => a - b), "from older to newer")
        }
      }
    }))

const manyApps = ({ test }: Tests): void =>
  test("get, put and drop do not confuse apps with similar ids", ({ store }) =>
    Effect.gen(function*() {
      const apps = yield* StoreSuite.similarApps
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

/**
 * Options of `suite`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The number of tickets that are put at the same time. Default: 1000. */
  readonly atOnce?: number | undefined
}

/**
 * Registers the tests of a `TicketStore` under `describe`. Builds the layer once for all tests, and releases the layer
 * afterwards. Every test fails if the layer cannot be built.
 *
 * The tests run on real time, because the store may have its own clock, and use new app ids, because the store may outlive
 * the tests. The tickets are from 2023: the store may remove an expired ticket, but must keep each ticket for at least a
 * minute after `put`.
 *
 * A test fails after 30 s. If the store limits the time of an operation, the limit must be long enough when `atOnce`
 * operations run at the same time.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<TicketStore, E>, options?: Options): void =>
  StoreSuite.suite(`TicketStore, ${name}`, store, fixture, [
    putAndGet,
    drop,
    sequences,
    simultaneousPuts(options?.atOnce ?? 1000),
    changes,
    changesDuringPuts,
    manyApps
  ])
