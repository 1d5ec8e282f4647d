/** Keeps a valid ticket of each store app: shows each ticket that comes, and asks for a ticket if there is none. */
import type * as AppTicket from "@effect-feishu/core/AppTicket"
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Failure } from "../Failure.js"
import * as Output from "../Output.js"
import type * as Display from "./Display.js"
import type * as Health from "./Health.js"
import type { ServedApp } from "./ServedApp.js"

/** Returns the pause after a failure, before a ticket is asked for again. */
export const pauseAfter = (failure: Failure): Duration.Duration => {
  switch (failure._tag) {
    // The platform was asked in the meantime as often as it makes sense.
    case "TicketTimeout":
      return Duration.zero
    case "TicketStoreError":
      return Duration.seconds(10)
    default:
      return failure._tag === "FeishuApiError" && !failure.isRetryable ? Duration.minutes(5) : Duration.minutes(1)
  }
}

/** Runs `onTicket` once for each ticket, though a store that was away emits the newest ticket again. */
const watch = (tickets: AppTicket.Service, onTicket: (ticket: Ticket) => Effect.Effect<void>) => {
  let newest: Ticket | undefined
  return Stream.runForEach(tickets.changes, (ticket) => {
    if (newest !== undefined && DateTime.Equivalence(newest.sentAt, ticket.sentAt)) return Effect.void
    newest = ticket
    return onTicket(ticket)
  }).pipe(Effect.retry(Schedule.spaced("1 second")))
}

/** The library has logged all failures but a timeout. */
const log = (failure: Failure) => {
  if (failure._tag === "TicketTimeout") return Effect.logError(failure.message)
  return failure._tag === "TicketStoreError" ? Effect.void : Effect.logInfo(
    `asking again in ${Duration.format(pauseAfter(failure))}; a ticket that the platform pushes before is taken, too`
  )
}

/** Asks for a ticket whenever there is none, again and again. */
const ask = (appId: string, tickets: AppTicket.Service, display: Display.Service) =>
  Effect.gen(function*() {
    const { waiting } = yield* Output.Output
    return yield* waiting("waiting for the app ticket, which may take 2 minutes")(tickets.get).pipe(
      Effect.as(Duration.minutes(1)),
      Effect.catchAll((failure) =>
        log(failure).pipe(
          Effect.andThen(display.noTicket(appId, failure)),
          Effect.as(pauseAfter(failure))
        )
      ),
      Effect.flatMap(Effect.sleep),
      Effect.forever
    )
  })

/** Never ends. A self-built app has no tickets to keep. */
export const forever = (
  { app: { appId }, tickets }: ServedApp,
  display: Display.Service,
  health: Health.Service
) =>
  tickets === undefined
    ? Effect.never
    : Effect.all([
      watch(tickets, (ticket) => Effect.andThen(health.see(appId, ticket), display.ticket(appId, ticket))),
      ask(appId, tickets, display)
    ], { concurrency: "unbounded", discard: true })
