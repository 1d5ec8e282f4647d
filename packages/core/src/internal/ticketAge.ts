/** Updates the metric of the age of the newest ticket. */
import * as FeishuMetrics from "../FeishuMetrics.js"
import type * as TicketStore from "../TicketStore.js"
import * as MetricLabels from "./metricLabels.js"

const labels = MetricLabels.make("app_id")

/** By store and app: when the newest ticket was sent, in milliseconds since 1970. */
const newest = new WeakMap<TicketStore.Service, Map<string, number>>()

export const seen = (store: TicketStore.Service, appId: string, sentAt: number, now: number): void => {
  const apps = newest.get(store) ?? new Map<string, number>()
  newest.set(store, apps)
  const newestSentAt = Math.max(sentAt, apps.get(appId) ?? sentAt)
  apps.set(appId, newestSentAt)
  FeishuMetrics.ticketAge.unsafeUpdate((now - newestSentAt) / 1000, labels(appId))
}
