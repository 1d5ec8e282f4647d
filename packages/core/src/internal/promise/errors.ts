/** Rejects with what failed, and never with a `FiberFailure`. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { TicketTimeout } from "../../AppTicket.js"
import { FeishuApiError, FeishuNetworkError } from "../../FeishuError.js"
import { askedWait } from "../askedWait.js"

/** Documented in `promise`. */
export class FeishuUsageError extends Data.TaggedError("FeishuUsageError")<{
  readonly reason: "Closed" | "Handler" | "Environment" | "NoTenant" | "Options"
  readonly message: string
}> {}

export const closed = () =>
  new FeishuUsageError({ reason: "Closed", message: "the app was closed: make another one with createFeishu" })

/** Returns the error with which a promise rejects: the error of the failure, or the defect. */
const reasonOf = (cause: Cause.Cause<unknown>, signal: AbortSignal | undefined): unknown =>
  !Cause.isInterruptedOnly(cause) ? Cause.squash(cause) : signal?.aborted === true ? signal.reason : closed()

/** Returns the value of an exit, or throws its error. An interruption is an abort, or the end of the app. */
export const valueOf = <A>(exit: Exit.Exit<A, unknown>, signal?: AbortSignal): A => {
  if (Exit.isSuccess(exit)) return exit.value
  throw reasonOf(exit.cause, signal)
}

/** Returns the error of a runtime that could not be built. */
export const withoutFiber = (error: unknown): unknown =>
  Runtime.isFiberFailure(error) ? reasonOf(error[Runtime.FiberFailureCauseId], undefined) : error

/** Documented in `promise`. */
export const retryAfter = (error: unknown): number | undefined => {
  const wait = error instanceof FeishuApiError || error instanceof FeishuNetworkError
    ? askedWait(error)
    : error instanceof TicketTimeout
    ? error.nextResendIn
    : undefined
  return wait === undefined ? undefined : Duration.toMillis(wait)
}
