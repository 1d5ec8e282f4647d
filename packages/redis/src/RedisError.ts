/**
 * Errors of Redis.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Redis did not do what was asked.
 *
 * - `Away`: there is no connection, or the connection broke.
 * - `Timeout`: Redis did not answer in time, and may have done what was asked.
 * - `Refused`: Redis answered with an error, for example because of its memory, a replica, or a user's rights.
 * - `Misconfigured`: only a change of the configuration helps: a wrong password, a database that does not exist, a
 *   certificate that is not valid, a Cluster that the configuration does not name.
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisError extends Schema.TaggedError<RedisError>("@effect-feishu/redis/RedisError")("RedisError", {
  reason: Schema.Literal("Away", "Timeout", "Refused", "Misconfigured"),
  /** The failure in a few words, without anything that was sent. */
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
 * A URL of Redis is wrong. The error does not hold the URL, because there may be a password in the URL.
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisUrlError extends Schema.TaggedError<RedisUrlError>("@effect-feishu/redis/RedisUrlError")(
  "RedisUrlError",
  {
    field: Schema.Literal("url", "sentinelMaster"),
    /** Says what is wrong and what would be right. */
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
