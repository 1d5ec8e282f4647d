/** The tables and the claims of the run of minutes. */
import { median, slope } from "../measure/statistics.js"
import { atLeastOnce, type Claim, never } from "../report/Claim.js"
import type { Section } from "../report/Section.js"
import type { Table } from "../report/Table.js"
import type * as Tally from "../tally.js"
import * as Explained from "./explained.js"
import { times } from "./shrunk.js"

interface Memory {
  /** In bytes, after the garbage was collected. */
  readonly heap: number
  readonly rss: number
}

/** The figures at one time, in milliseconds since 1970. */
export interface Sample {
  readonly at: number
  readonly machines: ReadonlyArray<Memory & { readonly handles: number }>
  /** The process of the platform, the balancer and the test. */
  readonly platform: Memory
}

export interface Result {
  readonly seconds: number
  readonly warmUp: number
  readonly tenants: number
  /** Calls in a second that were to be made. */
  readonly rate: number
  readonly samples: ReadonlyArray<Sample>
  /** By method: the calls that ended in `tookMillis`. */
  readonly calls: Readonly<Tally.Tally>
  readonly tookMillis: number
  /** By machine: the handles while nothing is called, before and after the load. */
  readonly idle: { readonly before: ReadonlyArray<number>; readonly after: ReadonlyArray<number> }
  /** What the platform has counted. */
  readonly counts: Readonly<Tally.Tally>
  /** How often each fault happened to calls outside of outages. */
  readonly faults: Readonly<Tally.Tally>
  /** Callbacks that have shown the answer of the handler. */
  readonly callbacks: number
  readonly failed: ReadonlyArray<Explained.Row>
  readonly events: {
    readonly pushed: number
    /** Acknowledged and handled. */
    readonly handled: number
    readonly unsettled: number
    readonly notHandled: number
    readonly strange: number
  }
  /** When the machine did not let one of the processes run. `longest` is in milliseconds. */
  readonly stalls: { readonly times: number; readonly longest: number }
  /** How many secrets the outputs of the processes were searched for, and what was found. */
  readonly secrets: { readonly searched: number; readonly found: ReadonlyArray<string> }
  readonly broken: ReadonlyArray<string>
}

/** The part of the run in which Node still compiles what runs often: the heap grows with each of the first 4,000 calls or so. */
const settling = 0.4

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Follows a figure. The slope is that of a minute, after the first part of the run. */
const follow = (samples: ReadonlyArray<Sample>, of: (sample: Sample) => number) => {
  const values = samples.map(of)
  const begin = samples[0]?.at ?? 0
  const points = samples.map((sample) => [(sample.at - begin) / 60_000, of(sample)] as const)
    .slice(Math.floor(samples.length * settling))
  const aMinute = slope(points)
  return {
    first: values[0] ?? NaN,
    median: median(values),
    last: values.at(-1) ?? NaN,
    slope: aMinute,
    percent: aMinute / mean(points.map(([, value]) => value)) * 100
  }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
const counted = (count: number | undefined) => (count ?? 0).toLocaleString("en")
const sumOf = (counts: Readonly<Tally.Tally>) => Object.values(counts).reduce((sum, count) => sum + count, 0)

const memoryRow = (name: string, samples: ReadonlyArray<Sample>, of: (sample: Sample) => Memory) => {
  const heap = follow(samples, (sample) => of(sample).heap)
  const rss = follow(samples, (sample) => of(sample).rss)
  return [
    name,
    megabytes(heap.first),
    megabytes(heap.median),
    megabytes(heap.last),
    (heap.slope / 1e6).toFixed(3),
    heap.percent.toFixed(2),
    `${megabytes(rss.first)} to ${megabytes(rss.last)}`
  ]
}

const auth = (name: string) => `/open-apis/auth/v3/${name}`

/** Claims that each thing happened which the other claims are about. Without these, a run in which nothing happens keeps them all. */
const happened = ({ callbacks, counts, events, faults, tenants }: Result): ReadonlyArray<Claim> => {
  const issued = (name: string) => counts[`success ${auth(name)}`] ?? 0
  return [
    ...Explained.namesOfCalls.map((name) => [`fault of a call: ${name}`, faults[name] ?? 0] as const),
    ...Explained.namesOfPushes.map((name) =>
      [`fault of a push: ${name}`, counts[`fault of a push: ${name}`] ?? 0] as const
    ),
    ...Object.values(Explained.outageNames).map((name) => [`outage: ${name}`, counts[`outage ${name}`] ?? 0] as const),
    ["tickets acknowledged", counts["ticket acknowledged"] ?? 0] as const,
    ["app access tokens renewed", issued("app_access_token") - 1] as const,
    ["tenant access tokens renewed", issued("tenant_access_token") - tenants] as const,
    ["events handled", events.handled] as const,
    ["callbacks with the answer of the handler", callbacks] as const
  ].map(([name, count]) => atLeastOnce(`soak, minutes: ${name}`, count))
}

/** The numbers of the processes of the app, from 0 on. */
const machinesOf = ({ samples }: Result): ReadonlyArray<number> => (samples[0]?.machines ?? []).map((_, n) => n)

const ofMachine = (n: number) => (sample: Sample) => sample.machines[n] ?? { heap: NaN, rss: NaN, handles: NaN }

/** Returns the calls in a second that were made. */
const reachedOf = ({ calls, tookMillis }: Result): number => sumOf(calls) / tookMillis * 1000

const claimsOf = (result: Result): ReadonlyArray<Claim> => {
  const { broken, events, failed, idle, rate, samples, seconds, secrets } = result
  const machines = machinesOf(result)
  const reached = reachedOf(result)
  const heaps = machines.map((n) => follow(samples, (sample) => ofMachine(n)(sample).heap))
  const callsAMinute = reached * 60 / machines.length
  const unexplained = (is: (row: Explained.Row) => boolean) =>
    failed.reduce((sum, row) => row.why === undefined && is(row) ? sum + row.times : sum, 0)
  const isTwice = ({ what }: Explained.Row) => what === Explained.handledTwice
  return [
    {
      name: "soak, minutes: growth of the heap in a minute, of the process that grows most",
      values: [Math.max(...heaps.map(({ percent }) => percent))],
      // A minute is all compiling.
      must: { most: seconds < 600 ? 8 : 1 },
      unit: "%",
      isExact: true
    },
    {
      name: "soak, minutes: growth of the heap for each call, of the process that grows most",
      values: [Math.max(...heaps.map(({ slope }) => slope / callsAMinute))],
      // Much less than a kilobyte, whatever the load is.
      must: { most: seconds < 600 ? 4_000 : 500 },
      unit: "B",
      digits: 0,
      isExact: true
    },
    never(
      "soak, minutes: handles of an idle process after the load more than before",
      Math.max(0, ...machines.map((n) => (idle.after[n] ?? NaN) - (idle.before[n] ?? NaN)))
    ),
    never("soak, minutes: failures that no fault explains", unexplained((row) => !isTwice(row))),
    never("soak, minutes: events acknowledged and not handled", events.notHandled),
    never("soak, minutes: events handled twice that no fault explains", unexplained(isTwice)),
    never("soak, minutes: events neither acknowledged nor lost by a fault", events.unsettled),
    never("soak, minutes: events handled that the platform did not send", events.strange),
    never("soak, minutes: processes that ended, and errors that nobody handled", broken.length),
    never("soak, minutes: secrets in what the processes print", secrets.found.length),
    ...happened(result),
    {
      name: "soak, minutes: load reached",
      values: [reached / rate * 100],
      // A machine that is busy with other programs reaches less.
      must: { least: 50 },
      unit: "%",
      digits: 0,
      isExact: true
    }
  ]
}

const overview = (result: Result): Table => {
  const { calls, counts, events, faults, rate, seconds, secrets, stalls, warmUp } = result
  return {
    title: `${seconds} s of ${
      machinesOf(result).length
    } processes with a Redis and ${result.tenants} tenants, after ${warmUp} s of warm-up`,
    head: ["", ""],
    rows: [
      ["calls of the app in these seconds", counted(sumOf(calls))],
      ["calls in a second", `${reachedOf(result).toFixed(0)} of ${rate}`],
      [
        `tickets that were pushed and acknowledged, one each ${3600 / times} s`,
        counted(counts["ticket acknowledged"])
      ],
      ["resends of a ticket", counted(counts[`call ${auth("app_ticket/resend")}`])],
      ["app access tokens issued", counted(counts[`success ${auth("app_access_token")}`])],
      [
        `tenant access tokens issued, for ${7200 / times} s each`,
        counted(counts[`success ${auth("tenant_access_token")}`])
      ],
      ["calls with a token that had expired, sent again with another", counted(counts["token refused"])],
      ["events pushed", counted(events.pushed)],
      ["deliveries of events acknowledged", counted(counts["event acknowledged"])],
      ["callbacks with the answer of the handler", counted(result.callbacks)],
      ["secrets that the outputs were searched for", counted(secrets.searched)],
      [
        "stops of a process, because the machine was busy with other programs",
        `${stalls.times}, the longest ${(stalls.longest / 1000).toFixed(1)} s`
      ],
      ...Explained.namesOfCalls.map((name) => [`fault of a call: ${name}`, counted(faults[name])]),
      ...Explained.namesOfPushes.map((name) => [
        `fault of a push: ${name}`,
        counted(counts[`fault of a push: ${name}`])
      ])
    ]
  }
}

const failures = ({ failed }: Result): Table => ({
  title: "What failed, and the fault that explains it",
  head: ["", "times", "fault"],
  rows: failed.toSorted((a, b) => b.times - a.times).map((row) => [
    row.what,
    counted(row.times),
    row.why ?? "NONE"
  ])
})

const memory = (result: Result): ReadonlyArray<Table> => {
  const { samples } = result
  const machines = machinesOf(result)
  const tenths = Array.from({ length: 11 }, (_, n) => samples[Math.round(n / 10 * (samples.length - 1))])
    .filter((sample) => sample !== undefined)
  return [
    {
      title: "Memory, when the garbage is collected",
      head: ["MB", "heap: first", "median", "last", "slope a minute", "% a minute", "RSS"],
      rows: [
        ...machines.map((n) => memoryRow(`process ${n + 1}`, samples, ofMachine(n))),
        memoryRow("platform, balancer and test", samples, ({ platform }) => platform)
      ]
    },
    {
      title: "Heap after each tenth of the run, when the garbage is collected, MB",
      head: ["", ...tenths.map((_, n) => `${n}/10`)],
      rows: machines.map((n) =>
        [`process ${n + 1}`].concat(tenths.map((sample) => megabytes(ofMachine(n)(sample).heap)))
      )
    }
  ]
}

const handles = (result: Result): Table => ({
  title: "Handles",
  head: ["", "idle, before the load", "idle, after the load", "under load: median", "slope a minute"],
  rows: machinesOf(result).map((n) => {
    const handles = follow(result.samples, (sample) => ofMachine(n)(sample).handles)
    return [
      `process ${n + 1}`,
      `${result.idle.before[n]}`,
      `${result.idle.after[n]}`,
      `${handles.median}`,
      handles.slope.toFixed(2)
    ]
  })
})

/** A table of lines, if there are any. */
const listed = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<Table> =>
  lines.length === 0 ? [] : [{ title, head: [""], rows: lines.map((line) => [line]) }]

export const section = (result: Result): Section => ({
  tables: [
    overview(result),
    failures(result),
    ...memory(result),
    handles(result),
    ...listed("Secrets in what the processes print", result.secrets.found),
    ...listed("Processes that ended, and errors that nobody handled", result.broken)
  ],
  claims: claimsOf(result)
})
