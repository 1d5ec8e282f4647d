/** Logs the failures of handlers, and of the claims that handlers need. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ClaimsError } from "../../Claims.js"

/** A handler that unwraps an `Option` with `yield*` fails with an error that says nothing about the event. */
const isNone = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.failureOption(cause), Cause.isNoSuchElementException)

const noTenant = ": an Option is None, for example the tenantKey of an event that names no tenant"

/** Logs the failure of `what`, for example "the handler of im.message.receive_v1". */
export const log = (what: string, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)
    ? Effect.void
    : Effect.logError(`${what} failed${isNone(exit.cause) ? noTenant : ""}`, exit.cause)

/** Says that `what` took too long for `which` event, and what to do. */
export const tooLate = (what: string, handlerTimeout: Duration.Duration, which: string): string =>
  `${what} did not end within ${Duration.format(handlerTimeout)} for ${which}: do longer work after the answer `
  + "(BackgroundTasks, or afterAnswer of /promise), or put the work into a queue"

/** Ignores a store that fails, which logs its own failures, and logs a store that dies. */
export const tolerant = (effect: Effect.Effect<unknown, ClaimsError>): Effect.Effect<void> =>
  Effect.matchCauseEffect(effect, {
    onSuccess: () => Effect.void,
    onFailure: (cause) => Cause.isFailType(cause) ? Effect.void : Effect.logError("the claims died", cause)
  })
