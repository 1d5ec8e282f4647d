/** Puts servers under load, one after another. */
import autocannon from "autocannon"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"
import * as Child from "../../measure/Child.js"
import { type Delivery, path } from "./deliveries.js"
import type { Name, Report } from "./servers.js"

const connections = 50

/** Rounds down to a number of deliveries of which every connection has as many. */
export const evenly = (count: number): number => Math.max(1, Math.floor(count / connections)) * connections

interface Load {
  readonly perSecond: number
  /** In milliseconds. */
  readonly p99: number
  readonly seconds: number
}

/** Sends each delivery once, as fast as the server answers. Every answer must have the status. */
const send = (port: number, deliveries: ReadonlyArray<Delivery>, status: number): Effect.Effect<Load> =>
  Effect.async((resume) => {
    const latencies: Array<number> = []
    let client = 0
    let begin = 0n
    let end = 0n
    const instance = autocannon(
      {
        url: `http://127.0.0.1:${port}${path}`,
        method: "POST",
        connections,
        amount: deliveries.length,
        sampleInt: 20,
        // Every connection has deliveries of its own, so that none is sent twice.
        setupClient: (it) => {
          const own = client++
          it.setRequests(deliveries.filter((_, i) => i % connections === own))
        }
      },
      (error, { errors, statusCodeStats }) => {
        const answered = statusCodeStats?.[`${status}`]?.count
        const seconds = Number(end - begin) / 1e9
        resume(
          error === null && errors === 0 && answered === deliveries.length
            ? Effect.succeed({
              perSecond: deliveries.length / seconds,
              p99: Arr.sort(latencies, Order.number)[Math.floor(latencies.length * 0.99)] ?? NaN,
              seconds
            })
            : Effect.dieMessage(`${answered} of ${deliveries.length} were answered with ${status}: ${error ?? ""}`)
        )
      }
    )
    instance.on("start", () => {
      begin = process.hrtime.bigint()
    })
    instance.on("response", (_, __, ___, latency) => {
      latencies.push(latency)
      end = process.hrtime.bigint()
    })
  })

/** Starts a server until the scope ends. */
export const start = (name: Name) =>
  Effect.gen(function*() {
    const child = yield* Child.fork(["door", name])
    const report = yield* Child.next<Report>(child)
    return { name, port: "port" in report ? report.port : NaN, ask: Child.ask<Report>(child, "report") }
  })

export type Server = Effect.Effect.Success<ReturnType<typeof start>>

export interface Measured extends Load {
  /** Of one delivery, in microseconds. */
  readonly cpu: number
  /** In megabytes. */
  readonly rss: number
  /** Lines in the log. */
  readonly lines: number
}

/** Sends deliveries that must all be accepted (200), or all be refused (401). */
export const measure = (
  { ask, name, port }: Server,
  deliveries: ReadonlyArray<Delivery>,
  status: 200 | 401 = 200
): Effect.Effect<Measured> =>
  Effect.gen(function*() {
    const before = yield* ask
    const load = yield* send(port, deliveries, status)
    const after = yield* ask
    if ("port" in before || "port" in after) return yield* Effect.dieMessage(`${name} has started again`)
    const counted = status === 200 ? after.taken - before.taken : after.refused - before.refused
    if (counted !== deliveries.length) {
      return yield* Effect.dieMessage(`${name} has counted ${counted} of ${deliveries.length} deliveries`)
    }
    return {
      ...load,
      cpu: (after.cpu - before.cpu) / deliveries.length,
      rss: after.rss / 1e6,
      lines: after.lines - before.lines
    }
  })
