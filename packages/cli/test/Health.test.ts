/** The health of `serve`, which `/healthz` of both listeners answers. */
import { TicketStore } from "@effect-feishu/core"
import { assert, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Option, Redacted, TestClock } from "effect"
import * as Health from "../src/serve/Health.js"
import * as Service from "./tokenService.js"

const appId = "cli_health"

const away = new TicketStore.TicketStoreError({ appId, operation: "get", description: "no connection" })

/** The ticket of this moment. */
const ticketNow = Effect.map(
  DateTime.now,
  (sentAt): TicketStore.Ticket => ({ value: Redacted.make("a ticket"), sentAt })
)

/** The health of one app. `looks` counts how often the store was read. */
const make = (get: Effect.Effect<Option.Option<TicketStore.Ticket>, TicketStore.TicketStoreError>) => {
  let looks = 0
  const store = {
    get: () =>
      Effect.suspend(() => {
        looks++
        return get
      })
  }
  return Effect.map(
    Health.make(Service.appsOf(Service.stub(appId, { store: store as never }))),
    (health) => ({ ...health, looks: () => looks })
  )
}

it.effect("A service stays healthy while the store is away, until the last ticket of the store expires", () =>
  Effect.gen(function*() {
    const ticket = yield* ticketNow
    let isAway = false
    const { look } = yield* make(Effect.suspend(() => isAway ? away : Effect.succeedSome(ticket)))
    assert.deepInclude(yield* look, { ok: true })
    isAway = true
    yield* TestClock.adjust("2 hours")
    const { apps, ok } = yield* look
    assert.isTrue(ok)
    assert.deepInclude(apps[0], { ok: true, expires_in: 3600 })
    assert.include(apps[0]?.reason, "no connection")
    yield* TestClock.adjust("61 minutes")
    assert.deepInclude(yield* look, { ok: false })
  }))

it.effect("A service that has seen a ticket is healthy at its first probe, though the store is away", () =>
  Effect.gen(function*() {
    const { look, see } = yield* make(away)
    assert.deepInclude(yield* look, { ok: false })
    yield* see(appId, yield* ticketNow)
    assert.deepInclude(yield* look, { ok: true })
    yield* TestClock.adjust("181 minutes")
    assert.deepInclude(yield* look, { ok: false })
  }))

it.effect("A ticket that arrives while the store is read counts", () =>
  Effect.gen(function*() {
    const { look, see } = yield* make(Effect.delay(Effect.succeedNone, "2 seconds"))
    const looking = yield* Effect.fork(look)
    yield* TestClock.adjust("1 second")
    yield* see(appId, yield* ticketNow)
    yield* TestClock.adjust("1 second")
    assert.deepInclude(yield* Fiber.join(looking), { ok: true })
    assert.deepInclude(yield* look, { ok: true })
  }))

it.effect("Many probes read the store once, also while the store is away and answers late", () =>
  Effect.gen(function*() {
    const { look, looks } = yield* make(Effect.delay(away, "1 second"))
    const probing = yield* Effect.fork(Effect.all([look, look, look], { concurrency: "unbounded" }))
    yield* TestClock.adjust("500 millis")
    const later = yield* Effect.fork(look)
    yield* TestClock.adjust("500 millis")
    yield* Fiber.join(probing)
    yield* Fiber.join(later)
    yield* look
    assert.strictEqual(looks(), 1)
    yield* TestClock.adjust("1 second")
    yield* Effect.fork(look)
    yield* TestClock.adjust("1 second")
    assert.strictEqual(looks(), 2)
  }))

it.effect("A probe that disconnects leaves the next probe its own look", () =>
  Effect.gen(function*() {
    const { look, looks } = yield* make(Effect.delay(Effect.asSome(ticketNow), "1 second"))
    const first = yield* Effect.fork(look)
    const second = yield* Effect.fork(look)
    yield* TestClock.adjust("500 millis")
    yield* Fiber.interrupt(first)
    yield* TestClock.adjust("1 second")
    assert.deepInclude(yield* Fiber.join(second), { ok: true })
    assert.strictEqual(looks(), 2)
  }))
