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
 * Counts the resends that have ended, by `outcome`: `success`, the `reason` of a `FeishuNetworkError`, the `kind` of a
 * `FeishuApiError`, or `interrupted`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketResends: Metric.Metric.Counter<number> = Metric.counter("feishu_ticket_resends_total", {
  description: "Resends of the app ticket that have ended, by outcome",
  incremental: true
})

/**
 * The seconds since the newest known ticket was sent. Updated when a ticket arrives, and by each `AppTicket.get`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketAge: Metric.Metric.Gauge<number> = Metric.gauge("feishu_ticket_age_seconds", {
  description: "Seconds since the newest known app ticket was sent"
})

/**
 * The time at which the newest known ticket was sent, in seconds since 1970. Updated when a newer ticket is seen, and shows no value before the
 * first one.
 *
 * Alerts use this metric: it stays true while no call is made, whereas `ticketAge` stands still between two calls of
 * `AppTicket.get`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketSent: Metric.Metric.Gauge<number> = Metric.gauge("feishu_ticket_sent_timestamp_seconds", {
  description: "When the newest known app ticket was sent, in seconds since 1970"
})

/**
 * The number of fibers that wait for a ticket now.
 *
 * @since 0.1.0
 * @category metrics
 */
export const ticketWaiters: Metric.Metric.Gauge<number> = Metric.gauge("feishu_ticket_waiters", {
  description: "Fibers that wait for an app ticket"
})

/**
 * Counts the deliveries that were accepted, by `outcome`: `stored` and `older` for a ticket, `handled`, `unhandled` and
 * `duplicate` for another event, `answered` and `failed` for a callback, `challenge` for a handshake.
 *
 * @since 0.1.0
 * @category metrics
 */
export const pushes: Metric.Metric.Counter<number> = Metric.counter("feishu_pushes_total", {
  description: "Deliveries to the request URL that were accepted, by outcome",
  incremental: true
})

/**
 * Counts the deliveries that were refused, by the `reason` of the `EventRefused`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refusals: Metric.Metric.Counter<number> = Metric.counter("feishu_refusals_total", {
  description: "Deliveries to the request URL that were refused, by reason",
  incremental: true
})

/**
 * Counts the fetches of access tokens that have ended, by `token` (`app`, `tenant`) and `outcome`: `success`, `shared` if
 * another process fetched the token, the `reason` of a `FeishuNetworkError`, the `kind` of a `FeishuApiError`, `no ticket`,
 * or `interrupted`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const tokenFetches: Metric.Metric.Counter<number> = Metric.counter("feishu_token_fetches_total", {
  description: "Calls for an access token that have ended, by token and outcome",
  incremental: true
})

/**
 * Counts the operations of a store that have failed, by `store` (`TicketStore`, `TokenStore`, `Claims`) and `operation`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const storeFailures: Metric.Metric.Counter<number> = Metric.counter("feishu_store_failures_total", {
  description: "Operations of a store that have failed, by store and operation",
  incremental: true
})

/**
 * The number of background tasks that run or wait for their turn now.
 *
 * @since 0.1.0
 * @category metrics
 */
export const backgroundTasks: Metric.Metric.Gauge<number> = Metric.gauge("feishu_background_tasks", {
  description: "Background tasks that run or wait for their turn"
})

/**
 * Counts the background tasks that have ended, by `outcome`: `success`, `failure`, `interrupted`, or `refused` if there were
 * too many.
 *
 * @since 0.1.0
 * @category metrics
 */
export const backgroundTasksEnded: Metric.Metric.Counter<number> = Metric.counter("feishu_background_tasks_total", {
  description: "Background tasks that have ended, by outcome",
  incremental: true
})
