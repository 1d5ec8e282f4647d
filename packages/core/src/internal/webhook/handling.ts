/** Handles events and callbacks: each event once among all processes that share the claims. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Answer as ClaimAnswer, ClaimsError, Service as Claims } from "../../Claims.js"
import type { EventHandler } from "../../EventHandler.js"
import type { EventRefused } from "../../EventRefused.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"
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
  ) => Effect.Effect<{ readonly outcome: "answered" | "failed"; readonly answer: Callbacks.Answer }>
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
    const { endInTime, start } = yield* Running.make<R>({ appId, handlerTimeout })
    /** If this process dies, the claim ends before the platform's first retry, 15 s later. */
    const claimFor = Duration.sum(handlerTimeout, Duration.seconds(10))

    const logFailure = (cause: Cause.Cause<unknown>) =>
      Cause.isInterruptedOnly(cause) ? Effect.void : Effect.logError("the event's handler failed", cause)

    const tooLong = `the handler did not end within ${Duration.format(handlerTimeout)}`

    const handle: Handling<R>["handle"] = Effect.fnUntraced(function*(event, handler) {
      const name = `event/${handler.key(event) ?? event.id}`
      const answer = yield* Effect.mapError(
        claims.claim(appId, name, claimFor),
        (error: ClaimsError) => refused("Store", error.message)
      )
      if (answer._tag === "Taken") {
        if (wasHandled(answer)) return "duplicate"
        return yield* refused("Running", "another delivery of this event is being handled")
      }
      const settle = Exit.matchEffect({
        onSuccess: () => claims.hold(appId, name, rememberFor),
        onFailure: (cause: Cause.Cause<unknown>) => Effect.andThen(logFailure(cause), claims.release(answer.claim))
      })
      // A store that fails now does not refuse the event, because the event would be handled again for certain.
      const handled = Effect.onExit(Effect.suspend(() => handler.handle(event)), (exit) => Effect.ignore(settle(exit)))
      const exit = yield* Effect.flatMap(start(handled, event), endInTime)
      if (exit === undefined) {
        return yield* refused("HandlerTimeout", `${tooLong}: let it only take note, and do the work afterwards`)
      }
      if (Exit.isSuccess(exit)) return "handled"
      return yield* refused("Handler", `the handler of ${event.type} failed`)
    })

    /** By event: the callbacks that are being answered in this process. */
    const answering = new Map<string, Fiber.RuntimeFiber<Callbacks.Answer, unknown>>()

    /** Fails with what `JSON.stringify` throws. */
    const answerOf = (event: FeishuEvent, handler: EventHandler<R>) =>
      Effect.flatMap(Effect.suspend(() => handler.handle(event)), (value) =>
        Effect.try(() => {
          const answer = isObject(value) ? value : Callbacks.nothing
          JSON.stringify(answer)
          return answer
        }))

    const startOnce = (event: FeishuEvent, handler: EventHandler<R>) =>
      Effect.suspend(() => {
        // A callback without an id is never the same as another one.
        if (event.id === "") return start(Effect.tapErrorCause(answerOf(event, handler), logFailure), event)
        const known = answering.get(event.id)
        if (known !== undefined) return Effect.succeed(known)
        const claimed = Effect.option(claims.claim(appId, `callback/${event.id}`, claimFor))
        const once = Effect.flatMap(claimed, (answer) => {
          // Runs the handler if the claims fail, because a user waits.
          if (Option.isNone(answer)) return answerOf(event, handler)
          if (answer.value._tag === "Taken") return Effect.succeed(Callbacks.nothing)
          return Effect.ensuring(answerOf(event, handler), Effect.ignore(claims.release(answer.value.claim)))
        })
        return Effect.map(start(Effect.tapErrorCause(once, logFailure), event), (fiber) => {
          if (fiber.unsafePoll() === null) {
            answering.set(event.id, fiber)
            fiber.addObserver(() => answering.delete(event.id))
          }
          return fiber
        })
      })

    return {
      handle,
      answer: (event, handler) =>
        Effect.gen(function*() {
          const exit = yield* Effect.flatMap(startOnce(event, handler), endInTime)
          if (exit === undefined) {
            yield* Effect.logError(`the callback ${event.type} is answered without it: ${tooLong}`)
          }
          if (exit === undefined || Exit.isFailure(exit)) {
            return { outcome: "failed", answer: Callbacks.failed(event.type) } as const
          }
          return { outcome: "answered", answer: exit.value } as const
        })
    }
  })
