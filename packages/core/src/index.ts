/**
 * The access tokens: always a valid one, for the app or for a tenant.
 *
 * @since 0.1.0
 */
export * as AccessToken from "./AccessToken.js"

/**
 * The app ticket: have a valid one, wait for it, ask the platform to push one now.
 *
 * @since 0.1.0
 */
export * as AppTicket from "./AppTicket.js"

/**
 * Work that goes on after the answer to a delivery, in the background of this process.
 *
 * @since 0.1.0
 */
export * as BackgroundTasks from "./BackgroundTasks.js"

/**
 * Names that one holder has for a time.
 *
 * @since 0.1.0
 */
export * as Claims from "./Claims.js"

/**
 * The platform's error codes as data: what each means, and whether to try again.
 *
 * @since 0.1.0
 */
export * as ErrorCode from "./ErrorCode.js"

/**
 * Decrypts what the platform pushes, and checks whether the platform signed it.
 *
 * @since 0.1.0
 */
export * as EventCrypto from "./EventCrypto.js"

/**
 * Answers requests to the request URL, for a door of your own.
 *
 * @since 0.1.0
 */
export * as EventDoor from "./EventDoor.js"

/**
 * Handles events and callbacks.
 *
 * @since 0.1.0
 */
export * as EventHandler from "./EventHandler.js"

/**
 * The request URL as a route of an Effect server.
 *
 * @since 0.1.0
 */
export * as EventHttpApp from "./EventHttpApp.js"

/**
 * The request URL as a listener for `node:http`, Express, Koa and Fastify.
 *
 * @since 0.1.0
 */
export * as EventNodeListener from "./EventNodeListener.js"

/**
 * The reason why a delivery is not accepted.
 *
 * @since 0.1.0
 */
export * as EventRefused from "./EventRefused.js"

/**
 * Accepts what the platform pushes: proves a delivery, keeps the ticket, and runs the handlers.
 *
 * @since 0.1.0
 */
export * as EventSubscription from "./EventSubscription.js"

/**
 * The request URL as a function from a web `Request` to a `Response`.
 *
 * @since 0.1.0
 */
export * as EventWebHandler from "./EventWebHandler.js"

/**
 * Which app this is: its id, its secrets, and the platform it belongs to.
 *
 * @since 0.1.0
 */
export * as FeishuApp from "./FeishuApp.js"

/**
 * Any of the platform's calls, for a tenant or for the app, with its tokens.
 *
 * @since 0.1.0
 */
export * as FeishuClient from "./FeishuClient.js"

/**
 * Why a call failed: `FeishuNetworkError` or `FeishuApiError`.
 *
 * @since 0.1.0
 */
export * as FeishuError from "./FeishuError.js"

/**
 * An event of the platform's, in one shape for its schemas 1.0 and 2.0.
 *
 * @since 0.1.0
 */
export * as FeishuEvent from "./FeishuEvent.js"

/**
 * The events and callbacks that store apps use most, with the types of their payloads.
 *
 * @since 0.1.0
 */
export * as FeishuEvents from "./FeishuEvents.js"

/**
 * What this library counts.
 *
 * @since 0.1.0
 */
export * as FeishuMetrics from "./FeishuMetrics.js"

/**
 * When a failed call is tried again, and when to give up.
 *
 * @since 0.1.0
 */
export * as RetryPolicy from "./RetryPolicy.js"

/**
 * What an app must not forget: its ticket, the events it has handled, the resend it has just sent.
 *
 * @since 0.1.0
 */
export * as TicketStore from "./TicketStore.js"

/**
 * Where access tokens are kept besides memory.
 *
 * @since 0.1.0
 */
export * as TokenStore from "./TokenStore.js"
