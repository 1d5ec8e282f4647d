/** Says which fault explains that something failed: a fault of the platform, or an outage. */
import * as Fault from "@effect-feishu/emulator/Fault"
import type * as Journal from "@effect-feishu/emulator/Journal"
import type * as Tally from "../tally.js"

type Call = Extract<Journal.Entry, { readonly _tag: "Call" }>

interface OfCalls {
  readonly fault: Fault.Fault
  /** How a call ends that is not sent again after the fault. `undefined`: each call is sent again. */
  readonly outcome: string | undefined
  readonly is: (call: Call) => boolean
}

/** The faults that happen to calls by chance. */
export const ofCalls = {
  "connection dropped": {
    fault: Fault.Drop(),
    outcome: "FeishuNetworkError, Connection",
    is: ({ fault }) => fault === "Drop"
  },
  "answer cut": {
    fault: Fault.Cut(),
    outcome: "FeishuNetworkError, InvalidResponse",
    is: ({ fault }) => fault === "Cut"
  },
  "gateway page, HTTP 502": {
    fault: Fault.html(502),
    outcome: "FeishuNetworkError, Unavailable",
    is: ({ fault }) => fault === "Answer"
  },
  "internal error, HTTP 500": {
    fault: Fault.Refuse({ code: 1551, msg: "internal error", status: 500 }),
    outcome: "FeishuApiError, Internal",
    is: ({ code, fault }) => fault === "Refuse" && code === 1551
  },
  "rate limit": {
    fault: Fault.rateLimit({ resetSeconds: 1 }),
    outcome: undefined,
    is: ({ code, fault }) => fault === "Refuse" && code === 99991400
  }
} as const satisfies Readonly<Record<string, OfCalls>>

export type OfCallsName = keyof typeof ofCalls

export const namesOfCalls = Object.keys(ofCalls) as ReadonlyArray<OfCallsName>

/** Returns the name of the fault that happened to a call. */
export const faultOf = (call: Call): OfCallsName | undefined => namesOfCalls.find((name) => ofCalls[name].is(call))

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

/** The outcome of a callback. */
export const notAnswered = "not answered"

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

/** Failures that each kind of outage explains. */
const explains: Readonly<Record<Outage["of"], (outcome: string) => boolean>> = {
  platform: (outcome) => outcome !== notAnswered,
  Redis: (outcome) => outcome.startsWith("Ticket"),
  machine: (outcome) => outcome.endsWith(", Timeout") || outcome === notAnswered
}

/**
 * Explains the calls that failed. `faults`: how often each fault happened outside of outages to calls that are not sent again. A
 * fault explains as many failures as there were of the fault, and an outage explains all that it meets.
 */
export const calls = (
  failures: ReadonlyArray<Failed>,
  faults: Readonly<Tally.Tally>,
  outages: ReadonlyArray<Outage>
): ReadonlyArray<Row> => {
  const rows = new Map<string, Row>()
  const add = (what: string, why: string | undefined, times = 1) => {
    const key = `${what} ${why}`
    rows.set(key, { what, why, times: (rows.get(key)?.times ?? 0) + times })
  }
  const left = { ...faults }
  for (const { begin, call, end, outcome } of failures) {
    const what = `${call}: ${outcome}`
    const outage = (["machine", "platform", "Redis"] as const)
      .map((of) => explains[of](outcome) ? outageOf(outages, { begin, end }, of) : undefined)
      .find((outage) => outage !== undefined)
    const name = namesOfCalls.find((name) => ofCalls[name].outcome === outcome && (left[name] ?? 0) > 0)
    if (outage !== undefined) add(what, outage.name)
    else if (name !== undefined && call === "POST") {
      left[name] = (left[name] ?? 0) - 1
      add(what, name)
    } else add(what, undefined)
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
