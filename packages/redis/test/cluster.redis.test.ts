/** A Cluster that changes while a program runs. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Stream } from "effect"
import * as RedisConnection from "../src/RedisConnection.js"
import * as Systems from "./systems.js"

describe("A Cluster", () => {
  it.scopedLive("that takes all slots from a node sends the messages from another node", () =>
    Effect.gen(function*() {
      const nodes = yield* Systems.makeCluster
      const { claims, tickets } = yield* Systems.start(
        RedisConnection.layerCluster(
          nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
          {},
          { timeout: "10 seconds" }
        ),
        { pollInterval: "1 hour" }
      )
      const heard = yield* Effect.fork(Stream.runHead(tickets.changes("cli_test")))
      const subscribed = Effect.promise(async () => {
        const channels = await Promise.all(nodes.map(({ client }) => client.pubsub("CHANNELS")))
        return channels.findIndex(({ length }) => length > 0)
      })
      const before = yield* Systems.until(subscribed, (node) => node >= 0)
      const [from, to] = [nodes[before] ?? assert.fail(), nodes[(before + 1) % 3] ?? assert.fail()]
      const ids = yield* Effect.promise(() =>
        Promise.all([from, to].map(({ client }) => client.call("CLUSTER", "MYID")))
      )
      const known = yield* Effect.promise(() => from.client.cluster("SLOTS"))
      const [first = 0, last = -1] = known.find(([, , node]) => node?.[2] === ids[0]) ?? []
      yield* Effect.forEach([to, from, ...nodes], ({ client }) =>
        Effect.promise(() => {
          const pipeline = client.pipeline()
          for (let slot = first; slot <= last; slot++) pipeline.call("CLUSTER", "SETSLOT", slot, "NODE", String(ids[1]))
          return pipeline.exec()
        }), { discard: true })
      // Each claim is of another slot, and a node without slots redirects the client.
      let n = 0
      yield* Systems.until(
        Effect.andThen(
          Effect.ignore(Effect.suspend(() => claims.claim("cli_test", `${++n}`, Duration.minutes(1)))),
          subscribed
        ),
        (node) => node >= 0 && node !== before
      )
      yield* tickets.put("cli_test", yield* Systems.ticketOf("a ticket"))
      assert.isTrue(Option.isSome(yield* Fiber.join(heard)))
    }))
})
