/**
 * The request URL as a listener for `node:http`, and so for Express, Koa, Fastify and NestJS.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type * as Http from "node:http"
import * as EventDoor from "./EventDoor.js"
import type { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"

/**
 * Answers a request, whatever the path. The promise ends when the answer has been given, and never rejects.
 *
 * @since 0.1.0
 * @category models
 */
export type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => Promise<void>

/** Returns a property that a framework may have set. Some frameworks set a getter that throws. */
const propertyOf = (request: Http.IncomingMessage, name: "rawBody" | "body"): unknown => {
  try {
    return (request as { readonly [_ in typeof name]?: unknown })[name]
  } catch {
    return undefined
  }
}

/** Returns the body that a framework has read before: `express.raw()`, `express.text()`, or a parser that keeps `rawBody`. */
const readBefore = (request: Http.IncomingMessage): Uint8Array | undefined => {
  for (const name of ["rawBody", "body"] as const) {
    const value = propertyOf(request, name)
    if (value instanceof Uint8Array) return value
    // A text is the same in bytes, because JSON is sent in UTF-8.
    if (typeof value === "string" && request.readableDidRead) return Buffer.from(value)
  }
  return undefined
}

type Body = Effect.Effect<Uint8Array, EventRefused>

/** The body of a request that is refused by its method or headers. */
const unread: Body = Effect.dieMessage("a body that is not admitted must not be read")

/** Reads the body and gives it to `done`. Uses no fiber, because there is nothing to run until the body is there. */
const read = (request: Http.IncomingMessage, done: (body: Body) => void): void => {
  const bytes = readBefore(request)
  if (bytes !== undefined) {
    return done(bytes.length > EventDoor.maxBodyBytes ? EventDoor.tooLarge : Effect.succeed(bytes))
  }
  if (request.readableDidRead) {
    return done(EventDoor.bodyRead)
  }
  // The client has disconnected before, so that no event will tell of it.
  if (request.destroyed) return done(EventDoor.incomplete)
  const buffer = BodyBuffer.make()
  let isDone = false
  const end = (body: Body) => {
    if (isDone) return
    isDone = true
    done(body)
  }
  request.on("data", (chunk: Uint8Array | string) => {
    // A framework that has set an encoding gets texts.
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, request.readableEncoding ?? "utf8") : chunk
    if (isDone || buffer.add(bytes)) return
    request.pause()
    end(EventDoor.tooLarge)
  })
  request.on("end", () => end(Effect.succeed(buffer.bytes())))
  request.on("close", () => end(EventDoor.incomplete))
  // Without a listener, an error would end the process.
  request.on("error", () => end(EventDoor.incomplete))
}

/** The time for which the connection stays open after a 413. A connection that is closed at once loses the answer. */
const lingering = "1 second"

const write = (
  response: Http.ServerResponse,
  { body, headers, status }: EventDoor.Answer,
  run: (effect: Effect.Effect<void>) => unknown
): void => {
  // The client may have disconnected.
  if (response.destroyed || response.headersSent) return
  if (status !== 413) {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
    response.end(body)
    return
  }
  // The rest of the body must not be taken for the next request.
  response.writeHead(status, { ...headers, "content-length": 0, connection: "close" })
  response.flushHeaders()
  run(Effect.delay(Effect.sync(() => void response.destroy()), lingering))
}

/**
 * Makes a listener that answers each request and never throws. Uses the logger and the tracer of the effect that makes it.
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
          try {
            write(response, Exit.getOrElse(exit, () => ({ status: 500, headers: {}, body: "" })), run)
          } catch (error) {
            run(Effect.logError("the answer to a delivery could not be written", Cause.die(error)))
          }
          resolve()
        })
      if (EventDoor.admit({ method, headers }) === undefined) read(request, answer)
      else answer(unread)
    })
})
