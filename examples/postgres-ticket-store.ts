/** A store of your own: tickets and claims in PostgreSQL. */
import { Claims, TicketStore } from "@effect-feishu/core"
import { DateTime, Duration, Effect, Fiber, Layer, Predicate, Redacted, Schedule, Schema, Stream } from "effect"
import { createHash, randomUUID } from "node:crypto"

/** For your migrations. A ticket is a secret: let nobody else read it, nor the backups. */
export const tables = `
  CREATE TABLE feishu_tickets (
    app_id text PRIMARY KEY, value text NOT NULL CHECK (value <> ''),
    sent_at bigint NOT NULL CHECK (sent_at <= 8640000000000000), dropped boolean NOT NULL);
  CREATE TABLE feishu_claims (
    app_id text, name text, id text NOT NULL, ends_at timestamptz NOT NULL, PRIMARY KEY (app_id, name))`

const newest = `SELECT value, sent_at::float8 AS "sentAt" FROM feishu_tickets WHERE app_id = $1 AND NOT dropped`

/** One for each operation: what is looked at and what is written belong to the same step, however many come at once. */
const ticketStatements = {
  get: newest,
  changes: newest,
  // A dropped ticket stays in its place, so that nothing older comes after it.
  drop: "UPDATE feishu_tickets SET dropped = true WHERE app_id = $1 AND value = $2",
  put: `INSERT INTO feishu_tickets AS kept VALUES ($1, $2, $3, false)
    ON CONFLICT (app_id) DO UPDATE SET value = excluded.value, sent_at = excluded.sent_at, dropped = false
    WHERE excluded.sent_at > kept.sent_at RETURNING 1`
}

const claimStatements = {
  // By the database's clock, which all processes share. Returns the id of the holder: another than $3 if the name is taken.
  claim: `INSERT INTO feishu_claims AS held VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
    ON CONFLICT (app_id, name) DO UPDATE SET
      id = CASE WHEN held.ends_at <= now() THEN excluded.id ELSE held.id END,
      ends_at = CASE WHEN held.ends_at <= now() THEN excluded.ends_at ELSE held.ends_at END
    RETURNING id, extract(epoch FROM ends_at - now()) * 1000 AS millis`,
  renew: `UPDATE feishu_claims SET ends_at = now() + $4 * interval '1 millisecond'
    WHERE app_id = $1 AND name = $2 AND id = $3 AND ends_at > now() RETURNING 1`,
  release: "DELETE FROM feishu_claims WHERE app_id = $1 AND name = $2 AND id = $3",
  hold: `INSERT INTO feishu_claims VALUES ($1, $2, '', now() + $3 * interval '1 millisecond')
    ON CONFLICT (app_id, name) DO UPDATE SET id = '', ends_at = excluded.ends_at`
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

/** Runs a statement within the time limit. */
const runner = <O extends string, E>(
  sql: Sql,
  statements: Record<O, string>,
  timeout: Duration.DurationInput,
  failure: (seen: { readonly appId: string; readonly operation: O; readonly description: string }) => E
) =>
(operation: O, appId: string, ...values: Array<unknown>) => {
  const failed = (description: string) => failure({ appId, operation, description })
  return Effect.tryPromise({
    try: () => sql.query(statements[operation], [appId, ...values]),
    // Only the code: the rest of the error quotes the values, and a ticket is a value.
    catch: (error) => failed(Predicate.hasProperty(error, "code") ? `it failed with ${error.code}` : "it failed")
  }).pipe(
    Effect.map(({ rows }) => rows),
    // The platform waits 3 s for an answer.
    Effect.timeoutFail({ duration: timeout, onTimeout: () => failed("no answer in time") }),
    // On a fiber of its own, so that the limit holds in an uninterruptible region, too.
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join)
  )
}

const makeTickets = (sql: Sql, { pollInterval = "1 second", timeout = "2 seconds" }: Options): TicketStore.Service => {
  const run = runner(sql, ticketStatements, timeout, (seen) => new TicketStore.TicketStoreError(seen))
  return {
    get: (appId) => Effect.map(run("get", appId), ([row]) => decodeTicket(row)),
    put: (appId, { sentAt, value }) =>
      Effect.map(run("put", appId, Redacted.value(value), DateTime.toEpochMillis(sentAt)), (rows) => rows.length === 1),
    drop: (appId, { value }) => run("drop", appId, Redacted.value(value)),
    changes: (appId) =>
      Stream.repeatEffectWithSchedule(run("changes", appId), Schedule.spaced(pollInterval)).pipe(
        Stream.filterMap(([row]) => decodeTicket(row)),
        Stream.changesWith((a, b) => DateTime.Equivalence(a.sentAt, b.sentAt))
      )
  }
}

const makeClaims = (sql: Sql, { timeout = "2 seconds" }: Options): Claims.Service => {
  const run = runner(sql, claimStatements, timeout, (seen) => new Claims.ClaimsError(seen))
  return {
    claim: (appId, name, duration) =>
      Effect.suspend(() => {
        const id = randomUUID()
        return Effect.map(run("claim", appId, hashOf(name), id, millisOf(duration)), ([row]) =>
          row?.["id"] === id
            ? Claims.Answer.Claimed({ claim: { appId, name, id } })
            : Claims.Answer.Taken({ left: Duration.millis(Number(row?.["millis"])), isHeld: row?.["id"] === "" }))
      }),
    renew: ({ appId, id, name }, duration) =>
      Effect.map(run("renew", appId, hashOf(name), id, millisOf(duration)), (rows) => rows.length === 1),
    release: ({ appId, id, name }) => run("release", appId, hashOf(name), id),
    hold: (appId, name, duration) => run("hold", appId, hashOf(name), millisOf(duration))
  }
}

const deleteExpired = (sql: Sql) =>
  Effect.tryPromise(() => sql.query("DELETE FROM feishu_claims WHERE ends_at < now()", [])).pipe(
    Effect.ignore,
    Effect.repeat(Schedule.spaced("1 hour")),
    Effect.forkScoped
  )

export const layer = (sql: Sql, options: Options = {}): Layer.Layer<TicketStore.TicketStore | Claims.Claims> =>
  Layer.mergeAll(
    Layer.succeed(TicketStore.TicketStore, makeTickets(sql, options)),
    Layer.succeed(Claims.Claims, makeClaims(sql, options)),
    Layer.scopedDiscard(deleteExpired(sql))
  )
