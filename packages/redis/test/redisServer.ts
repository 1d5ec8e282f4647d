/** A `redis-server` of the tests' own, on a free port, that keeps nothing on disk. */
import { Effect, Schedule, type Scope } from "effect"
import { Redis } from "ioredis"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { tmpdir } from "node:os"

/** What is installed here. */
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
  /** For what the tests do to it: a plain client. */
  readonly client: Redis
  /** At once, as by a power cut: what it held is gone. */
  readonly kill: Effect.Effect<void>
  /** Starts it again, on the same port. */
  readonly start: Effect.Effect<void>
  /** It hangs: its connections stay, and nothing is answered. */
  readonly freeze: Effect.Effect<void>
  readonly thaw: Effect.Effect<void>
}

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
  })

export const make = (options?: {
  readonly port?: number
  readonly args?: ReadonlyArray<string>
  /** The file of a sentinel, which it writes to. */
  readonly config?: string
  readonly isStarted?: boolean
}): Effect.Effect<RedisServer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const port = options?.port ?? (yield* freePort)
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Redis({ port, lazyConnect: true, retryStrategy: () => 20, maxRetriesPerRequest: null })
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
          "--port",
          String(port),
          "--bind",
          "127.0.0.1",
          ...options?.config === undefined ? ["--save", "", "--dir", tmpdir()] : [],
          ...options?.args ?? []
        ],
        { stdio: "ignore" }
      )
    }).pipe(
      Effect.zipRight(Effect.retry(
        Effect.tryPromise(async () => {
          const probe = new Redis({ port, lazyConnect: true, retryStrategy: () => null })
          probe.on("error", () => {})
          try {
            await probe.connect()
          } finally {
            probe.disconnect()
          }
        }),
        Schedule.spaced("20 millis")
      )),
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
