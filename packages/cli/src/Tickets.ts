/**
 * The app ticket as the commands that only look have it: from the store, or by waiting for it where they are told to.
 */
import * as AppTicket from "@effect-feishu/auth/AppTicket"
import { FeishuApp } from "@effect-feishu/auth/FeishuApp"
import { type Ticket, TicketStore } from "@effect-feishu/auth/TicketStore"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Failure, NoTicket, UsageError } from "./Failure.js"
import * as Output from "./Output.js"
import * as Store from "./Store.js"
import * as Time from "./Time.js"

/** A ticket lives for so long after it was sent (page "ISV 相关"). */
const lifetime = Duration.hours(3)

export const expiresAt = (ticket: Ticket): DateTime.Utc => DateTime.addDuration(ticket.sentAt, lifetime)

const advice = "`feishu-ticket serve` receives tickets; a service that receives them keeps them where --store says."

/** The ticket that is kept, if it is valid. */
const kept = (location: Store.Location) =>
  Effect.gen(function*() {
    const { appId } = yield* FeishuApp
    const newest = yield* Effect.flatMap(TicketStore, (store) => store.get(appId))
    const now = yield* Clock.currentTimeMillis
    if (Option.isNone(newest)) {
      return yield* new NoTicket({
        message: `There is no ticket of ${appId} in ${Store.describe(location)}. ${advice}`
      })
    }
    const left = DateTime.toEpochMillis(expiresAt(newest.value)) - now
    if (left <= 0) {
      return yield* new NoTicket({
        message: `The newest ticket of ${appId} in ${Store.describe(location)} was sent at ${
          Time.moment(newest.value.sentAt)
        } and expired ${Time.span(left)} ago. ${advice}`
      })
    }
    return newest.value
  })

/** One that has come, or that comes within the time; and what there is to say where none does. */
export const get = (
  location: Store.Location,
  wait: Option.Option<Duration.Duration>
): Effect.Effect<Ticket, Failure, FeishuApp | TicketStore | HttpClient.HttpClient | Output.Output> =>
  Option.match(wait, {
    onNone: () => kept(location),
    onSome: (waitFor) =>
      Effect.catchTag(kept(location), "NoTicket", () =>
        Effect.gen(function*() {
          const { waiting } = yield* Output.Output
          const tickets = yield* AppTicket.make({ waitFor })
          return yield* waiting("waiting for the app ticket")(tickets.get)
        }).pipe(
          Effect.scoped,
          Effect.catchTag("FeishuAppError", ({ message }) => new UsageError({ message }))
        ))
  })

/** For an `AccessToken`: it takes the ticket that there is, and asks for none. */
export const layer = (ticket: Ticket): Layer.Layer<AppTicket.AppTicket, never, FeishuApp | TicketStore> =>
  Layer.effect(
    AppTicket.AppTicket,
    Effect.gen(function*() {
      const { appId } = yield* FeishuApp
      const store = yield* TicketStore
      let current: Ticket | undefined = ticket
      const get = Effect.suspend(() =>
        current === undefined
          ? new AppTicket.TicketTimeout({ appId, waited: Duration.zero, nextResendIn: undefined })
          : Effect.succeed(current)
      )
      return {
        get,
        refresh: get,
        invalidate: (ticket) =>
          Effect.suspend(() => {
            current = undefined
            return store.drop(appId, ticket)
          }),
        changes: Stream.empty
      }
    })
  )
