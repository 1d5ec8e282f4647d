/** The newest app ticket in memory. Decides how long a ticket is used. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Service as TicketStore, Ticket } from "../../TicketStore.js"
import { isSame } from "../isSame.js"
import * as TicketAge from "../ticketAge.js"
import * as RefusedValues from "./refusedValues.js"

/** The life of a ticket after it was sent (page "ISV 相关"). */
const lifetime = Duration.hours(3)

/** The most refused tickets that are remembered. */
const maxRefused = 16

export const sentAt = (ticket: Ticket): number => DateTime.toEpochMillis(ticket.sentAt)

/** `now`: in milliseconds since 1970. */
export interface NewestTicket {
  /** Remembers the ticket if it is the newest. Returns `true` if the ticket can be used. */
  readonly see: (ticket: Ticket, now: number) => boolean
  /** Returns the newest ticket if it can be used. */
  readonly valid: (now: number) => Ticket | undefined
  /** Returns the newest ticket if the next one is not due yet. */
  readonly fresh: (now: number) => Ticket | undefined
  /** Returns when the newest ticket was sent, and `-Infinity` if there is none. */
  readonly lastSentAt: () => number
  /** Never uses the ticket again. `monotonicNow`: on the monotonic clock in milliseconds. */
  readonly refuse: (ticket: Ticket, monotonicNow: number) => void
}

export const make = (options: {
  readonly appId: string
  readonly store: TicketStore
  readonly freshFor: Duration.Duration
  readonly expiryMargin: Duration.Duration
}): NewestTicket => {
  const { appId, store } = options
  const validFor = Duration.toMillis(lifetime) - Duration.toMillis(options.expiryMargin)
  const freshFor = Math.min(Duration.toMillis(options.freshFor), validFor)
  const refused = RefusedValues.make(maxRefused)
  let newest: Ticket | undefined

  const usable = (now: number, time: number) => newest !== undefined && now - sentAt(newest) < time ? newest : undefined

  return {
    see: (ticket, now) => {
      if (refused.has(Redacted.value(ticket.value))) return false
      if (newest === undefined || sentAt(ticket) > sentAt(newest)) {
        newest = ticket
        TicketAge.seen(store, appId, sentAt(ticket), now)
      }
      return now - sentAt(ticket) < validFor
    },
    valid: (now) => usable(now, validFor),
    fresh: (now) => {
      const ticket = usable(now, freshFor)
      if (ticket !== undefined) TicketAge.seen(store, appId, sentAt(ticket), now)
      return ticket
    },
    lastSentAt: () => newest === undefined ? -Infinity : sentAt(newest),
    refuse: (ticket, monotonicNow) => {
      refused.refuse(Redacted.value(ticket.value), monotonicNow)
      if (newest !== undefined && isSame(newest, ticket)) newest = undefined
    }
  }
}
