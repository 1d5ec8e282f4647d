/**
 * Measures how many tokens a second the token service gives from memory, beside an Effect `HttpServer` that answers the same bytes and
 * does nothing else:
 *
 *     npm run bench:token-service [-- --quick]
 *
 * Each server is a process of its own and is asked over 50 connections that are kept alive. The servers take turns, round after
 * round. Prints medians. Exits with 1 if the token service has less than 0.8 times the answers of the `HttpServer`.
 */
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"
import { measure, type Measured, type Name, names, prepare, sample, type Server, start } from "./tokens/load.js"

const isQuick = process.argv.includes("--quick")
const { rounds, seconds, warmUp } = isQuick
  ? { warmUp: 1, seconds: 1, rounds: 3 }
  : { warmUp: 4, seconds: 3, rounds: 9 }
const least = 0.8

const median = (values: ReadonlyArray<number>): number =>
  Arr.sort(values, Order.number)[Math.floor(values.length / 2)] ?? NaN

const main = Effect.gen(function*() {
  yield* prepare
  const servers = yield* Effect.forEach(names, start)
  const given = new Map<Name, number>()
  const results = new Map<Name, Array<Measured>>(names.map((name) => [name, []]))
  const run = (turn: ReadonlyArray<Server>, duration: number) =>
    Effect.forEach(turn, (server) =>
      Effect.map(measure(server, duration), (measured) => {
        given.set(server.name, (given.get(server.name) ?? 0) + measured.count)
        return [server.name, measured] as const
      }))
  const samples = yield* Effect.forEach(servers, sample)
  if (new Set(samples).size > 1) return yield* Effect.dieMessage(`the answers differ:\n${samples.join("\n")}`)
  yield* run(servers, warmUp)
  for (let round = 0; round < rounds; round++) {
    // Forwards and backwards, so that no server always follows the same one.
    const turn = yield* run(round % 2 === 0 ? servers : servers.toReversed(), seconds)
    for (const [name, measured] of turn) results.get(name)?.push(measured)
  }
  yield* Effect.sleep("500 millis")

  const [reference] = names
  const valuesOf = (name: Name, field: keyof Measured) => (results.get(name) ?? []).map((measured) => measured[field])
  const ratio = (name: Name, field: keyof Measured) =>
    median(valuesOf(name, field).map((value, i) => value / (valuesOf(reference, field)[i] ?? NaN)))
  for (const { lines, name } of servers) {
    const written = yield* lines
    yield* Console.log(
      `${name.padEnd(30)} ${median(valuesOf(name, "perSecond")).toFixed(0).padStart(6)} answers/s, ratio ${
        ratio(name, "perSecond").toFixed(2)
      }; p99 ${median(valuesOf(name, "p99")).toFixed(1)} ms; CPU ${
        median(valuesOf(name, "cpu")).toFixed(1)
      } µs, ratio ${ratio(name, "cpu").toFixed(2)}; ${median(valuesOf(name, "bytes")).toFixed(0)} bytes; ${
        given.get(name)
      } answers, ${written} lines in the log`
    )
  }
  const reached = ratio("token service", "perSecond")
  yield* Console.log(`${reached.toFixed(2)} times the answers of the HttpServer; at least ${least} are required`)
  return reached >= least
}).pipe(Effect.scoped)

process.exitCode = (await Effect.runPromise(main)) ? 0 : 1
