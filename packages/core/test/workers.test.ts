/**
 * Cloudflare Workers as Node can show them: a request that has ended is a fiber whose work never ends. workerd itself is in
 * `.ci/runtimes/workers.mjs`.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import {
  Context,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  ManagedRuntime,
  Option,
  Redacted,
  Runtime,
  type Scope
} from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as BackgroundTasks from "../src/BackgroundTasks.js"
import * as Claims from "../src/Claims.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as EventWebHandler from "../src/EventWebHandler.js"
import * as FeishuClient from "../src/FeishuClient.js"
import { makeFork, makeSingle } from "../src/internal/background.js"
import * as Span from "../src/internal/span.js"
import * as Lease from "../src/internal/token/lease.js"
import * as Moment from "../src/internal/token/moment.js"
import * as RenewingCache from "../src/internal/token/renewingCache.js"
import * as SharedRuntime from "../src/internal/webhook/sharedRuntime.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import * as TokenStore from "../src/TokenStore.js"
import * as Deliveries from "./deliveries.js"
import { kvsError, makeKvsFor } from "./keyValues.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

beforeAll(() => {
  vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
})
afterAll(() => {
  vi.unstubAllGlobals()
})

const test = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, withQuickClock, Effect.provide(Logger.minimumLogLevel(LogLevel.None)))

const isWaiting = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

describe("work that runs once elsewhere", () => {
  it.effect("runs for each request, so that none waits for one that has ended", () =>
    Effect.gen(function*() {
      let runs = 0
      const single = makeSingle(
        yield* makeFork<never>(),
        Effect.suspend(() => ++runs === 1 ? Effect.never : Effect.succeed(runs))
      )
      const ended = yield* Effect.fork(single.run)
      yield* pass(0)
      assert.strictEqual(yield* single.run, 2)
      assert.isTrue(yield* isWaiting(ended))
    }).pipe(test))

  it.effect("that nobody waits for elsewhere is waited for 5 s", () =>
    Effect.gen(function*() {
      const single = makeSingle(yield* makeFork<never>(), Effect.never)
      const fiber = yield* Effect.fork(single.start)
      yield* pass("4999 millis")
      assert.isTrue(yield* isWaiting(fiber))
      yield* pass(1)
      yield* Fiber.join(fiber)
    }).pipe(test))
})

describe("a value that is fetched", () => {
  /** Values that are renewed 10 minutes after the fetch, and expire after an hour. */
  const makeCache = (steps: ReadonlyArray<Effect.Effect<string, string>>) =>
    Effect.gen(function*() {
      let fetches = 0
      const { get } = RenewingCache.make<string, string, string, never>({
        capacity: 10,
        fork: yield* makeFork<never>(),
        fetch: () =>
          Effect.gen(function*() {
            const value = yield* steps[fetches++] ?? Effect.dieMessage("no more steps")
            const now = Moment.now(yield* Effect.clock)
            return { value, renewAt: Moment.later(now, 600_000), expiresAt: Moment.later(now, 3_600_000) }
          }),
        spanOf: () => Span.none,
        withWaitSpan: () => (wait) => wait,
        onRenewalFailed: () => Effect.void,
        askedWait: () => undefined
      })
      return { get: get("a"), fetches: () => fetches }
    })

  it.effect("is fetched by the next request if the request that fetches has ended", () =>
    Effect.gen(function*() {
      const { get } = yield* makeCache([Effect.never, Effect.succeed("a value")])
      const ended = yield* Effect.fork(get)
      yield* pass(0)
      assert.strictEqual(yield* get, "a value")
      assert.isTrue(yield* isWaiting(ended))
    }).pipe(test))

  it.effect("is renewed by one request while others use the value", () =>
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache([
        Effect.succeed("old"),
        Effect.delay(Effect.succeed("new"), "1 second")
      ])
      yield* get
      yield* pass("10 minutes")
      const renewing = yield* Effect.fork(get)
      yield* pass(0)
      assert.strictEqual(yield* get, "old")
      yield* pass("1 second")
      assert.strictEqual(yield* Fiber.join(renewing), "new")
      assert.strictEqual(yield* get, "new")
      assert.strictEqual(fetches(), 2)
    }).pipe(test))

  it.effect("stays in use if the renewal fails, takes longer than 5 s, or has ended with its request", () =>
    Effect.gen(function*() {
      const { fetches, get } = yield* makeCache([
        Effect.succeed("old"),
        Effect.fail("refused"),
        Effect.never,
        Effect.succeed("new")
      ])
      yield* get
      yield* pass("10 minutes")
      assert.strictEqual(yield* get, "old")
      yield* pass("15 seconds")
      const late = yield* Effect.fork(get)
      yield* pass("5 seconds")
      assert.strictEqual(yield* Fiber.join(late), "old")
      assert.strictEqual(yield* get, "old")
      assert.strictEqual(fetches(), 3)
      yield* pass("10 seconds")
      assert.strictEqual(yield* get, "new")
    }).pipe(test))
})

it.effect("a request takes over a fetch 2 s after the request that fetched has ended", () =>
  Effect.gen(function*() {
    const lease = Lease.make({ appId: "cli_test", claims: yield* Claims.makeMemory() })
    // A clock of its own, which stands still, because the timers of a request end with the request.
    yield* Effect.fork(withQuickClock(lease.once("a name", { look: Effect.succeedNone, fetch: Effect.never })))
    const lasting = yield* Effect.fork(
      lease.once("another name", {
        look: Effect.succeedNone,
        fetch: Effect.delay(Effect.succeed("first"), "10 seconds")
      })
    )
    yield* pass(0)
    const others = yield* Effect.forEach(
      ["a name", "another name"],
      (name) => Effect.fork(lease.once(name, { look: Effect.succeedNone, fetch: Effect.succeed("second") }))
    )
    yield* pass("1999 millis")
    for (const other of others) assert.isTrue(yield* isWaiting(other))
    yield* pass("1 millis")
    assert.deepStrictEqual(yield* Effect.forEach(others, isWaiting), [false, true])
    yield* pass("8 seconds")
    assert.strictEqual(yield* Fiber.join(lasting), "first")
  }).pipe(test))

describe("AppTicket", () => {
  const start = (store: TicketStore.Service, options?: AppTicket.Options, ...steps: ReadonlyArray<Scripted.Step>) =>
    Effect.gen(function*() {
      const script = Scripted.make(...steps.length === 0 ? [Scripted.ok] : steps)
      const context = yield* Layer.build(
        AppTicket.layer(options).pipe(Layer.provide(Layer.mergeAll(
          Scripted.app,
          Layer.succeed(HttpClient.HttpClient, script.client),
          Layer.succeed(TicketStore.TicketStore, store),
          Layer.effect(Claims.Claims, Claims.makeMemory()),
          Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)
        )))
      )
      return { ...Context.get(context, AppTicket.AppTicket), resends: () => script.seen.length }
    })

  const put = (store: TicketStore.Service, value: string) =>
    Effect.flatMap(DateTime.now, (sentAt) => store.put("cli_test", { value: Redacted.make(value), sentAt }))

  const valueOf = (ticket: TicketStore.Ticket) => Redacted.value(ticket.value)

  describe("over a store in memory", () => {
    it.effect("fails as soon as the platform has accepted the resend, and has the ticket after the push", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore.makeMemory()
        const { get, resends } = yield* start(store, undefined, Scripted.after("1 second", Scripted.ok))
        const first = yield* Effect.fork(Effect.flip(get))
        yield* pass("1 second")
        const error = yield* Fiber.join(first)
        assert.deepInclude(error, { _tag: "TicketTimeout", waited: Duration.seconds(1), needsSharedStore: true })
        assert.match(
          error.message,
          /in the memory of this isolate.* has been asked for a push: call again soon.*WORKERS.md/
        )
        const second = yield* Effect.flip(get)
        assert.deepInclude(second, { waited: Duration.zero, needsSharedStore: true })
        yield* put(store, "pushed")
        assert.strictEqual(valueOf(yield* get), "pushed")
        assert.strictEqual(resends(), 1)
      }).pipe(test))

    it.effect("returns a ticket whose push overtakes the answer to the resend", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore.makeMemory()
        const { get } = yield* start(
          store,
          undefined,
          (request) => Effect.andThen(Effect.orDie(put(store, "pushed")), Scripted.ok(request))
        )
        assert.strictEqual(valueOf(yield* get), "pushed")
      }).pipe(test))

    it.effect("fails with the refusal of the resend, and says afterwards when the next resend follows", () =>
      Effect.gen(function*() {
        const { get } = yield* start(yield* TicketStore.makeMemory(), undefined, Scripted.refused(10003))
        assert.strictEqual((yield* Effect.flip(get))._tag, "FeishuApiError")
        yield* pass("10 seconds")
        const error = yield* Effect.flip(get)
        assert.deepInclude(error, { _tag: "TicketTimeout", nextResendIn: Duration.seconds(50), needsSharedStore: true })
        assert.include(error.message, "the next resend can follow in 50s")
      }).pipe(test))

    it.effect("returns a valid ticket that is not fresh, and asks for the next one without waiting for the push", () =>
      Effect.gen(function*() {
        const store = yield* TicketStore.makeMemory()
        const { get, refresh, resends } = yield* start(store)
        yield* put(store, "old")
        yield* pass("76 minutes")
        assert.strictEqual(valueOf(yield* get), "old")
        assert.strictEqual(resends(), 1)
        assert.strictEqual(valueOf(yield* get), "old")
        assert.deepInclude(yield* Effect.flip(refresh), { _tag: "TicketTimeout", needsSharedStore: true })
        assert.strictEqual(resends(), 1)
      }).pipe(test))
  })

  describe("over a store that isolates share", () => {
    it.effect("waits for a ticket that another isolate stores, with one resend for all requests", () =>
      Effect.gen(function*() {
        const { store } = makeKvsFor(TicketStore.makeKeyValueStore)
        const [ofThis, ofOther] = [yield* store(), yield* store()]
        const { get, resends } = yield* start(ofThis)
        const fibers = yield* Effect.all(Effect.replicate(Effect.fork(get), 4))
        yield* pass("30 seconds")
        for (const fiber of fibers) assert.isTrue(yield* isWaiting(fiber))
        yield* put(ofOther, "pushed elsewhere")
        yield* pass("5 seconds")
        for (const fiber of fibers) assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "pushed elsewhere")
        assert.strictEqual(resends(), 1)
      }).pipe(test))

    it.effect("goes on to look at a store that fails, and waits for `waitFor` at most", () =>
      Effect.gen(function*() {
        const { before, store } = makeKvsFor(TicketStore.makeKeyValueStore)
        const tickets = yield* store()
        const { get } = yield* start(tickets, { waitFor: "10 seconds" })
        const [first, second] = [yield* Effect.fork(Effect.flip(get)), yield* Effect.fork(get)]
        yield* pass("1 second")
        before.get = () => kvsError("KV is away")
        yield* pass("9 seconds")
        const error = yield* Fiber.join(first)
        assert.deepInclude(error, { _tag: "TicketTimeout", waited: Duration.seconds(10) })
        assert.isFalse(yield* isWaiting(second))
      }).pipe(test))

    it.effect("fails if the platform refuses the resend", () =>
      Effect.gen(function*() {
        const { store } = makeKvsFor(TicketStore.makeKeyValueStore)
        const { get } = yield* start(yield* store(), undefined, Scripted.refused(10003))
        assert.strictEqual((yield* Effect.flip(get))._tag, "FeishuApiError")
      }).pipe(test))
  })
})

it.effect("the layers are built without waiting, so that requests can share a ManagedRuntime", () =>
  Effect.sync(() => {
    const stores = [
      Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory),
      Layer.merge(TicketStore.layerKeyValueStore(), TokenStore.layerKeyValueStore()).pipe(
        Layer.provide(KeyValueStore.layerMemory)
      )
    ]
    for (const store of stores) {
      const runtime = ManagedRuntime.make(
        Layer.merge(AccessToken.layer().pipe(Layer.provide(AppTicket.layer())), EventSubscription.layer()).pipe(
          Layer.provide(Layer.mergeAll(Deliveries.app(), FeishuClient.layerFetch, store))
        )
      )
      runtime.runSync(Effect.all([AccessToken.AccessToken, EventSubscription.EventSubscription]))
    }
  }))

it.effect("an operation of a KeyValueStore waits 1 s for one that has ended with its request", () =>
  Effect.gen(function*() {
    const { before, store } = makeKvsFor(TicketStore.makeKeyValueStore)
    const tickets = yield* store()
    before.get = () => Effect.never
    const ended = yield* Effect.fork(Effect.flip(tickets.get("cli_test")))
    yield* pass(0)
    delete before.get
    const next = yield* Effect.all(Effect.replicate(Effect.fork(tickets.get("cli_test")), 3))
    yield* pass("999 millis")
    for (const fiber of next) assert.isTrue(yield* isWaiting(fiber))
    yield* pass("1 millis")
    for (const fiber of next) assert.isTrue(Option.isNone(yield* Fiber.join(fiber)))
    assert.isTrue(yield* isWaiting(ended))
  }).pipe(test))

describe("EventWebHandler", () => {
  const requestOf = ({ body }: EventSubscription.Delivery) =>
    new Request("https://example.com/webhook", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Uint8Array(body)
    })
  const push = () => requestOf(Deliveries.plain(Deliveries.event2()))
  const Events = EventSubscription.layer().pipe(
    Layer.provide([TicketStore.layerMemory, Deliveries.plainApp, Logger.minimumLogLevel(LogLevel.None)])
  )
  const builtAs = (builds: ReadonlyArray<Effect.Effect<void, string>>) => {
    let count = 0
    const layer = Layer.unwrapEffect(Effect.as(Effect.suspend(() => builds[count++] ?? Effect.void), Events))
    return { count: () => count, layer }
  }
  const statusesOf = (responses: ReadonlyArray<Response>) => responses.map(({ status }) => status)

  it.live.each(["layer", "runtime"])("builds a %s once for all requests", (form) =>
    Effect.promise(async () => {
      const { count, layer } = builtAs([Effect.sleep("100 millis")])
      const { handler, runtime } = EventWebHandler.make(form === "layer" ? layer : ManagedRuntime.make(layer))
      const [built, ...responses] = await Promise.all([runtime(), handler(push()), handler(push()), handler(push())])
      assert.deepStrictEqual(statusesOf(responses), [200, 200, 200])
      assert.strictEqual(await runtime(), built)
      const found = await Runtime.runPromise(built)(EventSubscription.EventSubscription)
      assert.strictEqual(found, Context.get(built.context, EventSubscription.EventSubscription))
      assert.strictEqual(count(), 1)
    }))

  it.live("builds a layer again if the layer could not be built", () =>
    Effect.promise(async () => {
      const { count, layer } = builtAs([Effect.fail("the database is away"), Effect.void])
      const { handler } = EventWebHandler.make(layer)
      assert.deepStrictEqual(statusesOf(await Promise.all([handler(push()), handler(push())])), [503, 200])
      assert.strictEqual(count(), 2)
    }))

  it.live("builds a layer again if the request that built the layer has ended", () =>
    Effect.promise(async () => {
      let builds = 0
      const build = SharedRuntime.make(() => ++builds === 1 ? new Promise<never>(() => {}) : built, "100 millis")
      const built = Promise.resolve(Runtime.defaultRuntime)
      const results = await Promise.allSettled([build(), build()])
      assert.deepStrictEqual(results.map(({ status }) => status), ["rejected", "fulfilled"])
      const [tooLate] = results
      assert.match(String(tooLate.status === "rejected" && tooLate.reason), /was not built within 100ms.*waitUntil/)
    }))
})

describe("a background task", () => {
  const make = Effect.provide(BackgroundTasks.make({ capacity: 2, concurrency: 1 }), Deliveries.app())

  it.effect("is refused if the request has come without its context, because the task would end with the request", () =>
    Effect.gen(function*() {
      const { add } = yield* make
      const error = yield* Effect.flip(add(Effect.void))
      assert.strictEqual(error._tag === "BackgroundTasksError" && error.reason, "NoWaitUntil")
      assert.include(error.message, "handler(request, context)")
      assert.include(error.message, "handleApp(request, appId, findApp, context)")
    }).pipe(test))

  it.live("of handle and handleApp is kept alive by the context, as is the scope of findApp", () =>
    Effect.gen(function*() {
      const subscription = yield* EventSubscription.make({
        handlers: [EventHandler.all(() => BackgroundTasks.add(Effect.void))]
      }).pipe(Effect.provide([TicketStore.layerMemory, Deliveries.plainApp]))
      const request = (id: string) =>
        new Request("https://example.com/webhook", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: new Uint8Array(Deliveries.plain(Deliveries.event2({ id })).body)
        })
      const promises: Array<Promise<unknown>> = []
      const context = { waitUntil: (promise: Promise<unknown>) => void promises.push(promise) }
      let isClosed = false
      const findApp = () =>
        Effect.acquireRelease(
          Effect.succeedSome(subscription),
          () => Effect.delay(Effect.sync(() => void (isClosed = true)), "50 millis")
        )
      const handled = yield* Effect.provideService(
        EventWebHandler.handle(request("1"), context),
        EventSubscription.EventSubscription,
        subscription
      )
      assert.strictEqual(handled.status, 200)
      assert.strictEqual(promises.length, 1)
      assert.strictEqual((yield* EventWebHandler.handleApp(request("2"), "cli_test", findApp, context)).status, 200)
      assert.strictEqual(promises.length, 3)
      assert.isFalse(isClosed)
      yield* Effect.promise(() => Promise.all(promises))
      assert.isTrue(isClosed)
      assert.strictEqual((yield* EventWebHandler.handleApp(request("3"), "cli_test", findApp)).status, 500)
    }).pipe(Effect.scoped, Effect.provide(Logger.minimumLogLevel(LogLevel.None))))

  it.effect("that was cut off with its request takes no place of another task", () =>
    Effect.gen(function*() {
      const { add } = yield* make
      const cutOff = yield* Effect.exit(Effect.forEach([1, 2, 3], () => add(Effect.never)))
      let runs = 0
      const added = yield* Effect.exit(add(Effect.sync(() => runs++)))
      yield* pass(0)
      assert.deepStrictEqual([cutOff._tag, added._tag, runs], ["Success", "Success", 1])
    }).pipe(Effect.provideService(BackgroundTasks.WaitUntil, () => {}), test))
})
