/** The refusals of a body, which every door shares. */
import { maxBytes } from "./bodyBuffer.js"
import { refused } from "./refused.js"

export const tooLarge = refused("TooLarge", `the body is longer than ${maxBytes} bytes`)

export const incomplete = refused("Incomplete", "the body broke off")

export const bodyRead = refused(
  "BodyRead",
  "the web framework has read the body before and has kept only what it parsed, which has no signature: put this door before "
    + "every body parser (for example before express.json()), or let the parser keep the bytes as `rawBody`"
)
