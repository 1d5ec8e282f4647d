/**
 * The request URL as a route of an Effect server.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EventDoor from "./EventDoor.js"
import * as EventSubscription from "./EventSubscription.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"

/** Reads in the scope of the request, because a stream that ends early breaks the connection before the answer. */
const read = (request: HttpServerRequest.HttpServerRequest) =>
  Effect.flatMap(Stream.toPull(request.stream), (pull) => {
    const buffer = BodyBuffer.make()
    return pull.pipe(
      Effect.mapError(Option.map(() => EventDoor.incomplete)),
      Effect.filterOrFail(Chunk.every(buffer.add), () => Option.some(EventDoor.tooLarge)),
      Effect.forever,
      Effect.catchAll(Option.match({ onNone: () => Effect.sync(() => buffer.bytes()), onSome: Effect.fail }))
    )
  })

/**
 * Answers a request, whatever the path: for `HttpRouter.all("/webhook", …)`.
 *
 * @since 0.1.0
 * @category apps
 */
export const httpApp: HttpApp.Default<never, EventSubscription.EventSubscription | Scope.Scope> = Effect.gen(
  function*() {
    const subscription = yield* EventSubscription.EventSubscription
    const request = yield* HttpServerRequest.HttpServerRequest
    const { body, headers, status } = yield* EventDoor.answer(subscription, {
      method: request.method,
      headers: request.headers,
      body: read(request)
    })
    return HttpServerResponse.text(body, {
      status,
      // The rest of the body must not be taken for the next request.
      headers: status === 413 ? { ...headers, connection: "close" } : headers
    })
  }
)

/**
 * Adds the request URL at this path to the `HttpLayerRouter`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  path: HttpLayerRouter.PathInput
): Layer.Layer<never, never, HttpLayerRouter.HttpRouter | EventSubscription.EventSubscription> =>
  HttpLayerRouter.use((router) =>
    Effect.flatMap(
      EventSubscription.EventSubscription,
      // Every method, because the subscription answers 405.
      (subscription) =>
        router.add("*", path, Effect.provideService(httpApp, EventSubscription.EventSubscription, subscription))
    )
  )
