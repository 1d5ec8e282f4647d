/** Counts and logs refusals. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
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

interface LastLine {
  /** In milliseconds. */
  readonly loggedAt: number
  /** The refusals since the line. */
  unlogged: number
}

type LastLines = Map<EventRefused["reason"], LastLine>

interface Log {
  /** By app and not by subscription, because a program may build a subscription for each request. */
  readonly byAppId: Map<string, LastLines>
  /** For subscriptions whose app is unknown. */
  readonly bySubscription: WeakMap<object, LastLines>
  /** For requests that reach no subscription. The id in the path is no key, because anybody can choose it. */
  readonly withoutSubscription: LastLines
}

/** By clock, because times of different clocks cannot be compared: each test may have a clock of its own. */
const logs = new WeakMap<Clock.Clock, Log>()

const getOrMake = <K, V>(
  map: { readonly get: (key: K) => V | undefined; readonly set: (key: K, value: V) => unknown },
  key: K,
  make: () => V
): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

const makeLog = (): Log => ({ byAppId: new Map(), bySubscription: new WeakMap(), withoutSubscription: new Map() })
const makeLastLines = (): LastLines => new Map()

/** A refusal, and what the line says besides the reason. */
export interface Entry {
  readonly refusal: EventRefused
  /** `undefined` if the request has not reached a subscription. */
  readonly subscription?: object | undefined
  /** The id in the path, if the request has not reached a subscription. */
  readonly appId?: string | undefined
  readonly cause?: Cause.Cause<unknown> | undefined
}

const lastLinesOf = ({ subscription }: Entry, appId: string | undefined, clock: Clock.Clock): LastLines => {
  const { byAppId, bySubscription, withoutSubscription } = getOrMake(logs, clock, makeLog)
  if (subscription === undefined) return withoutSubscription
  return appId === undefined
    ? getOrMake(bySubscription, subscription, makeLastLines)
    : getOrMake(byAppId, appId, makeLastLines)
}

/** Returns what the next line says about the refusals before, or `undefined` if there was a line within the last second. */
const suffixOf = (entry: Entry, appId: string | undefined, clock: Clock.Clock): string | undefined => {
  const { reason } = entry.refusal
  const lastLines = lastLinesOf(entry, appId, clock)
  const last = lastLines.get(reason)
  const now = readMonotonicMillis(clock)
  if (last !== undefined && now - last.loggedAt < quietFor) {
    last.unlogged++
    return undefined
  }
  lastLines.set(reason, { loggedAt: now, unlogged: 0 })
  return last === undefined || last.unlogged === 0 ? "" : ` (and ${last.unlogged} more like this since the last line)`
}

/** The reasons with a 5xx status that anybody can cause. */
const isOfAnybody: ReadonlySet<EventRefused["reason"]> = new Set(["AppLookup", "BodyRead"])

const lineOf = (entry: Entry, appId: string | undefined, clock: Clock.Clock): Effect.Effect<void> | undefined => {
  const { cause, refusal } = entry
  const { reason, status } = refusal
  // The store logs its own failures.
  if (reason === "Store") return Effect.logDebug(refusal.message)
  // A handler fails for deliveries that are proven only.
  if (status >= 500 && !isOfAnybody.has(reason)) return Effect.logWarning(refusal.message)
  const suffix = suffixOf(entry, appId, clock)
  if (suffix === undefined) return undefined
  const log = reason === "BodyRead" ? Effect.logError : Effect.logWarning
  return log(refusal.message + suffix, ...(cause ? [cause] : []))
}

/**
 * Counts a refusal. Returns the line to log, if there is one: of a reason that anybody can cause there is one line a second for
 * each app, and one line a second for all requests that reach no app.
 */
export const count = (entry: Entry, clock: Clock.Clock): Effect.Effect<void> | undefined => {
  const { refusal, subscription } = entry
  FeishuMetrics.refusals.unsafeUpdate(1, byReason(refusal.reason))
  const appId = subscription === undefined ? entry.appId : Subscriptions.get(subscription)?.appId
  const line = lineOf(entry, appId, clock)
  return line === undefined || appId === undefined ? line : Effect.annotateLogs(line, "app_id", oneLine(appId))
}

/** Counts a refusal, and logs the line. */
export const countAndLog = (entry: Entry): Effect.Effect<void> =>
  Effect.clockWith((clock) => count(entry, clock) ?? Effect.void)

/** Returns the answer, which contains the status only. */
export const answerOf = ({ reason, status }: EventRefused) => ({
  status,
  headers: reason === "Method" ? { allow: "POST" } : {},
  body: ""
})
