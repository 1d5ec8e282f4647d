import { Claims } from "@effect-feishu/core/Claims"
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as ClaimsSuite from "@effect-feishu/emulator/ClaimsSuite"
import * as TicketStoreSuite from "@effect-feishu/emulator/TicketStoreSuite"
import * as TokenStoreSuite from "@effect-feishu/emulator/TokenStoreSuite"
import { afterAll, assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Queue,
  Redacted,
  Scope,
  Stream
} from "effect"
import type { Redis } from "ioredis"
import * as Redis6 from "ioredis-6"
import * as RedisClaims from "../src/RedisClaims.js"
import * as RedisConnection from "../src/RedisConnection.js"
import * as RedisTicketStore from "../src/RedisTicketStore.js"
import * as RedisTokenStore from "../src/RedisTokenStore.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

// A busy machine may stop for longer than the second that a command has.
const patient = { timeout: "10 seconds" } as const

const scope = Effect.runSync(Scope.make())
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** Begun by the first test that needs it, and ended after all. */
const once = <A>(make: Effect.Effect<A, never, Scope.Scope>): Effect.Effect<A> =>
  Effect.runSync(Effect.cached(Scope.extend(make, scope)))

const server = once(RedisServer.make())
const cluster = once(Systems.makeCluster)
const sentinels = once(Systems.makeSentinels())

/** A client that a program has already, of the newer `ioredis`, that puts something of its own before each key. */
const client = Effect.flatMap(server, ({ port }) =>
  Effect.acquireRelease(
    Effect.sync(() => new Redis6.Redis({ port, keyPrefix: "theirs:" })),
    (client) => Effect.sync(() => client.disconnect())
  ))

const connections = {
  "one Redis": Layer.unwrapEffect(Effect.map(server, ({ port }) => RedisConnection.layer({ port }, patient))),
  "a client of ioredis 6 with a keyPrefix": Layer.unwrapScoped(
    Effect.map(client, (client) =>
      // The two releases' types are not the same, what is used of them is.
      RedisConnection.layerClient(client as unknown as Redis, patient))
  ),
  "a cluster": Layer.unwrapEffect(
    Effect.map(
      cluster,
      (nodes) => RedisConnection.layerCluster(nodes.map(({ port }) => ({ host: "127.0.0.1", port })), {}, patient)
    )
  ),
  "a master that a sentinel knows": Layer.orDie(
    Layer.unwrapEffect(Effect.map(sentinels, ({ sentinels }) =>
      RedisConnection.layerUrl({
        url: Redacted.make(sentinels.map(({ port }) => `redis://127.0.0.1:${port}`).join(",")),
        sentinelMaster: "the-master",
        ...patient
      })))
  )
}

for (const [name, connection] of Object.entries(connections)) {
  TicketStoreSuite.suite(`on ${name}`, Systems.over(connection), { atOnce: 300 })
  TokenStoreSuite.suite(`on ${name}`, Systems.over(connection), { atOnce: 300 })
  ClaimsSuite.suite(`on ${name}`, Systems.over(connection))
}

const hour = Duration.hours(1)
const app = TokenStoreSuite.appKey
const tenant = TokenStoreSuite.tenantKey

/** A Redis with nothing in it. */
const empty = Effect.tap(server, ({ client }) => Effect.promise(() => client.flushall()))

const startOn = ({ port }: RedisServer.RedisServer, options?: Parameters<typeof Systems.start>[1]) =>
  Systems.start(RedisConnection.layer({ port }, patient), options)

describe("The stores on Redis", () => {
  it.scopedLive("write these keys and no others", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const { claims, tickets, tokens } = yield* startOn(redis)
      const claim = (appId: string, name: string) => Effect.map(claims.claim(appId, name, hour), Systems.claimOf)
      yield* tickets.put("cli_a", yield* Systems.ticketOf("t"))
      const event = yield* claim("cli_a", "event/1")
      const strange = yield* claim("cli_{b}", "a:b {c}")
      yield* tokens.put(app("cli_a"), TokenStoreSuite.token("t"))
      yield* tokens.put(tenant("cli_a", "tenant 1"), TokenStoreSuite.token("t"))
      const ofApp = yield* claim("cli_a", "token/hash/app")
      yield* claims.hold("cli_a", "token/hash/tenant/tenant 1", hour)
      assert.sameMembers(yield* Effect.promise(() => redis.client.keys("*")), [
        "feishu:{cli_a}:ticket",
        "feishu:{cli_a/event%2F1}:claim",
        "feishu:{cli_%7Bb%7D/a%3Ab%20%7Bc%7D}:claim",
        "feishu:{cli_a/hash/app}:token",
        "feishu:{cli_a/token%2Fhash%2Fapp}:claim",
        "feishu:{cli_a/hash/tenant/tenant%201}:token",
        "feishu:{cli_a/token%2Fhash%2Ftenant%2Ftenant%201}:claim"
      ])
      for (const ours of [event, strange, ofApp]) yield* claims.release(ours)
      yield* tokens.drop(app("cli_a"), TokenStoreSuite.token("t"))
      assert.sameMembers(yield* Effect.promise(() => redis.client.keys("*")), [
        "feishu:{cli_a}:ticket",
        "feishu:{cli_a/hash/tenant/tenant%201}:token",
        "feishu:{cli_a/token%2Fhash%2Ftenant%2Ftenant%201}:claim"
      ])
    }))

  it.scopedLive("choose the node of a claim by its whole name, with the braces in it", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const [node = assert.fail("no node")] = yield* cluster
      const { claims } = yield* startOn(redis)
      const slotOf = (text: string) => Effect.promise(() => node.client.cluster("KEYSLOT", text))
      const expected = yield* Effect.forEach(["1", "%7B2%7D", "%7D3%7B", "%7B%7D"], (name) => slotOf(`cli_a/${name}`))
      for (const name of ["1", "{2}", "}3{", "{}"]) yield* claims.claim("cli_a", name, hour)
      const keys = yield* Effect.promise(() => redis.client.keys("*"))
      assert.sameMembers(yield* Effect.forEach(keys, slotOf), expected)
      assert.strictEqual(new Set(expected).size, 4)
    }))

  it.scopedLive("spread the tokens and an app's claims over a cluster", () =>
    Effect.gen(function*() {
      const nodes = yield* cluster
      const { claims, tokens } = yield* Systems.start(connections["a cluster"], { prefix: "spread:" })
      for (const n of Arr.range(1, 30)) {
        yield* tokens.put(tenant("cli_a", `${n}`), TokenStoreSuite.token("t"))
        yield* claims.claim("cli_a", `event/${n}`, hour)
      }
      for (const kind of ["token", "claim"]) {
        const counts = yield* Effect.forEach(nodes, ({ client }) =>
          Effect.promise(async () => (await client.keys(`spread:*:${kind}`)).length))
        assert.strictEqual(
          Arr.reduce(counts, 0, (sum, count) =>
            sum + count),
          30
        )
        for (const count of counts) assert.isAbove(count, 0)
      }
    }))

  it.scopedLive("keep each thing as long as it lives, and a minute at least", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const { claims, tickets, tokens } = yield* startOn(redis)
      const now = yield* Clock.currentTimeMillis
      const endsIn = (millis: number) => ({ value: Redacted.make("t"), expiresAt: DateTime.unsafeMake(now + millis) })
      const minutes = (count: number) => count * 60_000
      const lives: ReadonlyArray<readonly [key: string, millis: number]> = [
        ["{fresh}:ticket", minutes(180)],
        ["{older}:ticket", minutes(80)],
        ["{old}:ticket", minutes(1)],
        ["{future}:ticket", minutes(184)],
        ["{cli_a/hash/app}:token", minutes(120)],
        ["{cli_a/hash/tenant/a}:token", minutes(30)],
        ["{cli_a/hash/tenant/b}:token", minutes(1)],
        ["{cli_a/claimed}:claim", 12_500],
        ["{cli_a/held}:claim", minutes(480)],
        ["{cli_a/longer}:claim", minutes(90)],
        ["{cli_a/shorter}:claim", 20_000],
        ["{cli_a/token%2Fhash%2Fapp}:claim", 30_000],
        ["{cli_a/token%2Fhash%2Ftenant%2Fa}:claim", 40_000]
      ]
      yield* tickets.put("fresh", yield* Systems.ticketOf("t"))
      yield* tickets.put("older", yield* Systems.ticketOf("t", minutes(100)))
      yield* tickets.put("old", yield* Systems.ticketOf("t", minutes(1000)))
      yield* tickets.put("future", yield* Systems.ticketOf("t", -minutes(4)))
      yield* tokens.put(app("cli_a"), endsIn(minutes(120)))
      yield* tokens.put(tenant("cli_a", "a"), endsIn(minutes(30)))
      yield* tokens.put(tenant("cli_a", "b"), endsIn(-minutes(30)))
      yield* claims.claim("cli_a", "claimed", Duration.millis(12_500))
      yield* claims.claim("cli_a", "held", hour)
      yield* claims.hold("cli_a", "held", Duration.hours(8))
      for (const [name, duration] of [["longer", minutes(90)], ["shorter", 20_000]] as const) {
        const ours = Systems.claimOf(yield* claims.claim("cli_a", name, hour))
        assert.isTrue(yield* claims.renew(ours, Duration.millis(duration)))
      }
      yield* claims.claim("cli_a", "token/hash/app", Duration.seconds(30))
      yield* claims.claim("cli_a", "token/hash/app", hour)
      yield* claims.hold("cli_a", "token/hash/tenant/a", Duration.seconds(40))
      for (const [key, millis] of lives) {
        const left = yield* Effect.promise(() => redis.client.pttl(`feishu:${key}`))
        assert.isAtMost(left, millis, key)
        assert.isAbove(left, millis - 5000, key)
      }
      yield* tickets.drop("fresh", yield* Systems.ticketOf("t"))
      assert.isAbove(yield* Effect.promise(() => redis.client.pttl("feishu:{fresh}:ticket")), minutes(179))
      yield* tickets.put("older", yield* Systems.ticketOf("t-2"))
      assert.isAbove(yield* Effect.promise(() => redis.client.pttl("feishu:{older}:ticket")), minutes(179))
      // What has no end is kept as long as it may be.
      yield* claims.hold("cli_a", "for ever", Duration.infinity)
      assert.isTrue(Systems.isTaken(yield* claims.claim("cli_a", "for ever", hour)))
      const renewed = Systems.claimOf(yield* claims.claim("cli_a", "renewed for ever", hour))
      assert.isTrue(yield* claims.renew(renewed, Duration.infinity))
      assert.isTrue(yield* claims.renew(renewed, hour))
    }))

  it.scopedLive("of two systems with prefixes of their own know nothing of each other", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const [one, other] = [yield* startOn(redis, { prefix: "a:" }), yield* startOn(redis, { prefix: "b:" })]
      const heard = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(other.tickets.changes("cli_a"), ({ value }) => Queue.offer(heard, Redacted.value(value)))
      )
      yield* Systems.until(
        Effect.promise(() => redis.client.pubsub("CHANNELS")),
        (channels) => channels.length === 1
      )
      yield* one.tickets.put("cli_a", yield* Systems.ticketOf("t-1"))
      const ours = Systems.claimOf(yield* one.claims.claim("cli_a", "name", hour))
      yield* one.tokens.put(app("cli_a"), TokenStoreSuite.token("t-1"))
      assert.isTrue(Option.isNone(yield* other.tickets.get("cli_a")))
      assert.isFalse(yield* other.claims.renew(ours, hour))
      assert.isTrue(Systems.isClaimed(yield* other.claims.claim("cli_a", "name", hour)))
      assert.isTrue(Option.isNone(yield* other.tokens.get(app("cli_a"))))
      yield* other.tickets.put("cli_a", yield* Systems.ticketOf("own"))
      assert.strictEqual(yield* Queue.take(heard), "own")
      assert.strictEqual(yield* Queue.size(heard), 0)
    }))

  /** In milliseconds, from before it is done until it is heard. */
  const median = (name: string, times: Array<number>) => {
    const [least = 0, middle = 0, most = 0] = [0, times.length >> 1, times.length - 1].map((n) =>
      times.toSorted((a, b) => a - b)[n]
    )
    return Effect.as(
      Effect.logDebug(`${name}: ${least.toFixed(2)} / ${middle.toFixed(2)} / ${most.toFixed(2)} ms`),
      middle
    )
  }

  for (const name of ["one Redis", "a client of ioredis 6 with a keyPrefix", "a cluster"] as const) {
    it.scopedLive(`tell another process of a ticket within milliseconds, on ${name}`, () =>
      Effect.gen(function*() {
        const slow = { pollInterval: "1 hour", prefix: "quick:" } as const
        const writer = yield* Systems.start(connections[name], slow)
        const reader = yield* Systems.start(connections[name], slow)
        const tickets = yield* Queue.unbounded<Ticket>()
        yield* Effect.forkScoped(Stream.runForEach(reader.tickets.changes("cli_a"), (got) => Queue.offer(tickets, got)))
        // The reader is subscribed when it has heard of a ticket.
        yield* Systems.until(
          Effect.zipRight(
            Effect.flatMap(Systems.ticketOf("t"), (ticket) => writer.tickets.put("cli_a", ticket)),
            Queue.size(tickets)
          ),
          (size) => size > 1
        )
        yield* Effect.sleep("50 millis")
        const times = (step: (n: number) => Effect.Effect<unknown, unknown>, told: Queue.Dequeue<unknown>) =>
          Effect.forEach(Arr.range(1, 20), (n) =>
            Effect.map(
              Effect.timed(Effect.zipRight(
                Effect.zipRight(Queue.takeAll(told), step(n)),
                Effect.timeout(Queue.take(told), "3 seconds")
              )),
              ([took]) => Duration.toMillis(took)
            ))
        const ofTickets = yield* times(
          (n) => Effect.flatMap(Systems.ticketOf(`t-${n}`, -n), (ticket) => writer.tickets.put("cli_a", ticket)),
          tickets
        )
        assert.isBelow(yield* median("ticket", ofTickets), 100)
      }))
  }

  it.scopedLive("give a name to one of 100 who claim it at once over 4 connections", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const processes = yield* Effect.replicateEffect(startOn(redis), 4)
      for (const round of Arr.range(1, 5)) {
        const answers = yield* Effect.forEach(
          Arr.range(0, 99),
          (n) => {
            const { claims } = processes[n % 4] ?? assert.fail()
            return Effect.all([
              claims.claim("cli_a", `event/${round}`, hour),
              claims.claim("cli_a", `token/hash/tenant/${round}`, hour)
            ])
          },
          { concurrency: "unbounded" }
        )
        assert.strictEqual(answers.filter(([event]) => Systems.isClaimed(event)).length, 1)
        assert.strictEqual(answers.filter(([_, token]) => Systems.isClaimed(token)).length, 1)
      }
    }))

  it.scopedLive("share their names with the claims of every layer", () =>
    Effect.gen(function*() {
      const { port } = yield* empty
      const connection = RedisConnection.layer({ port }, patient)
      const all = yield* Effect.forEach(
        [RedisClaims.layer(), RedisTicketStore.layer(), RedisTokenStore.layer()],
        (layer: Layer.Layer<Claims, never, RedisConnection.RedisConnection>) =>
          Effect.map(Layer.build(Layer.provide(layer, connection)), Context.get(Claims))
      )
      for (const [n, { claim, release }] of all.entries()) {
        const ours = Systems.claimOf(yield* claim("cli_a", `${n}`, hour))
        for (const other of all) {
          assert.isTrue(Systems.isTaken(yield* other.claim("cli_a", `${n}`, hour)))
          assert.isTrue(yield* other.renew(ours, hour), "the id is all that a holder needs")
        }
        yield* release(ours)
        for (const other of all) {
          yield* other.release(Systems.claimOf(yield* other.claim("cli_a", `${n}`, hour)))
        }
      }
    }))

  it.scopedLive("of 4 processes that put tickets at once keep the newest, and all hear of it", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const processes = yield* Effect.replicateEffect(startOn(redis, { pollInterval: "1 hour" }), 4)
      const watchers = yield* Effect.forEach(processes, ({ tickets }) =>
        Effect.fork(Stream.runHead(Stream.filter(
          Stream.map(tickets.changes("cli_a"), TicketStoreSuite.plain),
          ({ after }) => after === 199
        ))))
      const kept = yield* Effect.forEach(
        Arr.range(0, 199).map((n) => (n * 7 + 3) % 200),
        (n) =>
          Effect.map(
            (processes[n % 4] ?? assert.fail()).tickets.put("cli_a", TicketStoreSuite.ticket(n)),
            (isKept) => isKept ? [n] : []
          ),
        { concurrency: "unbounded" }
      )
      assert.include(kept.flat(), 199)
      for (const watcher of watchers) assert.isTrue(Option.isSome(yield* Fiber.join(watcher)))
      for (const { tickets } of processes) {
        assert.deepStrictEqual(
          TicketStoreSuite.plainOption(yield* tickets.get("cli_a")),
          TicketStoreSuite.plain(TicketStoreSuite.ticket(199))
        )
      }
    }))

  it.scopedLive("are as long as their layer lives", () =>
    Effect.gen(function*() {
      const redis = yield* empty
      const clients = Effect.promise(async () => String(await redis.client.client("LIST")).trim().split("\n").length)
      const before = yield* clients
      const { stop, tickets } = yield* startOn(redis)
      yield* tickets.get("cli_a")
      assert.strictEqual(yield* clients, before + 1, "without a subscriber there is one connection")
      const watcher = yield* Effect.fork(Stream.runDrain(tickets.changes("cli_a")))
      yield* Systems.until(clients, (count) => count === before + 2)
      yield* Fiber.interrupt(watcher)
      yield* Systems.until(
        Effect.promise(() => redis.client.pubsub("CHANNELS")),
        (channels) => channels.length === 0
      )
      yield* stop
      yield* Systems.until(clients, (count) => count === before)
    }))
})
