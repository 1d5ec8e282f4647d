/**
 * A process that connects to the Redis of its environment. Prints how often each of the following worked: a claim of one
 * of 30 names, and a message about a ticket. Prints the error if one fails.
 */
import { Array as Arr, Duration, Effect, Either, Fiber, Logger, Option, Stream } from "effect"
import * as RedisConnection from "../src/RedisConnection.js"
import * as Systems from "./systems.js"

const used = Effect.gen(function*() {
  const { claims, connection, tickets } = yield* Systems.start(RedisConnection.layerConfig(), {
    pollInterval: "1 hour"
  })
  yield* connection.ready
  const heard = yield* Effect.fork(Stream.runHead(tickets.changes("cli_test")))
  const names = Arr.range(1, 30).map(String)
  yield* Effect.forEach(names, (name) => claims.claim("cli_test", name, Duration.minutes(1)))
  // Puts tickets until the subscription exists.
  yield* Effect.gen(function*() {
    yield* tickets.put("cli_test", yield* Systems.ticketOf("a ticket"))
    yield* Effect.sleep("20 millis")
  }).pipe(Effect.repeat({ until: () => Effect.map(Fiber.poll(heard), Option.isSome) }))
  return `${names.length} claims, a message`
})

const result = await Effect.runPromise(
  used.pipe(
    Effect.mapError((error) => `${error._tag} ${"reason" in error ? error.reason : ""} ${error.message}`),
    Effect.either,
    Effect.scoped,
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
)
process.stdout.write(Either.merge(result))
