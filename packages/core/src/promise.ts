/**
 * Gives promises in place of effects, to programs without Effect and to programs with another version of Effect: no type of this
 * module names Effect.
 *
 * Promises reject with the same errors as the rest of the library: branch on `instanceof`, `_tag`, `code` or `kind`. No promise rejects with a `FiberFailure`.
 *
 * @since 0.1.0
 */
import * as AppTicket from "./AppTicket.js"
import * as BackgroundTasks from "./BackgroundTasks.js"
import * as EventSubscription from "./EventSubscription.js"
import * as FeishuApp from "./FeishuApp.js"
import * as FeishuError from "./FeishuError.js"
import type { Message, Toast } from "./FeishuPayloads.js"
import * as Errors from "./internal/promise/errors.js"
import * as Make from "./internal/promise/make.js"
import * as Replies from "./internal/promise/replies.js"
import type { Feishu, MoreOptions, Options } from "./PromiseApi.js"
import * as TicketStore from "./TicketStore.js"

/**
 * The payloads of the events and callbacks that this library knows, and the answers to callbacks.
 *
 * @since 0.1.0
 * @category models
 */
export type * from "./FeishuPayloads.js"

/**
 * The types of this module.
 *
 * @since 0.1.0
 * @category models
 */
export type * from "./PromiseApi.js"

/**
 * Makes an app. Throws a `FeishuAppError` that names the field if an option is wrong.
 *
 * @since 0.1.0
 * @category constructors
 */
export const createFeishu: (options: Options) => Feishu = Make.make

/**
 * Makes the app of the variables
 *
 * - `FEISHU_APP_ID`, `FEISHU_APP_SECRET`: both needed;
 * - `FEISHU_ENCRYPT_KEY`, `FEISHU_VERIFICATION_TOKEN`: the webhook needs at least one of them;
 * - `FEISHU_DOMAIN` (`feishu` or `lark`), or `FEISHU_BASE_URL`;
 * - `FEISHU_ALLOW_HTTP`: `true` allows http:// to any host;
 * - `FEISHU_APP_KIND`: `store` (the default) or `self-built`.
 *
 * Throws a `FeishuUsageError` that names the variable that is missing or has a wrong form.
 *
 * @since 0.1.0
 * @category constructors
 */
export const createFeishuFromEnv: (options?: MoreOptions) => Feishu = Make.fromEnvironment

/**
 * Answers a card action with a short note.
 *
 * @since 0.1.0
 * @category answers
 */
export const toast: (
  type: "info" | "success" | "error" | "warning",
  content: string,
  /** The content in several languages, for example `zh_cn`, `en_us` and `ja_jp`. */
  i18n?: { readonly [language: string]: string }
) => Toast = Replies.toast

/**
 * Returns the text of a text message, or `undefined` for another type of message.
 *
 * @since 0.1.0
 * @category accessors
 */
export const textOf: (message: Pick<Message, "content" | "message_type">) => string | undefined = Replies.textOf

/**
 * The meaning of a code of the platform.
 *
 * @since 0.1.0
 * @category errors
 */
export type ErrorKind =
  | "RateLimited"
  | "Internal"
  | "Busy"
  | "Credentials"
  | "AppState"
  | "NotStoreApp"
  | "TicketInvalid"
  | "TokenInvalid"
  | "Permission"
  | "Parameter"
  | "Quota"
  | "IpRefused"
  | "Unknown"

/**
 * The platform answered with a `code` other than 0. Branch on `kind` or `code`, never on `msg`.
 *
 * @since 0.1.0
 * @category errors
 */
export interface FeishuApiError extends Error {
  readonly _tag: "FeishuApiError"
  readonly code: number
  /** The platform's own text. */
  readonly msg: string
  readonly kind: ErrorKind
  /** Says what to do, in one or two sentences. */
  readonly advice: string
  /** `true` if the same request may succeed later. */
  readonly isRetryable: boolean
  /** The HTTP status. The platform also refuses with 200. */
  readonly status: number
  readonly method: string
  readonly url: string
  /** The id to quote to the platform's support. */
  readonly logId?: string | undefined
  /** The missing scopes. */
  readonly permissionViolations: ReadonlyArray<{ readonly subject: string; readonly type?: string | undefined }>
}

/**
 * No usable answer came.
 *
 * @since 0.1.0
 * @category errors
 */
export interface FeishuNetworkError extends Error {
  readonly _tag: "FeishuNetworkError"
  readonly reason:
    | "Connection"
    | "Certificate"
    | "Timeout"
    | "Unavailable"
    | "InvalidRequest"
    | "InvalidResponse"
    | "TooLarge"
    | "Schema"
  /** The failure in a few words. */
  readonly description: string
  /** Says what to do, in one or two sentences. */
  readonly advice: string
  /** `true` if the same request may succeed later. The platform may have done what was asked. */
  readonly isRetryable: boolean
  /** The HTTP status, if an answer had begun. */
  readonly status?: number | undefined
  readonly method: string
  readonly url: string
}

/**
 * No ticket came in time.
 *
 * @since 0.1.0
 * @category errors
 */
export interface TicketTimeout extends Error {
  readonly _tag: "TicketTimeout"
  readonly appId: string
}

/**
 * The store of the ticket failed.
 *
 * @since 0.1.0
 * @category errors
 */
export interface TicketStoreError extends Error {
  readonly _tag: "TicketStoreError"
  readonly appId: string
  readonly operation: "get" | "put" | "drop" | "changes"
  readonly description: string
}

/**
 * An option that identifies the app is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export interface FeishuAppError extends Error {
  readonly _tag: "FeishuAppError"
  readonly field: "appId" | "appSecret" | "kind" | "baseUrl" | "encryptKey" | "verificationToken"
  readonly problem: string
}

/**
 * An option of the webhook or of the handlers is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export interface EventSubscriptionError extends Error {
  readonly _tag: "EventSubscriptionError"
  readonly field: string
  readonly problem: string
}

/**
 * The work of `afterAnswer` was not started.
 *
 * @since 0.1.0
 * @category errors
 */
export interface BackgroundTasksError extends Error {
  readonly _tag: "BackgroundTasksError"
  readonly reason: "Full" | "Closed" | "NoWaitUntil" | "Options"
  readonly description: string
}

/**
 * A wrong use of this module.
 *
 * - `Closed`: the app was closed.
 * - `Handler`: a handler comes too late, or is the second of its type, or its type is not one of events, or not of callbacks.
 * - `Environment`: a variable is missing or has a wrong form.
 * - `NoTenant`: the event names no tenant to call for, or the key of a tenant is empty.
 * - `Options`: an option other than those of the app is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export interface FeishuUsageError extends Error {
  readonly _tag: "FeishuUsageError"
  readonly reason: "Closed" | "Handler" | "Environment" | "NoTenant" | "Options"
}

/**
 * A class for `instanceof`, and for the `toThrow` of a test. Only this library makes the errors.
 *
 * @since 0.1.0
 * @category errors
 */
// oxlint-disable-next-line typescript/no-explicit-any -- what test frameworks take for a class
export type ErrorClass<E extends Error> = new(...args: Array<any>) => E

/**
 * @since 0.1.0
 * @category errors
 */
export const FeishuApiError: ErrorClass<FeishuApiError> = FeishuError.FeishuApiError

/**
 * @since 0.1.0
 * @category errors
 */
export const FeishuNetworkError: ErrorClass<FeishuNetworkError> = FeishuError.FeishuNetworkError

/**
 * @since 0.1.0
 * @category errors
 */
export const TicketTimeout: ErrorClass<TicketTimeout> = AppTicket.TicketTimeout

/**
 * @since 0.1.0
 * @category errors
 */
export const TicketStoreError: ErrorClass<TicketStoreError> = TicketStore.TicketStoreError

/**
 * @since 0.1.0
 * @category errors
 */
export const FeishuAppError: ErrorClass<FeishuAppError> = FeishuApp.FeishuAppError

/**
 * @since 0.1.0
 * @category errors
 */
export const EventSubscriptionError: ErrorClass<EventSubscriptionError> = EventSubscription.EventSubscriptionError

/**
 * @since 0.1.0
 * @category errors
 */
export const BackgroundTasksError: ErrorClass<BackgroundTasksError> = BackgroundTasks.BackgroundTasksError

/**
 * @since 0.1.0
 * @category errors
 */
export const FeishuUsageError: ErrorClass<FeishuUsageError> = Errors.FeishuUsageError

/**
 * Returns how long to wait before the next try, in milliseconds: as the platform asks, or until the next resend can follow. Returns
 * `undefined` if nothing says so.
 *
 * @since 0.1.0
 * @category errors
 */
export const retryAfter: (error: unknown) => number | undefined = Errors.retryAfter
