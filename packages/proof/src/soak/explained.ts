/** Says which fault explains that something failed: a fault of the platform, or an outage. */
import * as Fault from "@effect-feishu/emulator/Fault"
import type * as Journal from "@effect-feishu/emulator/Journal"
import * as Tally from "../tally.js"

type Call = Extract<Journal.Entry, { readonly _tag: "Call" }>

interface OfCalls {
  readonly fault: Fault.Fault
  /** How a call ends that is not sent again after the fault. */
  readonly outcome: string
  /** After this fault, each call is sent again, also a `POST`. */
  readonly isSentAgain: boolean
  readonly is: (call: Call) => boolean
}

/** The faults that happen to calls by chance. */
export const ofCalls = {
  "connection dropped": {
    fault: Fault.Drop(),
    outcome: "FeishuNetworkError, Connection",
    isSentAgain: false,
    is: ({ fault }) => fault === "Drop"
  },
  "answer cut": {
    fault: Fault.Cut(),
    outcome: "FeishuNetworkError, InvalidResponse",
    isSentAgain: false,
    is: ({ fault }) => fault === "Cut"
  },
  "gateway page, HTTP 502": {
    fault: Fault.html(502),
    outcome: "FeishuNetworkError, Unavailable",
    isSentAgain: false,
    is: ({ fault }) => fault === "Answer"
  },
  "internal error, HTTP 500": {
    fault: Fault.Refuse({ code: 1551, msg: "internal error", status: 500 }),
    outcome: "FeishuApiError, Internal",
    isSentAgain: false,
    is: ({ code, fault }) => fault === "Refuse" && code === 1551
  },
  "rate limit": {
    fault: Fault.rateLimit({ resetSeconds: 1 }),
    outcome: "FeishuApiError, RateLimited",
    isSentAgain: true,
    is: ({ code, fault }) => fault === "Refuse" && code === 99991400
  }
} as const satisfies Readonly<Record<string, OfCalls>>

/** The faults that happen to pushes by chance. */
export const namesOfPushes = ["lost", "doubled", "forged", "tampered"] as const

export type OfCallsName = keyof typeof ofCalls

export const namesOfCalls = Object.keys(ofCalls) as ReadonlyArray<OfCallsName>

/** Returns the name of the fault that happened to a call. */
export const faultOf = (call: Call): OfCallsName | undefined => namesOfCalls.find((name) => ofCalls[name].is(call))

/** The outages of each run. */
export const outageNames = {
  frozen: "Redis frozen for 5 s",
  away: "platform away for 4 s",
  emptied: "Redis restarted empty after 2 s"
} as const

/** A time in which the platform or the Redis was away, or the machine slow, in milliseconds since 1970. */
export interface Outage {
  readonly name: string
  readonly of: "platform" | "Redis" | "machine"
  readonly begin: number
  readonly end: number
}

interface Span {
  readonly begin: number
  readonly end: number
}

/** Returns the outage that a time meets. */
export const outageOf = (outages: ReadonlyArray<Outage>, { begin, end }: Span, of: Outage["of"]): Outage | undefined =>
  outages.find((outage) => outage.of === of && begin <= outage.end && end >= outage.begin)

/** The outcomes of a callback that failed. */
export const notAnswered = "not answered"
export const anotherAnswer = "another answer than the handler's"

export const handledTwice = "event: handled twice"

/** What failed, how often, and why. */
export interface Row {
  readonly what: string
  readonly times: number
  /** `undefined`: no fault explains this. */
  readonly why: string | undefined
}

export interface Failed extends Span {
  readonly call: string
  readonly outcome: string
}

/** The outcomes that each kind of outage explains. */
const explains: Readonly<Record<Outage["of"], ReadonlyArray<string>>> = {
  platform: ["FeishuNetworkError, Connection", "FeishuNetworkError, Timeout", "FeishuNetworkError, Unavailable"],
  Redis: ["TicketTimeout", "TicketStoreError"],
  // A handler that a stop of the process has made late is answered with the toast of a failure.
  machine: ["FeishuNetworkError, Timeout", notAnswered, anotherAnswer]
}

/** A fault that happened to a call. */
export interface Faulty extends Span {
  readonly name: OfCallsName
  /** The app sends such a call again after the fault. */
  readonly isSentAgain: boolean
}

/** Counts the faults that happened by chance, and not in an outage of the platform. */
export const countByChance = (
  faults: ReadonlyArray<Faulty>,
  outages: ReadonlyArray<Outage>
): Readonly<Tally.Tally> => {
  const counts: Tally.Tally = {}
  for (const fault of faults) {
    if (outageOf(outages, fault, "platform") === undefined) Tally.add(counts, fault.name)
  }
  return counts
}

/** The longest wait before the last attempt of a call is 800 ms, and more on a busy machine. In milliseconds. */
const longestWait = 2_000

/**
 * Counts the faults with which a call can have ended: those of calls that are not sent again, and those that may have met the last
 * attempt of a call because an outage of the platform took the attempts before. Leaves out what the outage itself explains.
 */
export const countLast = (faults: ReadonlyArray<Faulty>, outages: ReadonlyArray<Outage>): Readonly<Tally.Tally> => {
  const counts: Tally.Tally = {}
  for (const { begin, end, isSentAgain, name } of faults) {
    const isInOutage = outageOf(outages, { begin, end }, "platform") !== undefined
    const isAfterOutage = outageOf(outages, { begin: begin - longestWait, end }, "platform") !== undefined
    const isOfOutage = isInOutage && explains.platform.some((outcome) => outcome === ofCalls[name].outcome)
    if (!isOfOutage && (!isSentAgain || isAfterOutage)) Tally.add(counts, name)
  }
  return counts
}

/**
 * Explains the calls that failed. `faults`: how often each fault happened that a call can have ended with, from `countLast`. A fault
 * explains as many failures as there were of the fault. An outage explains each failure of its kind that meets the outage.
 */
export const calls = (
  failures: ReadonlyArray<Failed>,
  faults: Readonly<Tally.Tally>,
  outages: ReadonlyArray<Outage>
): ReadonlyArray<Row> => {
  const rows = new Map<string, Row>()
  const left = { ...faults }
  const whyOf = ({ begin, call, end, outcome }: Failed) => {
    const meets = (of: Outage["of"]) => outageOf(outages, { begin, end }, of)
    const outage = (["machine", "platform", "Redis"] as const)
      .map((of) => explains[of].includes(outcome) ? meets(of) : undefined)
      .find((outage) => outage !== undefined)
    if (outage !== undefined) return outage.name
    const isLast = (name: OfCallsName) =>
      meets("platform") !== undefined || call === "POST" && !ofCalls[name].isSentAgain
    const name = namesOfCalls.find((name) => ofCalls[name].outcome === outcome && (left[name] ?? 0) > 0 && isLast(name))
    if (name !== undefined) Tally.add(left, name, -1)
    return name
  }
  for (const failure of failures) {
    const what = `${failure.call}: ${failure.outcome}`
    const why = whyOf(failure)
    const key = `${what} ${why}`
    rows.set(key, { what, why, times: (rows.get(key)?.times ?? 0) + 1 })
  }
  return [...rows.values()]
}

/** Explains that events were handled twice: by an outage of the Redis, which loses what was handled, while the event was pushed. */
export const repeats = (
  events: ReadonlyArray<Span | undefined>,
  outages: ReadonlyArray<Outage>
): ReadonlyArray<Row> => {
  const names = events.map((event) => event === undefined ? undefined : outageOf(outages, event, "Redis")?.name)
  return [...new Set(names)].map((why) => ({
    what: handledTwice,
    why,
    times: names.filter((name) => name === why).length
  }))
}
