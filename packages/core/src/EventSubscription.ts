/**
 * Accepts what the platform pushes to the app's request URL: proves that a delivery is the platform's, keeps the ticket, and
 * runs the handlers of events and callbacks.
 *
 * The doors to the network are `EventHttpApp`, `EventWebHandler` and `EventNodeListener`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { constVoid } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as BackgroundTasks from "./BackgroundTasks.js"
import { Claims } from "./Claims.js"
import type { EventHandler } from "./EventHandler.js"
import type { EventRefused } from "./EventRefused.js"
import { FeishuApp } from "./FeishuApp.js"
import type { FeishuEvent } from "./FeishuEvent.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import * as MetricLabels from "./internal/metricLabels.js"
import * as Span from "./internal/span.js"
import * as Outage from "./internal/store/outage.js"
import * as TicketAge from "./internal/ticketAge.js"
import * as Callbacks from "./internal/webhook/callbacks.js"
import * as EventCrypto from "./internal/webhook/eventCrypto.js"
import * as Handling from "./internal/webhook/handling.js"
import * as Proof from "./internal/webhook/proof.js"
import { refused } from "./internal/webhook/refused.js"
import * as Subscriptions from "./internal/webhook/subscriptions.js"
import * as Uninterruptible from "./internal/webhook/uninterruptible.js"
import { TicketStore } from "./TicketStore.js"

/**
 * A request to the request URL.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** The bytes as they arrived: the signature covers the bytes, not the JSON in them. */
  readonly body: Uint8Array
}

/**
 * The result of a delivery that was accepted.
 *
 * - `challenge`: the URL is being saved in the developer console. The answer must contain `challenge`.
 * - `stored`: the ticket is in the store. `older`: the store has a newer ticket.
 * - `handled`: the handler has succeeded. `duplicate`: the handler had succeeded before. `unhandled`: the event has no handler.
 * - `answered`: a callback was handled. `failed`: the handler of a callback failed or took too long. The answer must be
 *   `answer` as JSON, because a user waits for it.
 *
 * @since 0.1.0
 * @category models
 */
export type Receipt =
  | { readonly outcome: "challenge"; readonly challenge: string }
  | { readonly outcome: "stored" | "older" | "handled" | "duplicate" | "unhandled" }
  | { readonly outcome: "answered" | "failed"; readonly answer: Readonly<Record<string, unknown>> }

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Checks that a delivery is the platform's and for this app. Changes nothing. */
  readonly prove: (delivery: Delivery) => Effect.Effect<void, EventRefused>
  /**
   * Proves a delivery and accepts the delivery. Succeeds when the delivery may be acknowledged with HTTP 200, and not before.
   */
  readonly receive: (delivery: Delivery) => Effect.Effect<Receipt, EventRefused>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class EventSubscription
  extends Context.Tag("@effect-feishu/core/EventSubscription")<EventSubscription, Service>()
{}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> {
  /**
   * Handle events and callbacks other than the ticket's event. An event without a handler is acknowledged. A callback without
   * a handler shows nothing to the user. Default: none.
   */
  readonly handlers?: ReadonlyArray<EventHandler<R>> | undefined
  /**
   * The time for a handler. The platform waits 3 s (page "事件概述"). When the layer closes, it waits as long for its handlers.
   * Default: 2.5 s.
   */
  readonly handlerTimeout?: Duration.DurationInput | undefined
  /**
   * The greatest age of the signature of a callback. Shorter than `maxAge`, because the platform sends a callback once, and
   * because a callback is not remembered: a copy that somebody sends again runs the handler again. Default: 5 min.
   */
  readonly maxCallbackAge?: Duration.DurationInput | undefined
  /**
   * The greatest age of the signature of an event. The platform may not sign a retry anew, and the last retry comes
   * 7 h 5 min 15 s after the first push (page "事件概述": after 15 s, 5 min, 1 h and 6 h). Default: 7 h 10 min.
   */
  readonly maxAge?: Duration.DurationInput | undefined
  /** The greatest time by which a signature or a ticket may be in the future, because clocks differ. Default: 5 min. */
  readonly maxFuture?: Duration.DurationInput | undefined
  /**
   * The time for which a handled event is remembered, so that the event is not handled again. Must be longer than `maxAge` and
   * `maxFuture` together, because a replay would be handled otherwise. Default: 8 h.
   */
  readonly rememberFor?: Duration.DurationInput | undefined
  /**
   * Accepts events without a proof if the app has neither an encrypt key nor a verification token. Anybody can then send a
   * ticket. Default: false.
   */
  readonly acceptUnproven?: boolean | undefined
  /** The limits of the tasks that handlers add by `BackgroundTasks.add`. Default: see `BackgroundTasks.Options`. */
  readonly backgroundTasks?: BackgroundTasks.Options | undefined
}

/**
 * The services that handlers need from the program: all but a scope of their own and the background tasks.
 *
 * @since 0.1.0
 * @category models
 */
export type Needed<R> = Exclude<Exclude<R, Scope.Scope>, BackgroundTasks.BackgroundTasks>

/**
 * An option is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventSubscriptionError
  extends Schema.TaggedError<EventSubscriptionError>("@effect-feishu/core/EventSubscriptionError")(
    "EventSubscriptionError",
    { field: Schema.String, problem: Schema.String }
  )
{
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `EventSubscription: ${this.field} ${this.problem}`
  }
}

const wrong = (field: string, problem: string) => new EventSubscriptionError({ field, problem })

const check = (options: Options<unknown>, isProvable: boolean): Effect.Effect<void, EventSubscriptionError> => {
  const types = new Set<string | undefined>()
  for (const { type } of options.handlers ?? []) {
    if (types.has(type)) return wrong("handlers", `has two for ${type ?? "all"}: put them into one`)
    if (type === "app_ticket") {
      return wrong("handlers", "has one for app_ticket, which goes to the TicketStore: use AppTicket.changes instead")
    }
    if (type === "") return wrong("handlers", "has one for \"\", which is no event's type: all is for every type")
    types.add(type)
  }
  return isProvable || options.acceptUnproven === true
    ? Effect.void
    : wrong(
      "encryptKey",
      "and verificationToken are both missing, so anybody could send this app a ticket: give FeishuApp what the "
        + "developer console has under \"Encryption Strategy\", or set acceptUnproven"
    )
}

/** The options in effect. */
interface Settings {
  readonly maxAge: Duration.Duration
  readonly maxCallbackAge: Duration.Duration
  readonly maxFuture: Duration.Duration
  readonly rememberFor: Duration.Duration
  readonly handlerTimeout: Duration.Duration
}

const settingsOf = (options: Options<unknown>): Effect.Effect<Settings, EventSubscriptionError> => {
  const maxAge = Duration.decode(options.maxAge ?? "430 minutes")
  const maxCallbackAge = Duration.decode(options.maxCallbackAge ?? "5 minutes")
  const maxFuture = Duration.decode(options.maxFuture ?? "5 minutes")
  const rememberFor = Duration.decode(options.rememberFor ?? "8 hours")
  const handlerTimeout = Duration.decode(options.handlerTimeout ?? "2500 millis")
  if (Duration.greaterThanOrEqualTo(handlerTimeout, Duration.seconds(3))) {
    return wrong("handlerTimeout", "must be less than the 3 s for which the platform waits")
  }
  // `Duration` turns a negative number and NaN into 0.
  if (Duration.equals(handlerTimeout, Duration.zero)) return wrong("handlerTimeout", "must be longer than 0")
  if (Duration.equals(maxAge, Duration.zero)) return wrong("maxAge", "must be longer than 0")
  if (Duration.equals(maxCallbackAge, Duration.zero)) return wrong("maxCallbackAge", "must be longer than 0")
  const lifeOfSignature = Duration.sum(maxAge, maxFuture)
  if (Duration.lessThanOrEqualTo(rememberFor, Duration.max(lifeOfSignature, Duration.minutes(1)))) {
    return wrong(
      "rememberFor",
      `must be longer than maxAge and maxFuture together, ${Duration.format(lifeOfSignature)}, and than a minute`
    )
  }
  return Effect.succeed({ maxAge, maxCallbackAge, maxFuture, rememberFor, handlerTimeout })
}

/** Warns of each type of callback once, because a user sees nothing. */
const makeWarnOnce = () => {
  const warned = new Set<string>()
  return (type: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (warned.has(type)) return Effect.void
      warned.add(type)
      return Effect.logWarning(
        `there is no callback handler for ${type}: the user sees nothing, and this is the only warning`
      )
    })
}

/** Stores the tickets of an app. */
const makeTicketing = ({ appId, maxFuture, tickets }: {
  readonly appId: string
  readonly tickets: TicketStore["Type"]
  readonly maxFuture: Duration.Duration
}) => {
  const store = Outage.ofTickets(tickets)
  const latest = Duration.toMillis(maxFuture)
  return (event: FeishuEvent, isDated: boolean, now: number): Effect.Effect<"stored" | "older", EventRefused> => {
    // An old ticket that arrives late must not count as the newest.
    if (!isDated) return refused("Malformed", "the ticket's event has no ts")
    const value = event.payload["app_ticket"]
    if (typeof value !== "string" || value === "") return refused("Malformed", "the event has no app_ticket")
    const sentAt = DateTime.toEpochMillis(event.createdAt)
    // A ticket from the future would hide every other ticket until then.
    if (sentAt - now > latest) return refused("Stale", "the ticket is from the future: check this machine's clock")
    return Effect.mapBoth(store.put(appId, { value: Redacted.make(value), sentAt: event.createdAt }), {
      onFailure: ({ message }) => refused("Store", message),
      onSuccess: (isNewest) => {
        if (!isNewest) return "older"
        TicketAge.seen(tickets, appId, sentAt, now)
        return "stored"
      }
    })
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(
  options?: Options<R>
): Effect.Effect<
  Service,
  EventSubscriptionError,
  FeishuApp | TicketStore | Claims | Scope.Scope | Needed<R>
> =>
  Effect.gen(function*() {
    const { appId, encryptKey, verificationToken } = yield* FeishuApp
    yield* check(options ?? {}, Option.isSome(encryptKey) || Option.isSome(verificationToken))
    const { handlerTimeout, maxAge, maxCallbackAge, maxFuture, rememberFor } = yield* settingsOf(options ?? {})
    const latestCallback = Duration.toMillis(maxCallbackAge)
    const storeTicket = makeTicketing({ appId, tickets: yield* TicketStore, maxFuture })
    // Made before the handling, because the scope closes in reverse: the last handlers may add tasks.
    const tasks = yield* Effect.mapError(
      BackgroundTasks.make(options?.backgroundTasks),
      ({ description }) => wrong("backgroundTasks", `is wrong: ${description}`)
    )
    const handling = yield* Handling.make<R>({
      appId,
      claims: Outage.ofClaims(yield* Claims),
      handlerTimeout,
      rememberFor
    }).pipe(Effect.provideService(BackgroundTasks.BackgroundTasks, tasks))
    const prove = Proof.make({
      appId,
      crypto: Option.getOrUndefined(Option.map(encryptKey, EventCrypto.make)),
      verificationToken,
      maxAge: Duration.toMillis(maxAge),
      maxFuture: Duration.toMillis(maxFuture)
    })
    const handlers = new Map((options?.handlers ?? []).map((handler) => [handler.type, handler]))
    const byOutcome = MetricLabels.make("outcome", { app_id: appId })
    const spanOptions = () => ({ captureStackTrace: false, attributes: { "feishu.app_id": appId } })

    const isCallback = (type: string) => handlers.get(type)?.isCallback === true || Callbacks.isCallback(type)
    const warnOnce = makeWarnOnce()

    const takeCallback = ({ age, event }: Proof.Event): Effect.Effect<Receipt, EventRefused> => {
      // Nothing remembers a callback, and the platform sends it once.
      if (age !== undefined && age > latestCallback) {
        return refused(
          "Stale",
          "the callback is too old, and the platform sends a callback once: somebody sends it again, or this machine's clock is "
            + "wrong"
        )
      }
      const handler = handlers.get(event.type) ?? handlers.get(undefined)
      const warning = handler?.isCallback === true ? Effect.void : warnOnce(event.type)
      return Effect.andThen(
        warning,
        handler === undefined
          ? Effect.succeed<Receipt>({ outcome: "answered", answer: Callbacks.nothing })
          : handling.answer(event, handler)
      )
    }

    const takeEvent = (proven: Proof.Event, now: number): Effect.Effect<Receipt, EventRefused> => {
      const { event, isDated } = proven
      if (event.type === "app_ticket") {
        return Effect.map(storeTicket(event, isDated, now), (outcome) => ({ outcome }))
      }
      if (isCallback(event.type)) return takeCallback(proven)
      if (event.id === "") return refused("Malformed", "the event has no header.event_id")
      const handler = handlers.get(event.type) ?? handlers.get(undefined)
      return handler === undefined
        ? Effect.succeed({ outcome: "unhandled" })
        : Effect.map(handling.handle(event, handler), (outcome) => ({ outcome }))
    }

    const take = (result: Proof.Result, now: number): Effect.Effect<Receipt, EventRefused> => {
      if (Either.isLeft(result)) return Exit.fail(result.left)
      const proven = result.right
      const taken: Effect.Effect<Receipt, EventRefused> = proven._tag === "Challenge"
        ? Effect.succeed({ outcome: "challenge", challenge: proven.challenge })
        : takeEvent(proven, now)
      // A client that disconnects leaves no ticket half stored and no event half handled.
      return Uninterruptible.region(Effect.map(taken, (receipt) => {
        FeishuMetrics.pushes.unsafeUpdate(1, byOutcome(receipt.outcome))
        return receipt
      }))
    }

    const proven = <A, E>(delivery: Delivery, use: (result: Proof.Result, now: number) => Effect.Effect<A, E>) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        const result = prove(delivery, now)
        return result instanceof Promise
          ? Effect.flatMap(Effect.promise(() => result), (result) => use(result, now))
          : use(result, now)
      })

    const service: Service = {
      prove: (delivery) => proven(delivery, Either.map(constVoid)),
      receive: (delivery) => Span.withSpan("EventSubscription.receive", spanOptions)(proven(delivery, take))
    }
    return Subscriptions.register(service, { appId, prove })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options?: Options<R>
): Layer.Layer<EventSubscription, EventSubscriptionError, FeishuApp | TicketStore | Claims | Needed<R>> =>
  Layer.scoped(EventSubscription, make(options))

/** From the least to the most helpful reason, if several apps refuse the same delivery. */
const telling: ReadonlyArray<EventRefused["reason"]> = [
  "Unsigned",
  "Signature",
  "Decryption",
  "ForeignApp",
  "Token",
  "Stale"
]

const noApp = refused("ForeignApp", "there is no app yet that could accept it")

/** The bytes of a body that are hashed, once for each app, before other requests have a turn. They take about 3 ms. */
const bytesInTurn = 5_000_000

// @effect-diagnostics-next-line globalTimers:off
const turn = Effect.promise(() => new Promise<void>((resolve) => void setTimeout(resolve)))

/**
 * Combines several apps behind one request URL. A delivery goes to the first app that the delivery is proven to be for.
 * Runs `subscriptions` for each delivery, so apps may be added and removed. Each app must have an encrypt key or a
 * verification token of its own.
 *
 * @since 0.1.0
 * @category combinators
 */
export const anyOf = (subscriptions: Effect.Effect<Iterable<Service>>): Service => {
  const provenFor = (delivery: Delivery) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      let refusal = noApp
      let rank = -1
      let bytes = 0
      for (const subscription of yield* subscriptions) {
        bytes += delivery.body.length
        if (bytes > bytesInTurn) {
          // A forged body of 1 MB would keep all other requests waiting. `Effect.yieldNow` gives a turn to fibers only.
          yield* turn
          bytes = 0
        }
        const proof = Subscriptions.get(subscription)?.prove(delivery, now)
        const proven = proof === undefined
          ? yield* Effect.either(subscription.prove(delivery))
          : proof instanceof Promise
          ? yield* Effect.promise(() => proof)
          : proof
        if (Either.isRight<unknown, EventRefused>(proven)) return subscription
        if (!proven.left.isUnproven) return yield* proven.left
        if (telling.indexOf(proven.left.reason) > rank) {
          refusal = proven.left
          rank = telling.indexOf(refusal.reason)
        }
      }
      return yield* refusal
    })
  return {
    prove: (delivery) => Effect.asVoid(Effect.suspend(() => provenFor(Proof.shared(delivery)))),
    receive: (delivery) =>
      Effect.suspend(() => {
        const shared = Proof.shared(delivery)
        return Effect.flatMap(provenFor(shared), (subscription) => subscription.receive(shared))
      })
  }
}
