/**
 * The library's metrics. Each has the tag `app_id`, except the refusals, because nobody knows the app of a refused delivery.
 *
 * `Effect.tagMetrics` adds no tags to these metrics: most are updated for all callers at once, outside of any caller's
 * effect. Add tags where the metrics are exported.
 *
 * @since 0.1.0
 */
import * as Metric from "effect/Metric"

/**
 * Resends that have ended, by `outcome`: `success`, or the `reason` of a `FeishuNetworkError`, or the `kind` of an `FeishuApiError`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketResends: Metric.Metric.Counter<number> = Metric.counter("feishu_ticket_resends_total", {
  description: "Resends of the app ticket that have ended, by outcome",
  incremental: true
})

/**
 * Seconds since the newest known ticket was sent, as of its arrival and of each `AppTicket.get`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketAge: Metric.Metric.Gauge<number> = Metric.gauge("feishu_ticket_age_seconds", {
  description: "Seconds since the newest known app ticket was sent"
})

/**
 * Fibers that wait for a ticket now.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketWaiters: Metric.Metric.Gauge<number> = Metric.gauge("feishu_ticket_waiters", {
  description: "Fibers that wait for an app ticket"
})

/**
 * Deliveries that were accepted, by `outcome`: `stored` and `older` of a ticket, `handled`, `unhandled` and `duplicate`
 * of another event, `challenge` of a handshake.
 *
 * @since 0.1.0
 * @category metrics
 */
export const pushes: Metric.Metric.Counter<number> = Metric.counter("feishu_pushes_total", {
  description: "Deliveries to the request URL that were accepted, by outcome",
  incremental: true
})

/**
 * Deliveries that were refused, by `reason`: that of an `EventRefused`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refusals: Metric.Metric.Counter<number> = Metric.counter("feishu_refusals_total", {
  description: "Deliveries to the request URL that were refused, by reason",
  incremental: true
})

/**
 * Calls for an access token that have ended, by `token` (`app`, `tenant`) and `outcome`: `success`, the `reason` of a
 * `FeishuNetworkError`, the `kind` of an `FeishuApiError`, `no ticket`, or `interrupted`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const tokenFetches: Metric.Metric.Counter<number> = Metric.counter("feishu_token_fetches_total", {
  description: "Calls for an access token that have ended, by token and outcome",
  incremental: true
})

/**
 * Operations of a store that have failed, by `store` (`TicketStore`, `TokenStore`) and `operation`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const storeFailures: Metric.Metric.Counter<number> = Metric.counter("feishu_store_failures_total", {
  description: "Operations of a store that have failed, by store and operation",
  incremental: true
})
