/**
 * The request URL as a function from a web `Request` to a `Response`: Hono, Next.js, Workers, Bun, Deno.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as EventDoor from "./EventDoor.js"
import type { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"

const read = ({ body }: Request): Effect.Effect<Uint8Array, EventRefused> =>
  Effect.suspend(() => {
    const buffer = BodyBuffer.make()
    const stream = body === null
      ? Stream.empty
      : Stream.fromReadableStream({
        evaluate: () => body,
        onError: () => EventDoor.incomplete,
        // Not cancelled, which would break the connection before the answer to a body that is too long.
        releaseLockOnEnd: true
      })
    return stream.pipe(
      Stream.runForEach((chunk: Uint8Array) => buffer.add(chunk) ? Effect.void : EventDoor.tooLarge),
      Effect.map(() => buffer.bytes())
    )
  })

/**
 * Answers one request.
 *
 * @since 0.1.0
 * @category handlers
 */
export const handle = (request: Request): Effect.Effect<Response, never, EventSubscription.EventSubscription> =>
  Effect.gen(function*() {
    const subscription = yield* EventSubscription.EventSubscription
    const { body, headers, status } = yield* EventDoor.answer(subscription, {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: read(request)
    })
    return new Response(body, { status, headers })
  })

/**
 * The handler, and the end of what it runs on: the layer is built for the first request, and released by `dispose`.
 *
 * @since 0.1.0
 * @category handlers
 */
export const make = <R, E>(layer: Layer.Layer<EventSubscription.EventSubscription | R, E>): {
  readonly handler: (request: Request) => Promise<Response>
  readonly dispose: () => Promise<void>
} => {
  const runtime = ManagedRuntime.make(layer)
  return {
    handler: (request) => runtime.runPromise(handle(request)),
    dispose: () => runtime.dispose()
  }
}
