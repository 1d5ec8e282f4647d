/**
 * What an app must not forget: its newest ticket, which events it has handled, and that it has just asked for a ticket.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Claims from "./internal/claims.js"
import { isSame } from "./internal/isSame.js"
import * as KeyValues from "./internal/keyValues.js"

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
    /** The store's operation that failed. */
    operation: Schema.Literal("get", "put", "drop", "changes", "claim", "hold", "release"),
    /** What was seen, in a few words. */
    description: Schema.String,
    /** The underlying store's own error: its names, messages and codes only, with the ticket masked. */
    cause: Schema.optional(Schema.Defect)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `TicketStore.${this.operation} for ${this.appId}: ${this.description}. `
      + `Check that the store behind the TicketStore works; until then the platform pushes again`
  }
}

/**
 * Everything is kept by app.
 *
 * A _claim_ is a name that one holder has for a time: an event that is being handled, or has been; a resend that has
 * just been sent. Each name has one holder: among all processes that share the store where it has an atomic step for
 * that, within each process where it has none, as a `KeyValueStore`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The newest ticket, even if it has expired; none where there is none, or where the newest was dropped. */
  readonly get: (appId: string) => Effect.Effect<Option.Option<Ticket>, TicketStoreError>
  /**
   * Keeps the ticket if it was sent later than every one before, dropped ones, too, and tells whether it did. An older
   * ticket never replaces a newer one, however many arrive at once.
   */
  readonly put: (appId: string, ticket: Ticket) => Effect.Effect<boolean, TicketStoreError>
  /** Forgets this ticket, which has turned out to be invalid. Does nothing where the newest is another. */
  readonly drop: (appId: string, ticket: Ticket) => Effect.Effect<void, TicketStoreError>
  /** The newest ticket as it is now, if there is one, then each that is put. */
  readonly changes: (appId: string) => Stream.Stream<Ticket, TicketStoreError>
  /** None: the name is yours for so long. Some: it is not, for so much longer. */
  readonly claim: (
    appId: string,
    name: string,
    duration: Duration.Duration
  ) => Effect.Effect<Option.Option<Duration.Duration>, TicketStoreError>
  /** The name is held for so long from now, whoever has it. */
  readonly hold: (appId: string, name: string, duration: Duration.Duration) => Effect.Effect<void, TicketStoreError>
  /** The name is free. It may stay with another process that has it by now. */
  readonly release: (appId: string, name: string) => Effect.Effect<void, TicketStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TicketStore extends Context.Tag("@effect-feishu/core/TicketStore")<TicketStore, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * How many claims are kept for each app; beyond that the oldest are forgotten, and an event pushed again would be
   * handled again. Default: 100,000, which is 3.4 events a second for 8 hours.
   */
  readonly maxClaims?: number | undefined
}

const defaultMaxClaims = 100_000

interface Entry {
  readonly ticket: Ticket
  /** It is no longer valid, but nothing that was sent before it is to come in its place. */
  readonly dropped: boolean
}

const isNewer = (ticket: Ticket, entry: Entry | undefined): boolean =>
  entry === undefined || DateTime.greaterThan(ticket.sentAt, entry.ticket.sentAt)

const ticketOf = (entry: Entry | undefined): Option.Option<Ticket> =>
  entry === undefined || entry.dropped ? Option.none() : Option.some(entry.ticket)

/** Each ticket once: the same value sent later counts as another, for it lives longer. */
const distinct = Stream.changesWith<Ticket>((a, b) => isSame(a, b) && DateTime.Equivalence(a.sentAt, b.sentAt))

const getOrSet = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

/**
 * In this process's memory: gone when it ends, and not seen by any other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options?: Options): Effect.Effect<Service> =>
  Effect.gen(function*() {
    const max = options?.maxClaims ?? defaultMaxClaims
    const apps = new Map<string, {
      entry: Entry | undefined
      readonly claims: Claims.Claims
    }>()
    const puts = yield* PubSub.unbounded<{ readonly appId: string; readonly ticket: Ticket }>()
    const stateOf = (appId: string) => getOrSet(apps, appId, () => ({ entry: undefined, claims: Claims.make(max) }))
    return {
      get: (appId) => Effect.sync(() => ticketOf(stateOf(appId).entry)),
      put: (appId, ticket) =>
        Effect.sync(() => {
          const state = stateOf(appId)
          if (!isNewer(ticket, state.entry)) return false
          state.entry = { ticket, dropped: false }
          puts.unsafeOffer({ appId, ticket })
          return true
        }),
      drop: (appId, ticket) =>
        Effect.sync(() => {
          const state = stateOf(appId)
          if (state.entry !== undefined && isSame(state.entry.ticket, ticket)) {
            state.entry = { ...state.entry, dropped: true }
          }
        }),
      changes: (appId) =>
        Stream.unwrapScoped(Effect.map(PubSub.subscribe(puts), (later) =>
          Stream.concat(
            Stream.fromIterable(Option.toArray(ticketOf(stateOf(appId).entry))),
            Stream.fromQueue(later).pipe(
              Stream.filter((put) => put.appId === appId),
              Stream.map(({ ticket }) => ticket)
            )
          ))).pipe(distinct),
      claim: (appId, name, duration) => Effect.suspend(() => stateOf(appId).claims.claim(name, duration)),
      hold: (appId, name, duration) => Effect.suspend(() => stateOf(appId).claims.hold(name, duration)),
      release: (appId, name) => Effect.suspend(() => stateOf(appId).claims.release(name))
    }
  })

/**
 * In this process's memory: gone when it ends, and not seen by any other.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TicketStore> = Layer.effect(TicketStore, makeMemory())

/** How an entry is written. The ticket is a secret, and the store must keep it like one. */
const StoredEntry = Schema.parseJson(Schema.Struct({
  ticket: Schema.Redacted(Schema.NonEmptyString),
  sentAt: Schema.DateTimeUtc,
  dropped: Schema.Boolean
}))

const decodeEntry = Schema.decodeOption(StoredEntry)
const encodeEntry = Schema.encode(StoredEntry)

/** Names, each with from when to when it is held, in milliseconds since 1970; the oldest first. */
const StoredClaims = Schema.parseJson(Schema.Array(Schema.Tuple(Schema.String, Schema.Number, Schema.Number)))

type StoredSpans = Map<string, readonly [from: number, to: number]>

/** `Infinity` is no JSON. */
const endOf = (now: number, duration: Duration.Duration): number =>
  Math.min(now + Duration.toMillis(duration), Number.MAX_SAFE_INTEGER)

const decodeClaims = Schema.decodeOption(StoredClaims)
const encodeClaims = Schema.encodeSync(StoredClaims)

/** The claims of an app are spread over so many entries, so that each is small to write. */
const buckets = 256

/**
 * @since 0.1.0
 * @category models
 */
export interface KeyValueOptions extends Options {
  /** Before each key. Default: `feishu/`. */
  readonly prefix?: string | undefined
  /** No operation takes longer: it fails then. The platform waits 3 s for an answer. Default: 2 s. */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * How often `changes` looks for what another process may have written. Default: 5 s. What this process writes is seen
   * at once.
   */
  readonly pollInterval?: Duration.DurationInput | undefined
}

/**
 * In any `KeyValueStore`: files or a database, so that a ticket survives a restart. An unreadable entry counts as absent
 * and is overwritten in its turn.
 *
 * It holds app tickets, which are secrets: let nobody else read it. Among several processes that share it, a ticket of
 * one is seen by all, but whether a ticket is newer, and who has a claim, is decided within each: a `KeyValueStore` has
 * no atomic step for it.
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
    const maxInBucket = Math.max(1, Math.ceil((options?.maxClaims ?? defaultMaxClaims) / buckets))
    /** By app: counts the writes of this process. */
    const writes = new Map<string, SubscriptionRef.SubscriptionRef<number>>()
    /** By app: the ticket that was read or written last, which an error of the store's may quote. */
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

    const updateClaims = <A>(
      { appId, name, operation }: {
        readonly appId: string
        readonly name: string
        readonly operation: "claim" | "hold" | "release"
      },
      update: (claims: StoredSpans, now: number) => A
    ) => {
      const key = `claims/${appId}/${(Hash.string(name) >>> 0) % buckets}`
      return Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const stored = Option.getOrElse(yield* read(key, decodeClaims), () => [])
        const claims: StoredSpans = new Map()
        for (const [name, from, to] of stored) {
          // One from the future was made before the clock was set back: it begins now.
          const start = Math.min(from, now)
          const end = to - from + start
          if (end > now) claims.set(name, [start, end])
        }
        const result = update(claims, now)
        const newest = [...claims].slice(-maxInBucket).map(([name, [from, to]]) => [name, from, to] as const)
        yield* write(key, encodeClaims(newest))
        return result
      }).pipe(locked(key, { appId, operation }))
    }

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
        ),
      claim: (appId, name, duration) =>
        updateClaims({ appId, name, operation: "claim" }, (claims, now) => {
          const held = claims.get(name)
          if (held !== undefined) return Option.some(Duration.millis(held[1] - now))
          claims.set(name, [now, endOf(now, duration)])
          return Option.none()
        }),
      hold: (appId, name, duration) =>
        updateClaims({ appId, name, operation: "hold" }, (claims, now) => {
          // Deleted first, so that it goes to the end of the order.
          claims.delete(name)
          claims.set(name, [now, endOf(now, duration)])
        }),
      release: (appId, name) =>
        updateClaims({ appId, name, operation: "release" }, (claims) => {
          claims.delete(name)
        })
    }
  })

/**
 * In any `KeyValueStore`, for example `KeyValueStore.layerFileSystem("tickets")`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore = (
  options?: KeyValueOptions
): Layer.Layer<TicketStore, never, KeyValueStore.KeyValueStore> => Layer.effect(TicketStore, makeKeyValueStore(options))
