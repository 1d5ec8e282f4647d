/**
 * Prints what a delivery costs at each door of the request URL, and whether the doors are as fast as they must be:
 *
 *     npx tsx packages/core/bench/doors.ts [--quick]
 *
 * Each server is a process of its own. All servers are sent the same deliveries: encrypted, signed, each with an id of its
 * own, over 50 connections that are kept alive. They take turns, one at a time, round after round, so that the other work
 * of the machine falls on all alike. A round takes as long for a slow server as for a fast one. The tables have medians; a
 * ratio is a ratio of one round. Every answer must have the right status, and each server must have counted each delivery.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
// Not exported: WebCrypto is what runtimes without node:crypto use.
import * as EventCrypto from "../dist/internal/webhook/eventCrypto.js"
import { app, deliver, type Delivery, event, eventType, forged, type Make, ticket } from "./doors/deliveries.js"
import { prepare as prepareChildren } from "./doors/fork.js"
import * as InProcess from "./doors/inProcess.js"
import { evenly, measure, type Measured, type Server, start } from "./doors/load.js"
import { type Name, names } from "./doors/servers.js"
import { type Figure, median, print, printFigures, printTable } from "./doors/tables.js"

const isQuick = process.argv.includes("--quick")
/** Seconds for each server. */
const times = isQuick ? { warmUp: 0.2, round: 0.12, rounds: 3 } : { warmUp: 0.9, round: 0.3, rounds: 9 }

/** Each delivery has a number of its own. */
let sent = 0

const prepare = (make: Make, count: number): Effect.Effect<ReadonlyArray<Delivery>> =>
  Effect.map(Clock.currentTimeMillis, (now) => Arr.makeBy(count, () => deliver(app, make, sent++, now)))

// The servers

/** The values of each round. */
interface Values {
  readonly ratio: (of: Name, to: Name) => ReadonlyArray<number>
  /** The lines in the log, for each second that has begun. */
  readonly lines: (of: Name) => ReadonlyArray<number>
}

interface Contest {
  readonly title: string
  readonly names: ReadonlyArray<Name>
  readonly make: Make
  readonly change?: (delivery: Delivery) => Delivery
  readonly status: 200 | 401
  readonly figures: (values: Values) => ReadonlyArray<Figure>
}

const contest = ({ change, figures, make, names, status, title }: Contest, servers: ReadonlyArray<Server>) =>
  Effect.gen(function*() {
    const contestants = servers.filter(({ name }) => names.includes(name))
    const prepared = Effect.fnUntraced(function*(count: number) {
      const deliveries = yield* prepare(make, count)
      return change === undefined ? deliveries : deliveries.map(change)
    })

    // Warms up, and finds how many deliveries take the time of a round.
    const sizes = new Map<Name, number>()
    for (const server of contestants) {
      let size = evenly(1000)
      for (const seconds of [times.warmUp / 4, times.warmUp, times.round]) {
        const { perSecond } = yield* measure(server, yield* prepared(size), status)
        size = evenly(perSecond * seconds)
      }
      sizes.set(server.name, size)
    }

    const rounds: Array<ReadonlyMap<Name, Measured>> = []
    while (rounds.length < times.rounds) {
      const deliveries = yield* prepared(Math.max(...sizes.values()))
      const round = new Map<Name, Measured>()
      // In turns forwards and backwards, so that no server always follows the same one.
      for (const server of rounds.length % 2 === 0 ? contestants : contestants.toReversed()) {
        round.set(server.name, yield* measure(server, deliveries.slice(0, sizes.get(server.name)), status))
      }
      rounds.push(round)
    }

    const valuesOf = (name: Name, key: keyof Measured) => rounds.map((round) => round.get(name)?.[key] ?? NaN)
    const ratio = (of: Name, to: Name) => {
      const base = valuesOf(to, "perSecond")
      return valuesOf(of, "perSecond").map((value, i) => value / (base[i] ?? NaN))
    }
    const lines = (of: Name) => {
      const seconds = valuesOf(of, "seconds")
      return valuesOf(of, "lines").map((value, i) => value / Math.ceil(seconds[i] ?? NaN))
    }
    const [reference = "bare node:http"] = names
    yield* printTable(
      title,
      ["deliveries/s", "to the first", "p99 ms", "CPU µs", "RSS MB"],
      names.map((name) => [
        name,
        median(valuesOf(name, "perSecond")).toFixed(0),
        median(ratio(name, reference)).toFixed(2),
        median(valuesOf(name, "p99")).toFixed(1),
        median(valuesOf(name, "cpu")).toFixed(0),
        (valuesOf(name, "rss").at(-1) ?? NaN).toFixed(0)
      ])
    )
    yield* printFigures(figures({ ratio, lines }))
  })

const bare = "bare node:http"
const sdk = "@larksuiteoapi/node-sdk (adaptDefault)"
const bareHttpApp = "bare HttpApp (HttpLayerRouter on NodeHttpServer)"
const httpApp = "EventHttpApp (the same server)"
const bareWeb = "bare Request to Response (behind a minimal adapter)"
const web = "EventWebHandler (the same adapter)"

const figuresOf = (kind: "ticket" | "event"): Contest["figures"] => ({ ratio }) => [
  {
    name: "EventNodeListener to bare node:http",
    values: ratio("EventNodeListener", bare),
    must: { least: kind === "ticket" ? 0.7 : 0.65 },
    aim: 0.8
  },
  { name: "EventNodeListener to the SDK", values: ratio("EventNodeListener", sdk), must: { least: 1.05 } },
  { name: "EventHttpApp to a bare HttpApp", values: ratio(httpApp, bareHttpApp), must: { least: 0.9 } },
  { name: "EventWebHandler to bare node:http", values: ratio(web, bare), must: { least: 0.33 } },
  { name: "EventWebHandler to a bare Request to Response", values: ratio(web, bareWeb), must: { least: 0.8 } }
]

const contests: ReadonlyArray<Contest> = [
  {
    title: "A ticket, each newer than the one before",
    names,
    make: ticket,
    status: 200,
    figures: figuresOf("ticket")
  },
  {
    title: `${eventType}, each with an id of its own, to a handler that does nothing`,
    names,
    make: event,
    status: 200,
    figures: figuresOf("event")
  },
  {
    title: `${eventType}, forged: the signature is wrong`,
    names: [bare, "EventNodeListener", bareHttpApp, httpApp],
    make: event,
    change: forged,
    status: 401,
    figures: ({ lines, ratio }) => [
      {
        name: "EventNodeListener to bare node:http",
        values: ratio("EventNodeListener", bare),
        must: { least: 1 }
      },
      { name: "EventHttpApp to a bare HttpApp", values: ratio(httpApp, bareHttpApp), must: { least: 0.9 } },
      { name: "EventNodeListener: log lines a second", values: lines("EventNodeListener"), must: { most: 1 } },
      { name: "EventHttpApp: log lines a second", values: lines(httpApp), must: { most: 1 } }
    ]
  }
]

// Without sockets

const printWeb = Effect.gen(function*() {
  const { bare, ours } = yield* InProcess.inProcess<InProcess.Web>("web", isQuick)
  yield* printTable("EventWebHandler in process, without sockets: µs for a Request and its Response", ["µs"], [
    ["bare Request to Response", median(bare).toFixed(1)],
    ["EventWebHandler", median(ours).toFixed(1)]
  ])
  yield* printFigures([{
    name: "EventWebHandler to a bare Request to Response, in process",
    values: bare.map((time, i) => time / (ours[i] ?? NaN)),
    must: { least: 0.45 },
    aim: 0.8
  }])
})

const printManyApps = Effect.gen(function*() {
  const { anyOf, route } = yield* InProcess.inProcess<InProcess.ManyApps>("manyApps", isQuick)
  const { counts, kinds } = InProcess
  const row = (name: string, times?: InProcess.Times) =>
    Arr.prepend(kinds.map((kind) => median(times?.[kind] ?? []).toFixed(1)), name)
  yield* printTable(
    "Many apps: µs for a delivery for the last of them",
    [...kinds],
    [
      ...counts.map((count, i) => row(`anyOf ${count}`, anyOf[i])),
      row(`a route for each of ${counts.at(-1)}`, route)
    ]
  )
  yield* printFigures([
    ...kinds.map((kind) => ({
      name: `anyOf 1,000: µs for each app more, ${kind}`,
      values: (anyOf.at(-1)?.[kind] ?? []).map((time, i) => (time - (anyOf[0]?.[kind][i] ?? NaN)) / 999),
      must: { most: 10 }
    })),
    ...kinds.map((kind) => ({
      name: `a route for each app: µs more than one app, ${kind}`,
      values: route[kind].map((time, i) => time - (anyOf[0]?.[kind][i] ?? NaN)),
      must: { most: 2 }
    }))
  ])
})

// The crypto

const cryptoTime = (make: (key: Redacted.Redacted) => EventCrypto.Crypto) =>
  Effect.gen(function*() {
    const crypto = make(Redacted.make(app.encryptKey))
    const [delivery] = yield* prepare(event, 1)
    if (delivery === undefined) return NaN
    const { encrypt } = JSON.parse(delivery.body) as { readonly encrypt: string }
    const signed: EventCrypto.Signed = {
      timestamp: delivery.headers["x-lark-request-timestamp"] ?? "",
      nonce: delivery.headers["x-lark-request-nonce"] ?? "",
      signature: delivery.headers["x-lark-signature"] ?? "",
      body: Buffer.from(delivery.body)
    }
    const bytes = EventCrypto.decode(encrypt) ?? new Uint8Array(0)
    const both = Effect.promise(async () => [await crypto.isGenuine(signed), await crypto.decrypt(bytes)])
    const count = isQuick ? 1000 : 4000
    const times = yield* Effect.replicateEffect(
      Effect.gen(function*() {
        const begin = yield* Clock.currentTimeNanos
        yield* Effect.replicateEffect(both, count, { discard: true })
        return Number((yield* Clock.currentTimeNanos) - begin) / 1000 / count
      }),
      6
    )
    return median(times.slice(1))
  })

const printCrypto = Effect.gen(function*() {
  const [delivery] = yield* prepare(event, 1)
  const node = yield* cryptoTime(EventCrypto.make)
  const web = yield* cryptoTime(EventCrypto.makeWeb)
  yield* print(
    `isGenuine and decrypt, an event of ${Buffer.byteLength(JSON.stringify(event(app, 0, 0)))} bytes in a body of ${
      Buffer.byteLength(delivery?.body ?? "")
    }: node:crypto ${node.toFixed(1)} µs, WebCrypto ${web.toFixed(1)} µs`
  )
})

const main = Effect.gen(function*() {
  yield* prepareChildren
  yield* printCrypto
  yield* printWeb
  yield* printManyApps
  const servers = yield* Effect.forEach(names, start)
  for (const each of contests) yield* contest(each, servers)
}).pipe(Effect.scoped)

await Effect.runPromise(main)
