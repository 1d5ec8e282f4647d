/**
 * What Redis does not do.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Redis has not done what it was asked.
 *
 * - `Away`: there is no connection to it, or it broke.
 * - `Timeout`: it did not answer in time. It may have done it all the same.
 * - `Refused`: it answered with an error: it is out of memory, read-only, the user may not do that, …
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisError extends Schema.TaggedError<RedisError>("@effect-feishu/redis/RedisError")("RedisError", {
  reason: Schema.Literal("Away", "Timeout", "Refused"),
  /** What was seen, in a few words. Nothing of what was sent is in it. */
  description: Schema.String
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return this.description
  }
}

/**
 * URLs of Redis that cannot be right. It never holds them, for there may be a password in them.
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisUrlError extends Schema.TaggedError<RedisUrlError>("@effect-feishu/redis/RedisUrlError")(
  "RedisUrlError",
  {
    field: Schema.Literal("url", "sentinelMaster"),
    /** What is wrong with it and what it should be. */
    problem: Schema.String
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    const variable = this.field === "url" ? "FEISHU_REDIS_URL" : "FEISHU_REDIS_SENTINEL_MASTER"
    return `RedisConnection: ${this.field} ${this.problem} (in the default config: ${variable})`
  }
}
