/**
 * Connects to Redis for the stores.
 *
 * @since 0.1.0
 */
export * as RedisConnection from "./RedisConnection.js"

/**
 * `Claims` on Redis.
 *
 * @since 0.1.0
 */
export * as RedisClaims from "./RedisClaims.js"

/**
 * Errors of Redis.
 *
 * @since 0.1.0
 */
export * as RedisError from "./RedisError.js"

/**
 * The metrics of this package.
 *
 * @since 0.1.0
 */
export * as RedisMetrics from "./RedisMetrics.js"

/**
 * A `TicketStore` on Redis, for any number of processes.
 *
 * @since 0.1.0
 */
export * as RedisTicketStore from "./RedisTicketStore.js"

/**
 * A `TokenStore` on Redis, for any number of processes.
 *
 * @since 0.1.0
 */
export * as RedisTokenStore from "./RedisTokenStore.js"
