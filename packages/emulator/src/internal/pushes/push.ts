/** One event that is being pushed. */
import type * as Deferred from "effect/Deferred"
import type { App, Event } from "../../App.js"
import type { PushFault } from "../../Fault.js"
import { tenantOf } from "./eventText.js"
import type { Label, Outcome } from "./sending.js"

export interface Push {
  readonly appId: string
  readonly event: Event
  readonly eventId: string
  /** The time of the event, in milliseconds since 1970. */
  readonly ts: number
  readonly fault: PushFault | undefined
  /** Gets the outcome of the first delivery. */
  readonly first: Deferred.Deferred<FirstOutcome>
}

/** The outcome of the first delivery. `lost` if a fault took the delivery. */
export interface FirstOutcome extends Omit<Outcome, "outcome"> {
  readonly outcome: Outcome["outcome"] | "lost"
}

/** The outcome of an event whose app or whose emulator is gone before the first delivery. */
export const gone = { outcome: "no request URL", status: undefined, body: "" } as const

export const labelOf = (app: App, { event, eventId, fault }: Push): Omit<Label, "attempt"> => ({
  kind: "event",
  tenantKey: tenantOf(app, event),
  eventType: event.type,
  eventId,
  origin: "platform",
  fault: fault?._tag
})
