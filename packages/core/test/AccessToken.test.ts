import { Emulator, EmulatorTest, Fault, Journal } from "@effect-feishu/emulator"
import * as PlatformError from "@effect/platform/Error"
import * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  DateTime,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  HashSet,
  Layer,
  Logger,
  LogLevel,
  Metric,
  type MetricState,
  Option,
  Random,
  Redacted,
  Ref,
  Schema,
  Scope,
  Stream,
  TestClock,
  type Tracer
} from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TokenStore from "../src/TokenStore.js"
import { everything } from "./everything.js"
import { movableClock } from "./movableClock.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const seconds = (n: number) => n * 1000
const minutes = (n: number) => n * 60_000

const paths = {
  resend: "/open-apis/auth/v3/app_ticket/resend",
  app: "/open-apis/auth/v3/app_access_token",
  tenant: "/open-apis/auth/v3/tenant_access_token"
}

const valueOf = (token: AccessToken.Token) => Redacted.value(token.value)

const isWaiting = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

/** What goes on in the background and needs no time goes on to its end. */
const settle = TestClock.adjust(0)

const keys = (count: number) => Array.from({ length: count }, (_, index) => `tenant_${index}`)

const unbounded = { concurrency: "unbounded" } as const

/** The whole platform, whose push follows a resend after a second. */
const loop = (options?: EmulatorTest.TokenOptions) =>
  EmulatorTest.layerToken({ pushDelay: "1 second", ...options }).pipe(
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
  )

const calls = Effect.map(
  Effect.flatMap(Emulator.Emulator, ({ journal }) => journal),
  (entries) => entries.filter(Journal.$is("Call"))
)

/** How often each call was made. */
const counts = Effect.map(calls, (calls) => {
  const count = (path: string) => calls.filter((call) => call.path === path).length
  return { resend: count(paths.resend), app: count(paths.app), tenant: count(paths.tenant) }
})

/** With time for a push. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust("2 seconds")
    return yield* Fiber.join(fiber)
  })

const fields = { app: "app_access_token", tenant: "tenant_access_token" } as const

const issued = (token: keyof typeof fields, value: unknown, expire: unknown = 7200): Scripted.Step =>
  Scripted.json({ code: 0, msg: "success", [fields[token]]: value, expire })

/** Another token at each call: `app-1`, `app-2`, … */
const numbered = (token: keyof typeof fields, expire = 7200): Scripted.Step => {
  let number = 0
  return (request) => issued(token, `${token}-${++number}`, expire)(request)
}

const decodeBody = Schema.decodeSync(
  Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)

const bodyOf = ({ request: { body } }: Scripted.Seen) =>
  decodeBody(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "")

/** Each ticket is good until it is invalidated, and then there is the next. */
const makeTickets = () => {
  const invalidated: Array<string> = []
  const get = Effect.sync(() => ({
    value: Redacted.make(`ticket-${invalidated.length + 1}`),
    sentAt: DateTime.unsafeMake(0)
  }))
  const service: AppTicket.Service = {
    get,
    refresh: get,
    invalidate: ({ value }) => Effect.sync(() => void invalidated.push(Redacted.value(value))),
    changes: Stream.empty
  }
  return { invalidated, service }
}

interface Script {
  readonly app?: ReadonlyArray<Scripted.Step>
  readonly tenant?: ReadonlyArray<Scripted.Step>
  readonly token?: AccessToken.Options
  readonly store?: TokenStore.Service
  readonly tickets?: AppTicket.Service
  readonly feishuApp?: typeof Scripted.app
}

/** The platform plays a script for each of its two calls, and nothing is tried again. */
const scripted = (script: Script = {}) => {
  const app = Scripted.make(...script.app ?? [numbered("app")])
  const tenant = Scripted.make(...script.tenant ?? [numbered("tenant")])
  const client = HttpClient.make((request) =>
    (request.url.includes("tenant_access_token") ? tenant : app).client.execute(request)
  )
  const store = script.store === undefined
    ? TokenStore.layerMemory
    : Layer.succeed(TokenStore.TokenStore, script.store)
  const base = Layer.mergeAll(
    script.feishuApp ?? Scripted.app,
    Layer.succeed(HttpClient.HttpClient, client),
    Layer.succeed(AppTicket.AppTicket, script.tickets ?? makeTickets().service),
    store
  )
  return {
    app,
    tenant,
    base,
    layer: AccessToken.layer(script.token).pipe(
      Layer.provide(base),
      Layer.provide(Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)),
      Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
    )
  }
}

const noToken: TokenStore.Service = {
  get: () => Effect.succeedNone,
  put: () => Effect.void,
  drop: () => Effect.void
}

/** A clock whose times can be moved. Sleeps end when the `TestClock` says so. */
const movable = Effect.zipWith(Effect.clock, movableClock, (test, { clock, moveMonotonic, moveSystem }) => ({
  clock,
  settle: Effect.withClock(settle, test),
  /** Sets the system's clock, and lets no time pass. */
  setSystem: moveSystem,
  pass: (by: number) => {
    moveSystem(by)
    moveMonotonic(by)
  }
}))

const yieldOften = Effect.repeatN(Effect.yieldNow(), 30)

/** Somebody uses a token every so often, beginning now, and what is thereby begun has its turn. */
const steadily = (
  pass: (by: number) => void,
  { every, times, use }: {
    readonly every: number
    readonly times: number
    readonly use: Effect.Effect<unknown, AccessToken.AccessTokenError, AccessToken.AccessToken>
  }
) =>
  Effect.gen(function*() {
    for (let i = 0; i < times; i++) {
      yield* use
      yield* yieldOften
      pass(every)
    }
  })

describe("a store app", () => {
  it.effect("gets its own token and that of a tenant", () =>
    Effect.gen(function*() {
      const [app, tenant] = yield* inTime(Effect.all([AccessToken.app, AccessToken.tenant("tenant_1")], unbounded))
      assert.match(valueOf(app), /^a-\w+$/)
      assert.match(valueOf(tenant), /^t-\w+$/)
      assert.strictEqual(Option.getOrNull(app.tenantKey), null)
      assert.strictEqual(Option.getOrNull(tenant.tenantKey), "tenant_1")
      for (const { expiresAt } of [app, tenant]) {
        assert.strictEqual(
          DateTime.toEpochMillis(expiresAt),
          seconds(7201),
          "from its call on, after the ticket's wait"
        )
      }
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 1 })
    }).pipe(Effect.provide(loop())))

  it.effect("has them from memory for 95 minutes, without a call", () =>
    Effect.gen(function*() {
      const both = Effect.all([AccessToken.app, AccessToken.tenant("tenant_1")])
      const first = yield* inTime(both)
      for (let i = 0; i < 19; i++) {
        assert.deepStrictEqual((yield* both).map(valueOf), first.map(valueOf))
        yield* TestClock.adjust(minutes(5) - 200)
      }
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 1 })
    }).pipe(Effect.provide(loop())))

  it.effect("sends what the platform wants, and reads what it says", () => {
    const { app, layer, tenant } = scripted()
    return Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      const token = yield* AccessToken.tenant("tenant_1")
      assert.strictEqual(valueOf(token), "tenant-1")
      assert.strictEqual(DateTime.toEpochMillis(token.expiresAt), minutes(180))
      assert.strictEqual(valueOf(yield* AccessToken.app), "app-1")
      assert.deepStrictEqual(app.seen.map(bodyOf), [
        { app_id: "cli_test", app_secret: Redacted.value(Scripted.appSecret), app_ticket: "ticket-1" }
      ])
      assert.deepStrictEqual(tenant.seen.map(bodyOf), [{ app_access_token: "app-1", tenant_key: "tenant_1" }])
    }).pipe(Effect.provide(layer))
  })

  it.effect("has nothing of one tenant for another", () => {
    const { layer, tenant } = scripted()
    return Effect.gen(function*() {
      const names = ["a", "b", "", "A", "__proto__", "密"]
      const tokens = yield* Effect.forEach([...names, ...names], AccessToken.tenant)
      assert.deepStrictEqual(
        tokens.slice(0, names.length).map(({ tenantKey }) => tenantKey),
        names.map((name) => Option.some(name))
      )
      assert.strictEqual(new Set(tokens.map(valueOf)).size, names.length)
      assert.deepStrictEqual(tokens.slice(names.length).map(valueOf), tokens.slice(0, names.length).map(valueOf))
      assert.deepStrictEqual(tenant.seen.map((seen) => bodyOf(seen)["tenant_key"]), names)
    }).pipe(Effect.provide(layer))
  })
})

describe("a cold start", () => {
  it.live("of 10,000 fibers costs one resend and one call for each token", () =>
    Effect.gen(function*() {
      const tokens = yield* Effect.all(Effect.replicate(AccessToken.tenant("tenant_1"), 10_000), unbounded)
      assert.strictEqual(tokens.length, 10_000)
      assert.strictEqual(new Set(tokens.map(valueOf)).size, 1)
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 1 })
    }).pipe(Effect.provide(loop({ pushDelay: "50 millis" }))))

  it.live("of 500 tenants costs one resend, one app token and 500 calls", () =>
    Effect.gen(function*() {
      const tokens = yield* Effect.forEach(keys(500), AccessToken.tenant, unbounded)
      assert.strictEqual(new Set(tokens.map(valueOf)).size, 500)
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 500 })
    }).pipe(Effect.provide(loop({ pushDelay: "50 millis", app: { tenants: keys(500) } }))))

  it.effect("of more tenants than fit into memory costs one call for each, too", () => {
    const { app, layer, tenant } = scripted({
      token: { maxTenants: 2 },
      tenant: [Scripted.after("1 second", numbered("tenant"))],
      store: noToken
    })
    return Effect.gen(function*() {
      const tenKeys = Array.from({ length: 10 }, () => keys(5)).flat()
      yield* inTime(Effect.forEach(tenKeys, AccessToken.tenant, unbounded))
      assert.strictEqual(app.seen.length, 1)
      assert.strictEqual(tenant.seen.length, 5)
    }).pipe(Effect.provide(layer))
  })

  it.effect("after an idle time, when the token has expired, costs one call for all", () => {
    const { layer, tenant } = scripted({
      tenant: [issued("tenant", "old"), Scripted.after("1 second", numbered("tenant"))]
    })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust("5 hours")
      const tokens = yield* inTime(Effect.all(Effect.replicate(AccessToken.tenant("a"), 100), unbounded))
      assert.deepStrictEqual(new Set(tokens.map(valueOf)), new Set(["tenant-1"]))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })
})

describe("interruption", () => {
  it.effect.each([0, 1, 49, 99])("of caller %i of 100 harms no other", (index) =>
    Effect.gen(function*() {
      const fibers = yield* Effect.replicateEffect(Effect.fork(AccessToken.tenant("tenant_1")), 100)
      const gone = fibers[index] ?? assert.fail()
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(gone)
      yield* TestClock.adjust("2 seconds")
      const tokens = yield* Effect.forEach(fibers.filter((fiber) => fiber !== gone), Fiber.join)
      assert.strictEqual(new Set(tokens.map(valueOf)).size, 1)
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 1 })
    }).pipe(Effect.provide(loop())))

  it.effect("of all callers ends no call, and the next one needs no other", () => {
    const { app, layer, tenant } = scripted({
      app: [Scripted.after("5 seconds", numbered("app"))],
      tenant: [Scripted.after("5 seconds", numbered("tenant"))]
    })
    return Effect.gen(function*() {
      const fibers = yield* Effect.replicateEffect(Effect.fork(AccessToken.tenant("a")), 10)
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.interruptAll(fibers)
      const next = yield* Effect.fork(AccessToken.tenant("a"))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(next)), "tenant-1")
      assert.strictEqual(app.seen.length, 1)
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("of the one who asked for a tenant's token harms no one who asked for the app's", () => {
    const { app, layer } = scripted({ app: [Scripted.after("5 seconds", numbered("app"))] })
    return Effect.gen(function*() {
      const tenant = yield* Effect.fork(AccessToken.tenant("a"))
      yield* TestClock.adjust("1 second")
      const waiting = yield* Effect.fork(AccessToken.app)
      yield* Fiber.interrupt(tenant)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(waiting)), "app-1")
      assert.strictEqual(app.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("of whoever began a renewal does not end it", () => {
    const { layer, tenant } = scripted({
      tenant: [issued("tenant", "old"), Scripted.after("5 seconds", issued("tenant", "new"))]
    })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust("100 minutes")
      const fiber = yield* Effect.fork(Effect.zipRight(AccessToken.tenant("a"), Effect.never))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "new")
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })
})

describe("in its last minutes a token", () => {
  it.effect("is handed out at once while one new one is fetched", () => {
    const { app, layer, tenant } = scripted({
      app: [issued("app", "oldapp"), Scripted.after("5 seconds", issued("app", "newapp"))],
      tenant: [issued("tenant", "old"), Scripted.after("5 seconds", issued("tenant", "new"))]
    })
    const both = Effect.all([AccessToken.app, AccessToken.tenant("a")])
    return Effect.gen(function*() {
      yield* both
      yield* TestClock.adjust("100 minutes")
      for (let second = 0; second < 5; second++) {
        for (const pair of yield* Effect.all(Effect.replicate(both, 100), unbounded)) {
          assert.deepStrictEqual(pair.map(valueOf), ["oldapp", "old"])
        }
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual((yield* both).map(valueOf), ["newapp", "new"])
      yield* TestClock.adjust("94 minutes")
      yield* both
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is renewed no earlier than 25 and no later than 20 minutes before its end, each tenant's at its time", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { app, layer, tenant } = scripted()
      yield* Effect.gen(function*() {
        const tenants = keys(30)
        const use = Effect.zipRight(AccessToken.app, Effect.forEach(tenants, AccessToken.tenant))
        yield* steadily(pass, { every: minutes(1), times: 94, use })
        assert.strictEqual(tenant.seen.length, 30)
        assert.strictEqual(app.seen.length, 1)
        yield* steadily(pass, { every: seconds(1), times: 400, use })
        assert.strictEqual(app.seen.length, 2)
        assert.strictEqual(tenant.seen.length, 60)
        const renewals = [...app.seen.slice(1), ...tenant.seen.slice(30)]
        assert.deepStrictEqual(
          new Set(tenant.seen.slice(30).map((seen) => bodyOf(seen)["tenant_key"])),
          new Set(tenants)
        )
        for (const { at } of renewals) {
          assert.isAtLeast(at, minutes(95))
          assert.isAtMost(at, minutes(100))
        }
        assert.isAbove(new Set(renewals.map(({ at }) => at)).size, 15)
      }).pipe(Effect.provide(layer), Effect.withClock(clock), Effect.withRandom(Random.make("tenants")))
    }))

  it.effect.each([[0, 95], [0.5, 97.5], [1, 100]])(
    "is renewed at the minute that chance %d says: %d",
    ([chance, minute]) =>
      Effect.gen(function*() {
        const { layer, tenant } = scripted()
        yield* Effect.gen(function*() {
          yield* AccessToken.tenant("a")
          yield* TestClock.adjust(minutes(minute ?? 0) - 1)
          yield* AccessToken.tenant("a")
          yield* settle
          assert.strictEqual(tenant.seen.length, 1)
          yield* TestClock.adjust(1)
          assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-1")
          yield* settle
          assert.strictEqual(tenant.seen.length, 2)
        }).pipe(Effect.provide(layer), Effect.withRandom(Random.fixed([chance])))
      })
  )

  it.effect.each([
    [7200, 5700, 6000],
    [3600, 2100, 2400],
    [1800, 450, 600],
    [60, 15, 16]
  ])(
    "is renewed as the answer says: one that lives %d s after %d to %d s",
    ([expire = 0, first = 0, last = 0]) =>
      Effect.gen(function*() {
        const { clock, pass } = yield* movable
        const { layer, tenant } = scripted({ tenant: [numbered("tenant", expire)] })
        yield* Effect.gen(function*() {
          const use = AccessToken.tenant("a")
          yield* steadily(pass, { every: seconds(first) / 100, times: 100, use })
          assert.strictEqual(tenant.seen.length, 1)
          yield* steadily(pass, { every: seconds(1), times: last - first + 1, use })
          assert.strictEqual(tenant.seen.length, 2)
        }).pipe(Effect.provide(layer), Effect.withClock(clock))
      })
  )

  it.effect.each([
    [7200, 7020],
    [3600, 3420],
    [1800, 1620],
    [60, 45]
  ])("counts as gone where it is to be: one that lives %d s after %d s", ([expire = 0, gone = 0]) => {
    const { layer } = scripted({
      tenant: [issued("tenant", "old", expire), Scripted.after("9 seconds", issued("tenant", "new", expire))]
    })
    return Effect.gen(function*() {
      const old = yield* AccessToken.tenant("a")
      assert.strictEqual(DateTime.toEpochMillis(old.expiresAt), seconds(expire))
      yield* TestClock.adjust(seconds(gone) - 1)
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "old")
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.fork(AccessToken.tenant("a"))
      yield* settle
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "new")
    }).pipe(Effect.provide(layer))
  })

  it.effect("that lives for a minute is still of use, without a call each time", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { app, layer, tenant } = scripted({ app: [numbered("app", 60)], tenant: [numbered("tenant", 60)] })
      yield* Effect.gen(function*() {
        yield* steadily(pass, { every: 500, times: 600, use: AccessToken.tenant("a") })
        assert.isAtLeast(tenant.seen.length, 300 / 60)
        assert.isAtMost(tenant.seen.length, 300 / 15 + 1)
        assert.isAtMost(app.seen.length, 300 / 15 + 1)
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("is renewed and given up as the options say", () => {
    const { layer, tenant } = scripted({ token: { renewWithin: "10 minutes", expiryMargin: "1 minute" } })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust(minutes(110) - 1)
      yield* AccessToken.tenant("a")
      yield* settle
      assert.strictEqual(tenant.seen.length, 1)
      yield* TestClock.adjust(minutes(9))
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-1")
      yield* settle
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-2")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not renewed where nobody asks", () => {
    const { app, layer, tenant } = scripted()
    return Effect.gen(function*() {
      yield* Effect.forEach(keys(10), AccessToken.tenant)
      for (let hour = 0; hour < 24; hour++) yield* TestClock.adjust("1 hour")
      assert.strictEqual(tenant.seen.length, 10)
      assert.strictEqual(app.seen.length, 1)
      yield* AccessToken.tenant("tenant_0")
      assert.strictEqual(tenant.seen.length, 11)
      assert.strictEqual(app.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })
})

describe("a renewal that fails", () => {
  const down = Scripted.refused(1500)

  it.effect("keeps the good token to its end, and is tried again after pauses that grow", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { layer, tenant } = scripted({ tenant: [issued("tenant", "good"), down] })
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        pass(minutes(100))
        yield* steadily(pass, {
          every: seconds(1),
          times: 17 * 60,
          use: Effect.map(AccessToken.tenant("a"), (token) => assert.strictEqual(valueOf(token), "good"))
        })
        const tried = tenant.seen.slice(1).map(({ at }) => at)
        const pauses = tried.slice(1).map((at, index) => at - (tried[index] ?? 0))
        assert.isAtLeast(pauses.length, 5)
        for (const [index, pause] of pauses.entries()) {
          const bound = Math.min(300, 15 * 2 ** index)
          assert.isAtLeast(pause, seconds(bound / 2), `pause ${index}`)
          assert.isAtMost(pause, seconds(bound + 1), `pause ${index}`)
        }
        const error = yield* Effect.flip(AccessToken.tenant("a"))
        assert.deepInclude(error, { _tag: "FeishuApiError", code: 1500 })
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("is followed by one that does not, and pauses are short again", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { layer, tenant } = scripted({
        tenant: [issued("tenant", "first"), down, down, down, issued("tenant", "second"), down]
      })
      yield* Effect.gen(function*() {
        const use = AccessToken.tenant("a")
        yield* use
        pass(minutes(100))
        yield* steadily(pass, { every: seconds(1), times: 110, use })
        assert.strictEqual(tenant.seen.length, 5)
        assert.strictEqual(valueOf(yield* use), "second")
        pass(minutes(100))
        yield* steadily(pass, { every: seconds(1), times: 17, use })
        assert.isAtLeast(tenant.seen.length, 7)
        assert.strictEqual(valueOf(yield* use), "second")
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("is not tried again before the platform allows it", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { layer, tenant } = scripted({
        tenant: [issued("tenant", "old"), Scripted.rateLimited(600), issued("tenant", "new")]
      })
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        pass(minutes(100))
        yield* steadily(pass, { every: seconds(1), times: 600, use: AccessToken.tenant("a") })
        assert.strictEqual(tenant.seen.length, 2)
        yield* steadily(pass, { every: seconds(1), times: 2, use: AccessToken.tenant("a") })
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "new")
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("does not keep a token in use beyond its end, however long the platform asks to wait", () => {
    const { layer, tenant } = scripted({
      tenant: [issued("tenant", "old"), Scripted.rateLimited(3600), issued("tenant", "new")]
    })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust("116 minutes")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "old")
      yield* settle
      assert.strictEqual(tenant.seen.length, 2)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "new")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is the only one at its time", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { layer, tenant } = scripted({
        tenant: [issued("tenant", "good"), (request) => Effect.zipRight(Deferred.await(gate), down(request))]
      })
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        yield* TestClock.adjust("100 minutes")
        const users = yield* Effect.replicateEffect(
          Effect.fork(Effect.repeatN(Effect.zipLeft(AccessToken.tenant("a"), Effect.yieldNow()), 300)),
          20
        )
        yield* yieldOften
        assert.strictEqual(tenant.seen.length, 2)
        yield* Deferred.succeed(gate, undefined)
        for (const token of yield* Effect.forEach(users, Fiber.join)) assert.strictEqual(valueOf(token), "good")
        yield* settle
        assert.strictEqual(tenant.seen.length, 2)
        yield* TestClock.adjust("15 seconds")
        yield* AccessToken.tenant("a")
        yield* settle
        assert.strictEqual(tenant.seen.length, 3, "one failure, one short pause")
      }).pipe(Effect.provide(layer))
    }))

  it.effect("because of the app's token keeps the tenant's", () =>
    Effect.gen(function*() {
      const { clock, pass } = yield* movable
      const { layer, tenant } = scripted({ app: [numbered("app"), Scripted.refused(10015)] })
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        pass(minutes(30))
        yield* AccessToken.tenant("b")
        pass(minutes(90))
        yield* steadily(pass, {
          every: seconds(1),
          times: 60,
          use: Effect.map(AccessToken.tenant("b"), (token) => assert.strictEqual(valueOf(token), "tenant-2"))
        })
        assert.deepInclude(yield* Effect.flip(AccessToken.tenant("a")), { _tag: "FeishuApiError", code: 10015 })
        assert.strictEqual(tenant.seen.length, 2)
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))
})

describe("an answer", () => {
  const refuses = (name: string, app: Scripted.Step | undefined, tenant: Scripted.Step | undefined) =>
    it.effect(`with ${name} is invalid`, () => {
      const { layer } = scripted({ ...(app && { app: [app] }), ...(tenant && { tenant: [tenant] }) })
      return Effect.gen(function*() {
        const error = yield* Effect.flip(AccessToken.tenant("a"))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidResponse" })
        assert.notInclude(everything(error), "very-secret")
        assert.deepInclude(yield* Effect.flip(AccessToken.tenant("a")), { reason: "InvalidResponse" }, "not kept")
      }).pipe(Effect.provide(layer))
    })

  for (const expire of [0, -1, "7200", 1e12, 1.5, null]) {
    const name = `expire ${JSON.stringify(expire)}`
    refuses(`${name} of an app token`, issued("app", "very-secret", expire), undefined)
    refuses(`${name} of a tenant token`, undefined, issued("tenant", "very-secret", expire))
  }
  const without = (field: string) => Scripted.json({ code: 0, [field]: "very-secret" })
  refuses("no expire of an app token", without(fields.app), undefined)
  refuses("no expire of a tenant token", undefined, without(fields.tenant))

  for (
    const value of [
      "",
      " ",
      "very-secret\n",
      "very secret-very-secret",
      "密",
      7
    ]
  ) {
    refuses(`the app token ${JSON.stringify(value)}`, issued("app", value), undefined)
    refuses(`the tenant token ${JSON.stringify(value)}`, undefined, issued("tenant", value))
  }
  refuses("no token", undefined, Scripted.json({ code: 0, msg: "very-secret", expire: 7200 }))

  it.effect("may hold a token of 4 KB", () => {
    const value = `t-${"aZ9._-".repeat(683)}`
    const { layer } = scripted({ tenant: [issued("tenant", value)] })
    return Effect.gen(function*() {
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), value)
    }).pipe(Effect.provide(layer))
  })
})

describe("a failure", () => {
  it.effect("is not kept: the next call asks again", () => {
    const { app, layer, tenant } = scripted({
      app: [Scripted.refused(10014), numbered("app")],
      tenant: [Scripted.refused(1500), numbered("tenant")]
    })
    return Effect.gen(function*() {
      assert.deepInclude(yield* Effect.flip(AccessToken.app), { code: 10014 })
      assert.strictEqual(valueOf(yield* AccessToken.app), "app-1")
      assert.deepInclude(yield* Effect.flip(AccessToken.tenant("a")), { code: 1500 })
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-1")
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is shared by all who wait", () => {
    const { layer, tenant } = scripted({
      tenant: [Scripted.after("1 second", Scripted.refused(1500)), numbered("tenant")]
    })
    return Effect.gen(function*() {
      const errors = yield* inTime(
        Effect.all(Effect.replicate(Effect.flip(AccessToken.tenant("a")), 100), unbounded)
      )
      assert.isTrue(errors.every((error) => error._tag === "FeishuApiError" && error.code === 1500))
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a ticket is told as it is", () => {
    const timeout = new AppTicket.TicketTimeout({ appId: "cli_test", waited: Duration.seconds(150) })
    const { app, layer } = scripted({ tickets: { ...makeTickets().service, get: Effect.fail(timeout) } })
    return Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flip(AccessToken.app), timeout)
      assert.strictEqual(yield* Effect.flip(AccessToken.tenant("a")), timeout)
      assert.strictEqual(app.seen.length, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is tried again under the layer's retry policy", () => {
    const { base, tenant } = scripted({ tenant: [Scripted.dropped, Scripted.dropped, numbered("tenant")] })
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(AccessToken.tenant("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "tenant-1")
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(Effect.provide(
      AccessToken.layer().pipe(
        Layer.provide(base),
        Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
      )
    ))
  })
})

describe("a tenant that has not installed the app", () => {
  it.effect("is an error of its caller only", () =>
    Effect.gen(function*() {
      const [known, stranger] = yield* inTime(
        Effect.all([AccessToken.tenant("tenant_1"), Effect.flip(AccessToken.tenant("stranger"))], unbounded)
      )
      assert.deepInclude(stranger, { _tag: "FeishuApiError", code: 11210, kind: "AppState" })
      assert.strictEqual(valueOf(yield* AccessToken.tenant("tenant_1")), valueOf(known))
      yield* Effect.flip(AccessToken.tenant("stranger"))
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 1, tenant: 3 })
      const { updateApp } = yield* Emulator.Emulator
      yield* updateApp("cli_test", (app) => ({ ...app, tenants: ["tenant_1", "stranger"] }))
      yield* AccessToken.tenant("stranger")
    }).pipe(Effect.provide(loop())))

  const onlyKnown: Scripted.Step = (request) => {
    const known = String(bodyOf({ at: 0, request })["tenant_key"]).startsWith("known")
    return (known ? issued("tenant", "known") : Scripted.refused(11210))(request)
  }

  for (const [how, concurrency] of [["one after the other", 1], ["at once", "unbounded"]] as const) {
    it.effect(`does not push out one that has, even if there are many ${how}`, () => {
      const { layer, tenant } = scripted({ token: { maxTenants: 4 }, tenant: [onlyKnown], store: noToken })
      return Effect.gen(function*() {
        const known = Effect.forEach(["known 1", "known 2"], AccessToken.tenant)
        yield* known
        yield* Effect.forEach(keys(20), (key) => Effect.flip(AccessToken.tenant(key)), { concurrency })
        assert.strictEqual(tenant.seen.length, 22)
        yield* known
        assert.strictEqual(tenant.seen.length, 22)
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("a ticket that the platform refuses", () => {
  const codes = Effect.map(
    calls,
    (calls) =>
      calls.map(({ code, path }) => [path === paths.resend ? "resend" : path === paths.app ? "app" : "tenant", code])
  )

  const withTicket = Effect.gen(function*() {
    const { pushTicket } = yield* Emulator.Emulator
    yield* pushTicket("cli_test")
    return yield* AppTicket.get
  })

  it.effect("is replaced by a newer one, and the call made once more", () =>
    Effect.gen(function*() {
      const ticket = yield* withTicket
      const { invalidateTickets } = yield* Emulator.Emulator
      yield* invalidateTickets("cli_test")
      yield* TestClock.adjust("1 minute")
      const token = yield* inTime(AccessToken.tenant("tenant_1"))
      assert.match(valueOf(token), /^t-/)
      assert.deepStrictEqual(yield* codes, [["app", 10012], ["resend", 0], ["app", 0], ["tenant", 0]])
      assert.notStrictEqual(Redacted.value((yield* AppTicket.get).value), Redacted.value(ticket.value))
    }).pipe(Effect.provide(loop())))

  it.effect("twice fails the call", () =>
    Effect.gen(function*() {
      yield* withTicket
      const { setFaults } = yield* Emulator.Emulator
      const refusal = Fault.Refuse({ code: 10012, msg: "app_ticket invalid", status: 200 })
      yield* setFaults([Fault.next(100, refusal, { only: paths.app })])
      yield* TestClock.adjust("1 minute")
      const error = yield* inTime(Effect.flip(AccessToken.app))
      assert.deepInclude(error, { _tag: "FeishuApiError", code: 10012 })
      assert.deepStrictEqual(yield* codes, [["app", 10012], ["resend", 0], ["app", 10012]])
    }).pipe(Effect.provide(loop())))

  it.effect("alone is invalidated", () => {
    const { invalidated, service } = makeTickets()
    const { app, layer } = scripted({ tickets: service, app: [Scripted.refused(10012), numbered("app")] })
    return Effect.gen(function*() {
      yield* AccessToken.app
      assert.deepStrictEqual(invalidated, ["ticket-1"])
      assert.deepStrictEqual(app.seen.map((seen) => bodyOf(seen)["app_ticket"]), ["ticket-1", "ticket-2"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not sent again, and neither is a second one", () => {
    const { service } = makeTickets()
    const { app, layer } = scripted({
      tickets: service,
      app: [Scripted.refused(10012), Scripted.refused(10012), numbered("app")]
    })
    return Effect.gen(function*() {
      yield* Effect.flip(AccessToken.app)
      yield* AccessToken.app
      assert.deepStrictEqual(app.seen.map((seen) => bodyOf(seen)["app_ticket"]), ["ticket-1", "ticket-2", "ticket-3"])
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([10014, 10015, 10003, 1500])("is not to blame for code %i", (code) => {
    const { invalidated, service } = makeTickets()
    const { app, layer } = scripted({ tickets: service, app: [Scripted.refused(code)] })
    return Effect.gen(function*() {
      assert.deepInclude(yield* Effect.flip(AccessToken.app), { code })
      assert.deepStrictEqual(invalidated, [])
      assert.strictEqual(app.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })
})

describe("an app token that the platform refuses", () => {
  it.effect.each([99991664, 20014])("with code %i is replaced, and the call made once more", (code) => {
    const { app, layer, tenant } = scripted({ tenant: [Scripted.refused(code), numbered("tenant")] })
    return Effect.gen(function*() {
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-1")
      assert.deepStrictEqual(
        tenant.seen.map((seen) => bodyOf(seen)["app_access_token"]),
        ["app-1", "app-2"]
      )
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(valueOf(yield* AccessToken.app), "app-2")
    }).pipe(Effect.provide(layer))
  })

  it.effect.each([99991664, 20014])("with code %i twice fails the call", (code) => {
    const { app, layer, tenant } = scripted({ tenant: [Scripted.refused(code)] })
    return Effect.gen(function*() {
      assert.deepInclude(yield* Effect.flip(AccessToken.tenant("a")), { _tag: "FeishuApiError", code })
      assert.strictEqual(tenant.seen.length, 2)
      assert.strictEqual(app.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not sent again, and neither is a second one", () => {
    const { layer, tenant } = scripted({
      tenant: [Scripted.refused(99991664), Scripted.refused(99991664), numbered("tenant")]
    })
    return Effect.gen(function*() {
      yield* Effect.flip(AccessToken.tenant("a"))
      yield* AccessToken.tenant("a")
      assert.deepStrictEqual(
        tenant.seen.map((seen) => bodyOf(seen)["app_access_token"]),
        ["app-1", "app-2", "app-3"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("and issues again is not used again", () => {
    const { app, layer, tenant } = scripted({
      app: [issued("app", "the-same")],
      tenant: [Scripted.refused(99991664)]
    })
    return Effect.gen(function*() {
      assert.deepInclude(yield* Effect.flip(AccessToken.tenant("a")), { code: 99991664 })
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is replaced once for all tenants", () =>
    Effect.gen(function*() {
      yield* inTime(AccessToken.app)
      const { invalidateTokens } = yield* Emulator.Emulator
      yield* invalidateTokens("cli_test")
      yield* Effect.forEach(keys(30), AccessToken.tenant, unbounded)
      assert.deepStrictEqual(yield* counts, { resend: 1, app: 2, tenant: 60 })
    }).pipe(Effect.provide(loop({ app: { tenants: keys(30) } }))))

  it.effect("is replaced in the background, too", () => {
    const { layer, tenant } = scripted({
      tenant: [issued("tenant", "old"), Scripted.refused(99991664), issued("tenant", "new")]
    })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust("100 minutes")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "old")
      yield* settle
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "new")
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(Effect.provide(layer))
  })
})

/** What the store does is noted, and each key has its place. */
const recordingStore = Effect.map(TokenStore.makeMemory(), (memory) => {
  const operations: Array<string> = []
  const note = (operation: string, { tenantKey }: TokenStore.Key) =>
    Effect.sync(() => void operations.push(`${operation} ${Option.getOrElse(tenantKey, () => "app")}`))
  const service: TokenStore.Service = {
    ...memory,
    get: (key) => Effect.zipRight(note("get", key), memory.get(key)),
    put: (key, token) => Effect.zipRight(note("put", key), memory.put(key, token)),
    drop: (key, token) => Effect.zipRight(note("drop", key), memory.drop(key, token))
  }
  return { operations, service }
})

describe("invalidate", () => {
  it.effect("keeps the token from being handed out again, and no other", () => {
    const { app, layer, tenant } = scripted()
    return Effect.gen(function*() {
      const ofApp = yield* AccessToken.app
      const [a] = yield* Effect.all([AccessToken.tenant("a"), AccessToken.tenant("b")])
      yield* AccessToken.invalidate(a)
      assert.strictEqual(valueOf(yield* AccessToken.tenant("b")), "tenant-2")
      assert.strictEqual(valueOf(yield* AccessToken.app), "app-1")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-3")
      yield* AccessToken.invalidate(ofApp)
      assert.strictEqual(valueOf(yield* AccessToken.app), "app-2")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-3")
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(Effect.provide(layer))
  })

  it.effect("leaves a newer one that another fiber has got", () => {
    const { layer, tenant } = scripted({ store: noToken })
    return Effect.gen(function*() {
      const old = yield* AccessToken.tenant("a")
      yield* AccessToken.invalidate(old)
      const newer = yield* AccessToken.tenant("a")
      yield* AccessToken.invalidate(old)
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), valueOf(newer))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("by 30 fibers that were refused at once costs one call", () => {
    const { layer, tenant } = scripted({
      store: noToken,
      tenant: [issued("tenant", "old"), Scripted.after("1 second", numbered("tenant"))]
    })
    return Effect.gen(function*() {
      const old = yield* AccessToken.tenant("a")
      const fibers = yield* Effect.forEach(keys(30), (_, index) =>
        AccessToken.invalidate(old).pipe(
          Effect.zipRight(AccessToken.tenant("a")),
          Effect.delay(index * 50),
          Effect.fork
        ))
      yield* TestClock.adjust("3 seconds")
      const tokens = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(new Set(tokens.map(valueOf)), new Set(["tenant-1"]))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("takes the token out of the store, and no other", () =>
    Effect.gen(function*() {
      const { operations, service } = yield* recordingStore
      const { layer } = scripted({ store: service })
      const [a, b] = yield* Effect.gen(function*() {
        const [a, b] = yield* Effect.all([AccessToken.tenant("a"), AccessToken.tenant("b")])
        yield* AccessToken.invalidate(a)
        assert.deepStrictEqual(operations.filter((operation) => operation.startsWith("drop")), ["drop a"])
        return [a, b] as const
      }).pipe(Effect.provide(layer))
      const another = scripted({ store: service, tenant: [issued("tenant", "another")] })
      yield* Effect.gen(function*() {
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "another")
        assert.strictEqual(valueOf(yield* AccessToken.tenant("b")), valueOf(b))
        assert.notStrictEqual(valueOf(a), "another")
      }).pipe(Effect.provide(another.layer))
    }))

  it.effect("takes the token out of the store where the tenant is no longer in memory, too", () =>
    Effect.gen(function*() {
      const { service } = yield* recordingStore
      const { layer } = scripted({ store: service, token: { maxTenants: 1 } })
      yield* Effect.gen(function*() {
        const a = yield* AccessToken.tenant("a")
        yield* AccessToken.tenant("b")
        yield* AccessToken.invalidate(a)
        assert.notStrictEqual(valueOf(yield* AccessToken.tenant("a")), valueOf(a))
      }).pipe(Effect.provide(layer))
    }))

  it.effect("holds, even where the store has the token still", () =>
    Effect.gen(function*() {
      const { service } = yield* recordingStore
      const { layer } = scripted({ store: { ...service, drop: () => Effect.void } })
      yield* Effect.gen(function*() {
        yield* Effect.flatMap(AccessToken.tenant("a"), AccessToken.invalidate)
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-2")
        yield* Effect.flatMap(AccessToken.app, AccessToken.invalidate)
        assert.strictEqual(valueOf(yield* AccessToken.app), "app-2")
      }).pipe(Effect.provide(layer))
    }))

  it.effect("during a renewal leaves the token that comes of it", () => {
    const { layer, tenant } = scripted({
      store: noToken,
      tenant: [issued("tenant", "old"), Scripted.after("5 seconds", issued("tenant", "new"))]
    })
    return Effect.gen(function*() {
      yield* AccessToken.tenant("a")
      yield* TestClock.adjust("100 minutes")
      const old = yield* AccessToken.tenant("a")
      yield* TestClock.adjust("1 second")
      yield* AccessToken.invalidate(old)
      const fiber = yield* Effect.fork(AccessToken.tenant("a"))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(fiber)), "new")
      yield* AccessToken.invalidate(old)
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "new")
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })
})

describe("the tokens in memory", () => {
  it.effect("are those that were used last", () => {
    const { layer, tenant } = scripted({ token: { maxTenants: 2 }, store: noToken })
    return Effect.gen(function*() {
      yield* Effect.forEach(["a", "b", "a", "c"], AccessToken.tenant)
      assert.strictEqual(tenant.seen.length, 3)
      yield* Effect.forEach(["a", "c", "a", "c"], AccessToken.tenant)
      assert.strictEqual(tenant.seen.length, 3)
      yield* AccessToken.tenant("b")
      assert.strictEqual(tenant.seen.length, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("are so many at most, and not many fewer", () => {
    const { app, layer, tenant } = scripted({ token: { maxTenants: 20 }, store: noToken })
    return Effect.gen(function*() {
      const all = keys(65)
      yield* Effect.forEach(all, AccessToken.tenant)
      yield* Effect.forEach(all.slice(-18), AccessToken.tenant)
      assert.strictEqual(tenant.seen.length, 65)
      yield* Effect.forEach(all.slice(0, 40), AccessToken.tenant)
      assert.strictEqual(tenant.seen.length, 105)
      assert.strictEqual(app.seen.length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("are so many at most after a burst, too", () => {
    const { layer, tenant } = scripted({
      token: { maxTenants: 5 },
      tenant: [Scripted.after("1 second", numbered("tenant"))],
      store: noToken
    })
    return Effect.gen(function*() {
      yield* inTime(Effect.forEach(keys(20), AccessToken.tenant, unbounded))
      assert.strictEqual(tenant.seen.length, 20)
      yield* Effect.fork(Effect.forEach(keys(20), AccessToken.tenant, unbounded))
      yield* TestClock.adjust("2 seconds")
      assert.isAtLeast(tenant.seen.length, 35)
    }).pipe(Effect.provide(layer))
  })
})

describe("a token store", () => {
  /** As another process that shares the store. */
  const process = (store: TokenStore.Service, name: string, script?: Script) =>
    scripted({
      store,
      app: [issued("app", `app-of-${name}`)],
      tenant: [issued("tenant", `tenant-of-${name}`)],
      ...script
    })

  const both = Effect.map(
    Effect.all([AccessToken.app, AccessToken.tenant("a")]),
    ([app, tenant]) => [valueOf(app), valueOf(tenant)]
  )

  it.effect("has the tokens of a process that was before, without a call", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeMemory()
      yield* Effect.provide(both, process(store, "one").layer)
      yield* TestClock.adjust("1 hour")
      const { app, layer, tenant } = process(store, "two")
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-of-one"])
        const { expiresAt, tenantKey } = yield* AccessToken.tenant("a")
        assert.strictEqual(DateTime.toEpochMillis(expiresAt), minutes(120))
        assert.strictEqual(Option.getOrNull(tenantKey), "a")
        assert.strictEqual(app.seen.length + tenant.seen.length, 0)
        yield* TestClock.adjust("40 minutes")
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-of-one"])
        yield* settle
        assert.deepStrictEqual(yield* both, ["app-of-two", "tenant-of-two"])
      }).pipe(Effect.provide(layer))
    }))

  it.effect("gives the tokens in their last minutes to be used while new ones are fetched", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeMemory()
      yield* Effect.provide(both, process(store, "one").layer)
      yield* TestClock.adjust("110 minutes")
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-of-one"])
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-of-one"])
        yield* settle
        assert.deepStrictEqual(yield* both, ["app-of-two", "tenant-of-two"])
      }).pipe(Effect.provide(process(store, "two").layer))
    }))

  it.effect.each([117, 119, 120, 600])(
    "has tokens that are of no use after %i minutes",
    (minute) =>
      Effect.gen(function*() {
        const store = yield* TokenStore.makeMemory()
        yield* Effect.provide(both, process(store, "one").layer)
        yield* TestClock.adjust(minutes(minute))
        assert.deepStrictEqual(yield* Effect.provide(both, process(store, "two").layer), [
          "app-of-two",
          "tenant-of-two"
        ])
      })
  )

  it.effect("has the token that another process has renewed, without a call", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeMemory()
      const one = process(store, "one", { tenant: [numbered("tenant")] })
      const two = process(store, "two")
      yield* Effect.gen(function*() {
        const [first, second] = yield* Effect.all([
          Effect.map(Layer.build(one.layer), (context) => Effect.provide(AccessToken.tenant("a"), context)),
          Effect.map(Layer.build(two.layer), (context) => Effect.provide(AccessToken.tenant("a"), context))
        ])
        yield* first
        yield* second
        yield* TestClock.adjust("100 minutes")
        yield* first
        yield* settle
        yield* second
        yield* settle
        assert.strictEqual(valueOf(yield* first), "tenant-2")
        assert.strictEqual(valueOf(yield* second), "tenant-2")
        assert.strictEqual(one.tenant.seen.length, 2)
        assert.strictEqual(two.tenant.seen.length, 0)
      }).pipe(Effect.scoped)
    }))

  it.effect("is of no help with a token that is in its last minutes, too", () =>
    Effect.gen(function*() {
      const anothers = { value: Redacted.make("another's"), expiresAt: DateTime.unsafeMake(minutes(121)) }
      let stored = Option.none<TokenStore.StoredToken>()
      const { layer } = process({ ...noToken, get: () => Effect.sync(() => stored) }, "one", {
        tenant: [numbered("tenant")]
      })
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        stored = Option.some(anothers)
        yield* TestClock.adjust("100 minutes")
        yield* AccessToken.tenant("a")
        yield* settle
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-2")
      }).pipe(Effect.provide(layer))
    }))

  it.effect("has nothing for an app whose secret was changed", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeMemory()
      const withSecret = (secret: string) => FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make(secret) })
      const run = (name: string, secret: string) =>
        Effect.provide(both, process(store, name, { feishuApp: withSecret(secret) }).layer)
      assert.deepStrictEqual(yield* run("old", "old secret"), ["app-of-old", "tenant-of-old"])
      assert.deepStrictEqual(yield* run("new", "new secret"), ["app-of-new", "tenant-of-new"])
      assert.deepStrictEqual(yield* run("newest", "new secret"), ["app-of-new", "tenant-of-new"])
    }))

  it.effect("is told a hash in the place of the secret", () =>
    Effect.gen(function*() {
      const names: Array<TokenStore.Key> = []
      const { layer } = process({
        ...noToken,
        get: (key) => Effect.as(Effect.sync(() => names.push(key)), Option.none())
      }, "one")
      yield* Effect.provide(both, layer)
      assert.isAbove(names.length, 1)
      for (const { secretHash } of names) {
        assert.match(secretHash, /^[0-9a-f]{32,}$/)
      }
    }))

  it.effect.each([minutes(60 * 25), minutes(60 * 24 * 365)])(
    "is not believed that a token lives for %d ms more",
    (life) => {
      const { layer } = process({
        ...noToken,
        get: () => Effect.succeedSome({ value: Redacted.make("eternal"), expiresAt: DateTime.unsafeMake(life) })
      }, "one")
      return Effect.gen(function*() {
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-of-one"])
      }).pipe(Effect.provide(layer))
    }
  )

  const failing = (operation: TokenStore.TokenStoreError["operation"]) =>
    Effect.fail(new TokenStore.TokenStoreError({ appId: "cli_test", operation, description: "it is down" }))

  it.effect("that fails fails no caller", () => {
    const { app, layer, tenant } = process(
      {
        get: () => failing("get"),
        put: () => failing("put"),
        drop: () => failing("drop")
      },
      "one",
      { tenant: [numbered("tenant")] }
    )
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-1"])
      assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-1"])
      yield* Effect.flatMap(AccessToken.tenant("a"), AccessToken.invalidate)
      assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-2"])
      assert.strictEqual(app.seen.length, 1)
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("that hangs costs only its time limits", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeKeyValueStore().pipe(Effect.provideService(
        KeyValueStore.KeyValueStore,
        KeyValueStore.make({
          get: () => Effect.never,
          getUint8Array: () => Effect.never,
          set: () => Effect.never,
          remove: () => Effect.never,
          clear: Effect.never,
          size: Effect.never
        })
      ))
      const { layer, tenant } = process(store, "one", { tenant: [numbered("tenant")] })
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork(both)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["app-of-one", "tenant-1"])
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-1"])
        yield* TestClock.adjust("100 minutes")
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-1"])
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* both, ["app-of-one", "tenant-2"])
        assert.strictEqual(tenant.seen.length, 2)
      }).pipe(Effect.provide(layer))
    }))
})

it.effect("a token that many are refused with leaves the store once", () =>
  Effect.gen(function*() {
    const memory = yield* TokenStore.makeMemory()
    const drops = yield* Ref.make(0)
    const store: TokenStore.Service = {
      ...memory,
      drop: (key, token) => Effect.zipRight(Ref.update(drops, (n) => n + 1), memory.drop(key, token))
    }
    yield* Effect.gen(function*() {
      const token = yield* AccessToken.tenant("a")
      yield* Effect.all(Effect.replicate(AccessToken.invalidate(token), 1000), unbounded)
      assert.strictEqual(yield* Ref.get(drops), 1)
    }).pipe(Effect.provide(scripted({ store }).layer))
  }))

/** A store in memory whose `drop` does what the test says before it drops. */
const droppingStore = (before: Effect.Effect<void, TokenStore.TokenStoreError>) =>
  Effect.map(TokenStore.makeMemory(), (memory) => {
    let drops = 0
    const store: TokenStore.Service = {
      ...memory,
      drop: (key, token) =>
        Effect.andThen(
          Effect.suspend(() => {
            drops++
            return before
          }),
          memory.drop(key, token)
        )
    }
    return { drops: () => drops, store }
  })

it.effect("a refused token that the store could not drop is dropped when it is invalidated again, and once", () =>
  Effect.gen(function*() {
    let isAway = true
    const away = new TokenStore.TokenStoreError({ appId: "cli_test", operation: "drop", description: "no connection" })
    const { drops, store } = yield* droppingStore(Effect.suspend(() => isAway ? away : Effect.void))
    const stored = yield* Effect.gen(function*() {
      const token = yield* AccessToken.tenant("a")
      yield* AccessToken.invalidate(token)
      yield* AccessToken.invalidate(token)
      isAway = false
      yield* AccessToken.invalidate(token)
      assert.strictEqual(drops(), 3)
      yield* AccessToken.invalidate(token)
      assert.strictEqual(drops(), 3)
      return yield* AccessToken.tenant("a")
    }).pipe(Effect.provide(scripted({ store }).layer))
    const another = scripted({ store, tenant: [issued("tenant", "another")] })
    yield* Effect.gen(function*() {
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), valueOf(stored))
    }).pipe(Effect.provide(another.layer))
  }))

it.effect("a token that is invalidated during its removal waits for a removal, too", () =>
  Effect.gen(function*() {
    const { store } = yield* droppingStore(Effect.sleep("1 second"))
    yield* Effect.gen(function*() {
      const token = yield* AccessToken.tenant("a")
      const invalidate = Effect.andThen(AccessToken.invalidate(token), Clock.currentTimeMillis)
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(invalidate))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [1000, 1000, 1000])
    }).pipe(Effect.provide(scripted({ store }).layer))
  }))

it.effect("a token that is invalidated with a wrong tenant stays valid for its own tenant", () =>
  Effect.gen(function*() {
    const { drops, store } = yield* droppingStore(Effect.void)
    const { layer, tenant } = scripted({ store, token: { maxTenants: 1 } })
    yield* Effect.gen(function*() {
      const token = yield* AccessToken.tenant("a")
      yield* AccessToken.invalidate({ ...token, tenantKey: Option.some("b") })
      yield* AccessToken.tenant("b")
      assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), valueOf(token), "from the store")
      assert.strictEqual(tenant.seen.length, 2)
      yield* AccessToken.invalidate(token)
      assert.strictEqual(drops(), 2)
      assert.notStrictEqual(valueOf(yield* AccessToken.tenant("a")), valueOf(token))
    }).pipe(Effect.provide(layer))
  }))

it.effect("a refused token does not come back from a store that can only be read", () =>
  Effect.gen(function*() {
    const fails = (operation: "put" | "drop") => () =>
      Effect.fail(new TokenStore.TokenStoreError({ appId: "cli_test", operation, description: "it is read-only" }))
    const stored = { value: Redacted.make("old"), expiresAt: DateTime.unsafeMake(minutes(120)) }
    const store: TokenStore.Service = {
      ...noToken,
      get: ({ tenantKey }) => Effect.succeed(Option.as(tenantKey, stored)),
      put: fails("put"),
      drop: fails("drop")
    }
    yield* Effect.gen(function*() {
      const values: Array<string> = []
      for (let round = 0; round < 4; round++) {
        const token = yield* AccessToken.tenant("a")
        values.push(valueOf(token))
        yield* AccessToken.invalidate(token)
      }
      assert.deepStrictEqual(values, ["old", "tenant-1", "tenant-2", "tenant-3"])
    }).pipe(Effect.provide(scripted({ store }).layer))
  }))

describe("a self-built app", () => {
  const selfBuilt = AccessToken.layerSelfBuilt().pipe(
    Layer.provide(TokenStore.layerMemory),
    Layer.provideMerge(EmulatorTest.layer({ app: { kind: "self-built" } })),
    Layer.provideMerge(Logger.minimumLogLevel(LogLevel.None))
  )

  const made = Effect.map(calls, (calls) => calls.map(({ path }) => path))

  it.effect("gets each token by one call, without a ticket", () =>
    Effect.gen(function*() {
      const tenant = yield* AccessToken.tenant("tenant_1")
      assert.match(valueOf(tenant), /^t-\w+$/)
      assert.deepStrictEqual(yield* made, [`${paths.tenant}/internal`])
      const app = yield* AccessToken.app
      assert.strictEqual(Option.getOrNull(app.tenantKey), null)
      assert.strictEqual(DateTime.toEpochMillis(app.expiresAt), minutes(120))
      yield* Effect.all([AccessToken.app, AccessToken.tenant("tenant_1")])
      assert.deepStrictEqual(yield* made, [`${paths.tenant}/internal`, `${paths.app}/internal`])
    }).pipe(Effect.provide(selfBuilt)))

  it.effect("has one token for its one tenant, whatever the key, and the token names no tenant", () =>
    Effect.gen(function*() {
      const token = yield* AccessToken.tenant("a")
      assert.isTrue(Option.isNone(token.tenantKey))
      assert.isTrue(Option.isNone((yield* AccessToken.tenant("b")).tenantKey))
      assert.strictEqual(valueOf(yield* AccessToken.tenant("b")), valueOf(token))
      assert.strictEqual((yield* calls).length, 1)
      const { invalidateTokens } = yield* Emulator.Emulator
      yield* invalidateTokens("cli_test")
      yield* AccessToken.invalidate(token)
      assert.notStrictEqual(valueOf(yield* AccessToken.tenant("b")), valueOf(token))
      assert.strictEqual((yield* calls).length, 2)
    }).pipe(Effect.provide(selfBuilt)))

  it.live("on a cold start of 1,000 fibers makes one call for each token", () =>
    Effect.gen(function*() {
      yield* Effect.all(Effect.replicate(AccessToken.tenant("tenant_1"), 1000), unbounded)
      yield* Effect.all(Effect.replicate(AccessToken.app, 1000), unbounded)
      assert.deepStrictEqual(yield* made, [`${paths.tenant}/internal`, `${paths.app}/internal`])
    }).pipe(Effect.provide(selfBuilt)))

  it.effect("gets another token where the one it has is invalidated", () =>
    Effect.gen(function*() {
      const { invalidateTokens } = yield* Emulator.Emulator
      const old = yield* AccessToken.tenant("tenant_1")
      yield* invalidateTokens("cli_test")
      yield* AccessToken.invalidate(old)
      assert.notStrictEqual(valueOf(yield* AccessToken.tenant("tenant_1")), valueOf(old))
    }).pipe(Effect.provide(selfBuilt)))

  it.effect("is refused where a store app is wanted, and the other way round", () =>
    Effect.gen(function*() {
      const ofKind = (kind: FeishuApp.Kind) =>
        FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, kind })
      const store = yield* Effect.flip(
        Effect.provide(
          AccessToken.app,
          AccessToken.layer().pipe(Layer.provide(
            scripted({
              feishuApp: ofKind("self-built")
            }).base
          ))
        )
      )
      assert.deepInclude(store, { _tag: "FeishuAppError", field: "kind" })
      assert.match(store.message, /self-built.*AccessToken\.layerSelfBuilt/)
      const selfBuilt = yield* Effect.flip(
        Effect.provide(
          AccessToken.app,
          AccessToken.layerSelfBuilt().pipe(Layer.provide(
            scripted({
              feishuApp: ofKind("store")
            }).base
          ))
        )
      )
      assert.deepInclude(selfBuilt, { _tag: "FeishuAppError", field: "kind" })
      assert.match(selfBuilt.message, /store.*AccessToken\.layer\b.*AppTicket/)
    }))
})

describe("the system's clock", () => {
  it.effect("set back by 3 hours does not lengthen a token's life", () =>
    Effect.gen(function*() {
      const { clock, pass, setSystem, settle } = yield* movable
      const { layer, tenant } = scripted()
      yield* Effect.gen(function*() {
        const use = Effect.map(AccessToken.tenant("a"), valueOf)
        yield* use
        setSystem(minutes(-180))
        pass(minutes(94))
        assert.strictEqual(yield* use, "tenant-1")
        yield* settle
        assert.strictEqual(tenant.seen.length, 1)
        pass(minutes(6))
        assert.strictEqual(yield* use, "tenant-1")
        yield* settle
        assert.strictEqual(yield* use, "tenant-2")
        pass(minutes(117))
        assert.strictEqual(yield* use, "tenant-3")
        pass(minutes(94))
        assert.strictEqual(yield* use, "tenant-3")
        yield* settle
        assert.strictEqual(tenant.seen.length, 3)
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("set back while a token was idle does not bring it back to life", () =>
    Effect.gen(function*() {
      const { clock, pass, setSystem } = yield* movable
      const { layer } = scripted()
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        pass(minutes(150))
        setSystem(minutes(-180))
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-2")
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))

  it.effect("set forward by 3 hours costs one call", () =>
    Effect.gen(function*() {
      const { clock, pass, setSystem, settle } = yield* movable
      const { layer, tenant } = scripted()
      yield* Effect.gen(function*() {
        yield* AccessToken.tenant("a")
        setSystem(minutes(180))
        const token = yield* AccessToken.tenant("a")
        assert.strictEqual(DateTime.toEpochMillis(token.expiresAt), minutes(300))
        pass(minutes(94))
        assert.strictEqual(valueOf(yield* AccessToken.tenant("a")), "tenant-2")
        yield* settle
        assert.strictEqual(tenant.seen.length, 2)
      }).pipe(Effect.provide(layer), Effect.withClock(clock))
    }))
})

describe("the end of the layer's scope", () => {
  const service = (script: Script) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(scripted(script).layer, scope)
      return {
        end: Scope.close(scope, Exit.void),
        tenant: (key: string) => Effect.provide(AccessToken.tenant(key), context)
      }
    })

  it.effect("ends those who wait", () =>
    Effect.gen(function*() {
      const { end, tenant } = yield* service({ app: [Scripted.hang] })
      const fibers = yield* Effect.forEach(keys(10), (key) => Effect.fork(tenant(key)))
      yield* TestClock.adjust("1 second")
      yield* end
      yield* TestClock.adjust("1 second")
      for (const fiber of fibers) {
        const exit = Option.getOrUndefined(yield* Fiber.poll(fiber))
        assert.isTrue(exit !== undefined && Exit.isInterrupted(exit))
      }
    }))

  it.effect("ends who asks after it, and leaves what is in memory", () =>
    Effect.gen(function*() {
      const { end, tenant } = yield* service({})
      yield* tenant("a")
      yield* end
      const asks = Effect.gen(function*() {
        const fiber = yield* Effect.fork(tenant("b"))
        yield* TestClock.adjust("1 second")
        return Option.getOrUndefined(yield* Fiber.poll(fiber))
      })
      for (const exit of [yield* asks, yield* asks]) assert.isTrue(exit !== undefined && Exit.isInterrupted(exit))
      yield* TestClock.adjust("100 minutes")
      assert.strictEqual(valueOf(yield* tenant("a")), "tenant-1")
    }))
})

describe("the metrics", () => {
  it.effect("count the calls by token and outcome", () => {
    const appId = "cli_of_the_token_metrics"
    const count = (token: string, outcome: string) =>
      Effect.map(
        Metric.value(FeishuMetrics.tokenFetches.pipe(
          Metric.tagged("app_id", appId),
          Metric.tagged("token", token),
          Metric.tagged("outcome", outcome)
        )),
        (state: MetricState.MetricState.Counter<number>) => state.count
      )
    const tickets = makeTickets()
    let hasTicket = false
    const { layer } = scripted({
      feishuApp: FeishuApp.layer({ appId, appSecret: Scripted.appSecret }),
      tickets: {
        ...tickets.service,
        get: Effect.suspend(() =>
          hasTicket ? tickets.service.get : Effect.fail(new AppTicket.TicketTimeout({ appId, waited: Duration.zero }))
        )
      },
      app: [Scripted.refused(10015), numbered("app")],
      tenant: [Scripted.refused(11210), Scripted.answer("", { status: 502 }), numbered("tenant"), Scripted.hang]
    })
    return Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* Effect.flip(AccessToken.app)
        hasTicket = true
        yield* Effect.flip(AccessToken.app)
        yield* AccessToken.app
        yield* Effect.flip(AccessToken.tenant("a"))
        yield* Effect.flip(AccessToken.tenant("a"))
        yield* AccessToken.tenant("a")
        yield* AccessToken.tenant("a")
        yield* Effect.fork(AccessToken.tenant("b"))
        yield* settle
      }).pipe(Effect.provide(layer))
      yield* settle
      const outcomes = ["success", "no ticket", "Credentials", "AppState", "Unavailable", "interrupted"]
      assert.deepStrictEqual(yield* Effect.forEach(outcomes, (outcome) => count("app", outcome)), [1, 1, 1, 0, 0, 0])
      assert.deepStrictEqual(yield* Effect.forEach(outcomes, (outcome) => count("tenant", outcome)), [1, 0, 0, 1, 1, 1])
    })
  })
})

describe("the spans", () => {
  it.effect("are one for each wait and one for each fetch, and none for a token from memory", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const { layer } = scripted({ tenant: [numbered("tenant"), Scripted.refused(1500)] })
      const seen = () => spans.map(({ name }) => name).filter((name) => name.startsWith("AccessToken.")).toSorted()
      yield* Effect.gen(function*() {
        yield* Effect.all([AccessToken.tenant("a"), AccessToken.tenant("a")], unbounded)
        const cold = [
          "AccessToken.app",
          "AccessToken.fetch",
          "AccessToken.fetch",
          "AccessToken.tenant",
          "AccessToken.tenant"
        ]
        assert.deepStrictEqual(seen(), cold)
        for (let i = 0; i < 10; i++) yield* AccessToken.tenant("a")
        assert.deepStrictEqual(seen(), cold)
        yield* TestClock.adjust("90 minutes")
        yield* AccessToken.app
        yield* TestClock.adjust("15 minutes")
        yield* AccessToken.app
        yield* settle
        yield* AccessToken.tenant("a")
        yield* settle
        assert.deepStrictEqual(seen(), [...cold, "AccessToken.fetch", "AccessToken.fetch"].toSorted(), "two renewals")
        const span = spans.find(({ name }) => name === "AccessToken.tenant")
        assert.deepStrictEqual(Object.fromEntries(span?.attributes ?? []), {
          "feishu.app_id": "cli_test",
          "feishu.tenant_key": "a"
        })
      }).pipe(Effect.provide(layer), Effect.withTracer(tracer))
    }))

  it.effect("of a fetch have no parent, and lead to the requests that wait, and back", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const { layer } = scripted({ tenant: [Scripted.after("1 second", numbered("tenant"))] })
      const all = (name: string) => spans.filter((span) => span.name === name)
      const parentOf = (span: Tracer.AnySpan) => span._tag === "Span" ? Option.getOrUndefined(span.parent) : undefined
      const linksOf = (span: Tracer.Span | undefined) => (span?.links ?? []).map((link) => link.span)
      yield* Effect.gen(function*() {
        const context = yield* Effect.withSpan(Layer.build(layer), "the build of the layer")
        const request = (n: number) =>
          AccessToken.tenant("a").pipe(Effect.provide(context), Effect.withSpan(`request ${n}`), Effect.fork)
        const fibers = yield* Effect.forEach([1, 2, 3], request)
        yield* TestClock.adjust("1 second")
        yield* Effect.forEach(fibers, Fiber.join)
        const waits = all("AccessToken.tenant")
        assert.deepStrictEqual(waits.map((wait) => parentOf(wait)), [1, 2, 3].flatMap((n) => all(`request ${n}`)))
        const fetches = all("AccessToken.fetch")
        const ofTenant = fetches.find((span) => span.attributes.get("token") === "tenant")
        assert.deepStrictEqual(linksOf(ofTenant), waits)
        for (const wait of waits) assert.deepStrictEqual<unknown>(linksOf(wait), [ofTenant])
        const ofApp = fetches.find((span) => span.attributes.get("token") === "app")
        assert.deepStrictEqual(linksOf(ofApp), all("AccessToken.app"))
        for (const fetch of fetches) assert.isUndefined(parentOf(fetch))
        const roots = spans.map((span) => {
          let root: Tracer.AnySpan = span
          for (let above = parentOf(root); above !== undefined; above = parentOf(root)) root = above
          return root
        })
        assert.deepStrictEqual(
          roots.filter((root) => root._tag === "Span" && root.name === "the build of the layer"),
          all("the build of the layer")
        )
        for (const name of ["OpenApi.appAccessToken", "OpenApi.tenantAccessToken"]) {
          assert.include(fetches, roots[spans.findIndex((span) => span.name === name)], name)
        }
        // A request that finds a token to be renewed does not wait, and is linked all the same.
        yield* TestClock.adjust("100 minutes")
        yield* Effect.withSpan(Effect.provide(AccessToken.tenant("a"), context), "request 4")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual<unknown>(linksOf(all("request 4")[0]), [
          all("AccessToken.fetch").findLast((span) => span.attributes.get("token") === "tenant")
        ])
      }).pipe(Effect.scoped, Effect.withTracer(tracer))
    }))
})

describe("a secret", () => {
  const secrets = ["ticket-1", "ticket-2", "app-1", "app-2", "app-3", "tenant-1", "tenant-2", "tenant-3"]

  it.effect("is in no log line, no error and no span", () =>
    Effect.gen(function*() {
      const left: Array<string> = []
      const { spans, tracer } = yield* recorder
      const loggers = [Logger.stringLogger, Logger.logfmtLogger, Logger.jsonLogger, Logger.structuredLogger].map(
        (logger) => Logger.map(logger, (line: unknown) => void left.push(everything(line)))
      )
      const echo: Scripted.Step = (request) =>
        Scripted.json({ code: 1500, msg: `failed on ${everything(bodyOf({ at: 0, request }))}` })(request)
      const refuse = (code: number): Scripted.Step => (request) =>
        Scripted.json({ code, msg: `refused: ${JSON.stringify(bodyOf({ at: 0, request }))}` })(request)
      const quoting = (method: string, description: string) =>
        new PlatformError.BadArgument({ module: "KeyValueStore", method, description })
      const store = yield* TokenStore.makeKeyValueStore().pipe(Effect.provideService(
        KeyValueStore.KeyValueStore,
        KeyValueStore.makeStringOnly({
          get: () => Effect.succeedNone,
          set: (_, text) => quoting("set", `cannot write ${text}`),
          remove: () => Effect.void,
          clear: Effect.void,
          size: Effect.succeed(0)
        })
      ))
      const { app, base, tenant } = scripted({
        store,
        app: [refuse(10012), numbered("app")],
        tenant: [refuse(99991664), refuse(20014), numbered("tenant"), echo]
      })
      const layer = AccessToken.layer().pipe(
        Layer.provide(base),
        Layer.provide(Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)),
        Layer.provideMerge(Logger.minimumLogLevel(LogLevel.All))
      )
      yield* Effect.gen(function*() {
        left.push(everything(yield* Effect.flip(AccessToken.tenant("a"))))
        const token = yield* AccessToken.tenant("a")
        left.push(everything(token), everything(Exit.succeed(token)), everything(yield* AccessToken.app))
        yield* Effect.log(token)
        yield* TestClock.adjust("100 minutes")
        yield* AccessToken.tenant("a")
        yield* settle
        yield* AccessToken.invalidate(token)
        const exit = yield* Effect.exit(AccessToken.tenant("a"))
        left.push(everything(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause, { renderErrorCause: true }) : "")
      }).pipe(
        Effect.provide(layer),
        Effect.locally(FiberRef.currentLoggers, HashSet.fromIterable([...loggers, Logger.tracerLogger])),
        Effect.withTracer(tracer)
      )
      assert.isAtLeast(app.seen.length, 3)
      assert.isAtLeast(tenant.seen.length, 5)
      assert.isAbove(left.length, 30)
      assert.include(left.join("\n"), "TokenStore.put for cli_test")
      assert.isAbove(spans.length, 5)
      for (const { attributes, name, status, ...span } of spans) {
        left.push(everything({ attributes, name, status, events: Reflect.get(span, "events") }))
      }
      const secret = Redacted.value(Scripted.appSecret)
      for (const text of left) {
        for (const form of [...secrets, secret, JSON.stringify(secret).slice(1, -1)]) assert.notInclude(text, form)
      }
    }))
})
