/**
 * The request URL as a listener for `node:http`, and so for Express, Koa, Fastify and NestJS.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type * as Http from "node:http"
import * as EventDoor from "./EventDoor.js"
import { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import { readMonotonicMillis } from "./internal/monotonicMillis.js"
import * as Span from "./internal/span.js"
import * as Finding from "./internal/webhook/finding.js"
import * as NodeBody from "./internal/webhook/nodeBody.js"
import * as Proof from "./internal/webhook/proof.js"
import * as Refusing from "./internal/webhook/refusing.js"
import * as Subscriptions from "./internal/webhook/subscriptions.js"
import * as Uninterruptible from "./internal/webhook/uninterruptible.js"

/**
 * Answers a request, whatever the path. The promise ends when the answer has been given, and never rejects.
 *
 * @since 0.1.0
 * @category models
 */
export type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => Promise<void>

/** The time for which the connection stays open after a 413. A connection that is closed at once loses the answer. */
const lingering = "1 second"

const write = (
  response: Http.ServerResponse,
  { body, headers, status }: EventDoor.Answer,
  run: (effect: Effect.Effect<void>) => unknown
): void => {
  // The client may have disconnected.
  if (response.destroyed || response.headersSent) return
  if (status !== 413) {
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) })
    response.end(body)
    return
  }
  // The rest of the body must not be taken for the next request.
  response.writeHead(status, { ...headers, "content-length": 0, connection: "close" })
  response.flushHeaders()
  run(Effect.delay(Effect.sync(() => void response.destroy()), lingering))
}

const failed: EventDoor.Answer = { status: 500, headers: {}, body: "" }

type Done = (answer: EventDoor.Answer) => void

/** Answers deliveries, and uses a fiber only if something is to be run. */
const makeAnswering = Effect.gen(function*() {
  const clock = yield* Effect.clock
  const isTraced = yield* Span.isTraced
  // Nobody interrupts the answer to a delivery.
  const run = Runtime.runFork(Uninterruptible.runtime(yield* Effect.runtime<never>()))

  const refuse = (door: object, refusal: Refusing.Refusal): EventDoor.Answer => {
    const line = Refusing.count(door, refusal, readMonotonicMillis(clock))
    if (line !== undefined) run(line)
    return Refusing.answerOf(refusal.refusal)
  }

  /** Returns the refusal of a delivery that is refused whatever the handlers do, as most forged ones are. */
  const refusalOf = (
    subscription: EventSubscription.Service,
    delivery: EventSubscription.Delivery
  ): EventRefused | undefined => {
    // A delivery has a span, and so a fiber, if spans are recorded.
    const proof = isTraced
      ? undefined
      : Subscriptions.get(subscription)?.prove(delivery, clock.unsafeCurrentTimeMillis())
    return proof === undefined || proof instanceof Promise || Either.isRight(proof) ? undefined : proof.left
  }

  const answer = (subscription: EventSubscription.Service, request: Http.IncomingMessage, done: Done): void =>
    NodeBody.read(request, (body) => {
      if (body instanceof EventRefused) return done(refuse(subscription, { refusal: body }))
      const delivery = Proof.shared({ headers: request.headers, body })
      const refusal = refusalOf(subscription, delivery)
      if (refusal !== undefined) return done(refuse(subscription, { refusal }))
      run(EventDoor.answerDelivery(subscription, delivery)).addObserver((exit) =>
        done(Exit.getOrElse(exit, () => failed))
      )
    })

  /** Makes a listener of what answers a request whose method and headers are admitted. */
  const listener =
    (door: object, answer: (request: Http.IncomingMessage, done: Done) => void): Listener => (request, response) =>
      new Promise((resolve) => {
        const done: Done = (answer) => {
          try {
            write(response, answer, run)
          } catch (error) {
            run(Effect.logError("the answer to a delivery could not be written", Cause.die(error)))
          }
          resolve()
        }
        const { headers, method = "" } = request
        const refusal = EventDoor.admit({ method, headers })
        if (refusal === undefined) answer(request, done)
        else done(refuse(door, { refusal }))
      })

  return { answer, listener, refuse, run }
})

/**
 * Makes a listener that answers each request and never throws. Uses the logger and the tracer of the effect that makes it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Listener, never, EventSubscription.EventSubscription> = Effect.gen(function*() {
  const subscription = yield* EventSubscription.EventSubscription
  const { answer, listener } = yield* makeAnswering
  return listener(subscription, (request, done) => answer(subscription, request, done))
})

/**
 * Makes a function that returns the listener of one app of many, by the id in the path of the request. Answers 404 for an
 * unknown app: `app.all("/webhook/:appId", (request, response) => listenerOf(request.params.appId)(request, response))`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeApps = <E, R>(
  /** Runs for each request, in a scope that closes after the answer. */
  findApp: EventDoor.FindApp<E, R>
): Effect.Effect<(appId: string) => Listener, never, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const { answer, listener, refuse, run } = yield* makeAnswering
    const find = Runtime.runFork(yield* Effect.runtime<Exclude<R, Scope.Scope>>())

    const answerFound = (
      appId: string,
      exit: Exit.Exit<Option.Option<EventSubscription.Service>, E>,
      request: Http.IncomingMessage,
      done: Done
    ) => {
      const found = Finding.fromExit(appId, exit)
      if (Either.isRight(found)) answer(found.right, request, done)
      else done(refuse(findApp, found.left))
    }

    return (appId: string) =>
      listener(findApp, (request, done) => {
        const found = Finding.find(findApp, appId)
        if (Finding.isExit(found)) return answerFound(appId, found, request, done)
        const inScope = Effect.flatMap(
          Scope.make(),
          (scope) => Effect.map(Effect.exit(Scope.extend(found, scope)), (exit) => ({ exit, scope }))
        )
        find(inScope).addObserver((result) => {
          if (Exit.isFailure(result)) return done(failed)
          const { exit, scope } = result.value
          answerFound(appId, exit, request, (answer) => {
            done(answer)
            run(Scope.close(scope, Exit.void))
          })
        })
      })
  })
