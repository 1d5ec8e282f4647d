/** Handles events and callbacks: each event once among all processes that share the claims. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Answer as ClaimAnswer, Claim, ClaimsError, Service as Claims } from "../../Claims.js"
import type { EventHandler } from "../../EventHandler.js"
import type { EventRefused } from "../../EventRefused.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"
import { isRequestBound } from "../requestBound.js"
import { runInBackground, timeLimit } from "../timeLimit.js"
import * as Callbacks from "./callbacks.js"
import { refused } from "./refused.js"
import * as Running from "./running.js"

export interface Handling<R> {
  /** Runs the handler unless the event was handled before. */
  readonly handle: (
    event: FeishuEvent,
    handler: EventHandler<R>
  ) => Effect.Effect<"handled" | "duplicate", EventRefused>
  /** Runs the handler and returns the answer for the user. Never fails: the platform does not push a callback again. */
  readonly answer: (
    event: FeishuEvent,
    handler: EventHandler<R>
  ) => Effect.Effect<CallbackResult>
}

interface CallbackResult {
  readonly outcome: "answered" | "failed"
  readonly answer: Callbacks.Answer
}

type Taken = Extract<ClaimAnswer, { readonly _tag: "Taken" }>

/** The longest wait for the claims before a callback's handler runs, because a user waits for 3 s at most. */
const longestClaim = Duration.millis(300)

const handled = Exit.succeed("handled" as const)

/** The name of an event is held after the event was handled, and claimed while the event is being handled. */
const wasHandled = ({ isHeld }: Taken): boolean => isHeld

/** A handler that unwraps an `Option` with `yield*` fails with an error that says nothing about the event. */
const isNone = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.failureOption(cause), Cause.isNoSuchElementException)

const noTenant = ": an Option is None, for example the tenantKey of an event that names no tenant"

export const make = <R>({ appId, claims, handlerTimeout, rememberFor }: {
  readonly appId: string
  /** Logs its own failures. */
  readonly claims: Claims
  readonly handlerTimeout: Duration.Duration
  readonly rememberFor: Duration.Duration
}): Effect.Effect<Handling<R>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function*() {
    const { run } = yield* Running.make<R>({ appId, handlerTimeout })
    /** If this process dies, the claim ends before the platform's first retry, 15 s later. */
    const claimFor = Duration.sum(handlerTimeout, Duration.seconds(10))
    const doLater =
      "do longer work after the answer (BackgroundTasks, or afterAnswer of /promise), or put the work into a queue"
    const inTime = `within ${Duration.format(handlerTimeout)}`

    const logFailure = (what: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)
        ? Effect.void
        : Effect.logError(`${what} failed${isNone(exit.cause) ? noTenant : ""}`, exit.cause)

    /** Ignores a store that fails, which logs its own failures, and logs a store that dies. */
    const tolerant = (effect: Effect.Effect<unknown, ClaimsError>): Effect.Effect<void> =>
      Effect.matchCauseEffect(effect, {
        onSuccess: () => Effect.void,
        onFailure: (cause) => Cause.isFailType(cause) ? Effect.void : Effect.logError("the claims died", cause)
      })

    const handleClaimed = (
      event: FeishuEvent,
      handler: EventHandler<R>,
      claim: Claim
    ): Effect.Effect<"handled", EventRefused> => {
      const what = `the handler of ${event.type}`
      const which = () => `event ${event.id} of ${appId}`
      const work = run(event, {
        handle: Effect.suspend(() => handler.handle(event)),
        renew: Effect.suspend(() => tolerant(claims.renew(claim, claimFor))),
        // A store that fails now does not refuse the event, because the event would be handled again for certain.
        settle: (exit) =>
          Exit.isSuccess(exit)
            ? tolerant(claims.hold(appId, claim.name, rememberFor))
            : Effect.andThen(logFailure(what, exit), tolerant(claims.release(claim)))
      })
      return Effect.flatMap(work, (exit): Effect.Effect<"handled", EventRefused> => {
        if (exit === undefined) {
          return refused("HandlerTimeout", `${what} did not end ${inTime} for ${which()}: ${doLater}`)
        }
        return Exit.isSuccess(exit)
          ? handled
          : refused(
            "Handler",
            `${what} ${Cause.isInterruptedOnly(exit.cause) ? "was interrupted" : "failed"} for ${which()}`
          )
      })
    }

    const handle: Handling<R>["handle"] = (event, handler) =>
      Effect.matchEffect(claims.claim(appId, `event/${handler.key(event) ?? event.id}`, claimFor), {
        onFailure: ({ message }) => refused("Store", message),
        onSuccess: (answer): Effect.Effect<"handled" | "duplicate", EventRefused> =>
          answer._tag === "Claimed"
            ? handleClaimed(event, handler, answer.claim)
            : wasHandled(answer)
            ? Effect.succeed("duplicate")
            : refused("Running", "another delivery of this event is being handled")
      })

    /** Fails with an answer that is not JSON. */
    const answerOf = (event: FeishuEvent, handler: EventHandler<R>) =>
      Effect.flatMap(Effect.suspend(() => handler.handle(event)), (value) =>
        Effect.try(() => {
          // A user sees what `EventHandler.callback` returns, and nothing that a handler of events returns.
          const answer = handler.isCallback && isObject(value) ? value : Callbacks.nothing
          // `JSON.stringify` throws, or returns `undefined` if `toJSON` does.
          if (JSON.stringify(answer) === undefined) throw new TypeError("the answer of the handler has no JSON")
          return answer
        }))

    /** Runs the handler unless another process does so, and without knowing so if the claims are slow or fail. */
    const answerOnce = (event: FeishuEvent, handler: EventHandler<R>) => {
      const claim = claims.claim(appId, `callback/${event.id}`, claimFor)
      const claimInTime = timeLimit(claim, { duration: longestClaim, onTimeout: () => "slow" as const })
      return Effect.matchCauseEffect(claimInTime, {
        onFailure: () => answerOf(event, handler),
        onSuccess: (answer) =>
          answer._tag === "Taken"
            ? Effect.succeed(Callbacks.nothing)
            : Effect.ensuring(
              answerOf(event, handler),
              // The user does not wait for the store.
              runInBackground(tolerant(claims.release(answer.claim)), claimFor)
            )
      })
    }

    /** By event: the callbacks whose handlers run in this process. */
    const answering = new Map<string, Deferred.Deferred<CallbackResult>>()

    const runCallback = (
      event: FeishuEvent,
      handle: Effect.Effect<Callbacks.Answer, unknown, R>
    ): Effect.Effect<CallbackResult> => {
      const what = `the handler of the callback ${event.type}`
      const which = `event ${event.id} of ${appId}`
      const settle = (exit: Exit.Exit<unknown, unknown>) => {
        answering.delete(event.id)
        return logFailure(what, exit)
      }
      const failed = { outcome: "failed", answer: Callbacks.failed(event.type) } as const
      return Effect.flatMap(
        run(event, { handle, settle, renew: Effect.void }),
        (exit): Effect.Effect<CallbackResult> => {
          if (exit === undefined) {
            return Effect.as(Effect.logError(`${what} did not end ${inTime} for ${which}: ${doLater}`), failed)
          }
          if (Exit.isSuccess(exit)) {
            return Effect.succeed({ outcome: "answered", answer: exit.value })
          }
          return Cause.isInterruptedOnly(exit.cause)
            ? Effect.as(Effect.logError(`${what} was interrupted for ${which}`), failed)
            : Effect.succeed(failed)
        }
      )
    }

    const answer: Handling<R>["answer"] = (event, handler) =>
      Effect.suspend(() => {
        // A callback without an id is never the same as another one.
        if (event.id === "") return runCallback(event, answerOf(event, handler))
        // On Workers, no request may wait for another one.
        if (isRequestBound()) return runCallback(event, answerOnce(event, handler))
        const known = answering.get(event.id)
        if (known !== undefined) return Deferred.await(known)
        const result = Deferred.unsafeMake<CallbackResult>(FiberId.none)
        answering.set(event.id, result)
        return Effect.onExit(runCallback(event, answerOnce(event, handler)), (exit) => Deferred.done(result, exit))
      })

    return { handle, answer }
  })
