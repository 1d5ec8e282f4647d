/** Opens the clients of `ioredis` for one Redis, for a master that sentinels know, or for a Cluster. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Cluster, type ClusterNode, type ClusterOptions, type NodeRole, Redis, type RedisOptions } from "ioredis"
import { isIP } from "node:net"
import { checkServerIdentity } from "node:tls"
import { RedisError } from "../RedisError.js"
import * as Connector from "./connector.js"

export type Client = Redis | Cluster

export interface Target {
  /** Names the server in logs and errors: `Redis at 127.0.0.1:6379`. */
  readonly place: string
  /** Names the server in metrics: `127.0.0.1:6379/0`. */
  readonly address: string
  /** Opens the client for commands. */
  readonly commands: (hooks: Connector.Hooks) => Client
  /** Opens the client for messages. `commands` is the client for commands. */
  readonly messages: (hooks: Connector.Hooks, commands: Client) => Redis
}

/**
 * A command that a caller gave up must never run later, as it would from a queue: a claim would then have no holder. In a
 * Cluster a command can run late, because the queue that `ioredis` has for each node cannot be turned off: therefore a
 * node has only a short time to connect.
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
    // `ioredis` would wait for 10 s before the next look at a Redis that is loading its data.
    maxLoadingRetryTime: 250,
    keepAlive: 15_000,
    stringNumbers: false
  }) satisfies RedisOptions

const ofRedis = (timeout: number, Connector: Connector.Connector) =>
  ({
    ...ofConnection(timeout),
    Connector,
    sentinelCommandTimeout: timeout,
    retryStrategy: (times: number) => Math.min(times * 50, 2000),
    lazyConnect: true,
    enableOfflineQueue: false,
    // The link renews the connection.
    reconnectOnError: null
  }) satisfies RedisOptions

const ofCluster = (
  timeout: number,
  redisOptions: ClusterOptions["redisOptions"],
  Connector: Connector.Connector
) =>
  ({
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    // A replica may lack what was just written.
    scaleReads: "master" satisfies NodeRole,
    redisOptions: {
      ...redisOptions,
      ...ofConnection(timeout),
      Connector,
      // Ends a connection with an overdue answer, so that `ioredis` makes another connection.
      socketTimeout: timeout
    }
  }) satisfies ClusterOptions

export interface Settings {
  /** In milliseconds. */
  readonly timeout: number
  /** Take the place of the user name and the password of the options. */
  readonly credentials: Pick<RedisOptions, "username" | "password"> | undefined
}

interface Address {
  readonly host?: string | undefined
  readonly path?: string | undefined
  readonly port?: number | undefined
}

const addressOf = ({ host, path, port }: Address): string => path ?? `${host ?? "localhost"}:${port ?? 6379}`

const nameOf = (options: RedisOptions) => {
  const { db = 0, name = "", sentinels } = options
  return sentinels
    ? { place: `the Redis master ${name}`, address: `${name}/${db}` }
    : { place: `Redis at ${addressOf(options)}`, address: `${addressOf(options)}/${db}` }
}

const single = (
  options: RedisOptions,
  { credentials, timeout }: Settings,
  open: (options: RedisOptions) => Redis
): Target => {
  const opened = (hooks: Connector.Hooks) =>
    open({ ...ofRedis(timeout, Connector.make(hooks, options.Connector)), ...credentials })
  return { ...nameOf(options), commands: opened, messages: opened }
}

/** Connects to one Redis, or to the master that sentinels know. */
export const ofOptions = (options: RedisOptions, settings: Settings): Target =>
  single(options, settings, (ours) => new Redis({ ...options, ...ours }))

/**
 * The certificate of a node that is announced by its IP address may be for the address, or for the host name of the
 * configuration, as with Azure.
 */
const verifyNode = ({ options }: Redis, name: string | undefined) => {
  const { host = "", tls } = options
  if (!tls || name === undefined || isIP(host) === 0 || tls.servername !== undefined) return
  options.tls = {
    servername: name,
    checkServerIdentity: (_, certificate) =>
      checkServerIdentity(host, certificate) && checkServerIdentity(name, certificate),
    ...tls
  }
}

/** Any node of the Cluster, because each node sends every message. */
const anyNode = (nodes: ReadonlyArray<Redis>) =>
  Effect.map(Random.next, (part) => nodes[Math.floor(part * nodes.length)])

const cluster = (
  { nodes, options }: {
    /** The addresses in the configuration. */
    readonly nodes: ReadonlyArray<Address>
    readonly options: ClusterOptions
  },
  { credentials, timeout }: Settings,
  open: (options: ClusterOptions) => Cluster
): Target => {
  const { Connector: Other, ...redisOptions } = options.redisOptions ?? {}
  const [first] = nodes
  const hostName = nodes.find(({ host = "" }) => isIP(host) === 0)?.host
  return {
    place: first === undefined ? "the Redis Cluster" : `the Redis Cluster at ${addressOf(first)}`,
    address: first === undefined ? "cluster/0" : `${addressOf(first)}/0`,
    commands: (hooks) => {
      const client = open({
        ...ofCluster(timeout, { ...redisOptions, ...credentials }, Connector.make(hooks, Other)),
        // A certificate is for a host name: connects to host names, and not to their addresses.
        ...(redisOptions.tls && options.dnsLookup === undefined
          ? { dnsLookup: (name, callback) => callback(null, name) }
          : {})
      })
      client.on("+node", (node: Redis) => verifyNode(node, hostName))
      return client
    },
    // The subscriber of `ioredis` has no connector, so it could not ask for credentials.
    messages: (hooks, commands) => {
      const before = (options: RedisOptions) =>
        Effect.gen(function*() {
          const node = yield* anyNode((commands as Cluster).nodes())
          if (node === undefined) {
            return yield* new RedisError({ reason: "Away", description: "no node of the Cluster is known yet" })
          }
          const { host, port, tls } = node.options
          Object.assign(options, { host, port, tls })
          yield* hooks.before(options)
        })
      const client = new Redis({
        ...redisOptions,
        ...ofRedis(timeout, Connector.make({ ...hooks, before }, Other)),
        ...credentials
      })
      commands.on("-node", ({ options: { host, port } }: Redis) => {
        const isHere = client.options.host === host && client.options.port === port
        if (isHere && client.status !== "wait") client.disconnect(true)
      })
      return client
    }
  }
}

const nodeOf = (node: ClusterNode): Address => {
  if (typeof node === "number") return { port: node }
  if (typeof node === "object") return node
  const url = node.includes("//") ? node : `redis://${node}`
  return URL.canParse(url) ? { host: new URL(url).hostname, port: Number(new URL(url).port || 6379) } : {}
}

/** Connects to a Cluster. */
export const ofNodes = (nodes: ReadonlyArray<ClusterNode>, options: ClusterOptions, settings: Settings): Target =>
  cluster(
    { nodes: nodes.map(nodeOf), options },
    settings,
    (ours) => new Cluster([...nodes], { ...options, ...ours })
  )

/** Connects to the server of a client that a program has. */
export const ofClient = (client: Client, settings: Settings): Target => {
  if (!client.isCluster) {
    const redis = client as Redis
    return single(redis.options, settings, (ours) => redis.duplicate(ours))
  }
  const known = client as Cluster
  const nodes = known.nodes().map(({ options }) => options)
  return cluster({ nodes, options: known.options }, settings, (ours) => known.duplicate([], ours))
}
