/**
 * Keeps the newest ticket of each app.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Claims from "./Claims.js"
import { isSame } from "./internal/isSame.js"
import * as Arrivals from "./internal/store/arrivals.js"
import * as KeyValues from "./internal/store/keyValues.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Ticket {
  readonly value: Redacted.Redacted
  /** The event's `ts`, to the millisecond. The ticket is valid for 3 hours from here (page "ISV 相关"). */
  readonly sentAt: DateTime.Utc
}

/**
 * The store cannot be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class TicketStoreError extends Schema.TaggedError<TicketStoreError>("@effect-feishu/core/TicketStoreError")(
  "TicketStoreError",
  {
    appId: Schema.String,
    /** The operation that failed. */
    operation: Schema.Literal("get", "put", "drop", "changes"),
    /** The failure in a few words. */
    description: Schema.String,
    /** The underlying store's own error: only its names, messages and codes, with the ticket masked. */
    cause: Schema.optional(Schema.Defect)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    // Only the ticket of a push is put.
    const pushed = this.operation === "put" ? "; until then the platform pushes again" : ""
    return `TicketStore.${this.operation} for ${this.appId}: ${this.description}. `
      + `Check that the store behind the TicketStore works${pushed}`
  }
}

/**
 * Keeps the tickets of each app.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Returns the newest ticket, even if the ticket has expired. Returns `None` if the newest ticket was dropped. */
  readonly get: (appId: string) => Effect.Effect<Option.Option<Ticket>, TicketStoreError>
  /**
   * Keeps the ticket and returns `true` if the ticket was sent later than every ticket before, including dropped tickets. An
   * older ticket never replaces a newer one, even if many arrive at once.
   */
  readonly put: (appId: string, ticket: Ticket) => Effect.Effect<boolean, TicketStoreError>
  /** Removes this ticket, because the platform refused the ticket. Does nothing if the newest ticket is another. */
  readonly drop: (appId: string, ticket: Ticket) => Effect.Effect<void, TicketStoreError>
  /** Emits the newest ticket, if there is one, and then each ticket that is put. */
  readonly changes: (appId: string) => Stream.Stream<Ticket, TicketStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TicketStore extends Context.Tag("@effect-feishu/core/TicketStore")<TicketStore, Service>() {}

interface Entry {
  readonly ticket: Ticket
  /** `true`: the ticket is invalid, and stays here so that no older ticket replaces it. */
  readonly dropped: boolean
}

const isNewer = (ticket: Ticket, entry: Entry | undefined): boolean =>
  entry === undefined || DateTime.greaterThan(ticket.sentAt, entry.ticket.sentAt)

const ticketOf = (entry: Entry | undefined): Option.Option<Ticket> =>
  entry === undefined || entry.dropped ? Option.none() : Option.some(entry.ticket)

/** Emits each ticket once. The same value that was sent later counts as another ticket, because it is valid for longer. */
const distinct = Stream.changesWith<Ticket>((a, b) => isSame(a, b) && DateTime.Equivalence(a.sentAt, b.sentAt))

const getOrSet = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/**
 * Keeps tickets in this process's memory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (): Effect.Effect<Service> =>
  Effect.gen(function*() {
    const entries = new Map<string, Entry>()
    const puts = yield* PubSub.unbounded<{ readonly appId: string; readonly ticket: Ticket }>()
    const store: Service = {
      get: (appId) => Effect.sync(() => ticketOf(entries.get(appId))),
      put: (appId, ticket) =>
        Effect.map(Effect.clock, (clock) => {
          if (!isNewer(ticket, entries.get(appId))) return false
          entries.set(appId, { ticket, dropped: false })
          puts.unsafeOffer({ appId, ticket })
          Arrivals.add(store, appId, clock)
          return true
        }),
      drop: (appId, ticket) =>
        Effect.sync(() => {
          const entry = entries.get(appId)
          if (entry !== undefined && isSame(entry.ticket, ticket)) entries.set(appId, { ...entry, dropped: true })
        }),
      changes: (appId) =>
        Stream.unwrapScoped(Effect.map(PubSub.subscribe(puts), (later) =>
          Stream.concat(
            Stream.fromIterable(Option.toArray(ticketOf(entries.get(appId)))),
            Stream.fromQueue(later).pipe(
              Stream.filter((put) => put.appId === appId),
              Stream.map(({ ticket }) => ticket)
            )
          ))).pipe(distinct)
    }
    return Arrivals.addMemoryStore(store)
  })

/**
 * Keeps tickets and claims in this process's memory.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TicketStore | Claims.Claims> = Layer.merge(
  Layer.effect(TicketStore, makeMemory()),
  Claims.layerMemory
)

/** The form of an entry in the store. */
const StoredEntry = Schema.parseJson(Schema.Struct({
  ticket: Schema.Redacted(Schema.NonEmptyString),
  sentAt: Schema.DateTimeUtc,
  dropped: Schema.Boolean
}))

const decodeEntry = Schema.decodeOption(StoredEntry)
const encodeEntry = Schema.encode(StoredEntry)

/**
 * @since 0.1.0
 * @category models
 */
export interface KeyValueOptions extends Claims.KeyValueOptions {
  /** The pause between two looks of `changes` for a ticket that another process has written. Default: 5 s. */
  readonly pollInterval?: Duration.DurationInput | undefined
}

/**
 * Keeps tickets in any `KeyValueStore`, files or a database, so that a ticket survives a restart. Overwrites an unreadable
 * entry.
 *
 * The tickets are secrets: let nobody else read the store. Processes that share the store see each other's tickets. Each
 * process decides alone whether a ticket is newer, because a `KeyValueStore` has no atomic step.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeKeyValueStore = (
  options?: KeyValueOptions
): Effect.Effect<Service, never, KeyValueStore.KeyValueStore> =>
  Effect.gen(function*() {
    const { locked: lockedKey, read, write } = KeyValues.make({
      kvs: yield* KeyValueStore.KeyValueStore,
      name: "TicketStore",
      prefix: options?.prefix ?? "feishu/",
      timeout: options?.timeout ?? "2 seconds"
    })
    /** By app: counts the writes of this process. */
    const writes = new Map<string, SubscriptionRef.SubscriptionRef<number>>()
    /** By app: the ticket that was read or written last, which an error of the store may quote. */
    const known = new Map<string, Redacted.Redacted>()

    const locked = (key: string, { appId, operation, secret }: {
      readonly appId: string
      readonly operation: TicketStoreError["operation"]
      readonly secret?: Redacted.Redacted
    }) =>
      lockedKey(key, {
        secrets: () => [secret, known.get(appId)].filter((secret) => secret !== undefined),
        failure: (seen) => new TicketStoreError({ appId, operation, ...seen })
      })

    const ticketKey = (appId: string) => `ticket/${appId}`
    const readEntry = (appId: string) =>
      Effect.map(
        read(ticketKey(appId), decodeEntry),
        Option.map(({ dropped, sentAt, ticket }): Entry => {
          known.set(appId, ticket)
          return { ticket: { value: ticket, sentAt }, dropped }
        })
      )
    const writeEntry = (appId: string, { dropped, ticket }: Entry) =>
      Effect.suspend(() => {
        known.set(appId, ticket.value)
        return Effect.flatMap(
          encodeEntry({ ticket: ticket.value, sentAt: ticket.sentAt, dropped }),
          (text) => write(ticketKey(appId), text)
        )
      })

    const writesOf = (appId: string) =>
      Effect.suspend(() => {
        const known = writes.get(appId)
        return known === undefined
          ? Effect.map(SubscriptionRef.make(0), (ref) => getOrSet(writes, appId, () => ref))
          : Effect.succeed(known)
      })

    const get = (appId: string, operation: "get" | "changes") =>
      readEntry(appId).pipe(
        locked(ticketKey(appId), { appId, operation }),
        Effect.map((entry) => ticketOf(Option.getOrUndefined(entry)))
      )

    return {
      get: (appId) => get(appId, "get"),
      put: (appId, ticket) =>
        Effect.gen(function*() {
          if (!isNewer(ticket, Option.getOrUndefined(yield* readEntry(appId)))) return false
          yield* writeEntry(appId, { ticket, dropped: false })
          yield* SubscriptionRef.update(yield* writesOf(appId), (count) => count + 1)
          return true
        }).pipe(locked(ticketKey(appId), { appId, operation: "put", secret: ticket.value })),
      drop: (appId, ticket) =>
        Effect.gen(function*() {
          const entry = yield* readEntry(appId)
          if (Option.isSome(entry) && isSame(entry.value.ticket, ticket)) {
            yield* writeEntry(appId, { ...entry.value, dropped: true })
          }
        }).pipe(locked(ticketKey(appId), { appId, operation: "drop", secret: ticket.value })),
      changes: (appId) =>
        Stream.unwrap(Effect.map(writesOf(appId), (ref) => ref.changes)).pipe(
          Stream.merge(Stream.fromSchedule(Schedule.spaced(options?.pollInterval ?? "5 seconds"))),
          Stream.mapEffect(() => get(appId, "changes")),
          Stream.filterMap((ticket) => ticket),
          distinct
        )
    }
  })

/**
 * Keeps tickets and claims in any `KeyValueStore`, for example `KeyValueStore.layerFileSystem("tickets")`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore = (
  options?: KeyValueOptions
): Layer.Layer<TicketStore | Claims.Claims, never, KeyValueStore.KeyValueStore> =>
  Layer.merge(Layer.effect(TicketStore, makeKeyValueStore(options)), Claims.layerKeyValueStore(options))
