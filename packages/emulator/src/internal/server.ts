/**
 * The emulator's door of real sockets. Built on `node:http` itself, because it must also do what a good server never does:
 * drop connections, and break answers off.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type * as Net from "node:net"
import { longestBody, type Reply, type Request } from "./platform/exchange.js"

/** After a body that is too long, the server reads on for so long, in bytes, so that the client gets to the answer. */
const longestRest = longestBody

/** Splits the target of a request. A client of a proxy sends a whole URL (RFC 9112, 3.2.2). */
export const targetOf = (url = ""): { readonly path: string; readonly query: string; readonly whole: string } => {
  const whole = url.replace(/^https?:\/\/[^/?#]*/i, "")
  const [path = "", ...query] = whole.split("?")
  return { path, query: query.join("?"), whole }
}

const requestOf = (
  request: Http.IncomingMessage,
  chunks: ReadonlyArray<Buffer>,
  flaw?: "broken off" | "too long"
): Request => {
  const { path, query } = targetOf(request.url)
  return {
    method: request.method ?? "",
    path,
    query,
    // Node joins repeated headers. Only "set-cookie", which no request has, would be a list.
    headers: request.headers as Readonly<Record<string, string | undefined>>,
    body: Buffer.concat(chunks).toString("utf8"),
    isBrokenOff: flaw === "broken off",
    isTooLong: flaw === "too long"
  }
}

/** Reads a request. Keeps no body that is too long. */
const read = (request: Http.IncomingMessage): Effect.Effect<Request> =>
  Effect.async((resume) => {
    let chunks: Array<Buffer> = []
    let length = 0
    const end = (flaw?: "broken off" | "too long") => resume(Effect.succeed(requestOf(request, chunks, flaw)))
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= longestBody) return void chunks.push(chunk)
      chunks = []
      if (length > longestBody + longestRest) end("too long")
    })
    request.on("end", () => end(length > longestBody ? "too long" : undefined))
    request.on("error", () => end("broken off"))
  })

/** An answer with one of these statuses has no body, and no length either. */
const lengthOf = ({ status }: Reply, body: Buffer) =>
  status === 204 || status === 304 ? {} : { "content-length": body.length }

const write = (response: Http.ServerResponse, reply: Reply): Effect.Effect<void> =>
  Effect.sync(() => {
    if (response.destroyed) return
    const body = Buffer.from(reply.body)
    switch (reply.end) {
      case "whole":
        response.writeHead(reply.status, { ...reply.headers, ...lengthOf(reply, body) }).end(body)
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

/** A part of the server of its own, such as the console. Returns `false` for requests that are not its own. */
export type Part = (request: Http.IncomingMessage, response: Http.ServerResponse) => boolean

const answerWith = (
  handle: (request: Request) => Effect.Effect<Reply>,
  request: Http.IncomingMessage,
  response: Http.ServerResponse
): Effect.Effect<void> =>
  read(request).pipe(
    Effect.flatMap(handle),
    Effect.flatMap((reply) => write(response, reply)),
    // For example an answer that Node refuses to send: the client must not wait for ever.
    Effect.catchAllDefect((defect) =>
      Effect.zipRight(
        Effect.logError("the emulator cannot answer", defect),
        Effect.sync(() => response.destroy())
      )
    )
  )

/**
 * Listens, and returns the port, or fails with what Node says. The end of the scope closes the port and every connection.
 */
export const listen = ({ handle, host, part, port }: {
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  readonly handle: (request: Request) => Effect.Effect<Reply>
  readonly part: Part
}): Effect.Effect<number, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const run = yield* FiberSet.makeRuntime<never>()
    const server = Http.createServer((request, response) => {
      if (part(request, response)) return
      const fiber = run(answerWith(handle, request, response))
      // Not at once, so that a request that broke off is in the journal.
      response.on("close", () => setImmediate(() => fiber.unsafeInterruptAsFork(fiber.id())))
    })
    yield* Effect.acquireRelease(
      Effect.async<void, unknown>((resume) => {
        // After the start, too: without a listener an error would end the process.
        server.on("error", (cause) => resume(Effect.fail(cause)))
        try {
          server.listen(port, host, () => resume(Effect.void))
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
    return (server.address() as Net.AddressInfo).port
  })
