/**
 * The platform's error codes, as data.
 *
 * Source: the Open Platform's page "通用错误码" (generic error codes), the rows that concern authentication.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What a code means for the one who called, all codes folded into eleven kinds.
 *
 * @since 0.1.0
 * @category models
 */
export const Kind = Schema.Literal(
  "RateLimited",
  "Internal",
  "Credentials",
  "AppState",
  "NotStoreApp",
  "TicketInvalid",
  "TokenInvalid",
  "Parameter",
  "Quota",
  "IpRefused",
  "Unknown"
)

/**
 * @since 0.1.0
 * @category models
 */
export type Kind = typeof Kind.Type

/**
 * One row of the table.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorCode {
  readonly code: number
  readonly kind: Exclude<Kind, "Unknown">
  /** Whether the same request, sent again later, may succeed. */
  readonly retryable: boolean
  readonly meaning: string
}

/**
 * What to do about each kind, in one sentence.
 *
 * @since 0.1.0
 * @category table
 */
export const advice: Readonly<Record<Kind, string>> = {
  RateLimited: "Wait as long as the platform says before the next call, and call less often.",
  Internal: "The platform has an error of its own: try again later, and quote the log id to its support if it lasts.",
  Credentials: "Check that the app id and the app secret belong together and to this host (Feishu or Lark).",
  AppState:
    "Check in the developer console that the app is published and enabled, and that the tenant has installed it.",
  NotStoreApp: "Only a published store app gets an app ticket: a self-built app needs none and must not ask for it.",
  TicketInvalid: "The app ticket has expired or is not this app's: ask for a new one and try again with it.",
  TokenInvalid: "The access token has expired or is not valid here: get a new one and try again with it.",
  Parameter: "Correct the request: a parameter is missing or has a wrong value.",
  Quota: "The tenant's calls for this month are used up: wait for the next month or have the quota raised.",
  IpRefused: "Add this machine's public IP address to the app's IP allow list in the developer console.",
  Unknown: "Look the code up in the platform's documentation, or quote the log id to its support."
}

const isRetryableKind = (kind: Kind): boolean => kind === "RateLimited" || kind === "Internal"

const row = (
  kind: ErrorCode["kind"],
  meaning: string,
  codes: ReadonlyArray<number>
): ReadonlyArray<ErrorCode> => codes.map((code) => ({ code, kind, retryable: isRetryableKind(kind), meaning }))

/**
 * All codes that this library knows. A code that is not here has the kind `Unknown`.
 *
 * @since 0.1.0
 * @category table
 */
export const table: ReadonlyMap<number, ErrorCode> = new Map(
  [
    row("Internal", "internal error, try again later", [
      1500,
      1551,
      1642,
      1663,
      1668,
      2200,
      5000,
      10101,
      10500,
      105001,
      1000003
    ]),
    row("RateLimited", "the rate limit was exceeded", [99991400, 1000004, 1000005]),
    row("Parameter", "a parameter is missing or wrong", [10003, 10001, 9499, 99992402]),
    row("Parameter", "the request carried no access token", [99991661]),
    row("AppState", "the app is unauthorised, disabled or not installed", [10005, 10014, 99991662, 99991673]),
    row("AppState", "the app is not installed in that tenant", [11210, 20009]),
    row("AppState", "the platform could not issue a tenant access token", [10013]),
    row("Credentials", "the app secret is wrong, or does not belong to the app id", [10015, 20002, 99991543]),
    row("NotStoreApp", "the resend was refused: not a store app, or not allowed to", [10016]),
    row("TicketInvalid", "the platform could not issue an app access token: the app ticket is invalid", [10012]),
    row("TokenInvalid", "the tenant or app access token is invalid", [
      99991663,
      99991664,
      99991665,
      99991671,
      20013,
      20014
    ]),
    row("IpRefused", "the caller's IP address is not on the app's allow list", [99991401]),
    row("Quota", "the monthly quota of calls is used up", [99991403])
  ].flat().map((errorCode) => [errorCode.code, errorCode])
)

/**
 * The kind of a refusal and whether the same request may succeed later.
 *
 * The code decides where it is in the table. Other APIs have rate-limit codes of their own, and the same limit shows as
 * HTTP 429 or, on older calls, as 400 (pages "频控策略" and "错误码"): so an unknown code is a rate limit with 429, and
 * with 400 where the answer says how long to wait. Any other unknown code may be tried again when the status is 5xx,
 * and only then.
 *
 * @since 0.1.0
 * @category table
 */
export const classify = (refusal: {
  readonly code: number
  readonly status: number
  /** Whether the answer said how long to wait (`x-ogw-ratelimit-reset`). */
  readonly toldToWait: boolean
}): { readonly kind: Kind; readonly retryable: boolean } => {
  const known = table.get(refusal.code)
  if (known !== undefined) return known
  if (refusal.status === 429 || (refusal.status === 400 && refusal.toldToWait)) {
    return { kind: "RateLimited", retryable: true }
  }
  return { kind: "Unknown", retryable: refusal.status >= 500 && refusal.status < 600 }
}
