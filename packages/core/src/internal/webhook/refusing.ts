/** Counts and logs refusals. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { EventRefused } from "../../EventRefused.js"
import * as FeishuMetrics from "../../FeishuMetrics.js"
import * as MetricLabels from "../metricLabels.js"
import { readMonotonicMillis } from "../monotonicMillis.js"
import { oneLine } from "../oneLine.js"
import * as Subscriptions from "./subscriptions.js"

const byReason = MetricLabels.make("reason")

/** The time after a line in which refusals of the same reason are only counted. In milliseconds. */
const quietFor = 1000

interface Refusals {
  /** The time of the last line, in milliseconds. */
  readonly loggedAt: number
  /** The refusals since the last line. */
  unlogged: number
}

/** By subscription, or by the function that finds subscriptions, and by reason. */
const refusals = new WeakMap<object, Map<EventRefused["reason"], Refusals>>()

/** Returns what the next line says about the refusals before, or `undefined` if there was a line within the last second. */
const more = (door: object, reason: EventRefused["reason"], now: number): string | undefined => {
  const ofDoor = refusals.get(door) ?? new Map<EventRefused["reason"], Refusals>()
  refusals.set(door, ofDoor)
  const last = ofDoor.get(reason)
  if (last !== undefined && now - last.loggedAt < quietFor) {
    last.unlogged++
    return undefined
  }
  ofDoor.set(reason, { loggedAt: now, unlogged: 0 })
  return last === undefined || last.unlogged === 0 ? "" : ` (and ${last.unlogged} more like this since the last line)`
}

/** A refusal, and what its line says besides the reason. */
export interface Refusal {
  readonly refusal: EventRefused
  readonly appId?: string | undefined
  readonly cause?: Cause.Cause<unknown> | undefined
}

const lineOf = (door: object, { cause, refusal }: Refusal, now: number): Effect.Effect<void> | undefined => {
  const { reason, status } = refusal
  // The store logs its own failures.
  if (reason === "Store") return Effect.logDebug(refusal.message)
  if (reason === "BodyRead") return Effect.logError(refusal.message)
  // A handler fails for deliveries that are proven only.
  if (status >= 500 && reason !== "Lookup") return Effect.logWarning(refusal.message)
  const suffix = more(door, reason, now)
  return suffix === undefined ? undefined : Effect.logWarning(refusal.message + suffix, ...(cause ? [cause] : []))
}

/**
 * Counts a refusal. Returns the line to log, if there is one: of a reason that anybody can cause there is one line a second.
 * `now` is on the monotonic clock, in milliseconds.
 */
export const count = (door: object, refusal: Refusal, now: number): Effect.Effect<void> | undefined => {
  FeishuMetrics.refusals.unsafeUpdate(1, byReason(refusal.refusal.reason))
  const line = lineOf(door, refusal, now)
  if (line === undefined) return undefined
  const appId = refusal.appId ?? Subscriptions.get(door)?.appId
  return appId === undefined ? line : Effect.annotateLogs(line, "app_id", oneLine(appId))
}

/** Counts a refusal, and logs the line. */
export const countAndLog = (door: object, refusal: Refusal): Effect.Effect<void> =>
  Effect.clockWith((clock) => count(door, refusal, readMonotonicMillis(clock)) ?? Effect.void)

/** Returns the answer, which contains the status only. */
export const answerOf = ({ reason, status }: EventRefused) => ({
  status,
  headers: reason === "Method" ? { allow: "POST" } : {},
  body: ""
})
