/**
 * The route of the request URL: proves each delivery, keeps tickets, and hands everything else on. Handles no event itself, so
 * that the claims which a service shares never say that an event was handled.
 */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Answering from "./Answering.js"
import * as Proven from "./Proven.js"
import type * as Saved from "./Saved.js"
import type { Shown } from "./Shown.js"

export interface Options {
  readonly apps: Proven.Apps
  readonly policy: Answering.Policy
  /** Default: deliveries are not saved. */
  readonly saved?: Saved.Service | undefined
  /** Runs after the answer to each delivery that was proven, also if the platform has disconnected. */
  readonly onDelivery: (shown: Shown) => Effect.Effect<void>
}

/** Counts the deliveries that were proven, by `app_id`, `kind` and the `status` that the platform got. */
export const deliveries: Metric.Metric.Counter<number> = Metric.counter("feishu_deliveries_total", {
  description: "Proven deliveries to the request URL of serve, by kind and the HTTP status of the answer",
  incremental: true
})

const count = ({ kind, served: { app } }: Proven.Proven, { status }: Answering.Answered): Effect.Effect<void> =>
  Metric.update(
    deliveries.pipe(
      Metric.tagged("app_id", app.appId),
      Metric.tagged("kind", kind),
      Metric.tagged("status", String(status))
    ),
    1
  )

const responseOf = ({ body, contentType, status }: Answering.Answered): HttpServerResponse.HttpServerResponse => {
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

/** Saves an event or a callback. Tickets are secrets, and are in the store. A handshake is nothing to send again. */
const save = (
  saved: Saved.Service | undefined,
  { kind, served, ...proven }: Proven.Proven
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

/** Acknowledges a delivery that nothing handles only if its file is written, because the file is all that is left of the delivery. */
const makeIfSaved = (saved: Saved.Service | undefined) =>
(
  proven: Proven.Proven,
  saving: Fiber.Fiber<Option.Option<string>>,
  answer: Effect.Effect<Answering.Answered>
) =>
  saved === undefined || proven.kind === "ticket" || proven.kind === "challenge"
    ? answer
    : Effect.flatMap(
      Fiber.join(saving),
      (path) => Option.isSome(path) ? answer : Answering.refuseUnsaved(proven)
    )

/**
 * Answers deliveries in the scope of the server: a platform that disconnects interrupts no hand-over, and a server that closes
 * waits for its hand-overs.
 */
const makeTaking = ({ onDelivery, policy, saved }: Options) =>
  Effect.gen(function*() {
    // Closes after the server has closed, because what is added to a scope later closes sooner.
    const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const answerTo = yield* Answering.make(policy)
    const ifSaved = makeIfSaved(saved)
    return (proven: Proven.Proven): Effect.Effect<Answering.Answered> =>
      Effect.gen(function*() {
        const answer = yield* Deferred.make<Answering.Answered>()
        yield* Effect.gen(function*() {
          const saving = yield* Effect.fork(save(saved, proven))
          const { forwarded, status } = yield* Effect.tap(
            policy._tag === "Drop" ? ifSaved(proven, saving, answerTo(proven)) : answerTo(proven),
            (answered) => Effect.andThen(count(proven, answered), Deferred.succeed(answer, answered))
          )
          const savedAs = Option.getOrUndefined(yield* Fiber.join(saving))
          const { createdAt, id, kind, payload, served: { app }, tenantKey, type } = proven
          yield* onDelivery({ app, kind, type, id, tenantKey, createdAt, payload, status, forwarded, savedAs })
        }).pipe(
          Effect.onError((cause) =>
            Effect.flatMap(
              Deferred.failCause(answer, cause),
              (isUnanswered) =>
                isUnanswered ? Effect.void : Effect.logError("a delivery that was answered cannot be shown", cause)
            )
          ),
          Effect.uninterruptible,
          Effect.forkIn(scope)
        )
        return yield* Deferred.await(answer)
      })
  })

/** Returns the subscription that counts and logs the refusals. */
const doorOf = (apps: Proven.Apps): EventSubscription.Service => {
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
      Proven.prove(options.apps, request).pipe(
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
