/**
 * The metrics of this package, as Effect metrics.
 *
 * Each metric has the label `connection`, which is `host:port/database`, or the `name` of the settings.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"

/**
 * 1 while there is a connection for commands, 0 while there is none.
 *
 * @since 0.1.0
 * @category metrics
 */
export const up: Metric.Metric.Gauge<number> = Metric.gauge("feishu_redis_up", {
  description: "Whether there is a connection to Redis, by connection"
})

/**
 * Counts the connections that were lost, by `link`: `commands`, `messages`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const losses: Metric.Metric.Counter<number> = Metric.counter("feishu_redis_losses_total", {
  description: "Connections to Redis that were lost, by connection and link",
  incremental: true
})

/**
 * Counts the commands that failed, by `reason`: that of the `RedisError`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const failures: Metric.Metric.Counter<number> = Metric.counter("feishu_redis_failures_total", {
  description: "Commands to Redis that failed, by connection and reason",
  incremental: true
})
