/** The errors of the token service, as JSON: `{ "error": { "_tag", "message", … } }`. */
import type { TicketError } from "@effect-feishu/core/AppTicket"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/** The request does not fit the endpoint. */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", {
  message: Schema.String
}) {}

/** The request has no key, or a key that the service does not know. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  message: Schema.String
}) {}

/** The request comes from a page in a browser. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  message: Schema.String
}) {}

/** There is no such endpoint. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {
  message: Schema.String
}) {}

export class UnknownApp extends Schema.TaggedError<UnknownApp>()("UnknownApp", {
  message: Schema.String
}) {}

/** A self-built app has no ticket. */
export class NoTicket extends Schema.TaggedError<NoTicket>()("NoTicket", {
  message: Schema.String
}) {}

/** In whole seconds, like the header `Retry-After`. */
const retryAfter = Schema.Int.pipe(Schema.positive())

/** The address has sent too many wrong keys. */
export class TooManyRefusals extends Schema.TaggedError<TooManyRefusals>()("TooManyRefusals", {
  message: Schema.String,
  retry_after: retryAfter
}) {}

/** The platform refused. */
export class FeishuApiError extends Schema.TaggedError<FeishuApiError>()("FeishuApiError", {
  message: Schema.String,
  /** The platform's code. */
  code: Schema.Int,
  /** The platform's own text. */
  msg: Schema.String,
  /** Branch on `kind` or `code`: the platform changes the wording of `msg`. */
  kind: Schema.String,
  log_id: Schema.optional(Schema.String),
  retry_after: Schema.optional(retryAfter)
}) {}

/** The platform answered, and the answer is of no use. */
export class UnusableAnswer extends Schema.TaggedError<UnusableAnswer>()("UnusableAnswer", {
  message: Schema.String,
  reason: Schema.String
}) {}

/** The platform cannot be reached. */
export class FeishuNetworkError extends Schema.TaggedError<FeishuNetworkError>()("FeishuNetworkError", {
  message: Schema.String,
  reason: Schema.String,
  retry_after: retryAfter
}) {}

/** No ticket came in time. */
export class TicketTimeout extends Schema.TaggedError<TicketTimeout>()("TicketTimeout", {
  message: Schema.String,
  retry_after: retryAfter
}) {}

/** The store of the tickets cannot be read. */
export class TicketStoreError extends Schema.TaggedError<TicketStoreError>()("TicketStoreError", {
  message: Schema.String,
  retry_after: retryAfter
}) {}

/** The store of the tokens cannot remove a token. */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>()("TokenStoreError", {
  message: Schema.String,
  retry_after: retryAfter
}) {}

/** The service is ending, and the answer would take longer than the service has. */
export class ServiceClosing extends Schema.TaggedError<ServiceClosing>()("ServiceClosing", {
  message: Schema.String,
  retry_after: retryAfter
}) {}

/** The service met with an error. The log has the reason. */
export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {
  message: Schema.String
}) {}

export const internalError: InternalError = new InternalError({
  message: "The token service met with an error: the log of the service has the reason"
})

/** Returns `true` for an error of this module. */
export const isTokenError = Schema.is(Schema.Union(
  BadRequest,
  Unauthorized,
  Forbidden,
  NotFound,
  UnknownApp,
  NoTicket,
  TooManyRefusals,
  FeishuApiError,
  UnusableAnswer,
  FeishuNetworkError,
  TicketTimeout,
  TicketStoreError,
  TokenStoreError,
  ServiceClosing,
  InternalError
))

/** Puts an error into `{ "error": … }`. */
const enveloped = <A extends { readonly _tag: string }, I>(
  error: Schema.Schema<A, I>,
  status: number,
  { description, identifier }: { readonly description: string; readonly identifier: string }
) =>
  Schema.transform(
    Schema.Struct({ error }),
    Schema.typeSchema(error),
    { strict: true, decode: ({ error }) => error, encode: (error) => ({ error }) }
  ).annotations({ identifier: `${identifier}Answer`, ...HttpApiSchema.annotations({ status, description }) })

/** The errors as answers, each with its HTTP status. */
export const answers = {
  badRequest: enveloped(BadRequest, 400, {
    identifier: "BadRequest",
    description: "The request does not fit the endpoint"
  }),
  unauthorized: enveloped(Unauthorized, 401, {
    identifier: "Unauthorized",
    description: "There is no key, or a wrong key"
  }),
  forbidden: enveloped(Forbidden, 403, {
    identifier: "Forbidden",
    description: "The request comes from a page in a browser"
  }),
  notFound: enveloped(NotFound, 404, { identifier: "NotFound", description: "There is no such endpoint" }),
  unknownApp: enveloped(UnknownApp, 404, {
    identifier: "UnknownApp",
    description: "The service does not have the app"
  }),
  noTicket: enveloped(NoTicket, 404, { identifier: "NoTicket", description: "The app is self-built" }),
  tooManyRefusals: enveloped(TooManyRefusals, 429, {
    identifier: "TooManyRefusals",
    description: "Too many wrong keys came from this address"
  }),
  internalError: enveloped(InternalError, 500, {
    identifier: "InternalError",
    description: "The service met with an error"
  }),
  refusedByPlatform: enveloped(FeishuApiError, 502, {
    identifier: "FeishuApiError",
    description: "The platform refused"
  }),
  unusableAnswer: enveloped(UnusableAnswer, 502, {
    identifier: "UnusableAnswer",
    description: "The platform's answer, or the request URL of the platform, is of no use"
  }),
  unreachable: enveloped(FeishuNetworkError, 503, {
    identifier: "FeishuNetworkError",
    description: "The platform cannot be reached"
  }),
  noTicketInTime: enveloped(TicketTimeout, 503, {
    identifier: "TicketTimeout",
    description: "No ticket came in time"
  }),
  storeAway: enveloped(TicketStoreError, 503, {
    identifier: "TicketStoreError",
    description: "The store of the tickets cannot be read"
  }),
  tokenStoreAway: enveloped(TokenStoreError, 503, {
    identifier: "TokenStoreError",
    description: "The store of the tokens cannot remove the token"
  }),
  closing: enveloped(ServiceClosing, 503, {
    identifier: "ServiceClosing",
    description: "The service is ending: ask another, or ask again soon"
  })
} as const

export type FromPlatform = FeishuApiError | UnusableAnswer | FeishuNetworkError | TicketTimeout | TicketStoreError

/** The wait in seconds before the next try, if nobody has asked for another wait. */
const usualWait = 5

const secondsOf = (wait: Duration.Duration | undefined): number | undefined =>
  wait === undefined || Duration.lessThanOrEqualTo(wait, Duration.zero)
    ? undefined
    : Math.ceil(Duration.toSeconds(wait))

/** Translates the failure of a removal. */
export const fromTokenStoreError = ({ message }: { readonly message: string }): TokenStoreError =>
  new TokenStoreError({ message: `The token is not removed for other processes: ${message}`, retry_after: usualWait })

export const closing: ServiceClosing = new ServiceClosing({
  message: "The token service is ending: ask another process, or ask again soon",
  retry_after: 1
})

/** Translates the reason why there is no token or ticket. */
export const fromTicketError = (error: TicketError): FromPlatform => {
  const { message } = error
  switch (error._tag) {
    case "FeishuApiError": {
      const { code, kind, logId, msg } = error
      return new FeishuApiError({ message, code, msg, kind, log_id: logId, retry_after: secondsOf(error.retryAfter) })
    }
    case "FeishuNetworkError": {
      const { reason } = error
      return error.isRetryable
        ? new FeishuNetworkError({ message, reason, retry_after: secondsOf(error.retryAfter) ?? usualWait })
        : new UnusableAnswer({ message, reason })
    }
    case "TicketTimeout":
      return new TicketTimeout({ message, retry_after: secondsOf(error.nextResendIn) ?? usualWait })
    case "TicketStoreError":
      return new TicketStoreError({ message, retry_after: usualWait })
  }
}
