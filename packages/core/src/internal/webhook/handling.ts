/** Handles events and callbacks: each event once among all processes that share the claims. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Answer as ClaimAnswer, Claim, Service as Claims } from "../../Claims.js"
import type { EventHandler } from "../../EventHandler.js"
import type { EventRefused } from "../../EventRefused.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"
import { isRequestBound } from "../requestBound.js"
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

/** The name of an event is held after the event was handled, and claimed while the event is being handled. */
const wasHandled = ({ isHeld }: Taken): boolean => isHeld

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
    const tooLong = `the handler did not end within ${Duration.format(handlerTimeout)}`

    const logFailure = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)
        ? Effect.void
        : Effect.logError("the event's handler failed", exit.cause)

    const handleClaimed = (
      event: FeishuEvent,
      handler: EventHandler<R>,
      claim: Claim
    ): Effect.Effect<"handled", EventRefused> =>
      run(event, {
        handle: Effect.suspend(() => handler.handle(event)),
        // A store that fails now does not refuse the event, because the event would be handled again for certain.
        settle: (exit) =>
          Exit.isSuccess(exit)
            ? Effect.ignore(claims.hold(appId, claim.name, rememberFor))
            : Effect.andThen(logFailure(exit), Effect.ignore(claims.release(claim)))
      }).pipe(Effect.flatMap((exit) =>
        exit === undefined
          ? refused(
            "HandlerTimeout",
            `${tooLong}: add work that takes longer to BackgroundTasks, or put the work into a queue`
          )
          : Exit.isSuccess(exit)
          ? Effect.succeed("handled")
          : refused("Handler", `the handler of ${event.type} failed`)
      ))

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

    /** Fails with what `JSON.stringify` throws. */
    const answerOf = (event: FeishuEvent, handler: EventHandler<R>) =>
      Effect.flatMap(Effect.suspend(() => handler.handle(event)), (value) =>
        Effect.try(() => {
          const answer = isObject(value) ? value : Callbacks.nothing
          JSON.stringify(answer)
          return answer
        }))

    /** Runs the handler unless another process does so. */
    const answerOnce = (event: FeishuEvent, handler: EventHandler<R>) =>
      Effect.flatMap(Effect.option(claims.claim(appId, `callback/${event.id}`, claimFor)), (answer) => {
        // Runs the handler if the claims fail, because a user waits.
        if (Option.isNone(answer)) return answerOf(event, handler)
        if (answer.value._tag === "Taken") return Effect.succeed(Callbacks.nothing)
        return Effect.ensuring(answerOf(event, handler), Effect.ignore(claims.release(answer.value.claim)))
      })

    /** By event: the callbacks whose handlers run in this process. */
    const answering = new Map<string, Deferred.Deferred<CallbackResult>>()

    const runCallback = (
      event: FeishuEvent,
      handle: Effect.Effect<Callbacks.Answer, unknown, R>
    ): Effect.Effect<CallbackResult> => {
      const settle = (exit: Exit.Exit<unknown, unknown>) => {
        answering.delete(event.id)
        return logFailure(exit)
      }
      return run(event, { handle, settle }).pipe(
        Effect.tap((exit) =>
          exit === undefined
            ? Effect.logError(`the callback ${event.type} is answered without it: ${tooLong}`)
            : Effect.void
        ),
        Effect.map((exit) =>
          exit !== undefined && Exit.isSuccess(exit)
            ? { outcome: "answered", answer: exit.value }
            : { outcome: "failed", answer: Callbacks.failed(event.type) }
        )
      )
    }

    const answer: Handling<R>["answer"] = (event, handler) =>
      Effect.suspend(() => {
        // A callback without an id is never the same as another one.
        if (event.id === "") return runCallback(event, answerOf(event, handler))
        const known = answering.get(event.id)
        if (known !== undefined && !isRequestBound()) return Deferred.await(known)
        const result = Deferred.unsafeMake<CallbackResult>(FiberId.none)
        answering.set(event.id, result)
        return Effect.tap(runCallback(event, answerOnce(event, handler)), (answer) => Deferred.succeed(result, answer))
      })

    return { handle, answer }
  })
