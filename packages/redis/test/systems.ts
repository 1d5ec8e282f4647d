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
import type { RedisError } from "../src/RedisError.js"
import * as RedisMetrics from "../src/RedisMetrics.js"
import * as RedisTicketStore from "../src/RedisTicketStore.js"
import * as RedisTokenStore from "../src/RedisTokenStore.js"
import * as RedisServer from "./redisServer.js"

/** The tenant of an app's own token. */
export const none = Option.none<string>()

/** Repeats an effect until the value is as expected, and returns the value. The time limit of the test ends the wait. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    effect,
    (value) => holds(value) ? Effect.succeed(value) : Effect.delay(until(effect, holds), "10 millis")
  )

/** Repeats an effect until it succeeds. */
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

/** Reads the metrics of a connection: `host:port/database`, or a port on this machine. */
export const counted = (connection: string | number) => {
  const name = typeof connection === "number" ? `127.0.0.1:${connection}/0` : connection
  const count = (counter: Metric.Metric.Counter<number>, ...label: [key: string, value: string]) =>
    Effect.map(
      Metric.value(Metric.tagged(Metric.tagged(counter, "connection", name), ...label)),
      ({ count }) => count
    )
  return {
    failures: (reason: RedisError["reason"]) => count(RedisMetrics.failures, "reason", reason),
    losses: (link: "commands" | "messages") => count(RedisMetrics.losses, "link", link),
    up: Effect.map(Metric.value(Metric.tagged(RedisMetrics.up, "connection", name)), ({ value }) => value)
  }
}

/** A folder of the test's own. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(`${tmpdir()}/feishu-redis-`)),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const all = { concurrency: "unbounded" } as const

export interface ClusterOptions {
  /** The host name that the node of this number announces. Default: the nodes announce their address. */
  readonly hostNames?: (node: number) => string
  /** Serves TLS only, with this certificate for the node of this number. */
  readonly tls?: (node: number) => RedisServer.Tls
}

/** Starts a Cluster of three masters. */
export const makeClusterWith = ({ hostNames, tls }: ClusterOptions) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    // The nodes talk to each other on a port that is higher by 10,000.
    const port = Effect.repeat(RedisServer.freePort, { until: (port) => port < 50_000 })
    const nodes = yield* Effect.forEach([0, 1, 2], (n) =>
      Effect.flatMap(port, (port) =>
        RedisServer.make({
          port,
          ...(tls === undefined ? {} : { tls: tls(n) }),
          args: [
            `--dir ${folder} --cluster-enabled yes --cluster-config-file nodes-${n}.conf --cluster-node-timeout 2000`,
            tls === undefined ? "" : "--tls-cluster yes",
            hostNames === undefined
              ? ""
              : `--cluster-announce-hostname ${hostNames(n)} --cluster-preferred-endpoint-type hostname`
          ].flatMap((words) => words.split(" ")).filter((word) => word !== "")
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
          ([info, slots]) =>
            info.includes("cluster_state:ok") && slots.length === 3
            // The host names of the other nodes arrive later than the nodes.
            && slots.every(([, , node]) => /^[^?]/.test(node?.[0] ?? ""))
        ),
      { discard: true }
    )
    return nodes
  })

/** Starts a Cluster of three masters without TLS, which announce their addresses. */
export const makeCluster = makeClusterWith({})

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
