/**
 * The way to Redis, for the stores: a connection for commands and one for messages, which are made again whenever they
 * break.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as MetricLabel from "effect/MetricLabel"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Cluster, type ClusterNode, type ClusterOptions, Redis, type RedisOptions } from "ioredis"
import type { Connection } from "./internal/connection.js"
import * as Link from "./internal/link.js"
import * as Messages from "./internal/messages.js"
import { fromUrl } from "./internal/url.js"
import { textOf } from "./internal/words.js"
import { RedisError, type RedisUrlError } from "./RedisError.js"
import * as RedisMetrics from "./RedisMetrics.js"

/**
 * What it does is between it and the stores of this package.
 *
 * @since 0.1.0
 * @category tags
 */
export class RedisConnection
  extends Context.Tag("@effect-feishu/redis/RedisConnection")<RedisConnection, Connection>()
{}

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * An answer of Redis's that takes longer is not waited for, and neither is a connection that has been lost; where Redis
   * has been away for that long, a command fails at once. The platform waits 3 s for the answer to a delivery. Default:
   * 1 s.
   */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * A command that has been given up must not be carried out later, as it would be from a queue: a claim would then be made
 * for nobody. In a cluster it may be, for a client of a cluster has a queue for each node that cannot be turned off: hence
 * the short time for a connection.
 */
const ofConnection = (timeout: number) =>
  ({
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableAutoPipelining: false,
    commandTimeout: timeout,
    connectTimeout: Math.max(timeout, 2000),
    disconnectTimeout: 100,
    keepAlive: 15_000,
    stringNumbers: false
  }) satisfies RedisOptions

/** A master that a failover has made a replica: the next connection leads to the new one, if there is one by then. */
const onceInAWhile = () => {
  let last = -Infinity
  return ({ message }: Error) => {
    const now = performance.now()
    // Within a sentence, where a script of Redis 6.2 met with it.
    if (!message.includes("READONLY") || now - last < 5000) return false
    last = now
    return 1
  }
}

const ofRedis = (timeout: number) =>
  ({
    ...ofConnection(timeout),
    sentinelCommandTimeout: timeout,
    retryStrategy: (times: number) => Math.min(times * 50, 2000),
    lazyConnect: true,
    enableOfflineQueue: false,
    reconnectOnError: onceInAWhile()
  }) satisfies RedisOptions

const ofCluster = (timeout: number, redisOptions: ClusterOptions["redisOptions"]) =>
  ({
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // A replica may not have yet what was just written.
    scaleReads: "master",
    redisOptions: {
      ...redisOptions,
      ...ofConnection(timeout),
      // Where an answer is overdue the connection is dead, and another is made.
      socketTimeout: timeout
    }
  }) satisfies ClusterOptions

/** As `ioredis` says that it has no connection, and may queue nothing. */
const isUnsent = (error: unknown): boolean => error instanceof Error && error.message.includes("enableOfflineQueue")

/**
 * Begins to connect, and does not wait for it: where Redis is away, its commands fail, and what needs none of them works.
 */
const make = (
  open: (timeout: number) => Link.Client,
  settings: Settings | undefined
): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.gen(function*() {
    const timeout = Duration.decode(settings?.timeout ?? "1 second")
    const opened = () => open(Duration.toMillis(timeout))
    const messages = yield* Messages.make({ client: opened(), timeout })
    const link = yield* Link.make(opened(), { name: "commands", timeout, isTold: true })
    const { address, client } = link
    link.start()

    const failed = (error: unknown, command: string): RedisError => {
      const { message, name } = error instanceof Error ? error : { message: "", name: "" }
      return name === "ReplyError"
        ? new RedisError({ reason: "Refused", description: `Redis at ${address} refused ${command}: ${textOf(error)}` })
        : message === "Command timed out"
        ? new RedisError({
          reason: "Timeout",
          description: `Redis at ${address} did not answer within ${Duration.format(timeout)}`
        })
        : new RedisError({ reason: "Away", description: `the connection to Redis at ${address} broke` })
    }

    /** The time limit of a command is that of the client, which is spared the fibers that Effect's would take. */
    const sent = (command: string, answer: () => Promise<unknown>): Effect.Effect<unknown, RedisError> =>
      Effect.zipRight(link.ready, Effect.tryPromise({ try: answer, catch: identity })).pipe(
        Effect.tapError((error) => Effect.sync(() => isUnsent(error) && link.lost())),
        // Once more, by the next connection: it has not left this machine.
        Effect.retry({ times: 1, while: isUnsent }),
        Effect.mapError((error) => error instanceof RedisError ? error : failed(error, command)),
        Effect.tapError(({ reason }) =>
          Effect.sync(() => {
            RedisMetrics.failures.unsafeUpdate(1, [MetricLabel.make("reason", reason)])
            if (reason === "Timeout") link.renew()
          })
        )
      )

    return {
      send: (command, key, ...args) => sent(command.toUpperCase(), () => client.call(command, key, ...args)),
      run: ({ lua, sha }, key, ...args) =>
        sent("a script", () =>
          client.evalsha(sha, 1, key, ...args).catch((error: unknown) => {
            // It has lost its scripts, or has never had this one.
            if (error instanceof Error && error.message.startsWith("NOSCRIPT")) return client.eval(lua, 1, key, ...args)
            throw error
          })),
      messages
    }
  })

/**
 * On one Redis or Valkey, or a master that sentinels know, by the options of `ioredis`. Set by this
 * library are those that say what becomes of a connection that is lost and of a command meanwhile: `retryStrategy`,
 * `reconnectOnError`, `commandTimeout`, `connectTimeout`, `disconnectTimeout`, `keepAlive`, the queues, pipelining.
 *
 * The connection is made in the background, again and again where it fails, and ends with the layer's scope.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: RedisOptions, settings?: Settings): Layer.Layer<RedisConnection> =>
  Layer.scoped(RedisConnection, make((timeout) => new Redis({ ...options, ...ofRedis(timeout) }), settings))

/**
 * On a cluster, by its first nodes and the options of `ioredis`: see `layer`. It reads from masters only.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCluster = (
  nodes: ReadonlyArray<ClusterNode>,
  options?: ClusterOptions,
  settings?: Settings
): Layer.Layer<RedisConnection> =>
  Layer.scoped(
    RedisConnection,
    make(
      (timeout) => new Cluster([...nodes], { ...options, ...ofCluster(timeout, options?.redisOptions) }),
      settings
    )
  )

/**
 * Where the client's connection leads to. It makes two connections of its own with that client's options, for the client
 * may queue what must not be done late, and leaves the client itself alone.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient = (client: Redis | Cluster, settings?: Settings): Layer.Layer<RedisConnection> =>
  Layer.scoped(
    RedisConnection,
    make(
      (timeout) =>
        client.isCluster
          ? (client as Cluster).duplicate([], ofCluster(timeout, (client as Cluster).options.redisOptions))
          : (client as Redis).duplicate(ofRedis(timeout)),
      settings
    )
  )

/**
 * @since 0.1.0
 * @category models
 */
export interface UrlOptions extends Settings {
  /**
   * `redis://host:6379`, `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Several, separated by commas: the
   * sentinels, or some nodes of the cluster; the password and the number are then those of the first.
   */
  readonly url: Redacted.Redacted
  /** The name of the master. With it, the URLs are those of the sentinels. */
  readonly sentinelMaster?: string | undefined
  /** Whether it is a cluster. Default: false. */
  readonly isCluster?: boolean | undefined
}

/**
 * By URL. Fails with what is wrong with it, and does not say what is in it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerUrl = (options: UrlOptions): Layer.Layer<RedisConnection, RedisUrlError> =>
  Layer.unwrapEffect(Effect.map(fromUrl(options), (target) =>
    target._tag === "Cluster"
      ? layerCluster(target.nodes, { redisOptions: target.options }, options)
      : layer(target.options, options)))

const optional = (name: string): Config.Config<string | undefined> =>
  Config.map(Config.withDefault(Config.string(name), ""), (value) => value === "" ? undefined : value)

/**
 * Reads the options from
 *
 * - `FEISHU_REDIS_URL`: needed;
 * - `FEISHU_REDIS_SENTINEL_MASTER`: the name of the master, if the URLs are those of sentinels;
 * - `FEISHU_REDIS_CLUSTER`: `true` for a cluster.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<UrlOptions> = Config.all({
  // Not `Config.redacted`, which masks even the sentence that says that the variable is missing.
  url: Config.map(Config.string("FEISHU_REDIS_URL"), Redacted.make),
  sentinelMaster: optional("FEISHU_REDIS_SENTINEL_MASTER"),
  isCluster: Config.mapOrFail(
    optional("FEISHU_REDIS_CLUSTER"),
    (value) =>
      value === undefined || value === "true" || value === "false"
        ? Either.right(value === "true")
        : Either.left(ConfigError.InvalidData(["FEISHU_REDIS_CLUSTER"], "must be true or false"))
  )
})

/**
 * By the configuration: `config` unless told otherwise.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<UrlOptions> = config
): Layer.Layer<RedisConnection, ConfigError.ConfigError | RedisUrlError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layerUrl))
