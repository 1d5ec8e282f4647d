/** Connections that break, refuse or hang at the wrong moment. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Redacted } from "effect"
import { EventEmitter } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import * as Link from "../src/internal/link.js"
import * as Target from "../src/internal/target.js"
import * as RedisConnection from "../src/RedisConnection.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

/** Listens on a free port. `onSocket` gets each connection and its number. */
const listen = (onSocket: (socket: Socket, number: number) => void) =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: Server; readonly port: number }>((resume) => {
      let number = 0
      const server = createServer((socket) => {
        socket.on("error", () => {})
        onSocket(socket, ++number)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed({ server, port: typeof address === "object" ? address?.port ?? 0 : 0 }))
      })
    }),
    ({ server }) => Effect.sync(() => void server.close())
  )

it.scopedLive("a connection that breaks at SELECT does not end the next connection", () =>
  Effect.gen(function*() {
    const real = yield* RedisServer.make()
    const { port } = yield* listen((socket, number) => {
      const server = connect(real.port, "127.0.0.1")
      server.on("error", () => {})
      let selects = 0
      socket.on("data", (data) => {
        selects += data.toString().toLowerCase().split("select").length - 1
        if (number > 1 || selects < 2) {
          server.write(data)
          return
        }
        socket.destroy()
        server.destroy()
      })
      server.on("data", (data) => socket.write(data))
      socket.on("close", () => server.destroy())
      server.on("close", () => socket.destroy())
    })
    const system = yield* Systems.start(RedisConnection.layer({ host: "127.0.0.1", port, db: 1 }))
    yield* system.connection.ready
    // Longer than the pause after a failed SELECT.
    yield* Effect.sleep("1500 millis")
    assert.strictEqual(yield* Systems.counted(`127.0.0.1:${port}/1`).losses("commands"), 0)
  }), 20_000)

it.scopedLive("an infinite time limit is none", () =>
  Effect.gen(function*() {
    const real = yield* RedisServer.make()
    const system = yield* Systems.start(
      RedisConnection.layer({ host: "127.0.0.1", port: real.port }, { timeout: Duration.infinity })
    )
    yield* system.connection.ready.pipe(Effect.timeout("5 seconds"))
    const claim = (n: number) => system.claims.claim("cli_a", `${n}`, Duration.minutes(1))
    yield* Effect.forEach(Array.from({ length: 200 }, (_, n) => n), claim, { concurrency: "unbounded" })
  }), 20_000)

describe("a Redis that refuses a connection by one error", () => {
  for (const text of ["-DENIED Redis is running in protected mode", "-ERR max number of clients reached"]) {
    for (const options of [{}, { db: 1 }, { password: "a password" }, { db: 1, password: "a password" }]) {
      it.scopedLive(
        `is quoted: ${text}, ${Object.keys(options).join(" and ") || "no options"}`,
        () =>
          Effect.gen(function*() {
            const { port } = yield* listen((socket) => void socket.end(`${text}\r\n`))
            const system = yield* Systems.start(RedisConnection.layer({ host: "127.0.0.1", port, ...options }))
            const error = yield* Effect.flip(system.connection.ready)
            assert.include(error.message, text.slice(5))
          }),
        20_000
      )
    }
  }

  it.scopedLive("is quoted by a real Redis that has all its clients", () =>
    Effect.gen(function*() {
      const real = yield* RedisServer.make()
      yield* Effect.promise(() => real.client.config("SET", "maxclients", "1"))
      const system = yield* Systems.start(RedisConnection.layer({ host: "127.0.0.1", port: real.port }))
      // Some attempts break before the answer is read.
      yield* Systems.until(
        Effect.flip(system.connection.ready),
        ({ message }) => message.includes("max number of clients")
      )
    }), 20_000)
})

it.scopedLive(
  "the end of the scope does not wait for credentials that cannot be interrupted",
  () =>
    Effect.gen(function*() {
      const real = yield* RedisServer.make()
      const credentials = Effect.uninterruptible(
        Effect.as(Effect.sleep("15 seconds"), { password: Redacted.make("a password") })
      )
      const system = yield* Systems.start(
        RedisConnection.layer({ host: "127.0.0.1", port: real.port }, { credentials })
      )
      yield* Effect.sleep("50 millis")
      const stopping = yield* Effect.fork(system.stop)
      yield* Effect.sleep("5 seconds")
      assert.isTrue(Option.isSome(yield* Fiber.poll(stopping)))
    }),
  40_000
)

it.scopedLive("a problem of a Cluster's node that is long past is forgotten", () =>
  Effect.gen(function*() {
    class Fake extends EventEmitter {
      readonly isCluster = true
      status = "wait"
      async connect() {
        this.status = "ready"
        this.emit("ready")
      }
      disconnect() {}
    }
    const fake = new Fake()
    const link = yield* Link.make({
      name: "commands",
      place: "a place",
      connection: "a connection",
      timeout: Duration.millis(200),
      before: Effect.void,
      open: () => fake as never
    })
    yield* link.ready
    fake.emit(
      "node error",
      Object.assign(new Error("WRONGPASS invalid username-password pair"), { name: "ReplyError" })
    )
    assert.isTrue(link.problem()?.isConfiguration)
    yield* Systems.until(Effect.sync(() => link.problem()), (problem) => problem === undefined)
  }), 20_000)

it("a Cluster's node in the form host:port has its label", () => {
  const settings = { timeout: 100, credentials: undefined }
  assert.strictEqual(Target.ofNodes(["127.0.0.1:7001"], {}, settings).address, "127.0.0.1:7001/0")
  assert.strictEqual(Target.ofNodes(["localhost:7001"], {}, settings).address, "localhost:7001/0")
})

describe("credentials that fail", () => {
  for (
    const [name, credentials, text] of [
      [
        "Effect.try",
        Effect.try(() => {
          throw new Error("no such file: /run/password")
        }),
        "no such file"
      ],
      [
        "Effect.tryPromise",
        Effect.tryPromise(() => Promise.reject(new Error("the vault is sealed"))),
        "the vault is sealed"
      ],
      ["an object with a tag", Effect.fail({ _tag: "VaultError" }), "VaultError"],
      ["a text", Effect.fail("no vault"), "no vault"]
    ] as const
  ) {
    it.scopedLive(`name the reason: ${name}`, () =>
      Effect.gen(function*() {
        const real = yield* RedisServer.make()
        const system = yield* Systems.start(
          RedisConnection.layer({ host: "127.0.0.1", port: real.port }, { credentials })
        )
        assert.include((yield* Effect.flip(system.connection.ready)).message, text)
      }), 20_000)
  }
})
