/**
 * What this package counts, as Effect metrics.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"

/**
 * 1 while the connection that carries the commands is there, 0 while it is not.
 *
 * @since 0.1.0
 * @category metrics
 */
export const up: Metric.Metric.Gauge<number> = Metric.gauge("feishu_redis_up", {
  description: "Whether the connection to Redis is there"
})

/**
 * How often a connection was lost, by `connection`: `commands`, `messages`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const losses: Metric.Metric.Counter<number> = Metric.counter("feishu_redis_losses_total", {
  description: "Connections to Redis that were lost, by connection",
  incremental: true
})

/**
 * Commands that have failed, by the `reason` of the `RedisError`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const failures: Metric.Metric.Counter<number> = Metric.counter("feishu_redis_failures_total", {
  description: "Commands to Redis that have failed, by reason",
  incremental: true
})
