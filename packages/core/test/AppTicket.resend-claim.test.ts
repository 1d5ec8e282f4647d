/** The resend that takes long, of one process among several that share a `TicketStore`. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Redacted,
  Scope
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

const appId = "cli_test"

const minutes = (n: number) => n * 60_000

/** It goes on for longer than the cool-down, and than the outages here. */
const persistent = RetryPolicy.make({ retries: 1000, maxDelay: "10 seconds", totalTimeout: "20 minutes" })

/** One attempt that may take long. */
const slow = RetryPolicy.make({ retries: 0, attemptTimeout: "20 minutes", totalTimeout: "20 minutes" })

/** Away until then, and then it accepts each resend. */
const awayUntil = (end: number): Scripted.Step => (request) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => (now < end ? Scripted.dropped : Scripted.ok)(request))

interface Shared {
  readonly store: TicketStore.Service
  readonly claims: Claims.Service
  readonly step: Scripted.Step
  readonly retryPolicy?: RetryPolicy.Policy
  readonly options?: AppTicket.Options
}

/** One process, whose resends are its own. */
const start = ({ claims, options, retryPolicy, step, store }: Shared) =>
  Effect.gen(function*() {
    const script = Scripted.make(step)
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const layer = AppTicket.layer({ waitFor: "30 minutes", ...options }).pipe(
      Layer.provide(Layer.mergeAll(
        Scripted.app,
        Layer.succeed(HttpClient.HttpClient, script.client),
        Layer.succeed(TicketStore.TicketStore, store),
        Layer.succeed(Claims.Claims, claims),
        Layer.succeed(RetryPolicy.RetryPolicy, retryPolicy ?? persistent)
      ))
    )
    const { get } = Context.get(yield* Layer.buildWithScope(layer, scope), AppTicket.AppTicket)
    return { get, seen: script.seen, stop: Scope.close(scope, Exit.void) }
  })

/** What the processes share. */
const shared = Effect.all({ store: TicketStore.makeMemory(), claims: Claims.makeMemory() })

/** The same, and counts what is done to claims. */
const counted = Effect.map(shared, ({ claims, store }) => {
  const counts = { claim: 0, renew: 0 }
  const counting: Claims.Service = {
    ...claims,
    claim: (...args) => Effect.suspend(() => (counts.claim++, claims.claim(...args))),
    renew: (...args) => Effect.suspend(() => (counts.renew++, claims.renew(...args)))
  }
  return { counts, claims: counting, store }
})

const put = (store: TicketStore.Service, value: string) =>
  Effect.flatMap(
    DateTime.now,
    (sentAt) => store.put(appId, { value: Redacted.make(value), sentAt })
  )

/** For how long the resend is still somebody's. */
const leftOf = (claims: Claims.Service) =>
  Effect.map(
    claims.claim(appId, "resend", Duration.zero),
    (answer) => answer._tag === "Taken" ? answer.left : Duration.zero
  )

const test = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, withQuickClock, Effect.provide(Logger.minimumLogLevel(LogLevel.None)))

describe("while one process tries to ask a platform that is away for 5 minutes", () => {
  it.effect("another one sends nothing, and has the ticket when it comes", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* shared
      const both = { claims, store, step: awayUntil(minutes(5)) }
      const [first, second] = yield* Effect.all([start(both), start(both)])
      const fibers = [yield* Effect.fork(first.get), yield* Effect.fork(second.get)]
      yield* pass("5 minutes")
      assert.isAbove(first.seen.length, 25)
      assert.strictEqual(second.seen.length, 0)
      yield* pass("15 seconds")
      const asked = first.seen.length
      yield* put(store, "a ticket")
      yield* pass("1 second")
      for (const ticket of yield* Effect.forEach(fibers, Fiber.join)) {
        assert.strictEqual(Redacted.value(ticket.value), "a ticket")
      }
      yield* pass("10 minutes")
      assert.deepStrictEqual([first.seen.length, second.seen.length], [asked, 0])
    }).pipe(test))

  it.effect("another one that begins later sends nothing either", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* shared
      const both = { claims, store, step: awayUntil(minutes(5)) }
      const first = yield* start(both)
      yield* Effect.fork(first.get)
      for (const seconds of [59, 2, 29, 61]) {
        yield* pass(Duration.seconds(seconds))
        const later = yield* start(both)
        yield* Effect.fork(later.get)
        yield* pass("20 seconds")
        assert.strictEqual(later.seen.length, 0)
      }
    }).pipe(test))

  it.effect("and its callers are gone, another one sends nothing either", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* shared
      const both = { claims, store, step: awayUntil(minutes(5)) }
      const [first, second] = yield* Effect.all([start(both), start(both)])
      const gone = yield* Effect.fork(first.get)
      yield* pass("10 seconds")
      yield* Fiber.interrupt(gone)
      yield* Effect.fork(second.get)
      yield* pass("280 seconds")
      assert.isAbove(first.seen.length, 25)
      assert.strictEqual(second.seen.length, 0)
    }).pipe(test))

  it.effect("and ends, another one takes over within the cool-down", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* shared
      const both = { claims, store, step: awayUntil(minutes(5)) }
      const [first, second] = yield* Effect.all([start(both), start(both)])
      const dying = yield* Effect.fork(first.get)
      yield* Effect.fork(second.get)
      yield* pass("2 minutes")
      yield* first.stop
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(dying)))
      const asked = first.seen.length
      assert.strictEqual(second.seen.length, 0)
      yield* pass("61 seconds")
      assert.isAbove(second.seen.length, 0)
      yield* pass("3 minutes")
      assert.strictEqual(first.seen.length, asked)
      assert.isAbove(second.seen.length, 10)
    }).pipe(test))

  it.effect("and the store does not renew its claim, it goes on, and has the ticket all the same", () =>
    Effect.gen(function*() {
      const { claims: memory, store } = yield* shared
      const claims: Claims.Service = {
        ...memory,
        renew: () => new Claims.ClaimsError({ appId, operation: "renew", description: "it is down" })
      }
      const { get, seen } = yield* start({ claims, store, step: awayUntil(minutes(5)) })
      const fiber = yield* Effect.fork(get)
      yield* pass("315 seconds")
      const asked = seen.length
      yield* put(store, "a ticket")
      yield* pass("1 second")
      assert.strictEqual(Redacted.value((yield* Fiber.join(fiber)).value), "a ticket")
      assert.strictEqual(seen.length, asked)
    }).pipe(test))
})

describe("the claim on a resend", () => {
  it.effect("is for 2 minutes from its acceptance, and is renewed no more", () =>
    Effect.gen(function*() {
      const { claims, counts, store } = yield* counted
      const { get } = yield* start({
        claims,
        store,
        step: Scripted.after("100 seconds", Scripted.ok),
        retryPolicy: slow
      })
      yield* Effect.fork(get)
      yield* pass("100 seconds")
      const { renew } = counts
      assert.isAtLeast(renew, 4)
      assert.strictEqual(Duration.toSeconds(yield* leftOf(claims)), 120)
      yield* pass("119 seconds")
      assert.strictEqual(Duration.toSeconds(yield* leftOf(claims)), 1)
      assert.strictEqual(counts.renew, renew)
    }).pipe(test))

  it.effect("is for the cool-down from its failure, and is renewed no more", () =>
    Effect.gen(function*() {
      const { claims, counts, store } = yield* counted
      const { get } = yield* start({
        claims,
        store,
        step: Scripted.after("100 seconds", Scripted.dropped),
        retryPolicy: slow
      })
      const fiber = yield* Effect.fork(Effect.flip(get))
      yield* pass("100 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "FeishuNetworkError")
      const { renew } = counts
      assert.strictEqual(Duration.toSeconds(yield* leftOf(claims)), 60)
      yield* pass("59 seconds")
      assert.strictEqual(Duration.toSeconds(yield* leftOf(claims)), 1)
      assert.strictEqual(counts.renew, renew)
    }).pipe(test))

  it.effect.each([0, 1, 500, 1000, 1500])(
    "is renewed once a second at most, where the cool-down is %i ms",
    (coolDown) =>
      Effect.gen(function*() {
        const { claims, counts, store } = yield* counted
        const both = { claims, store, step: Scripted.hang, retryPolicy: slow, options: { coolDown } }
        const [first, second] = yield* Effect.all([start(both), start(both)])
        yield* Effect.forEach([first, second], ({ get }) => Effect.fork(get))
        yield* pass("1 minute")
        assert.isAtMost(counts.renew, 120)
        // One that waits comes back when the claim should have ended.
        assert.isAtMost(counts.claim, 130)
        assert.deepStrictEqual([first.seen.length, second.seen.length <= 1], [1, true])
      }).pipe(test)
  )

  it.effect("without a cool-down does not make a failing platform be asked without a pause", () =>
    Effect.gen(function*() {
      const { claims, counts, store } = yield* counted
      const { get, seen } = yield* start({
        claims,
        store,
        step: Scripted.refused(10014),
        retryPolicy: RetryPolicy.none,
        options: { coolDown: 0 }
      })
      for (let n = 0; n < 10; n++) yield* Effect.flip(get)
      yield* pass("10 minutes")
      assert.strictEqual(seen.length, 10)
      assert.deepStrictEqual(counts, { claim: 10, renew: 10 })
    }).pipe(test))
})

describe("a push that overtakes the answer to its resend", () => {
  it.effect("lets the next resend follow after the cool-down, not after 2 minutes", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* shared
      const { get, seen } = yield* start({ claims, store, step: Scripted.after("1 second", Scripted.ok) })
      const fiber = yield* Effect.fork(get)
      yield* pass("500 millis")
      yield* put(store, "a ticket")
      yield* pass("1 second")
      assert.strictEqual(Redacted.value((yield* Fiber.join(fiber)).value), "a ticket")
      assert.strictEqual(seen.length, 1)
      assert.isAtMost(Duration.toSeconds(yield* leftOf(claims)), 60)
    }).pipe(test))
})
