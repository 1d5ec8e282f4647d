/** A server of `node:http` on a port or on a Unix socket, which finishes its requests before it ends. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import { dirname } from "node:path"
import { UsageError } from "../Failure.js"

export type Address =
  /** `undefined`: every address of this machine. */
  | { readonly _tag: "Tcp"; readonly host: string | undefined; readonly port: number }
  | { readonly _tag: "Unix"; readonly path: string }

/** Returns `http://127.0.0.1:3001`, or `unix:/run/tokens.sock`. */
export const urlOf = (address: Address): string => {
  if (address._tag === "Unix") return `unix:${address.path}`
  const { host = "localhost", port } = address
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`
}

/** How a server is named in an error, and how long it may take to finish its requests. */
export interface Options {
  readonly address: Address
  /** The options of the command line that name the address. */
  readonly named: { readonly port: string; readonly host: string; readonly socket?: string }
  /** The longest time for which requests are finished at the end of the scope. */
  readonly longestDraining: Duration.DurationInput
}

/** Longer than the 60 s for which load balancers and clients keep a quiet connection. In milliseconds. */
const keepAlive = 75_000

/** Nobody but the owner may connect. */
const ownerOnly = 0o600

/** Binds synchronously, so that no other part of the process sees the mask. */
const bind = (server: Http.Server, address: Address): void => {
  if (address._tag === "Tcp") {
    server.listen({ ...(address.host !== undefined && { host: address.host }), port: address.port })
    return
  }
  const before = process.umask(0o777 & ~ownerOnly)
  try {
    server.listen({ path: address.path })
  } finally {
    process.umask(before)
  }
}

const listen = (server: Http.Server, address: Address): Effect.Effect<void, NodeJS.ErrnoException> =>
  Effect.async((resume) => {
    const onError = (error: NodeJS.ErrnoException) => {
      server.off("listening", onListening)
      resume(Effect.fail(error))
    }
    const onListening = () => {
      server.off("error", onError)
      resume(Effect.void)
    }
    server.once("error", onError).once("listening", onListening)
    bind(server, address)
  })

/** Returns `true` if a process answers at the socket. */
const isAlive = (path: string): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const socket = Net.connect({ path })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resume(Effect.succeed(code !== "ECONNREFUSED")))
  })

/** Removes the file of a socket whose process has ended. */
const removeStale = (path: string, socket: string): Effect.Effect<void, UsageError> =>
  Effect.gen(function*() {
    const isSocket = yield* Effect.sync(() => Fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? true)
    if (!isSocket) {
      return yield* new UsageError({
        message: `${socket} ${path} is a file or a folder already: name another path, or remove it`
      })
    }
    if (yield* isAlive(path)) {
      return yield* new UsageError({
        message: `another process listens on ${socket} ${path}: end that process, or name another path`
      })
    }
    yield* Effect.try({
      try: () => Fs.rmSync(path, { force: true }),
      catch: (error) => new UsageError({ message: `the stale ${socket} ${path} cannot be removed: ${String(error)}` })
    })
  })

/** The most bytes of the path of a socket. Node 20 cuts a longer path and says nothing. */
const longestPath = process.platform === "linux" ? 107 : 103

const checkLength = ({ address, named }: Options): Effect.Effect<void, UsageError> => {
  if (address._tag !== "Unix") return Effect.void
  const length = Buffer.byteLength(address.path)
  return length <= longestPath ? Effect.void : new UsageError({
    message:
      `${named.socket} ${address.path} has ${length} bytes, and the path of a socket has ${longestPath} bytes at `
      + "most: name a shorter path"
  })
}

const cannotListen = ({ address, named }: Options, { code = "", message }: NodeJS.ErrnoException): UsageError =>
  new UsageError({
    message: address._tag === "Unix"
      ? `${named.socket} ${address.path} cannot be listened on: ${
        Fs.existsSync(dirname(address.path))
          ? "its folder must be writable"
          : "its folder does not exist"
      } (${message})`
      : address.host !== undefined && /^(ENOTFOUND|EAI_|EADDRNOTAVAIL|EINVAL)/.test(code)
      ? `${named.host} ${address.host} is no address of this machine: leave it out for the default (${message})`
      : `port ${address.port} cannot be listened on: choose another with ${named.port}, or 0 for any free one (${message})`
  })

const open = (server: Http.Server, options: Options): Effect.Effect<void, UsageError> => {
  const { address, named } = options
  return listen(server, address).pipe(
    Effect.catchAll((error) =>
      address._tag === "Unix" && error.code === "EADDRINUSE"
        ? Effect.andThen(
          removeStale(address.path, named.socket ?? "the socket"),
          Effect.mapError(listen(server, address), (error) => cannotListen(options, error))
        )
        : cannotListen(options, error)
    )
  )
}

/** Takes no new connections, waits for the requests that are under way, and then closes everything. */
const drain = (server: Http.Server, { longestDraining }: Options): Effect.Effect<void> => {
  const closed = Effect.async<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  // A connection becomes idle when its request has been answered.
  const closeIdle = Effect.repeat(Effect.sync(() => server.closeIdleConnections()), Schedule.spaced("50 millis"))
  const draining = Effect.timeoutOption(Effect.raceFirst(closed, closeIdle), longestDraining)
  // In a fiber of its own: the end of this one is often an interrupt, which would end the draining at once.
  return Effect.forkDaemon(Effect.interruptible(draining)).pipe(
    Effect.flatMap(Fiber.await),
    Effect.andThen(Effect.sync(() => server.closeAllConnections()))
  )
}

/** Listens until the scope ends. Returns the address with the port that was free. */
export const serve = (
  listener: Http.RequestListener,
  options: Options
): Effect.Effect<Address, UsageError, Scope.Scope> =>
  Effect.gen(function*() {
    let isDraining = false
    const server = Http.createServer({ keepAliveTimeout: keepAlive }, (request, response) => {
      if (isDraining) response.setHeader("connection", "close")
      listener(request, response)
    })
    const run = Runtime.runFork(yield* Effect.runtime<never>())
    yield* checkLength(options)
    yield* Effect.acquireRelease(open(server, options), () =>
      Effect.suspend(() => {
        isDraining = true
        return drain(server, options)
      }))
    const bound = server.address()
    const address: Address = options.address._tag === "Tcp" && bound !== null && typeof bound === "object"
      ? { ...options.address, port: bound.port }
      : options.address
    // An error without a listener would end the process, and too many open files are such an error.
    server.on("error", ({ message }) =>
      void run(Effect.logError(`the server at ${urlOf(address)} cannot take a connection: ${message}`)))
    return address
  })
