/**
 * Takes what the platform pushes to the app's request URL: proves that it is the platform's, keeps the ticket, and hands
 * every other event on.
 *
 * Its doors to the network are `EventHttpApp`, `EventWebHandler` and `EventNodeListener`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as FiberSet from "effect/FiberSet"
import { constVoid } from "effect/Function"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Claims, type ClaimsError } from "./Claims.js"
import type { EventHandler } from "./EventHandler.js"
import { FeishuApp } from "./FeishuApp.js"
import type * as FeishuEvent from "./FeishuEvent.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { oneLine } from "./internal/oneLine.js"
import * as Outage from "./internal/store/outage.js"
import * as TicketAge from "./internal/ticketAge.js"
import { timeLimit } from "./internal/timeLimit.js"
import { constantTimeEquals } from "./internal/webhook/constantTimeEquals.js"
import * as EventCrypto from "./internal/webhook/eventCrypto.js"
import * as Message from "./internal/webhook/message.js"
import { TicketStore, type TicketStoreError } from "./TicketStore.js"

/**
 * What arrived at the request URL.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** The bytes as they arrived: parsed JSON that is written again has another signature. */
  readonly body: Uint8Array
}

/**
 * What became of a delivery that was accepted.
 *
 * - `challenge`: it was the handshake of a URL that is being saved; `challenge` is to be sent back.
 * - `stored`: the ticket is in the store. `older`: the store has a newer one.
 * - `handled`: the handler has succeeded. `duplicate`: it had succeeded before. `unhandled`: there is no handler for it.
 *
 * @since 0.1.0
 * @category models
 */
export type Receipt =
  | { readonly outcome: "challenge"; readonly challenge: string }
  | { readonly outcome: "stored" | "older" | "handled" | "duplicate" | "unhandled" }

const statuses = {
  Method: 405,
  ContentType: 415,
  TooLarge: 413,
  Incomplete: 400,
  Malformed: 400,
  Unsigned: 401,
  Signature: 401,
  Stale: 401,
  Decryption: 401,
  Token: 401,
  ForeignApp: 401,
  Store: 503,
  Running: 503,
  Handler: 500,
  HandlerTimeout: 500
} as const

/**
 * Why a delivery was not accepted.
 *
 * - `Method`, `ContentType`, `TooLarge`, `Incomplete`: it is not a `POST` of JSON, is over 1 MB, or broke off.
 * - `Malformed`: it is neither an event nor a handshake.
 * - `Unsigned`: a proof is missing. `Signature`: it is wrong. `Stale`: it is right, but from too long ago, or from the
 *   future. `Decryption`: the event cannot be opened. `Token`: the verification token is wrong. `ForeignApp`: it is for
 *   another app.
 * - `Store`: the `TicketStore` failed. `Running`: another delivery of this event is being handled. `Handler`,
 *   `HandlerTimeout`: the handler failed, or did not end in time. After each of these the platform pushes again.
 *
 * @since 0.1.0
 * @category errors
 */
export class EventRefused extends Schema.TaggedError<EventRefused>("@effect-feishu/core/EventRefused")("EventRefused", {
  reason: Schema.Literal(
    "Method",
    "ContentType",
    "TooLarge",
    "Incomplete",
    "Malformed",
    "Unsigned",
    "Signature",
    "Stale",
    "Decryption",
    "Token",
    "ForeignApp",
    "Store",
    "Running",
    "Handler",
    "HandlerTimeout"
  ),
  /** What was seen, and what to do about it. For the log: the answer does not have it. */
  description: Schema.String
}) {
  /**
   * The HTTP status of the answer.
   *
   * @since 0.1.0
   */
  get status(): number {
    return statuses[this.reason]
  }

  /**
   * Whether nothing shows that the delivery was meant for this app.
   *
   * @since 0.1.0
   */
  get isUnproven(): boolean {
    return this.status === 401
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `refused a delivery to the request URL (${this.reason}): ${this.description}`
  }
}

const refused = (reason: EventRefused["reason"], description: string) => new EventRefused({ reason, description })

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Succeeds when the delivery may be acknowledged with HTTP 200, and not before. */
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
  /** What to do about events other than the ticket's. Default: nothing, they are acknowledged and dropped. */
  readonly handlers?: ReadonlyArray<EventHandler<R>> | undefined
  /** The time for a handler. The platform waits 3 s (page "事件概述"). Default: 2.5 s. */
  readonly handlerTimeout?: Duration.DurationInput | undefined
  /**
   * How old a signature may be. Nothing says whether the platform signs a retry anew, and its last retry comes 7 h 5 min
   * 15 s after the first push (page "事件概述": after 15 s, 5 min, 1 h and 6 h). Default: 7 h 10 min.
   */
  readonly maxAge?: Duration.DurationInput | undefined
  /** How far in the future a signature, or a ticket, may be: clocks differ. Default: 5 min. */
  readonly maxFuture?: Duration.DurationInput | undefined
  /**
   * For how long an event that was handled is remembered, so that it is not handled again. It must outlast `maxAge` and
   * `maxFuture` together, or a replay would be handled. Default: 8 h.
   */
  readonly rememberFor?: Duration.DurationInput | undefined
  /**
   * Whether to accept events that nothing proves to be the platform's, where the app has neither an encrypt key nor a
   * verification token: anybody could then send a ticket of theirs. Default: false.
   */
  readonly acceptUnproven?: boolean | undefined
}

/**
 * An option that cannot be right.
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

// What is checked is checked by plain functions, and Effect comes in where something has to be waited for: each delivery
// waits for all of it.

type Checked<A> = Either.Either<A, EventRefused>

const utf8 = new TextDecoder("utf-8", { fatal: true })

const malformed = () => refused("Malformed", "the body is not JSON in UTF-8")

const decodeUtf8 = (body: Uint8Array): Checked<string> => Either.try({ try: () => utf8.decode(body), catch: malformed })

const parse = (text: string): Checked<unknown> => Either.try({ try: () => JSON.parse(text), catch: malformed })

const messageIn = (json: unknown, text: string): Checked<Message.Message> =>
  Either.mapLeft(
    Message.decode(json, text),
    (problem) => refused("Malformed", `neither an event nor a handshake: ${problem}`)
  )

/** In characters of its `encrypt`: it holds a challenge and a token. */
const longestHandshake = 10_000

const encryptedIn = (json: unknown): string | undefined => {
  const encrypted = typeof json === "object" && json !== null && "encrypt" in json ? json.encrypt : undefined
  return typeof encrypted === "string" ? encrypted : undefined
}

const signatureOf = ({ body, headers }: Delivery): EventCrypto.Signed | undefined => {
  const timestamp = headers["x-lark-request-timestamp"]
  const nonce = headers["x-lark-request-nonce"]
  const signature = headers["x-lark-signature"]
  return typeof timestamp === "string" && typeof nonce === "string" && typeof signature === "string"
    ? { timestamp, nonce, signature, body }
    : undefined
}

/** Made once: to make an error takes longer than to check a signature. */
const spared = Either.left(new EventCrypto.DecryptionError())

/** The tracer of a program that has set none. It keeps no span, and to make one takes longer than to take a ticket. */
const unseen = Context.get(DefaultServices.liveServices, Tracer.Tracer)

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(
  options?: Options<R>
): Effect.Effect<Service, EventSubscriptionError, FeishuApp | TicketStore | Claims | Scope.Scope | R> =>
  Effect.gen(function*() {
    const { appId, encryptKey, verificationToken } = yield* FeishuApp
    const tickets = yield* TicketStore
    const store = Outage.ofTickets(tickets)
    const claims = Outage.ofClaims(yield* Claims)
    // Interruptible, because a layer may be built in an uninterruptible region, and its scope must end all the same.
    const { context, runtimeFlags } = yield* Effect.interruptible(Effect.runtime<R>())
    // A handler's spans belong to its delivery's, and not to that in which the layer was made.
    const services = Context.omit(Tracer.ParentSpan)(context) as Context.Context<R>
    yield* check(options ?? {}, Option.isSome(encryptKey) || Option.isSome(verificationToken))
    const maxAge = Duration.decode(options?.maxAge ?? "430 minutes")
    const maxFuture = Duration.decode(options?.maxFuture ?? "5 minutes")
    const rememberFor = Duration.decode(options?.rememberFor ?? "8 hours")
    const handlerTimeout = Duration.decode(options?.handlerTimeout ?? "2500 millis")
    if (Duration.greaterThanOrEqualTo(handlerTimeout, Duration.seconds(3))) {
      return yield* wrong("handlerTimeout", "must be less than the 3 s for which the platform waits")
    }
    const lifeOfSignature = Duration.sum(maxAge, maxFuture)
    if (Duration.lessThanOrEqualTo(rememberFor, Duration.max(lifeOfSignature, Duration.minutes(1)))) {
      return yield* wrong(
        "rememberFor",
        `must be longer than maxAge and maxFuture together, ${Duration.format(lifeOfSignature)}, and than a minute`
      )
    }
    // Should this process die meanwhile, the claim is over before the platform's first retry, 15 s later.
    const claimFor = Duration.sum(handlerTimeout, Duration.seconds(10))
    const handlers = new Map((options?.handlers ?? []).map((handler) => [handler.type, handler.handle]))
    const crypto = yield* Effect.transposeOption(Option.map(encryptKey, EventCrypto.make))
    // In the scope of the layer, which waits for them at its end as long as they may take, and then interrupts them.
    const running = yield* FiberSet.make<unknown, unknown>()
    yield* Effect.addFinalizer(() => Effect.timeoutOption(FiberSet.awaitEmpty(running), handlerTimeout))
    const byOutcome = MetricLabels.make("outcome", { app_id: appId })
    const maxAgeMillis = Duration.toMillis(maxAge)
    const maxFutureMillis = Duration.toMillis(maxFuture)

    const staleness = (signedAt: number, now: number): EventRefused | undefined => {
      if (Number.isNaN(signedAt)) {
        return refused("Stale", "the signature's timestamp is not a number, so nobody knows how old the delivery is")
      }
      const age = now - signedAt
      return age <= maxAgeMillis && age >= -maxFutureMillis ? undefined : refused(
        "Stale",
        `the signature is from ${Duration.format(Duration.millis(Math.abs(age)))} ${age < 0 ? "in the future" : "ago"}`
          + ": somebody sends old deliveries again, or this machine's clock is wrong"
      )
    }

    const checkToken = (message: Message.Message): Checked<Message.Message> => {
      const { token } = message
      return Option.isNone(verificationToken)
          || (token !== undefined && constantTimeEquals(token, Redacted.value(verificationToken.value)))
        ? Either.right(message)
        : Either.left(refused(
          "Token",
          token === undefined
            ? "it has no verification token"
            : "its verification token is not the app's: check verificationToken, if this was the platform"
        ))
    }

    /** What came encrypted, given what its crypto says. */
    const judge = (
      signed: EventCrypto.Signed | undefined,
      isGenuine: boolean,
      text: Either.Either<string, EventCrypto.DecryptionError>,
      now: number
    ): Checked<Message.Message> => {
      const flaw = signed === undefined
        ? refused("Unsigned", "the signature's headers are missing")
        : isGenuine
        ? staleness(/^\d+$/.test(signed.timestamp) ? Number(signed.timestamp) * 1000 : NaN, now)
        : refused("Signature", "the signature is wrong: check encryptKey, if this was the platform")
      const opened = Either.isLeft(text)
        ? Either.left(refused("Decryption", text.left.message))
        : parse(text.right).pipe(
          Either.flatMap((json) => messageIn(json, text.right)),
          Either.flatMap(checkToken)
        )
      // A handshake is not signed.
      if (flaw === undefined || (Either.isRight(opened) && opened.right._tag === "Challenge")) return opened
      // Whoever has not signed must not learn from the answer how far the decryption came: each of these is a 401. The
      // log tells whoever saves the URL in the console what is wrong with it.
      return Either.left(
        signed === undefined && Either.isLeft(opened) && opened.left.isUnproven ? opened.left : flaw
      )
    }

    /** The message, proven by its signature and its token as far as the app has them. */
    const open = (delivery: Delivery, now: number): Effect.Effect<Message.Message, EventRefused> => {
      const body = decodeUtf8(delivery.body)
      if (Either.isLeft(body)) return body.left
      const json = parse(body.right)
      if (Either.isLeft(json)) return json.left
      const encrypted = encryptedIn(json.right)
      if (Option.isNone(crypto)) {
        return encrypted === undefined
          ? Either.flatMap(messageIn(json.right, body.right), checkToken)
          : refused("Decryption", "it is encrypted: give FeishuApp the developer console's \"Encrypt Key\"")
      }
      if (encrypted === undefined) {
        return refused("Unsigned", "it is not encrypted: check that the app has this Encrypt Key")
      }
      const signed = signatureOf(delivery)
      const { decrypt, isGenuine, sync } = crypto.value
      // Whatever comes, only what is signed and what may be a handshake is worth the work of decryption.
      const isWorthIt = (isGenuine: boolean) => isGenuine || encrypted.length <= longestHandshake
      if (Option.isSome(sync)) {
        const genuine = signed !== undefined && sync.value.isGenuine(signed)
        return judge(signed, genuine, isWorthIt(genuine) ? sync.value.decrypt(encrypted) : spared, now)
      }
      return Effect.flatMap(
        signed === undefined ? Effect.succeed(false) : isGenuine(signed),
        (genuine) =>
          Effect.flatMap(
            isWorthIt(genuine) ? Effect.either(decrypt(encrypted)) : Effect.succeed(spared),
            (text) => judge(signed, genuine, text, now)
          )
      )
    }

    const storeFailed = (error: TicketStoreError | ClaimsError) => refused("Store", error.message)

    const takeTicket = (event: FeishuEvent.FeishuEvent, now: number) => {
      const value = event.payload["app_ticket"]
      if (typeof value !== "string" || value === "") return refused("Malformed", "the event has no app_ticket")
      const age = now - DateTime.toEpochMillis(event.createdAt)
      // It would stand in the way of every ticket until then.
      if (age < -maxFutureMillis) return refused("Stale", "the ticket is from the future: check this machine's clock")
      return Effect.mapBoth(store.put(appId, { value: Redacted.make(value), sentAt: event.createdAt }), {
        onFailure: storeFailed,
        onSuccess: (isNewest) => {
          if (!isNewest) return "older"
          TicketAge.seen(tickets, appId, DateTime.toEpochMillis(event.createdAt), now)
          return "stored"
        }
      })
    }

    /** Returns the fiber's exit, or none if the fiber takes longer than a handler may. */
    const endInTime = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
      Effect.option(timeLimit(Fiber.await(fiber), { duration: handlerTimeout, onTimeout: constVoid }))

    /**
     * Runs it on a fiber of its own, at once and as far as it comes without waiting: most end there, and each step that
     * is spared here is spared for each delivery.
     */
    const start = <A, E>(effect: Effect.Effect<A, E, R>, event: FeishuEvent.FeishuEvent) =>
      Effect.withFiberRuntime<Fiber.RuntimeFiber<A, E>>((parent) => {
        const fiberRefs = parent.getFiberRefs()
        const context = Context.merge(parent.currentContext as Context.Context<never>, services)
        const fiber = Runtime.runFork(Runtime.make({ context, runtimeFlags, fiberRefs }), effect, {
          updateRefs: (refs, fiberId) =>
            FiberRefs.updateAs(refs, {
              fiberId,
              fiberRef: FiberRef.currentLogAnnotations,
              value: FiberRefs.getOrDefault(refs, FiberRef.currentLogAnnotations).pipe(
                HashMap.set<string, unknown>("app_id", appId),
                HashMap.set<string, unknown>("event_id", event.id),
                HashMap.set<string, unknown>("event_type", event.type)
              )
            })
        })
        if (fiber.unsafePoll() === null) FiberSet.unsafeAdd(running, fiber)
        return Effect.succeed(fiber)
      })

    const handle = Effect.fnUntraced(function*(event: FeishuEvent.FeishuEvent) {
      const handler = handlers.get(event.type) ?? handlers.get(undefined)
      if (handler === undefined) return "unhandled"
      const name = `event/${event.id}`
      const answer = yield* Effect.mapError(claims.claim(appId, name, claimFor), storeFailed)
      if (answer._tag === "Taken") {
        // Only the name of an event that was handled is taken for longer than a handler may take.
        if (Duration.greaterThan(answer.left, claimFor)) return "duplicate"
        return yield* refused("Running", "another delivery of this event is being handled")
      }
      const settle = Exit.matchEffect({
        onSuccess: () => claims.hold(appId, name, rememberFor),
        onFailure: (cause: Cause.Cause<unknown>) =>
          Effect.zipRight(
            Cause.isInterruptedOnly(cause) ? Effect.void : Effect.logError("the event's handler failed", cause),
            claims.release(answer.claim)
          )
      })
      const fiber = yield* Effect.suspend(() => handler(event)).pipe(
        // What the handler did stays done: refused, the event would be handled once more for certain.
        Effect.onExit((exit) => Effect.ignore(settle(exit))),
        (effect) => start(effect, event)
      )
      const exit = fiber.unsafePoll() ?? Option.getOrNull(yield* endInTime(fiber))
      if (exit === null) {
        // One that cannot be interrupted goes on, but the platform gets its answer.
        yield* Fiber.interruptFork(fiber)
        return yield* refused(
          "HandlerTimeout",
          `the handler did not end within ${Duration.format(handlerTimeout)}: let it only take note, and do the work `
            + "afterwards"
        )
      }
      if (Exit.isSuccess(exit)) return "handled"
      return yield* refused("Handler", `the handler of ${event.type} failed`)
    })

    const take = (message: Message.Message, now: number): Effect.Effect<Receipt, EventRefused> => {
      if (message._tag === "Challenge") {
        FeishuMetrics.pushes.unsafeUpdate(1, byOutcome("challenge"))
        return Effect.succeed({ outcome: "challenge", challenge: message.challenge })
      }
      const { appId: meant, createdAt = DateTime.unsafeMake(now), type } = message.event
      if (meant !== undefined ? meant !== appId : type === "app_ticket") {
        return refused("ForeignApp", `it is for ${oneLine(meant ?? "no app")} and not for ${appId}`)
      }
      // By the time of its arrival an old ticket that comes late would be the newest.
      if (type === "app_ticket" && message.event.createdAt === undefined) {
        return refused("Malformed", "the ticket's event has no ts")
      }
      const event = { ...message.event, appId, createdAt }
      return Effect.map(type === "app_ticket" ? takeTicket(event, now) : handle(event), (outcome) => {
        FeishuMetrics.pushes.unsafeUpdate(1, byOutcome(outcome))
        return { outcome }
      })
    }

    const span = { captureStackTrace: false, attributes: { "feishu.app_id": appId } } as const
    return {
      receive: (delivery) =>
        Effect.withFiberRuntime((fiber) => {
          const defaults = fiber.getFiberRef(DefaultServices.currentServices)
          const now = Context.get(defaults, Clock.Clock).unsafeCurrentTimeMillis()
          const received = Effect.uninterruptible(
            // Nobody's going away leaves a ticket half stored or an event half handled.
            Effect.flatMap(open(delivery, now), (message) => take(message, now))
          )
          return Context.get(defaults, Tracer.Tracer) === unseen
            ? received
            : Effect.withSpan(received, "EventSubscription.receive", span)
        })
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options?: Options<R>
): Layer.Layer<EventSubscription, EventSubscriptionError, FeishuApp | TicketStore | Claims | Exclude<R, Scope.Scope>> =>
  Layer.scoped(EventSubscription, make(options))

/** From the least to the most telling, where several apps refuse the same delivery. */
const telling: ReadonlyArray<EventRefused["reason"]> = [
  "Unsigned",
  "Signature",
  "Decryption",
  "ForeignApp",
  "Token",
  "Stale"
]

/**
 * Several apps behind one request URL: a delivery goes to the first that it is proven to be for. Who they are is asked
 * anew for each delivery, so apps may come and go. Each must have an encrypt key or a verification token of its own.
 *
 * @since 0.1.0
 * @category combinators
 */
export const anyOf = (subscriptions: Effect.Effect<Iterable<Service>>): Service => ({
  receive: (delivery) =>
    Effect.gen(function*() {
      let refusal = refused("ForeignApp", "there is no app yet that could accept it")
      let rank = -1
      for (const subscription of yield* subscriptions) {
        const result = yield* Effect.either(subscription.receive(delivery))
        if (Either.isRight(result)) return result.right
        if (!result.left.isUnproven) return yield* result.left
        if (telling.indexOf(result.left.reason) > rank) {
          refusal = result.left
          rank = telling.indexOf(refusal.reason)
        }
      }
      return yield* refusal
    })
})

/**
 * No delivery may be longer: it is refused without being read any further.
 *
 * @since 0.1.0
 * @category doors
 */
export const maxBodyBytes = 1_000_000

/**
 * A request to the request URL, for a door of one's own.
 *
 * @since 0.1.0
 * @category doors
 */
export interface Request<out R = never> {
  readonly method: string
  /** Lower-case names. */
  readonly headers: Delivery["headers"]
  /** Reads the body. It must not read on beyond `maxBodyBytes`, but fail with `tooLarge`. */
  readonly body: Effect.Effect<Uint8Array, EventRefused, R>
}

/**
 * What to answer.
 *
 * @since 0.1.0
 * @category doors
 */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The failure of a body that is too long.
 *
 * @since 0.1.0
 * @category doors
 */
export const tooLarge: EventRefused = refused("TooLarge", `the body is longer than ${maxBodyBytes} bytes`)

/**
 * The failure of a body that broke off.
 *
 * @since 0.1.0
 * @category doors
 */
export const incomplete: EventRefused = refused("Incomplete", "the body broke off")

/**
 * Whether a request may be read at all, by its method and headers alone, or why not.
 *
 * @since 0.1.0
 * @category doors
 */
export const admit = ({ headers, method }: Omit<Request<unknown>, "body">): EventRefused | undefined => {
  if (method !== "POST") return refused("Method", `the method is ${oneLine(method)} and not POST`)
  const contentType = String(headers["content-type"] ?? "none")
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    return refused("ContentType", `the content type is ${oneLine(contentType)} and not application/json`)
  }
  return Number(headers["content-length"] ?? 0) > maxBodyBytes ? tooLarge : undefined
}

const byReason = MetricLabels.make("reason")

const empty = (status: number, headers: Answer["headers"] = {}): Answer => ({ status, headers, body: "" })

/**
 * The whole of a request URL, but for how requests come and answers go: this is what the doors have in common. Each
 * refusal is counted, and is a warning in the log but for the store's failures, which are told of once; its answer says
 * no more than the status.
 *
 * @since 0.1.0
 * @category doors
 */
export const answer = <R>(subscription: Service, request: Request<R>): Effect.Effect<Answer, never, R> =>
  Effect.suspend(() => admit(request) ?? request.body).pipe(
    Effect.flatMap((body) => subscription.receive({ headers: request.headers, body })),
    Effect.matchCauseEffect({
      onSuccess: (receipt) =>
        Effect.succeed(
          receipt.outcome === "challenge"
            ? {
              status: 200,
              headers: { "content-type": "application/json; charset=utf-8" },
              body: JSON.stringify({ challenge: receipt.challenge })
            }
            : empty(200)
        ),
      onFailure: (cause) =>
        Option.match(Cause.failureOption(cause), {
          onSome: (refusal) =>
            // What the store fails at is told of once, and not for each delivery.
            Effect.map((refusal.reason === "Store" ? Effect.logDebug : Effect.logWarning)(refusal.message), () => {
              FeishuMetrics.refusals.unsafeUpdate(1, byReason(refusal.reason))
              return empty(refusal.status, refusal.reason === "Method" ? { allow: "POST" } : {})
            }),
          onNone: () =>
            Effect.as(
              Effect.logError("a delivery to the request URL met with an error of this program's", cause),
              empty(500)
            )
        })
    })
  )
