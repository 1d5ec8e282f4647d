/** Starts a `redis-server` on a free port, which keeps nothing on disk. */
import { Effect, Schedule, type Scope } from "effect"
import { Redis } from "ioredis"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"

/** The server that this machine has. */
const program = ["redis-server", "valkey-server"].find((name) => spawnSync(name, ["--version"]).status === 0)
  ?? "redis-server"

export const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

export interface RedisServer {
  readonly port: number
  /** A plain client, for what a test does to the server. */
  readonly client: Redis
  /** Ends the server at once, as a power cut does: its data are lost. */
  readonly kill: Effect.Effect<void>
  /** Starts the server again, on the same port. */
  readonly start: Effect.Effect<void>
  /** Stops the process: the connections stay, and the server answers nothing. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

/** The paths of files in PEM format. */
export interface Tls {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

export const make = (options?: {
  readonly port?: number
  readonly args?: ReadonlyArray<string>
  /** The file of a sentinel, which the sentinel writes to. */
  readonly config?: string
  /** Serves TLS only. */
  readonly tls?: Tls
  readonly isStarted?: boolean
  /** `false`: does not wait until the server is ready. */
  readonly isAwaited?: boolean
}): Effect.Effect<RedisServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const port = options?.port ?? (yield* freePort)
    const { tls } = options ?? {}
    const address = {
      port,
      host: "127.0.0.1",
      ...(tls === undefined
        ? {}
        : { tls: { ca: readFileSync(tls.authority), checkServerIdentity: () => undefined } })
    }
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Redis({
          ...address,
          lazyConnect: true,
          retryStrategy: () => 20,
          maxRetriesPerRequest: null
        })
        client.on("error", () => {})
        return client
      }),
      (client) => Effect.sync(() => client.disconnect())
    )
    let child: ChildProcess | undefined
    const kill = Effect.suspend(() => {
      const dying = child
      child = undefined
      dying?.kill("SIGKILL")
      return dying === undefined ? Effect.void : ended(dying)
    })
    const start = Effect.sync(() => {
      child = spawn(
        program,
        [
          ...options?.config === undefined ? [] : [options.config, "--sentinel"],
          ...(tls === undefined ? `--port ${port}` : [
            `--port 0 --tls-port ${port} --tls-auth-clients no --tls-ca-cert-file ${tls.authority}`,
            `--tls-cert-file ${tls.certificate} --tls-key-file ${tls.key}`
          ].join(" ")).split(" "),
          "--bind",
          "127.0.0.1",
          ...options?.config === undefined ? ["--save", "", "--dir", tmpdir()] : [],
          ...options?.args ?? []
        ],
        { stdio: "ignore" }
      )
    }).pipe(
      Effect.andThen(
        options?.isAwaited === false ? Effect.void : Effect.retry(
          Effect.tryPromise(async () => {
            const probe = new Redis({ ...address, lazyConnect: true, retryStrategy: () => null })
            probe.on("error", () => {})
            try {
              await probe.connect()
            } finally {
              probe.disconnect()
            }
          }),
          Schedule.spaced("20 millis")
        )
      ),
      Effect.orDie
    )
    yield* Effect.addFinalizer(() => kill)
    if (options?.isStarted !== false) yield* start
    return {
      port,
      client,
      kill,
      start,
      freeze: Effect.sync(() => void child?.kill("SIGSTOP")),
      thaw: Effect.sync(() => void child?.kill("SIGCONT"))
    }
  })
