/** Follows the journal of the platform through a run of minutes. */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import type * as Journal from "@effect-feishu/emulator/Journal"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { messagePath, queryPath } from "../storeApp.js"
import * as Tally from "../tally.js"
import * as Explained from "./explained.js"

/** The deliveries of an event, as the journal of the platform shows them. */
export interface Pushed {
  readonly begin: number
  end: number
  isAcknowledged: boolean
  isLost: boolean
}

export type Push = Extract<Journal.Entry, { readonly _tag: "Push" }>

/** Counts and entries of the journal. Grows until the scope ends. */
export interface Seen {
  readonly counts: Tally.Tally
  readonly events: ReadonlyMap<string, Pushed>
  /** Deliveries that were not acknowledged, and forged ones that were. */
  readonly failed: ReadonlyArray<Push>
  readonly faulty: ReadonlyArray<Explained.Faulty>
}

/** Reads the journal as it grows. */
export const watch = (emulator: Emulator.Service) =>
  Effect.gen(function*() {
    const counts: Tally.Tally = {}
    const events = new Map<string, Pushed>()
    const failed: Array<Push> = []
    const faulty: Array<Explained.Faulty> = []
    let lastId = yield* Effect.map(emulator.journal, (entries) => entries.at(-1)?.id ?? 0)

    const seeCall = (entry: Extract<Journal.Entry, { readonly _tag: "Call" }>) => {
      const name = Explained.faultOf(entry)
      Tally.add(counts, `call ${entry.path}`)
      if (name === undefined && entry.status === 200) Tally.add(counts, `success ${entry.path}`)
      if (entry.path === queryPath && entry.token === "invalid") Tally.add(counts, "token refused")
      if (name !== undefined) {
        const isSentAgain = entry.path !== messagePath || Explained.ofCalls[name].isSentAgain
        faulty.push({ name, isSentAgain, begin: entry.at, end: entry.endedAt })
      }
    }
    const seePush = (entry: Push) => {
      const isAcknowledged = entry.outcome === "acknowledged"
      if (entry.kind === "callback") {
        return Tally.add(counts, isAcknowledged ? "callback acknowledged" : "callback not acknowledged")
      }
      if (entry.origin === "forged") Tally.add(counts, "fault of a push: forged")
      if (isAcknowledged !== (entry.origin === "platform")) failed.push(entry)
      if (entry.origin !== "platform") return
      const isTicket = entry.eventType === "app_ticket"
      if (isAcknowledged) Tally.add(counts, isTicket ? "ticket acknowledged" : "event acknowledged")
      const known = events.get(entry.eventId) ?? { begin: entry.at, end: 0, isAcknowledged: false, isLost: false }
      events.set(entry.eventId, known)
      if (entry.outcome === "lost") Tally.add(counts, "fault of a push: lost")
      if (entry.fault === "Tampered" && entry.attempt === 1) Tally.add(counts, "fault of a push: tampered")
      if (entry.fault === "Doubled" && known.isAcknowledged) Tally.add(counts, "fault of a push: doubled")
      known.end = entry.endedAt
      known.isAcknowledged ||= isAcknowledged
      known.isLost ||= entry.outcome === "lost"
    }

    yield* Effect.forkScoped(Stream.runForEach(emulator.changes, (entry) =>
      Effect.suspend(() => {
        // A reader who is slow loses entries.
        if (entry.id !== ++lastId) {
          return Effect.dieMessage(`the journal goes on with ${entry.id} and not with ${lastId}`)
        }
        if (entry._tag === "Call") seeCall(entry)
        if (entry._tag === "Push") seePush(entry)
        return Effect.void
      })))
    // Subscribed, before anything happens.
    yield* Effect.sleep("100 millis")
    return { counts, events, failed, faulty } satisfies Seen
  })

/** Returns the reason why a delivery was not acknowledged, or why a forged delivery was. */
const explainPush = (
  push: Push,
  events: ReadonlyMap<string, Pushed>,
  outages: ReadonlyArray<Explained.Outage>
): readonly [what: string, why: string | undefined] => {
  const what = `${push.origin === "platform" ? "" : `${push.origin} `}${
    push.eventType === "app_ticket" ? "ticket" : "event"
  }: ${push.outcome}${push.status === undefined ? "" : `, HTTP ${push.status}`}`
  if (push.origin !== "platform") return [what, push.outcome === "acknowledged" ? undefined : "push forged"]
  if (push.outcome === "lost") return [what, "push lost"]
  if (push.fault === "Tampered" && push.attempt === 1) return [what, "push tampered"]
  // A claim that was made in the outage ends later.
  const begin = events.get(push.eventId)?.begin ?? push.at
  const ofRedis = Explained.outageOf(outages, { begin, end: push.endedAt }, "Redis")
  // Redis has a second to answer, and the app has three.
  const isLate = push.outcome === "timed out" || push.outcome === "unreachable" || push.status === 503
  const ofMachine = isLate ? Explained.outageOf(outages, { begin, end: push.endedAt }, "machine") : undefined
  return [what, (ofRedis ?? ofMachine)?.name]
}

/** Explains the deliveries that failed. */
export const explainPushes = (
  { events, failed }: Pick<Seen, "events" | "failed">,
  outages: ReadonlyArray<Explained.Outage>
): ReadonlyArray<Explained.Row> => {
  const rows = new Map<string, Explained.Row>()
  for (const push of failed) {
    const [what, why] = explainPush(push, events, outages)
    const key = `${what} ${why}`
    rows.set(key, { what, why, times: (rows.get(key)?.times ?? 0) + 1 })
  }
  return [...rows.values()]
}
