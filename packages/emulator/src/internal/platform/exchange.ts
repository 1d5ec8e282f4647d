/** One call to the platform: the request, and what the platform makes of it. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export interface Request {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  /** With lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** `true` if the client went away before the end of the body. */
  readonly isBrokenOff: boolean
  /** `true` if the body is longer than `longestBody`. `body` is empty then. */
  readonly isTooLong: boolean
}

/** The longest body of a request, in bytes: 32 MB. The platform takes files of up to 30 MB. */
export const longestBody = 32 * 1024 * 1024

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** How the connection is used: `cut off` sends half of the body, `never begun` sends nothing. */
  readonly end: "whole" | "cut off" | "never begun"
}

/** The decision about a request. */
export interface Decision {
  readonly appId: string | undefined
  readonly tenantKey: string | undefined
  readonly token: "none" | "valid" | "invalid"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A string is sent as it is, any other value as JSON, and `undefined` as an empty body. */
  readonly body: unknown
  /** `true` if a push of the app's ticket follows. */
  readonly resend: boolean
}

export const decision = (given: Partial<Decision> & Pick<Decision, "body">): Decision => ({
  appId: undefined,
  tenantKey: undefined,
  token: "none",
  status: 200,
  headers: {},
  resend: false,
  ...given
})

export const success = (fields?: object, rest?: Partial<Decision>): Decision =>
  decision({ body: { code: 0, msg: "success", ...fields }, ...rest })

export const refusal = (code: number, msg: string, rest?: Partial<Decision>): Decision =>
  decision({ body: { code, msg }, ...rest })

export const notFound = (appId: string | undefined): Decision =>
  decision({ appId, status: 404, headers: { "content-type": "text/plain" }, body: "404 page not found" })

export const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const decodeBody = Schema.decodeOption(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

/** Returns the fields of the body, or none if the body is no JSON object. */
export const bodyOf = (request: Request): Readonly<Record<string, unknown>> =>
  Option.getOrElse(decodeBody(request.body), () => ({}))

export const bearerOf = (request: Request): string | undefined =>
  /^Bearer (.+)$/i.exec(request.headers["authorization"] ?? "")?.[1]?.trim()
