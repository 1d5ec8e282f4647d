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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Http from "node:http"
import * as EventDoor from "./EventDoor.js"
import type { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import { isObject } from "./internal/isObject.js"
import * as Span from "./internal/span.js"
import * as AppLookup from "./internal/webhook/appLookup.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"
import * as NodeBody from "./internal/webhook/nodeBody.js"

/** Reads in the scope of the request, because a stream that ends early breaks the connection before the answer. */
const readStream = (
  { stream }: HttpServerRequest.HttpServerRequest
): Effect.Effect<Uint8Array, EventRefused, Scope.Scope> =>
  Effect.flatMap(Stream.toPull(stream), (pull) => {
    const buffer = BodyBuffer.make()
    return pull.pipe(
      Effect.mapError(Option.map(() => EventDoor.incomplete)),
      Effect.filterOrFail(Chunk.every(buffer.add), () => Option.some(EventDoor.tooLarge)),
      Effect.forever,
      Effect.catchAll(Option.match({ onNone: () => Effect.sync(() => buffer.bytes()), onSome: Effect.fail }))
    )
  })

/** Returns `true` for the request of a server on `node:http`. */
const isNode = (source: unknown): source is Http.IncomingMessage =>
  isObject(source) && "readableDidRead" in source && typeof source["on"] === "function"

/**
 * Reads the bytes of a body as they arrived, for a route of your own. Fails with `EventDoor.tooLarge` after
 * `EventDoor.maxBodyBytes`, reads no further, and leaves the connection open for the answer.
 *
 * On Node, reads without a `Stream`, because a `Stream` takes longer than the rest of a delivery.
 *
 * @since 0.1.0
 * @category requests
 */
export const readBody = (
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Uint8Array, EventRefused, Scope.Scope> => {
  const { source } = request
  return isNode(source)
    ? NodeBody.bytes(source)
    : readStream(request)
}

/** The responses without a body, by status and made once. */
const empties = new Map<number, HttpServerResponse.HttpServerResponse>()

const emptyResponse = ({ headers, status }: EventDoor.Answer): HttpServerResponse.HttpServerResponse => {
  const known = empties.get(status)
  if (known !== undefined) return known
  const response = HttpServerResponse.empty({
    status,
    headers: {
      ...headers,
      "content-length": "0",
      // The rest of a body that is too long must not be taken for the next request.
      ...(status === 413 && { connection: "close" })
    }
  })
  empties.set(status, response)
  return response
}

const responseOf = (answer: EventDoor.Answer): HttpServerResponse.HttpServerResponse =>
  answer.body === ""
    ? emptyResponse(answer)
    : HttpServerResponse.text(answer.body, { status: answer.status, headers: answer.headers })

const answerWith = <R>(
  answer: (request: EventDoor.Request<Scope.Scope>) => Effect.Effect<EventDoor.Answer, never, R>
): HttpApp.Default<never, R> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.map(
      answer({ method: request.method, headers: request.headers, body: readBody(request) }),
      responseOf
    ))

/**
 * Answers a request, whatever the path: for `HttpRouter.all("/webhook", …)`.
 *
 * @since 0.1.0
 * @category apps
 */
export const httpApp: HttpApp.Default<never, EventSubscription.EventSubscription | Scope.Scope> = Effect.flatMap(
  EventSubscription.EventSubscription,
  (subscription) => answerWith((request) => EventDoor.answer(subscription, request))
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
      (subscription) => router.add("*", path, answerWith((request) => EventDoor.answer(subscription, request)))
    )
  )

/** Matches a path whose parameter `appId` is never missing, so that no request is for an app without an id. */
const namesApp = /:appId(?=[-./(]|$)/

/**
 * Adds a request URL for each of many apps to the `HttpLayerRouter`, for example at `/webhook/:appId`. Finds the app of a
 * request by the id in the path, so that the number of apps costs nothing. Answers 404 for an unknown app. Dies while the layer is
 * built if the path has no parameter that is exactly `:appId`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerApps = <E, R>(
  path: HttpLayerRouter.PathInput & `${string}:appId${string}`,
  findApp: EventDoor.FindApp<E, R>
): Layer.Layer<never, never, HttpLayerRouter.HttpRouter | Exclude<R, Scope.Scope>> =>
  HttpLayerRouter.use((router) =>
    Effect.flatMap(Effect.context<Exclude<R, Scope.Scope>>(), (context) => {
      if (!namesApp.test(path)) {
        return Effect.dieMessage(
          `EventHttpApp.layerApps needs the parameter :appId in its path, and the path is ${path}`
        )
      }
      // The scope and the span are the request's.
      const services = Span.omit(Context.omit(Scope.Scope)(context as Context.Context<Scope.Scope>))
      const withServices: EventDoor.FindApp<E, Scope.Scope> = (appId) => {
        const called = AppLookup.call(findApp, appId)
        return AppLookup.isExit(called)
          ? called
          : Effect.mapInputContext(
            called,
            (ofRequest: Context.Context<Scope.Scope>) => Context.merge(ofRequest, services) as Context.Context<R>
          )
      }
      return router.add(
        "*",
        path,
        Effect.flatMap(
          HttpLayerRouter.params,
          ({ appId = "" }) => answerWith((request) => EventDoor.answerApp(withServices, appId, request))
        )
      )
    })
  )
