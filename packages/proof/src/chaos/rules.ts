/** The rules that hold in every run, whichever fault there is. */
import type * as Journal from "@effect-feishu/emulator/Journal"
import type * as Runs from "../../../redis/test/processes-runs.js"
import { queryPath } from "../storeApp.js"
import * as Tally from "../tally.js"
import type * as Faults from "./faults.js"

const resendPath = "/open-apis/auth/v3/app_ticket/resend"

/** All that is known at the end of a run. */
export interface Told {
  readonly journal: ReadonlyArray<Journal.Entry>
  readonly faults: ReadonlyArray<Faults.Name>
  /** How often a handler has begun, by event. */
  readonly starts: Readonly<Tally.Tally>
  readonly ends: Readonly<Tally.Tally>
  readonly pushed: ReadonlySet<string>
  readonly storeFailures: number
  /** How many processes share the store. Each asks for itself while the store is away. Default: 1. */
  readonly processes?: number
}

/** A minute in which the platform is asked for tickets has one resend with its retries at most. */
const mostResendsInAMinute = 6

const rules = {
  /** Only the platform can make a token invalid before its time, and the app learns of that by one call. */
  tokens: ({ faults, journal }: Told): ReadonlyArray<string> => {
    // With some faults the platform does not look at the token.
    const queries = journal.flatMap((entry) =>
      entry._tag === "Call" && entry.path === queryPath && entry.fault === undefined ? [entry] : []
    )
    const isUnknowable = faults.includes("tokens invalidated")
    return [
      ...(queries.some(({ token }) => token === "none") ? ["a call without a token"] : []),
      ...(!isUnknowable && queries.some(({ token }) => token === "invalid")
        ? ["a call with a token that is not valid"]
        : [])
    ]
  },

  resends: ({ journal, processes = 1, storeFailures }: Told): ReadonlyArray<string> => {
    const times = journal.flatMap((entry) => entry._tag === "Call" && entry.path === resendPath ? [entry.at] : [])
    const most = Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length))
    return most > mostResendsInAMinute * (storeFailures > 0 ? processes : 1) ? [`${most} resends within a minute`] : []
  },

  events: ({ ends, faults, journal, pushed, starts, storeFailures }: Told): ReadonlyArray<string> => {
    const acknowledged = new Set(
      journal.flatMap((entry) =>
        entry._tag === "Push" && entry.kind === "event" && entry.eventType === "app_chaos" &&
          entry.outcome === "acknowledged"
          ? [entry.eventId]
          : []
      )
    )
    // Without the store nobody knows what another process has done, or what this one has done before its restart.
    const mayRepeat = storeFailures > 0
    const hasRestarts = faults.includes("restart")
    return [
      ...[...acknowledged].filter((id) => ends[id] === undefined).map(() => "an acknowledged event was not handled"),
      ...Object.values(ends).filter((times) => times > 1 && !mayRepeat).map(() => "an event was handled twice"),
      ...Object.entries(starts).filter(([id, times]) => times > (ends[id] ?? 0) && !hasRestarts && !mayRepeat)
        .map(() => "a handler was interrupted"),
      ...Object.keys(starts).filter((id) => !pushed.has(id)).map(() =>
        "an event was handled that the platform did not send"
      )
    ]
  }
}

/** Returns which rules are broken, each in words. */
export const brokenIn = (told: Told): ReadonlyArray<string> => Object.values(rules).flatMap((rule) => rule(told))

/** Returns for each secret the first text that has the secret in it, with the secret masked. */
export const secretsIn = (secrets: Iterable<string>, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...secrets].flatMap((secret) => {
    const text = texts.find((text) => text.includes(secret))
    return text === undefined ? [] : [`a secret is in: ${text.replaceAll(secret, "SECRET").slice(0, 200)}`]
  })

/** The line that Node, or Effect, prints about an error that nobody has handled. */
const unhandled = /^.*(Unhandled|Uncaught|triggerUncaughtException|MaxListenersExceeded|level=FATAL).*$/m

/** Returns the errors that a process has printed because nobody handled them. */
export const unhandledIn = (outputs: ReadonlyArray<string>): ReadonlyArray<string> =>
  outputs.flatMap((output) => unhandled.exec(output)?.[0] ?? []).map((line) =>
    `a process prints an error that nobody handled: ${line}`
  )

/** Counts how often the work of several processes on each event has begun and ended. */
export const workOf = ({ runs }: Runs.Seen): Pick<Told, "starts" | "ends"> => {
  const starts: Tally.Tally = {}
  const ends: Tally.Tally = {}
  for (const [id, ofEvent] of runs) {
    Tally.add(starts, id, ofEvent.length)
    const done = ofEvent.filter(({ isDone }) => isDone)
    // A process that dies after its work, and before the answer, leaves the event to the next.
    if (done.length > 0) Tally.add(ends, id, Math.max(1, done.filter(({ isKilled }) => !isKilled).length))
  }
  return { starts, ends }
}
