/**
 * The request URL as a listener for `node:http`, and so for Express, Koa, Fastify and NestJS.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type * as Http from "node:http"
import * as EventDoor from "./EventDoor.js"
import { EventRefused } from "./EventRefused.js"
import * as EventSubscription from "./EventSubscription.js"
import * as Span from "./internal/span.js"
import { startLimited } from "./internal/timeLimit.js"
import * as AppLookup from "./internal/webhook/appLookup.js"
import * as NodeBody from "./internal/webhook/nodeBody.js"
import * as Proof from "./internal/webhook/proof.js"
import * as RefusalLog from "./internal/webhook/refusalLog.js"
import { incomplete } from "./internal/webhook/refused.js"
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

/** Answers with 500, or disconnects if a part of another answer was sent. */
const abort = (response: Http.ServerResponse): void => {
  if (response.headersSent) response.destroy()
  else response.writeHead(500, { "content-length": 0 }).end()
}

/** The runtime in which a listener runs deliveries: they can be interrupted, and belong to no span, wherever the listener is made. */
const runtime = <R>(): Effect.Effect<Runtime.Runtime<R>, never, R> =>
  Effect.map(Effect.interruptible(Effect.runtime<R>()), (runtime) => Runtime.updateContext(runtime, Span.omit))

/** Answers deliveries, and uses a fiber only if something is to be run. */
const makeAnswering = Effect.gen(function*() {
  const clock = yield* Effect.clock
  const isTraced = yield* Span.isTraced
  // The answer to a delivery is never interrupted.
  const run = Runtime.runFork(Uninterruptible.runtime(yield* runtime<never>()))

  const refuse = (entry: RefusalLog.Entry): EventDoor.Answer => {
    const line = RefusalLog.count(entry, clock)
    if (line !== undefined) run(line)
    return RefusalLog.answerOf(entry.refusal)
  }

  /** Calls `step`, and answers 500 if `step` throws: an error in a listener of Node would end the process. */
  const guarded = <A>(done: Done, step: (value: A) => void) => (value: A): void => {
    try {
      step(value)
    } catch (error) {
      run(Effect.logError("a delivery to the request URL met with an error of this program's", Cause.die(error)))
      done(failed)
    }
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
    NodeBody.read(
      request,
      guarded(done, (body) => {
        if (body instanceof EventRefused) return done(refuse({ refusal: body, subscription }))
        const delivery = Proof.shared({ headers: request.headers, body })
        const refusal = refusalOf(subscription, delivery)
        if (refusal !== undefined) return done(refuse({ refusal, subscription }))
        run(EventDoor.answerDelivery(subscription, delivery)).addObserver((exit) =>
          done(Exit.getOrElse(exit, () => failed))
        )
      })
    )

  /**
   * Makes a listener of what answers a request whose method and headers are admitted. `subscription`: the one of every request.
   */
  const listener = (
    subscription: EventSubscription.Service | undefined,
    answer: (request: Http.IncomingMessage, done: Done, response: Http.ServerResponse) => void
  ): Listener =>
  (request, response) =>
    new Promise((resolve) => {
      const done: Done = (answer) => {
        try {
          write(response, answer, run)
        } catch (error) {
          run(Effect.logError("the answer to a delivery could not be written", Cause.die(error)))
          abort(response)
        }
        resolve()
      }
      const { headers, method = "" } = request
      const refusal = EventDoor.admit({ method, headers })
      if (refusal === undefined) guarded(done, () => answer(request, done, response))(undefined)
      else done(refuse({ refusal, subscription }))
    })

  return { answer, clock, guarded, listener, refuse, run }
})

/**
 * Makes a listener that answers each request and never throws. Uses the logger and the tracer of the effect that makes it, and not
 * the span.
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
  findApp: EventDoor.FindApp<E, R>
): Effect.Effect<(appId: string) => Listener, never, Exclude<R, Scope.Scope>> =>
  Effect.gen(function*() {
    const { answer, clock, guarded, listener, refuse, run } = yield* makeAnswering
    const fork = Runtime.runFork(yield* runtime<Exclude<R, Scope.Scope>>())

    const answerFound = (
      found: AppLookup.Found<EventSubscription.Service>,
      request: Http.IncomingMessage,
      done: Done
    ) => {
      if (Either.isRight(found)) answer(found.right, request, done)
      else done(refuse(found.left))
    }

    return (appId: string) =>
      listener(undefined, (request, done, response) => {
        const called = AppLookup.call(findApp, appId)
        if (AppLookup.isExit(called)) return answerFound(AppLookup.foundOf(appId, called), request, done)
        let scope: Scope.CloseableScope | undefined
        const inScope = AppLookup.inScope(called, (made) => {
          scope = made
        })
        const end: Done = (answer) => {
          done(answer)
          if (scope !== undefined) run(AppLookup.close(scope))
        }
        const stop = () => fiber.unsafeInterruptAsFork(FiberId.none)
        response.once("close", stop)
        const fiber = startLimited(
          fork,
          clock,
          inScope,
          AppLookup.limit,
          guarded(end, (exit) => {
            response.off("close", stop)
            if (response.destroyed) end(refuse({ refusal: incomplete, appId }))
            else answerFound(AppLookup.foundOf(appId, exit), request, end)
          })
        )
      })
  })
