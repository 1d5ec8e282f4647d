/** Updates the metrics of the newest ticket: its age, and when it was sent. */
import * as FeishuMetrics from "../FeishuMetrics.js"
import type * as TicketStore from "../TicketStore.js"
import * as MetricLabels from "./metricLabels.js"

const labels = MetricLabels.make("app_id")

/** By store and app: when the newest ticket was sent, in milliseconds since 1970. */
const newest = new WeakMap<TicketStore.Service, Map<string, number>>()

export const seen = (store: TicketStore.Service, appId: string, sentAt: number, now: number): void => {
  const apps = newest.get(store) ?? new Map<string, number>()
  newest.set(store, apps)
  const before = apps.get(appId)
  const newestSentAt = before === undefined ? sentAt : Math.max(sentAt, before)
  if (newestSentAt !== before) {
    apps.set(appId, newestSentAt)
    FeishuMetrics.ticketSent.unsafeUpdate(newestSentAt / 1000, labels(appId))
  }
  FeishuMetrics.ticketAge.unsafeUpdate((now - newestSentAt) / 1000, labels(appId))
}
