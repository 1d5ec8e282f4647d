/** Credentials that change while a program runs. */
import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Deferred,
  Duration,
  Effect,
  Either,
  Fiber,
  Inspectable,
  Layer,
  Metric,
  Option,
  Redacted,
  Schedule,
  type Scope,
  Stream
} from "effect"
import { Cluster, Redis } from "ioredis"
import { inspect } from "node:util"
import * as RedisConnection from "../src/RedisConnection.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

const hour = Duration.hours(1)

/** A busy machine may need this long for one connection. */
const patient = { timeout: "10 seconds" } as const

const passwords = ["the-first-secret", "the-second-secret", "the-third-secret"] as const

type System = Effect.Effect.Success<ReturnType<typeof Systems.start>>

/** Keeps the newest credentials, and counts how often somebody asks for them. */
const makeSource = (username?: string) => {
  let newest: RedisConnection.Credentials = { username, password: Redacted.make<string>(passwords[0]) }
  let asked = 0
  return {
    credentials: Effect.sync(() => {
      asked++
      return newest
    }).pipe(Effect.delay("1 millis")),
    rotate: (password: string) =>
      Effect.sync(() => {
        newest = { username, password: Redacted.make(password) }
      }),
    asked: () => asked
  }
}

/** Runs a test with the log. No secret may be in the log, in an error or in a metric. */
const test = (
  name: string,
  body: (lines: ReadonlyArray<string>) => Effect.Effect<unknown, unknown, Scope.Scope>
) =>
  it.scopedLive(name, () =>
    Systems.withLog((lines) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(body(lines))
        const shown = [...lines, inspect(exit, { depth: 20 }), Inspectable.toStringUnknown(Metric.unsafeSnapshot())]
        for (const text of shown) for (const password of passwords) assert.notInclude(text, password)
        yield* exit
      })
    ), 60_000)

/** Makes 20 callers claim names until `during` has ended. Returns the failures in a row of each caller. */
const underLoad = <E>({ claims }: System, during: Effect.Effect<void, E>) =>
  Effect.gen(function*() {
    const isOver = yield* Deferred.make<void>()
    let done = 0
    const caller = (n: number) =>
      Effect.gen(function*() {
        let inRow = 0
        let most = 0
        const call = Effect.suspend(() => claims.claim("cli_test", `caller-${n}/${++done}`, hour)).pipe(
          Effect.matchEffect({
            onFailure: () => Effect.sync(() => most = Math.max(most, ++inRow)),
            onSuccess: () => Effect.sync(() => inRow = 0)
          })
        )
        yield* Effect.repeat(call, { until: () => Deferred.isDone(isOver), schedule: Schedule.spaced("5 millis") })
        return most
      })
    const callers = yield* Effect.fork(Effect.forEach(Arr.range(1, 20), caller, { concurrency: "unbounded" }))
    const work = Effect.suspend(() => {
      const before = done
      return Effect.repeat(Effect.sleep("10 millis"), { until: () => done > before + 100 })
    })
    yield* Effect.andThen(work, during)
    yield* work
    yield* Deferred.succeed(isOver, undefined)
    return yield* Fiber.join(callers)
  })

const killAll = (client: Redis) =>
  Effect.promise(async () => {
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await client.call("CLIENT", "KILL", "TYPE", "pubsub")
  })

describe("The credentials", () => {
  test("are asked for at each connection, so a rotated password loses only what is under way", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* Effect.promise(() => server.client.config("SET", "requirepass", passwords[0]))
      const source = makeSource()
      const system = yield* Systems.start(
        RedisConnection.layer({ host: "127.0.0.1", port: server.port }, { ...patient, ...source }),
        { pollInterval: "1 hour" }
      )
      yield* system.connection.ready
      const heard = yield* Effect.fork(Stream.runHead(Stream.drop(system.tickets.changes("cli_test"), 1)))
      yield* system.tickets.put("cli_test", yield* Systems.ticketOf("before", 10))
      yield* Systems.until(Effect.sync(source.asked), (asked) => asked === 2)
      for (const password of passwords.slice(1)) {
        const inRow = yield* underLoad(
          system,
          Effect.gen(function*() {
            yield* Effect.promise(() => server.client.config("SET", "requirepass", password))
            yield* source.rotate(password)
            yield* killAll(server.client)
          })
        )
        assert.isAtMost(Math.max(...inRow), 1, "each caller loses at most the command that is under way")
      }
      assert.strictEqual(source.asked(), 6, "two connections, made three times")
      yield* Systems.until(
        Effect.promise(() => server.client.pubsub("CHANNELS")),
        (channels) => channels.length === 1
      )
      yield* system.tickets.put("cli_test", yield* Systems.ticketOf("after"))
      assert.isTrue(Option.isSome(yield* Fiber.join(heard)), "the messages come, too")
    }))

  test("are those of a user whose old password is no longer valid when the new one is", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const setUser = (password: string) =>
        Effect.promise(() =>
          server.client.call("ACL", "SETUSER", "app", "on", "resetpass", `>${password}`, "~*", "&*", "+@all")
        )
      yield* setUser(passwords[0])
      yield* Effect.promise(() => server.client.call("ACL", "SETUSER", "default", "nopass", "-@all", "+acl", "+client"))
      const source = makeSource("app")
      const system = yield* Systems.start(
        RedisConnection.layer({ host: "127.0.0.1", port: server.port }, { ...patient, ...source })
      )
      yield* system.connection.ready
      const inRow = yield* underLoad(
        system,
        Effect.gen(function*() {
          // The server is ahead of whoever knows the passwords.
          yield* setUser(passwords[1])
          yield* Effect.promise(() => server.client.call("CLIENT", "KILL", "USER", "app"))
          yield* Systems.until(Effect.sync(source.asked), (asked) => asked >= 3)
          yield* source.rotate(passwords[1])
        })
      )
      assert.isAtMost(Math.max(...inRow), 1)
    }))

  test("may be another token for each connection", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      let tokens = 0
      const credentials = Effect.promise(async () => {
        const token = `${passwords[0]}-${++tokens}`
        await server.client.call("ACL", "SETUSER", "app", "on", "resetpass", `>${token}`, "~*", "&*", "+@all")
        return { username: "app", password: Redacted.make(token) }
      })
      const { connection } = yield* Systems.start(
        RedisConnection.layer({ host: "127.0.0.1", port: server.port }, { ...patient, credentials })
      )
      for (const count of [1, 2, 3]) {
        yield* Effect.retry(connection.send("get", "a"), { times: 1 })
        assert.strictEqual(tokens, count)
        yield* Effect.promise(() => server.client.call("CLIENT", "KILL", "USER", "app"))
      }
    }))

  test("reach each node of a Cluster, so a rotated password loses only what is under way", () =>
    Effect.gen(function*() {
      const nodes = yield* Systems.makeCluster
      const rotate = (password: string) =>
        Effect.forEach(nodes, ({ client }) =>
          Effect.promise(async () => {
            await client.config("SET", "masterauth", password)
            await client.config("SET", "requirepass", password)
          }), { concurrency: "unbounded", discard: true })
      yield* rotate(passwords[0])
      const source = makeSource()
      const system = yield* Systems.start(
        RedisConnection.layerCluster(
          nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
          {},
          { ...patient, ...source }
        ),
        { pollInterval: "1 hour" }
      )
      yield* system.connection.ready
      const heard = yield* Effect.fork(Stream.runHead(Stream.drop(system.tickets.changes("cli_test"), 1)))
      yield* system.tickets.put("cli_test", yield* Systems.ticketOf("before", 10))
      for (const password of passwords.slice(1)) {
        const before = source.asked()
        const inRow = yield* underLoad(
          system,
          Effect.gen(function*() {
            yield* rotate(password)
            yield* source.rotate(password)
            yield* Effect.forEach(nodes, ({ client }) => killAll(client), { discard: true })
          })
        )
        assert.isAtMost(Math.max(...inRow), 1)
        assert.isAtLeast(source.asked() - before, 3)
      }
      yield* Systems.until(
        Effect.promise(async () => (await Promise.all(nodes.map(({ client }) => client.pubsub("CHANNELS")))).flat()),
        (channels) => channels.length === 1
      )
      yield* system.tickets.put("cli_test", yield* Systems.ticketOf("after"))
      assert.isTrue(Option.isSome(yield* Fiber.join(heard)), "the messages come, too")
    }))

  test("take the place of those of the options, of a client and of a URL", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const sentinels = yield* Systems.makeSentinels()
      const nodes = yield* Systems.makeCluster
      for (const { client } of [server, sentinels.master, sentinels.replica, ...nodes]) {
        yield* Effect.promise(async () => {
          await client.config("SET", "masterauth", passwords[0])
          await client.config("SET", "requirepass", passwords[0])
        })
      }
      const settings = { timeout: "5 seconds", credentials: makeSource().credentials } as const
      const { port } = server
      const [{ port: sentinel } = assert.fail()] = sentinels.sentinels
      const node = nodes.map(({ port }) => ({ host: "127.0.0.1", port }))
      const wrong = { username: "nobody", password: "wrong" }
      const url = (port: number) => Redacted.make(`redis://nobody:wrong@127.0.0.1:${port}`)
      const clients = yield* Effect.acquireRelease(
        Effect.sync(() => ({
          redis: new Redis({ port, lazyConnect: true, ...wrong }),
          cluster: new Cluster(node, { lazyConnect: true, redisOptions: wrong })
        })),
        ({ cluster, redis }) =>
          Effect.sync(() => {
            redis.disconnect()
            cluster.disconnect()
          })
      )
      const layers: ReadonlyArray<Layer.Layer<RedisConnection.RedisConnection, unknown>> = [
        RedisConnection.layer({ port, ...wrong }, settings),
        RedisConnection.layerUrl({ url: url(port), ...settings }),
        RedisConnection.layerClient(clients.redis, settings),
        RedisConnection.layerUrl({ url: url(sentinel), sentinelMaster: "the-master", ...settings }),
        RedisConnection.layerUrl({ url: url(node[0]?.port ?? 0), isCluster: true, ...settings }),
        RedisConnection.layerCluster(node, { redisOptions: wrong }, settings),
        RedisConnection.layerClient(clients.cluster, settings)
      ]
      for (const layer of layers) {
        const { stop, tickets } = yield* Systems.start(layer)
        yield* tickets.get("cli_test")
        yield* stop
      }
    }))

  test("that cannot be had are a reason that the log and the errors name, until they can be had", (lines) =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* Effect.promise(() => server.client.config("SET", "requirepass", passwords[0]))
      let password: string | undefined
      const credentials = Effect.suspend(() =>
        password === undefined
          ? Effect.fail("the vault is sealed")
          : Effect.succeed({ password: Redacted.make(password) })
      )
      const { connection } = yield* Systems.start(
        RedisConnection.layer({ host: "127.0.0.1", port: server.port }, { timeout: "300 millis", credentials })
      )
      const error = yield* Effect.flip(connection.ready)
      assert.strictEqual(error.reason, "Away")
      assert.include(error.description, "(the credentials cannot be had: the vault is sealed)")
      yield* Systems.until(Effect.sync(() => lines.length), (count) => count > 0)
      assert.include(lines[0], "(the credentials cannot be had: the vault is sealed)")
      password = passwords[1]
      const refused = yield* Systems.until(Effect.flip(connection.ready), ({ reason }) => reason !== "Away")
      assert.strictEqual(refused.reason, "Misconfigured")
      assert.include(refused.description, "(the user name or the password is wrong: WRONGPASS")
      assert.notInclude(inspect(refused, { depth: 20, showHidden: true }), passwords[1])
      password = passwords[0]
      yield* Systems.untilWorks(connection.ready)
      assert.strictEqual(lines.length, 2, lines.join("\n"))
    }))

  test("that never come hold up neither an operation nor the end of the layer, which interrupts the effect", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const nodes = [{ host: "127.0.0.1", port: server.port }]
      let running = 0
      const credentials = Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.never,
        () => Effect.sync(() => running--)
      )
      const settings = { timeout: "100 millis", credentials } as const
      for (
        const layer of [
          RedisConnection.layer(nodes[0] ?? {}, settings),
          RedisConnection.layerCluster(nodes, {}, settings)
        ]
      ) {
        const { connection, stop } = yield* Systems.start(layer)
        assert.isTrue(Either.isLeft(yield* Effect.either(connection.send("get", "a"))))
        assert.isAbove(running, 0)
        yield* stop
        assert.strictEqual(running, 0)
      }
    }))
})
