/** Looks up the subscription of one app of many. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { isObject } from "../isObject.js"
import { timeLimit } from "../timeLimit.js"
import type { Entry } from "./refusalLog.js"
import { refused } from "./refused.js"

/** Documented in `EventDoor`. */
type FindApp<A, E, R> = (appId: string) => Effect.Effect<Option.Option<A>, E, R>

/** The subscription, or why there is none. */
export type Found<A> = Either.Either<A, Entry>

/** Shorter than the 3 s for which the platform waits. */
const duration = Duration.seconds(2)

const unknownApp = refused("UnknownApp", "the path names an app that is unknown")

const failed = refused("AppLookup", "the subscription of the app could not be found or built")

const slow = refused("AppLookup", `findApp did not end within ${Duration.format(duration)}`)

const noOption = Cause.die(new TypeError("findApp succeeded with no Option of an EventSubscription"))

/** For `timeLimit`. */
export const limit = { duration, onTimeout: () => slow }

/** Calls `findApp`, which may throw, and which may return anything in a program without types. */
export const call = <A, E, R>(
  findApp: FindApp<A, E, R>,
  appId: string
): Effect.Effect<Option.Option<A>, E, R> => {
  try {
    const effect = findApp(appId)
    return Effect.isEffect(effect) ? effect : Exit.die(new TypeError("findApp returned no Effect"))
  } catch (error) {
    return Exit.die(error)
  }
}

/** Returns `true` for an effect that needs neither a fiber nor services, such as `Effect.succeed(…)`. */
export const isExit = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

const isSubscription = (value: unknown): boolean => isObject(value) && typeof value["receive"] === "function"

/** Returns what `findApp` has found. */
export const foundOf = <A>(appId: string, exit: Exit.Exit<Option.Option<A>, unknown>): Found<A> => {
  if (Exit.isFailure(exit)) {
    return Either.left(
      Cause.contains(exit.cause, Cause.fail(slow))
        ? { refusal: slow, appId }
        : { refusal: failed, appId, cause: exit.cause }
    )
  }
  const app = exit.value
  if (!Option.isOption(app)) return Either.left({ refusal: failed, appId, cause: noOption })
  if (Option.isNone(app)) return Either.left({ refusal: unknownApp, appId })
  return isSubscription(app.value)
    ? Either.right(app.value)
    : Either.left({ refusal: failed, appId, cause: noOption })
}

/** Finds the subscription within the time limit. Runs no fiber if `findApp` returns an exit. */
export const find = <A, E, R>(findApp: FindApp<A, E, R>, appId: string): Effect.Effect<Found<A>, never, R> => {
  const called = call(findApp, appId)
  return isExit(called)
    ? Exit.succeed(foundOf(appId, called))
    : Effect.map(Effect.exit(timeLimit(called, limit)), (exit) => foundOf(appId, exit))
}

/** Runs the effect of `findApp` in a scope, and gives the scope to `keep`, because the scope closes after the answer. */
export const inScope = <A, E, R>(
  called: Effect.Effect<A, E, R>,
  keep: (scope: Scope.CloseableScope) => void
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(Scope.make(), (scope) => {
    keep(scope)
    return Scope.extend(called, scope)
  })

/** Closes the scope of `findApp`. The delivery is answered by then, so a failure is only logged. */
export const close = (scope: Scope.CloseableScope): Effect.Effect<void> =>
  Effect.catchAllCause(
    Scope.close(scope, Exit.void),
    (cause) => Effect.logError("the scope of findApp failed to close", cause)
  )
