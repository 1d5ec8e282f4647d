/** Failures of Redis: nothing crashes, hangs or floods the log, and operations work again when Redis works. */
import {
  AccessToken,
  AppTicket,
  type Claims,
  EventDoor,
  EventHandler,
  EventSubscription,
  type TicketStore,
  type TokenStore
} from "@effect-feishu/core"
import { Emulator, EmulatorTest } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Cause,
  Chunk,
  Clock,
  DateTime,
  Duration,
  Effect,
  Either,
  Exit,
  FastCheck as fc,
  Fiber,
  Layer,
  Option,
  Queue,
  Redacted,
  Runtime,
  Schedule,
  type Scope,
  Stream
} from "effect"
import { Redis } from "ioredis"
import { spawn } from "node:child_process"
import * as RedisConnection from "../src/RedisConnection.js"
import { bundled } from "./bundled.js"
import * as Proxy from "./proxy.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"
import { claimOf, counted, isClaimed, isTaken, start, ticketOf, timed, until, untilWorks, valueOf } from "./systems.js"

const timeout = 300
/** A busy machine may take this much longer, in milliseconds. */
const slack = 1500
/** How long a thousand operations take, one after another, of which each waits for the time limit. In milliseconds. */
const thousandWaits = 1000 * timeout

const password = "the-password"
const secret = { ticket: "the-secret-ticket", token: "the-secret-token" }

const connect = (port: number, settings?: RedisConnection.Settings) =>
  RedisConnection.layer({ port, host: "127.0.0.1" }, { timeout: `${timeout} millis`, ...settings })

type System = Effect.Effect.Success<ReturnType<typeof start>>

/** Runs a test with the log, in which no secret may be. */
const test = (
  name: string,
  body: (lines: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, Scope.Scope>
) =>
  it.scopedLive(name, () =>
    Systems.withLog((lines) =>
      Effect.zipRight(
        body(lines),
        Effect.sync(() => {
          for (const line of lines) {
            for (const text of [password, ...Object.values(secret)]) assert.notInclude(line, text)
          }
        })
      )
    ))

const told = (lines: ReadonlyArray<string>) => ({
  away: lines.filter((line) => line.includes("). Reconnecting")).length,
  back: lines.filter((line) => line.includes(" is back after ")).length,
  all: lines.length
})

/** Tells of the lines from now on: on a busy machine the first connection has lines of its own. */
const tellFromNow = (lines: ReadonlyArray<string>) => {
  const { length } = lines
  return () => told(lines.slice(length))
}

const hour = Duration.hours(1)
const appKey: TokenStore.Key = { appId: "cli_test", secretHash: "hash", tenantKey: Option.none() }
const tokenOf = (value: string): TokenStore.StoredToken => ({
  value: Redacted.make(value),
  expiresAt: DateTime.unsafeMake(2_000_000_000_000)
})
const newTicket = ticketOf(secret.ticket)

/** A claim that no process made. */
const nobodys: Claims.Claim = { appId: "cli_test", name: "a", id: "nobody" }

type StoreError = TicketStore.TicketStoreError | TokenStore.TokenStoreError | Claims.ClaimsError

/** Each operation of the stores and of the claims, except the streams. */
const operations = ({ claims, tickets, tokens }: System): ReadonlyArray<Effect.Effect<unknown, StoreError>> => [
  tickets.get("cli_test"),
  Effect.flatMap(newTicket, (ticket) => tickets.put("cli_test", ticket)),
  Effect.flatMap(newTicket, (ticket) => tickets.drop("cli_test", ticket)),
  tokens.get(appKey),
  tokens.put(appKey, tokenOf(secret.token)),
  tokens.drop(appKey, tokenOf(secret.token)),
  claims.claim("cli_test", "a", hour),
  claims.renew(nobodys, hour),
  claims.hold("cli_test", "a", hour),
  claims.release(nobodys)
]

/** Expects an error of a store, and returns how long the operation took. */
const failing = (operation: Effect.Effect<unknown, StoreError>) =>
  Effect.map(timed(operation), ({ millis, result }) => {
    const error = Either.getOrThrow(Either.flip(result))
    assert.include(["TicketStoreError", "TokenStoreError", "ClaimsError"], error._tag)
    for (const text of [password, ...Object.values(secret)]) assert.notInclude(`${error} ${error.stack}`, text)
    return { millis, description: error.description }
  })

/** Runs all operations at once, which takes no longer than one operation. */
const failAll = (system: System, least = 0) =>
  Effect.forEach(operations(system), (operation) => failing(operation), { concurrency: "unbounded" }).pipe(
    Effect.map((all) => {
      for (const { millis } of all) assert.isBelow(millis, timeout + slack)
      assert.isAtLeast(Math.max(...all.map(({ millis }) => millis)), least)
      return all
    })
  )

const works = (system: System) => untilWorks(system.claims.release(nobodys))

/** Waits for the connection, which takes long on a busy machine. */
const workAll = (system: System) =>
  Effect.zipRight(works(system), Effect.forEach(operations(system), (operation) => operation, { discard: true }))

describe("Redis", () => {
  test("a layer is built at once while Redis is down, operations fail, and all work when Redis is up", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ isStarted: false })
      const before = yield* counted(server.port).failures("Away")
      const [took, system] = yield* Effect.timed(start(connect(server.port)))
      assert.isBelow(Duration.toMillis(took), 1500)
      yield* failAll(system)
      yield* Effect.sleep(timeout)
      for (const operation of operations(system)) {
        const { description, millis } = yield* failing(operation)
        assert.isBelow(millis, 250, "at once, because Redis has been away for long")
        assert.include(description, `Redis at 127.0.0.1:${server.port} is away`)
        assert.include(description, "ECONNREFUSED")
      }
      const [thousand] = yield* Effect.timed(
        Effect.forEach(Arr.range(1, 1000), () => failing(system.tickets.get("cli_test")))
      )
      assert.isBelow(Duration.toMillis(thousand), thousandWaits)
      assert.strictEqual((yield* counted(server.port).failures("Away")) - before, 1000 + 2 * operations(system).length)
      assert.strictEqual(yield* counted(server.port).up, 0)
      yield* until(Effect.sync(() => told(lines).away), (away) => away > 0)
      assert.deepStrictEqual(told(lines), { away: 1, back: 0, all: 1 })
      yield* server.start
      yield* works(system)
      yield* workAll(system)
      assert.strictEqual(yield* counted(server.port).up, 1)
      assert.deepStrictEqual(told(lines), { away: 1, back: 1, all: 2 })
    }))

  test("a Redis that is killed and started twice is logged and counted once each time", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const system = yield* start(connect(server.port), { pollInterval: "50 millis" })
      const seen = yield* Queue.unbounded<string>()
      // A service runs the stream again after a while.
      yield* Effect.forkScoped(
        Effect.retry(
          Stream.runForEach(
            system.tickets.changes("cli_test"),
            ({ value }) => Queue.offer(seen, Redacted.value(value))
          ),
          { schedule: undefined, while: () => Effect.as(Effect.sleep("20 millis"), true) }
        )
      )
      yield* workAll(system)
      const subscribed = until(
        Effect.promise(() => server.client.pubsub("CHANNELS")),
        (channels) => channels.length === 1
      )
      const losses = Effect.all([counted(server.port).losses("commands"), counted(server.port).losses("messages")])
      yield* subscribed
      const tell = tellFromNow(lines)
      for (const round of [1, 2]) {
        // A busy machine may subscribe again long after the commands work again, and what is not connected cannot be lost.
        yield* subscribed
        const before = yield* losses
        yield* server.kill
        yield* until(counted(server.port).up, (up) => up === 0)
        yield* failAll(system)
        yield* Effect.sleep(timeout)
        const [thousand] = yield* Effect.timed(
          Effect.forEach(Arr.range(1, 1000), () => failing(system.tickets.get("cli_test")))
        )
        assert.isBelow(Duration.toMillis(thousand), thousandWaits)
        yield* server.start
        yield* works(system)
        assert.isTrue(Option.isNone(yield* system.tickets.get("cli_test")), "it has forgotten all")
        yield* Queue.takeAll(seen)
        const ticket = yield* ticketOf(`after ${round}`)
        assert.isTrue(yield* system.tickets.put("cli_test", ticket))
        assert.strictEqual(yield* Effect.timeout(Queue.take(seen), "5 seconds"), `after ${round}`)
        assert.deepStrictEqual(yield* losses, [before[0] + 1, before[1] + 1])
        assert.deepStrictEqual(tell(), { away: round, back: round, all: 2 * round })
      }
    }))

  test("a connection that breaks during a command is lost once", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const system = yield* start(connect(proxy.port, { timeout: "1 second" }))
      yield* works(system)
      const before = yield* counted(proxy.port).losses("commands")
      yield* proxy.go(Proxy.silent)
      const pending = yield* Effect.fork(Effect.either(system.tickets.get("cli_test")))
      yield* Effect.sleep("50 millis")
      yield* proxy.go(Proxy.open)
      yield* proxy.cut
      const result = yield* pending
      assert.isTrue(Either.isLeft(result))
      yield* works(system)
      // Waits longer than a command may take: the old connection leaves nothing that ends the new one.
      yield* Effect.sleep("1200 millis")
      assert.strictEqual((yield* counted(proxy.port).losses("commands")) - before, 1)
    }))

  test("operations on a frozen Redis fail in time, then at once, and work after the freeze", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const system = yield* start(connect(server.port))
      yield* works(system)
      const tell = tellFromNow(lines)
      const before = yield* Effect.all([
        counted(server.port).failures("Timeout"),
        counted(server.port).failures("Away")
      ])
      yield* server.freeze
      const first = yield* failAll(system, timeout - 50)
      assert.isTrue(first.some(({ description }) => description.includes("did not answer within 300ms")))
      yield* Effect.sleep(timeout)
      for (const operation of operations(system)) assert.isBelow((yield* failing(operation)).millis, 250)
      const after = yield* Effect.all([counted(server.port).failures("Timeout"), counted(server.port).failures("Away")])
      assert.strictEqual(after[0] + after[1] - before[0] - before[1], 2 * operations(system).length)
      assert.isAtLeast(after[0] - before[0], 1)
      yield* Effect.sleep("1 second")
      yield* server.thaw
      yield* works(system)
      yield* workAll(system)
      assert.deepStrictEqual(tell(), { away: 1, back: 1, all: 2 })
    }))

  test("a Redis that is slow, or answers in pieces, is used while it answers in time", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const system = yield* start(connect(proxy.port, { timeout: "1 second" }))
      yield* works(system)
      for (const way of [proxy.slow("30 millis"), Proxy.byteByByte, Proxy.open]) {
        yield* proxy.go(way)
        yield* workAll(system)
      }
      assert.deepStrictEqual(lines, [])
    }))

  const ways: Record<string, Proxy.Way> = {
    "refuses each connection": Proxy.refused,
    "answers nothing": Proxy.silent,
    "hears nothing": Proxy.deaf,
    "breaks the connection at each command": Proxy.reset,
    "answers by halves": Proxy.half,
    "speaks HTTP": Proxy.garbage("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
    "sends bytes that mean nothing": Proxy.garbage("\0\u{1}\u{7f}ÿ\r\n\0"),
    "announces more than it sends": Proxy.garbage("$1000000\r\nx"),
    "sends a length below zero": Proxy.garbage("*-7\r\n$-9\r\nx\r\n"),
    "says only errors": Proxy.garbage("-ERR the server is \r mad\r\n"),
    "has no memory for anything": Proxy.garbage("-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
    "is still loading": Proxy.garbage("-LOADING Redis is loading the dataset in memory\r\n"),
    "says too much": Proxy.garbage(":1\r\n:2\r\n+OK\r\n*0\r\n")
  }
  /** No operation can work against these. */
  const mute = new Set<Proxy.Way>([Proxy.refused, Proxy.silent, Proxy.deaf, Proxy.reset])
  for (const [name, way] of Object.entries(ways)) {
    test(`operations on a server that ${name} end in time, and work when Redis is back`, (lines) =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const proxy = yield* Proxy.make(server.port)
        const system = yield* start(connect(proxy.port))
        yield* works(system)
        yield* proxy.go(way)
        if (way === Proxy.refused) yield* proxy.cut
        for (const round of [1, 2]) {
          const results = yield* Effect.forEach(operations(system), (operation) => timed(operation), {
            concurrency: "unbounded"
          })
          for (const { millis, result } of results) {
            assert.isBelow(millis, timeout + slack)
            if (mute.has(way)) assert.isTrue(Either.isLeft(result), `round ${round}`)
          }
        }
        yield* proxy.cut
        yield* Effect.sleep("100 millis")
        yield* proxy.go(Proxy.open)
        yield* works(system)
        assert.isAtMost(told(lines).away, 2, "one by the fault, one by the cut")
        assert.strictEqual(told(lines).back, told(lines).away)
      }))
  }

  test("no ticket is missed if only the connection for messages is cut, and the log stays empty", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const writer = yield* start(connect(server.port))
      // On a busy machine, to subscribe again takes longer than in the other tests.
      const reader = yield* start(connect(server.port, { timeout: "10 seconds" }), { pollInterval: "1 hour" })
      const seen = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(reader.tickets.changes("cli_test"), ({ value }) => Queue.offer(seen, Redacted.value(value)))
      )
      const subscribers = Effect.promise(async () => (await server.client.pubsub("CHANNELS")).length)
      const before = yield* counted(server.port).losses("messages")
      for (const round of Arr.range(1, 5)) {
        yield* until(subscribers, (count) => count === 1)
        yield* Effect.promise(() => server.client.call("CLIENT", "KILL", "TYPE", "pubsub"))
        const ticket = yield* ticketOf(`t-${round}`)
        assert.isTrue(yield* writer.tickets.put("cli_test", ticket))
        assert.strictEqual(yield* Effect.timeout(Queue.take(seen), "20 seconds"), `t-${round}`)
      }
      assert.strictEqual((yield* counted(server.port).losses("messages")) - before, 5)
      assert.deepStrictEqual(lines, [])
    }))

  test("polling finds the tickets if Redis refuses subscriptions", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const writer = yield* start(connect(server.port))
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "-subscribe"))
      const reader = yield* start(connect(server.port), { pollInterval: "100 millis" })
      const seen = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(reader.tickets.changes("cli_test"), ({ value }) => Queue.offer(seen, Redacted.value(value)))
      )
      for (const round of Arr.range(1, 3)) {
        const ticket = yield* ticketOf(`t-${round}`)
        yield* writer.tickets.put("cli_test", ticket)
        assert.strictEqual(yield* Effect.timeout(Queue.take(seen), "20 seconds"), `t-${round}`)
      }
      yield* until(Effect.sync(() => lines.length), (count) => count > 0)
      yield* Effect.sleep("1200 millis")
      assert.strictEqual(lines.filter((line) => line.includes("sends no messages (NOPERM")).length, 1)
      assert.strictEqual(lines.length, 1)
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "+subscribe"))
      yield* until(
        Effect.promise(async () => (await server.client.pubsub("CHANNELS")).length),
        (count) => count === 1
      )
    }))

  test("writing fails while Redis is out of memory, and the old ticket stays", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ args: ["--maxmemory-policy", "noeviction"] })
      const system = yield* start(connect(server.port))
      const { claims, tickets, tokens } = system
      yield* works(system)
      const tell = tellFromNow(lines)
      yield* tickets.put("cli_test", yield* ticketOf("old", 10))
      const ours = claimOf(yield* claims.claim("cli_test", "ours", hour))
      yield* tokens.put(appKey, tokenOf("old"))
      const before = yield* counted(server.port).failures("Refused")
      yield* Effect.promise(() => server.client.config("SET", "maxmemory", "1"))
      const fresh = yield* newTicket
      const writes = [
        tickets.put("cli_test", fresh),
        tokens.put(appKey, tokenOf(secret.token)),
        claims.claim("cli_test", "a", hour),
        claims.hold("cli_test", "a", hour)
      ]
      for (const write of writes) assert.include((yield* failing(write)).description, "OOM")
      assert.strictEqual((yield* counted(server.port).failures("Refused")) - before, writes.length)
      assert.strictEqual(valueOf(yield* tickets.get("cli_test")), "old")
      assert.strictEqual(valueOf(yield* tokens.get(appKey)), "old")
      yield* tokens.drop(appKey, tokenOf("old"))
      assert.strictEqual(valueOf(yield* tokens.get(appKey)), undefined, "to forget needs no memory")
      assert.isTrue(yield* claims.renew(ours, hour), "to keep a name needs no memory")
      yield* claims.release(ours)
      yield* Effect.promise(() => server.client.config("SET", "maxmemory", "0"))
      for (const write of writes) yield* write
      assert.strictEqual(valueOf(yield* tickets.get("cli_test")), secret.ticket)
      assert.deepStrictEqual(tell(), { away: 0, back: 0, all: 0 })
    }))

  test("a ticket overwrites garbage when Redis has memory again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { tickets } = yield* start(connect(server.port))
      yield* Effect.promise(() => server.client.set("feishu:{cli_test}:ticket", "garbage"))
      yield* Effect.promise(() => server.client.config("SET", "maxmemory", "1"))
      // The garbage may leave enough memory for the ticket.
      yield* Effect.either(tickets.put("cli_test", yield* ticketOf("first", 10)))
      yield* Effect.promise(() => server.client.config("SET", "maxmemory", "0"))
      assert.isTrue(yield* tickets.put("cli_test", yield* newTicket))
      assert.strictEqual(valueOf(yield* tickets.get("cli_test")), secret.ticket)
    }))

  test("writing to a replica fails, reading works, and the log is not flooded", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const nobody = yield* RedisServer.freePort
      const system = yield* start(connect(server.port))
      yield* workAll(system)
      yield* Effect.promise(() => server.client.call("REPLICAOF", "127.0.0.1", nobody))
      const first = yield* failing(system.claims.claim("cli_test", "b", hour))
      assert.include(first.description, "READONLY")
      for (const n of Arr.range(1, 20)) {
        yield* failing(system.claims.claim("cli_test", `b-${n}`, hour))
        yield* Effect.sleep("25 millis")
        // A write to a replica can renew the connection.
        yield* untilWorks(system.tickets.get("cli_test"))
      }
      yield* Effect.promise(() => server.client.call("REPLICAOF", "NO", "ONE"))
      yield* untilWorks(system.claims.claim("cli_test", "b", hour))
      yield* workAll(system)
      assert.isAtMost(told(lines).all, 2)
    }))

  test("the new master is used within seconds of a failover", (lines) =>
    Effect.gen(function*() {
      const { master, replica, sentinels } = yield* Systems.makeSentinels()
      const system = yield* start(Layer.orDie(RedisConnection.layerUrl({
        url: Redacted.make(sentinels.map(({ port }) => `redis://127.0.0.1:${port}`).join(",")),
        sentinelMaster: "the-master",
        timeout: `${timeout} millis`
      })))
      const fresh = yield* newTicket
      yield* untilWorks(system.tickets.put("cli_test", fresh))
      yield* until(Effect.promise(() => replica.client.exists("feishu:{cli_test}:ticket")), (count) => count === 1)
      const tell = tellFromNow(lines)
      yield* master.kill
      yield* until(counted("the-master/0").up, (up) => up === 0)
      yield* Effect.forEach(operations(system), (operation) => Effect.either(operation), { concurrency: "unbounded" })
      const [took] = yield* Effect.timed(untilWorks(system.claims.claim("cli_test", "after", hour)))
      yield* Effect.logDebug(`failed over within ${Duration.format(took)}`)
      assert.isBelow(Duration.toMillis(took), 8000)
      assert.strictEqual(valueOf(yield* system.tickets.get("cli_test")), secret.ticket)
      assert.strictEqual(yield* Effect.promise(() => replica.client.exists("feishu:{cli_test/after}:claim")), 1)
      assert.deepStrictEqual(tell(), { away: 1, back: 1, all: 2 }, lines.join("\n"))
    }))

  test("a sentinel that hangs does not hold up the connection", () =>
    Effect.gen(function*() {
      const { sentinels } = yield* Systems.makeSentinels(2)
      yield* sentinels[0]?.freeze ?? Effect.void
      const system = yield* start(Layer.orDie(RedisConnection.layerUrl({
        url: Redacted.make(sentinels.map(({ port }) => `redis://127.0.0.1:${port}`).join(",")),
        sentinelMaster: "the-master",
        timeout: `${timeout} millis`
      })))
      const works = yield* Effect.timeoutOption(untilWorks(system.tickets.get("cli_test")), "4 seconds")
      yield* sentinels[0]?.thaw ?? Effect.void
      assert.isTrue(Option.isSome(works))
    }))

  test("a Cluster works again after one node hung and after all nodes were killed", (lines) =>
    Effect.gen(function*() {
      const nodes = yield* Systems.makeCluster
      const system = yield* start(RedisConnection.layerCluster(
        nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
        {},
        { timeout: `${timeout} millis` }
      ))
      const spread = Effect.forEach(Arr.range(1, 10), (n) => system.claims.hold(`cli_${n}`, "a", hour))
      yield* untilWorks(spread)
      yield* nodes[0]?.freeze ?? Effect.void
      const claimAll = Effect.forEach(
        Arr.range(1, 30),
        (n) => timed(system.claims.claim(`cli_${n}`, "b", hour)),
        { concurrency: "unbounded" }
      )
      for (const { millis } of yield* claimAll) assert.isBelow(millis, timeout + slack)
      // The other nodes work, within some attempts on a busy machine.
      yield* until(claimAll, (frozen) => frozen.some(({ result }) => Either.isRight(result)))
      yield* nodes[0]?.thaw ?? Effect.void
      yield* untilWorks(spread)
      for (const node of nodes) yield* node.kill
      yield* until(Effect.either(system.tickets.get("cli_1")), Either.isLeft)
      for (const n of Arr.range(1, 20)) {
        assert.isBelow((yield* timed(system.tickets.get(`cli_${n}`))).millis, timeout + slack)
      }
      yield* Effect.forEach(nodes, (node) => node.start, { concurrency: "unbounded" })
      yield* untilWorks(spread)
      // One node hung, and then all nodes were killed: each outage is told of once at most.
      assert.isAtMost(told(lines).away, 2)
      assert.strictEqual(told(lines).back, told(lines).away)
    }))

  test("a wrong password is logged once and never shown", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* Effect.promise(() => server.client.config("SET", "requirepass", "another"))
      const system = yield* start(
        RedisConnection.layer({ port: server.port, password }, { timeout: `${timeout} millis` })
      )
      yield* failAll(system)
      yield* Effect.sleep(timeout)
      for (const operation of operations(system)) assert.isBelow((yield* failing(operation)).millis, 250)
      assert.include((yield* failing(system.tickets.get("cli_test"))).description, "WRONGPASS")
      yield* until(Effect.sync(() => told(lines).away), (away) => away > 0)
      assert.deepStrictEqual(told(lines), { away: 1, back: 0, all: 1 })
      yield* Effect.promise(() => server.client.config("SET", "requirepass", password))
      yield* works(system)
      yield* workAll(system)
      assert.deepStrictEqual(told(lines), { away: 1, back: 1, all: 2 })

      yield* Effect.promise(() => server.client.config("SET", "requirepass", "rotated"))
      yield* workAll(system)
      yield* Effect.promise(() => server.client.call("CLIENT", "KILL", "TYPE", "normal"))
      yield* until(counted(server.port).up, (up) => up === 0)
      yield* failAll(system)
      yield* Effect.promise(() => server.client.config("SET", "requirepass", password))
      yield* works(system)
      assert.deepStrictEqual(told(lines), { away: 2, back: 2, all: 4 })
    }))

  test("a user who may run no scripts can do what needs none, and the rest fails with a typed error", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const system = yield* start(connect(server.port))
      yield* works(system)
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "-@scripting"))
      const { claims, tickets, tokens } = system
      const fresh = yield* newTicket
      const scripted = [
        tickets.put("cli_test", fresh),
        claims.claim("cli_test", "a", hour),
        claims.renew(nobodys, hour),
        claims.release(nobodys)
      ]
      for (const refused of scripted) {
        assert.include((yield* failing(refused)).description, "refused a script: NOPERM")
      }
      assert.isTrue(Option.isNone(yield* tickets.get("cli_test")))
      yield* tokens.put(appKey, tokenOf(secret.token))
      assert.strictEqual(valueOf(yield* tokens.get(appKey)), secret.token)
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "+@scripting"))
      yield* workAll(system)
      assert.deepStrictEqual(lines, [])
    }))

  test("a user without channels is told whether a ticket is stored", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { tickets } = yield* start(connect(server.port))
      yield* tickets.get("cli_test")
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "resetchannels"))
      const put = yield* Effect.either(tickets.put("cli_test", yield* newTicket))
      const isThere = valueOf(yield* tickets.get("cli_test")) === secret.ticket
      assert.strictEqual(Either.isRight(put), isThere)
    }))

  test("operations go on after Redis has lost its scripts or its keys", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const system = yield* start(connect(server.port))
      for (const round of [1, 2]) {
        yield* workAll(system)
        yield* Effect.promise(() => server.client.script("FLUSH"))
        yield* workAll(system)
        yield* Effect.promise(() => server.client.flushall())
        assert.isTrue(Option.isNone(yield* system.tickets.get("cli_test")), `round ${round}`)
        assert.isTrue(Option.isNone(yield* system.tokens.get(appKey)), `round ${round}`)
      }
      yield* workAll(system)
      assert.deepStrictEqual(lines, [])
    }))
})

const keys = {
  ticket: "feishu:{cli_test}:ticket",
  token: "feishu:{cli_test/hash/app}:token",
  claim: "feishu:{cli_test/a}:claim"
}

/** Writes something without an expiry into a key. */
type Meddle = (client: Redis, key: string) => Promise<unknown>

const garbage: Record<string, Meddle> = {
  "a text": (client, key) => client.set(key, "garbage"),
  "an empty text": (client, key) => client.set(key, ""),
  "a number": (client, key) => client.set(key, "17"),
  "bytes": (client, key) => client.set(key, Buffer.from([0, 255, 254, 128, 10])),
  "a token without an end": (client, key) => client.set(key, " \"x\""),
  "a token with another end": (client, key) => client.set(key, "9e99 \"x\""),
  "an empty token": (client, key) => client.set(key, "1700000000000 \"\""),
  "a token that is no text": (client, key) => client.set(key, "1700000000000 {}"),
  "a list": (client, key) => client.rpush(key, "a"),
  "a set": (client, key) => client.sadd(key, "a"),
  "a sorted set": (client, key) => client.zadd(key, 1, "a"),
  "a stream": (client, key) => client.xadd(key, "*", "a", "b"),
  "a hash of other fields": (client, key) => client.hset(key, { a: "b" }),
  "a ticket without a time": (client, key) => client.hset(key, { ticket: "\"x\"", dropped: "0" }),
  "a ticket without a value": (client, key) => client.hset(key, { sentAt: "9000000000000", dropped: "0" }),
  "a ticket of which nobody knows whether it was dropped": (client, key) =>
    client.hset(key, { sentAt: "9000000000000", ticket: "\"x\"" }),
  "a ticket with an empty value": (client, key) =>
    client.hset(key, { sentAt: "9000000000000", ticket: "\"\"", dropped: "0" }),
  "a ticket that is no JSON": (client, key) =>
    client.hset(key, { sentAt: "9000000000000", ticket: "\"x\"y\"", dropped: "0" }),
  "a ticket from beyond all time": (client, key) =>
    client.hset(key, { sentAt: "8640000000000001", ticket: "\"x\"", dropped: "0" }),
  "a ticket from infinity": (client, key) => client.hset(key, { sentAt: "inf", ticket: "\"x\"", dropped: "0" }),
  "a ticket from a time that is no number": (client, key) =>
    client.hset(key, { sentAt: "0x7fffffffffff", ticket: "\"x\"", dropped: "0" }),
  "a ticket from a time with many digits": (client, key) =>
    client.hset(key, { sentAt: "9".repeat(400), ticket: "\"x\"", dropped: "0" })
}

describe("A connection", () => {
  test("that has gone without a word is found out, and another takes its place", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const system = yield* start(connect(proxy.port, { timeout: "200 millis" }))
      const other = yield* start(connect(server.port))
      const seen = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(system.tickets.changes("cli_test"), ({ value }) => Queue.offer(seen, Redacted.value(value)))
          .pipe(
            Effect.retry(Schedule.spaced("100 millis"))
          )
      )
      const push = (value: string) =>
        until(
          Effect.andThen(
            Effect.flatMap(ticketOf(value), (ticket) => other.tickets.put("cli_test", ticket)),
            Queue.takeAll(seen)
          ),
          Chunk.some((ticket) => ticket === value)
        )
      yield* push("before")
      yield* proxy.forget
      yield* push("after")
      assert.isAtMost(lines.length, 2, "neither is worth more than a line")
    }))

  test("a connection to a database that does not exist is not used", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { tickets } = yield* start(
        RedisConnection.layer({ port: server.port, db: 99 }, { timeout: `${timeout} millis` })
      )
      const { description } = yield* failing(Effect.flatMap(newTicket, (ticket) => tickets.put("cli_test", ticket)))
      assert.include(description, "DB index is out of range")
      yield* until(Effect.sync(() => told(lines).away), (away) => away > 0)
      assert.strictEqual(told(lines).away, 1)
      assert.strictEqual(yield* Effect.promise(() => server.client.dbsize()), 0)
    }))

  test("a connection that ends with its layer does not count as lost", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const before = yield* counted(server.port).losses("commands")
      const system = yield* start(connect(server.port))
      yield* works(system)
      yield* system.stop
      yield* Effect.sleep("200 millis")
      assert.strictEqual(yield* counted(server.port).losses("commands"), before)
    }))
})

describe("A claim", () => {
  test("a claim is renewed and released by its holder alone", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const one = yield* start(connect(server.port))
      const other = yield* start(connect(server.port))
      for (const name of ["slow", "token/hash/app"]) {
        const isFree = ({ claims }: System) => Effect.map(claims.claim("cli_test", name, hour), isClaimed)
        const expired = claimOf(yield* one.claims.claim("cli_test", name, Duration.millis(50)))
        yield* Effect.sleep("100 millis")
        const ours = claimOf(yield* other.claims.claim("cli_test", name, hour))
        assert.isFalse(yield* one.claims.renew(expired, hour))
        yield* one.claims.release(expired)
        assert.isFalse(yield* isFree(one), "the other process has the name")
        assert.isTrue(yield* other.claims.renew(ours, hour))
        yield* other.claims.release(ours)
        assert.isTrue(yield* isFree(one))
      }
    }))
})

describe("Garbage on Redis", () => {
  const shared = (meddle: Meddle, system: System, client: Redis) =>
    Effect.gen(function*() {
      const { claims, tickets, tokens } = system
      yield* Effect.promise(async () => {
        await client.flushall()
        await Promise.all(Object.values(keys).map((key) => meddle(client, key)))
      })
      assert.isTrue(Option.isNone(yield* tickets.get("cli_test")))
      assert.isTrue(Option.isNone(yield* tickets.get("cli_test")))
      assert.isTrue(Option.isNone(yield* tokens.get(appKey)))
      assert.isTrue(Option.isNone(yield* tokens.get(appKey)))
      yield* tickets.drop("cli_test", yield* newTicket)
      yield* tokens.drop(appKey, tokenOf(secret.token))
      assert.isFalse(yield* claims.renew(nobodys, hour))
      yield* claims.release(nobodys)
      const ours = claimOf(yield* claims.claim("cli_test", "a", hour))
      assert.isTrue(isTaken(yield* claims.claim("cli_test", "a", hour)))
      assert.isTrue(yield* claims.renew(ours, hour))
      yield* claims.release(ours)
      yield* Effect.promise(() => meddle(client, keys.claim))
      yield* claims.hold("cli_test", "a", hour)
      assert.isTrue(isTaken(yield* claims.claim("cli_test", "a", hour)))
      assert.isTrue(yield* tickets.put("cli_test", yield* newTicket))
      assert.strictEqual(valueOf(yield* tickets.get("cli_test")), secret.ticket)
      yield* tokens.put(appKey, tokenOf(secret.token))
      assert.strictEqual(valueOf(yield* tokens.get(appKey)), secret.token)
      for (const key of Object.values(keys)) {
        assert.isAbove(yield* Effect.promise(() => client.pttl(key)), 0, "the entry expires again")
      }
    })

  test("an unreadable entry is absent, is logged once for each key, and is overwritten", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const broken: Array<string> = []
      for (const [name, meddle] of Object.entries(garbage)) {
        const before = lines.length
        const system = yield* start(connect(server.port, { timeout: "2 seconds" }))
        const exit = yield* Effect.exit(shared(meddle, system, server.client))
        if (Exit.isFailure(exit)) broken.push(`${name}: ${Cause.pretty(exit.cause).split("\n")[0]}`)
        yield* system.stop
        const news = lines.slice(before)
        // A hash without any field of a ticket is no ticket.
        const ofTicket = name === "a hash of other fields" ? 0 : 1
        const told = [keys.ticket, keys.token].map((key) => news.filter((line) => line.includes(key)).length)
        if (told[0] !== ofTicket || told[1] !== 1) broken.push(`${name}: told ${told.join(" and ")} times`)
      }
      assert.deepStrictEqual(broken, [])
    }))

  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(..."0123456789-+.e \"{}[]\\:,x"), maxLength: 20 }),
    fc.integer().map(String),
    fc.constantFrom("1700000000000", "\"t\"", "0", "1", "-8640000000000000", "1700000000000 \"t\"", "null")
  )

  test("no entry breaks an operation", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const system = yield* start(connect(server.port, { timeout: "5 seconds" }))
      const { claims, tickets, tokens } = system
      const runPromise = Runtime.runPromise(yield* Effect.runtime())
      const run = (
        [text, fields, isHash]: readonly [string, { sentAt: string; ticket: string; dropped: string }, boolean]
      ) =>
        Effect.gen(function*() {
          yield* Effect.promise(async () => {
            await server.client.flushall()
            await Promise.all(
              Object.values(keys).map((key) => isHash ? server.client.hset(key, fields) : server.client.set(key, text))
            )
          })
          const there = yield* tickets.get("cli_test")
          yield* tokens.get(appKey)
          // A readable ticket may be newer; anything else must not keep the new ticket out.
          const fresh = yield* newTicket
          const isKept = yield* tickets.put("cli_test", fresh)
          const got = yield* tickets.get("cli_test")
          if (Option.isNone(there) && fields.dropped !== "1") assert.isTrue(isKept)
          if (isKept) assert.strictEqual(valueOf(got), secret.ticket)
          yield* tokens.put(appKey, tokenOf(secret.token))
          assert.strictEqual(valueOf(yield* tokens.get(appKey)), secret.token)
          assert.isFalse(yield* claims.renew(nobodys, hour))
          assert.isTrue(isClaimed(yield* claims.claim("cli_test", "a", hour)))
        })
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            anyText,
            fc.record({ sentAt: anyText, ticket: anyText, dropped: anyText }),
            fc.boolean(),
            (text, fields, isHash) => runPromise(run([text, fields, isHash]))
          ),
          { numRuns: 200 }
        )
      )
    }))
})

describe("The end of the layer", () => {
  const quick = (system: System) =>
    Effect.map(Effect.timed(system.stop), ([took]) => assert.isBelow(Duration.toMillis(took), 1500))

  const watched = (system: System) =>
    Effect.zipRight(
      Effect.forkScoped(Effect.ignore(Stream.runDrain(system.tickets.changes("cli_test")))),
      Effect.sleep("50 millis")
    )

  test("a layer ends at once in each state of its connection", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const [fresh, used, frozen, cut] = yield* Effect.all([
        start(connect(server.port)),
        start(connect(server.port)),
        start(connect(server.port, { timeout: "1 minute" })),
        start(connect(proxy.port))
      ])
      yield* quick(fresh)
      yield* works(used)
      yield* watched(used)
      yield* quick(used)
      yield* works(cut)
      yield* watched(cut)
      yield* proxy.go(Proxy.refused)
      yield* proxy.cut
      yield* Effect.sleep("100 millis")
      yield* quick(cut)
      yield* works(frozen)
      yield* watched(frozen)
      yield* server.freeze
      const waiting = yield* Effect.fork(Effect.either(frozen.tickets.get("cli_test")))
      const connecting = yield* start(connect(server.port, { timeout: "1 minute" }))
      const also = yield* Effect.fork(Effect.either(connecting.tickets.get("cli_test")))
      yield* Effect.sleep("100 millis")
      yield* quick(connecting)
      yield* quick(frozen)
      assert.isTrue(Either.isLeft(
        yield* Effect.timeoutFail(waiting, {
          duration: "1 second",
          onTimeout: () => "an operation outlives its connection"
        })
      ))
      yield* Fiber.interruptFork(also)
      yield* server.thaw
      yield* server.kill
      const down = yield* start(connect(server.port))
      yield* Effect.sleep("100 millis")
      yield* quick(down)
      const sentinelless = yield* start(Layer.orDie(RedisConnection.layerUrl({
        url: Redacted.make(`redis://127.0.0.1:${server.port}`),
        sentinelMaster: "the-master"
      })))
      yield* Effect.sleep("100 millis")
      yield* quick(sentinelless)
      const clusterless = yield* start(RedisConnection.layerCluster([{ host: "127.0.0.1", port: server.port }]))
      yield* Effect.sleep("100 millis")
      yield* quick(clusterless)
      const before = lines.length
      yield* Effect.sleep("300 millis")
      assert.strictEqual(lines.length, before, "nothing is told after the end")
    }))

  const program = bundled("process")

  /** Runs a process that uses a Redis, ends the layer, and has nothing else to do. */
  const run = (...args: ReadonlyArray<string>) =>
    Effect.flatMap(
      program,
      (file) =>
        Effect.async<{ readonly code: number | null; readonly output: string }>((resume) => {
          const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] })
          let output = ""
          for (const stream of [child.stdout, child.stderr]) {
            stream.on("data", (bytes: Buffer) => {
              output += bytes.toString()
            })
          }
          child.on("close", (code) => resume(Effect.succeed({ code, output })))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
    )

  test("an ended layer leaves nothing that keeps the process alive", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const frozen = yield* RedisServer.make()
      yield* frozen.freeze
      const nobody = yield* RedisServer.freePort
      const none = String(nobody)
      const [there, away] = yield* Effect.all([
        run("plain", String(server.port)),
        run(
          "plain",
          none,
          "plain",
          String(frozen.port),
          "sentinel",
          none,
          "cluster",
          none,
          "sentinel",
          String(frozen.port)
        )
      ], { concurrency: "unbounded" }).pipe(
        Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => "a process does not end" })
      )
      yield* frozen.thaw
      for (const [{ code, output }, used] of [[there, "Right"], [away, "Left, Left, Left, Left, Left"]] as const) {
        assert.strictEqual(code, 0, output)
        assert.include(output, `${used}: `)
        assert.isBelow(Number(/outlived its layer by (\d+) ms/.exec(output)?.[1] ?? Number.NaN), 5000, output)
      }
    }))
})

describe("A command without an answer", () => {
  test("a command that was given up does not run when Redis is back", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { claims, tickets } = yield* start(connect(server.port))
      yield* untilWorks(tickets.get("cli_test"))
      yield* server.freeze
      yield* Effect.forEach(Arr.range(1, 20), (n) => failing(claims.claim("cli_test", `a${n}`, hour)), {
        concurrency: "unbounded"
      })
      yield* server.kill
      yield* Effect.forEach(Arr.range(1, 20), (n) => failing(claims.claim("cli_test", `a${n}`, hour)), {
        concurrency: "unbounded"
      })
      yield* server.start
      yield* untilWorks(tickets.get("cli_test"))
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual(yield* Effect.promise(() => server.client.keys("*")), [])
      const seen = yield* Effect.promise(() => server.client.info("commandstats"))
      assert.notInclude(seen, "cmdstat_evalsha")
    }))

  test("a claim that was given up on a frozen Redis expires in time", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const { claims, tickets } = yield* start(connect(server.port))
      yield* claims.release(nobodys)
      yield* server.freeze
      yield* failing(claims.claim("cli_test", "a", Duration.seconds(1)))
      // Redis may have received the first command, and receives none of the following.
      yield* Effect.sleep(timeout)
      for (const n of Arr.range(1, 10)) yield* failing(claims.claim("cli_test", `b${n}`, hour))
      yield* server.thaw
      yield* untilWorks(tickets.get("cli_test"))
      assert.notInclude((yield* Effect.promise(() => server.client.keys("*"))).join(), "cli_test/b")
      yield* until(claims.claim("cli_test", "a", hour), isClaimed)
    }))
})

describe("A client of the program", () => {
  test("a client of the program stays as it is", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const theirs = yield* Effect.acquireRelease(
        Effect.sync(() => new Redis({ port: server.port, keyPrefix: "theirs:" })),
        (client) => Effect.sync(() => client.disconnect())
      )
      yield* Effect.promise(() => theirs.set("a", "b"))
      const before = {
        listeners: theirs.eventNames().map((name) => [String(name), theirs.listenerCount(name)]),
        names: Object.getOwnPropertyNames(theirs).toSorted(),
        options: { ...theirs.options },
        id: yield* Effect.promise(() => theirs.client("ID"))
      }
      const system = yield* start(RedisConnection.layerClient(theirs, { timeout: `${timeout} millis` }))
      yield* untilWorks(system.tickets.get("cli_test"))
      yield* workAll(system)
      assert.deepStrictEqual(
        new Set((yield* Effect.promise(() => server.client.keys("*"))).map((key) => key.split("{")[0])),
        new Set(["theirs:a", "theirs:feishu:"])
      )
      yield* system.stop
      assert.strictEqual(theirs.status, "ready")
      assert.strictEqual(yield* Effect.promise(() => theirs.get("a")), "b")
      assert.deepStrictEqual({
        listeners: theirs.eventNames().map((name) => [String(name), theirs.listenerCount(name)]),
        names: Object.getOwnPropertyNames(theirs).toSorted(),
        options: { ...theirs.options },
        id: yield* Effect.promise(() => theirs.client("ID"))
      }, before)
    }))
})

describe("The services on a Redis that goes away", () => {
  const verificationToken = "the verification token"

  const deliver = (type: "app_ticket" | "app_open", id: string) =>
    Effect.gen(function*() {
      const subscription = yield* EventSubscription.EventSubscription
      const now = yield* Clock.currentTimeMillis
      const event = type === "app_ticket"
        ? { app_id: "cli_test", app_ticket: secret.ticket, type }
        : { app_id: "cli_test", tenant_key: "tenant_1", type }
      const body = JSON.stringify({
        ts: (now / 1000).toFixed(3),
        uuid: id,
        token: verificationToken,
        type: "event_callback",
        event
      })
      const [took, { status }] = yield* Effect.timed(EventDoor.answer(subscription, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: Effect.sync(() => new TextEncoder().encode(body))
      }))
      return { status, millis: Duration.toMillis(took) }
    })

  /** The emulator pushes to the subscription, and both stores are on this Redis. */
  const services = (port: number) =>
    Layer.effectDiscard(Effect.gen(function*() {
      const { updateApp } = yield* Emulator.Emulator
      const url = EmulatorTest.requestUrl(yield* EventSubscription.EventSubscription)
      yield* Effect.orDie(updateApp("cli_test", (app) => ({ ...app, requestUrl: url })))
    })).pipe(
      Layer.provideMerge(AccessToken.layer()),
      Layer.provideMerge(
        Layer.merge(AppTicket.layer(), EventSubscription.layer({ handlers: [EventHandler.all(() => Effect.void)] }))
      ),
      Layer.provideMerge(Systems.over(RedisConnection.layer({ port }))),
      Layer.provideMerge(EmulatorTest.layer({
        pushDelay: 0,
        app: { verificationToken: Redacted.make(verificationToken), tenants: ["tenant_1", "tenant_2"] }
      }))
    )

  test("the webhook answers 503 in time while Redis is away, and what is in memory stays in use", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* Effect.gen(function*() {
        const { tenant } = yield* AccessToken.AccessToken
        const ticket = yield* AppTicket.get
        const token = yield* tenant("tenant_1")
        assert.strictEqual((yield* deliver("app_open", "before")).status, 200)
        const before = lines.length
        const tell = tellFromNow(lines)
        yield* server.kill
        for (const n of Arr.range(1, 5)) {
          for (const type of ["app_ticket", "app_open"] as const) {
            const { millis, status } = yield* deliver(type, `meanwhile-${n}`)
            assert.strictEqual(status, 503)
            assert.isBelow(millis, 2000)
          }
        }
        const [tickets, ticketsAgain] = yield* Effect.timed(Effect.replicateEffect(AppTicket.get, 1000))
        const [tokens, tokensAgain] = yield* Effect.timed(Effect.replicateEffect(tenant("tenant_1"), 1000))
        yield* Effect.logDebug(
          `1000 from memory: tickets ${Duration.format(tickets)}, tokens ${Duration.format(tokens)}`
        )
        assert.isBelow(Duration.toMillis(tickets), 2000)
        assert.isBelow(Duration.toMillis(tokens), 2000)
        for (const again of ticketsAgain) assert.deepStrictEqual(again.value, ticket.value)
        for (const again of tokensAgain) assert.deepStrictEqual(again.value, token.value)
        const cold = yield* timed(tenant("tenant_2"))
        assert.isTrue(Either.isRight(cold.result), "the platform is asked instead")
        assert.isBelow(cold.millis, 5000)
        assert.isAtMost(lines.length - before, 8, lines.join("\n"))
        yield* server.start
        yield* until(deliver("app_ticket", "after"), ({ status }) => status === 200)
        assert.strictEqual((yield* deliver("app_open", "after")).status, 200)
        assert.strictEqual((yield* deliver("app_open", "meanwhile-1")).status, 200, "the event was not handled before")
        assert.deepStrictEqual({ ...tell(), all: 0 }, { away: 1, back: 1, all: 0 })
      }).pipe(Effect.provide(services(server.port)))
    }))

  test("a process that starts without Redis works when Redis is up", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ isStarted: false })
      yield* Effect.gen(function*() {
        const failed = yield* timed(AppTicket.get)
        assert.isTrue(Either.isLeft(failed.result))
        assert.isBelow(failed.millis, 3000)
        yield* server.start
        const { tenant } = yield* AccessToken.AccessToken
        yield* untilWorks(tenant("tenant_1"))
      }).pipe(Effect.provide(services(server.port)))
    }))
})
