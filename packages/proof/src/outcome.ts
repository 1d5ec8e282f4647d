/** Names how a call ended. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

export const success = "success"
export const defect = "a defect"

/** Returns the tag of an error, and its reason or kind: `FeishuNetworkError, Timeout`. */
export const of = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return success
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  if (!Cause.isFailType(exit.cause)) return defect
  const { _tag, kind, reason } = exit.cause.error as Readonly<Record<"_tag" | "kind" | "reason", string | undefined>>
  return [_tag, reason ?? kind].filter((word) => word !== undefined).join(", ")
}

/** Returns all that a program can print of a failure, to look for secrets in. */
export const textOf = (exit: Exit.Failure<unknown, unknown>): string =>
  `${Cause.pretty(exit.cause, { renderErrorCause: true })} ${JSON.stringify(exit)}`
