/**
 * The emulator's door of real sockets. It is built on `node:http` itself, since it must also do what a good server
 * never does: drop connections, and break answers off.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"
import type * as Platform from "./platform.js"

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** How the connection is used: `cut off` sends half of the body, `never begun` sends nothing. */
  readonly end: "whole" | "cut off" | "never begun"
}

const read = (request: Http.IncomingMessage): Effect.Effect<Platform.Request> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () =>
      resume(Effect.succeed({
        method: request.method ?? "",
        path: request.url?.split("?")[0] ?? "",
        // Node joins repeated headers; only "set-cookie", which no request has, would be a list.
        headers: request.headers as Readonly<Record<string, string | undefined>>,
        body: Buffer.concat(chunks).toString("utf8")
      })))
  })

const write = (response: Http.ServerResponse, reply: Reply): Effect.Effect<void> =>
  Effect.sync(() => {
    const body = Buffer.from(reply.body)
    switch (reply.end) {
      case "whole":
        response.writeHead(reply.status, { ...reply.headers, "content-length": body.length }).end(body)
        break
      case "cut off":
        response.writeHead(reply.status, { ...reply.headers, "content-length": body.length })
        response.write(body.subarray(0, body.length / 2), () => response.destroy())
        break
      case "never begun":
        response.destroy()
        break
    }
  })

/**
 * Listens on loopback and gives the base URL, or fails with what Node says. The end of the scope closes the port and
 * every connection.
 */
export const listen = (options: {
  /** 0 for any free port. */
  readonly port: number
  readonly handle: (request: Platform.Request) => Effect.Effect<Reply>
}): Effect.Effect<string, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never>()
    const server = Http.createServer((request, response) => {
      const fiber = run(
        read(request).pipe(
          Effect.flatMap(options.handle),
          Effect.flatMap((reply) => write(response, reply)),
          // An answer that Node refuses to send, say: the client must not wait for it for ever.
          Effect.catchAllDefect((defect) =>
            Effect.zipRight(
              Effect.logError("the emulator cannot answer", defect),
              Effect.sync(() => response.destroy())
            )
          )
        )
      )
      response.on("close", () => fiber.unsafeInterruptAsFork(fiber.id()))
    })
    yield* Effect.acquireRelease(
      Effect.async<void, unknown>((resume) => {
        // After the start, too: without a listener an error would end the process.
        server.on("error", (cause) => resume(Effect.fail(cause)))
        try {
          server.listen(options.port, "127.0.0.1", () => resume(Effect.void))
        } catch (cause) {
          resume(Effect.fail(cause))
        }
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}`
  })
