/** The app ticket for commands that do not receive pushes: from the store, or by waiting until a ticket comes into the store. */
import * as AppTicket from "@effect-feishu/core/AppTicket"
import type { Claims } from "@effect-feishu/core/Claims"
import { FeishuApp } from "@effect-feishu/core/FeishuApp"
import { type Ticket, TicketStore } from "@effect-feishu/core/TicketStore"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as HashSet from "effect/HashSet"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Failure, NoTicket, UsageError } from "./Failure.js"
import * as Output from "./Output.js"
import * as Store from "./Store.js"
import * as Time from "./Time.js"

/** The time from the sending of a ticket to its end (page "ISV 相关"). */
const lifetime = Duration.hours(3)

export const expiresAt = (ticket: Ticket): DateTime.Utc => DateTime.addDuration(ticket.sentAt, lifetime)

const advice = "Ask for one with --wait 150s, while `feishu-ticket serve`, or a service that keeps its tickets where "
  + "--store says, receives it."

/** Returns the ticket of the store. Fails if there is none, or if the ticket has expired. */
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

/** Leaves errors out of the log, because the command prints the error at its end. */
const withoutErrors = Effect.locallyWith(
  FiberRef.currentLoggers,
  HashSet.map(Logger.filterLogLevel(LogLevel.lessThan(LogLevel.Error)))
)

/** Waits for a ticket. Asks the platform for a ticket unless somebody has asked lately. */
const next = (waitFor: Duration.Duration) =>
  withoutErrors(Effect.scoped(Effect.flatMap(AppTicket.make({ waitFor }), ({ get }) => get)))

/** The command receives no pushes, so the advice of `TicketTimeout` about its own log does not apply. */
const noneCame = (location: Store.Location, { appId, nextResendIn, waited }: AppTicket.TicketTimeout) =>
  new NoTicket({
    message:
      `No ticket of ${appId} came into ${Store.describe(location)} within ${Duration.format(waited)}. ${
        nextResendIn === undefined
          ? "The platform was asked for a ticket"
          : "The platform was asked for a ticket by another process lately"
      }, and pushes the ticket to the app's request URL: check that \`feishu-ticket serve\`, or a service that keeps its tickets `
      + "there, is behind this URL, and that the app has a published version. feishu-ticket doctor checks each step."
  })

/** Returns the ticket of the store, or waits for a ticket if `wait` is given. */
export const get = (
  location: Store.Location,
  wait: Option.Option<Duration.Duration>
): Effect.Effect<Ticket, Failure, FeishuApp | TicketStore | Claims | HttpClient.HttpClient | Output.Output> =>
  Option.match(wait, {
    onNone: () => kept(location),
    onSome: (waitFor) =>
      Effect.catchTag(kept(location), "NoTicket", () =>
        Effect.gen(function*() {
          const { waiting } = yield* Output.Output
          return yield* waiting("waiting for the app ticket, which may take 2 minutes")(next(waitFor))
        }).pipe(
          Effect.catchTags({
            FeishuAppError: ({ message }) => new UsageError({ message }),
            TicketTimeout: (timeout) => noneCame(location, timeout)
          })
        ))
  })

/**
 * An `AppTicket` that returns this ticket. After the platform has refused the ticket, waits for another if `wait` is given, and
 * fails with a `TicketTimeout` otherwise.
 */
export const layer = (
  ticket: Ticket,
  wait: Option.Option<Duration.Duration>
): Layer.Layer<
  AppTicket.AppTicket,
  never,
  FeishuApp | TicketStore | Claims | HttpClient.HttpClient
> =>
  Layer.effect(
    AppTicket.AppTicket,
    Effect.gen(function*() {
      const { appId } = yield* FeishuApp
      const store = yield* TicketStore
      const context = yield* Effect.context<FeishuApp | TicketStore | Claims | HttpClient.HttpClient>()
      let current: Ticket | undefined = ticket
      const get = Effect.suspend(() =>
        current !== undefined ? Effect.succeed(current) : Option.match(wait, {
          onNone: () => new AppTicket.TicketTimeout({ appId, waited: Duration.zero, nextResendIn: undefined }),
          onSome: (waitFor) =>
            next(waitFor).pipe(
              // Only a self-built app fails so, and `layer` is for store apps.
              Effect.catchTag("FeishuAppError", Effect.die),
              Effect.provide(context)
            )
        })
      )
      return {
        get,
        refresh: get,
        invalidate: (ticket) =>
          Effect.suspend(() => {
            current = undefined
            return Effect.catchAll(store.drop(appId, ticket), ({ message }) => Effect.logWarning(message))
          }),
        changes: Stream.empty
      }
    })
  )

/** The failure of a command that does not wait, if the platform refused the ticket. */
export const refused = (appId: string, location: Store.Location): NoTicket =>
  new NoTicket({
    message:
      `The platform does not accept the ticket of ${appId} in ${Store.describe(location)} (code 10012), and it has `
      + `been dropped there. ${advice}`
  })
