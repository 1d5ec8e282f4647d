/**
 * The calls, handshakes and deliveries without secrets, in the order in which it ended: as data for assertions, and as a stream for watching.
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
 * Headers and text of a request or of an answer, without secrets: a ticket or a token shows its ends (`t-3f…9a`), any other
 * secret shows `…`. The text is cut off after 16,384 characters.
 *
 * @since 0.1.0
 * @category models
 */
export interface Message {
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/**
 * `id` counts from 1. `at` and `endedAt` are in milliseconds since 1970. `sent` and `received` are `undefined` for entries that
 * are older than the newest 2,000.
 *
 * - `Call`: a client called. A delayed answer may never have been sent. `outcome` is `broken off` if the client went away before
 *   the end of its request, and `no answer` if a fault took the answer.
 * - `Handshake`: a request URL was asked for its challenge.
 * - `Push`: one delivery of an event or a callback. `attempt` counts from 1. `forged` and `replayed` deliveries are not the
 *   platform's. `sent` has the decrypted body.
 *
 * @since 0.1.0
 * @category models
 */
export type Entry = Data.TaggedEnum<{
  Call: {
    readonly id: number
    readonly at: number
    readonly endedAt: number
    readonly method: string
    readonly path: string
    /** Without the question mark. */
    readonly query: string
    /** The app that the request named, or whose token the request carried, if there is such an app. */
    readonly appId: string | undefined
    readonly tenantKey: string | undefined
    /** The token that the request carried. */
    readonly token: "none" | "valid" | "invalid"
    readonly fault: Fault["_tag"] | undefined
    readonly outcome: "answered" | "no answer" | "broken off"
    /** Of the answer. `undefined` if there is none. */
    readonly status: number | undefined
    readonly code: number | undefined
    readonly logId: string
    /** The request. */
    readonly received: Message | undefined
    /** The answer. */
    readonly sent: Message | undefined
  }
  Handshake: {
    readonly id: number
    readonly at: number
    readonly endedAt: number
    readonly appId: string
    readonly outcome: "passed" | "failed"
    readonly reason: string | undefined
  }
  Push: {
    readonly id: number
    readonly at: number
    readonly endedAt: number
    readonly appId: string
    readonly tenantKey: string | undefined
    readonly kind: "event" | "callback"
    readonly eventType: string
    /** `uuid` of a 1.0 event, `event_id` of a 2.0 event. */
    readonly eventId: string
    readonly attempt: number
    readonly origin: "platform" | "forged" | "replayed"
    readonly fault: PushFault["_tag"] | undefined
    readonly outcome: "acknowledged" | "refused" | "timed out" | "unreachable" | "no request URL" | "lost"
    /** Of the answer of the request URL, if there was one. */
    readonly status: number | undefined
    /** The delivery, decrypted. */
    readonly sent: Message | undefined
    /** The answer of the request URL. */
    readonly received: Message | undefined
  }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Call, Handshake, Push } = Data.taggedEnum<Entry>()

/**
 * An entry before it is in the journal, which gives the `id`.
 *
 * @since 0.1.0
 * @category models
 */
export type NewEntry = WithoutId<Entry>

type WithoutId<A> = A extends unknown ? Omit<A, "id"> : never

/**
 * Formats an entry as one line.
 *
 * @since 0.1.0
 * @category formatting
 */
export const line: (entry: Entry) => string = $match({
  Call: ({ appId, code, fault, method, outcome, path, status, tenantKey }) =>
    [
      `${method} ${path}`,
      appId && ` by ${appId}`,
      tenantKey && ` for ${tenantKey}`,
      outcome === "broken off"
        ? ": broken off by the client"
        : status === undefined
        ? ": no answer"
        : `: HTTP ${status}`,
      code !== undefined && `, code ${code}`,
      fault && ` (fault: ${fault})`
    ].filter(Boolean).join(""),
  Handshake: ({ appId, outcome, reason }) =>
    `handshake with the request URL of ${appId}: ${outcome}${reason === undefined ? "" : `, ${reason}`}`,
  Push: ({ appId, attempt, eventId, eventType, fault, kind, origin, outcome, status }) =>
    [
      `${origin === "platform" ? "" : `${origin} `}${
        kind === "event" ? "push of" : "callback"
      } ${eventType} ${eventId} to ${appId}, attempt ${attempt}: ${
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
  /** Adds an entry, and logs it at the level `Debug`. Returns the entry with its id. */
  readonly append: (entry: NewEntry) => Effect.Effect<Entry>
  /** The entries so far: the newest 100,000. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /**
   * The entries from now on without `sent` and `received`, until the emulator's scope ends. A reader who is 10,000 entries behind
   * loses the oldest of them, which the ids show.
   */
  readonly changes: Stream.Stream<Entry>
  /** The entries whose ids are greater without `sent` and `received`: those so far, and then those from now on. */
  readonly follow: (id: number) => Stream.Stream<Entry>
  /** The id of the newest entry that there has been. 0: there was none. */
  readonly lastId: Effect.Effect<number>
  /** Forgets the entries so far. Ids go on. */
  readonly clear: Effect.Effect<void>
}

const capacity = 100_000

/** The entries that keep headers and texts: with 16 KB each way, 64 MB at most. */
const detailed = 2_000

const withoutDetails = (entry: Entry): Entry =>
  entry._tag === "Handshake" ? entry : { ...entry, sent: undefined, received: undefined }

/**
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Journal, never, Scope.Scope> = Effect.gen(function*() {
  let entries: Array<Entry> = []
  let lastId = 0
  const pubsub = yield* Effect.acquireRelease(PubSub.sliding<Entry>(10_000), PubSub.shutdown)

  const add = (entry: Entry) => {
    entries.push(entry)
    const old = entries.length - 1 - detailed
    const aged = entries[old]
    if (aged !== undefined) entries[old] = withoutDetails(aged)
    // Half at once, because to take one off the front moves all others.
    if (entries.length > capacity * 1.5) entries = entries.slice(-capacity)
  }

  const entriesAfter = (id: number) => entries.slice(-capacity).filter((entry) => entry.id > id)

  return {
    append: (given) =>
      Effect.suspend(() => {
        const entry: Entry = { ...given, id: ++lastId }
        add(entry)
        return Effect.as(
          Effect.zipRight(PubSub.publish(pubsub, withoutDetails(entry)), Effect.logDebug(line(entry))),
          entry
        )
      }),
    entries: Effect.sync(() => entries.slice(-capacity)),
    changes: Stream.fromPubSub(pubsub),
    follow: (id) =>
      Stream.unwrapScoped(Effect.map(Stream.fromPubSub(pubsub, { scoped: true }), (changes) => {
        const known = entriesAfter(id)
        const last = known.at(-1)?.id ?? id
        // An entry may be in both.
        return Stream.concat(
          Stream.fromIterable(known.map(withoutDetails)),
          Stream.filter(changes, (entry) => entry.id > last)
        )
      })),
    lastId: Effect.sync(() => lastId),
    clear: Effect.sync(() => {
      entries = []
    })
  }
})
