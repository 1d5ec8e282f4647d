/** Handles a callback: runs its handler once at a time, and returns the answer for the user. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { Service as Claims } from "../../Claims.js"
import type { EventHandler } from "../../EventHandler.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"
import { isRequestBound } from "../requestBound.js"
import { runInBackground, timeLimit } from "../timeLimit.js"
import * as Callbacks from "./callbacks.js"
import * as Failures from "./handlerFailures.js"
import type { Running } from "./running.js"

interface Result {
  readonly outcome: "answered" | "failed"
  readonly answer: Callbacks.Answer
}

/** Runs the handler and returns the answer for the user. Never fails: the platform does not push a callback again. */
export type Answer<R> = (event: FeishuEvent, handler: EventHandler<R>) => Effect.Effect<Result>

/** The longest wait for the claims before a callback's handler runs, because a user waits for 3 s at most. */
const longestClaim = Duration.millis(300)

/** Fails with an answer that is not JSON. */
const answerOf = <R>(
  event: FeishuEvent,
  handler: EventHandler<R>
): Effect.Effect<Callbacks.Answer, unknown, R> =>
  Effect.flatMap(Effect.suspend(() => handler.handle(event)), (value) =>
    Effect.try(() => {
      // A user sees what `EventHandler.callback` returns, and nothing that a handler of events returns.
      const answer = handler.isCallback && isObject(value) ? value : Callbacks.nothing
      // `JSON.stringify` throws, or returns `undefined` if `toJSON` does.
      if (JSON.stringify(answer) === undefined) throw new TypeError("the answer of the handler has no JSON")
      return answer
    }))

export const make = <R>({ appId, claimFor, claims, handlerTimeout, running }: {
  readonly appId: string
  /** Logs its own failures. */
  readonly claims: Claims
  readonly claimFor: Duration.Duration
  readonly handlerTimeout: Duration.Duration
  readonly running: Running<R>
}): Answer<R> => {
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
            runInBackground(Failures.tolerant(claims.release(answer.claim)), claimFor)
          )
    })
  }

  /** By event: the callbacks whose handlers run in this process. */
  const answering = new Map<string, Deferred.Deferred<Result>>()

  const run = (event: FeishuEvent, handle: Effect.Effect<Callbacks.Answer, unknown, R>): Effect.Effect<Result> => {
    const what = `the handler of the callback ${event.type}`
    const which = `event ${event.id} of ${appId}`
    const settle = (exit: Exit.Exit<unknown, unknown>) => {
      answering.delete(event.id)
      return Failures.log(what, exit)
    }
    const failed = { outcome: "failed", answer: Callbacks.failed(event.type) } as const
    return Effect.flatMap(
      running.run(event, { handle, settle, renew: Effect.void }),
      (exit): Effect.Effect<Result> => {
        if (exit === undefined) return Effect.as(Effect.logError(Failures.tooLate(what, handlerTimeout, which)), failed)
        if (Exit.isSuccess(exit)) return Effect.succeed({ outcome: "answered", answer: exit.value })
        return Cause.isInterruptedOnly(exit.cause)
          ? Effect.as(Effect.logError(`${what} was interrupted for ${which}`), failed)
          : Effect.succeed(failed)
      }
    )
  }

  return (event, handler) =>
    Effect.suspend(() => {
      // A callback without an id is never the same as another one.
      if (event.id === "") return run(event, answerOf(event, handler))
      // On Workers, no request may wait for another one.
      if (isRequestBound()) return run(event, answerOnce(event, handler))
      const known = answering.get(event.id)
      if (known !== undefined) return Deferred.await(known)
      const result = Deferred.unsafeMake<Result>(FiberId.none)
      answering.set(event.id, result)
      return Effect.onExit(run(event, answerOnce(event, handler)), (exit) => Deferred.done(result, exit))
    })
}
