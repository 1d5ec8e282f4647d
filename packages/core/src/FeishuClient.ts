/**
 * Calls the platform's APIs for one tenant, for the app itself or for a user: an `HttpClient` that adds the token.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { AccessToken, type AccessTokenError, type Token } from "./AccessToken.js"
import * as FeishuApp from "./FeishuApp.js"
import { FeishuApiError, type FeishuError, type FeishuNetworkError } from "./FeishuError.js"
import * as Attempts from "./internal/call/attempts.js"
import { fileName } from "./internal/call/contentDisposition.js"
import * as Envelope from "./internal/call/envelope.js"
import * as Exchange from "./internal/call/exchange.js"
import * as Failure from "./internal/call/failure.js"
import { describeIssue } from "./internal/call/fields.js"
import * as Fetch from "./internal/call/layerFetch.js"
import * as Mask from "./internal/call/mask.js"
import { onceMore } from "./internal/call/onceMore.js"
import * as Read from "./internal/call/read.js"
import { ReadResponse } from "./internal/call/readResponse.js"
import * as SendAgain from "./internal/call/sendAgain.js"
import * as Transport from "./internal/call/transport.js"
import * as WrongTokens from "./internal/call/wrongTokens.js"
import { readMonotonicMillis } from "./internal/monotonicMillis.js"
import { oneLine } from "./internal/oneLine.js"
import { timeLimit } from "./internal/timeLimit.js"
import { RetryPolicy } from "./RetryPolicy.js"

/**
 * An `HttpClient` for paths of the platform, `/open-apis/…`.
 *
 * - Adds a valid token to each request. If the platform refuses the token, invalidates the token and sends the request
 *   once more with another. If the platform refuses that one, too, the API may not take this kind of token: for the next
 *   10 minutes a refusal by the API invalidates no token.
 * - Waits as long as the platform says if a rate limit is exceeded, under the `RetryPolicy` in force.
 * - Sends a `GET`, `HEAD`, `OPTIONS`, `PUT` or `DELETE` again after any failure that may pass. Sends any other request
 *   again only if no connection was made or the platform refused the request for its rate: a `POST` whose answer breaks
 *   off fails with `InvalidResponse`, because the platform may have done what was asked. See `idempotent`.
 * - Sends a body that can be read once, such as a `Stream`, once. See `replayable`.
 *
 * Fails if no token can be had, and if no answer comes. A refusal is an answer, as every status is for an `HttpClient`:
 * `schemaData` and `filterCodeOk` turn a refusal into a `FeishuApiError`. Reads refusals and JSON into memory, at most 1 MiB and 64 MiB, in the time of one attempt. Does not read
 * any other answer: a file has no time limit, see `file`.
 *
 * Fails with the reason `InvalidRequest`, and sends nothing, if the URL leads to another host or if the request has a
 * header `authorization`. The `request` of a response holds the token in its headers.
 *
 * @since 0.1.0
 * @category models
 */
export type Client = HttpClient.HttpClient.With<AccessTokenError>

/** Set by `idempotent`. */
class IsIdempotent extends Context.Reference<IsIdempotent>()("@effect-feishu/core/FeishuClient/IsIdempotent", {
  defaultValue: () => false
}) {}

/**
 * Declares that the requests of an effect do no harm when sent twice, for example because they carry the platform's own
 * `uuid` or `client_token`. The client then retries a `POST` or `PATCH` like a `GET`. Takes a call, or the effect that makes
 * a client: `idempotent(forTenant(key))` makes a client of idempotent calls.
 *
 * @since 0.1.0
 * @category combinators
 */
export const idempotent = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, IsIdempotent, true)

/** Set by `replayable`. */
class IsReplayable extends Context.Reference<IsReplayable>()("@effect-feishu/core/FeishuClient/IsReplayable", {
  defaultValue: () => false
}) {}

/**
 * Declares that each `Stream` in a request body of an effect gives the same bytes each time the stream runs, for example
 * because the stream reads a file. The client then treats the request like a request with a body in memory: a `POST` whose
 * answer may be lost needs `idempotent`, too. Takes a call, or the effect that makes a client.
 *
 * @since 0.1.0
 * @category combinators
 */
export const replayable = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, IsReplayable, true)

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/** Why an attempt did not succeed. `E`: why there is no token. */
type Failed<E> =
  | { readonly _tag: "NoToken"; readonly error: E }
  | { readonly _tag: "NoAnswer"; readonly error: FeishuNetworkError }
  | { readonly _tag: "Refused"; readonly error: FeishuError; readonly response: ReadResponse }

const noAnswer = (error: FeishuNetworkError) => ({ _tag: "NoAnswer", error }) as const

interface Bearer {
  readonly value: Redacted.Redacted
}

/** Sends the request of one attempt with a token. */
type Send = (token: Bearer) => Effect.Effect<Response, Failed<never>>

/** Provides the token: a tenant's, the app's or a user's. `E`: why there is no token. */
interface Caller<E> {
  /** The attributes of the caller's spans. */
  readonly attributes: Readonly<Record<string, string>>
  /** Waits for the first token, because the wait may be longer than the time of the call. */
  readonly ready: Effect.Effect<unknown, Failed<E>>
  /** Adds a token to each attempt of one call. */
  readonly authorize: (
    request: Request,
    again: SendAgain.SendAgain
  ) => (send: Send) => Effect.Effect<Response, Failed<E>>
}

/** Returns why the answer is a failure. JSON without the platform's `code` is none if the status is 2xx or 3xx. */
const failureOf = (response: Response): FeishuError | undefined => {
  if (!(response instanceof ReadResponse) || Either.isRight(response.result)) return undefined
  const error = response.result.left
  const isOtherJson = error._tag === "FeishuNetworkError" && response.status < 400 && Envelope.isJson(response.body)
  return isOtherJson ? undefined : error
}

const unlessRefused = (response: Response): Effect.Effect<Response, Failed<never>> => {
  const error = failureOf(response)
  return error !== undefined && response instanceof ReadResponse
    ? Effect.fail({ _tag: "Refused", error, response } as const)
    : Effect.succeed(response)
}

const annotationsOf = ({ appId }: FeishuApp.Service, { method, url }: Request) => ({
  app_id: appId,
  call: `${method} ${url}`
})

/** Returns how to send the request of one attempt: with each token in the time that the attempt has left. */
const sendIn = (
  app: FeishuApp.Service,
  transport: Transport.Transport,
  attributes: Readonly<Record<string, string>>,
  request: Request,
  { number, timeout }: Attempts.Attempt
): Send => {
  let timeLeft = timeout
  return ({ value }) =>
    Effect.clockWith((clock) => {
      const start = readMonotonicMillis(clock)
      const spend = Effect.sync(() => {
        timeLeft = Duration.subtract(timeLeft, Duration.millis(readMonotonicMillis(clock) - start))
      })
      const target = { method: request.method, url: request.url, mask: Mask.make([value]) }
      return Exchange.run({
        transport,
        request: HttpClientRequest.bearerToken(request, value),
        target,
        read: (response, span) => Read.unlessFile(target, response, span),
        failureOf,
        attempt: { number, timeout: timeLeft },
        spanName: `FeishuClient.${request.method}`,
        attributes: { "feishu.app_id": app.appId, ...attributes },
        annotations: annotationsOf(app, request)
      }).pipe(
        Effect.mapError(noAnswer),
        Effect.flatMap(unlessRefused),
        Effect.tapError(() => spend)
      )
    })
}

const invalid = ({ method, url }: Request, description: string) =>
  Failure.networkError({ method, url: oneLine(url), mask: identity }, { reason: "InvalidRequest", description })

/** Returns the request with its whole URL. The token goes to the platform only, and only in the caller's name. */
const checked = ({ baseUrl }: FeishuApp.Service, request: Request): Effect.Effect<Request, FeishuNetworkError> => {
  const { headers, url } = request
  // Without the slash, the text after the host would become part of the host's name.
  const isPath = url.startsWith("/")
  if (!isPath && !url.startsWith(`${baseUrl}/`)) {
    return invalid(
      request,
      `FeishuClient sends its token to ${baseUrl} only: give a path such as /open-apis/im/v1/messages`
    )
  }
  if (headers["authorization"] !== undefined) {
    return invalid(
      request,
      "the request has a header \"authorization\", which FeishuClient sets: leave the header out, or use "
        + "FeishuClient.forUser for a user access token"
    )
  }
  return Effect.succeed(isPath ? HttpClientRequest.setUrl(request, baseUrl + url) : request)
}

/** The policy decides about a failure if the request may be sent again. The lack of a token is final. */
const toRepeat = (again: SendAgain.SendAgain) => (failed: Failed<unknown>): Option.Option<FeishuError> =>
  failed._tag !== "NoToken" && again.after(failed.error) ? Option.some(failed.error) : Option.none()

/** A refusal is an answer, which `schemaData` or the caller reads. */
const toResponse = <E>(failed: Failed<E>): Effect.Effect<Response, E | FeishuNetworkError> =>
  failed._tag === "Refused" ? Effect.succeed(failed.response) : Effect.fail(failed.error)

const make = <E>(
  caller: Caller<E>
): Effect.Effect<
  HttpClient.HttpClient.With<E | FeishuNetworkError>,
  never,
  FeishuApp.FeishuApp | HttpClient.HttpClient
> =>
  Effect.gen(function*() {
    const app = yield* FeishuApp.FeishuApp
    const transport = Transport.make(yield* HttpClient.HttpClient, app)
    const isIdempotent = yield* IsIdempotent
    const isReplayable = yield* IsReplayable

    const call = Effect.fnUntraced(function*(given: Request) {
      const request = yield* Effect.mapError(checked(app, given), noAnswer)
      const again = SendAgain.make(request, {
        isIdempotent: isIdempotent || (yield* IsIdempotent),
        isReplayable: isReplayable || (yield* IsReplayable)
      })
      yield* caller.ready
      const withToken = caller.authorize(request, again)
      return yield* Attempts.repeat(
        (attempt) => withToken(sendIn(app, transport, caller.attributes, request, attempt)),
        { toRepeat: toRepeat(again), annotations: annotationsOf(app, request) }
      )
    })

    return HttpClient.makeWith(
      Effect.flatMap((request) => Effect.catchAll(call(request), toResponse)),
      Effect.succeed<Request>
    )
  })

/** Codes that refuse a user access token, which this library cannot renew. */
const userTokenCodes: ReadonlySet<number> = new Set([20006, 99991668, 99991677])

const isTokenRefused = (failed: Failed<unknown>): boolean =>
  failed._tag === "Refused" && failed.error._tag === "FeishuApiError"
  && failed.error.kind === "TokenInvalid" && !userTokenCodes.has(failed.error.code)

/** Remembers, for each `AccessToken` service, the APIs that refused a new token. */
const wrongTokensOf = new WeakMap<Context.Tag.Service<AccessToken>, WrongTokens.WrongTokens>()

/** Sets `wasTokenNew` in the refusal. */
const withNewToken = <E>(failed: Failed<E>): Effect.Effect<never, Failed<E>> => {
  if (failed._tag !== "Refused" || failed.error._tag !== "FeishuApiError") return Effect.fail(failed)
  const error = new FeishuApiError({ ...failed.error, wasTokenNew: true })
  const { body, head, original } = failed.response
  const response = new ReadResponse(original, head, body, Either.left(error))
  return Effect.fail({ _tag: "Refused", error, response })
}

/** Provides a token that the library renews. */
const renewing = (
  tokens: Context.Tag.Service<AccessToken>,
  token: Effect.Effect<Token, AccessTokenError>,
  { owner, tenantKey }: {
    /** Names the token. */
    readonly owner: string
    readonly tenantKey: Option.Option<string>
  }
): Caller<AccessTokenError> => {
  const wrongTokens = wrongTokensOf.get(tokens) ?? WrongTokens.make()
  wrongTokensOf.set(tokens, wrongTokens)
  const get = Effect.mapError(token, (error) => ({ _tag: "NoToken", error }) as const)
  return {
    attributes: Option.match(tenantKey, { onNone: () => ({}), onSome: (key) => ({ "feishu.tenant_key": key }) }),
    ready: get,
    authorize: (request, again) => {
      const began = { lastRefusal: wrongTokens.lastRefusal() }
      let hasNewToken = false
      const refuse = (failed: Failed<never>) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          wrongTokens.remember(owner, request, { isWrongKind: true }, now)
          return withNewToken(failed)
        })
      const invalidate = (token: Token, failed: Failed<never>) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (hasNewToken || wrongTokens.isWrongKind(owner, request, began, now)) return refuse(failed)
          if (again.withAnotherToken) {
            hasNewToken = true
            return tokens.invalidate(token)
          }
          wrongTokens.remember(owner, request, { isWrongKind: false }, now)
          return Effect.andThen(tokens.invalidate(token), Effect.fail(failed))
        })
      return (send) =>
        onceMore({
          get,
          use: send,
          isRefused: isTokenRefused,
          invalidate,
          onSecondRefusal: refuse
        })
    }
  }
}

/**
 * Calls for a tenant with its tenant access token. A self-built app has one tenant, its own, whatever the key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forTenant = (
  tenantKey: string
): Effect.Effect<Client, never, AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const tokens = yield* AccessToken
    const { kind } = yield* FeishuApp.FeishuApp
    return yield* make(renewing(tokens, tokens.tenant(tenantKey), {
      owner: kind === "self-built" ? "the app's tenant" : `tenant ${tenantKey}`,
      tenantKey: Option.some(tenantKey)
    }))
  })

/**
 * Calls for the app itself with the app access token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forApp: Effect.Effect<Client, never, AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient> = Effect
  .flatMap(AccessToken, (tokens) => make(renewing(tokens, tokens.app, { owner: "the app", tenantKey: Option.none() })))

/**
 * Calls for a user with a `user_access_token`, which the library does not renew: if the token is invalid or has expired,
 * `schemaData` fails with a `FeishuApiError` of the kind `TokenInvalid` (codes 99991668, 99991677, 20006).
 *
 * @since 0.1.0
 * @category constructors
 */
export const forUser = (
  accessToken: Redacted.Redacted
): Effect.Effect<HttpClient.HttpClient.With<FeishuNetworkError>, never, FeishuApp.FeishuApp | HttpClient.HttpClient> =>
  make({
    attributes: {},
    ready: Effect.void,
    authorize: (request) => (send) =>
      /^[\x21-\x7e]+$/.test(Redacted.value(accessToken))
        ? send({ value: accessToken })
        : Effect.mapError(
          invalid(request, "the user access token is empty, or has a character that no header can have"),
          noAnswer
        )
  })

/** Masks the token of a response that was not read by this module. */
const targetOf = ({ headers, method, url }: Request): Failure.Target => {
  const bearer = /^Bearer (.+)$/.exec(headers["authorization"] ?? "")?.[1]
  return { method, url, mask: Mask.make(bearer === undefined ? [] : [Redacted.make(bearer)]) }
}

/** Reads an answer into memory, unless `forTenant`, `forApp` or `forUser` did. */
const read = (response: Response): Effect.Effect<ReadResponse, FeishuNetworkError> => {
  if (response instanceof ReadResponse) return Effect.succeed(response)
  const target = targetOf(response.request)
  return Effect.flatMap(RetryPolicy, ({ attemptTimeout }) => {
    const duration = Duration.decode(attemptTimeout)
    return timeLimit(Read.whole(target, response, Read.maxLong), {
      duration,
      onTimeout: () => Failure.tooLate(target, duration)
    })
  })
}

/**
 * Returns an answer that says `code: 0`, for a call whose `data` is of no use.
 *
 * Fails with a `FeishuApiError` if the platform refused, and with a `FeishuNetworkError` if the answer is not the
 * platform's.
 *
 * @since 0.1.0
 * @category decoding
 */
export const filterCodeOk = (response: Response): Effect.Effect<Response, FeishuError> =>
  Effect.flatMap(read(response), (answer) => Effect.as(answer.result, answer))

/**
 * Decodes the field `data` of an answer `{ code: 0, msg, data }`. An answer without `data` decodes like `undefined`.
 *
 * Fails with a `FeishuApiError` if the platform refused, with a `FeishuNetworkError` if the answer is not the platform's,
 * and with a `FeishuNetworkError` of the reason `Schema` if `data` does not fit: then the platform has done what was asked.
 *
 * Numbers above 2^53 lose digits, as in every `JSON.parse`. `response.text` has all of them.
 *
 * @since 0.1.0
 * @category decoding
 */
export const schemaData = <A, I, R>(schema: Schema.Schema<A, I, R>) => {
  const decode = Schema.decodeUnknown(schema, { errors: "all" })
  return (response: Response): Effect.Effect<A, FeishuError, R> =>
    Effect.flatMap(read(response), (answer) =>
      Effect.flatMap(answer.result, (json) => {
        const hasData = hasProperty(json, "data")
        return Effect.mapError(decode(hasData ? json.data : undefined), (error) =>
          Failure.misfit(
            targetOf(response.request),
            answer.head,
            `the answer has ${hasData ? describeIssue(error, ["data"]) : "missing \"data\""}`
          ))
      }))
}

/**
 * @since 0.1.0
 * @category models
 */
export interface File {
  /** The file name in the header `Content-Disposition`, without folders. */
  readonly name: Option.Option<string>
  /** The header `Content-Type`. Default: `application/octet-stream`. */
  readonly type: string
  /** The header `Content-Length`, in bytes. */
  readonly size: Option.Option<number>
  /** The content. Can be read once, and has no time limit. */
  readonly stream: Stream.Stream<Uint8Array, FeishuNetworkError>
}

/** Returns why an answer that was read is not a file: the platform sends a file as an attachment, or not as JSON. */
const whyNoFile = ({ head, request, result }: ReadResponse): FeishuError | undefined =>
  Either.match(result, {
    onRight: () => Failure.misfit(targetOf(request), head, "the answer holds no file"),
    // JSON without the platform's `code` is the file itself.
    onLeft: (error) => error._tag === "FeishuNetworkError" && head.status < 300 ? undefined : error
  })

/**
 * Returns the file that an API sends.
 *
 * Fails with a `FeishuApiError` if the platform refused to send the file, also with HTTP 200, and with a
 * `FeishuNetworkError` if the answer holds no file.
 *
 * @since 0.1.0
 * @category decoding
 */
export const file = (response: Response): Effect.Effect<File, FeishuError> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { headers, request, status } = response
    const target = targetOf(request)
    const head = { status, headers, now }
    if (response instanceof ReadResponse) {
      const error = whyNoFile(response)
      if (error !== undefined) return Effect.fail(error)
    } else if (status >= 300) {
      return Effect.fail(Failure.unusable(target, head, "the answer is not a file"))
    }
    const length = headers["content-length"]
    return Effect.succeed<File>({
      name: Option.fromNullable(fileName(headers["content-disposition"] ?? "")),
      type: headers["content-type"] ?? "application/octet-stream",
      size: length === undefined || headers["content-encoding"] !== undefined
        ? Option.none()
        : Option.some(Number(length)),
      stream: Stream.catchAll(
        response.stream,
        (error) => error.reason === "EmptyBody" ? Stream.empty : Stream.fail(Failure.brokeOff(target, head, error))
      )
    })
  })

/**
 * An `HttpClient` over `fetch`, for all of this library's calls. Use it in place of `FetchHttpClient.layer`, which follows
 * redirects and so can send the app secret or a token to another host. Ends the `Stream` in a body when the request is
 * interrupted.
 *
 * Follows no redirect and caches nothing (`cache: "no-store"`, where the runtime accepts the option), whatever
 * `FetchHttpClient.RequestInit` says. The request's own method, headers and body replace those of `RequestInit`. Every other
 * option of `RequestInit` holds, except `signal`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFetch: Layer.Layer<HttpClient.HttpClient> = Fetch.layerFetch
