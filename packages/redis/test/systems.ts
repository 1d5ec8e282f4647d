/** What the tests of the stores have in common: systems of several Redis, a process's stores, what is logged. */
import type { TicketStore } from "@effect-feishu/core"
import { Claims, TicketStore as Tickets, TokenStore as Tokens } from "@effect-feishu/core"
import {
  Clock,
  Context,
  DateTime,
  Duration,
  Effect,
  ExecutionStrategy,
  Exit,
  Inspectable,
  Layer,
  Logger,
  Metric,
  Option,
  Redacted,
  Schedule,
  Scope
} from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { inspect } from "node:util"
import { RedisConnection } from "../src/RedisConnection.js"
import * as RedisMetrics from "../src/RedisMetrics.js"
import * as RedisTicketStore from "../src/RedisTicketStore.js"
import * as RedisTokenStore from "../src/RedisTokenStore.js"
import * as RedisServer from "./redisServer.js"

/** Until it holds; the test's own time limit is the end of it. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<void, E, R> =>
  Effect.asVoid(Effect.repeat(effect, { until: holds, schedule: Schedule.spaced("10 millis") }))

/** Until it succeeds. */
export const untilWorks = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  Effect.orDie(Effect.retry(effect, Schedule.spaced("10 millis")))

const stores = (options?: RedisTicketStore.Options) =>
  Layer.merge(RedisTicketStore.layer(options), RedisTokenStore.layer(options))

/** Both stores on this connection, and the claims. */
export const over = <E>(connection: Layer.Layer<RedisConnection, E>, options?: RedisTicketStore.Options) =>
  Layer.provideMerge(stores(options), connection)

/** One process: its stores and its claims on a connection of its own. It ends before the test does where that says so. */
export const start = <E>(connection: Layer.Layer<RedisConnection, E>, options?: RedisTicketStore.Options) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const context = yield* Layer.buildWithScope(over(connection, options), scope)
    return {
      claims: Context.get(context, Claims.Claims),
      connection: Context.get(context, RedisConnection),
      tickets: Context.get(context, Tickets.TicketStore),
      tokens: Context.get(context, Tokens.TokenStore),
      stop: Scope.close(scope, Exit.void)
    }
  })

/** Sent so many milliseconds ago. */
export const ticketOf = (value: string, ago = 0): Effect.Effect<TicketStore.Ticket> =>
  Effect.map(Clock.currentTimeMillis, (now) => ({
    value: Redacted.make(value),
    sentAt: DateTime.unsafeMake(now - ago)
  }))

export const valueOf = (entry: Option.Option<{ readonly value: Redacted.Redacted }>): string | undefined =>
  Option.getOrUndefined(Option.map(entry, ({ value }) => Redacted.value(value)))

export const isClaimed = (answer: Claims.Answer): boolean => answer._tag === "Claimed"

export const isTaken = (answer: Claims.Answer): boolean => answer._tag === "Taken"

/** The claim of a name that was free. */
export const claimOf = (answer: Claims.Answer): Claims.Claim => {
  if (answer._tag === "Claimed") return answer.claim
  throw new Error(`the name is taken for ${Duration.format(answer.left)} longer`)
}

/** How it ends, and how many milliseconds it takes. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(Effect.either(effect)), ([took, result]) => ({ result, millis: Duration.toMillis(took) }))

/** Runs with a logger that keeps each line, in each form that a logger may write it in. */
export const withLog = <A, E, R>(use: (lines: ReadonlyArray<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ annotations, cause, logLevel, message }) => {
      const all = [message, cause, annotations]
      lines.push(`${logLevel.label} ${Inspectable.toStringUnknown(message)} ${inspect(all, { depth: 20 })}`)
    })
    return Effect.provide(use(lines), Logger.replace(Logger.defaultLogger, logger))
  })

export const counted = {
  failures: (reason: "Away" | "Timeout" | "Refused") =>
    Effect.map(Metric.value(Metric.tagged(RedisMetrics.failures, "reason", reason)), ({ count }) => count),
  losses: (connection: "commands" | "messages") =>
    Effect.map(Metric.value(Metric.tagged(RedisMetrics.losses, "connection", connection)), ({ count }) => count),
  up: Effect.map(Metric.value(RedisMetrics.up), ({ value }) => value)
}

/** A folder of the test's own. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(`${tmpdir()}/feishu-redis-`)),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const all = { concurrency: "unbounded" } as const

/** A cluster of three masters. */
export const makeCluster = Effect.gen(function*() {
  const folder = yield* temporaryFolder
  // The port of the cluster's own talk is 10,000 more.
  const port = Effect.repeat(RedisServer.freePort, { until: (port) => port < 50_000 })
  const nodes = yield* Effect.forEach([0, 1, 2], (n) =>
    Effect.flatMap(port, (port) =>
      RedisServer.make({
        port,
        args: [
          "--dir",
          folder,
          "--cluster-enabled",
          "yes",
          "--cluster-config-file",
          `nodes-${n}.conf`,
          "--cluster-node-timeout",
          "2000"
        ]
      })), all)
  const slots = 16_384
  yield* Effect.forEach(nodes, ({ client }, n) =>
    Effect.promise(async () => {
      const [from, to] = [Math.ceil(slots * n / 3), Math.ceil(slots * (n + 1) / 3)]
      await client.cluster("SET-CONFIG-EPOCH", n + 1)
      await client.cluster("ADDSLOTS", ...Array.from({ length: to - from }, (_, slot) => from + slot))
      await Promise.all(nodes.slice(0, n).map(({ port }) => client.cluster("MEET", "127.0.0.1", port)))
    }), { discard: true })
  yield* Effect.forEach(
    nodes,
    ({ client }) =>
      until(
        Effect.promise(async () => [await client.cluster("INFO"), await client.cluster("SLOTS")] as const),
        ([info, slots]) => info.includes("cluster_state:ok") && slots.length === 3
      ),
    { discard: true }
  )
  return nodes
})

/** A master, its replica, and so many sentinels that watch over them. */
export const makeSentinels = (count = 1) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const master = yield* RedisServer.make()
    const replica = yield* RedisServer.make({ args: ["--replicaof", "127.0.0.1", String(master.port)] })
    yield* until(
      Effect.promise(() => replica.client.info("replication")),
      (info) => info.includes("master_link_status:up")
    )
    const sentinels = yield* Effect.forEach(Array.from({ length: count }, (_, n) => n), (n) => {
      const config = `${folder}/sentinel-${n}.conf`
      writeFileSync(
        config,
        [
          `dir ${folder}`,
          `sentinel monitor the-master 127.0.0.1 ${master.port} 1`,
          "sentinel down-after-milliseconds the-master 500",
          "sentinel failover-timeout the-master 3000",
          ""
        ].join("\n")
      )
      return RedisServer.make({ config })
    }, all)
    // Sentinels that do not know the replica have nothing to make a master of.
    for (const { client } of sentinels) {
      yield* until(
        Effect.promise(() => client.call("SENTINEL", "REPLICAS", "the-master")),
        (replicas) => Array.isArray(replicas) && replicas.length === 1
      )
    }
    return { master, replica, sentinels }
  })
