/**
 * Keeps an answer to a delivery from being interrupted, without a region in a fiber that can be interrupted: such a region
 * takes as long as to check the signature, because V8 keeps what is in a region until the next full collection of garbage.
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"

/** Returns a runtime whose fibers cannot be interrupted from their start on. */
export const runtime = <R>(runtime: Runtime.Runtime<R>): Runtime.Runtime<R> =>
  Runtime.disableRuntimeFlag(runtime, RuntimeFlags.Interruption)

/** Makes an effect uninterruptible. Adds no region in a fiber that cannot be interrupted before. */
export const region = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.checkInterruptible((isInterruptible) => isInterruptible ? Effect.uninterruptible(self) : self)
