/** Handles events and callbacks: each event once among all processes that share the claims. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Service as Claims } from "../../Claims.js"
import * as HandlingCallbacks from "./handlingCallbacks.js"
import * as HandlingEvents from "./handlingEvents.js"
import * as Running from "./running.js"

export interface Handling<R> {
  readonly handle: HandlingEvents.Handle<R>
  readonly answer: HandlingCallbacks.Answer<R>
}

export const make = <R>({ appId, claims, handlerTimeout, rememberFor }: {
  readonly appId: string
  /** Logs its own failures. */
  readonly claims: Claims
  readonly handlerTimeout: Duration.Duration
  readonly rememberFor: Duration.Duration
}): Effect.Effect<Handling<R>, never, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.map(Running.make<R>({ appId, handlerTimeout }), (running) => {
    // If this process dies, the claim ends before the platform's first retry, 15 s later.
    const claimFor = Duration.sum(handlerTimeout, Duration.seconds(10))
    const options = { appId, claims, claimFor, handlerTimeout, running }
    return {
      handle: HandlingEvents.make({ ...options, rememberFor }),
      answer: HandlingCallbacks.make(options)
    }
  })
