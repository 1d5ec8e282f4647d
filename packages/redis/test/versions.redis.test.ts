/** The versions of `ioredis`: 5, or 6 if `IOREDIS=6` runs the tests. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import type { Redis } from "ioredis"
import * as Redis6 from "ioredis-6"
import * as RedisConnection from "../src/RedisConnection.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

const patient = { timeout: "10 seconds" } as const

/** Returns the version of the protocol of each connection with a name. */
const protocols = (server: RedisServer.RedisServer, name: string) =>
  Effect.map(
    Effect.promise(() => server.client.client("LIST")),
    (list) => [...String(list).matchAll(new RegExp(` name=${name} .* resp=(\\d)`, "g"))].map(([, version]) => version)
  )

describe("A connection", () => {
  it.scopedLive("speaks RESP3 with ioredis 6 and RESP2 with ioredis 5, for commands and for messages", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const theirs = yield* Effect.acquireRelease(
        Effect.sync(() => new Redis6.Redis({ port: server.port, lazyConnect: true, connectionName: "client" })),
        (client) => Effect.sync(() => client.disconnect())
      )
      const layers = {
        layer: RedisConnection.layer({ port: server.port, connectionName: "layer" }, patient),
        // The types of the two versions differ, and what this library uses of them does not.
        client: RedisConnection.layerClient(theirs as unknown as Redis, patient)
      }
      for (const [name, layer] of Object.entries(layers)) {
        const { tickets } = yield* Systems.start(layer, { pollInterval: "1 hour", prefix: name })
        const heard = yield* Effect.fork(Stream.runHead(tickets.changes("cli_test")))
        const seen = yield* Systems.until(protocols(server, name), ({ length }) => length === 2)
        const version = name === "client" || process.env["IOREDIS"] === "6" ? "3" : "2"
        assert.deepStrictEqual(seen, [version, version])
        yield* tickets.put("cli_test", yield* Systems.ticketOf("a ticket"))
        assert.isTrue(Option.isSome(yield* Fiber.join(heard)))
      }
    }))
})
