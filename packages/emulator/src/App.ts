/**
 * The apps that the emulated platform knows, as their developers set them up.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"

/**
 * What arrives at a request URL: the bytes are `body`, and the signature is over them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * What a request URL answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acknowledgement {
  readonly status: number
  readonly body: string
}

/**
 * Where the events of an app go: a URL, or a function in the same process, which needs no socket. Where the function
 * fails nothing is there; where it dies it has answered with 500.
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
  /** Events are encrypted and signed where the app has one. */
  readonly encryptKey?: Redacted.Redacted | undefined
  /** It is inside each event. */
  readonly verificationToken?: Redacted.Redacted | undefined
  /** The tenants that have installed the app. A self-built app has just one, its own. Default: `["tenant_1"]`. */
  readonly tenants?: ReadonlyArray<string> | undefined
  /** `true`: the tokens are JSON Web Tokens of 4 KB, as the platform's newer ones. Default: `false`. */
  readonly jwtTokens?: boolean | undefined
  /** As if saved before the emulator began, without a handshake; `Emulator.setRequestUrl` performs one. */
  readonly requestUrl?: RequestUrl | undefined
}

/**
 * A limit of calls for each app, as the platform has for each of its calls (page "频控策略"). A path may have several.
 *
 * A call to an authentication path counts for the app that it names, even with a wrong secret; any other call for the
 * app whose token it carries.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimit {
  /** The call's path. */
  readonly path: string
  /** So many calls … */
  readonly calls: number
  /** … in each window of this length, in whole seconds. */
  readonly per: Duration.DurationInput
  /** How it is reported. Default: 429. */
  readonly status?: 429 | 400 | undefined
}

/**
 * An event, but for what the platform adds to each.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  readonly type: string
  /** Default: `2.0`; the ticket's event is a `1.0`. */
  readonly schema?: "1.0" | "2.0" | undefined
  /** `null`: the event names no tenant. Default: the first tenant of the app, but for a ticket. */
  readonly tenantKey?: string | null | undefined
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * A call to which a canned answer is given.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnsweredCall {
  readonly method: string
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** The fields of a body in JSON. */
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * An answer in place of the empty success that the emulator gives to calls it knows nothing of. The bearer token is checked
 * before.
 *
 * @since 0.1.0
 * @category models
 */
export interface CannedAnswer {
  /** Default: any method. */
  readonly method?: string | undefined
  /** Without the query. `:message_id` stands for any segment: `/open-apis/im/v1/messages/:message_id`. */
  readonly path: string
  /** Default: 200. */
  readonly status?: number | undefined
  /** The whole body, as JSON. A string is sent as it is, with the content type `text/plain`. */
  readonly body?: unknown
  /** Computes the body for each call, in place of `body`. */
  readonly compute?: ((call: AnsweredCall) => unknown) | undefined
}
