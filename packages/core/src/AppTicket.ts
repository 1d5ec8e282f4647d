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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Claims } from "./Claims.js"
import { FeishuApp, FeishuAppError } from "./FeishuApp.js"
import type { FeishuApiError, FeishuNetworkError } from "./FeishuError.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import { askedWait } from "./internal/askedWait.js"
import { type Fork, makeFork, makeSingle } from "./internal/background.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { monotonicMillis, readMonotonicMillis } from "./internal/monotonicMillis.js"
import { isRequestBound } from "./internal/requestBound.js"
import * as Span from "./internal/span.js"
import * as Arrivals from "./internal/store/arrivals.js"
import * as Outage from "./internal/store/outage.js"
import { timeLimit } from "./internal/timeLimit.js"
import * as AskAgain from "./internal/token/askAgain.js"
import * as NewestTicket from "./internal/token/newestTicket.js"
import * as Polling from "./internal/token/polling.js"
import * as Resend from "./internal/token/resend.js"
import * as Resending from "./internal/token/resending.js"
import * as SharedResend from "./internal/token/sharedResend.js"
import * as Waiting from "./internal/token/waiting.js"
import { type Ticket, TicketStore, type TicketStoreError } from "./TicketStore.js"

type CallContext = FeishuApp | HttpClient.HttpClient

/**
 * Asks the platform to push an `app_ticket` event now: `POST /open-apis/auth/v3/app_ticket/resend`.
 *
 * Succeeds when the platform has accepted the request. The ticket itself arrives by the event, up to 2 minutes later (pages
 * "重新获取 app_ticket" and "ISV 相关"). Retries failed attempts under the `RetryPolicy` in force.
 *
 * Needs no `AppTicket`, and does not respect the cool-down of `AppTicket`.
 *
 * @since 0.1.0
 * @category calls
 */
export const resend: Effect.Effect<
  void,
  FeishuNetworkError | FeishuApiError,
  FeishuApp | HttpClient.HttpClient
> = Resend.send(Effect.void)

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
    /** The time until the next resend may follow, if no resend was sent, because the platform had been asked lately. */
    nextResendIn: Schema.optional(Schema.DurationFromMillis),
    /** `true` if a ticket has arrived in another `TicketStore.layerMemory` of this process. */
    isElsewhere: Schema.optional(Schema.Boolean),
    /**
     * `true` on Cloudflare Workers if the tickets are in the memory of an isolate: no request waits there, because the push is
     * another request, and may reach another isolate.
     */
    needsSharedStore: Schema.optional(Schema.Boolean)
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    if (this.isElsewhere === true) {
      return `No app ticket for ${this.appId} came within ${
        Duration.format(this.waited)
      }, but one has arrived in another `
        + "memory store of this process: the program has built the layer of its TicketStore twice. Give the request URL and the "
        + "rest of the program one layer, or one ManagedRuntime (EventWebHandler.make takes the runtime)."
    }
    const heldBack = this.nextResendIn === undefined
      ? ""
      : " The platform was not asked, for it had been asked or had refused lately: the next resend can follow in "
        + `${Duration.format(this.nextResendIn)}.`
    if (this.needsSharedStore === true) {
      const asked = this.nextResendIn === undefined
        ? " The platform has been asked for a push: call again soon."
        : heldBack
      return `There is no app ticket for ${this.appId} in the memory of this isolate, and a request of a Worker cannot wait `
        + `for the push, which is another request.${asked} The push may reach another isolate: give all isolates one `
        + "TicketStore, on KV, D1 or a Durable Object, and a request waits for the ticket there. The page WORKERS.md of "
        + "@effect-feishu/core says how."
    }
    return `No app ticket for ${this.appId} came within ${
      Duration.format(this.waited)
    }.${heldBack} Check in the developer `
      + "console that the app has a published version and that its request URL leads to this service; that no firewall or "
      + "proxy keeps the platform's POST requests away; and in the log that this service has refused no delivery. A "
      + "process that does not receive the events itself must share its TicketStore with the one that does."
  }
}

/**
 * The reason why there is no ticket: none came in time, the platform refused or could not be reached, or the store failed.
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
   * Returns a valid ticket. Returns a fresh ticket from memory. Looks at the store for a newer ticket if the ticket in memory
   * is older, and requests the next one in the background. Asks the platform and waits if there is no valid ticket.
   */
  readonly get: Effect.Effect<Ticket, TicketError>
  /** Asks the platform and waits for a newer ticket than the newest of the store. */
  readonly refresh: Effect.Effect<Ticket, TicketError>
  /**
   * Removes a ticket that the platform refused (code 10012) from memory and from the store. This process does not return the
   * ticket again. Leaves any other ticket as it is. A store that fails is logged.
   */
  readonly invalidate: (ticket: Ticket) => Effect.Effect<void>
  /** Emits the newest ticket, if there is one, and then each ticket that arrives. */
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
  /** The time after a ticket was sent in which no newer one is requested. The platform sends one every hour. Default: 75 minutes. */
  readonly freshFor?: Duration.DurationInput | undefined
  /** The time before the end of a ticket, which is 3 hours old then, in which the ticket is no longer used. Default: 5 minutes. */
  readonly expiryMargin?: Duration.DurationInput | undefined
  /**
   * The longest wait for a ticket. The platform may take 2 minutes (page "ISV 相关"). Default: 150 s. On Cloudflare Workers with
   * a `TicketStore.layerMemory`: none, because no request can wait for the push there.
   */
  readonly waitFor?: Duration.DurationInput | undefined
  /**
   * The time after a resend in which no other resend follows, or longer if the platform asks for a longer wait. After a
   * resend that the platform accepted, no other follows until the push has come, or for 2 minutes. Default: 60 s.
   */
  readonly coolDown?: Duration.DurationInput | undefined
}

/** The longest look at the store. A store that does not answer must not keep the platform from being asked. */
const longestLook = Duration.seconds(5)

/** The longest look at the store while there is a valid ticket in memory. */
const longestLookWithTicket = Duration.millis(100)

const together = { concurrency: "unbounded", discard: true } as const

const logFailedRenewal = (cause: Cause.Cause<TicketError>) => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  // The resend and the store log their own failures.
  const isLogged = error !== undefined && error._tag !== "TicketTimeout"
  return isLogged || Cause.isInterruptedOnly(cause)
    ? Effect.void
    : Effect.logWarning(
      `the app ticket could not be renewed in the background: ${error?.message ?? Cause.pretty(cause)}`
    )
}

const storeApp = Effect.flatMap(FeishuApp, (app) =>
  app.kind === "store" ? Effect.succeed(app) : new FeishuAppError({
    field: "kind",
    problem: "is self-built: such an app needs no app ticket and gets none, so leave AppTicket out"
  }))

type Timeout = (reason: {
  readonly waited: Duration.Duration
  readonly needsSharedStore?: true
}) => Effect.Effect<never, TicketTimeout>

/** Waits within one request, without the fibers of other requests. */
const waitInRequest = ({ ask, askAgain, isInMemory, look, timeout, waitFor }: {
  readonly ask: Effect.Effect<unknown, TicketError>
  readonly askAgain: Effect.Effect<void, TicketError>
  readonly isInMemory: boolean
  /** Returns a ticket that was sent after a time, if there is one. */
  readonly look: (after: number) => Effect.Effect<Option.Option<Ticket>, TicketError>
  readonly timeout: Timeout
  readonly waitFor: Duration.Duration
}) =>
(time: number, since: number): Effect.Effect<Ticket, TicketError> =>
  Effect.gen(function*() {
    const waited = Effect.map(monotonicMillis, (now) => Duration.millis(now - since))
    if (!isInMemory) {
      return yield* Polling.wait<Ticket, TicketError, never>({
        look: look(time),
        work: Effect.andThen(askAgain, Effect.never),
        limit: Duration.subtract(waitFor, yield* waited),
        onTimeout: timeout({ waited: waitFor })
      })
    }
    yield* ask
    // Some pushes overtake the answer to their resend.
    const found = yield* look(time)
    return Option.isSome(found) ? found.value : yield* timeout({ waited: yield* waited, needsSharedStore: true })
  })

/** Looks for tickets in the store, asks the platform for a push, and completes the fibers that wait. */
const makeReceiver = ({ appId, coolDown, fork, newest, store, tickets, waitFor }: {
  readonly appId: string
  readonly coolDown: Duration.Duration
  readonly fork: Fork<CallContext>
  readonly newest: NewestTicket.NewestTicket
  /** Logs its own failures. */
  readonly store: TicketStore["Type"]
  /** The same store as the program has it. */
  readonly tickets: TicketStore["Type"]
  readonly waitFor: Duration.Duration
}) =>
  Effect.gen(function*() {
    const ofApp = MetricLabels.make("app_id")(appId)
    const attributes = Resend.attributesOf(appId)

    const sharedResend = SharedResend.make(appId, () => waiting)
    const resending = Resending.make({
      appId,
      claims: Outage.ofClaims(yield* Claims),
      coolDown,
      send: sharedResend.send,
      onAccepted: Effect.logInfo("the platform will push an app ticket, which may take 2 minutes"),
      askedWait
    })
    // Goes on when nobody waits any longer, because a claim without its resend would hold back the next resend.
    const asking = makeSingle(fork, resending.sendUnlessCoolingDown)

    /** Remembers a ticket, and completes the fibers that wait for such a ticket. */
    const see = (ticket: Ticket) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const before = newest.lastSentAt()
        const isUsable = newest.see(ticket, now)
        if (newest.lastSentAt() > before) {
          sharedResend.forgetSpan()
          // Forked, because the work of the fibers that wait ends with the last of them.
          fork(resending.pushHasCome)
        }
        return isUsable && waiting.offer(ticket) > 0 ? Effect.logInfo("an app ticket has come") : Effect.void
      })

    const lookAtStore = timeLimit(store.get(appId), {
      duration: Duration.min(longestLook, waitFor),
      onTimeout: constVoid
    }).pipe(
      Effect.catchAll((error) => error === undefined ? Effect.succeedNone : Effect.fail(error)),
      Effect.tap(Option.match({ onNone: () => Effect.void, onSome: see }))
    )
    const look = makeSingle(fork, lookAtStore, () => Span.makeShared("AppTicket.look", attributes)).run

    const watch = Stream.runForEach(store.changes(appId), see).pipe(
      Effect.retry(Schedule.spaced("5 seconds")),
      Effect.andThen(Effect.never)
    )

    const askAgain = Effect.all([AskAgain.forever(asking.run, resending), AskAgain.logProgress], together)

    const timeout: Timeout = (reason) =>
      Effect.flatMap(Effect.clock, (clock) =>
        new TicketTimeout({
          appId,
          ...reason,
          nextResendIn: resending.heldBackFor(readMonotonicMillis(clock)),
          isElsewhere: Arrivals.isElsewhere(tickets, appId, clock, Duration.toMillis(waitFor)) || undefined
        }))

    const waiting: Waiting.Waiting<Ticket, TicketError> = Waiting.make<Ticket, TicketError, CallContext>({
      fork,
      work: Effect.andThen(Effect.all([watch, askAgain], together), Effect.never),
      limit: waitFor,
      onTimeout: timeout({ waited: waitFor }),
      onWait: sharedResend.link,
      onSize: (size) => FeishuMetrics.ticketWaiters.unsafeUpdate(size, ofApp)
    })
    const waitForOneAfter = (time: number, since: number) =>
      waiting.wait((ticket) => NewestTicket.sentAt(ticket) > time, since)

    const lookForOneAfter = (time: number) =>
      Effect.andThen(
        lookAtStore,
        Effect.map(Clock.currentTimeMillis, (now) => {
          const ticket = newest.valid(now)
          return ticket !== undefined && NewestTicket.sentAt(ticket) > time ? Option.some(ticket) : Option.none()
        })
      )

    return {
      /** Returns the ticket of the store, which `newest` has seen then. */
      look,
      /** Returns `true` while `newest` sees each ticket of the store, because fibers wait. */
      isWatching: () => waiting.size() > 0,
      /** Waits for a ticket that was sent after `time`. `since`: when the wait began, on the monotonic clock. */
      waitForOneAfter: isRequestBound()
        ? waitInRequest({
          ask: asking.run,
          askAgain,
          isInMemory: Arrivals.isMemoryStore(tickets),
          look: lookForOneAfter,
          timeout,
          waitFor
        })
        : waitForOneAfter,
      /** Asks for a resend, unless one was sent lately. */
      ask: Effect.asVoid(asking.run)
    }
  })

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options?: Options
): Effect.Effect<Service, FeishuAppError, FeishuApp | TicketStore | Claims | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const { appId } = yield* storeApp
    const tickets = yield* TicketStore
    const store = Outage.ofTickets(tickets)
    const forkInLayer = yield* makeFork<CallContext>()
    const fork: Fork<CallContext> = (effect) => forkInLayer(Effect.annotateLogs(effect, { app_id: appId }))

    const newest = NewestTicket.make({
      appId,
      store: tickets,
      freshFor: Duration.decode(options?.freshFor ?? "75 minutes"),
      expiryMargin: Duration.decode(options?.expiryMargin ?? "5 minutes")
    })

    const { ask, isWatching, look, waitForOneAfter } = yield* makeReceiver({
      appId,
      coolDown: Duration.decode(options?.coolDown ?? "60 seconds"),
      fork,
      newest,
      store,
      tickets,
      waitFor: Duration.decode(options?.waitFor ?? "150 seconds")
    })

    const refresh = Effect.gen(function*() {
      const since = yield* monotonicMillis
      const startedAt = yield* Clock.currentTimeMillis
      const before = newest.lastSentAt()
      const found = isWatching() ? Option.none() : Option.map(yield* look, NewestTicket.sentAt)
      // A ticket that was sent since the call is newer, though the look has found it.
      const known = Option.filter(found, (sentAt) => sentAt <= startedAt)
      const after = Math.max(before, Option.getOrElse(known, () => before))
      const ticket = newest.valid(yield* Clock.currentTimeMillis)
      return ticket !== undefined && NewestTicket.sentAt(ticket) > after
        ? ticket
        : yield* waitForOneAfter(after, since)
    })

    // On Workers, a request that has a ticket does not wait for the push, and the resend logs its own failure.
    const renewing = makeSingle(
      fork,
      isRequestBound() ? Effect.ignore(ask) : Effect.catchAllCause(refresh, logFailedRenewal)
    )

    const getOrWait = Effect.gen(function*() {
      const since = yield* monotonicMillis
      const now = yield* Clock.currentTimeMillis
      if (!isWatching()) {
        // The store may have a newer ticket, and may be slow or out of order.
        yield* newest.valid(now) === undefined ? look : Effect.ignore(
          timeLimit(look, { duration: longestLookWithTicket, onTimeout: constVoid })
        )
      }
      const ticket = newest.valid(now) ?? (yield* waitForOneAfter(-Infinity, since))
      if (newest.fresh(now) === undefined) yield* renewing.start
      return ticket
    })

    return {
      get: Effect.clockWith((clock) => {
        const ticket = newest.fresh(clock.unsafeCurrentTimeMillis())
        return ticket === undefined
          ? Span.withSpan("AppTicket.get", Resend.spanOptions(appId))(getOrWait)
          : Effect.succeed(ticket)
      }),
      refresh: Span.withSpan("AppTicket.refresh", Resend.spanOptions(appId))(refresh),
      invalidate: (ticket) =>
        Effect.flatMap(monotonicMillis, (now) => {
          newest.refuse(ticket, now)
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
 * Returns a valid ticket: see `Service.get`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const get: Effect.Effect<Ticket, TicketError, AppTicket> = Effect.flatMap(AppTicket, ({ get }) => get)

/**
 * Asks the platform and waits for a newer ticket: see `Service.refresh`.
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
 * Emits the newest ticket, if there is one, and then each ticket that arrives.
 *
 * @since 0.1.0
 * @category accessors
 */
export const changes: Stream.Stream<Ticket, TicketStoreError, AppTicket> = Stream.unwrap(
  Effect.map(AppTicket, ({ changes }) => changes)
)
