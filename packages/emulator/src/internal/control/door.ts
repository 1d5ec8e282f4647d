/** The part of the server that is not the platform: the console at `/`, what steers the emulator, and `/healthz`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { type Part, targetOf } from "../server.js"
import * as Guard from "./guard.js"
import * as Handlers from "./handlers.js"
import * as Page from "./page.js"
import { withSentence } from "./sentences.js"

/** The longest body that steers the emulator, in bytes. */
const longestBody = 1024 * 1024

const answer = (
  response: Http.ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string
): void => {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
  response.end(body)
}

const answerText = (response: Http.ServerResponse, status: number, text: string): void =>
  answer(response, status, { "content-type": "text/plain; charset=utf-8" }, `${text}\n`)

/** Reads a body. Returns `undefined` if the body is too long, and rejects if the body breaks off. */
const read = async (request: Http.IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Array<Buffer> = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > longestBody) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const requestOf = ({ headers, method = "", url = "" }: Http.IncomingMessage, body: Buffer): Request =>
  new Request(new URL(targetOf(url).whole, "http://emulator"), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]): Array<[string, string]> =>
      typeof value === "string" ? [[name, value]] : []
    ),
    // A `Request` of these methods has no body.
    ...(body.length > 0 && method !== "GET" && method !== "HEAD" && { body: new Uint8Array(body) })
  })

/** Writes an answer, and stops reading it when the client goes away. */
const write = async (from: Response, to: Http.ServerResponse): Promise<void> => {
  to.writeHead(from.status, Object.fromEntries(from.headers))
  if (from.body === null) return void to.end()
  // Server-sent events are seen at once.
  to.flushHeaders()
  const body = Readable.fromWeb(from.body as ReadableStream)
  to.on("close", () => body.destroy())
  body.on("error", () => to.destroy())
  body.pipe(to)
}

const control = async (
  handler: (request: Request) => Promise<Response>,
  request: Http.IncomingMessage,
  response: Http.ServerResponse
): Promise<void> => {
  const body = await read(request)
  if (body === undefined) {
    response.setHeader("connection", "close")
    return answerText(response, 413, `The body is longer than ${longestBody} bytes`)
  }
  const whole = requestOf(request, body)
  await write(await withSentence(whole, await handler(whole)), response)
}

export const make = (
  parts: Handlers.Parts & Guard.Ours
): Effect.Effect<Part, never, Scope.Scope> =>
  Effect.map(Handlers.make(parts), (handler) => (request, response) => {
    const { path } = targetOf(request.url)
    if (path === "/healthz") {
      answer(response, 200, { "content-type": "application/json" }, "{\"status\":\"ok\"}")
      return true
    }
    const isPage = path === "/"
    if (!isPage && path !== "/_emulator" && !path.startsWith("/_emulator/")) return false
    const refusal = Guard.refusalOf(request, parts)
    if (request.method === "TRACE") answerText(response, 405, "Nothing here takes TRACE")
    else if (refusal !== undefined) answerText(response, refusal.status, refusal.reason)
    else if (isPage) answer(response, 200, Page.headers, Page.html)
    else control(handler, request, response).catch(() => response.destroy())
    return true
  })
