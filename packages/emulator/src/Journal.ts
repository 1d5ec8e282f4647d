/**
 * What happened, without the secrets, in the order in which it was known: as data for assertions, as a stream for
 * watching.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Fault, PushFault } from "./Fault.js"

/**
 * `at` is in milliseconds since 1970.
 *
 * - `Call`: a client called. The answer is as decided on arrival: a delayed one may never be sent.
 * - `Handshake`: a request URL was asked for its challenge.
 * - `Push`: one delivery of one event, entered when it has ended. `attempt` counts from 1; `forged` and `replayed` ones
 *   are not the platform's.
 *
 * @since 0.1.0
 * @category models
 */
export type Entry = Data.TaggedEnum<{
  Call: {
    readonly at: number
    readonly method: string
    readonly path: string
    /** The app that the request named, or whose token it carried, if there is such an app. */
    readonly appId: string | undefined
    readonly tenantKey: string | undefined
    /** Of the token that the request carried: whether it was there, and good. */
    readonly token: "none" | "valid" | "invalid"
    readonly fault: Fault["_tag"] | undefined
    /** Of the answer; undefined where there is none. */
    readonly status: number | undefined
    readonly code: number | undefined
    readonly logId: string
  }
  Handshake: {
    readonly at: number
    readonly appId: string
    readonly outcome: "passed" | "failed"
    readonly reason: string | undefined
  }
  Push: {
    readonly at: number
    readonly endedAt: number
    readonly appId: string
    readonly eventType: string
    /** `uuid` of a 1.0 event, `event_id` of a 2.0 event. */
    readonly eventId: string
    readonly attempt: number
    readonly origin: "platform" | "forged" | "replayed"
    readonly fault: PushFault["_tag"] | undefined
    readonly outcome: "acknowledged" | "refused" | "timed out" | "unreachable" | "no request URL" | "lost"
    /** Of the request URL's answer, where there was one. */
    readonly status: number | undefined
  }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Call, Handshake, Push } = Data.taggedEnum<Entry>()

/**
 * The entry as one line to read.
 *
 * @since 0.1.0
 * @category formatting
 */
export const line: (entry: Entry) => string = $match({
  Call: ({ appId, code, fault, method, path, status, tenantKey }) =>
    [
      `${method} ${path}`,
      appId && ` by ${appId}`,
      tenantKey && ` for ${tenantKey}`,
      status === undefined ? ": no answer" : `: HTTP ${status}`,
      code !== undefined && `, code ${code}`,
      fault && ` (fault: ${fault})`
    ].filter(Boolean).join(""),
  Handshake: ({ appId, outcome, reason }) =>
    `handshake with the request URL of ${appId}: ${outcome}${reason === undefined ? "" : `, ${reason}`}`,
  Push: ({ appId, attempt, eventId, eventType, fault, origin, outcome, status }) =>
    [
      `${origin === "platform" ? "" : `${origin} `}push of ${eventType} ${eventId} to ${appId}, attempt ${attempt}: ${
        outcome === "no request URL" ? "no request URL is saved" : outcome
      }`,
      status !== undefined && ` with HTTP ${status}`,
      fault && ` (fault: ${fault})`
    ].filter(Boolean).join("")
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Journal {
  /** Logs the entry, too, at the level `Debug`. */
  readonly append: (entry: Entry) => Effect.Effect<void>
  /** The entries so far: the newest 100,000. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /** The entries from now on, until the emulator's scope ends. */
  readonly changes: Stream.Stream<Entry>
}

const capacity = 100_000

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Journal, never, Scope.Scope> = Effect.gen(function*() {
  const entries: Array<Entry> = []
  const pubsub = yield* Effect.acquireRelease(PubSub.unbounded<Entry>(), PubSub.shutdown)
  return {
    append: (entry) =>
      Effect.suspend(() => {
        entries.push(entry)
        // Half at once, since taking one off the front moves all others.
        if (entries.length > capacity * 1.5) entries.splice(0, entries.length - capacity)
        return Effect.zipRight(PubSub.publish(pubsub, entry), Effect.logDebug(line(entry)))
      }),
    entries: Effect.sync(() => entries.slice(-capacity)),
    changes: Stream.fromPubSub(pubsub)
  }
})
