/**
 * Connects to Redis for the stores: one connection for commands and one for messages. A connection that breaks is made
 * again.
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
import * as Metric from "effect/Metric"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from "ioredis"
import * as Asked from "./internal/credentials.js"
import * as Words from "./internal/ioredisWords.js"
import * as Link from "./internal/link.js"
import * as Messages from "./internal/messages.js"
import * as Target from "./internal/target.js"
import { fromUrl } from "./internal/url.js"
import { RedisError, type RedisUrlError } from "./RedisError.js"
import * as RedisMetrics from "./RedisMetrics.js"

/**
 * A Lua script that reads and writes one key in one atomic step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  readonly lua: string
  /** The hash by which Redis knows the script. */
  readonly sha: string
}

/**
 * The operations on Redis that the stores of this package use.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Succeeds when there is a connection. Fails with the reason if there has been none for the time limit; the reason is
   * `Misconfigured` if Redis refuses the password or the database, for example. A service that must not start with a wrong
   * configuration runs this first.
   */
  readonly ready: Effect.Effect<void, RedisError>
  /** Sends a command about one key. */
  readonly send: (
    command: string,
    key: string,
    ...args: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, RedisError>
  /** Runs a script on one key. The arguments are the `ARGV` of the script. */
  readonly run: (
    script: Script,
    key: string,
    ...args: ReadonlyArray<string | number>
  ) => Effect.Effect<unknown, RedisError>
  /**
   * The messages of a channel. `None` means that the messages come from now on, and that earlier messages may be missing.
   * The stream does not fail: while there is no connection no message comes.
   */
  readonly messages: (channel: string) => Stream.Stream<Option.Option<string>>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class RedisConnection extends Context.Tag("@effect-feishu/redis/RedisConnection")<RedisConnection, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  /** Default: Redis's `default` user. */
  readonly username?: string | undefined
  readonly password: Redacted.Redacted
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * Limits the wait for an answer of Redis, and the wait for a connection that was lost. A command fails at once if Redis
   * has been away for this long. The platform waits 3 s for the answer to a delivery. Default: 1 s.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * Runs before each connection, and takes the place of the user name and the password of the options: for a password that
   * changes, or a token that expires. A connection that Redis has accepted stays when the password changes. A connection
   * fails if the effect fails or takes longer than 10 s; the text of the failure is logged, so let the text hold no secret.
   */
  readonly credentials?: Effect.Effect<Credentials, unknown> | undefined
  /** Names the server in metrics. Default: `host:port/database`. */
  readonly name?: string | undefined
}

/** The longest wait of `setTimeout`, about 25 days: `ioredis` uses it for each command. */
const longestTimeout = 2 ** 31 - 1

/** A replica refuses to write: the next connection may lead to the new master. Does so at most this often. */
const replicaPause = Duration.seconds(5)

/**
 * Starts to connect and does not wait: a service can start while Redis is away, and only what needs Redis fails.
 */
const make = (
  targetOf: (settings: Target.Settings) => Target.Target,
  settings: Settings | undefined
): Effect.Effect<Service, never, Scope.Scope> =>
  Effect.gen(function*() {
    const timeout = Duration.decode(settings?.timeout ?? "1 second")
    const asked = settings?.credentials === undefined ? undefined : Asked.make(settings.credentials)
    const target = targetOf({
      timeout: Math.min(Duration.toMillis(timeout), longestTimeout),
      credentials: asked?.options
    })
    const { address, place } = target
    const connection = settings?.name ?? address
    const options = { place, connection, timeout, before: asked?.ask ?? Effect.void }
    const link = yield* Link.make({ ...options, name: "commands", open: target.commands })
    const { client } = link
    const messages = yield* Messages.make({ ...options, open: (hooks) => target.messages(hooks, client) })
    const failures = Metric.tagged(RedisMetrics.failures, "connection", connection)

    const failed = (error: unknown, command: string): RedisError => {
      if (Words.isTimeout(error)) {
        return new RedisError({
          reason: "Timeout",
          description: `${place} did not answer within ${Duration.format(timeout)}`
        })
      }
      const problem = Words.problemOf(error)
      if (Words.isRefusal(error) && problem !== undefined) {
        return new RedisError({
          reason: problem.isConfiguration ? "Misconfigured" : "Refused",
          description: `${place} refused ${command}: ${problem.text}`
        })
      }
      const why = problem ?? link.problem()
      return new RedisError({
        reason: why?.isConfiguration === true ? "Misconfigured" : "Away",
        description: `the connection to ${place} broke${why === undefined ? "" : ` (${why.text})`}`
      })
    }

    const counted = (error: RedisError) =>
      Effect.andThen(
        Metric.increment(Metric.tagged(failures, "reason", error.reason)),
        error.reason === "Timeout" ? link.renew : Effect.void
      )

    /** The time limit of a command is that of the client, because the fibers of Effect's time limit would cost more. */
    const sent = (command: string, answer: () => Promise<unknown>): Effect.Effect<unknown, RedisError> =>
      link.ready.pipe(
        Effect.andThen(Effect.tryPromise({ try: answer, catch: identity })),
        Effect.tapError((error) =>
          Words.isUnsent(error)
            ? link.lost
            : Words.isReadOnly(error)
            ? link.renewAfter(replicaPause)
            : Effect.void
        ),
        // The command has not left this machine, so the next connection may send the command.
        Effect.retry({ times: 1, while: Words.isUnsent }),
        Effect.mapError((error) => error instanceof RedisError ? error : failed(error, command)),
        Effect.tapError(counted)
      )

    return {
      ready: link.ready,
      send: (command, key, ...args) => sent(command.toUpperCase(), () => client.call(command, key, ...args)),
      run: ({ lua, sha }, key, ...args) =>
        sent("a script", () =>
          client.evalsha(sha, 1, key, ...args).catch((error: unknown) => {
            if (Words.isUnknownScript(error)) return client.eval(lua, 1, key, ...args)
            throw error
          })),
      messages
    }
  })

/**
 * Connects to one Redis or Valkey, or to a master that sentinels know, with the options of `ioredis`. This library itself
 * sets the options that decide about a lost connection and its commands: `retryStrategy`, `reconnectOnError`,
 * `commandTimeout`, `connectTimeout`, `disconnectTimeout`, `maxLoadingRetryTime`, `keepAlive`, the queues, pipelining.
 *
 * Connects in the background, again and again if that fails, until the scope of the layer ends.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: RedisOptions, settings?: Settings): Layer.Layer<RedisConnection> =>
  Layer.scoped(RedisConnection, make((ours) => Target.ofOptions(options, ours), settings))

/**
 * Connects to a Cluster, with some of its nodes and the options of `ioredis`: see `layer`. Reads from masters only.
 *
 * With TLS, connects to the host names of the nodes, because certificates are for host names; `dnsLookup` changes that. The
 * certificate of a node that the Cluster announces by an IP address may be for that address or for the first host name in
 * `nodes`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerCluster = (
  nodes: ReadonlyArray<ClusterNode>,
  options?: ClusterOptions,
  settings?: Settings
): Layer.Layer<RedisConnection> =>
  Layer.scoped(RedisConnection, make((ours) => Target.ofNodes(nodes, options ?? {}, ours), settings))

/**
 * Connects to the server of a client that a program has. The connections are new, with the options of the client, because
 * the queues of the client could run a command too late; the client itself stays as it is.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerClient = (client: Redis | Cluster, settings?: Settings): Layer.Layer<RedisConnection> =>
  Layer.scoped(RedisConnection, make((ours) => Target.ofClient(client, ours), settings))

/**
 * @since 0.1.0
 * @category models
 */
export interface UrlOptions extends Settings {
  /**
   * `redis://host:6379`, `redis://user:password@host:6379/0`, or `rediss://…` for TLS. Several URLs, separated by commas,
   * name sentinels or nodes of a Cluster; the first URL has the password and the number of the database.
   */
  readonly url: Redacted.Redacted
  /** The name of the master, if the URLs name sentinels. */
  readonly sentinelMaster?: string | undefined
  /** `true` if the URLs name nodes of a Cluster. Default: `false`. */
  readonly isCluster?: boolean | undefined
}

/**
 * Connects to the server that a URL names. Fails with the fault of the URL, and never shows the URL.
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
 * - `FEISHU_REDIS_SENTINEL_MASTER`: the name of the master, if the URLs name sentinels;
 * - `FEISHU_REDIS_CLUSTER`: `true` if the URLs name nodes of a Cluster.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<UrlOptions> = Config.all({
  // `Config.redacted` would mask even the error for a missing variable.
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
 * Connects to the server that the configuration names. Default: `config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<UrlOptions> = config
): Layer.Layer<RedisConnection, ConfigError.ConfigError | RedisUrlError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layerUrl))
