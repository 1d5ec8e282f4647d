/**
 * The types of `promise`. They name no type of Effect.
 *
 * @since 0.1.0
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as FeishuPayloads from "./FeishuPayloads.js"

/**
 * A `store` app is installed by many tenants and needs an app ticket; a `self-built` app belongs to one tenant and
 * needs none.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "store" | "self-built"

/**
 * The store of a program: Redis, a database or files. A `Map` is one, too.
 *
 * The values are texts that hold secrets: let nobody else read the store. There is no atomic step, so two processes may each
 * handle the same event, or each ask the platform for a ticket. `redis` of `@effect-feishu/redis/promise` has no such gap.
 *
 * @since 0.1.0
 * @category stores
 */
export interface KeyValueStore {
  /** Returns the value, or `undefined` or `null` if there is none. */
  readonly get: (key: string) => Awaitable<string | null | undefined>
  /** Sets the value. The result is ignored. */
  readonly set: (key: string, value: string) => unknown
  /** Removes the value, if there is one. The result is ignored. */
  readonly delete: (key: string) => unknown
}

/**
 * Stores that another package makes: `redis` of `@effect-feishu/redis/promise`.
 *
 * @since 0.1.0
 * @category stores
 */
export interface Stores {
  readonly "~@effect-feishu/core/promise/Stores": unknown
}

/**
 * A value, or a promise of the value.
 *
 * @since 0.1.0
 * @category models
 */
export type Awaitable<A> = A | PromiseLike<A>

/**
 * A line of the log, without secrets.
 *
 * @since 0.1.0
 * @category logging
 */
export interface LogEntry {
  readonly level: "debug" | "info" | "warn" | "error"
  readonly message: string
  /** The reason of a failure: what a handler has thrown, for example. */
  readonly error?: unknown
  /** For example `app_id`, `event_id` and `event_type`. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly date: Date
}

/**
 * How often and for how long a call is tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryOptions {
  /** The most retries after the first attempt. Default: 5. */
  readonly retries?: number | undefined
  /** The time for one attempt, in milliseconds. Default: 10,000. */
  readonly attemptTimeout?: number | undefined
  /** The time for all attempts and waits together, in milliseconds. Default: 30,000. */
  readonly totalTimeout?: number | undefined
}

/**
 * The options that do not identify the app.
 *
 * @since 0.1.0
 * @category models
 */
export interface MoreOptions {
  /**
   * Where the ticket and the ids of handled events are kept, so that they survive a restart. Default: the memory of this
   * process.
   */
  readonly store?: KeyValueStore | Stores | undefined
  /**
   * `true` keeps the access tokens in `store`, too. Whoever reads the store then has the data of your tenants for up to 2
   * hours, and a new token is one call away. `Stores` decide for themselves. Default: `false`.
   */
  readonly storeTokens?: boolean | undefined
  /** Carries all calls to the platform, in place of the global `fetch`: for a proxy, or for a test. */
  readonly fetch?: ((url: string | URL | Request, init?: RequestInit) => Promise<Response>) | undefined
  /**
   * Receives the log, from the level `info` on. `false`: no log. Default: warnings and errors, a line each, on the console.
   */
  readonly logger?: ((entry: LogEntry) => void) | false | undefined
  readonly retry?: RetryOptions | undefined
  /** The longest wait for a ticket, in milliseconds. The platform may take 2 minutes to push one. Default: 150,000. */
  readonly ticketTimeout?: number | undefined
  /** The time for a handler, in milliseconds. Less than the 3 s for which the platform waits. Default: 2,500. */
  readonly handlerTimeout?: number | undefined
  /** The limits of the work of `afterAnswer`. */
  readonly background?: {
    /** The most pieces of work that run or wait for their turn. Default: 1,000. */
    readonly capacity?: number | undefined
    /** The most pieces of work that run at once. Default: 10. */
    readonly concurrency?: number | undefined
    /** The time for which `close` waits for the work before `close` aborts the work, in milliseconds. Default: 5,000. */
    readonly drainFor?: number | undefined
  } | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends MoreOptions {
  /** The app id, `cli_…`, from the developer console's page "Credentials & Basic Info". */
  readonly appId: string
  /** The app secret, from the same page. */
  readonly appSecret: string
  /** The developer console's "Encrypt Key". The webhook needs this or the verification token. */
  readonly encryptKey?: string | undefined
  /** The developer console's "Verification Token". */
  readonly verificationToken?: string | undefined
  /** Default: `store`. */
  readonly kind?: Kind | undefined
  /** `feishu` (the default), the platform in mainland China, or `lark`, the platform everywhere else. */
  readonly domain?: "feishu" | "lark" | undefined
  /** In place of `domain`: any https URL, for example of an emulator. For http see `allowHttp`. */
  readonly baseUrl?: string | undefined
  /** Allows a `baseUrl` with http:// to any host. Default: http is allowed to loopback addresses only. */
  readonly allowHttp?: boolean | undefined
}

/**
 * The known types of events and their payloads.
 *
 * @since 0.1.0
 * @category events
 */
export interface EventPayloads {
  "im.message.receive_v1": FeishuPayloads.MessageReceived
  "im.chat.member.bot.added_v1": FeishuPayloads.BotMembership
  "im.chat.member.bot.deleted_v1": FeishuPayloads.BotMembership
  "application.bot.menu_v6": FeishuPayloads.BotMenuClicked
  "app_status_change": FeishuPayloads.AppStatusChanged
  "app_open": FeishuPayloads.AppOpened
  "app_uninstalled": FeishuPayloads.AppUninstalled
  "application.application.visibility.added_v6": FeishuPayloads.AppVisibilityAdded
  "contact.user.created_v3": FeishuPayloads.UserCreated
  "contact.user.updated_v3": FeishuPayloads.UserChanged
  "contact.user.deleted_v3": FeishuPayloads.UserChanged
  "contact.department.created_v3": FeishuPayloads.DepartmentCreated
  "contact.department.updated_v3": FeishuPayloads.DepartmentChanged
  "contact.department.deleted_v3": FeishuPayloads.DepartmentChanged
  "contact.scope.updated_v3": FeishuPayloads.ContactScopeUpdated
}

/**
 * The known types of callbacks, their payloads and their answers.
 *
 * @since 0.1.0
 * @category events
 */
export interface Callbacks {
  "card.action.trigger": {
    readonly payload: FeishuPayloads.CardAction
    readonly answer: FeishuPayloads.CardActionAnswer
  }
  "url.preview.get": { readonly payload: FeishuPayloads.LinkPreview; readonly answer: FeishuPayloads.LinkPreviewAnswer }
}

/**
 * The payload of a type that is not known: the `event` object of the body, as the platform sends it.
 *
 * @since 0.1.0
 * @category events
 */
export type UnknownPayload = Readonly<Record<string, unknown>>

/**
 * @since 0.1.0
 * @category events
 */
export type EventPayload<Type extends string> = Type extends keyof EventPayloads ? EventPayloads[Type] : UnknownPayload

/**
 * @since 0.1.0
 * @category events
 */
export type CallbackPayload<Type extends string> = Type extends keyof Callbacks ? Callbacks[Type]["payload"]
  : UnknownPayload

/**
 * @since 0.1.0
 * @category events
 */
export type CallbackAnswer<Type extends string> = Type extends keyof Callbacks ? Callbacks[Type]["answer"] : object

/**
 * An event or a callback of the platform.
 *
 * @since 0.1.0
 * @category events
 */
export interface FeishuEvent<out Payload = UnknownPayload> {
  /** The same each time the platform pushes the event. Empty for a callback without an id. */
  readonly id: string
  readonly type: string
  readonly appId: string
  /** The company that the event is about. `undefined` if the event is about the app itself. */
  readonly tenantKey: string | undefined
  /** The time of the event. The time of arrival if the platform gives no time. */
  readonly createdAt: Date
  /**
   * Has the fields that `EventPayloads` or `Callbacks` lists, if the type is known there. A payload that does not fit fails the
   * handler.
   */
  readonly payload: Payload
  /**
   * The whole body as JSON, without the verification token. Holds the token of a card: `console.log`, `JSON.stringify` and object
   * spread leave out this property.
   */
  readonly raw: Readonly<Record<string, unknown>>
}

/**
 * A call that can be aborted. The promise then rejects with the reason of the signal, and other callers go on.
 *
 * @since 0.1.0
 * @category calls
 */
export interface Abortable {
  readonly signal?: AbortSignal | undefined
}

/**
 * @since 0.1.0
 * @category calls
 */
export interface CallOptions extends Abortable {
  /** Default: `GET`, and `POST` if there is `json`. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined
  /** For example `/open-apis/im/v1/messages`. */
  readonly path: string
  /** Leaves out what is `undefined` or `null`. An array gives its parameter once for each element. */
  readonly query?:
    | Readonly<Record<string, QueryValue | ReadonlyArray<QueryValue | null | undefined> | null | undefined>>
    | undefined
  /** The body. */
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * `true` declares that the call does no harm if it is sent twice, for example because the call carries the platform's own `uuid`.
   * Then a `POST` whose answer may be lost is sent again, like a `GET`. Default: `false`.
   */
  readonly idempotent?: boolean | undefined
}

/**
 * @since 0.1.0
 * @category calls
 */
export type QueryValue = string | number | boolean

/**
 * @since 0.1.0
 * @category calls
 */
export interface FetchOptions extends Abortable {
  /** Default: `GET`. */
  readonly method?: string | undefined
  /**
   * `authorization` is set by this library, and may not be given. A call with a `user_access_token` needs nothing of this
   * library: make it by the global `fetch`.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** A `ReadableStream` can be read once, so its request is sent once. */
  readonly body?:
    | string
    | ArrayBuffer
    | Uint8Array
    | Blob
    | FormData
    | URLSearchParams
    | ReadableStream<Uint8Array>
    | null
    | undefined
  /** See `CallOptions`. */
  readonly idempotent?: boolean | undefined
}

/**
 * The calls for the tenant of an event, and the start of work that goes on after the answer.
 *
 * @since 0.1.0
 * @category events
 */
export interface HandlerContext {
  /** Aborted when the time of the handler is over. */
  readonly signal: AbortSignal
  /** `Feishu.request` for the tenant of the event. Rejects if the event names no tenant. */
  readonly request: <Data = unknown>(call: CallOptions) => Promise<Data>
  /** `Feishu.fetch` for the tenant of the event. Rejects if the event names no tenant. */
  readonly fetch: (path: string, init?: FetchOptions) => Promise<Response>
  /** `Feishu.tenantToken` for the tenant of the event. Rejects if the event names no tenant. */
  readonly tenantToken: (options?: Abortable) => Promise<string>
  /**
   * Starts work that goes on after the platform has its answer, for what takes longer than the time of a handler. Starts the work at
   * once, or when its turn comes. Logs work that fails. `close` waits for the work.
   *
   * Throws a `BackgroundTasksError` if there is too much work: let it fail the handler, and the platform pushes the event again.
   * Call this last: if the handler fails afterwards, the event comes again, and the work runs again. The work is lost if the process
   * dies.
   */
  readonly afterAnswer: (work: (signal: AbortSignal) => unknown) => void
}

/**
 * The request URL of the app.
 *
 * @since 0.1.0
 * @category webhook
 */
export interface Webhook {
  /**
   * A listener for `node:http`, Express, Koa, Fastify and NestJS, whatever the path. Put it before every body parser: the signature
   * is over the bytes. Never rejects.
   */
  readonly node: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /**
   * A function for Hono, Next.js, Bun, Deno and Workers. On a serverless runtime, `context` should have the runtime's `waitUntil`: the
   * third argument of `fetch` on Workers, or `{ waitUntil: after }` in Next.js. Never rejects.
   */
  readonly web: (request: Request, context?: WebContext) => Promise<Response>
}

/**
 * @since 0.1.0
 * @category webhook
 */
export interface WebContext {
  /** Keeps the runtime from stopping before the promise ends. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
}

/**
 * An app. Starts nothing by itself: the first delivery, call or `ready` does. If that fails, for example because Redis cannot be
 * reached, the next one tries again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Feishu {
  readonly appId: string
  /** The address of the platform: the `domain` of the official SDK. */
  readonly baseUrl: string
  /**
   * Handles a type of event. The event is acknowledged when the promise of `handle` resolves. If the promise rejects, or after
   * `handlerTimeout`, the platform pushes the event again; if a handler that was too slow succeeds later, this process does not run
   * the handler for the event again. A message that comes as two events is handled once.
   *
   * Call this before the first delivery, call or `ready`: later, and for a type that has a handler, this throws a
   * `FeishuUsageError`. Throws an `EventSubscriptionError` if the app has neither an encrypt key nor a verification token.
   */
  readonly on: <Type extends keyof EventPayloads | (string & {})>(
    type: Type,
    handle: (event: FeishuEvent<EventPayload<Type>>, context: HandlerContext) => unknown
  ) => void
  /**
   * Answers a type of callback, for example a click on a card. The user sees what `handle` returns; `undefined` shows nothing. If
   * the promise rejects, or after `handlerTimeout`, the user sees an error after a click. The platform sends a callback once.
   *
   * Throws like `on`.
   */
  readonly callback: <Type extends keyof Callbacks | (string & {})>(
    type: Type,
    handle: (
      event: FeishuEvent<CallbackPayload<Type>>,
      context: HandlerContext
    ) => Awaitable<CallbackAnswer<Type> | undefined | void>
  ) => void
  /**
   * The request URL of the app. To read this throws an `EventSubscriptionError` if the app has neither an encrypt key nor a
   * verification token, because anybody could send such an app a ticket.
   */
  readonly webhook: Webhook
  /**
   * Resolves when calls can be made: a store app has a ticket, a self-built app its token. Asks the platform for a ticket if there is
   * none, and waits for the push, so the request URL must be listening. Rejects with a `TicketTimeout` if none comes.
   */
  readonly ready: (
    options?: Abortable & {
      /** In milliseconds, `ticketTimeout` at most. Default: `ticketTimeout`. */
      readonly timeout?: number | undefined
    }
  ) => Promise<void>
  /**
   * Returns the tenant access token of a company, to be used at once: from memory if the token is good for some minutes yet, else
   * from the platform, once for all callers. A self-built app has one tenant, whatever the key.
   */
  readonly tenantToken: (tenantKey: string, options?: Abortable) => Promise<string>
  /** Returns the app access token. */
  readonly appToken: (options?: Abortable) => Promise<string>
  /**
   * Takes back a token of `tenantToken` that the platform has refused (`FeishuApiError` of the kind `TokenInvalid`, or 99991663,
   * 99991664 or 99991671 of an SDK), so that the next call of `tenantToken` gets another one. `request` and `fetch` do so themselves.
   */
  readonly invalidateToken: (tenantKey: string, token: string) => Promise<void>
  /**
   * Calls an API for a tenant and returns `data` of the answer, whose type nothing checks. Rejects with a `FeishuApiError` if the
   * platform refuses, with a `FeishuNetworkError` if no usable answer comes, and with the reason if there is no token.
   */
  readonly request: <Data = unknown>(tenantKey: string, call: CallOptions) => Promise<Data>
  /**
   * Calls an API for a tenant, like `fetch`: a refusal is an answer. For files, uploads and whatever `request` has no option for.
   */
  readonly fetch: (tenantKey: string, path: string, init?: FetchOptions) => Promise<Response>
  /**
   * Waits for the handlers and for the work of `afterAnswer`, and ends. Calls that are still under way then reject with a
   * `FeishuUsageError`, and are not retried. Deliveries that come later get 503, and calls reject with a `FeishuUsageError`. Close
   * the HTTP server before.
   */
  readonly close: () => Promise<void>
}
