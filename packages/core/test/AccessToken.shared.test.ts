/** What several processes of one app do that share a `TokenStore` and `Claims`: each is a layer of its own. */
import { Emulator, EmulatorTest, Journal } from "@effect-feishu/emulator"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  FastCheck as fc,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  type MetricState,
  Option,
  Random,
  Redacted,
  Scope,
  Stream
} from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import * as TokenStore from "../src/TokenStore.js"
import { recorded } from "./keyValues.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

const unbounded = { concurrency: "unbounded" } as const

const silent = Logger.minimumLogLevel(LogLevel.None)

/** What goes on in the background and needs no time goes on to its end. */
const settle = pass(0)

const valueOf = (token: AccessToken.Token) => Redacted.value(token.value)

/** Who has this token, or none. */
const isDone = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isSome)

const fields = { app: "app_access_token", tenant: "tenant_access_token" } as const

const issued = (token: keyof typeof fields, value: string): Scripted.Step =>
  Scripted.json({ code: 0, msg: "success", [fields[token]]: value, expire: 7200 })

/** Another token at each call: `app-1`, `app-2`, … */
const numbered = (token: keyof typeof fields): Scripted.Step => {
  let number = 0
  return (request) => issued(token, `${token}-${++number}`)(request)
}

/** The platform plays a script for each of its two calls, whichever process makes it. */
const platform = (script: {
  readonly app?: ReadonlyArray<Scripted.Step>
  readonly tenant?: ReadonlyArray<Scripted.Step>
} = {}) => {
  const app = Scripted.make(...script.app ?? [numbered("app")])
  const tenant = Scripted.make(...script.tenant ?? [numbered("tenant")])
  const client = HttpClient.make((request) =>
    (request.url.includes("tenant_access_token") ? tenant : app).client.execute(request)
  )
  return { app, tenant, client }
}

const ticket = Effect.sync(() => ({ value: Redacted.make("a ticket"), sentAt: DateTime.unsafeMake(0) }))

const tickets: AppTicket.Service = {
  get: ticket,
  refresh: ticket,
  invalidate: () => Effect.void,
  changes: Stream.empty
}

/** What the processes keep things in. */
interface Stores {
  readonly store: TokenStore.Service
  readonly claims: Claims.Service
}

const makeStores: Effect.Effect<Stores> = Effect.all({ store: TokenStore.makeMemory(), claims: Claims.makeMemory() })

interface Shared extends Omit<Stores, "claims"> {
  /** Without it each process has claims of its own. */
  readonly claims?: Claims.Service
  readonly client: HttpClient.HttpClient
  readonly kind?: "store" | "self-built"
  readonly appId?: string
  readonly retryPolicy?: RetryPolicy.Policy
}

/** One process, which ends before the test does where that says so. */
const start = ({ appId, claims, client, kind, retryPolicy, store }: Shared) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const layer = (kind === "self-built" ? AccessToken.layerSelfBuilt() : AccessToken.layer()).pipe(
      Layer.provide(Layer.mergeAll(
        FeishuApp.layer({ appId: appId ?? "cli_test", appSecret: Scripted.appSecret, kind }),
        Layer.succeed(HttpClient.HttpClient, client),
        Layer.succeed(AppTicket.AppTicket, tickets),
        Layer.succeed(TokenStore.TokenStore, store),
        claims === undefined ? Layer.empty : Layer.succeed(Claims.Claims, claims),
        Layer.succeed(RetryPolicy.RetryPolicy, retryPolicy ?? RetryPolicy.none)
      ))
    )
    const service = Context.get(yield* Layer.buildWithScope(layer, scope), AccessToken.AccessToken)
    return { ...service, stop: Scope.close(scope, Exit.void) }
  })

type Process = Effect.Effect.Success<ReturnType<typeof start>>

const startAll = (count: number, shared: Shared) =>
  Effect.map(
    Effect.replicateEffect(start(shared), count),
    (all) => Arr.isNonEmptyArray(all) ? all : assert.fail("none")
  )

const startThree = (shared: Shared) => Effect.all([start(shared), start(shared), start(shared)])

/** All ask for it now. */
const ask = (processes: ReadonlyArray<Process>, tenantKey = "a") =>
  Effect.forEach(processes, ({ tenant }) => Effect.fork(tenant(tenantKey)))

const values = (fibers: ReadonlyArray<Fiber.Fiber<AccessToken.Token, AccessToken.AccessTokenError>>) =>
  Effect.map(Effect.forEach(fibers, Fiber.join), (tokens) => tokens.map(valueOf))

/** What each would hand out at once: the fibers are done without any time. */
const valuesNow = (processes: ReadonlyArray<Process>, tenantKey = "a") =>
  Effect.map(Effect.forEach(processes, ({ tenant }) => tenant(tenantKey)), (tokens) => tokens.map(valueOf))

/** Stores in memory that note what they are asked to do, and for which keys. */
const observed = Effect.map(makeStores, ({ claims, store }) => {
  const keys = new Map<string, TokenStore.Key>()
  const counts = { get: 0, claim: 0, renew: 0, release: 0 }
  const count = (operation: keyof typeof counts) =>
    Effect.sync(() => {
      counts[operation]++
    })
  const note = (key: TokenStore.Key) =>
    Effect.sync(() => void keys.set(Option.getOrElse(key.tenantKey, () => "the app"), key))
  const stores: Stores = {
    store: {
      ...store,
      get: (key) => Effect.all([count("get"), note(key)]).pipe(Effect.zipRight(store.get(key)))
    },
    claims: {
      ...claims,
      claim: (appId, name, duration) => Effect.zipRight(count("claim"), claims.claim(appId, name, duration)),
      renew: (claim, duration) => Effect.zipRight(count("renew"), claims.renew(claim, duration)),
      release: (claim) => Effect.zipRight(count("release"), claims.release(claim))
    }
  }
  const keyOf = (name: string) => keys.get(name) ?? assert.fail(`nobody asked for ${name}`)
  return {
    counts,
    keyOf,
    memory: store,
    stores,
    /** Whether nobody gets this token now. */
    isFree: (name: string) =>
      Effect.gen(function*() {
        const { appId, secretHash, tenantKey } = keyOf(name)
        const of = Option.match(tenantKey, { onNone: () => "app", onSome: (key) => `tenant/${key}` })
        const answer = yield* claims.claim(appId, `token/${secretHash}/${of}`, Duration.millis(1))
        if (answer._tag === "Taken") return false
        yield* claims.release(answer.claim)
        return true
      })
  }
})

/** In the scope of the test, and without a log. */
const test = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) =>
  effect.pipe(Effect.scoped, withQuickClock, Effect.provide(silent))

describe("processes that ask at once", () => {
  /** Long enough for one attempt of 20 s. */
  const patient = RetryPolicy.make({ retries: 0, attemptTimeout: "30 seconds" })

  it.effect.each<[number, number]>([[2, 1], [8, 1], [2, 20], [8, 20]])(
    "%i of them, of a platform that takes %i s, make one call for each token",
    ([count, takes]) =>
      Effect.gen(function*() {
        const stores = yield* makeStores
        const { app, client, tenant } = platform({
          app: [Scripted.after("1 second", numbered("app"))],
          tenant: [Scripted.after(`${takes} seconds`, numbered("tenant"))]
        })
        const processes = yield* startAll(count, { ...stores, client, retryPolicy: patient })
        const fibers = yield* ask(processes)
        // Others look for it at least once a second, each of the two times.
        yield* pass(Duration.seconds(1 + 1 + takes + 1))
        assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", count))
        assert.deepStrictEqual([app.seen.length, tenant.seen.length], [1, 1])
        assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("tenant-1", count))
        yield* Effect.forEach(processes, ({ app }) => app)
        assert.deepStrictEqual([app.seen.length, tenant.seen.length], [1, 1])
      }).pipe(test)
  )

  it.effect("make no more attempts than one alone, where one takes 28 s", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({
        tenant: [Scripted.hang, Scripted.hang, Scripted.after("7 seconds", numbered("tenant"))]
      })
      const fibers = yield* ask(
        yield* startAll(8, { ...stores, client, retryPolicy: RetryPolicy.make({ baseDelay: 0 }) })
      )
      yield* pass("29 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 8))
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(test))

  it.effect("for 20 tenants make one call for each, none after another", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { app, client, tenant } = platform({ tenant: [Scripted.after("1 second", numbered("tenant"))] })
      const processes = yield* startAll(8, { ...stores, client })
      const keys = Arr.makeBy(20, (n) => `tenant_${n}`)
      const fibers = yield* Effect.forEach(keys, (key) => ask(processes, key))
      yield* pass("4 seconds")
      const got = yield* Effect.forEach(fibers, values)
      for (const ofTenant of got) assert.strictEqual(new Set(ofTenant).size, 1)
      assert.strictEqual(new Set(got.flat()).size, 20)
      assert.deepStrictEqual([app.seen.length, tenant.seen.length], [1, 20])
    }).pipe(test))

  it.effect("in the last minutes of a token have the old one at once, and make one call for the new one", () =>
    Effect.gen(function*() {
      const { isFree, stores } = yield* observed
      const { client, tenant } = platform({
        tenant: [issued("tenant", "old"), Scripted.after("5 seconds", issued("tenant", "new"))]
      })
      const processes = yield* startAll(8, { ...stores, client })
      yield* valuesNow(processes)
      yield* pass("100 minutes")
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("old", 8))
      yield* pass("4 seconds")
      assert.isFalse(yield* isFree("a"))
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("old", 8))
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("new", 8))
      assert.strictEqual(tenant.seen.length, 2)
      assert.isTrue(yield* isFree("a"))
    }).pipe(test))

  it.effect("for a self-built app make one call, whatever the keys", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({ tenant: [Scripted.after("1 second", numbered("tenant"))] })
      const processes = yield* startAll(8, { ...stores, client, kind: "self-built" })
      const fibers = yield* Effect.forEach(processes, ({ tenant }, n) => Effect.fork(tenant(`tenant_${n}`)))
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 8))
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(test))

  it.effect("without claims in common each make a call, and one for all callers of each", () =>
    Effect.gen(function*() {
      const store = yield* TokenStore.makeMemory()
      const { client, tenant } = platform({ tenant: [Scripted.after("1 second", numbered("tenant"))] })
      const processes = yield* startAll(3, { store, client, kind: "self-built" })
      const fibers = yield* ask([...processes, ...processes])
      yield* pass("2 seconds")
      yield* values(fibers)
      assert.strictEqual(tenant.seen.length, 3)
      // Whoever comes later has the last that was put.
      yield* Effect.flatMap(start({ store, client, kind: "self-built" }), ({ tenant }) => tenant("a"))
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(test))
})

describe("a day", () => {
  const appId = "cli_test"
  const secrets = {
    appSecret: Redacted.make("the app secret"),
    encryptKey: Redacted.make("the encrypt key"),
    verificationToken: Redacted.make("the verification token")
  }
  const tenants = ["tenant_0", "tenant_1"]
  const step = Duration.toMillis("5 minutes")
  const steps = Duration.toMillis("24 hours") / step

  /** One process, over the stores of the others. */
  const service = AccessToken.layer().pipe(Layer.provideMerge(AppTicket.layer()))

  const base = Layer.effectDiscard(Effect.gen(function*() {
    const { updateApp } = yield* Emulator.Emulator
    const requestUrl = EmulatorTest.requestUrl(yield* EventSubscription.EventSubscription)
    yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl })))
  })).pipe(
    Layer.provideMerge(EventSubscription.layer()),
    Layer.provideMerge(Layer.mergeAll(
      FeishuApp.layer({ ...secrets, appId }),
      Emulator.layerHttpClient({ apps: [{ ...secrets, appId, tenants }] }),
      TicketStore.layerMemory,
      TokenStore.layerMemory
    ))
  )

  /** So many processes and a platform of their own, whose calls are counted. */
  const world = (count: number) =>
    Effect.gen(function*() {
      const platform = yield* Layer.build(base)
      const paths: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(Context.get(platform, Emulator.Emulator).changes, (entry) =>
          Effect.sync(() => void (Journal.$is("Call")(entry) && paths.push(entry.path))))
      )
      const processes = yield* Effect.replicateEffect(Effect.provide(Layer.build(service), platform), count)
      return {
        /** Each process uses each tenant every 5 or 10 minutes, but for a pause by night. */
        use: (now: number) => {
          const isNight = now > steps * 0.6 && now < steps * 0.75
          const areTogether = now % 10 === 0
          const busy = isNight ? [] : processes.filter((_, n) =>
            (now + n) % 2 === 0 || areTogether
          )
          return Effect.forEach(
            busy,
            (context) => Effect.provide(Effect.forEach(tenants, AccessToken.tenant), context),
            { ...unbounded, discard: true }
          )
        },
        calls: () => {
          const of = (path: string) => paths.filter((seen) => seen === `/open-apis/auth/v3/${path}`).length
          return { resends: of("app_ticket/resend"), app: of("app_access_token"), tenant: of("tenant_access_token") }
        }
      }
    })

  it.effect("of 2 or 8 processes costs the platform no more calls than one of a single process", () =>
    Effect.gen(function*() {
      const worlds = yield* Effect.all([world(1), world(2), world(8)])
      for (let now = 0; now < steps; now++) {
        const using = yield* Effect.fork(Effect.forEach(worlds, ({ use }) => use(now), unbounded))
        yield* pass(step)
        yield* Fiber.join(using)
      }
      const [one, ...others] = worlds.map(({ calls }) => calls())
      if (one === undefined) return assert.fail()
      assert.strictEqual(one.resends, 1)
      assert.isAtLeast(one.app, 11)
      assert.isAtLeast(one.tenant, 11 * tenants.length)
      for (const several of others) {
        const told = `${JSON.stringify(others)} of several processes, ${JSON.stringify(one)} of one`
        assert.isAtMost(several.resends, one.resends, told)
        assert.isAtMost(several.app, one.app * 1.1, told)
        assert.isAtMost(several.tenant, one.tenant * 1.1, told)
      }
    }).pipe(Effect.withTracerEnabled(false), Effect.withRandom(Random.make("a day")), test))
})

describe("whoever gets a token for all", () => {
  it.effect("and ends meanwhile is followed by one other", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({ tenant: [Scripted.hang, Scripted.after("1 second", numbered("tenant"))] })
      const [first, ...others] = yield* startAll(8, { ...stores, client })
      const dying = yield* Effect.fork(first.tenant("a"))
      const fibers = yield* ask(others)
      yield* pass("5 seconds")
      assert.strictEqual(tenant.seen.length, 1)
      yield* first.stop
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(dying)))
      yield* pass("3 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 7))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(test))

  it.effect("and is gone without a word is followed by one other after 10 s", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* makeStores
      let isTaken = false
      const { client, tenant } = platform({ tenant: [Scripted.after("1 second", numbered("tenant"))] })
      const processes = yield* startAll(8, {
        client,
        store,
        claims: {
          ...claims,
          // Somebody who has died was here just before the first of them.
          claim: (appId, name, duration) =>
            Effect.suspend(() => {
              const isTenant = name.includes("/tenant/")
              const wasTaken = isTaken || !isTenant
              isTaken ||= isTenant
              return wasTaken ? Effect.void : claims.claim(appId, name, Duration.seconds(10))
            }).pipe(Effect.zipRight(claims.claim(appId, name, duration)))
        }
      })
      const fibers = yield* ask(processes)
      yield* pass("9 seconds")
      assert.strictEqual(tenant.seen.length, 0)
      yield* pass("4 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 8))
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(test))

  it.effect("in 35 s is waited for", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({ tenant: [Scripted.after("35 seconds", numbered("tenant"))] })
      const fibers = yield* ask(
        yield* startAll(8, {
          ...stores,
          client,
          retryPolicy: RetryPolicy.make({ attemptTimeout: "1 minute", totalTimeout: "1 minute" })
        })
      )
      yield* pass("36 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 8))
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(test))

  it.effect("in more than 40 s is waited for no longer, and has the token for itself nevertheless", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({
        tenant: [Scripted.after("1 minute", issued("tenant", "slow")), Scripted.after("1 second", numbered("tenant"))]
      })
      const [first, ...others] = yield* startAll(4, {
        ...stores,
        client,
        retryPolicy: RetryPolicy.make({ attemptTimeout: "2 minutes", totalTimeout: "2 minutes" })
      })
      const slow = yield* Effect.fork(first.tenant("a"))
      const fibers = yield* ask(others)
      yield* pass("40 seconds")
      assert.strictEqual(tenant.seen.length, 1, "they wait")
      yield* pass("3 seconds")
      yield* values(fibers)
      assert.isAtMost(tenant.seen.length, 4)
      assert.isFalse(yield* isDone(slow))
      yield* pass("17 seconds")
      assert.strictEqual(valueOf(yield* Fiber.join(slow)), "slow")
      assert.isAtMost(tenant.seen.length, 4)
    }).pipe(test))

  it.effect.each<[string, Scripted.Step, object]>([
    ["a refusal", Scripted.refused(11210), { _tag: "FeishuApiError", code: 11210 }],
    ["a broken connection", Scripted.dropped, { _tag: "FeishuNetworkError" }]
  ])("and gets %s fails alone: each other gets its own answer", ([_, step, error]) =>
    Effect.gen(function*() {
      const { isFree, stores } = yield* observed
      const { client, tenant } = platform({ tenant: [Scripted.after("1 second", step)] })
      const processes = yield* startAll(4, { ...stores, client })
      const fibers = yield* ask(processes)
      // Each waits for those before, and looks at least once a second.
      yield* pass("10 seconds")
      for (const fiber of fibers) {
        const exit = Option.getOrThrow(yield* Fiber.poll(fiber))
        assert.deepInclude(yield* Effect.flip(exit), error)
      }
      assert.strictEqual(tenant.seen.length, 4)
      assert.isTrue(yield* isFree("a"))
    }).pipe(test))

  it.effect("and fails is followed at once by who asks then", () =>
    Effect.gen(function*() {
      const { isFree, stores } = yield* observed
      const { client, tenant } = platform({ tenant: [Scripted.refused(11210), Scripted.dropped, numbered("tenant")] })
      const [one, two, three] = yield* startThree({ ...stores, client })
      yield* Effect.flip(one.tenant("a"))
      assert.isTrue(yield* isFree("a"))
      yield* Effect.flip(two.tenant("a"))
      assert.isTrue(yield* isFree("a"))
      assert.strictEqual(valueOf(yield* three.tenant("a")), "tenant-1")
      assert.isTrue(yield* isFree("a"))
      assert.isTrue(yield* isFree("the app"))
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(test))

  it.effect("and whose app token is refused gets another one for all", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { app, client, tenant } = platform({
        tenant: [numbered("tenant"), Scripted.refused(99991664), numbered("tenant")]
      })
      const [one, two] = yield* startThree({ ...stores, client })
      yield* one.tenant("a")
      yield* two.tenant("a")
      yield* one.tenant("b")
      yield* settle
      yield* two.tenant("c")
      assert.strictEqual(app.seen.length, 2)
      assert.strictEqual(tenant.seen.length, 4)
    }).pipe(test))

  it.effect("and is done between another's look and its claim has got it for that one, too", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* makeStores
      const { app, client, tenant } = platform()
      const one = yield* start({ client, claims, store })
      const two = yield* start({
        client,
        claims,
        store: { ...store, get: (key) => Effect.tap(store.get(key), () => Effect.sleep("1 second")) }
      })
      const fibers = yield* ask([two])
      yield* settle
      yield* one.tenant("a")
      yield* pass("4 seconds")
      assert.deepStrictEqual(yield* values(fibers), ["tenant-1"])
      assert.deepStrictEqual([app.seen.length, tenant.seen.length], [1, 1])
    }).pipe(test))

  it.effect("and whose callers are gone gets it, and lets go of its claim", () =>
    Effect.gen(function*() {
      const { isFree, stores } = yield* observed
      const { client, tenant } = platform({ tenant: [Scripted.after("5 seconds", numbered("tenant"))] })
      const [one, two] = yield* startThree({ ...stores, client })
      const fibers = yield* ask([one, two])
      yield* pass("1 second")
      yield* Fiber.interruptAll(fibers)
      assert.isFalse(yield* isFree("a"))
      yield* pass("4 seconds")
      assert.isTrue(yield* isFree("a"))
      yield* pass("1 second")
      assert.deepStrictEqual(yield* valuesNow([two]), ["tenant-1"])
      assert.strictEqual(tenant.seen.length, 1)
    }).pipe(test))

  it.effect("lets go of its claims when its layer ends, and not before", () =>
    Effect.gen(function*() {
      const { isFree, stores } = yield* observed
      const { client } = platform({ app: [numbered("app")], tenant: [Scripted.hang] })
      const process = yield* start({
        ...stores,
        client,
        retryPolicy: RetryPolicy.make({ attemptTimeout: "1 hour", totalTimeout: "1 hour" })
      })
      yield* ask([process])
      yield* ask([process], "b")
      yield* pass("30 seconds")
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "the app"], isFree), [false, false, true])
      yield* process.stop
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "the app"], isFree), [true, true, true])
    }).pipe(test))

  it.effect("lets nothing go on that is done", () =>
    Effect.gen(function*() {
      const { counts, stores } = yield* observed
      const { client } = platform({ tenant: [Scripted.after("8 seconds", numbered("tenant"))] })
      const fibers = yield* ask(yield* startThree({ ...stores, client }))
      yield* pass("10 seconds")
      yield* values(fibers)
      const after = { ...counts }
      assert.isAtLeast(after.renew, 2)
      yield* pass("1 minute")
      assert.deepStrictEqual(counts, after)
    }).pipe(test))
})

describe("a token that the platform refuses", () => {
  it.effect("costs one call for the next one, which every process finds in the store when it is refused, too", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform()
      const processes = yield* startThree({ ...stores, client })
      const [one, two, three] = processes
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("tenant-1", 3))
      const old = yield* two.tenant("a")
      yield* two.invalidate(old)
      assert.deepStrictEqual(yield* valuesNow([two]), ["tenant-2"])
      assert.deepStrictEqual(yield* valuesNow([one, three]), ["tenant-1", "tenant-1"], "nobody has refused it there")
      yield* Effect.forEach([one, three], ({ invalidate }) => invalidate(old))
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("tenant-2", 3))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(test))

  it.effect("in all processes at once costs one call for the next one", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({
        tenant: [issued("tenant", "old"), Scripted.after("2 seconds", numbered("tenant"))]
      })
      const processes = yield* startAll(8, { ...stores, client })
      yield* valuesNow(processes)
      yield* Effect.forEach(processes, ({ invalidate, tenant }) => Effect.flatMap(tenant("a"), invalidate))
      const fibers = yield* ask(processes)
      yield* pass("1 second")
      for (const fiber of fibers) assert.isFalse(yield* isDone(fiber))
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("tenant-1", 8))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(test))

  it.effect("and is the app's costs one call for the next one, and no tenant's token", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { app, client, tenant } = platform()
      const processes = yield* startThree({ ...stores, client })
      yield* valuesNow(processes)
      const apps = Effect.map(Effect.forEach(processes, ({ app }) => app), (tokens) => tokens.map(valueOf))
      assert.deepStrictEqual(yield* apps, Arr.replicate("app-1", 3))
      yield* Effect.forEach(processes, ({ app, invalidate }) => Effect.flatMap(app, invalidate))
      assert.deepStrictEqual(yield* apps, Arr.replicate("app-2", 3))
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("tenant-1", 3))
      assert.deepStrictEqual([app.seen.length, tenant.seen.length], [2, 1])
    }).pipe(test))

  it.effect("and is a self-built app's is replaced for every key", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { app, client, tenant } = platform()
      const [one, two, three] = yield* startThree({ ...stores, client, kind: "self-built" })
      const all = Effect.map(
        Effect.all([one.tenant("x"), two.tenant("y"), three.tenant("z"), two.tenant("x")]),
        (tokens) => tokens.map(valueOf)
      )
      assert.deepStrictEqual(yield* all, Arr.replicate("tenant-1", 4))
      const apps = [yield* one.app, yield* two.app].map(valueOf)
      for (const { invalidate, tenant } of [one, two, three]) yield* Effect.flatMap(tenant("another"), invalidate)
      assert.deepStrictEqual(yield* all, Arr.replicate("tenant-2", 4))
      assert.deepStrictEqual([yield* one.app, yield* two.app].map(valueOf), apps)
      for (const { app, invalidate } of [one, two]) yield* Effect.flatMap(app, invalidate)
      assert.deepStrictEqual([yield* one.app, yield* two.app].map(valueOf), ["app-2", "app-2"])
      assert.deepStrictEqual(yield* all, Arr.replicate("tenant-2", 4))
      assert.deepStrictEqual([app.seen.length, tenant.seen.length], [2, 2])
    }).pipe(test))

  it.effect("and then issues again is used again, and is dropped ever more rarely", () =>
    Effect.gen(function*() {
      const { claims, store } = yield* makeStores
      let drops = 0
      const stores: Stores = {
        claims,
        store: { ...store, drop: (key, token) => Effect.andThen(Effect.sync(() => drops++), store.drop(key, token)) }
      }
      const { client, tenant } = platform({ tenant: [issued("tenant", "the-same")] })
      const refuse = (processes: ReadonlyArray<Process>) =>
        Effect.forEach(processes, ({ invalidate, tenant }) => Effect.flatMap(tenant("a"), invalidate))
      const lines = yield* recorded(
        Effect.gen(function*() {
          const processes = yield* startThree({ ...stores, client })
          yield* valuesNow(processes)
          assert.strictEqual(tenant.seen.length, 1)
          for (let minute = 0; minute < 10; minute++) {
            yield* refuse(processes)
            assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("the-same", 3))
            yield* pass("59 seconds")
          }
          // Each process after 0, 1, 2, 4 and 7 minutes.
          assert.strictEqual(drops, 15)
          assert.strictEqual(tenant.seen.length, 1 + 15)
        }).pipe(Logger.withMinimumLogLevel(LogLevel.All))
      )
      assert.strictEqual(lines.filter((line) => line.includes("issued again an access token")).length, 15)
      assert.isFalse(lines.some((line) => line.includes("the-same")))
    }).pipe(test))

  it.effect("and then issues again is replaced as soon as the store has another one", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({
        tenant: [issued("tenant", "t1"), issued("tenant", "t1"), issued("tenant", "t2")]
      })
      const [one, other] = yield* startThree({ ...stores, client })
      yield* valuesNow([one, other])
      const refuse = ({ invalidate, tenant }: Process) => Effect.flatMap(tenant("a"), invalidate)
      yield* refuse(one)
      assert.deepStrictEqual(yield* valuesNow([one]), ["t1"], "issued again")
      yield* refuse(other)
      assert.deepStrictEqual(yield* valuesNow([other]), ["t2"])
      yield* refuse(one)
      assert.deepStrictEqual(yield* valuesNow([one]), ["t2"], "within the 15 s")
      assert.strictEqual(tenant.seen.length, 3)
    }).pipe(test))

  it.effect("during its renewal leaves all with the new one", () =>
    Effect.gen(function*() {
      const stores = yield* makeStores
      const { client, tenant } = platform({
        tenant: [issued("tenant", "old"), Scripted.after("5 seconds", issued("tenant", "new"))]
      })
      const processes = yield* startThree({ ...stores, client })
      yield* valuesNow(processes)
      yield* pass("100 minutes")
      assert.deepStrictEqual(yield* valuesNow(processes), Arr.replicate("old", 3))
      yield* Effect.forEach(processes, ({ invalidate, tenant }) => Effect.flatMap(tenant("a"), invalidate))
      const fibers = yield* ask(processes)
      yield* pass("6 seconds")
      assert.deepStrictEqual(yield* values(fibers), Arr.replicate("new", 3))
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(test))
})

describe("a store that does not do its part", () => {
  const operations = ["get", "put", "drop", "claim", "renew", "release"] as const
  type Operation = typeof operations[number]

  const tokenError = (operation: TokenStore.TokenStoreError["operation"]) =>
    new TokenStore.TokenStoreError({ appId: "cli_test", operation, description: "it is down" })
  const claimsError = (operation: Claims.ClaimsError["operation"]) =>
    new Claims.ClaimsError({ appId: "cli_test", operation, description: "it is down" })

  /** Of these operations each ends like this. */
  const broken = (names: ReadonlyArray<Operation>, end: <E>(error: E) => Effect.Effect<never, E>) =>
    Effect.map(makeStores, ({ claims, store }): Stores => {
      const is = (operation: Operation) => names.includes(operation)
      return {
        store: {
          get: (key) => is("get") ? end(tokenError("get")) : store.get(key),
          put: (key, token) => is("put") ? end(tokenError("put")) : store.put(key, token),
          drop: (key, token) => is("drop") ? end(tokenError("drop")) : store.drop(key, token)
        },
        claims: {
          ...claims,
          claim: (appId, name, duration) =>
            is("claim") ? end(claimsError("claim")) : claims.claim(appId, name, duration),
          renew: (claim, duration) => is("renew") ? end(claimsError("renew")) : claims.renew(claim, duration),
          release: (claim) => is("release") ? end(claimsError("release")) : claims.release(claim)
        }
      }
    })

  const ways = {
    fails: Effect.fail,
    "hangs for 2 s": <E>(error: E) => Effect.delay(Effect.fail(error), "2 seconds")
  }

  for (const [way, end] of Object.entries(ways)) {
    it.effect.each(operations)(
      `and whose %s ${way} keeps nobody from a token`,
      (operation) =>
        Effect.gen(function*() {
          const stores = yield* broken([operation], end)
          const { client, tenant } = platform({ tenant: [Scripted.after("8 seconds", numbered("tenant"))] })
          const processes = yield* startThree({ ...stores, client })
          const fibers = yield* ask(processes)
          // One after the other, where the next one cannot know of the one before.
          yield* pass("39 seconds")
          yield* values(fibers)
          assert.isAtMost(tenant.seen.length, ["get", "put", "claim", "release"].includes(operation) ? 3 : 1)
          const [one] = processes
          const bad = yield* one.tenant("a")
          const invalidating = yield* Effect.fork(one.invalidate(bad))
          yield* pass("2 seconds")
          yield* Fiber.join(invalidating)
          const again = yield* Effect.fork(one.tenant("a"))
          yield* pass("20 seconds")
          assert.notStrictEqual(valueOf(yield* Fiber.join(again)), valueOf(bad))
        }).pipe(test)
    )

    it.effect(`and ${way} as a whole costs a caller no more than its time limits`, () =>
      Effect.gen(function*() {
        const stores = yield* broken(operations, end)
        const { client, tenant } = platform()
        const fibers = yield* ask(yield* startThree({ ...stores, client }))
        // Of each of the two tokens: two looks, the claim, the write and the release.
        yield* pass("20 seconds")
        yield* values(fibers)
        assert.strictEqual(tenant.seen.length, 3)
      }).pipe(test))
  }

  it.effect("and loses the claims lets the next one ask after 10 s", () =>
    Effect.gen(function*() {
      const stores = yield* broken(["renew"], ways.fails)
      const { client, tenant } = platform({ tenant: [Scripted.hang, numbered("tenant")] })
      const fibers = yield* ask(
        yield* startThree({
          ...stores,
          client,
          retryPolicy: RetryPolicy.make({ retries: 0, attemptTimeout: "30 seconds" })
        })
      )
      yield* pass("9 seconds")
      assert.strictEqual(tenant.seen.length, 1)
      yield* pass("3 seconds")
      assert.deepStrictEqual(yield* values(fibers.slice(1)), ["tenant-1", "tenant-1"])
      assert.strictEqual(tenant.seen.length, 2)
    }).pipe(test))
})

type Command =
  | { readonly _tag: "Ask" | "Invalidate" | "Restart"; readonly process: number; readonly tenantKey: string }
  | { readonly _tag: "AskAll"; readonly tenantKey: string }
  | { readonly _tag: "Advance"; readonly minutes: number }

describe("whatever 3 processes do", () => {
  const process = fc.nat({ max: 2 })
  const tenantKey = fc.constantFrom("a", "b")
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ _tag: fc.constant("Ask" as const), process, tenantKey }) },
    { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Invalidate" as const), process, tenantKey }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Restart" as const), process, tenantKey }) },
    { weight: 2, arbitrary: fc.record({ _tag: fc.constant("AskAll" as const), tenantKey }) },
    {
      weight: 3,
      arbitrary: fc.record({
        _tag: fc.constant("Advance" as const),
        minutes: fc.constantFrom(1, 40, 60, 90, 96, 118, 300)
      })
    }
  )

  it.effect.prop(
    "none returns a token that has expired or that it has invalidated",
    { commands: fc.array(command, { minLength: 5, maxLength: 25 }) },
    ({ commands }) =>
      Effect.gen(function*() {
        const stores = yield* makeStores
        const { client, tenant } = platform({ app: [numbered("app")], tenant: [numbered("tenant")] })
        const processes = [...yield* startThree({ ...stores, client })]
        /** By process, which may have been restarted meanwhile. */
        const invalidated = [new Set<string>(), new Set<string>(), new Set<string>()]
        const known = new Map<string, Set<string>>()
        const isInvalidated = (process: number, token: AccessToken.Token) =>
          invalidated[process]?.has(valueOf(token)) ?? assert.fail()
        const check = (process: number, token: AccessToken.Token, tenantKey: string) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            assert.isFalse(isInvalidated(process, token), `${valueOf(token)} was invalidated`)
            assert.isAbove(DateTime.toEpochMillis(token.expiresAt), now)
            assert.strictEqual(Option.getOrNull(token.tenantKey), tenantKey)
            known.set(tenantKey, (known.get(tenantKey) ?? new Set()).add(valueOf(token)))
          })
        const use = (process: number, tenantKey: string) =>
          Effect.tap(
            (processes[process] ?? assert.fail()).tenant(tenantKey),
            (token) => check(process, token, tenantKey)
          )
        for (const command of commands) {
          switch (command._tag) {
            case "Ask":
              yield* use(command.process, command.tenantKey)
              break
            case "AskAll": {
              const fibers = yield* Effect.forEach([0, 1, 2], (n) => Effect.fork(use(n, command.tenantKey)))
              yield* pass("1 second")
              yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
              break
            }
            case "Invalidate": {
              const token = yield* use(command.process, command.tenantKey)
              // What goes on in the background may have a newer one already, and then this one is out of use.
              yield* settle
              const current = yield* use(command.process, command.tenantKey)
              yield* (processes[command.process] ?? assert.fail()).invalidate(current)
              invalidated[command.process]?.add(valueOf(current))
              assert.isTrue(valueOf(token) === valueOf(current) || !isInvalidated(command.process, token))
              break
            }
            case "Restart":
              yield* (processes[command.process] ?? assert.fail()).stop
              processes[command.process] = yield* start({ ...stores, client })
              break
            case "Advance":
              yield* pass(Duration.minutes(command.minutes))
          }
          yield* settle
        }
        // Each token was got once: as many calls as there have been tokens.
        const all = [...known.values()].reduce((sum, values) => sum + values.size, 0)
        assert.isAtLeast(tenant.seen.length, all)
        assert.isAtMost(tenant.seen.length - all, commands.length)
      }).pipe(test),
    { fastCheck: { numRuns: 25 } }
  )
})

describe("the metrics", () => {
  const counts = (appId: string, token: string) =>
    Effect.forEach(["success", "shared", "AppState"], (outcome) =>
      Effect.map(
        Metric.value(FeishuMetrics.tokenFetches.pipe(
          Metric.tagged("app_id", appId),
          Metric.tagged("token", token),
          Metric.tagged("outcome", outcome)
        )),
        (state: MetricState.MetricState.Counter<number>) => state.count
      ))

  it.effect("count what another process has got as shared", () =>
    Effect.gen(function*() {
      const appId = "cli_of_the_shared_metrics"
      const stores = yield* makeStores
      const { client } = platform({
        app: [Scripted.after("1 second", numbered("app"))],
        tenant: [Scripted.after("1 second", numbered("tenant"))]
      })
      const processes = yield* startAll(5, { ...stores, client, appId })
      const fibers = yield* ask(processes)
      yield* pass("4 seconds")
      yield* values(fibers)
      assert.deepStrictEqual(yield* counts(appId, "app"), [1, 4, 0])
      assert.deepStrictEqual(yield* counts(appId, "tenant"), [1, 4, 0])
      // What is in the store is no call at all.
      yield* Effect.flatMap(start({ ...stores, client, appId }), ({ tenant }) => tenant("a"))
      yield* valuesNow(processes)
      assert.deepStrictEqual(yield* counts(appId, "tenant"), [1, 4, 0])
    }).pipe(test))

  it.effect("count what each has got for itself as its own", () =>
    Effect.gen(function*() {
      const appId = "cli_of_the_unshared_metrics"
      const stores = yield* makeStores
      const { client } = platform({ tenant: [Scripted.after("1 second", Scripted.refused(11210))] })
      const fibers = yield* ask(yield* startThree({ ...stores, client, appId }))
      yield* pass("10 seconds")
      yield* Effect.forEach(fibers, (fiber) => Effect.flip(Fiber.join(fiber)))
      assert.deepStrictEqual(yield* counts(appId, "tenant"), [0, 0, 3])
    }).pipe(test))
})
