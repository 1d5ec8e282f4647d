/** A server that is not the platform, or not in a good mood. */
import { Effect, Schedule } from "effect"
import { createServer, type Socket } from "node:net"

/**
 * Listens on a loopback port until the scope ends, and does this to each connection once a whole request has come.
 */
export const listen = (onRequest: (socket: Socket, request: string) => void) =>
  Effect.gen(function*() {
    const sockets = new Set<Socket>()
    const requests: Array<string> = []
    const server = createServer((socket) => {
      sockets.add(socket)
      let text = ""
      socket.on("error", () => socket.destroy())
      socket.on("data", (data) => {
        text += data.toString("utf8")
        const [head = "", body] = text.split("\r\n\r\n")
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (body === undefined || Buffer.byteLength(body) < length) return
        requests.push(text)
        onRequest(socket, text)
        text = ""
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      port,
      baseUrl: `http://127.0.0.1:${port}`,
      /** What has come so far, whole. */
      requests,
      asked: Effect.sync(() => requests.length > 0).pipe(
        Effect.repeat({ until: (asked) => asked, schedule: Schedule.spaced("20 millis") })
      )
    }
  })

/** An answer of its own, and the end of the connection. */
export const answer =
  (body: string, { headers = [], status = "200 OK" }: { readonly status?: string; readonly headers?: string[] } = {}) =>
  (socket: Socket) => {
    const head = [
      `HTTP/1.1 ${status}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      ...headers
    ]
    // A header's bytes are Latin-1 to whoever reads them.
    socket.write(Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"))
    socket.end(body)
  }
