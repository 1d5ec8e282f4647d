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
 * Sorts all codes into thirteen kinds by what the caller can do.
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
  /** `true` if the same request may succeed later. */
  readonly retryable: boolean
  /** Replaces the advice for the kind. */
  readonly advice?: string | undefined
}

/**
 * Says for each kind what to do.
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

const row = (kind: ErrorCode["kind"], codes: ReadonlyArray<number>, advice?: string): ReadonlyArray<ErrorCode> =>
  codes.map((code) => ({ code, kind, retryable: retryableKinds.has(kind), advice }))

/**
 * Lists all known codes. Any other code has the kind `Unknown`, or `RateLimited` with the status 429, or with 400
 * and a header that says how long to wait.
 *
 * @since 0.1.0
 * @category table
 */
export const table: ReadonlyMap<number, ErrorCode> = new Map(
  [
    row("Internal", [
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
    // Messages: 11232, 11233, 11247. One chat: 230020.
    row("RateLimited", [99991400, 1000004, 1000005, 11232, 11233, 11247, 230020]),
    row("Busy", [18121, 1061045, 131009, 1254290, 1254607]),
    // No access token in the request: 99991661.
    row("Parameter", [
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
      99991661,
      99992402
    ]),
    // No tenant access token can be issued: 10013. The app is not installed: 11210, 20009.
    row("AppState", [
      10005,
      10013,
      11207,
      11209,
      11210,
      20009,
      20048,
      20069,
      99991662,
      99991673
    ]),
    // The app id is unknown on this host, or the app secret is wrong: 10014.
    row("Credentials", [10014, 10015, 20002, 99991543]),
    row("NotStoreApp", [10016]),
    // No app access token can be issued.
    row("TicketInvalid", [10012]),
    row("TokenInvalid", [4001, 20005, 20013, 20014, 99991663, 99991664, 99991665, 99991671]),
    row(
      "TokenInvalid",
      [20006, 99991668, 99991677],
      "Refresh the user access token with its refresh token, or let the user sign in again."
    ),
    // The user has not granted the scope: 99991679. Messages: 230027.
    row("Permission", [99991672, 99991676, 99991679, 230027]),
    row("IpRefused", [99991401]),
    row("Quota", [99991403])
  ].flat().map((errorCode) => [errorCode.code, errorCode])
)
