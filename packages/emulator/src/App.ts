/**
 * The apps of the emulated platform, as the developer console has them, and what the platform sends to an app.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * A request to the request URL of an app. The signature is over the bytes of `body`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The answer of a request URL.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acknowledgement {
  readonly status: number
  /** With lower-case names, for the journal. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body: string
}

/**
 * Where the platform sends the events of an app: to a URL, or to a function in the same process. A function that fails counts as
 * a URL that cannot be reached. A function that dies counts as an answer with HTTP 500.
 *
 * @since 0.1.0
 * @category models
 */
export type RequestUrl = string | ((delivery: Delivery) => Effect.Effect<Acknowledgement, unknown>)

/**
 * @since 0.1.0
 * @category models
 */
export interface App {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** Default: `store`. */
  readonly kind?: "store" | "self-built" | undefined
  /** Default: true. */
  readonly enabled?: boolean | undefined
  /** Default: none. With an encrypt key, events are encrypted and signed. */
  readonly encryptKey?: Redacted.Redacted | undefined
  /** Default: none. Each event contains the verification token. */
  readonly verificationToken?: Redacted.Redacted | undefined
  /** The tenants that have installed the app. A self-built app has one tenant. Default: `["tenant_1"]`. */
  readonly tenants?: ReadonlyArray<string> | undefined
  /** `true`: tokens have the shape of JSON Web Tokens of 4 KB, as newer tokens of the platform do. Default: `false`. */
  readonly jwtTokens?: boolean | undefined
  /** Saved without a handshake. `Emulator.setRequestUrl` performs a handshake. Default: none. */
  readonly requestUrl?: RequestUrl | undefined
}

/**
 * Limits the calls of each app to a path (page "频控策略"). A path may have several limits.
 *
 * A call for a ticket or a token counts for the app that the body names, also with a wrong secret. Any other call counts for the
 * app of the bearer token.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimit {
  /** `:message_id` stands for any segment. Calls to all paths that match count together. */
  readonly path: string
  /** The number of calls that a window allows. */
  readonly calls: number
  /** The length of a window, in whole seconds. */
  readonly per: Duration.DurationInput
  /** The HTTP status of a refusal. Default: 429. */
  readonly status?: 429 | 400 | undefined
}

/**
 * An event without the fields that the platform adds to every event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  readonly type: string
  /** Default: `2.0`. */
  readonly schema?: "1.0" | "2.0" | undefined
  /** `null`: the event names no tenant. Default: the first tenant of the app. The event of a ticket never names a tenant. */
  readonly tenantKey?: string | null | undefined
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * A call that gets a canned answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnsweredCall {
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** The fields of the body. None if the body is no JSON object. */
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Replaces the empty success with which the emulator answers a call. The emulator checks the bearer token before.
 *
 * @since 0.1.0
 * @category models
 */
export interface CannedAnswer {
  /** In capital letters. Default: any method. */
  readonly method?: string | undefined
  /** Without the query. `:message_id` stands for any segment: `/open-apis/im/v1/messages/:message_id`. */
  readonly path: string
  /** Default: 200. */
  readonly status?: number | undefined
  /** The whole body. A string is sent as it is, as `text/plain`, any other value as JSON. Default: an empty body. */
  readonly body?: unknown
  /**
   * Computes the body for each call. Replaces `body`. If the function throws, the emulator answers with HTTP 400 and the reason.
   */
  readonly compute?: ((call: AnsweredCall) => unknown) | undefined
}
