/** A store of one's own: the ticket and the claims in PostgreSQL. */
import { TicketStore } from "@effect-feishu/core"
import { DateTime, Duration, Effect, Fiber, Layer, Option, Predicate, Redacted, Schedule, Schema, Stream } from "effect"
import { createHash } from "node:crypto"

/** For your migrations. A ticket is a secret: let nobody else read it, nor the backups. */
export const tables = `
  CREATE TABLE feishu_tickets (
    app_id text PRIMARY KEY, value text NOT NULL CHECK (value <> ''),
    sent_at bigint NOT NULL CHECK (sent_at <= 8640000000000000), dropped boolean NOT NULL);
  CREATE TABLE feishu_claims (
    app_id text, name text, ends_at timestamptz NOT NULL, won boolean NOT NULL, PRIMARY KEY (app_id, name))`

const newest = `SELECT value, sent_at::float8 AS "sentAt" FROM feishu_tickets WHERE app_id = $1 AND NOT dropped`

/** One for each operation: what is looked at and what is written belong to the same step, however many come at once. */
const statements = {
  get: newest,
  changes: newest,
  // A dropped ticket stays in its place, so that nothing older comes after it.
  drop: "UPDATE feishu_tickets SET dropped = true WHERE app_id = $1 AND value = $2",
  put: `INSERT INTO feishu_tickets AS kept VALUES ($1, $2, $3, false)
    ON CONFLICT (app_id) DO UPDATE SET value = excluded.value, sent_at = excluded.sent_at, dropped = false
    WHERE excluded.sent_at > kept.sent_at RETURNING 1`,
  // By the database's clock, which all processes share, and which stands still within a statement.
  claim: `INSERT INTO feishu_claims AS held VALUES ($1, $2, now() + $3 * interval '1 millisecond', true)
    ON CONFLICT (app_id, name) DO UPDATE SET won = held.ends_at <= now(),
      ends_at = CASE WHEN held.ends_at <= now() THEN excluded.ends_at ELSE held.ends_at END
    RETURNING CASE WHEN NOT won THEN extract(epoch FROM ends_at - now()) * 1000 END AS millis`,
  hold: `INSERT INTO feishu_claims VALUES ($1, $2, now() + $3 * interval '1 millisecond', true)
    ON CONFLICT (app_id, name) DO UPDATE SET ends_at = excluded.ends_at`,
  release: "DELETE FROM feishu_claims WHERE app_id = $1 AND name = $2"
}

/**
 * A `Pool` of `pg` is one, and so is a `PGlite`. Each statement is a transaction of its own. Give a pool time limits as
 * well (`connectionTimeoutMillis`, `query_timeout`), or what nobody waits for any longer stays in its queue.
 */
export interface Sql {
  query(text: string, values: Array<unknown>): Promise<{ readonly rows: ReadonlyArray<Record<string, unknown>> }>
}

/** What cannot be read counts as absent: the table's checks keep out what nothing would ever replace. */
const decodeTicket = Schema.decodeUnknownOption(
  Schema.Struct({ value: Schema.Redacted(Schema.NonEmptyString), sentAt: Schema.DateTimeUtcFromNumber })
)

/** An index has no room for a long name, and a text none for the character 0. */
const hashOf = (name: string) => createHash("sha256").update(JSON.stringify(name)).digest("hex")

/** A `timestamptz` has an end. */
const millisOf = (duration: Duration.Duration) => Math.min(Duration.toMillis(duration), 1e14)

export interface Options {
  readonly timeout?: Duration.DurationInput
  readonly pollInterval?: Duration.DurationInput
}

const make = (sql: Sql, { pollInterval = "1 second", timeout = "2 seconds" }: Options): TicketStore.Service => {
  const run = (operation: keyof typeof statements, appId: string, ...values: Array<unknown>) => {
    const failure = (description: string) => new TicketStore.TicketStoreError({ appId, operation, description })
    return Effect.tryPromise({
      try: () => sql.query(statements[operation], [appId, ...values]),
      // Nothing but its code: what else it says quotes the values, and a ticket is one.
      catch: (error) => failure(Predicate.hasProperty(error, "code") ? `it failed with ${error.code}` : "it failed")
    }).pipe(
      Effect.map(({ rows }) => rows),
      // The platform waits 3 s for an answer.
      Effect.timeoutFail({ duration: timeout, onTimeout: () => failure("no answer in time") }),
      // On a fiber of its own, so that the limit holds in an uninterruptible region, too.
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.flatMap(Fiber.join)
    )
  }
  return {
    get: (appId) => Effect.map(run("get", appId), ([row]) => decodeTicket(row)),
    put: (appId, { sentAt, value }) =>
      Effect.map(run("put", appId, Redacted.value(value), DateTime.toEpochMillis(sentAt)), (rows) => rows.length === 1),
    drop: (appId, { value }) => run("drop", appId, Redacted.value(value)),
    changes: (appId) =>
      Stream.repeatEffectWithSchedule(run("changes", appId), Schedule.spaced(pollInterval)).pipe(
        Stream.filterMap(([row]) => decodeTicket(row)),
        Stream.changesWith((a, b) => DateTime.Equivalence(a.sentAt, b.sentAt))
      ),
    claim: (appId, name, duration) =>
      Effect.map(
        run("claim", appId, hashOf(name), millisOf(duration)),
        ([row]) => Option.map(Option.fromNullable(row?.["millis"]), (millis) => Duration.millis(Number(millis)))
      ),
    hold: (appId, name, duration) => run("hold", appId, hashOf(name), millisOf(duration)),
    release: (appId, name) => run("release", appId, hashOf(name))
  }
}

export const layer = (sql: Sql, options: Options = {}): Layer.Layer<TicketStore.TicketStore> =>
  Layer.scoped(
    TicketStore.TicketStore,
    Effect.tryPromise(() => sql.query("DELETE FROM feishu_claims WHERE ends_at < now()", [])).pipe(
      Effect.ignore,
      Effect.repeat(Schedule.spaced("1 hour")),
      Effect.forkScoped,
      Effect.as(make(sql, options))
    )
  )
