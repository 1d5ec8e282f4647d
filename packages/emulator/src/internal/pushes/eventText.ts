/** The JSON of an event, before it is encrypted. */
import type { App, Event } from "../../App.js"
import { tenantsOf } from "../platform/apps.js"

/** Returns the tenant that an event names. */
export const tenantOf = (app: App, event: Event): string | undefined =>
  event.tenantKey === null || event.type === "app_ticket" ? undefined : event.tenantKey ?? tenantsOf(app)[0]

/** Formats a time as the platform does in events of schema 1.0: seconds with seven digits. Rounds no binary fraction. */
const seconds = (millis: number): string => `${Math.floor(millis / 1000)}.${String(millis % 1000).padStart(3, "0")}0000`

export const eventText = ({ app, event, eventId, now, token }: {
  readonly app: App
  readonly event: Event
  readonly eventId: string
  /** The verification token. */
  readonly token: string | undefined
  /** The time of the event, in milliseconds since 1970. */
  readonly now: number
}): string => {
  const tenantKey = tenantOf(app, event)
  return JSON.stringify(
    event.schema === "1.0"
      ? {
        ts: seconds(now),
        uuid: eventId,
        token: token ?? "",
        type: "event_callback",
        event: {
          app_id: app.appId,
          ...(tenantKey !== undefined && { tenant_key: tenantKey }),
          ...event.payload,
          type: event.type
        }
      }
      : {
        schema: "2.0",
        header: {
          event_id: eventId,
          token: token ?? "",
          create_time: String(now),
          event_type: event.type,
          tenant_key: tenantKey ?? "",
          app_id: app.appId
        },
        event: event.payload
      }
  )
}
