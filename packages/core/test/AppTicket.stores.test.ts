/** An `AppTicket` over stores and clients that do not do what they should. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Redacted,
  type Scope,
  Stream
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const appId = "cli_test"

const start = ({ app = Scripted.app, claims, options, steps = [Scripted.ok], store }: {
  readonly app?: typeof Scripted.app
  readonly store: TicketStore.Service
  readonly claims: Claims.Service
  readonly options?: AppTicket.Options
  readonly steps?: ReadonlyArray<Scripted.Step>
}) =>
  Effect.gen(function*() {
    const script = Scripted.make(...steps)
    const context = yield* Layer.build(
      AppTicket.layer(options).pipe(Layer.provide(Layer.mergeAll(
        app,
        Layer.succeed(HttpClient.HttpClient, script.client),
        Layer.succeed(TicketStore.TicketStore, store),
        Layer.succeed(Claims.Claims, claims),
        Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)
      )))
    )
    return { ...Context.get(context, AppTicket.AppTicket), resends: () => script.seen.length }
  })

const make = Effect.all({ store: TicketStore.makeMemory(), claims: Claims.makeMemory() })

const put = (store: TicketStore.Service, value: string) =>
  Effect.flatMap(DateTime.now, (sentAt) => store.put(appId, { value: Redacted.make(value), sentAt }))

const valueOf = (ticket: TicketStore.Ticket) => Redacted.value(ticket.value)

const leftOf = (claims: Claims.Service) =>
  Effect.map(
    claims.claim(appId, "resend", Duration.zero),
    (answer) => answer._tag === "Taken" ? Duration.toSeconds(answer.left) : 0
  )

const test = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, withQuickClock, Effect.provide(Logger.minimumLogLevel(LogLevel.None)))

describe("a store that does not answer", () => {
  it.effect("keeps no caller for longer than waitFor, and is asked again by the next one", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* make
      let isHung = true
      const { get } = yield* start({
        claims,
        store: {
          ...store,
          get: (id) => Effect.suspend(() => isHung ? Effect.never : store.get(id)),
          changes: () => Stream.never
        }
      })
      const first = yield* Effect.fork(get)
      yield* pass("149 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(first)))
      yield* pass("1 second")
      assert.strictEqual((yield* Effect.flip(Fiber.join(first)))._tag, "TicketTimeout")
      isHung = false
      yield* put(store, "a ticket")
      assert.strictEqual(valueOf(yield* get), "a ticket")
    }).pipe(test))

  it.effect("does not keep the platform from being asked, nor a pushed ticket from its callers", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* make
      const { get, resends } = yield* start({ claims, store: { ...store, get: () => Effect.never } })
      const fiber = yield* Effect.fork(get)
      yield* pass("6 seconds")
      assert.strictEqual(resends(), 1)
      yield* put(store, "a ticket")
      yield* pass("1 second")
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "a ticket")
    }).pipe(test))
})

it.effect("a resend that fails before it is sent fails the callers once, and is not tried without end", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    let claimed = 0
    const { get } = yield* start({
      store,
      claims: { ...claims, claim: (...args) => Effect.suspend(() => (claimed++, claims.claim(...args))) },
      app: FeishuApp.layer({
        appId,
        appSecret: Scripted.appSecret,
        transformClient: () => {
          throw new Error("a bug of the program")
        }
      })
    })
    const exit = yield* Effect.exit(get)
    assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.dieOption(exit.cause)))
    assert.strictEqual(claimed, 1)
  }).pipe(test))

describe("a push counts as that of the resend", () => {
  it.effect("though renewing the claim takes time and nobody waits any longer", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* make
      const { get } = yield* start({
        store,
        claims: { ...claims, renew: (...args) => Effect.delay(claims.renew(...args), "100 millis") }
      })
      const fiber = yield* Effect.fork(get)
      yield* pass("5 seconds")
      yield* put(store, "a ticket")
      yield* pass("1 second")
      yield* Fiber.join(fiber)
      assert.isAtMost(yield* leftOf(claims), 60)
    }).pipe(test))
})

it.effect("refresh takes the ticket that comes while it looks at the store", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    yield* put(store, "old")
    const { refresh, resends } = yield* start({
      claims,
      store: { ...store, get: (id) => Effect.delay(store.get(id), "1 second") }
    })
    const first = yield* Effect.fork(refresh)
    yield* pass("5 seconds")
    const second = yield* Effect.fork(refresh)
    yield* pass("500 millis")
    yield* put(store, "new")
    yield* pass("5 seconds")
    assert.deepStrictEqual((yield* Effect.forEach([first, second], Fiber.join)).map(valueOf), ["new", "new"])
    assert.strictEqual(resends(), 1)
  }).pipe(test))

it.effect("a wait of no time at all fails with a TicketTimeout", () =>
  Effect.gen(function*() {
    const { get } = yield* start({ ...yield* make, options: { waitFor: 0 } })
    const fiber = yield* Effect.fork(Effect.flip(get))
    yield* pass("1 second")
    assert.strictEqual((yield* Fiber.join(fiber))._tag, "TicketTimeout")
  }).pipe(test))

describe("a ticket that arrives in another memory store of the process", () => {
  const make = (options: AppTicket.Options = { waitFor: "10 seconds" }) =>
    Effect.flatMap(
      Effect.all({ store: TicketStore.makeMemory(), claims: Claims.makeMemory() }),
      (stores) => Effect.map(start({ ...stores, options }), (service) => ({ ...service, store: stores.store }))
    )

  const timeoutOf = (error: AppTicket.TicketError) =>
    error._tag === "TicketTimeout" ? error : assert.fail(`not a timeout: ${error}`)

  it.effect("is named by the TicketTimeout", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* make(), yield* make()]
      const fiber = yield* Effect.fork(Effect.flip(one.get))
      yield* pass("5 seconds")
      yield* put(other.store, "elsewhere")
      yield* pass("5 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude(error, { _tag: "TicketTimeout", isElsewhere: true })
      assert.match(error.message, /one has arrived in another memory store .* one ManagedRuntime/)
    }).pipe(test))

  it.effect("is not named if it arrived before the wait, or is in the same store", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* make(), yield* make()]
      yield* put(other.store, "elsewhere")
      yield* pass("1 second")
      yield* put(one.store, "here")
      const refreshing = yield* Effect.fork(Effect.flip(one.refresh))
      yield* pass("10 seconds")
      assert.isUndefined(timeoutOf(yield* Fiber.join(refreshing)).isElsewhere)
      yield* put(other.store, "elsewhere")
      yield* pass("11 seconds")
      const again = yield* Effect.fork(Effect.flip(one.refresh))
      yield* pass("10 seconds")
      assert.isUndefined(timeoutOf(yield* Fiber.join(again)).isElsewhere)
    }).pipe(test))
})

it.effect("a store that does not answer blocks no longer than a waitFor of 1 s", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    const { get } = yield* start({
      claims,
      options: { waitFor: "1 second" },
      store: { ...store, get: () => Effect.never }
    })
    const fiber = yield* Effect.fork(get)
    yield* pass("2 seconds")
    assert.isTrue(Option.isSome(yield* Fiber.poll(fiber)))
  }).pipe(test))

it.effect("one refresh takes the ticket that comes while it looks", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    yield* put(store, "old")
    const { get, refresh } = yield* start({
      claims,
      store: { ...store, get: (id) => Effect.delay(store.get(id), "1 second") }
    })
    const g = yield* Effect.fork(get)
    yield* pass("5 seconds")
    assert.strictEqual(valueOf(yield* Fiber.join(g)), "old")
    const first = yield* Effect.fork(refresh)
    yield* pass("500 millis")
    yield* put(store, "new")
    yield* pass("5 seconds")
    assert.isTrue(Option.isSome(yield* Fiber.poll(first)))
  }).pipe(test))

it.effect("a request is not linked to a resend that failed before", () =>
  Effect.gen(function*() {
    const { spans, tracer } = yield* recorder
    const { claims, store } = yield* make
    yield* Effect.gen(function*() {
      const { get } = yield* start({ claims, store, steps: [Scripted.refused(10003), Scripted.ok] })
      const first = yield* Effect.fork(Effect.exit(get))
      yield* pass("5 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      yield* pass("2 hours")
      const second = yield* Effect.fork(get)
      yield* pass("5 seconds")
      yield* put(store, "new")
      yield* pass("5 seconds")
      yield* Fiber.join(second)
    }).pipe(Effect.withTracer(tracer))
    const gets = spans.filter((s) => s.name === "AppTicket.get")
    const fetches = spans.filter((s) => s.name === "AppTicket.fetch")
    assert.strictEqual(fetches.length, 2)
    const linked = (gets[1]?.links ?? []).map(({ span }) => fetches.findIndex((f) => f.spanId === span.spanId)).filter((
      i
    ) => i >= 0)
    assert.deepStrictEqual(linked, [1])
  }).pipe(test))

it.effect("a valid ticket is returned at once in an uninterruptible region while the store hangs", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    yield* put(store, "a ticket")
    let isHung = false
    const { get } = yield* start({
      claims,
      store: { ...store, get: (id) => Effect.suspend(() => isHung ? Effect.never : store.get(id)) }
    })
    yield* get
    yield* pass("2 hours")
    isHung = true
    const f = yield* Effect.fork(Effect.uninterruptible(get))
    yield* pass("1 second")
    assert.isTrue(Option.isSome(yield* Fiber.poll(f)))
  }).pipe(test))

it.effect("a push that comes when nobody waits counts as that of the resend", () =>
  Effect.gen(function*() {
    const { claims, store } = yield* make
    const { get, invalidate, resends } = yield* start({ claims, store })
    const f = yield* Effect.fork(get)
    yield* pass("5 seconds")
    assert.strictEqual(resends(), 1)
    yield* Fiber.interrupt(f)
    yield* pass("5 seconds")
    yield* put(store, "a ticket")
    yield* pass("5 seconds")
    yield* invalidate(yield* get)
    const g = yield* Effect.fork(get)
    yield* pass("60 seconds")
    assert.strictEqual(resends(), 2)
    yield* Fiber.interrupt(g)
  }).pipe(test))
