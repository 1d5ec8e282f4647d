/**
 * The platform's error codes, as data.
 *
 * Sources: the Open Platform's page "通用错误码", and live answers quoted in public reports. Where they disagree, the
 * table follows the live answers.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What a code means for the caller: all codes in thirteen kinds.
 *
 * @since 0.1.0
 * @category models
 */
export const Kind = Schema.Literal(
  "RateLimited",
  "Internal",
  "Busy",
  "Credentials",
  "AppState",
  "NotStoreApp",
  "TicketInvalid",
  "TokenInvalid",
  "Permission",
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
  /** What to do, if it differs from what to do about other codes of the kind. */
  readonly advice?: string | undefined
}

/**
 * What to do about each kind.
 *
 * @since 0.1.0
 * @category table
 */
export const advice: Readonly<Record<Kind, string>> = {
  RateLimited: "Wait as long as the platform says before the next call, and call less often.",
  Internal: "The platform has an error of its own: try again later, and quote the log id to its support if it lasts.",
  Busy: "The platform is still working on the same request, document or Base: try again in a moment.",
  Credentials:
    "Check that the app id and the app secret belong together, that neither was cut or copied with white space, "
    + "and that the app is on this host (Feishu or Lark); last, that the app is not disabled.",
  AppState:
    "Check in the developer console that the app is published and enabled, and that the tenant has installed it.",
  NotStoreApp: "Only a published store app gets an app ticket: a self-built app needs none and must not ask for it.",
  TicketInvalid: "The app ticket has expired or is not this app's: ask for a new one and try again with it.",
  TokenInvalid: "The access token has expired or is not valid here: get a new one and try again with it.",
  Permission:
    "Add one of these scopes to the app in the developer console and publish a version; for a user's token, let "
    + "the user grant the scope, too.",
  Parameter: "Correct the request: a parameter is missing or has a wrong value.",
  Quota: "The tenant's calls for this month are used up: wait for the next month or have the quota raised.",
  IpRefused: "Add this machine's public IP address to the app's IP allow list in the developer console.",
  Unknown: "Look the code up in the platform's documentation, or quote the log id to its support."
}

const retryableKinds: ReadonlySet<Kind> = new Set<Kind>(["RateLimited", "Internal", "Busy"])

const row = (
  kind: ErrorCode["kind"],
  meaning: string,
  codes: ReadonlyArray<number>,
  advice?: string
): ReadonlyArray<ErrorCode> =>
  codes.map((code) => ({ code, kind, retryable: retryableKinds.has(kind), meaning, advice }))

/**
 * All codes that this library knows. Any other code has the kind `Unknown`, or `RateLimited` if the answer says so.
 *
 * @since 0.1.0
 * @category table
 */
export const table: ReadonlyMap<number, ErrorCode> = new Map(
  [
    row("Internal", "internal error, try again later", [
      1500,
      1551,
      1557,
      1642,
      1663,
      1665,
      1668,
      2200,
      4006,
      5000,
      10101,
      10105,
      10500,
      105001,
      1000003,
      1050002,
      1050008,
      1069301,
      1069399
    ]),
    row("RateLimited", "the rate limit was exceeded", [99991400, 1000004, 1000005]),
    row("RateLimited", "the rate limit of messages was exceeded", [11232, 11233, 11247]),
    row("RateLimited", "the rate limit of this chat was exceeded", [230020]),
    row("Busy", "the same request is being processed, or a document or Base is busy", [
      18121,
      1061045,
      131009,
      1254290,
      1254607
    ]),
    row("Parameter", "a parameter, the path or the method is missing or wrong", [
      9499,
      4000,
      10001,
      10003,
      10100,
      20001,
      23001,
      40001,
      99991201,
      99991301,
      99992402
    ]),
    row("Parameter", "the request carried no access token", [99991661]),
    row("AppState", "the app is unauthorised, disabled or gone", [
      10005,
      11207,
      11209,
      20048,
      20069,
      99991662,
      99991673
    ]),
    row("AppState", "the app is not installed in that tenant", [11210, 20009]),
    row("AppState", "the platform could not issue a tenant access token", [10013]),
    row("Credentials", "the app secret is wrong, or the app id is unknown on this host", [10014]),
    row("Credentials", "the app secret is wrong, or does not belong to the app id", [10015, 20002, 99991543]),
    row("NotStoreApp", "the resend was refused: not a store app, or not allowed to", [10016]),
    row("TicketInvalid", "the platform could not issue an app access token: the app ticket is invalid", [10012]),
    row("TokenInvalid", "the tenant or app access token is invalid", [
      4001,
      20005,
      20013,
      20014,
      99991663,
      99991664,
      99991665,
      99991671
    ]),
    row(
      "TokenInvalid",
      "the user access token is invalid or has expired",
      [20006, 99991668, 99991677],
      "Refresh the user access token with its refresh token, or let the user sign in again."
    ),
    row("Permission", "the app lacks a scope, or the user has not granted it", [
      99991672,
      99991676,
      99991679,
      230027
    ]),
    row("IpRefused", "the caller's IP address is not on the app's allow list", [99991401]),
    row("Quota", "the monthly quota of calls is used up", [99991403])
  ].flat().map((errorCode) => [errorCode.code, errorCode])
)
