/** Sorts a refusal into a kind. */
import * as ErrorCode from "../../ErrorCode.js"

/**
 * The five calls that authenticate the app by id and secret. There 10003 ("a parameter is missing or wrong") means that
 * the host does not know the app id or that id or secret is malformed (seen in practice, not documented).
 */
const isAuthentication = (path: string): boolean =>
  /\/open-apis\/auth\/v3\/(app_ticket\/resend|(app|tenant)_access_token(\/internal)?)$/.test(path)

const unknownAppId = 10003

/**
 * Returns the kind of a refusal and whether the same request may succeed later.
 *
 * A code of `ErrorCode.table` decides. Other APIs have rate-limit codes of their own, and the same limit shows as HTTP 429
 * or, on older calls, as 400 (pages "频控策略" and "错误码"). So an unknown code is a rate limit with 429, and with 400 if
 * the answer says how long to wait. Any other unknown code may succeed later if the status is 5xx.
 */
export const classify = (refusal: {
  readonly code: number
  readonly status: number
  readonly url: string
  /** `true` if the answer has a `retryAfter`. */
  readonly asksToWait: boolean
}): { readonly kind: ErrorCode.Kind; readonly retryable: boolean } => {
  if (refusal.code === unknownAppId && isAuthentication(refusal.url)) return { kind: "Credentials", retryable: false }
  const known = ErrorCode.table.get(refusal.code)
  if (known !== undefined) return known
  if (refusal.status === 429 || (refusal.status === 400 && refusal.asksToWait)) {
    return { kind: "RateLimited", retryable: true }
  }
  return { kind: "Unknown", retryable: refusal.status >= 500 && refusal.status < 600 }
}
