/**
 * The `app_ticket`, without which a store app gets no token. The platform pushes it to the app's request URL every
 * hour, and soon after each resend.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberSet from "effect/FiberSet"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Claims, makeMemory as makeLocalClaims } from "./Claims.js"
import { FeishuApp, FeishuAppError } from "./FeishuApp.js"
import type { FeishuApiError, FeishuNetworkError } from "./FeishuError.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import { askedWait } from "./internal/askedWait.js"
import * as OpenApi from "./internal/call/openApi.js"
import { isSame } from "./internal/isSame.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { monotonicMillis } from "./internal/monotonicMillis.js"
import { outcomeOf } from "./internal/outcomeOf.js"
import * as Span from "./internal/span.js"
import * as Outage from "./internal/store/outage.js"
import * as TicketAge from "./internal/ticketAge.js"
import * as Resending from "./internal/token/resending.js"
import { type Ticket, TicketStore, type TicketStoreError } from "./TicketStore.js"

/**
 * Asks the platform to push an `app_ticket` event now: `POST /open-apis/auth/v3/app_ticket/resend`.
 *
 * Success says that a push was triggered, no more. The ticket itself arrives by that event, up to 2 minutes later
 * (pages "重新获取 app_ticket" and "ISV 相关"). Failed attempts are repeated under the `RetryPolicy` in force.
 *
 * This is the bare call: it needs no `AppTicket`, and knows nothing of its cool-down.
 *
 * @since 0.1.0
 * @category calls
 */
export const resend: Effect.Effect<
  void,
  FeishuNetworkError | FeishuApiError,
  FeishuApp | HttpClient.HttpClient
> = Effect.flatMap(FeishuApp, ({ appId, appSecret }) =>
  OpenApi.post({
    name: "appTicketResend",
    path: "/open-apis/auth/v3/app_ticket/resend",
    body: { app_id: appId, app_secret: appSecret },
    decode: () => Effect.void
  }).pipe(
    Span.withSpan("AppTicket.resend", () => ({ captureStackTrace: false, attributes: { "feishu.app_id": appId } }))
  ))

/**
 * No ticket came in time.
 *
 * @since 0.1.0
 * @category errors
 */
export class TicketTimeout extends Schema.TaggedError<TicketTimeout>("@effect-feishu/core/TicketTimeout")(
  "TicketTimeout",
  {
    appId: Schema.String,
    waited: Schema.DurationFromMillis,
    /** No resend was sent meanwhile, since the platform had been asked lately: the next can follow after this. */
    nextResendIn: Schema.optional(Schema.DurationFromMillis)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    const heldBack = this.nextResendIn === undefined
      ? ""
      : " The platform was not asked, for it had been asked or had refused lately: the next resend can follow in "
        + `${Duration.format(this.nextResendIn)}.`
    return `No app ticket for ${this.appId} came within ${
      Duration.format(this.waited)
    }.${heldBack} Check in the developer `
      + "console that the app has a published version and that its request URL leads to this service; that no firewall or "
      + "proxy keeps the platform's POST requests away; and in the log that this service has refused no delivery. A "
      + "process that does not receive the events itself must share its TicketStore with the one that does."
  }
}

/**
 * Why there is no ticket: none came in time, the platform refused or could not be reached, or the store failed.
 *
 * @since 0.1.0
 * @category errors
 */
export type TicketError = TicketTimeout | FeishuNetworkError | FeishuApiError | TicketStoreError

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * A valid ticket. One that is fresh is there at once, without a look at the store; one that is older, too, and a
   * resend follows in the background. Where there is none it asks the platform for one and waits.
   */
  readonly get: Effect.Effect<Ticket, TicketError>
  /** A newer ticket than there is now: asks the platform for one and waits. */
  readonly refresh: Effect.Effect<Ticket, TicketError>
  /**
   * Removes a ticket that the platform refused (code 10012) from memory and from the store. This process does not return the
   * ticket again. Leaves any other ticket as it is. A store that fails is logged.
   */
  readonly invalidate: (ticket: Ticket) => Effect.Effect<void>
  /** The newest ticket, if there is one, then each that arrives. */
  readonly changes: Stream.Stream<Ticket, TicketStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class AppTicket extends Context.Tag("@effect-feishu/core/AppTicket")<AppTicket, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** A ticket is fresh for so long after it was sent: the platform sends one every hour. Default: 75 minutes. */
  readonly freshFor?: Duration.DurationInput | undefined
  /** A ticket is no longer handed out so long before its 3 hours end. Default: 5 minutes. */
  readonly expiryMargin?: Duration.DurationInput | undefined
  /** How long to wait for a ticket. The platform may take 2 minutes (page "ISV 相关"). Default: 150 s. */
  readonly waitFor?: Duration.DurationInput | undefined
  /**
   * After a resend, no other follows for so long, or for as long as the platform asks for, if that is longer. Once the
   * platform has accepted one, none follows until its push has come or is overdue, after 2 minutes. Default: 60 s.
   */
  readonly coolDown?: Duration.DurationInput | undefined
}

const lifetime = Duration.hours(3)

/** How long a look at the store may take where there is a valid ticket in memory. */
const patience = Duration.millis(100)

/** How often the log says that somebody is still waiting. */
const progressEvery = Duration.seconds(15)

/** Any ticket will do that was sent after this, in milliseconds since 1970; `now`: after the newest that there is. */
type After = number | "now"

interface Waiter {
  after: After
  /** On the monotonic clock, in milliseconds. */
  readonly deadline: number
  readonly deferred: Deferred.Deferred<Ticket, TicketError>
}

const inSeconds = (millis: number): string => Duration.format(Duration.seconds(Math.round(millis / 1000)))

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: Options
): Effect.Effect<Service, FeishuAppError, FeishuApp | TicketStore | Claims | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const { appId, kind } = yield* FeishuApp
    if (kind !== "store") {
      return yield* new FeishuAppError({
        field: "kind",
        problem: "is self-built: such an app needs no app ticket and gets none, so leave AppTicket out"
      })
    }
    const tickets = yield* TicketStore
    const store = Outage.ofTickets(tickets)
    const validFor = Duration.toMillis(lifetime) - Duration.toMillis(options?.expiryMargin ?? "5 minutes")
    const freshFor = Math.min(Duration.toMillis(options?.freshFor ?? "75 minutes"), validFor)
    const waitFor = Duration.decode(options?.waitFor ?? "150 seconds")
    const coolDown = Duration.decode(options?.coolDown ?? "60 seconds")
    const ofApp = MetricLabels.make("app_id")(appId)
    const byOutcome = MetricLabels.make("outcome", { app_id: appId })
    // In the layer's scope: what one caller begins others wait for, so a caller who goes away must not end it.
    // Interruptible, because a layer may be built in an uninterruptible region, and its scope must end all the same.
    const runFork = yield* Effect.interruptible(FiberSet.makeRuntime<FeishuApp | HttpClient.HttpClient>())
    const run = <A>(effect: Effect.Effect<A, never, FeishuApp | HttpClient.HttpClient>) =>
      runFork(Effect.annotateLogs(effect, { app_id: appId }))

    /** The newest ticket that has been seen. */
    let held: Ticket | undefined
    /** The values that were last invalidated, should the store still have one of them. */
    let invalid: ReadonlyArray<string> = []
    const waiters = new Set<Waiter>()
    /** While tickets are looked for: whether the store has been looked at, and what ends it when nobody waits. */
    let pursuit: { looked: boolean; readonly over: Deferred.Deferred<void> } | undefined
    /** The last resend, or the one that runs. */
    let asking: Fiber.RuntimeFiber<Duration.Duration> | undefined
    /** Until when somebody else's resend, or one that failed, holds back the next, on the monotonic clock. */
    let heldBackUntil: number | undefined

    const sentAt = (ticket: Ticket) => DateTime.toEpochMillis(ticket.sentAt)
    const isValid = (ticket: Ticket, now: number) => now - sentAt(ticket) < validFor
    const isFresh = (ticket: Ticket, now: number) => now - sentAt(ticket) < freshFor

    const waitersChanged = () => {
      FeishuMetrics.ticketWaiters.unsafeUpdate(waiters.size, ofApp)
      if (waiters.size === 0 && pursuit !== undefined) Deferred.unsafeDone(pursuit.over, Exit.void)
    }

    /** Of all who wait, those whom it concerns are done. */
    const settle = (exit: Exit.Exit<Ticket, TicketError>, concerns: (waiter: Waiter) => boolean) => {
      let settled = 0
      for (const waiter of waiters) {
        if (!concerns(waiter)) continue
        waiters.delete(waiter)
        Deferred.unsafeDone(waiter.deferred, exit)
        settled++
      }
      if (settled > 0) waitersChanged()
      return settled
    }

    const failAll = (cause: Cause.Cause<TicketError>) =>
      Effect.sync(() => void settle(Exit.failCause(cause), () => true))

    const send = Effect.gen(function*() {
      heldBackUntil = undefined
      yield* Effect.logInfo("asking the platform for an app ticket")
      yield* Effect.onExit(
        resend,
        (exit) => Effect.sync(() => FeishuMetrics.ticketResends.unsafeUpdate(1, byOutcome(outcomeOf(exit))))
      )
    }).pipe(
      Effect.tapErrorCause((cause) => Effect.logError("the platform was asked for an app ticket in vain", cause))
    )

    const resending = Resending.make({
      appId,
      claims: Outage.ofClaims(yield* Claims),
      localClaims: yield* makeLocalClaims(),
      coolDown,
      isWanted: () => waiters.size > 0,
      send,
      onAccepted: Effect.logInfo("the platform will push an app ticket, which may take 2 minutes"),
      askedWait
    })

    /** A ticket has been seen: whoever waits for one like it has it now. */
    const offer = (ticket: Ticket) =>
      Effect.gen(function*() {
        if (invalid.includes(Redacted.value(ticket.value))) return
        const now = yield* Clock.currentTimeMillis
        if (held === undefined || sentAt(ticket) > sentAt(held)) {
          held = ticket
          TicketAge.seen(tickets, appId, sentAt(ticket), now)
        }
        if (!isValid(ticket, now)) return
        const settled = settle(
          Exit.succeed(ticket),
          ({ after }) => after !== "now" && sentAt(ticket) > after
        )
        if (settled > 0 && pursuit?.looked === true) {
          yield* Effect.logInfo("an app ticket has come")
          yield* resending.pushHasCome
        }
      })

    const sendOrFail = Effect.catchAllCause(
      resending.sendUnlessCoolingDown,
      (cause) => Effect.as(failAll(cause), Duration.zero)
    )

    const askAgainAndAgain = Effect.gen(function*() {
      // The pursuit is over, though this has not been ended yet.
      if (waiters.size === 0) return yield* Effect.never
      // Not a part of the pursuit, which may be over before the platform has answered: a claim without its resend would
      // hold back the next one.
      if (asking === undefined || asking.unsafePoll() !== null) asking = run(sendOrFail)
      const left = yield* Fiber.join(asking)
      if (Duration.lessThanOrEqualTo(left, Duration.zero)) return
      if (!resending.isPushAwaited()) {
        heldBackUntil = (yield* monotonicMillis) + Duration.toMillis(left)
        yield* Effect.logInfo(
          `the platform was asked lately: its push is awaited, and the next resend follows in ${
            inSeconds(Duration.toMillis(left))
          }`
        )
      }
      yield* Effect.sleep(left)
    }).pipe(Effect.forever)

    const watch = Stream.runForEach(store.changes(appId), offer).pipe(
      Effect.retry(Schedule.spaced("5 seconds")),
      Effect.zipRight(Effect.never)
    )

    const tellProgress = (since: number) =>
      monotonicMillis.pipe(
        Effect.flatMap((now) =>
          Effect.logInfo(`still waiting for an app ticket, for ${inSeconds(now - since)} so far`)
        ),
        Effect.schedule(Schedule.spaced(progressEvery))
      )

    /** One timer for all who wait: they wait equally long, so the first to come is the first to go. */
    const expire = Effect.gen(function*() {
      const [first] = waiters
      if (first === undefined) return yield* Effect.never
      const now = yield* monotonicMillis
      if (now < first.deadline) return yield* Effect.sleep(Duration.millis(first.deadline - now))
      const left = heldBackUntil === undefined ? 0 : Math.round((heldBackUntil - now) / 1000)
      const nextResendIn = left > 0 ? Duration.seconds(left) : undefined
      settle(Exit.fail(new TicketTimeout({ appId, waited: waitFor, nextResendIn })), ({ deadline }) => deadline <= now)
    }).pipe(Effect.forever)

    const look = Effect.gen(function*() {
      const stored = yield* store.get(appId)
      const known = [stored, Option.fromNullable(held)].flatMap(Option.toArray)
      const now = Math.max(...known.map(sentAt))
      for (const waiter of waiters) {
        if (waiter.after === "now") waiter.after = now
      }
      yield* Effect.forEach(known, offer, { discard: true })
      if (pursuit !== undefined) pursuit.looked = true
    })

    const together = { concurrency: "unbounded", discard: true } as const
    const pursue = (over: Deferred.Deferred<void>) =>
      Effect.gen(function*() {
        const since = yield* monotonicMillis
        const lookAndAsk = Effect.zipRight(look, Effect.all([watch, askAgainAndAgain, tellProgress(since)], together))
        yield* Effect.raceFirst(Deferred.await(over), Effect.all([expire, lookAndAsk], together))
      }).pipe(
        Effect.catchAllCause(failAll),
        Effect.onInterrupt(() => failAll(Cause.interrupt(FiberId.none))),
        Effect.ensuring(Effect.sync(() => {
          pursuit = undefined
          begin()
        }))
      )

    const begin = () => {
      if (pursuit !== undefined || waiters.size === 0) return
      const over = Deferred.unsafeMake<void>(FiberId.none)
      pursuit = { looked: false, over }
      const fiber = run(pursue(over))
      if (pursuit?.over === over && fiber.unsafePoll() !== null) {
        // It has not begun, for the layer's scope has ended: nobody is to wait for what cannot come.
        pursuit = undefined
        settle(Exit.interrupt(FiberId.none), () => true)
      }
    }

    /** Waits for a valid ticket that was sent after this. */
    const wait = (after: After): Effect.Effect<Ticket, TicketError> =>
      Effect.flatMap(Effect.zip(Clock.currentTimeMillis, monotonicMillis), ([now, monotonic]) => {
        const newest = pursuit?.looked === true && held !== undefined ? held : undefined
        if (after !== "now" && newest !== undefined && isValid(newest, now) && sentAt(newest) > after) {
          return Effect.succeed(newest)
        }
        const waiter: Waiter = {
          after: pursuit?.looked === true && after === "now"
            ? (newest === undefined ? -Infinity : sentAt(newest))
            : after,
          deadline: monotonic + Duration.toMillis(waitFor),
          deferred: Deferred.unsafeMake(FiberId.none)
        }
        waiters.add(waiter)
        waitersChanged()
        begin()
        return Effect.ensuring(
          Deferred.await(waiter.deferred),
          Effect.sync(() => {
            if (waiters.delete(waiter)) waitersChanged()
          })
        )
      })

    let isRenewing = false
    const renewInBackground = Effect.sync(() => {
      if (isRenewing) return
      isRenewing = true
      run(
        wait("now").pipe(
          Effect.catchAllCause((cause) => {
            const error = Option.getOrUndefined(Cause.failureOption(cause))
            const isLogged = error !== undefined && error._tag !== "TicketTimeout"
            return isLogged || Cause.isInterruptedOnly(cause)
              ? Effect.void
              : Effect.logWarning(
                `the app ticket could not be renewed in the background: ${error?.message ?? Cause.pretty(cause)}`
              )
          }),
          Effect.ensuring(Effect.sync(() => {
            isRenewing = false
          }))
        )
      )
    })

    const getOrWait = Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const known = held !== undefined && isValid(held, now) ? held : undefined
      const ticket = known === undefined ? yield* wait(-Infinity) : yield* wait(-Infinity).pipe(
        // The store may have a newer one, and may be slow or out of order.
        Effect.timeoutTo({ duration: patience, onSuccess: identity, onTimeout: () => known }),
        Effect.catchTag("TicketStoreError", () => Effect.succeed(known))
      )
      if (!isFresh(ticket, now)) yield* renewInBackground
      return ticket
    }).pipe(
      Effect.withSpan("AppTicket.get", { captureStackTrace: false, attributes: { "feishu.app_id": appId } })
    )

    return {
      get: Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        if (held === undefined || !isFresh(held, now)) return getOrWait
        TicketAge.seen(tickets, appId, sentAt(held), now)
        return Effect.succeed(held)
      }),
      refresh: wait("now").pipe(
        Effect.withSpan("AppTicket.refresh", { captureStackTrace: false, attributes: { "feishu.app_id": appId } })
      ),
      invalidate: (ticket) =>
        Effect.suspend(() => {
          invalid = [...invalid.slice(-15), Redacted.value(ticket.value)]
          if (held !== undefined && isSame(held, ticket)) held = undefined
          return Effect.ignore(store.drop(appId, ticket))
        }),
      changes: store.changes(appId)
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<AppTicket, FeishuAppError, FeishuApp | TicketStore | Claims | HttpClient.HttpClient> =>
  Layer.scoped(AppTicket, make(options))

/**
 * A valid ticket: see `Service.get`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const get: Effect.Effect<Ticket, TicketError, AppTicket> = Effect.flatMap(AppTicket, ({ get }) => get)

/**
 * A newer ticket than there is now: see `Service.refresh`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const refresh: Effect.Effect<Ticket, TicketError, AppTicket> = Effect.flatMap(
  AppTicket,
  ({ refresh }) => refresh
)

/**
 * Removes a ticket that the platform refused: see `Service.invalidate`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const invalidate = (ticket: Ticket): Effect.Effect<void, never, AppTicket> =>
  Effect.flatMap(AppTicket, (service) => service.invalidate(ticket))

/**
 * The newest ticket, if there is one, then each that arrives.
 *
 * @since 0.1.0
 * @category accessors
 */
export const changes: Stream.Stream<Ticket, TicketStoreError, AppTicket> = Stream.unwrap(
  Effect.map(AppTicket, ({ changes }) => changes)
)
