/**
 * Any of the platform's calls, for one tenant or for the app itself: an `HttpClient` that has its tokens.
 *
 * @since 0.1.0
 */
import * as Cookies from "@effect/platform/Cookies"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { constTrue } from "effect/Function"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { AccessToken, type AccessTokenError, type Token } from "./AccessToken.js"
import { FeishuApp } from "./FeishuApp.js"
import type { FeishuError } from "./FeishuError.js"
import * as Answer from "./internal/answer.js"
import * as Mask from "./internal/mask.js"
import { oneLine } from "./internal/oneLine.js"
import * as RetryPolicy from "./RetryPolicy.js"

/**
 * Takes paths of the platform's, `/open-apis/…`. Any other host is refused as a defect, for the token goes with the
 * request.
 *
 * - Each attempt carries a valid token. Where the platform refuses it, that token is never used again, and the request is
 *   sent once more with another.
 * - A rate limit is waited out as long as the platform says, under the `RetryPolicy` in force.
 * - A `GET`, `HEAD`, `OPTIONS`, `PUT` or `DELETE` is repeated after any failure that may pass, and so is what is
 *   `idempotent`. Any other is not, unless the platform refused it before doing anything, or was never reached.
 *
 * It fails where no token can be had and where no answer comes. An answer that says no is an answer: `schemaData` turns it into
 * an `FeishuApiError`. What is neither JSON nor a failure, a file for one, is not read before you read it, and then has no time
 * limit. The response's `request` has the token in its headers.
 *
 * @since 0.1.0
 * @category models
 */
export type Client = HttpClient.HttpClient.With<AccessTokenError>

/** Whether the caller says that what it does may be done twice. */
class IsIdempotent extends Context.Reference<IsIdempotent>()("@effect-feishu/core/FeishuClient/IsIdempotent", {
  defaultValue: () => false
}) {}

/**
 * Says of the calls in it that they may be sent twice without harm, for example since they carry the platform's own
 * `uuid` or `client_token`: they are then repeated after a failure like a `GET`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const idempotent = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, IsIdempotent, true)

/** By their definition (RFC 9110, 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])

/** What the runtimes say where not even a connection was made: Node's `fetch` and sockets, Bun's `fetch`. */
const neverConnected: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
  "FailedToOpenSocket"
])

const neverReached = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const { code, syscall } = error as { readonly code?: unknown; readonly syscall?: unknown }
  // A connection that was made may end with the same codes.
  const wasConnected = syscall === "read" || syscall === "write"
  return (neverConnected.has(code) && !wasConnected) || neverReached(error.cause)
}

/** Whether nothing has been done about the request, for certain. */
const hasDoneNothing = (error: FeishuError): boolean =>
  error._tag === "FeishuApiError"
    ? error.kind === "RateLimited"
    : error.status === 429 || (error.reason === "Connection" && error.status === undefined && neverReached(error.cause))

/** What can be read again and again. Anything else is gone once it has been sent. */
const isLasting = (body: unknown): boolean =>
  typeof body === "string" || body instanceof ArrayBuffer || ArrayBuffer.isView(body) || body instanceof Blob
  || body instanceof FormData || body instanceof URLSearchParams

const isSpent = ({ body }: HttpClientRequest.HttpClientRequest): boolean => body._tag === "Raw" && !isLasting(body.body)

const isJson = ({ headers }: HttpClientResponse.HttpClientResponse): boolean =>
  /^application\/([\w.-]+\+)?json\b/i.test(headers["content-type"] ?? "")

/** How most successes begin, which need not be parsed to be known as such. */
const success = /^\s*\{\s*"code"\s*:\s*0\s*[,}]/

const targetOf = (request: HttpClientRequest.HttpClientRequest): Answer.Target => {
  const bearer = /^Bearer (.+)$/.exec(request.headers["authorization"] ?? "")?.[1]
  return {
    method: request.method,
    url: request.url,
    mask: Mask.make(bearer === undefined ? [] : [Redacted.make(bearer)])
  }
}

interface Seen {
  readonly response: HttpClientResponse.HttpClientResponse
  /** What is wrong with it, as far as it concerns whether to repeat the request. */
  readonly error: FeishuError | undefined
}

const isRefused = ({ error }: Seen): boolean => error?._tag === "FeishuApiError" && error.kind === "TokenInvalid"

/** What is not to be tried again: a success, or a failure that is the caller's to deal with. */
type Result<A> = Either.Either<A, AccessTokenError>

const noContent: ReadonlySet<number> = new Set([204, 205, 304])

/** Each cookie in a header of its own, as it came. */
const headersOf = ({ cookies, headers }: HttpClientResponse.HttpClientResponse): Headers => {
  const all = new Headers({ ...headers })
  all.delete("set-cookie")
  for (const cookie of Cookies.toSetCookieHeaders(cookies)) all.append("set-cookie", cookie)
  return all
}

/** Looks into an answer, and leaves it as if nobody had. */
const look = (
  target: Answer.Target,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<Seen, FeishuError> =>
  Effect.gen(function*() {
    const { headers, request, status } = response
    const logId = headers["x-tt-logid"]
    yield* Effect.annotateCurrentSpan({
      "http.response.status_code": status,
      ...(logId && { "feishu.log_id": target.mask(logId) })
    })
    // No `Response` could have it.
    if (status < 200 || status > 599) {
      return yield* Answer.unusable(target, { status, headers, body: "" }, "the answer is not HTTP's")
    }
    if (noContent.has(status) || request.method === "HEAD") {
      const refusal = () =>
        Answer.unusable(target, { status, headers, body: "" }, "the answer is a refusal without a body")
      return { response, error: status < 400 ? undefined : refusal() }
    }
    // A file, for one, is not to be held in memory.
    if (status < 400 && !isJson(response)) return { response, error: undefined }
    const broken = (error: HttpClientError.ResponseError) =>
      Answer.unusable(target, { status, headers, body: "" }, "the answer broke off", error.cause ?? error.message)
    const bytes = status < 400
      ? yield* Effect.mapError(response.arrayBuffer, broken)
      : new TextEncoder().encode((yield* Answer.read(target, response)).body)
    const body = new TextDecoder().decode(bytes)
    const whole = HttpClientResponse.fromWeb(request, new Response(bytes, { status, headers: headersOf(response) }))
    if (status < 300 && success.test(body)) {
      return { response: whole, error: undefined }
    }
    const opened = yield* Effect.either(Answer.open(target, { status, headers, body }))
    const isOfNoConcern = Either.isRight(opened) || (opened.left._tag === "FeishuNetworkError" && status < 400)
    return { response: whole, error: isOfNoConcern ? undefined : opened.left }
  })

const tooLate = (target: Answer.Target, timeout: Duration.Duration) =>
  Answer.networkError(target, {
    reason: "Timeout",
    description: `no complete answer within ${Duration.format(timeout)}`
  })

/** The platform's URL and no other: what follows a host without a slash would be another host. */
const absolute = (baseUrl: string, url: string): string => {
  if (url.startsWith("/")) return baseUrl + url
  if (url.startsWith(`${baseUrl}/`)) return url
  throw new Error(
    `FeishuClient sends its token to ${baseUrl} only: give a path that begins with /open-apis/, and not ${oneLine(url)}`
  )
}

const make = (
  token: (tokens: Context.Tag.Service<AccessToken>) => Effect.Effect<Token, AccessTokenError>
): Effect.Effect<Client, never, AccessToken | FeishuApp | HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { appId, baseUrl } = yield* FeishuApp
    const tokens = yield* AccessToken
    const bearer = token(tokens)
    // Its span would end with an error that holds the request.
    const client = HttpClient.withTracerDisabledWhen(yield* HttpClient.HttpClient, constTrue)

    const exchange = (
      request: HttpClientRequest.HttpClientRequest,
      { tenantKey, value }: Token,
      number: number,
      timeout: Duration.Duration
    ): Effect.Effect<Seen, FeishuError> => {
      const authorized = HttpClientRequest.bearerToken(request, value)
      const target = targetOf(authorized)
      return client.execute(authorized).pipe(
        // A client that refuses by status must not hide the platform's answer.
        Effect.catchIf(
          (error): error is HttpClientError.ResponseError => error._tag === "ResponseError",
          (error) => Effect.succeed(error.response)
        ),
        Effect.mapError((error) => Answer.noAnswer(target, error)),
        Effect.flatMap((response) => look(target, response)),
        Effect.interruptible,
        Effect.timeoutFail({
          duration: timeout,
          onTimeout: () => tooLate(target, timeout)
        }),
        Effect.withSpan(`FeishuClient.${request.method}`, {
          kind: "client",
          captureStackTrace: false,
          attributes: {
            "feishu.app_id": appId,
            "feishu.attempt": number,
            "http.request.method": request.method,
            "url.full": request.url,
            ...Option.match(tenantKey, { onNone: () => ({}), onSome: (key) => ({ "feishu.tenant_key": key }) })
          }
        })
      )
    }

    const send = (
      given: HttpClientRequest.HttpClientRequest
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, AccessTokenError> =>
      Effect.gen(function*() {
        const request = HttpClientRequest.setUrl(given, absolute(baseUrl, given.url))
        const isIdempotent = idempotentMethods.has(request.method) || (yield* IsIdempotent)
        const mayRepeat = (error: FeishuError) =>
          !isSpent(request) && (hasDoneNothing(error) || (isIdempotent && error.isRetryable))
        let hasNewToken = false
        let refusal: Seen | undefined

        /** With another token if the platform refuses the first, once. Left: there is no token. */
        const exchangeOnceMore = (
          number: number,
          timeout: Duration.Duration
        ): Effect.Effect<Result<Seen>, FeishuError> =>
          Effect.gen(function*() {
            const token = yield* Effect.either(bearer)
            if (Either.isLeft(token)) return Either.left(token.left)
            const [elapsed, seen] = yield* Effect.timed(exchange(request, token.right, number, timeout))
            if (!isRefused(seen)) return Either.right(seen)
            yield* tokens.invalidate(token.right)
            if (hasNewToken || isSpent(request)) return Either.right(seen)
            hasNewToken = true
            const left = Duration.subtract(timeout, elapsed)
            const got = yield* Effect.timeoutOption(Effect.either(bearer), left)
            if (Option.isNone(got)) return Either.right(seen)
            const newer = got.value
            if (Either.isLeft(newer)) return Either.left(newer.left)
            if (Redacted.value(newer.right.value) === Redacted.value(token.right.value)) return Either.right(seen)
            const seenAgain = yield* exchange(request, newer.right, number, left)
            if (isRefused(seenAgain)) yield* tokens.invalidate(newer.right)
            return Either.right(seenAgain)
          })

        // First of all, for it may take longer than the policy gives to the call.
        yield* bearer
        // What is not to be repeated is a success to the policy, whatever it says about failures.
        const result = yield* RetryPolicy.retry((number, timeout) =>
          Effect.matchEffect(exchangeOnceMore(number, timeout), {
            onSuccess: (result): Effect.Effect<Result<HttpClientResponse.HttpClientResponse>, FeishuError> => {
              if (Either.isLeft(result)) return Effect.succeed(Either.left(result.left))
              const { error, response } = result.right
              if (error === undefined || !mayRepeat(error)) return Effect.succeed(Either.right(response))
              refusal = result.right
              return Effect.fail(error)
            },
            onFailure: (error) => mayRepeat(error) ? Effect.fail(error) : Effect.succeed(Either.left(error))
          })
        ).pipe(
          Effect.catchAll((error) =>
            Effect.succeed(error === refusal?.error ? Either.right(refusal.response) : Either.left(error))
          )
        )
        return yield* result
      }).pipe(Effect.annotateLogs({ app_id: appId, call: `${given.method} ${given.url}` }))

    return HttpClient.makeWith(
      (request) => Effect.flatMap(request, send),
      Effect.succeed<HttpClientRequest.HttpClientRequest>
    )
  })

/**
 * Calls for this tenant. For a self-built app, which has one tenant, any key stands for that.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forTenant = (
  tenantKey: string
): Effect.Effect<Client, never, AccessToken | FeishuApp | HttpClient.HttpClient> =>
  make(({ tenant }) => tenant(tenantKey))

/**
 * Calls for the app itself, with the app access token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forApp: Effect.Effect<Client, never, AccessToken | FeishuApp | HttpClient.HttpClient> = make(
  ({ app }) => app
)

/** The platform has done what was asked. */
const misfit = (target: Answer.Target, answer: Answer.Answer, description: string) =>
  Answer.networkError(target, { reason: "Schema", description, answer })

/**
 * The field `data` of an answer `{ code: 0, msg, data }`. Any other code is an `FeishuApiError`; what is not such an answer is a
 * `FeishuNetworkError`, and so is, with the reason `Schema`, what does not fit the schema.
 *
 * @since 0.1.0
 * @category decoding
 */
export const schemaData =
  <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  (response: HttpClientResponse.HttpClientResponse): Effect.Effect<A, FeishuError, R> =>
    Effect.gen(function*() {
      const { headers, request, status } = response
      const target = targetOf(request)
      const timeout = yield* RetryPolicy.attemptTimeout
      const body = yield* response.text.pipe(
        Effect.mapError((error) =>
          Answer.unusable(target, { status, headers, body: "" }, "the answer broke off", error.cause ?? error.message)
        ),
        Effect.timeoutFail({ duration: timeout, onTimeout: () => tooLate(target, timeout) })
      )
      const answer = { status, headers, body }
      const opened = yield* Answer.open(target, answer)
      return hasProperty(opened, "data")
        ? yield* Effect.catchAll(
          Answer.decode(target, answer, schema, opened.data, ["data"]),
          ({ description }) => misfit(target, answer, description)
        )
        // Where the caller expects none.
        : yield* Effect.mapError(
          Schema.decodeUnknown(schema)(undefined),
          () => misfit(target, answer, "the answer has missing \"data\"")
        )
    })
