/** Reads the body of a request of `node:http`. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import { EventRefused } from "../../EventRefused.js"
import * as BodyBuffer from "./bodyBuffer.js"
import * as Refused from "./refused.js"

/** The bytes of a body, or why there are none. */
export type Body = Uint8Array | EventRefused

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

/**
 * Reads the body and gives it to `done`. Uses no fiber, because there is nothing to run until the body is there.
 *
 * Reads no further after `maxBytes`, and leaves the connection open, so that the answer can be sent.
 */
export const read = (request: Http.IncomingMessage, done: (body: Body) => void): void => {
  const bytes = readBefore(request)
  if (bytes !== undefined) {
    return done(bytes.length > BodyBuffer.maxBytes ? Refused.tooLarge : bytes)
  }
  if (request.readableDidRead) return done(Refused.bodyRead)
  // The client has disconnected before, so that no event will tell of it.
  if (request.destroyed) return done(Refused.incomplete)
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
    end(Refused.tooLarge)
  })
  request.on("end", () => end(buffer.bytes()))
  request.on("close", () => end(Refused.incomplete))
  // Without a listener, an error would end the process.
  request.on("error", () => end(Refused.incomplete))
}

/** Reads the body. */
export const bytes = (request: Http.IncomingMessage): Effect.Effect<Uint8Array, EventRefused> =>
  Effect.async((resume) => read(request, (body) => resume(body instanceof EventRefused ? body : Effect.succeed(body))))
