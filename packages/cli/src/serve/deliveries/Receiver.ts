/**
 * The route of the request URL: proves each delivery, keeps tickets, and hands everything else on. Handles no event itself, so
 * that the claims which a service shares never say that an event was handled.
 */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventHttpApp from "@effect-feishu/core/EventHttpApp"
import type { EventRefused } from "@effect-feishu/core/EventRefused"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { ServedApp } from "../ServedApp.js"
import * as Delivered from "./Delivered.js"
import * as Forward from "./Forward.js"
import type * as Saved from "./Saved.js"
import type { Shown } from "./Shown.js"

/** Counts the deliveries that were proven, by `app_id`, `kind` and the `status` that the platform got. */
export const deliveries: Metric.Metric.Counter<number> = Metric.counter("feishu_deliveries_total", {
  description: "Proven deliveries to the request URL of serve, by kind and the HTTP status of the answer",
  incremental: true
})

const count = ({ kind, served: { app } }: Proven, { status }: Answered): Effect.Effect<void> =>
  Metric.update(
    deliveries.pipe(
      Metric.tagged("app_id", app.appId),
      Metric.tagged("kind", kind),
      Metric.tagged("status", String(status))
    ),
    1
  )

/** What is done with events and callbacks. Tickets are handed on, too, once they are stored. */
export type Policy =
  | { readonly _tag: "Forward"; readonly to: URL }
  /** Answers 503, so that the platform pushes the event again. */
  | { readonly _tag: "Refuse" }
  /** Acknowledges. */
  | { readonly _tag: "Drop" }

/** The part of a `ServedApp` that takes deliveries. */
export type Receiving = Pick<ServedApp, "app" | "subscription">

/** By the id of the app. Has at least one app. */
export type Apps = ReadonlyMap<string, Receiving>

export interface Options {
  readonly apps: Apps
  readonly policy: Policy
  /** Default: deliveries are not saved. */
  readonly saved?: Saved.Service | undefined
  /** Runs after the answer to each delivery that was proven, also if the platform has disconnected. */
  readonly onDelivery: (shown: Shown) => Effect.Effect<void>
}

/** A delivery that is proven. */
interface Proven extends Delivered.Delivered {
  readonly served: Receiving
  readonly headers: Forward.Headers
  readonly body: Uint8Array
  /** The address of the other end of the connection. */
  readonly peer: Option.Option<string>
  /** In milliseconds since 1970. */
  readonly receivedAt: number
}

/** The answer to the platform, and what the target said. */
interface Answered {
  readonly status: number
  readonly contentType?: string | undefined
  readonly body: Uint8Array | string
  readonly forwarded?: Forward.HandedOn | undefined
}

const unavailable: Answered = { status: 503, body: "" }

const json = "application/json; charset=utf-8"

const ofDoor = ({ body, headers, status }: EventDoor.Answer): Answered => ({
  status,
  contentType: headers["content-type"],
  body
})

const responseOf = ({ body, contentType, status }: Answered): HttpServerResponse.HttpServerResponse => {
  const headers = contentType === undefined ? undefined : { "content-type": contentType }
  // An answer with this status has no body and no length (RFC 9110 8.6).
  if (status === 204) return HttpServerResponse.empty({ status, headers })
  return body.length === 0
    ? HttpServerResponse.empty({ status, headers: { ...headers, "content-length": "0" } })
    : HttpServerResponse.raw(body, {
      status,
      headers: { ...headers, "content-length": String(Buffer.byteLength(body)) }
    })
}

const responseOfRefusal = ({ headers, status }: EventDoor.Answer): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status,
    headers: {
      ...headers,
      "content-length": "0",
      // The rest of a body that is too long must not be taken for the next request.
      ...(status === 413 && { connection: "close" })
    }
  })

const nameOf = ({ id, kind, served: { app }, type }: Proven): string =>
  `${kind === "callback" ? "the callback" : kind === "ticket" ? "the ticket's event" : "the event"} ${type}${
    id === "" ? "" : ` ${id}`
  } of ${app.appId}`

/** Says what comes of a delivery that is answered with 503. */
const consequenceOf = ({ kind }: Proven): string =>
  kind === "callback"
    ? "the platform shows its own error to the user"
    : "answered 503, so that the platform pushes the event again"

/** Returns the app that the delivery is proven to be for, or the most helpful refusal. */
const appOf = (apps: Apps, delivery: EventSubscription.Delivery): Effect.Effect<Receiving, EventRefused> =>
  Effect.suspend(() => {
    let proven: Receiving | undefined
    const noting = function*() {
      for (const served of apps.values()) {
        yield {
          receive: served.subscription.receive,
          prove: (delivery: EventSubscription.Delivery) =>
            Effect.tap(served.subscription.prove(delivery), () => Effect.sync(() => void (proven = served)))
        }
      }
    }
    return Effect.flatMap(
      EventSubscription.anyOf(Effect.sync(noting)).prove(delivery),
      () => proven === undefined ? Effect.dieMessage("a delivery is proven for no app") : Effect.succeed(proven)
    )
  })

/** Returns a name for the header `Via`, by which a process knows the deliveries that it has handed on itself. */
const makePseudonym: Effect.Effect<string> = Effect.map(
  Effect.replicateEffect(Effect.map(Random.next, (random) => Math.floor(random * 16).toString(16)), 8),
  (digits) => `feishu-ticket-${digits.join("")}`
)

const joined = (header: string | undefined, more: string): string => header === undefined ? more : `${header}, ${more}`

/** Hands deliveries on. Notices a target that leads back here, for example through a tunnel to the request URL. */
const makeForwarding = (to: URL) =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const pseudonym = yield* makePseudonym

    const headersOf = ({ headers, peer }: Proven): Forward.Headers => ({
      ...headers,
      via: joined(headers["via"], `1.1 ${pseudonym}`),
      ...(Option.isSome(peer) && { "x-forwarded-for": joined(headers["x-forwarded-for"], peer.value) })
    })

    /** Returns the time that is left until the platform gives up. */
    const timeLeft = ({ receivedAt }: Proven) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        Duration.subtract(Forward.timeLimit, Duration.millis(Math.max(0, now - receivedAt))))

    return (proven: Proven): Effect.Effect<Answered> =>
      Effect.gen(function*() {
        if (proven.headers["via"]?.includes(pseudonym) === true) {
          yield* Effect.logError(
            `--forward-to ${to.href} leads back to this server, so nothing handles ${nameOf(proven)}; ${
              consequenceOf(proven)
            }`
          )
          return unavailable
        }
        const forwarded = yield* Forward.send({
          client,
          url: to,
          headers: headersOf(proven),
          body: proven.body,
          within: yield* timeLeft(proven)
        })
        if (Either.isRight(forwarded.result)) {
          return { ...forwarded.result.right, forwarded }
        }
        yield* Effect.logWarning(
          `${nameOf(proven)} is not handed on: ${to.href} ${forwarded.result.left.message}; ${consequenceOf(proven)}`
        )
        return { ...unavailable, forwarded }
      })
  })

const refuse = (proven: Proven): Effect.Effect<Answered> =>
  Effect.as(
    Effect.logWarning(
      `nothing takes ${
        nameOf(proven)
      }: --forward-to URL hands events on to a service, and --drop-events acknowledges them; ${consequenceOf(proven)}`
    ),
    unavailable
  )

/** Answers a callback so that the user sees neither a change nor an error. */
const drop = ({ kind }: Proven): Effect.Effect<Answered> =>
  Effect.succeed(kind === "callback" ? { status: 200, contentType: json, body: "{}" } : { status: 200, body: "" })

/** Answers a delivery that is proven. */
type AnswerTo = (proven: Proven) => Effect.Effect<Answered>

/** Answers handshakes, and stores tickets. Hands tickets on once they are stored, if `onTicket` is given. */
const answering = (onOther: AnswerTo, onTicket?: AnswerTo): AnswerTo => (proven) =>
  proven.kind === "event" || proven.kind === "callback"
    ? onOther(proven)
    : Effect.flatMap(
      EventDoor.answerDelivery(proven.served.subscription, proven),
      (answer) =>
        proven.kind === "ticket" && answer.status === 200 && onTicket !== undefined
          ? onTicket(proven)
          : Effect.succeed(ofDoor(answer))
    )

const makeAnswering = (policy: Policy): Effect.Effect<AnswerTo, never, HttpClient.HttpClient> =>
  policy._tag === "Forward"
    ? Effect.map(makeForwarding(policy.to), (forward) => answering(forward, forward))
    : Effect.succeed(answering(policy._tag === "Drop" ? drop : refuse))

/** Saves an event or a callback. Tickets are secrets, and are in the store. A handshake is nothing to send again. */
const save = (
  saved: Saved.Service | undefined,
  { kind, served, ...proven }: Proven
): Effect.Effect<Option.Option<string>> =>
  saved === undefined || kind === "ticket" || kind === "challenge"
    ? Effect.succeedNone
    : saved.save({
      receivedAt: proven.receivedAt,
      appId: served.app.appId,
      kind,
      type: proven.type,
      id: proven.id,
      headers: proven.headers,
      body: proven.body
    })

/**
 * Answers deliveries in the scope of the server: a platform that disconnects interrupts no hand-over, and a server that closes
 * waits for its hand-overs.
 */
const makeTaking = ({ onDelivery, policy, saved }: Options) =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const answerTo = yield* makeAnswering(policy)
    return (proven: Proven): Effect.Effect<Answered> =>
      Effect.gen(function*() {
        const answer = yield* Deferred.make<Answered>()
        yield* Effect.gen(function*() {
          const saving = yield* Effect.fork(save(saved, proven))
          const { forwarded, status } = yield* Effect.tap(
            answerTo(proven),
            (answered) => Effect.andThen(count(proven, answered), Deferred.succeed(answer, answered))
          )
          const savedAs = Option.getOrUndefined(yield* Fiber.join(saving))
          const { createdAt, id, kind, payload, served: { app }, tenantKey, type } = proven
          yield* onDelivery({ app, kind, type, id, tenantKey, createdAt, payload, status, forwarded, savedAs })
        }).pipe(
          Effect.onError((cause) => Deferred.failCause(answer, cause)),
          Effect.uninterruptible,
          Effect.forkIn(scope)
        )
        return yield* Deferred.await(answer)
      })
  })

/** Reads and proves a request. */
const prove = (apps: Apps, request: HttpServerRequest.HttpServerRequest) =>
  Effect.gen(function*() {
    const receivedAt = yield* Clock.currentTimeMillis
    const refusal = EventDoor.admit(request)
    if (refusal !== undefined) return yield* refusal
    const headers: Forward.Headers = { ...request.headers }
    const body = yield* EventHttpApp.readBody(request)
    const served = yield* appOf(apps, { headers, body })
    const delivered = yield* Delivered.read(body, served.app.encryptKey)
    if (Option.isNone(delivered)) return yield* Effect.dieMessage("a delivery that is proven cannot be read")
    return { ...delivered.value, served, headers, body, peer: request.remoteAddress, receivedAt }
  })

/** Returns the subscription that counts and logs the refusals. */
const doorOf = (apps: Apps): EventSubscription.Service => {
  const subscriptions = Array.from(apps.values(), ({ subscription }) => subscription)
  const [first] = subscriptions
  return subscriptions.length === 1 && first !== undefined
    ? first
    : EventSubscription.anyOf(Effect.succeed(subscriptions))
}

/** Makes the route of the request URL, for `HttpLayerRouter.add("*", path, …)`. */
export const make = (
  options: Options
): Effect.Effect<HttpApp.Default<never, Scope.Scope>, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const door = doorOf(options.apps)
    const take = yield* makeTaking(options)
    return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      prove(options.apps, request).pipe(
        Effect.matchEffect({
          onFailure: (refusal) => Effect.map(EventDoor.refuse(door, refusal), responseOfRefusal),
          onSuccess: (proven) => Effect.map(take(proven), responseOf)
        }),
        Effect.catchAllDefect((defect) =>
          Effect.as(
            Effect.logError("a delivery to the request URL met with an error of this program's", Cause.die(defect)),
            HttpServerResponse.empty({ status: 500 })
          )
        )
      ))
  })
