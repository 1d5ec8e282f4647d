import * as Duration from "effect/Duration"

/** How long the platform asks to wait after an error. A wait of zero tells nothing, and counts as none. */
export const askedWait = (
  error: { readonly retryAfter?: Duration.Duration | undefined }
): Duration.Duration | undefined =>
  error.retryAfter !== undefined && Duration.greaterThan(error.retryAfter, Duration.zero) ? error.retryAfter : undefined
