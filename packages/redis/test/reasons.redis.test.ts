/** The reasons in errors and in the log, and the label of the metrics. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Deferred, Duration, Effect, Exit, Fiber, Layer, Logger, LogLevel, Redacted, Scope } from "effect"
import * as RedisConnection from "../src/RedisConnection.js"
import type { RedisError } from "../src/RedisError.js"
import { makeAuthority } from "./certificates.js"
import * as Proxy from "./proxy.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

const timeout = { timeout: "400 millis" } as const

const at = (port: number) => ({ host: "127.0.0.1", port })

const url = (text: string, options?: Partial<RedisConnection.UrlOptions>) =>
  RedisConnection.layerUrl({ url: Redacted.make(text), ...timeout, ...options })

/** Starts on a server that is never ready, and expects the reason in an error, in one line of the log and in no other. */
const neverReady = (
  layer: Layer.Layer<RedisConnection.RedisConnection, unknown>,
  reason: RedisError["reason"],
  why: RegExp
) =>
  Systems.withLog((lines) =>
    Effect.gen(function*() {
      const { claims, connection, stop, tickets, tokens } = yield* Systems.start(Layer.orDie(layer))
      // A busy machine may know the reason only after some failures.
      let attempts = 500
      const error = yield* Systems.until(
        Effect.flip(connection.ready),
        ({ description }) => why.test(description) || attempts-- <= 0
      )
      assert.match(error.description, why, error.description)
      assert.strictEqual(error.reason, reason)
      const errors = yield* Effect.all([
        Effect.flip(tickets.get("cli_test")),
        Effect.flip(claims.claim("cli_test", "a", Duration.minutes(1))),
        Effect.flip(tokens.get({ appId: "cli_test", secretHash: "hash", tenantKey: Systems.none }))
      ], { concurrency: "unbounded" })
      for (const { description } of errors) assert.match(description, why, description)
      for (const { message } of errors) assert.notMatch(message, /push/)
      yield* Systems.until(Effect.sync(() => lines.length), (count) => count > 0)
      yield* stop
      assert.strictEqual(lines.length, 1, lines.join("\n"))
      const state = reason === "Misconfigured" ? "cannot be used as configured" : "is away"
      assert.match(lines[0] ?? "", new RegExp(`^WARN \\[\\s+".* ${state} \\(.*\\)\\. Reconnecting"`))
    })
  )

describe("The reason is", () => {
  it.scopedLive("a wrong password, on one Redis, on a Cluster and by way of sentinels", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const nodes = yield* Systems.makeCluster
      const { master, sentinels } = yield* Systems.makeSentinels()
      for (const { client } of [server, master, ...nodes]) {
        yield* Effect.promise(() => client.config("SET", "requirepass", "right"))
      }
      const [node] = nodes
      const [sentinel] = sentinels
      const all = (user: string) => [
        url(`redis://${user}127.0.0.1:${server.port}`),
        url(`redis://${user}127.0.0.1:${node?.port}`, { isCluster: true }),
        url(`redis://${user}127.0.0.1:${sentinel?.port}`, { sentinelMaster: "the-master" })
      ]
      for (const layer of all(":wrong@")) {
        yield* neverReady(layer, "Misconfigured", /the user name or the password is wrong: WRONGPASS/)
      }
      for (const layer of all("")) yield* neverReady(layer, "Misconfigured", /a password is needed: NOAUTH/)
    }))

  it.scopedLive("a database that does not exist", () =>
    Effect.gen(function*() {
      const { port } = yield* RedisServer.make()
      yield* neverReady(
        url(`redis://127.0.0.1:${port}/99`),
        "Misconfigured",
        /the database does not exist: ERR DB index is out of range/
      )
    }))

  it.scopedLive("a Cluster that the configuration does not name, or names where there is none", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* neverReady(
        url(`redis://127.0.0.1:${server.port}`, { isCluster: true }),
        "Misconfigured",
        /the server is not a node of a Cluster/
      )
      const [{ port } = assert.fail()] = yield* Systems.makeCluster
      const { connection } = yield* Systems.start(RedisConnection.layer(at(port), { timeout: "5 seconds" }))
      const errors = yield* Effect.forEach(Arr.range(1, 20), (n) => Effect.either(connection.send("get", `${n}`)))
      const [error = assert.fail()] = Arr.getLefts(errors)
      assert.strictEqual(error.reason, "Misconfigured")
      assert.match(error.description, /refused GET: the server is a node of a Cluster, .*: MOVED /)
    }))

  it.scopedLive("a master that the sentinels do not know, or no sentinel", () =>
    Effect.gen(function*() {
      const { sentinels: [{ port } = assert.fail()] } = yield* Systems.makeSentinels()
      yield* neverReady(
        url(`redis://127.0.0.1:${port}`, { sentinelMaster: "another" }),
        "Misconfigured",
        /the sentinels know no master of this name/
      )
      const nobody = yield* RedisServer.freePort
      yield* neverReady(
        url(`redis://127.0.0.1:${nobody}`, { sentinelMaster: "the-master" }),
        "Away",
        /no sentinel answers/
      )
    }))

  it.scopedLive("nobody who listens, on one Redis and in a Cluster", () =>
    Effect.gen(function*() {
      const nobody = yield* RedisServer.freePort
      for (const isCluster of [false, true]) {
        yield* neverReady(url(`redis://127.0.0.1:${nobody}`, { isCluster }), "Away", /ECONNREFUSED/)
      }
    }))

  for (const isCluster of [false, true]) {
    it.scopedLive(`a server that loads its data, ${isCluster ? "in a Cluster" : "on one Redis"}`, () =>
      Effect.gen(function*() {
        const folder = yield* Systems.temporaryFolder
        const port = yield* Effect.repeat(RedisServer.freePort, { until: (port) => port < 50_000 })
        const args = ["--dir", folder, "--enable-debug-command", "yes", "--cluster-enabled", isCluster ? "yes" : "no"]
        const first = yield* RedisServer.make({ port, args })
        yield* Effect.promise(async () => {
          if (isCluster) await first.client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
          await first.client.call("DEBUG", "POPULATE", "20000")
          await first.client.save()
        })
        yield* first.kill
        const slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
        yield* RedisServer.make({ port, args: [...args, ...slow], isAwaited: false })
        const layer = url(`redis://127.0.0.1:${port}`, { isCluster })
        yield* neverReady(layer, "Away", /Redis is loading its data: LOADING/)
      }))
  }

  it.scopedLive("a port with TLS that is spoken to without TLS", () =>
    Effect.gen(function*() {
      const { issue } = yield* makeAuthority
      const { port } = yield* RedisServer.make({ tls: issue("localhost") })
      for (const isCluster of [false, true]) {
        yield* neverReady(
          url(`redis://127.0.0.1:${port}`, { isCluster }),
          "Away",
          /before the first answer: the port is no Redis, or has TLS and needs rediss:\/\//
        )
      }
    }))

  it.scopedLive("a port without TLS that is spoken to with TLS", () =>
    Effect.gen(function*() {
      const { port } = yield* RedisServer.make()
      for (const isCluster of [false, true]) {
        yield* neverReady(
          url(`rediss://127.0.0.1:${port}`, { isCluster }),
          "Away",
          /the server does not answer the TLS handshake; a port without TLS needs redis:\/\/ and not rediss:\/\//
        )
      }
      // Another server answers something else than TLS.
      const proxy = yield* Proxy.make(port)
      yield* proxy.go({ ask: (_, redis) => redis.write("PING\r\n") })
      yield* neverReady(url(`rediss://127.0.0.1:${proxy.port}`), "Misconfigured", /the server speaks no TLS/)
    }))

  it.scopedLive("a server that does not answer from the start, on one Redis and in a Cluster", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* server.freeze
      for (const isCluster of [false, true]) {
        yield* neverReady(url(`redis://127.0.0.1:${server.port}`, { isCluster }), "Away", /does not answer/)
      }
      yield* server.thaw
    }))

  it.scopedLive("a server that stops to answer, and the log says so", () =>
    Systems.withLog((lines) =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const { connection } = yield* Systems.start(RedisConnection.layer(at(server.port), timeout))
        yield* Systems.untilWorks(connection.send("get", "a"))
        yield* server.freeze
        const first = yield* Effect.flip(connection.send("get", "a"))
        assert.strictEqual(first.reason, "Timeout")
        assert.include(first.description, "did not answer within 400ms")
        const second = yield* Effect.flip(connection.send("get", "a"))
        assert.strictEqual(second.reason, "Away")
        assert.include(second.description, "(the server does not answer)")
        yield* Systems.until(Effect.sync(() => lines.length), (count) => count > 0)
        assert.match(lines[0] ?? "", /^WARN \[\s+"Redis at .* is away \(the server does not answer\)\. Reconnecting"/)
        yield* server.thaw
      })
    ))

  it.scopedLive("that of one node, if only that node of a Cluster fails", () =>
    Effect.gen(function*() {
      const nodes = yield* Systems.makeCluster
      const { connection } = yield* Systems.start(
        RedisConnection.layerCluster(nodes.map(({ port }) => at(port)), {}, { timeout: "3 seconds" })
      )
      const all = Effect.forEach(Arr.range(1, 30), (n) => Effect.either(connection.send("get", `${n}`)), {
        concurrency: "unbounded"
      })
      yield* Systems.until(all, (results) => Arr.getLefts(results).length === 0)
      const [node = assert.fail()] = nodes
      yield* Effect.promise(() => node.client.config("SET", "requirepass", "another"))
      yield* Effect.promise(() => node.client.call("CLIENT", "KILL", "TYPE", "normal"))
      const [refused = assert.fail()] = Arr.getLefts(yield* all)
      assert.match(
        refused.description,
        /the Redis Cluster at .* (refused GET: |broke \()a password is needed: NOAUTH/,
        refused.description
      )
      yield* node.kill
      const errors = yield* Systems.until(
        Effect.map(all, Arr.getLefts),
        Arr.some(({ description }) =>
          /^the connection to the Redis Cluster at .* broke \(connect ECONNREFUSED/.test(description)
        )
      )
      assert.isAbove(errors.length, 0)
    }))
})

describe("The log", () => {
  const withDebug = <A, E, R>(effect: Effect.Effect<A, E, R>) => Logger.withMinimumLogLevel(effect, LogLevel.Debug)

  it.scopedLive("has one line for each state, and those of every day are for debugging", () =>
    Systems.withLog((lines) =>
      Effect.gen(function*() {
        const server = yield* RedisServer.make()
        const { connection, stop } = yield* withDebug(Systems.start(RedisConnection.layer(at(server.port), timeout)))
        const place = `Redis at 127.0.0.1:${server.port}`
        yield* Systems.untilWorks(connection.ready)
        yield* server.kill
        yield* Systems.until(Effect.sync(() => lines.length), (count) => count === 3)
        yield* server.start
        yield* Systems.untilWorks(connection.ready)
        yield* stop
        for (
          const [n, [level = "", text = ""]] of [
            ["DEBUG", `${place}: connecting`],
            ["DEBUG", `${place} is connected`],
            ["WARN", `${place} is away (`],
            ["INFO", `${place} is back after `],
            ["DEBUG", `${place} is closed`]
          ].entries()
        ) assert.match(lines[n] ?? "", new RegExp(`^${level} \\[\\s+"${text.replace("(", "\\(")}`))
        assert.strictEqual(lines.length, 5, lines.join("\n"))
      })
    ))
})

describe("The metrics", () => {
  it.scopedLive("have the label of their connection, without credentials, or the name of the settings", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* Effect.promise(() => server.client.config("SET", "requirepass", "secret"))
      const nobody = yield* RedisServer.freePort
      const address = (database: number) => `redis://default:secret@127.0.0.1:${server.port}/${database}`
      const connect = (layer: Layer.Layer<RedisConnection.RedisConnection, unknown>) =>
        Systems.start(Layer.orDie(layer))
      const first = yield* connect(url(address(0)))
      const second = yield* connect(url(address(3)))
      const named = yield* connect(url(address(0), { name: "primary" }))
      const away = yield* connect(url(`redis://127.0.0.1:${nobody}`))
      for (const { connection } of [first, second, named]) yield* Systems.untilWorks(connection.ready)
      const names = [`127.0.0.1:${server.port}/0`, `127.0.0.1:${server.port}/3`, "primary"]
      for (const name of names) assert.strictEqual(yield* Systems.counted(name).up, 1)
      const none = Systems.counted(`127.0.0.1:${nobody}/0`)
      assert.strictEqual(yield* none.up, 0)
      yield* Effect.flip(away.connection.send("get", "a"))
      assert.strictEqual(yield* none.failures("Away"), 1)
      yield* first.stop
      const up = yield* Effect.forEach(names, (name) => Systems.counted(name).up)
      assert.deepStrictEqual(up, [0, 1, 1])
    }))
})

describe("A command", () => {
  it.scopedLive("in an uninterruptible region waits for a connection, and no longer than the time limit", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ isStarted: false })
      const { connection } = yield* Systems.start(RedisConnection.layer(at(server.port), { timeout: "20 seconds" }))
      const { connection: impatient } = yield* Systems.start(RedisConnection.layer(at(server.port), timeout))
      const began = yield* Deferred.make<void>()
      const failed = yield* Deferred.make<Exit.Exit<unknown, RedisError>>()
      const done = yield* Deferred.make<Exit.Exit<unknown, RedisError>>()
      const exit = ({ send }: RedisConnection.Service, end: typeof done) =>
        Effect.flatMap(Effect.exit(send("get", "a")), (exit) => Deferred.succeed(end, exit))
      // As the release of a claim does, whose caller was interrupted.
      const caller = yield* Effect.fork(
        Effect.onInterrupt(
          Effect.andThen(Deferred.succeed(began, undefined), Effect.never),
          () => Effect.all([exit(connection, done), exit(impatient, failed)], { concurrency: 2 })
        )
      )
      yield* Deferred.await(began)
      const interrupted = yield* Effect.fork(Fiber.interrupt(caller))
      assert.isTrue(Exit.isFailure(yield* Deferred.await(failed)))
      yield* server.start
      assert.isTrue(Exit.isSuccess(yield* Deferred.await(done)))
      yield* Fiber.join(interrupted)
    }))

  it.scopedLive("of a layer that was built in an uninterruptible region ends with the layer", () =>
    Effect.gen(function*() {
      const nobody = yield* RedisServer.freePort
      const scope = yield* Scope.make()
      const { connection, tickets } = yield* Effect.uninterruptible(
        Scope.extend(Systems.start(RedisConnection.layer(at(nobody), { timeout: "1 minute" })), scope)
      )
      const waiting = yield* Effect.fork(Effect.flip(connection.send("get", "a")))
      const watching = yield* Effect.fork(Effect.exit(tickets.get("cli_test")))
      yield* Effect.sleep("50 millis")
      yield* Scope.close(scope, Exit.void)
      assert.include((yield* Fiber.join(waiting)).description, "the connection was closed")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(watching)))
    }))
})
