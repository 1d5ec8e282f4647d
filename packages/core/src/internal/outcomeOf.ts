import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { FeishuError } from "../FeishuError.js"

/** Returns the end of a call, as the metrics name it. */
export const outcomeOf = (
  exit: Exit.Exit<unknown, FeishuError | { readonly _tag: "TicketTimeout" | "TicketStoreError" }>
): string =>
  Exit.match(exit, {
    onSuccess: () => "success",
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onNone: () => "interrupted",
        onSome: (error) =>
          error._tag === "FeishuNetworkError"
            ? error.reason
            : error._tag === "FeishuApiError"
            ? error.kind
            : "no ticket"
      })
  })
