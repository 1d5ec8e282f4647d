/** The store on PostgreSQL over a database that does not do what it should. */
import { Claims, TicketStore } from "@effect-feishu/core"
import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Option, Redacted, TestClock } from "effect"
import { inspect } from "node:util"
import { layer, type Sql } from "../postgres-ticket-store.js"

const ticket: TicketStore.Ticket = { value: Redacted.make("t-secret"), sentAt: DateTime.unsafeMake(1) }

/** What each operation fails with. */
const failures = (query: Sql["query"]) =>
  Effect.gen(function*() {
    const store = yield* TicketStore.TicketStore
    const claims = yield* Claims.Claims
    return yield* Effect.forEach(
      [
        store.get("a"),
        store.put("a", ticket),
        store.drop("a", ticket),
        claims.release({ appId: "a", name: "name", id: "1" })
      ],
      (operation) =>
        Effect.flip(
          Effect.uninterruptible<unknown, TicketStore.TicketStoreError | Claims.ClaimsError, never>(operation)
        ),
      { concurrency: "unbounded" }
    )
  }).pipe(Effect.provide(layer({ query })))

it.effect("says what failed, without the ticket", () =>
  Effect.gen(function*() {
    const refuse: Sql["query"] = (text, values) =>
      Promise.reject(Object.assign(new Error(`${text} ${values.join()}`), { code: "57P01", values }))
    const errors = yield* failures(refuse)
    assert.deepStrictEqual(errors.map(({ operation }) => operation), ["get", "put", "drop", "release"])
    for (const error of errors) {
      assert.include(error.message, "57P01")
      assert.notInclude(inspect(error, { depth: 9 }), "t-secret")
    }
  }))

it.effect("waits 2 s for an answer and no longer", () =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(failures(() => new Promise(() => {})))
    yield* TestClock.adjust("1999 millis")
    assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
    yield* TestClock.adjust("1 millis")
    for (const error of yield* Fiber.join(fiber)) assert.include(error.message, "no answer in time")
  }))

it.effect("takes what it cannot read for absent", () =>
  Effect.gen(function*() {
    for (const row of [{ value: "", sentAt: 1 }, { value: "x", sentAt: 9e15 }, { value: null, sentAt: 1 }, {}]) {
      const rows = Promise.resolve({ rows: [row] })
      const answer = Effect.flatMap(TicketStore.TicketStore, (store) => store.get("a"))
      assert.isTrue(Option.isNone(yield* Effect.provide(answer, layer({ query: () => rows }))))
    }
  }))
