/**
 * A process that claims a name and renews the claim as long as the claim is its own: `holder.ts <port> <name> <lease>`.
 * It prints a line for each answer. Then it releases the claim, as a process does that has not noticed its loss.
 */
import { Duration, Effect, Logger, Schedule } from "effect"
import * as RedisConnection from "../src/RedisConnection.js"
import * as Systems from "./systems.js"

const [port, name = "", millis] = process.argv.slice(2)
const lease = Duration.millis(Number(millis))

const print = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

await Effect.gen(function*() {
  const { claims } = yield* Systems.start(
    RedisConnection.layer({ port: Number(port), host: "127.0.0.1" }, { timeout: "30 seconds" })
  )
  const ours = Systems.claimOf(yield* claims.claim("cli_test", name, lease))
  yield* print(`claimed as ${ours.id}`)
  yield* claims.renew(ours, lease).pipe(
    Effect.tap((isOurs) => print(`renewed ${isOurs}`)),
    Effect.repeat({ while: (isOurs) => isOurs, schedule: Schedule.spaced("100 millis") })
  )
  yield* claims.release(ours)
  yield* print("released")
}).pipe(
  Effect.scoped,
  Effect.provide(Logger.remove(Logger.defaultLogger)),
  Effect.runPromise
)
