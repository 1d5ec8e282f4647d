import { EventRefused } from "../../EventRefused.js"
import { maxBytes } from "./bodyBuffer.js"

/** Makes a refusal without a stack trace, because anybody can cause a thousand refusals a second. */
export const refused = (reason: EventRefused["reason"], description: string): EventRefused => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const refusal = new EventRefused({ reason, description }, { disableValidation: true })
  Error.stackTraceLimit = stackTraceLimit
  return refusal
}

// The refusals of a body, which every door shares.

export const tooLarge = refused("TooLarge", `the body is longer than ${maxBytes} bytes`)

export const incomplete = refused("Incomplete", "the body broke off")

export const bodyRead = refused(
  "BodyRead",
  "the web framework has read the body before and has kept only what it parsed, which has no signature: put this door before "
    + "every body parser (for example before express.json()), or let the parser keep the bytes as `rawBody`"
)
