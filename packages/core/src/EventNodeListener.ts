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
import { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import * as NodeBody from "./internal/webhook/nodeBody.js"
import * as Uninterruptible from "./internal/webhook/uninterruptible.js"

/**
 * Answers a request, whatever the path. The promise ends when the answer has been given, and never rejects.
 *
 * @since 0.1.0
 * @category models
 */
export type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => Promise<void>

/** The body of a request that is refused by its method or headers. */
const unread: Effect.Effect<never> = Effect.dieMessage("a body that is not admitted must not be read")

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
  const run = Runtime.runFork(Uninterruptible.runtime(yield* Effect.runtime<never>()))
  return (request, response) =>
    new Promise((resolve) => {
      const { headers, method = "" } = request
      const answer = (body: EventDoor.Request["body"]) =>
        run(EventDoor.answer(subscription, { method, headers, body })).addObserver((exit) => {
          try {
            write(response, Exit.getOrElse(exit, () => ({ status: 500, headers: {}, body: "" })), run)
          } catch (error) {
            run(Effect.logError("the answer to a delivery could not be written", Cause.die(error)))
          }
          resolve()
        })
      if (EventDoor.admit({ method, headers }) !== undefined) return answer(unread)
      NodeBody.read(request, (body) => answer(body instanceof EventRefused ? body : Effect.succeed(body)))
    })
})
