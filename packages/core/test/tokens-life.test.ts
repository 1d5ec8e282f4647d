/** The life of a service that calls the platform for many tenants, told by the emulator's journal. */
import { Emulator, EmulatorTest, Journal } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Clock,
  Duration,
  Effect,
  Either,
  ExecutionStrategy,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Random,
  Redacted,
  Schema,
  Scope,
  Stream,
  TestClock
} from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as EventNodeListener from "../src/EventNodeListener.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import * as TokenStore from "../src/TokenStore.js"
import { pass, withQuickClock } from "./quickClock.js"

const appId = "cli_test"

const secrets = {
  appSecret: Redacted.make("the app secret"),
  encryptKey: Redacted.make("the encrypt key"),
  verificationToken: Redacted.make("the verification token")
}

const paths = {
  resend: "/open-apis/auth/v3/app_ticket/resend",
  app: "/open-apis/auth/v3/app_access_token",
  tenant: "/open-apis/auth/v3/tenant_access_token",
  query: "/open-apis/tenant/v2/tenant/query"
}

const Tenant = Schema.Struct({ tenant: Schema.Struct({ tenant_key: Schema.String }) })

/** One call for this tenant, whose answer is this tenant's. */
const query = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const { tenant } = yield* Effect.flatMap(client.get(paths.query), FeishuClient.schemaData(Tenant))
    assert.strictEqual(tenant.tenant_key, tenantKey)
  })

const queryAll = (tenantKeys: ReadonlyArray<string>) =>
  Effect.forEach(tenantKeys, query, { concurrency: "unbounded", discard: true })

type Call = ReturnType<typeof Journal.Call>

const isCall = Journal.$is("Call")
const to = (path: string) => (call: Call) => call.path === path

const counts = (calls: ReadonlyArray<Call>) => ({
  resends: calls.filter(to(paths.resend)).length,
  app: calls.filter(to(paths.app)).length,
  tenant: calls.filter(to(paths.tenant)).length,
  queries: calls.filter(to(paths.query)).length
})

/** Collects the calls, of which the journal keeps but the newest. */
const collectCallsBy = (settle: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const calls: Array<Call> = []
    const { changes } = yield* Emulator.Emulator
    yield* Effect.forkScoped(
      Stream.runForEach(changes, (entry) => Effect.sync(() => void (isCall(entry) && calls.push(entry))))
    )
    yield* settle
    return {
      calls,
      /** Those that this makes. */
      during: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.gen(function*() {
          const before = calls.length
          yield* effect
          yield* settle
          return calls.slice(before)
        })
    }
  })

const collectCalls = collectCallsBy(TestClock.adjust(0))

/** One process of the service, as it starts: over the stores of those before. */
const service = (appSecret: Redacted.Redacted) =>
  AccessToken.layer().pipe(
    Layer.provideMerge(AppTicket.layer()),
    Layer.provideMerge(Layer.effectDiscard(Effect.gen(function*() {
      const { updateApp } = yield* Emulator.Emulator
      const requestUrl = EmulatorTest.requestUrl(yield* EventSubscription.EventSubscription)
      yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl })))
    }))),
    Layer.provideMerge(EventSubscription.layer()),
    Layer.provideMerge(FeishuApp.layer({ ...secrets, appId, appSecret }))
  )

const platform = (tenants: ReadonlyArray<string>) =>
  Layer.mergeAll(
    Emulator.layerHttpClient({ apps: [{ ...secrets, appId, tenants }] }),
    TicketStore.layerMemory,
    TokenStore.layerMemory
  )

/** Starts one, and ends it before the test does. */
const begin = (appSecret: Redacted.Redacted) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const context = yield* Layer.buildWithScope(service(appSecret), scope)
    return { context, stop: Scope.close(scope, Exit.void) }
  })

const silent = Logger.minimumLogLevel(LogLevel.None)

/**
 * Without the time limits of calls, which are answered at once here: each leaves a sleep behind, and each sleep takes the
 * `TestClock` some milliseconds.
 */
const withoutCallTimeouts = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.clockWith((clock) =>
    Effect.withClock(
      effect,
      Object.assign(Object.create(clock), {
        sleep: (duration: Duration.DurationInput) =>
          Duration.toMillis(duration) === 10_000 ? Effect.never : clock.sleep(Duration.decode(duration))
      })
    )
  )

describe("Three days of calls by 200 tenants", () => {
  const step = Duration.toMillis("5 minutes")
  const hour = 12
  const end = 72 * hour
  const restart = 12 * hour
  const invalidation = 20 * hour
  const rotation = { from: 30 * hour, to: 31.5 * hour }
  const outage = { from: 45 * hour, to: 48.5 * hour }
  const burst = 60 * hour
  const quiet = { from: 62 * hour, to: 65 * hour }
  const isIn = ({ from, to }: { readonly from: number; readonly to: number }, step: number) => step >= from && step < to

  const tenants = Arr.makeBy(200, (n) => ({
    key: `tenant_${n}`,
    /** Between two calls, in steps. */
    gap: n === 0 ? [1, 1] as const : n < 7 ? [2, 9] as const : [24, 384] as const
  }))
  const isBusy = (key: string) => tenants.some(({ gap: [_, longest], ...tenant }) => tenant.key === key && longest < 24)
  const tokenLife = 2 * hour
  const early = "calls just before its token counts as gone"
  const late = "calls when its token counts as gone"

  /** By step: who calls. */
  const plan = Effect.gen(function*() {
    const due = Arr.makeBy(end, (): Array<string> => [])
    for (const { gap: [shortest, longest], key } of tenants) {
      let next = yield* Random.nextIntBetween(0, longest)
      while (next < end) {
        if (!isIn(quiet, next)) due[next]?.push(key)
        next += yield* Random.nextIntBetween(shortest, longest + 1)
      }
    }
    return due
  }).pipe(Effect.withRandom(Random.make("three days")))

  it.effect(
    "none goes out with a token known to be bad, few ask for one, and what fails fails typed",
    () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const { calls, during } = yield* collectCallsBy(pass(0))
        const due = yield* plan
        const newSecret = Redacted.make("the new app secret")
        let running = yield* begin(secrets.appSecret)
        const outcomes: Array<{ readonly step: number; readonly key: string; readonly outcome: string }> = []

        const callAll = (now: number) =>
          Effect.forEach(due[now] ?? [], (key) =>
            Effect.map(
              Effect.either(query(key)),
              Either.match({
                onRight: () => "success",
                onLeft: (error) => error._tag === "FeishuApiError" ? error.kind : error._tag
              })
            ).pipe(Effect.map((outcome) => outcomes.push({ step: now, key, outcome }))), {
            concurrency: "unbounded",
            discard: true
          }).pipe(Effect.provide(running.context))

        for (let now = 0; now < end; now++) {
          if (now === restart) {
            yield* running.stop
            running = yield* begin(secrets.appSecret)
          }
          if (now === invalidation) yield* emulator.invalidateTokens(appId)
          if (now === rotation.from) yield* emulator.updateApp(appId, (app) => ({ ...app, appSecret: newSecret }))
          if (now === rotation.to) {
            // Whatever was got with the old secret is refused from now on.
            yield* emulator.invalidateTokens(appId)
            yield* running.stop
            running = yield* begin(newSecret)
          }
          if (now === outage.from) yield* emulator.updateApp(appId, (app) => ({ ...app, enabled: false }))
          if (now === outage.to) yield* emulator.updateApp(appId, (app) => ({ ...app, enabled: true }))

          const calling = yield* Effect.fork(callAll(now))
          if (now === burst - 24) yield* Effect.provide(queryAll([early, late]), running.context)
          if (now === burst - 1) {
            // A token lives for 117 minutes to those who use it: they began 115 ago.
            yield* pass(Duration.toMillis("2 minutes") - 1)
            yield* Fiber.join(calling)
            const before = yield* during(Effect.provide(queryAll(Arr.replicate(early, 500)), running.context))
            assert.strictEqual(before.filter(({ tenantKey }) => tenantKey === early).length, 501)
            assert.strictEqual(before.filter(to(paths.tenant)).length, 1)
            yield* pass(1)
            const after = yield* during(Effect.provide(queryAll(Arr.replicate(late, 500)), running.context))
            assert.strictEqual(after.filter(({ tenantKey }) => tenantKey === late).length, 501)
            assert.strictEqual(after.filter(to(paths.tenant)).length, 1)
            assert.isAtMost(before.concat(after).filter(to(paths.app)).length, 1)
            yield* pass("3 minutes")
          } else {
            yield* pass(step)
            yield* Fiber.join(calling)
          }
        }

        const stepOf = ({ at }: Call) => Math.floor(at / step)
        const isSuccess = ({ code }: Call) => code === 0
        const queries = calls.filter(to(paths.query))
        const appTokens = calls.filter(to(paths.app))
        const tenantTokens = calls.filter(to(paths.tenant))
        const resends = calls.filter(to(paths.resend))
        assert.isAbove(outcomes.length, 2000)

        // No call without a token, and none with one that was known to be bad.
        assert.deepStrictEqual(queries.filter(({ token }) => token === "none"), [])
        const refused = queries.filter(({ token }) => token === "invalid")
        const [disabled, invalid] = Arr.partition(refused, ({ code }) => code !== 99991662)
        assert.isTrue(disabled.every((call) => isIn(outage, stepOf(call))))
        // The invalidation cannot be known: each tenant that has a token learns of it by its next call, and by no other.
        const called = new Set<string>()
        for (let now = invalidation; now < rotation.from; now++) {
          const learning = (due[now] ?? []).filter((key) => !called.has(key))
          for (const key of learning) called.add(key)
          const seen = invalid.filter((call) => stepOf(call) === now).length
          assert.isAtMost(seen, learning.length)
          assert.isAtLeast(seen, learning.filter(isBusy).length)
        }
        assert.isTrue(invalid.every((call) => isIn({ from: invalidation, to: invalidation + tokenLife }, stepOf(call))))
        const deadAppToken = tenantTokens.filter(({ code }) => code === 99991664)
        assert.isTrue(deadAppToken.every((call) => stepOf(call) === invalidation))
        assert.isAtMost(deadAppToken.length, due[invalidation]?.length ?? 0)

        // What fails, and when.
        const appTokenBefore = appTokens.findLast((call) => isSuccess(call) && stepOf(call) < rotation.from)
        const appTokenGone = Math.ceil(
          ((appTokenBefore?.at ?? assert.fail()) + Duration.toMillis("117 minutes")) / step
        )
        const failing = outcomes.filter(({ outcome }) => outcome !== "success")
        const inRotation = failing.filter(({ step }) => isIn({ from: appTokenGone, to: rotation.to }, step))
        const inOutage = failing.filter(({ step }) => isIn(outage, step))
        assert.deepStrictEqual(new Set(inRotation.map(({ outcome }) => outcome)), new Set(["Credentials"]))
        assert.deepStrictEqual(new Set(inOutage.map(({ outcome }) => outcome)), new Set(["AppState"]))
        assert.strictEqual(failing.length, inRotation.length + inOutage.length)
        assert.strictEqual(inOutage.length, outcomes.filter(({ step }) => isIn(outage, step)).length)
        const last = outcomes.filter(({ outcome, step }) =>
          outcome === "success" && isIn({ from: appTokenGone, to: rotation.to }, step)
        )
        assert.isNotEmpty(inRotation)
        // The tenants' tokens outlast the app's.
        assert.isNotEmpty(last)

        // The platform is asked for a ticket once, and again when the outage has outlasted the last one, with pauses.
        const asked = resends.slice(1)
        assert.strictEqual(stepOf(resends[0] ?? assert.fail()), 0)
        assert.isTrue(asked.every((call) => isIn({ from: outage.from, to: outage.to + 1 }, stepOf(call))))
        for (const [before, after] of Arr.zip(asked, asked.slice(1))) assert.isAtLeast(after.at - before.at, 120_000)

        // A new token at most each 95 minutes, the earliest that one is renewed, but for those that were lost.
        const apart = Duration.toMillis("95 minutes")
        const lost = [invalidation * step, rotation.to * step]
        const assertApart = (fetches: ReadonlyArray<Call>) => {
          for (const [before, after] of Arr.zip(fetches, fetches.slice(1))) {
            const isLost = lost.some((at) => before.at <= at && at <= after.at)
            assert.isTrue(isLost || after.at - before.at >= apart, `${before.at} and ${after.at}`)
          }
        }
        const ofApp = appTokens.filter(isSuccess)
        assertApart(ofApp)
        assert.isAtLeast(ofApp.length, 36)
        assert.isAtMost(ofApp.length, 46)
        for (const { gap: [shortest], key } of tenants) {
          const fetches = tenantTokens.filter((call) => isSuccess(call) && call.tenantKey === key)
          assertApart(fetches)
          if (isBusy(key)) assert.isAtLeast(fetches.length, shortest === 1 ? 38 : 28)
          assert.isAtMost(fetches.length, 46)
        }

        // For tenants that call, and for nobody else.
        for (const call of tenantTokens) {
          const isOfBurst = call.tenantKey === early || call.tenantKey === late
          if (!isOfBurst) assert.include(due[stepOf(call)] ?? [], call.tenantKey ?? assert.fail())
        }
        assert.deepStrictEqual(calls.filter((call) => isIn(quiet, stepOf(call))), [])
      }).pipe(
        Effect.provide(platform([...tenants.map(({ key }) => key), early, late])),
        Effect.withTracerEnabled(false),
        Effect.scoped,
        withQuickClock,
        Effect.provide(silent)
      ),
    120_000
  )
})

describe("A clock that jumps, during use", () => {
  const tenants = Arr.makeBy(10, (n) => `tenant_${n}`)
  /** So that there is a past of a day. */
  const start = Duration.toMillis("25 hours")

  interface Jump {
    /** All clocks, by so much. */
    readonly all?: Duration.DurationInput
    /** This process's only, in milliseconds. */
    readonly wall?: number
    readonly monotonic?: number
  }

  const hours = (n: number) => n * 3_600_000

  it.effect.each<[string, Jump]>([
    ["2 hours ahead", { all: "2 hours" }],
    ["5 hours ahead", { all: "5 hours" }],
    ["to a minute before the end of the tokens", { all: "99 minutes" }],
    ["2 hours ahead, while the monotonic one stood still", { all: "2 hours", monotonic: -hours(2) }],
    ["2 hours ahead, and this process's alone an hour back", { all: "2 hours", wall: -hours(3) }],
    ["a day back", { wall: -hours(24) }],
    ["an hour ahead", { wall: hours(1) }]
  ])("%s: no call with a dead token", ([_, jump]) => {
    let wall = 0
    let monotonic = 0
    const own = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.clockWith((clock) => {
        const millis = () => clock.unsafeCurrentTimeMillis() + wall
        const nanos = () => clock.unsafeCurrentTimeNanos() + BigInt(monotonic) * 1_000_000n
        const set: Clock.Clock = Object.assign(Object.create(clock), {
          unsafeCurrentTimeMillis: millis,
          currentTimeMillis: Effect.sync(millis),
          unsafeCurrentTimeNanos: nanos,
          currentTimeNanos: Effect.sync(nanos)
        })
        return Effect.withClock(effect, set)
      })
    return Effect.gen(function*() {
      yield* TestClock.setTime(start)
      const { calls } = yield* collectCalls
      const { context } = yield* own(begin(secrets.appSecret))
      const callAll = Effect.gen(function*() {
        const calling = yield* Effect.fork(own(Effect.provide(queryAll(tenants), context)))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(calling)
      })
      yield* callAll
      yield* TestClock.adjust("20 minutes")
      yield* callAll
      assert.deepStrictEqual(counts(calls), { resends: 1, app: 1, tenant: 10, queries: 20 })
      const now = yield* Clock.currentTimeMillis
      wall = jump.wall ?? 0
      monotonic = jump.monotonic ?? 0
      yield* TestClock.setTime(now + Duration.toMillis(jump.all ?? 0))
      yield* callAll
      for (let n = 0; n < 15; n++) {
        yield* TestClock.adjust("14 minutes")
        yield* callAll
      }
      const queries = calls.filter(to(paths.query))
      assert.strictEqual(queries.length, 18 * tenants.length)
      assert.isTrue(queries.every(({ code, token }) => code === 0 && token === "valid"))
      const got = counts(calls.filter(({ code }) => code === 0))
      assert.isAtMost(got.app, 5)
      assert.isAtMost(got.tenant, 5 * tenants.length)
    }).pipe(Effect.provide(platform(tenants)), withoutCallTimeouts, Effect.scoped, Effect.provide(silent))
  })
})

describe("Over real sockets", () => {
  const tenants = Arr.makeBy(50, (n) => `tenant_${n}`)

  const listen = (server: Net.Server, port: number) =>
    Effect.async<number>((resume) =>
      void server.listen(port, "127.0.0.1", () => resume(Effect.succeed((server.address() as Net.AddressInfo).port)))
    )

  /** Between the service and the platform: what ends while the platform restarts. */
  const makeGateway = (port: number) => {
    const sockets = new Set<Net.Socket>()
    const server = Net.createServer((socket) => {
      const onwards = Net.connect(port, "127.0.0.1")
      for (const [one, other] of [[socket, onwards], [onwards, socket]] as const) {
        sockets.add(one)
        one.on("error", () => other.destroy())
        one.on("close", () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    })
    const close = Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of sockets) socket.destroy()
    })
    return { listen: (port: number) => listen(server, port), close }
  }

  /** The service's own web server, which takes the tickets. */
  const WebServer = Layer.scopedDiscard(Effect.gen(function*() {
    const listener = yield* EventNodeListener.make
    const server = Http.createServer((request, response) => void listener(request, response))
    const port = yield* Effect.acquireRelease(listen(server, 0), () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      }))
    const { setRequestUrl } = yield* Emulator.Emulator
    yield* setRequestUrl(appId, `http://127.0.0.1:${port}/webhook`)
  }))

  it.scopedLive("a cold start of 50 tenants, an invalidation, and a platform that is away for a while", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const gateway = makeGateway(Number(new URL(emulator.baseUrl).port))
      const port = yield* Effect.acquireRelease(gateway.listen(0), () => gateway.close)
      const service = Layer.mergeAll(AccessToken.layer(), WebServer).pipe(
        Layer.provideMerge(Layer.mergeAll(AppTicket.layer(), EventSubscription.layer(), TokenStore.layerMemory)),
        Layer.provideMerge(Layer.mergeAll(
          FeishuApp.layer({ ...secrets, appId, baseUrl: `http://127.0.0.1:${port}` }),
          FeishuClient.layerFetch,
          TicketStore.layerMemory
        ))
      )
      const calls = Effect.map(emulator.journal, (entries) => entries.filter(isCall))
      const during = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.gen(function*() {
          const before = (yield* calls).length
          yield* effect
          return (yield* calls).slice(before)
        })
      const tokens = (all: ReadonlyArray<Call>) => {
        const sums = { none: 0, valid: 0, invalid: 0 }
        for (const { token } of all.filter(to(paths.query))) sums[token]++
        return sums
      }

      yield* Effect.gen(function*() {
        const cold = yield* during(queryAll(tenants))
        assert.deepStrictEqual(counts(cold), { resends: 1, app: 1, tenant: 50, queries: 50 })
        assert.deepStrictEqual(tokens(cold), { none: 0, valid: 50, invalid: 0 })

        const warm = yield* during(queryAll([...tenants, ...tenants]))
        assert.deepStrictEqual(counts(warm), { resends: 0, app: 0, tenant: 0, queries: 100 })
        assert.deepStrictEqual(tokens(warm), { none: 0, valid: 100, invalid: 0 })

        yield* emulator.invalidateTokens(appId)
        const recovery = yield* during(queryAll(tenants))
        assert.deepStrictEqual(tokens(recovery), { none: 0, valid: 50, invalid: 50 })
        assert.deepInclude(counts(recovery), { resends: 0, app: 1, queries: 100 })
        const refused = recovery.filter(({ code }) => code === 99991664).length
        assert.isAbove(refused, 0)
        assert.strictEqual(counts(recovery).tenant - refused, 50)

        yield* gateway.close
        const away = yield* during(Effect.gen(function*() {
          const getting = yield* Effect.fork(queryAll(tenants))
          yield* Effect.sleep("300 millis")
          assert.strictEqual(Option.getOrNull(yield* Fiber.poll(getting)), null)
          yield* gateway.listen(port)
          yield* Fiber.join(getting)
        }))
        assert.strictEqual(away.length, 50)
        assert.deepStrictEqual(counts(away), { resends: 0, app: 0, tenant: 0, queries: 50 })
        assert.isTrue(away.every(({ token }) => token === "valid"))
      }).pipe(Effect.provide(service))
    }).pipe(
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ retries: 60, maxDelay: "200 millis" })),
      Effect.provide([Emulator.layerServer({ apps: [{ ...secrets, appId, tenants }] }), silent])
    ))
})
