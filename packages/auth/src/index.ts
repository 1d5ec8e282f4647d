/**
 * The app ticket: ask the platform to push one now.
 *
 * @since 0.1.0
 */
export * as AppTicket from "./AppTicket.js"

/**
 * The platform's error codes as data: what each means, and whether to try again.
 *
 * @since 0.1.0
 */
export * as ErrorCode from "./ErrorCode.js"

/**
 * Which app this is: its id, its secrets, and the platform it belongs to.
 *
 * @since 0.1.0
 */
export * as FeishuApp from "./FeishuApp.js"

/**
 * Why a call failed: `NetworkError` or `ApiError`.
 *
 * @since 0.1.0
 */
export * as FeishuError from "./FeishuError.js"

/**
 * One exchange with the Open Platform, typed: what the calls of this library are made of.
 *
 * @since 0.1.0
 */
export * as OpenApi from "./OpenApi.js"

/**
 * When a failed call is tried again, and when to give up.
 *
 * @since 0.1.0
 */
export * as RetryPolicy from "./RetryPolicy.js"
