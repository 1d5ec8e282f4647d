/**
 * The request URL as a listener for `node:http`, and so for Express, Koa and Fastify.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type * as Http from "node:http"
import * as EventDoor from "./EventDoor.js"
import type { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"

/**
 * Answers, whatever the path. The promise ends when the answer has been given, and never fails.
 *
 * @since 0.1.0
 * @category models
 */
export type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => Promise<void>

/** The raw bytes where a framework has read them already: `express.raw()`, or a parser that keeps `rawBody`. */
const readBefore = (request: Http.IncomingMessage): Uint8Array | undefined => {
  const { body, rawBody } = request as { readonly body?: unknown; readonly rawBody?: unknown }
  const bytes = rawBody ?? body
  return bytes instanceof Uint8Array ? bytes : undefined
}

type Body = Effect.Effect<Uint8Array, EventRefused>

/** Of a request that is refused by its method or headers. */
const unread: Body = Effect.dieMessage("a body that is not admitted must not be read")

/** Reads the body and gives it to `done`. Without a fiber: there is nothing to run until it is there. */
const read = (request: Http.IncomingMessage, done: (body: Body) => void): void => {
  const bytes = readBefore(request)
  if (bytes !== undefined) {
    return done(bytes.length > EventDoor.maxBodyBytes ? EventDoor.tooLarge : Effect.succeed(bytes))
  }
  if (request.readableDidRead) {
    return done(Effect.dieMessage(
      "The request's body was read before, and only what it was parsed to is left, which has no signature: put the "
        + "listener before every body parser (express.json() for one), or a parser that keeps the bytes as `rawBody`"
    ))
  }
  // Whoever went away while something before this took its time: no event will tell of it any more.
  if (request.destroyed) return done(EventDoor.incomplete)
  const buffer = BodyBuffer.make()
  let isDone = false
  const end = (body: Body) => {
    if (isDone) return
    isDone = true
    done(body)
  }
  request.on("data", (chunk: Uint8Array) => {
    if (isDone || buffer.add(chunk)) return
    request.pause()
    end(EventDoor.tooLarge)
  })
  request.on("end", () => end(Effect.succeed(buffer.bytes())))
  request.on("close", () => end(EventDoor.incomplete))
  // Without a listener an error would end the process.
  request.on("error", () => end(EventDoor.incomplete))
}

/** For so long after a 413 the connection stays open, unread: closed at once, it would be reset before the answer came. */
const lingering = "1 second"

const write = (
  response: Http.ServerResponse,
  { body, headers, status }: EventDoor.Answer,
  run: (effect: Effect.Effect<void>) => unknown
): void => {
  // Whoever asked may have gone away.
  if (response.destroyed || response.headersSent) return
  if (status !== 413) {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
    response.end(body)
    return
  }
  // What was not read must not be taken for the next request.
  response.writeHead(status, { ...headers, "content-length": 0, connection: "close" })
  response.flushHeaders()
  run(Effect.delay(Effect.sync(() => void response.destroy()), lingering))
}

/**
 * Whatever it meets with, it answers and does not throw. It takes the logger and the tracer of where it is made.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Listener, never, EventSubscription.EventSubscription> = Effect.gen(function*() {
  const subscription = yield* EventSubscription.EventSubscription
  const run = Runtime.runFork(yield* Effect.runtime<never>())
  return (request, response) =>
    new Promise((resolve) => {
      const { headers, method = "" } = request
      const answer = (body: Body) =>
        run(EventDoor.answer(subscription, { method, headers, body })).addObserver((exit) => {
          write(response, Exit.getOrElse(exit, () => ({ status: 500, headers: {}, body: "" })), run)
          resolve()
        })
      if (EventDoor.admit({ method, headers }) === undefined) read(request, answer)
      else answer(unread)
    })
})
