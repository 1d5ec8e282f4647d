/** Handles an event: claims the event, runs its handler, and remembers the event. */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Answer as ClaimAnswer, Claim, Service as Claims } from "../../Claims.js"
import type { EventHandler } from "../../EventHandler.js"
import type { EventRefused } from "../../EventRefused.js"
import type { FeishuEvent } from "../../FeishuEvent.js"
import * as Failures from "./handlerFailures.js"
import { refused } from "./refused.js"
import type { Running } from "./running.js"

/** Runs the handler unless the event was handled before. */
export type Handle<R> = (
  event: FeishuEvent,
  handler: EventHandler<R>
) => Effect.Effect<"handled" | "duplicate", EventRefused>

type Taken = Extract<ClaimAnswer, { readonly _tag: "Taken" }>

const handled = Exit.succeed("handled" as const)

/** The name of an event is held after the event was handled, and claimed while the event is being handled. */
const wasHandled = ({ isHeld }: Taken): boolean => isHeld

export const make = <R>({ appId, claimFor, claims, handlerTimeout, rememberFor, running }: {
  readonly appId: string
  /** Logs its own failures. */
  readonly claims: Claims
  readonly claimFor: Duration.Duration
  readonly handlerTimeout: Duration.Duration
  readonly rememberFor: Duration.Duration
  readonly running: Running<R>
}): Handle<R> => {
  const handleClaimed = (
    event: FeishuEvent,
    handler: EventHandler<R>,
    claim: Claim
  ): Effect.Effect<"handled", EventRefused> => {
    const what = `the handler of ${event.type}`
    const which = () => `event ${event.id} of ${appId}`
    const work = running.run(event, {
      handle: Effect.suspend(() => handler.handle(event)),
      renew: Effect.suspend(() => Failures.tolerant(claims.renew(claim, claimFor))),
      // A store that fails now does not refuse the event, because the event would be handled again for certain.
      settle: (exit) =>
        Exit.isSuccess(exit)
          ? Failures.tolerant(claims.hold(appId, claim.name, rememberFor))
          : Effect.andThen(Failures.log(what, exit), Failures.tolerant(claims.release(claim)))
    })
    return Effect.flatMap(work, (exit): Effect.Effect<"handled", EventRefused> => {
      if (exit === undefined) return refused("HandlerTimeout", Failures.tooLate(what, handlerTimeout, which()))
      if (Exit.isSuccess(exit)) return handled
      const how = Cause.isInterruptedOnly(exit.cause) ? "was interrupted" : "failed"
      return refused("Handler", `${what} ${how} for ${which()}`)
    })
  }

  return (event, handler) =>
    Effect.matchEffect(claims.claim(appId, `event/${handler.key(event) ?? event.id}`, claimFor), {
      onFailure: ({ message }) => refused("Store", message),
      onSuccess: (answer): Effect.Effect<"handled" | "duplicate", EventRefused> =>
        answer._tag === "Claimed"
          ? handleClaimed(event, handler, answer.claim)
          : wasHandled(answer)
          ? Effect.succeed("duplicate")
          : refused("Running", "another delivery of this event is being handled")
    })
}
