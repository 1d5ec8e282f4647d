/** `TokenApi` as a listener for `node:http`. Takes only requests that were admitted. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { HttpApiDecodeError } from "@effect/platform/HttpApiError"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import type * as Caller from "./Caller.js"
import * as Handlers from "./Handlers.js"
import { Authorized, sentenceOf, TokenApi } from "./TokenApi.js"
import { BadRequest, internalError, isTokenError, NotFound, Unauthorized } from "./TokenErrors.js"

export type ApiListener = (
  request: Http.IncomingMessage,
  response: Http.ServerResponse,
  /** `undefined`: the endpoint needs no key. */
  caller: Caller.Service | undefined
) => void

const openApiPath = "/v1/openapi.json"

/** Translates the errors of the router and of the decoders. The log has the reason of any other error. */
const errorOf = (cause: Cause.Cause<unknown>, request: HttpServerRequest.HttpServerRequest): Effect.Effect<unknown> => {
  const error = Cause.squash(cause)
  if (isTokenError(error)) return Effect.succeed(error)
  if (error instanceof HttpApiDecodeError) {
    return Effect.succeed(new BadRequest({ message: sentenceOf(error.issues[0]?.path[0]) }))
  }
  return error instanceof HttpServerError.RouteNotFound
    ? Effect.succeed(
      new NotFound({
        message:
          `The token service has no endpoint for ${request.method} at this path: ${openApiPath} lists the endpoints`
      })
    )
    : Effect.as(
      Effect.logError("a request to the token service met with an error of this program's", cause),
      internalError
    )
}

const withRetryAfter = (error: unknown): Effect.Effect<void> =>
  isTokenError(error) && "retry_after" in error && error.retry_after !== undefined
    ? HttpApp.appendPreResponseHandler((_, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", String(error.retry_after)))
    )
    : Effect.void

const withSentences = HttpApiBuilder.middleware(
  TokenApi,
  (app) =>
    Effect.catchAllCause(app, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => errorOf(cause, request)).pipe(
          Effect.tap(withRetryAfter),
          // The builder encodes each error of the API, and the type of the middleware has only the one of the decoders.
          Effect.flatMap((error) => Effect.fail(error as never))
        ))
)

/** Builds the endpoints until the scope ends. */
export const make = (parts: Handlers.Parts): Effect.Effect<ApiListener, never, Scope.Scope> =>
  Effect.gen(function*() {
    const callers = new WeakMap<Http.IncomingMessage, Caller.Service>()
    const authorized = Layer.succeed(Authorized, {
      key: () =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
          const caller = callers.get(NodeHttpServerRequest.toIncomingMessage(request))
          return caller === undefined
            ? new Unauthorized({ message: "The request was not admitted" })
            : Effect.succeed(caller)
        })
    })
    const context = yield* Layer.build(
      Layer.mergeAll(HttpApiBuilder.middlewareOpenApi({ path: openApiPath }), withSentences).pipe(
        Layer.provideMerge(HttpApiBuilder.api(TokenApi)),
        Layer.provide([Handlers.tokens(parts), Handlers.health(parts)]),
        Layer.provide(authorized),
        Layer.provideMerge(
          Layer.mergeAll(HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer, NodeHttpServer.layerContext)
        )
      )
    )
    const app = yield* Effect.provide(HttpApiBuilder.httpApp, context)
    const listener = yield* Effect.provide(NodeHttpServer.makeHandler(app), context)
    return (request, response, caller) => {
      if (caller !== undefined) callers.set(request, caller)
      response.setHeader("cache-control", "no-store")
      listener(request, response)
    }
  })
