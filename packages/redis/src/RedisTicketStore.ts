/**
 * A `TicketStore` on Redis, for any number of processes: one ticket, one resend, and each event handled once.
 *
 * @since 0.1.0
 */
import type { Claims } from "@effect-feishu/core/Claims"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { script } from "./internal/connection.js"
import { keyOf } from "./internal/keys.js"
import { orUnreadable } from "./internal/unreadable.js"
import * as RedisClaims from "./RedisClaims.js"
import * as RedisConnection from "./RedisConnection.js"
import type { RedisError } from "./RedisError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Before each key and each channel. Default: `feishu:`. */
  readonly prefix?: string | undefined
  /**
   * How often `changes` looks for a new ticket, should no message tell of it. With messages a ticket is there at once.
   * Default: 5 s.
   */
  readonly pollInterval?: Duration.DurationInput | undefined
}

/** How long a ticket is valid (page "ISV 相关"), and is kept. */
const lifetime = Duration.toMillis("3 hours")

/** Whatever the clocks say: what has been put can be read. */
const atLeast = Duration.toMillis("1 minute")

/**
 * An entry has a sum of its own, by which both the scripts and this program know that it is one: whatever stands there
 * instead must not be newer than all tickets. Nothing is deleted before the new ticket is written, unless it is of another
 * type: where Redis is out of memory, the old one stays. A message that may not be sent is missed, and the ticket is not.
 */
const put = script(`
local known = redis.pcall('HMGET', KEYS[1], 'sentAt', 'ticket', 'sum')
if known.err then
  redis.call('DEL', KEYS[1])
elseif known[1] and known[2] and known[3] == redis.sha1hex(known[1] .. ' ' .. known[2])
  and tonumber(known[1]) >= tonumber(ARGV[1]) then
  return 0
end
local sum = redis.sha1hex(ARGV[1] .. ' ' .. ARGV[2])
redis.call('HSET', KEYS[1], 'sentAt', ARGV[1], 'ticket', ARGV[2], 'sum', sum, 'dropped', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.pcall('PUBLISH', ARGV[4], '')
return 1
`)

const drop = script(`
if redis.pcall('HGET', KEYS[1], 'ticket') == ARGV[1] then redis.call('HSET', KEYS[1], 'dropped', '1') end
`)

const sumOf = (sentAt: string, ticket: string) => createHash("sha1").update(`${sentAt} ${ticket}`).digest("hex")

const Fields = Schema.Tuple(Schema.String, Schema.String, Schema.String, Schema.NullOr(Schema.String)).pipe(
  Schema.filter(([sentAt, ticket, sum]) => sum === sumOf(sentAt, ticket))
)

/** The values of the fields `sentAt`, `ticket`, `sum` and `dropped`. The ticket is JSON, which can write any text. */
const StoredEntry = Schema.compose(
  Fields,
  Schema.Tuple(
    Schema.NumberFromString.pipe(Schema.int(), Schema.between(-8.64e15, 8.64e15)),
    Schema.parseJson(Schema.Redacted(Schema.NonEmptyString)),
    Schema.String,
    Schema.NullOr(Schema.String)
  )
)

const decodeEntry = Schema.decodeUnknownOption(StoredEntry)

const isNothing = (fields: unknown) => Array.isArray(fields) && fields.every((field) => field === null)

/**
 * A ticket is kept for the 3 hours for which it is valid, a claim as long as it lasts: Redis should evict nothing
 * (`maxmemory-policy noeviction`), or an event may be handled twice.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: Options
): Effect.Effect<TicketStore.Service, never, RedisConnection.RedisConnection> =>
  Effect.gen(function*() {
    const connection = yield* RedisConnection.RedisConnection
    const prefix = options?.prefix ?? "feishu:"
    const readable = orUnreadable("TicketStore")

    const ticketKey = (appId: string) => keyOf(prefix, [appId], "ticket")
    const channelOf = (appId: string) => keyOf(prefix, [appId], "tickets")

    const failing = <A>(
      appId: string,
      operation: TicketStore.TicketStoreError["operation"],
      effect: Effect.Effect<A, RedisError>
    ) =>
      Effect.mapError(effect, ({ description }) => new TicketStore.TicketStoreError({ appId, operation, description }))

    const get = (appId: string, operation: "get" | "changes") =>
      connection.send("hmget", ticketKey(appId), "sentAt", "ticket", "sum", "dropped").pipe(
        readable(ticketKey(appId), (fields) => isNothing(fields) ? Option.none() : decodeEntry(fields), isNothing),
        Effect.map(Option.filterMap(([sentAt, value, _, dropped]) =>
          dropped === "1"
            ? Option.none()
            : Option.some<TicketStore.Ticket>({ value, sentAt: DateTime.unsafeMake(sentAt) })
        )),
        (effect) => failing(appId, operation, effect)
      )

    return {
      get: (appId) => get(appId, "get"),
      put: (appId, { sentAt, value }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const millis = Math.floor(DateTime.toEpochMillis(sentAt))
          const written = connection.run(
            put,
            ticketKey(appId),
            millis,
            JSON.stringify(Redacted.value(value)),
            Math.max(atLeast, Math.ceil(millis + lifetime - now)),
            channelOf(appId)
          )
          return failing(appId, "put", Effect.map(written, (isNewest) => isNewest === 1))
        }),
      drop: (appId, { value }) =>
        failing(
          appId,
          "drop",
          Effect.asVoid(connection.run(drop, ticketKey(appId), JSON.stringify(Redacted.value(value))))
        ),
      changes: (appId) =>
        Stream.make(undefined).pipe(
          Stream.concat(Stream.merge(
            connection.messages(channelOf(appId)),
            Stream.fromSchedule(Schedule.spaced(options?.pollInterval ?? "5 seconds"))
          )),
          Stream.mapEffect(() => get(appId, "changes")),
          Stream.filterMap((ticket) => ticket),
          Stream.changesWith((a, b) =>
            Redacted.value(a.value) === Redacted.value(b.value) && DateTime.Equivalence(a.sentAt, b.sentAt)
          )
        )
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<TicketStore.TicketStore | Claims, never, RedisConnection.RedisConnection> =>
  Layer.merge(Layer.effect(TicketStore.TicketStore, make(options)), RedisClaims.layer(options))
