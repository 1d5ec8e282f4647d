/**
 * The cost of a delivery at each door of the request URL. Each server is a process of its own, and all servers are sent the same
 * deliveries: encrypted, signed, each with an id of its own, over 50 connections that are kept alive. A round takes as long for
 * a slow server as for a fast one. Each answer must have the right status, and each server must have counted each delivery.
 */
import * as Effect from "effect/Effect"
import { alternate } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Claim } from "../report/Claim.js"
import type { Section } from "../report/Section.js"
import { app, type Delivery, event, eventType, forged, type Make, prepare, ticket } from "./doors/deliveries.js"
import { evenly, measure, type Measured, type Server, start } from "./doors/load.js"
import { type Name, names } from "./doors/servers.js"

/** In seconds for each server. */
const times = (isQuick: boolean) =>
  isQuick ? { warmUp: 0.2, round: 0.12, rounds: 3 } : { warmUp: 0.9, round: 0.3, rounds: 9 }

type Ratio = (of: Name, to: Name) => ReadonlyArray<number>

interface Contest {
  readonly title: string
  readonly names: ReadonlyArray<Name>
  readonly make: Make
  readonly change?: (delivery: Delivery) => Delivery
  readonly status: 200 | 401
  readonly claims: (
    ratio: Ratio,
    /** Lines in the log, for each second that has begun. */
    lines: (of: Name) => ReadonlyArray<number>
  ) => ReadonlyArray<Claim>
}

const run = (
  { change = (delivery) => delivery, claims, make, names, status, title }: Contest,
  servers: ReadonlyArray<Server>,
  isQuick: boolean
) =>
  Effect.gen(function*() {
    const { round, rounds, warmUp } = times(isQuick)
    const contestants = servers.filter(({ name }) => names.includes(name))
    const send = (server: Server, count: number) =>
      Effect.flatMap(prepare(app, make, count), (deliveries) => measure(server, deliveries.map(change), status))

    // Warms up, and finds how many deliveries take the time of a round.
    const sizes = new Map<Name, number>()
    for (const server of contestants) {
      let size = evenly(1000)
      for (const seconds of [warmUp / 4, warmUp, round]) {
        const { perSecond } = yield* send(server, size)
        size = evenly(perSecond * seconds)
      }
      sizes.set(server.name, size)
    }
    const measured = yield* alternate<Name, Measured, never, never>(
      Object.fromEntries(
        contestants.map((server) => [server.name, send(server, sizes.get(server.name) ?? 0)])
      ) as Record<Name, Effect.Effect<Measured>>,
      { warmUp: 0, rounds }
    )

    const of = (name: Name, key: keyof Measured) => measured[name].map((values) => values[key])
    const ratio: Ratio = (name, to) => ratios(of(name, "perSecond"), of(to, "perSecond"))
    const [reference = "bare node:http"] = names
    return {
      table: {
        title,
        head: ["", "deliveries/s", "to the first", "p99 ms", "CPU µs", "RSS MB"],
        rows: names.map((name) => [
          name,
          median(of(name, "perSecond")).toFixed(0),
          median(ratio(name, reference)).toFixed(2),
          median(of(name, "p99")).toFixed(1),
          median(of(name, "cpu")).toFixed(0),
          (of(name, "rss").at(-1) ?? NaN).toFixed(0)
        ])
      },
      claims: claims(ratio, (name) => ratios(of(name, "lines"), of(name, "seconds").map(Math.ceil)))
    }
  })

const bare = "bare node:http"
const sdk = "@larksuiteoapi/node-sdk (adaptDefault)"
const bareHttpApp = "bare HttpApp (HttpLayerRouter on NodeHttpServer)"
const httpApp = "EventHttpApp (the same server)"
const bareWeb = "bare Request to Response (behind a minimal adapter)"
const web = "EventWebHandler (the same adapter)"

/** `least` is what a slower machine must reach as well. The aims are those of the design. */
const claimsOf = (
  what: string,
  least: Readonly<Record<"listener" | "toSdk" | "httpApp" | "web" | "toWeb", number>>,
  aimOfListener: number
): Contest["claims"] =>
(ratio) => [
  {
    name: `EventNodeListener, ${what}: to bare node:http`,
    values: ratio("EventNodeListener", bare),
    must: { least: least.listener },
    aim: aimOfListener
  },
  {
    name: `EventNodeListener, ${what}: to the SDK's adaptor`,
    values: ratio("EventNodeListener", sdk),
    must: { least: least.toSdk },
    aim: 1.05
  },
  {
    name: `EventHttpApp, ${what}: to a bare HttpApp`,
    values: ratio(httpApp, bareHttpApp),
    must: { least: least.httpApp },
    aim: 0.9
  },
  {
    name: `EventWebHandler, ${what}: to bare node:http`,
    values: ratio(web, bare),
    must: { least: least.web },
    aim: 0.33
  },
  {
    name: `EventWebHandler, ${what}: to a bare Request to Response`,
    values: ratio(web, bareWeb),
    must: { least: least.toWeb },
    aim: 0.8
  }
]

const contests: ReadonlyArray<Contest> = [
  {
    title: "Deliveries: a ticket, each newer than the one before",
    names,
    make: ticket,
    status: 200,
    claims: claimsOf("a ticket", { listener: 0.6, toSdk: 1.1, httpApp: 0.8, web: 0.22, toWeb: 0.65 }, 0.7)
  },
  {
    title: `Deliveries: ${eventType}, each with an id of its own, to a handler that does nothing`,
    names,
    make: event,
    status: 200,
    claims: claimsOf("an event", { listener: 0.42, toSdk: 0.75, httpApp: 0.7, web: 0.2, toWeb: 0.55 }, 0.65)
  },
  {
    title: `Deliveries: ${eventType}, forged: the signature is wrong`,
    names: [bare, "EventNodeListener", bareHttpApp, httpApp],
    make: event,
    change: forged,
    status: 401,
    claims: (ratio, lines) => [
      {
        name: "EventNodeListener, forged: to bare node:http",
        values: ratio("EventNodeListener", bare),
        must: { least: 0.9 },
        aim: 1
      },
      {
        name: "EventHttpApp, forged: to a bare HttpApp",
        values: ratio(httpApp, bareHttpApp),
        must: { least: 0.85 },
        aim: 0.9
      },
      { name: "EventNodeListener, forged: log lines a second", values: lines("EventNodeListener"), must: { most: 1 } },
      { name: "EventHttpApp, forged: log lines a second", values: lines(httpApp), must: { most: 1 } }
    ]
  }
]

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.gen(function*() {
    const servers = yield* Effect.forEach(names, start)
    const results = yield* Effect.forEach(contests, (contest) => run(contest, servers, isQuick))
    return { tables: results.map(({ table }) => table), claims: results.flatMap(({ claims }) => claims) }
  }).pipe(Effect.scoped)
