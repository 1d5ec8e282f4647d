/** What is told of a store that fails, by the services that use it. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Metric,
  type MetricState,
  Option,
  Redacted,
  type Scope,
  Stream
} from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import * as TokenStore from "../src/TokenStore.js"
import * as Deliveries from "./deliveries.js"
import { kvsError, makeKvs, recorded } from "./keyValues.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

/** The metrics are those of the whole process: each test has an app of its own. */
let apps = 0
const newAppId = () => `cli_of_outage_${++apps}`

const failures = (store: "TicketStore" | "TokenStore" | "Claims", appId: string, operation: string) =>
  Effect.map(
    Metric.value(FeishuMetrics.storeFailures.pipe(
      Metric.tagged("app_id", appId),
      Metric.tagged("store", store),
      Metric.tagged("operation", operation)
    )),
    (state: MetricState.MetricState.Counter<number>) => state.count
  )

const warningsIn = (lines: ReadonlyArray<string>) => lines.filter((line) => line.startsWith("WARN"))
const recoveriesIn = (lines: ReadonlyArray<string>) =>
  lines.filter((line) => line.startsWith("INFO") && line.includes("works again"))

const inShort = (lines: ReadonlyArray<string>) => lines.map((line) => line.slice(0, 120)).join("\n")

type ClaimsOperation = Claims.ClaimsError["operation"]

/** Claims in memory whose operations a test makes fail. */
const claimsThatFail = (memory: Claims.Service, down: ReadonlySet<string>): Claims.Service => {
  const check = <A>(appId: string, operation: ClaimsOperation, effect: Effect.Effect<A, Claims.ClaimsError>) =>
    Effect.suspend(() =>
      down.has(operation)
        ? Effect.fail(new Claims.ClaimsError({ appId, operation, description: "it is down" }))
        : effect
    )
  return {
    claim: (appId, name, duration) => check(appId, "claim", memory.claim(appId, name, duration)),
    renew: (claim, duration) => check(claim.appId, "renew", memory.renew(claim, duration)),
    release: (claim) => check(claim.appId, "release", memory.release(claim)),
    hold: (appId, name, duration) => check(appId, "hold", memory.hold(appId, name, duration))
  }
}

type TicketOperation = TicketStore.TicketStoreError["operation"]

/** What the services of tickets keep things in. */
interface TicketStores {
  readonly tickets: TicketStore.Service
  readonly claims: Claims.Service
}

/** A store in memory whose operations a test makes fail. */
const makeTickets = Effect.gen(function*() {
  const memory = yield* TicketStore.makeMemory()
  const down = new Set<TicketOperation | ClaimsOperation>()
  const check = <A>(
    appId: string,
    operation: TicketOperation,
    effect: Effect.Effect<A, TicketStore.TicketStoreError>
  ) =>
    Effect.suspend(() =>
      down.has(operation)
        ? Effect.fail(new TicketStore.TicketStoreError({ appId, operation, description: "it is down" }))
        : effect
    )
  const store: TicketStores = {
    tickets: {
      get: (appId) => check(appId, "get", memory.get(appId)),
      put: (appId, ticket) => check(appId, "put", memory.put(appId, ticket)),
      drop: (appId, ticket) => check(appId, "drop", memory.drop(appId, ticket)),
      changes: (appId) => Stream.unwrap(check(appId, "changes", Effect.succeed(memory.changes(appId))))
    },
    claims: claimsThatFail(yield* Claims.makeMemory(), down)
  }
  return { down, memory, store }
})

type TokenOperation = TokenStore.TokenStoreError["operation"]

/** What `AccessToken` keeps things in. */
interface TokenStores {
  readonly tokens: TokenStore.Service
  readonly claims: Claims.Service
}

const makeTokens = Effect.gen(function*() {
  const memory = yield* TokenStore.makeMemory()
  const down = new Set<TokenOperation | ClaimsOperation>()
  const check = <A>(appId: string, operation: TokenOperation, effect: Effect.Effect<A, TokenStore.TokenStoreError>) =>
    Effect.suspend(() =>
      down.has(operation)
        ? Effect.fail(new TokenStore.TokenStoreError({ appId, operation, description: "it is down" }))
        : effect
    )
  const store: TokenStores = {
    tokens: {
      get: (key) => check(key.appId, "get", memory.get(key)),
      put: (key, token) => check(key.appId, "put", memory.put(key, token)),
      drop: (key, token) => check(key.appId, "drop", memory.drop(key, token))
    },
    claims: claimsThatFail(yield* Claims.makeMemory(), down)
  }
  return { down, memory, store }
})

/** Takes deliveries of this app. */
const subscribe = (appId: string, { claims, tickets }: TicketStores) =>
  Effect.map(
    Layer.build(
      EventSubscription.layer({ handlers: [EventHandler.all(() => Effect.void)] }).pipe(
        Layer.provide(Layer.mergeAll(
          Deliveries.app({ appId }),
          Layer.succeed(TicketStore.TicketStore, tickets),
          Layer.succeed(Claims.Claims, claims)
        ))
      )
    ),
    (context) => {
      const subscription = Context.get(context, EventSubscription.EventSubscription)
      /** The status that the platform gets. */
      const deliver = (event: unknown) =>
        Effect.gen(function*() {
          const now = yield* DateTime.now
          const { body, headers } = Deliveries.genuine(event, DateTime.toEpochMillis(now))
          const answer = yield* EventDoor.answer(subscription, {
            method: "POST",
            headers,
            body: Effect.succeed(body)
          })
          return answer.status
        })
      return {
        ticket: (ticket = "a ticket") =>
          Effect.flatMap(DateTime.now, (now) =>
            deliver(Deliveries.ticketEvent({ appId, ticket, sentAt: DateTime.toEpochMillis(now) }))),
        event: (id: string) =>
          deliver(Deliveries.event2({ appId, id }))
      }
    }
  )

/** Gets the tickets of this app. */
const ticketsOf = (appId: string, { claims, tickets }: TicketStores, ...steps: ReadonlyArray<Scripted.Step>) =>
  Effect.map(
    Layer.build(
      AppTicket.layer().pipe(
        Layer.provide(Layer.mergeAll(
          FeishuApp.layer({ appId, appSecret: Scripted.appSecret }),
          Scripted.make(...steps).layer,
          Layer.succeed(TicketStore.TicketStore, tickets),
          Layer.succeed(Claims.Claims, claims),
          Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)
        ))
      )
    ),
    Context.get(AppTicket.AppTicket)
  )

/** Gets the tokens of this self-built app: another one at each call. */
const tokensOf = (appId: string, { claims, tokens }: TokenStores) =>
  Effect.suspend(() => {
    let number = 0
    const client = HttpClient.make((request) => {
      number++
      return Scripted.json({
        code: 0,
        msg: "success",
        app_access_token: `the-app-token-${number}`,
        tenant_access_token: `the-tenant-token-${number}`,
        expire: 7200
      })(request)
    })
    return Effect.map(
      Layer.build(
        AccessToken.layerSelfBuilt().pipe(
          Layer.provide(Layer.mergeAll(
            FeishuApp.layer({ appId, appSecret: Scripted.appSecret, kind: "self-built" }),
            Layer.succeed(HttpClient.HttpClient, client),
            Layer.succeed(TokenStore.TokenStore, tokens),
            Layer.succeed(Claims.Claims, claims),
            Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none)
          ))
        )
      ),
      Context.get(AccessToken.AccessToken)
    )
  })

/** The log's lines. */
const told = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => recorded(Effect.scoped(effect))

const test = <A, E>(effect: Effect.Effect<A, E>) => withQuickClock(effect)

describe("a store that fails", () => {
  it.effect("at 1000 tickets is told of once and counted each time, and each is answered with 503", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { ticket } = yield* subscribe(appId, store)
        down.add("put")
        const statuses = yield* Effect.all(Effect.replicate(ticket(), 500), { concurrency: "unbounded" })
        for (let n = 0; n < 500; n++) {
          statuses.push(yield* ticket())
          yield* pass("100 millis")
        }
        assert.deepStrictEqual(new Set(statuses), new Set([503]))
      }))
      assert.strictEqual(lines.length, 1, inShort(lines))
      assert.match(lines[0] ?? "", /^WARN/)
      assert.include(lines[0], `TicketStore.put for ${appId}: it is down`)
      assert.strictEqual(yield* failures("TicketStore", appId, "put"), 1000)
    }).pipe(test))

  it.effect("at 1000 events is told of once and counted each time, too", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { event } = yield* subscribe(appId, store)
        down.add("claim")
        for (let n = 0; n < 1000; n++) assert.strictEqual(yield* event(`event ${n}`), 503)
        down.delete("claim")
        down.add("hold")
        for (let n = 0; n < 100; n++) assert.strictEqual(yield* event(`event ${n}`), 200)
      }))
      assert.strictEqual(lines.length, 2, inShort(lines))
      assert.include(lines[0], `Claims.claim for ${appId}`)
      assert.include(lines[1], `Claims.hold for ${appId}`)
      assert.strictEqual(yield* failures("Claims", appId, "claim"), 1000)
      assert.strictEqual(yield* failures("Claims", appId, "hold"), 100)
    }).pipe(test))

  it.effect("and works again is told of once more, after 5 s without a failure, and anew when it fails anew", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      yield* Effect.gen(function*() {
        const { ticket } = yield* subscribe(appId, store)
        const during = <A, E>(effect: Effect.Effect<A, E>) =>
          Effect.map(recorded(effect), (lines) => [warningsIn(lines).length, recoveriesIn(lines).length])
        const fiveTimes = Effect.repeatN(Effect.zipRight(ticket(), pass("1 second")), 4)
        down.add("put")
        assert.deepStrictEqual(yield* during(fiveTimes), [1, 0])
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 0])
        down.clear()
        // The last failure was a second ago.
        yield* pass("3 seconds")
        assert.deepStrictEqual(yield* during(ticket()), [0, 0])
        yield* pass("1 second")
        const lines = yield* recorded(ticket())
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], `TicketStore.put for ${appId} works again after 14s (failures: 10)`)
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 0])
        yield* pass("1 hour")
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 0])
        down.add("put")
        assert.deepStrictEqual(yield* during(fiveTimes), [1, 0])
        yield* pass("1 hour")
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 0])
        down.clear()
        yield* pass("1 hour")
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 1])
        assert.deepStrictEqual(yield* during(fiveTimes), [0, 0])
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* failures("TicketStore", appId, "put"), 20)
    }).pipe(test))

  it.effect("in one operation says nothing of the others", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { event, ticket } = yield* subscribe(appId, store)
        down.add("put")
        yield* ticket()
        yield* pass("10 seconds")
        // Another operation that works, works for itself alone.
        assert.strictEqual(yield* event("an event"), 200)
        yield* ticket()
        down.add("claim")
        yield* event("another")
        yield* event("another")
        down.delete("put")
        yield* pass("10 seconds")
        yield* ticket()
        yield* event("another")
      }))
      assert.deepStrictEqual(
        lines.map((line) => /^(\w+) ((?:TicketStore|Claims)\.\w+)/.exec(line)?.slice(1)),
        [["WARN", "TicketStore.put"], ["WARN", "Claims.claim"], ["INFO", "TicketStore.put"]]
      )
    }).pipe(test))

  it.effect.each([0.1, 1, 2.4, 2.6, 5, 7])(
    "every other time, every %d s, is told of no more than once in 5 s",
    (gap) =>
      Effect.gen(function*() {
        const appId = newAppId()
        const { down, store } = yield* makeTickets
        const lines = yield* told(Effect.gen(function*() {
          const { ticket } = yield* subscribe(appId, store)
          for (let n = 0; n < 200; n++) {
            if (n % 2 === 0) down.add("put")
            else down.clear()
            yield* ticket()
            yield* pass(Duration.seconds(gap))
          }
        }))
        const most = Math.ceil(200 * gap / Math.max(5, 2 * gap))
        assert.isAtLeast(warningsIn(lines).length, 1)
        assert.isAtMost(warningsIn(lines).length, most)
        assert.isAtMost(recoveriesIn(lines).length, most)
        if (gap < 5) assert.deepStrictEqual([warningsIn(lines).length, recoveriesIn(lines).length], [1, 0])
        else assert.deepStrictEqual([warningsIn(lines).length, recoveriesIn(lines).length], [100, 100])
        assert.strictEqual(yield* failures("TicketStore", appId, "put"), 100)
      }).pipe(test)
  )
})

describe("services that share a store that fails", () => {
  it.effect("tell of it once, be they of one kind or of two", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const [one, two] = yield* Effect.all([subscribe(appId, store), subscribe(appId, store)])
        const tickets = yield* ticketsOf(appId, store, Scripted.ok)
        down.add("put").add("claim")
        for (let n = 0; n < 10; n++) {
          yield* Effect.all([one.ticket(), two.ticket(), one.event("an event"), two.event("another")])
          const getting = yield* Effect.fork(tickets.get)
          yield* pass("1 second")
          assert.isTrue(Option.isNone(yield* Fiber.poll(getting)), "it waits, though the resend cannot be claimed")
          yield* Fiber.interrupt(getting)
        }
        down.clear()
        yield* pass("5 seconds")
        yield* Effect.all([one.ticket(), two.ticket(), one.event("an event"), two.event("another")])
      }))
      assert.strictEqual(warningsIn(lines).length, 2, inShort(lines))
      assert.strictEqual(recoveriesIn(lines).length, 2, inShort(lines))
      assert.strictEqual(yield* failures("TicketStore", appId, "put"), 20)
      // The 20 events and the first get claim. The resend of the first get holds back the next one without a claim.
      assert.strictEqual(yield* failures("Claims", appId, "claim"), 21)
    }).pipe(test))

  it.effect("tell of it for each app", () =>
    Effect.gen(function*() {
      const [a, b] = [newAppId(), newAppId()]
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const [one, two] = yield* Effect.all([subscribe(a, store), subscribe(b, store)])
        down.add("put")
        for (let n = 0; n < 3; n++) yield* Effect.all([one.ticket(), two.ticket(), two.ticket()])
        down.clear()
        yield* pass("1 minute")
        yield* two.ticket()
      }))
      const [first, second, third, ...more] = lines
      assert.include(first, `TicketStore.put for ${a}`)
      assert.include(second, `TicketStore.put for ${b}`)
      assert.include(third, `put for ${b} works again after`)
      assert.deepStrictEqual(more, [])
      assert.strictEqual(yield* failures("TicketStore", a, "put"), 3)
      assert.strictEqual(yield* failures("TicketStore", b, "put"), 6)
    }).pipe(test))

  it.effect("but have one each tell of each", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const stores = yield* Effect.all([makeTickets, makeTickets])
      const lines = yield* told(Effect.gen(function*() {
        for (const { down, store } of stores) {
          const { ticket } = yield* subscribe(appId, store)
          down.add("put")
          yield* Effect.repeatN(ticket(), 4)
        }
      }))
      assert.strictEqual(warningsIn(lines).length, 2)
    }).pipe(test))
})

describe("an AppTicket over a store that fails", () => {
  it.effect("tells of it once, whether its callers fail or not", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, memory, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { get } = yield* ticketsOf(appId, store, Scripted.ok)
        down.add("get")
        for (let n = 0; n < 100; n++) {
          assert.deepInclude(yield* Effect.flip(get), { _tag: "TicketStoreError", operation: "get" })
        }
        down.clear()
        yield* memory.put(appId, { value: Redacted.make("a ticket"), sentAt: yield* DateTime.now })
        yield* pass("5 seconds")
        yield* get
        down.add("get")
        // It is no longer fresh, and the store is looked at each time.
        yield* pass("2 hours")
        for (let n = 0; n < 100; n++) {
          assert.strictEqual(Redacted.value((yield* get).value), "a ticket")
          yield* pass("100 millis")
        }
      }))
      assert.deepStrictEqual(warningsIn(lines).length, 2, inShort(lines))
      assert.deepStrictEqual(recoveriesIn(lines).length, 1, inShort(lines))
      assert.isAtLeast(yield* failures("TicketStore", appId, "get"), 200)
    }).pipe(test))

  it.effect("listens to it again and again, and tells of it once", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { get } = yield* ticketsOf(appId, store, Scripted.ok)
        down.add("changes")
        yield* Effect.fork(Effect.either(get))
        yield* pass("2 minutes")
      }))
      assert.strictEqual(warningsIn(lines).length, 1, inShort(lines))
      assert.strictEqual(yield* failures("TicketStore", appId, "changes"), 25)
    }).pipe(test))

  it.effect("tells anew of a stream that fails anew", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, memory, store } = yield* makeTickets
      const lines = yield* told(Effect.gen(function*() {
        const { refresh } = yield* ticketsOf(appId, store, Scripted.ok)
        for (let n = 0; n < 3; n++) {
          down.add("changes")
          const getting = yield* Effect.fork(refresh)
          yield* pass("11 seconds")
          down.clear()
          yield* pass("9 seconds")
          yield* memory.put(appId, { value: Redacted.make(`ticket ${n}`), sentAt: yield* DateTime.now })
          yield* pass("1 second")
          yield* Fiber.join(getting)
          yield* pass("1 hour")
        }
      }))
      assert.strictEqual(warningsIn(lines).length, 3, inShort(lines))
    }).pipe(test))
})

describe("an AccessToken over a store that fails", () => {
  // Where nothing can be claimed, nothing is renewed or released.
  const operations = ["get", "put", "drop", "claim"] as const

  it.effect("tells of each operation once, and of each that works again", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTokens
      const askAndInvalidate = (service: AccessToken.Service, times: number) =>
        Effect.repeatN(Effect.flatMap(service.tenant("a"), service.invalidate), times - 1)
      const lines = yield* told(Effect.gen(function*() {
        const service = yield* tokensOf(appId, store)
        for (const operation of operations) down.add(operation)
        yield* askAndInvalidate(service, 50)
        down.clear()
        yield* pass("4 seconds")
        yield* askAndInvalidate(service, 10)
        yield* pass("1 second")
        yield* askAndInvalidate(service, 10)
      }))
      for (const told of [warningsIn(lines), recoveriesIn(lines)]) {
        assert.deepStrictEqual(
          told.map((line) => /(?:TokenStore|Claims)\.\w+/.exec(line)?.[0]).toSorted(),
          ["Claims.claim", "TokenStore.drop", "TokenStore.get", "TokenStore.put"],
          inShort(lines)
        )
      }
      for (const [name, operation] of [["TokenStore", "put"], ["Claims", "claim"]] as const) {
        assert.strictEqual(yield* failures(name, appId, operation), 50, operation)
      }
      // A self-built app's token may be the app's and the tenant's.
      assert.strictEqual(yield* failures("TokenStore", appId, "drop"), 100)
      assert.isAtLeast(yield* failures("TokenStore", appId, "get"), 50)
    }).pipe(test))

  it.effect("tells once of one that it shares with another, in its own way", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { down, store } = yield* makeTokens
      const lines = yield* told(Effect.gen(function*() {
        const services = yield* Effect.replicateEffect(tokensOf(appId, store), 3)
        down.add("put").add("get")
        for (const { app, tenant } of services) yield* Effect.all([app, tenant("a")])
      }))
      assert.strictEqual(warningsIn(lines).length, 2, inShort(lines))
      assert.strictEqual(yield* failures("TokenStore", appId, "put"), 6)
    }).pipe(test))
})

describe("a secret", () => {
  const secrets = ["the-ticket", "the-app-token", "the-tenant-token", Redacted.value(Scripted.appSecret)]

  it.effect("is in nothing that is told of a store that quotes it", () =>
    Effect.gen(function*() {
      const appId = newAppId()
      const { before, entries, kvs } = makeKvs()
      const stores = yield* Effect.all({
        tickets: TicketStore.makeKeyValueStore(),
        tokens: TokenStore.makeKeyValueStore(),
        claims: Claims.makeKeyValueStore()
      }).pipe(
        Effect.provide(Layer.succeed(KeyValueStore.KeyValueStore, kvs))
      )
      const lines = yield* told(Effect.gen(function*() {
        const { event, ticket } = yield* subscribe(appId, stores)
        const tickets = yield* ticketsOf(appId, stores, Scripted.ok)
        const tokens = yield* tokensOf(appId, stores)
        let number = 0
        const use = Effect.gen(function*() {
          yield* Effect.all([ticket(`the-ticket-${++number}`), event(`event ${number}`)])
          const getting = yield* Effect.fork(Effect.option(tickets.get))
          yield* pass("3 minutes")
          const got = yield* Effect.flatten(Effect.option(Fiber.join(getting)))
          if (Option.isSome(got)) yield* Effect.ignore(tickets.invalidate(got.value))
          for (const token of [yield* tokens.app, yield* tokens.tenant("a")]) yield* tokens.invalidate(token)
        })
        yield* use
        before.set = (key, text) => kvsError(`cannot write ${text} at ${key}`, new Error(text))
        before.remove = (key) => kvsError(`cannot remove ${entries.get(key)}`)
        yield* use
        before.get = (key) => kvsError(`cannot read ${entries.get(key)}`)
        yield* use
        delete before.get
        delete before.set
        delete before.remove
        yield* pass("1 minute")
        yield* use
      }))
      assert.isAtLeast(warningsIn(lines).length, 4, inShort(lines))
      assert.isAtLeast(recoveriesIn(lines).length, 2, inShort(lines))
      for (const line of lines) {
        for (const secret of secrets) {
          for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) assert.notInclude(line, form)
        }
      }
    }).pipe(test))
})
