/** A way to a Redis that does its worst to what goes through it. */
import { type Duration, Effect, Runtime } from "effect"
import { connect, createServer, type Socket } from "node:net"

export interface Way {
  /** What becomes of what Redis answers. Default: it goes on. */
  readonly answer?: (bytes: Buffer, client: Socket) => void
  /** What becomes of what Redis is asked. Default: it goes on. */
  readonly ask?: (bytes: Buffer, redis: Socket) => void
  readonly isRefused?: boolean
}

export const open: Way = {}

/** Connections are closed at once. */
export const refused: Way = { isRefused: true }

/** Nothing is heard of Redis any more. */
export const silent: Way = { answer: () => {} }

/** Nothing comes to Redis any more. */
export const deaf: Way = { ask: () => {} }

/** Each command breaks the connection. */
export const reset: Way = { ask: (_, redis) => redis.destroy() }

/** No answer comes whole. */
export const half: Way = { answer: (bytes, client) => client.write(bytes.subarray(0, Math.floor(bytes.length / 2))) }

/** Each byte comes by itself. */
export const byteByByte: Way = {
  answer: (bytes, client) => {
    for (const byte of bytes) client.write(Buffer.from([byte]))
  }
}

/** Something else answers, and not in Redis's language. */
export const garbage = (text: string): Way => ({ answer: (_, client) => client.write(text) })

export const make = (port: number) =>
  Effect.gen(function*() {
    let way = open
    const sockets = new Set<Socket>()
    const forgotten = new WeakSet<Socket>()
    const runFork = Runtime.runFork(yield* Effect.runtime())
    const made = createServer({ noDelay: true }, (client) => {
      if (way.isRefused === true) {
        client.resetAndDestroy()
        return
      }
      const redis = connect({ port, host: "127.0.0.1", noDelay: true })
      for (const [socket, other] of [[client, redis], [redis, client]] as const) {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => {
          sockets.delete(socket)
          other.destroy()
        })
      }
      client.on("data", (bytes) => {
        if (forgotten.has(client)) return
        if (way.ask === undefined) redis.write(bytes)
        else way.ask(bytes, redis)
      })
      redis.on("data", (bytes) => {
        if (forgotten.has(client)) return
        if (way.answer === undefined) client.write(bytes)
        else way.answer(bytes, client)
      })
    })
    const server = yield* Effect.acquireRelease(
      Effect.async<typeof made>((resume) => {
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (server) =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    return {
      port: typeof address === "object" && address !== null ? address.port : 0,
      /** From now on, on the connections that there are, too. */
      go: (next: Way) => Effect.sync(() => void (way = next)),
      /** Nothing goes through the connections that there are any more, and nobody is told of it. */
      forget: Effect.sync(() => {
        for (const socket of sockets) forgotten.add(socket)
      }),
      /** Breaks the connections that there are. */
      cut: Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
      }),
      /** Each answer comes so much later. */
      slow: (delay: Duration.DurationInput): Way => ({
        answer: (bytes, client) =>
          void runFork(Effect.delay(Effect.sync(() => client.destroyed || client.write(bytes)), delay))
      })
    }
  })
