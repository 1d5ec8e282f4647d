/** The resends of one process over a store that loses or delays claims: as rare as over a store that keeps claims. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import {
  Clock,
  Context,
  DateTime,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Redacted,
  Schedule,
  type Scope
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import { forgetfulClaims } from "./forgetfulClaims.js"
import { makeKvs, makeKvsFor } from "./keyValues.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

const appId = "cli_test"

/** Returns what was written at least this time ago, as Cloudflare KV does elsewhere. */
const delayedKvs = (delay: number) => {
  const writes: Array<{ readonly at: number; readonly key: string; readonly value: string }> = []
  const { kvs } = makeKvs()
  return KeyValueStore.make({
    ...kvs,
    get: (key) =>
      Effect.map(
        Clock.currentTimeMillis,
        (now) => Option.fromNullable(writes.findLast((write) => write.key === key && write.at + delay <= now)?.value)
      ),
    set: (key, value) =>
      Effect.map(Clock.currentTimeMillis, (at) => void writes.push({ at, key, value: String(value) }))
  })
}

const overKvs = (kvs: KeyValueStore.KeyValueStore) =>
  Effect.provideService(Claims.makeKeyValueStore(), KeyValueStore.KeyValueStore, kvs)

const sound = Claims.makeMemory()

const stores: ReadonlyArray<readonly [string, Effect.Effect<Claims.Service>]> = [
  ["keeps claims", sound],
  ["forgets a claim at once", Effect.succeed(forgetfulClaims)],
  ["drops each write", Effect.suspend(() => overKvs(KeyValueStore.make({ ...makeKvs().kvs, set: () => Effect.void })))],
  ["shows a write after 60 s", Effect.suspend(() => overKvs(delayedKvs(60_000)))],
  ["shows a write after 10 s", Effect.suspend(() => overKvs(delayedKvs(10_000)))],
  [
    "fails every other time",
    Effect.map(sound, (memory) => {
      let calls = 0
      return {
        ...memory,
        claim: (...args) =>
          Effect.suspend(() =>
            ++calls % 2 === 1
              ? new Claims.ClaimsError({ appId, operation: "claim", description: "it is down" })
              : memory.claim(...args)
          )
      }
    })
  ]
]

/** Ends a loop of resends, which would never let the test fail. */
const tooMany = 20

const oneAttempt = RetryPolicy.make({ retries: 0, attemptTimeout: "20 minutes", totalTimeout: "20 minutes" })

const start = (
  claims: Effect.Effect<Claims.Service>,
  step: Scripted.Step,
  options?: AppTicket.Options,
  tickets = TicketStore.makeMemory()
) =>
  Effect.gen(function*() {
    let requests = 0
    const script = Scripted.make((request) => ++requests > tooMany ? Effect.never : step(request))
    const store = yield* tickets
    const context = yield* Layer.build(
      AppTicket.layer({ waitFor: "30 minutes", ...options }).pipe(Layer.provide(Layer.mergeAll(
        Scripted.app,
        Layer.succeed(HttpClient.HttpClient, script.client),
        Layer.succeed(TicketStore.TicketStore, store),
        Layer.effect(Claims.Claims, claims),
        Layer.succeed(RetryPolicy.RetryPolicy, oneAttempt)
      )))
    )
    const push = (value: string) =>
      Effect.flatMap(DateTime.now, (sentAt) => store.put(appId, { value: Redacted.make(value), sentAt }))
    return {
      ...Context.get(context, AppTicket.AppTicket),
      push,
      /** The seconds at which the resends were sent. */
      sentAt: () => script.seen.map(({ at }) => at / 1000)
    }
  })

const test = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, withQuickClock, Effect.provide(Logger.minimumLogLevel(LogLevel.None)))

const valueOf = (ticket: TicketStore.Ticket) => Redacted.value(ticket.value)

describe.each(stores)("over a store that %s", (_, claims) => {
  it.effect("a resend follows an accepted one after 2 minutes if no push comes", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.ok)
      yield* Effect.fork(get)
      yield* pass("299 seconds")
      assert.deepStrictEqual(sentAt(), [0, 120, 240])
    }).pipe(test))

  it.effect("a resend follows an accepted one after 2 minutes if the cool-down is off", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.ok, { coolDown: 0 })
      yield* Effect.fork(get)
      yield* pass("299 seconds")
      assert.deepStrictEqual(sentAt(), [0, 120, 240])
    }).pipe(test))

  it.effect("callers that come and go send no more resends", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.ok, { waitFor: "3 seconds" })
      yield* Effect.fork(Effect.forever(Effect.ignore(get)))
      yield* pass("299 seconds")
      assert.deepStrictEqual(sentAt(), [0, 120, 240])
    }).pipe(test))

  it.effect("a resend follows a refused one after the cool-down, and the next caller learns when", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.refused(10003), { waitFor: "10 seconds" })
      assert.strictEqual((yield* Effect.flip(get))._tag, "FeishuApiError")
      const second = yield* Effect.fork(Effect.flip(get))
      yield* pass("10 seconds")
      const error = yield* Fiber.join(second)
      assert.strictEqual(error._tag === "TicketTimeout" && String(error.nextResendIn), "Duration(50s)")
      yield* Effect.fork(Effect.retry(get, Schedule.spaced("1 second")))
      yield* pass("289 seconds")
      assert.deepStrictEqual(sentAt(), [0, 60, 120, 180, 240])
    }).pipe(test))

  it.effect("a resend follows a refused one after the wait for which the platform asks", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.rateLimited(100))
      yield* Effect.fork(Effect.retry(get, Schedule.spaced("1 second")))
      yield* pass("299 seconds")
      assert.deepStrictEqual(sentAt(), [0, 100, 200])
    }).pipe(test))

  it.effect("no other resend is sent during one that takes longer than the cool-down", () =>
    Effect.gen(function*() {
      const { get, sentAt } = yield* start(claims, Scripted.after("25 seconds", Scripted.ok), { coolDown: "3 seconds" })
      yield* Effect.fork(get)
      yield* pass("299 seconds")
      assert.deepStrictEqual(sentAt(), [0, 145, 290])
    }).pipe(test))

  it.effect("a push lets the next resend follow after the cool-down", () =>
    Effect.gen(function*() {
      const { get, push, refresh, sentAt } = yield* start(claims, Scripted.ok)
      const first = yield* Effect.fork(get)
      yield* pass("10 seconds")
      yield* push("a ticket")
      assert.strictEqual(valueOf(yield* Fiber.join(first)), "a ticket")
      yield* pass("10 seconds")
      const second = yield* Effect.fork(refresh)
      yield* pass("70 seconds")
      assert.deepStrictEqual(sentAt(), [0, 60])
      yield* push("a newer ticket")
      assert.strictEqual(valueOf(yield* Fiber.join(second)), "a newer ticket")
      yield* pass("29 seconds")
      const third = yield* Effect.fork(refresh)
      yield* pass("10 seconds")
      assert.deepStrictEqual(sentAt(), [0, 60, 120])
      yield* push("the newest ticket")
      assert.strictEqual(valueOf(yield* Fiber.join(third)), "the newest ticket")
    }).pipe(test))

  it.effect("a push after the cool-down lets the next resend follow at once", () =>
    Effect.gen(function*() {
      const { get, push, refresh, sentAt } = yield* start(claims, Scripted.ok)
      const first = yield* Effect.fork(get)
      yield* pass("90 seconds")
      yield* push("a ticket")
      yield* Fiber.join(first)
      yield* pass("1 second")
      yield* Effect.fork(refresh)
      yield* pass("10 seconds")
      assert.deepStrictEqual(sentAt(), [0, 91])
    }).pipe(test))

  it.effect("a push that overtakes the answer to its resend lets the next one follow after the cool-down", () =>
    Effect.gen(function*() {
      const { get, push, refresh, sentAt } = yield* start(claims, Scripted.after("2 seconds", Scripted.ok))
      const first = yield* Effect.fork(get)
      yield* pass("1 second")
      yield* push("a ticket")
      yield* Fiber.join(first)
      yield* pass("10 seconds")
      yield* Effect.fork(refresh)
      yield* pass("100 seconds")
      assert.deepStrictEqual(sentAt(), [0, 62])
    }).pipe(test))

  it.effect("a resend that nobody wants any longer holds back none", () =>
    Effect.gen(function*() {
      const slow = Effect.map(claims, (service): Claims.Service => ({
        ...service,
        claim: (...args) => Effect.delay(service.claim(...args), "1 second")
      }))
      const { get, sentAt } = yield* start(slow, Scripted.ok)
      const gone = yield* Effect.fork(get)
      yield* pass("500 millis")
      yield* Fiber.interrupt(gone)
      yield* pass("1 second")
      assert.deepStrictEqual(sentAt(), [])
      yield* Effect.fork(get)
      yield* pass("10 seconds")
      assert.deepStrictEqual(sentAt(), [2.5])
    }).pipe(test))
})

describe("on Cloudflare Workers", () => {
  beforeAll(() => {
    vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
  })
  afterAll(() => {
    vi.unstubAllGlobals()
  })

  const startShared = (claims: Effect.Effect<Claims.Service>, step: Scripted.Step) =>
    start(claims, step, undefined, Effect.suspend(() => makeKvsFor(TicketStore.makeKeyValueStore).store()))

  describe.each(stores)("over a store that %s", (_, claims) => {
    it.effect("simultaneous and later requests send one resend in 2 minutes", () =>
      Effect.gen(function*() {
        const { get, sentAt } = yield* startShared(claims, Scripted.after("1 second", Scripted.ok))
        yield* Effect.replicateEffect(Effect.fork(get), 3)
        yield* pass("30 seconds")
        yield* Effect.replicateEffect(Effect.fork(Effect.ignore(get)), 3)
        yield* pass("269 seconds")
        assert.deepStrictEqual(sentAt(), [0, 121, 242])
      }).pipe(test))
  })
})
