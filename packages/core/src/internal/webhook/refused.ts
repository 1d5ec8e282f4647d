import { EventRefused } from "../../EventRefused.js"

/** Makes a refusal without a stack trace, because anybody can cause a thousand refusals a second. */
export const refused = (reason: EventRefused["reason"], description: string): EventRefused => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const refusal = new EventRefused({ reason, description }, { disableValidation: true })
  Error.stackTraceLimit = stackTraceLimit
  return refusal
}
