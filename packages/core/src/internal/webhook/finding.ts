/** Finds the subscription of one app of many. */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { EventRefused } from "../../EventRefused.js"
import { refused } from "./refused.js"

interface NotFound {
  readonly appId: string
  readonly refusal: EventRefused
  readonly cause?: Cause.Cause<unknown>
}

const unknownApp = refused("UnknownApp", "the path names an app that is unknown")

const failed = refused("Lookup", "the subscription of the app could not be found or built")

/** Calls `findApp`, which may throw. */
export const find = <A, E, R>(
  findApp: (appId: string) => Effect.Effect<A, E, R>,
  appId: string
): Effect.Effect<A, E, R> => {
  try {
    return findApp(appId)
  } catch (error) {
    return Exit.die(error)
  }
}

/** Returns `true` for an effect that needs neither a fiber nor services, such as `Effect.succeed(…)`. */
export const isExit = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

/** Returns what was found, or why nothing was found. */
export const fromExit = <A>(
  appId: string,
  exit: Exit.Exit<Option.Option<A>, unknown>
): Either.Either<A, NotFound> =>
  Exit.isFailure(exit)
    ? Either.left({ appId, refusal: failed, cause: exit.cause })
    : Either.fromOption(exit.value, () => ({ appId, refusal: unknownApp }))
