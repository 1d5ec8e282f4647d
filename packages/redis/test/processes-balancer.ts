/**
 * What stands between the platform and several servers: each delivery goes to the next of them. Where that one cannot be
 * reached or dies, another is tried; at each third delivery the platform is told instead.
 */
import { Effect, type Scope } from "effect"
import * as Http from "node:http"

interface Answer {
  readonly status: number
  readonly text: string
}

export interface Balancer {
  readonly url: string
}

export const make = (options: {
  /** Where the servers are now, the dead ones, too. */
  readonly origins: () => ReadonlyArray<string>
  /** One of so many deliveries goes to two servers at once, and the better answer back. */
  readonly twiceEvery?: number
}): Effect.Effect<Balancer, never, Scope.Scope> =>
  Effect.gen(function*() {
    let deliveries = 0

    const forward = async (origin: string, request: Http.IncomingMessage, body: Buffer): Promise<Answer> => {
      const headers = new Headers()
      for (const [name, value] of Object.entries(request.headers)) {
        if (typeof value === "string" && /^(content-type|x-lark-.*)$/.test(name)) headers.set(name, value)
      }
      const response = await fetch(`${origin}/webhook/event`, { method: "POST", headers, body: new Uint8Array(body) })
      return { status: response.status, text: await response.text() }
    }
    /** To the first of them that is alive. */
    const toFirst = async (
      [origin, ...others]: ReadonlyArray<string>,
      request: Http.IncomingMessage,
      body: Buffer
    ): Promise<Answer> => {
      if (origin === undefined) return { status: 502, text: "" }
      try {
        return await forward(origin, request, body)
      } catch {
        return toFirst(others, request, body)
      }
    }
    const balance = async (request: Http.IncomingMessage): Promise<Answer> => {
      const chunks: Array<Buffer> = []
      for await (const chunk of request) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      const number = ++deliveries
      const origins = options.origins()
      const inTurn = origins.map((_, index) => origins[(number + index) % origins.length] ?? "")
      const first = toFirst(number % 3 === 0 ? inTurn.slice(0, 1) : inTurn, request, body)
      if (options.twiceEvery === undefined || number % options.twiceEvery !== 0) return first
      const answers = await Promise.all([first, toFirst(inTurn.slice(2), request, body)])
      return answers.find(({ status }) => status === 200) ?? answers[0]
    }

    const server = Http.createServer((request, response) => {
      balance(request).then(
        ({ status, text }) => response.writeHead(status, { "content-type": "application/json" }).end(text),
        () => response.destroy()
      )
    })
    const port = yield* Effect.acquireRelease(
      Effect.async<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    return { url: `http://127.0.0.1:${port}` }
  })
