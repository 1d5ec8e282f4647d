/**
 * The platform's side of the calls: apps, tickets, tokens, limits, and what each call answers.
 *
 * It is a state machine over plain maps. Each transition is one synchronous step, so no two calls can interleave.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { App } from "./App.js"

/**
 * The paths of the calls that are more than an empty success.
 *
 * @since 0.1.0
 * @category models
 */
export const paths = {
  appTicketResend: "/open-apis/auth/v3/app_ticket/resend",
  appAccessToken: "/open-apis/auth/v3/app_access_token",
  tenantAccessToken: "/open-apis/auth/v3/tenant_access_token",
  appAccessTokenInternal: "/open-apis/auth/v3/app_access_token/internal",
  tenantAccessTokenInternal: "/open-apis/auth/v3/tenant_access_token/internal",
  tenantQuery: "/open-apis/tenant/v2/tenant/query"
} as const

/**
 * A limit of calls for each app, as the platform has one for each of its calls (page "频控策略").
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimit {
  /** The call's path. */
  readonly path: string
  /** So many calls … */
  readonly calls: number
  /** … in each window of this length, in whole seconds. */
  readonly per: Duration.DurationInput
  /** How it is reported. Default: 429. */
  readonly status?: 429 | 400 | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/**
 * What the platform makes of a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Decision {
  readonly appId: string | undefined
  readonly tenantKey: string | undefined
  readonly token: "none" | "valid" | "invalid"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly code: number; readonly msg: string; readonly [field: string]: unknown } | string
  /** Whether a push of the app's ticket follows. */
  readonly resend: boolean
}

interface Token {
  readonly value: string
  readonly appId: string
  /** Undefined for an app access token. */
  readonly tenantKey: string | undefined
  readonly expiresAt: number
}

const ticketLife = Duration.toMillis("3 hours")
const tokenLife = Duration.toMillis("2 hours")
/** With less than this left, a call for a token gives a new one. */
const renewal = Duration.toMillis("30 minutes")

/**
 * Random hexadecimal digits.
 *
 * @since 0.1.0
 * @category randomness
 */
export const hex = (digits: number): Effect.Effect<string> =>
  Effect.map(
    Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 32), Math.ceil(digits / 8)),
    (numbers) => numbers.map((number) => number.toString(16).padStart(8, "0")).join("").slice(0, digits)
  )

/**
 * Shaped like the platform's: the time to the second, then random digits.
 *
 * @since 0.1.0
 * @category randomness
 */
export const logId: Effect.Effect<string> = Effect.zipWith(
  DateTime.now,
  hex(20),
  (now, random) => DateTime.formatIso(now).replace(/\D/g, "").slice(0, 14) + random.toUpperCase()
)

const decodeBody = Schema.decodeOption(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

const bodyOf = (request: Request): Readonly<Record<string, unknown>> =>
  Option.getOrElse(decodeBody(request.body), () => ({}))

const bearerOf = (request: Request): string | undefined =>
  /^Bearer (.+)$/i.exec(request.headers["authorization"] ?? "")?.[1]?.trim()

const success = (fields?: object) => ({ code: 0, msg: "success", ...fields })

const envelope = (
  decision: Partial<Decision> & { readonly body: Decision["body"] }
): Decision => ({
  appId: undefined,
  tenantKey: undefined,
  token: "none",
  status: 200,
  headers: {},
  resend: false,
  ...decision
})

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly apps: ReadonlyArray<App>
  readonly limits: ReadonlyArray<RateLimit>
}) => {
  const apps = new Map(options.apps.map((app) => [app.appId, app]))
  const limits = new Map(options.limits.map((limit) => [limit.path, limit]))
  const windows = new Map<string, { readonly endsAt: number; calls: number }>()
  /** By app: the tickets that are still valid, each with its end. */
  const tickets = new Map<string, Map<string, number>>()
  const tokens = new Map<string, Token>()
  /** By app and tenant: the newest token. */
  const newest = new Map<string, Token>()

  const issueTicket = Effect.fnUntraced(function*(appId: string) {
    const value = yield* hex(32)
    const now = yield* Clock.currentTimeMillis
    const valid = new Map([...tickets.get(appId) ?? []].filter(([_, expiresAt]) => expiresAt > now))
    tickets.set(appId, valid.set(value, now + ticketLife))
    return value
  })

  const tokenFor = Effect.fnUntraced(function*(appId: string, tenantKey: string | undefined, prefix: "a-" | "t-") {
    const fresh = prefix + (yield* hex(40))
    const now = yield* Clock.currentTimeMillis
    const key = `${appId} ${tenantKey ?? ""}`
    const current = newest.get(key)
    if (current !== undefined && current.expiresAt - now >= renewal) return current
    const token: Token = { value: fresh, appId, tenantKey, expiresAt: now + tokenLife }
    newest.set(key, token)
    tokens.set(token.value, token)
    // The one before lives on to its own end; what is older than that has ended.
    for (const old of tokens.values()) if (old.expiresAt <= now) tokens.delete(old.value)
    return token
  })

  const secondsLeft = (token: Token, now: number) => Math.floor((token.expiresAt - now) / 1000)

  const tenantsOf = (app: App): ReadonlyArray<string> => app.tenants ?? ["tenant_1"]

  /** The app's credentials in a body, or why they are refused. */
  const authenticate = (body: Readonly<Record<string, unknown>>, kind: App["kind"], wrongKind: number) => {
    const { app_id: appId, app_secret: secret } = body
    if (typeof appId !== "string" || appId === "" || typeof secret !== "string" || secret === "") {
      return { code: 10003, msg: "invalid param" }
    }
    const app = apps.get(appId)
    if (app === undefined || Redacted.value(app.appSecret) !== secret) return { code: 10015, msg: "app secret invalid" }
    if (app.enabled === false) return { code: 10014, msg: "app is disabled" }
    if ((app.kind ?? "store") !== kind) return { code: wrongKind, msg: "the app's type does not allow this call" }
    return app
  }

  const authCalls: Record<
    string,
    (body: Readonly<Record<string, unknown>>, now: number) => Effect.Effect<Decision>
  > = {
    [paths.appTicketResend]: (body) =>
      Effect.sync(() => {
        const app = authenticate(body, "store", 10016)
        return "code" in app
          ? envelope({ body: app })
          : envelope({ body: success(), resend: true })
      }),

    [paths.appAccessToken]: (body, now) =>
      Effect.gen(function*() {
        const app = authenticate(body, "store", 10005)
        if ("code" in app) return envelope({ body: app })
        const ticket = body["app_ticket"]
        if (typeof ticket !== "string" || ticket === "") {
          return envelope({ body: { code: 10003, msg: "invalid param" } })
        }
        if ((tickets.get(app.appId)?.get(ticket) ?? 0) <= now) {
          return envelope({ body: { code: 10012, msg: "app_ticket invalid" } })
        }
        const token = yield* tokenFor(app.appId, undefined, "a-")
        return envelope({ body: success({ app_access_token: token.value, expire: secondsLeft(token, now) }) })
      }),

    [paths.tenantAccessToken]: (body, now) =>
      Effect.gen(function*() {
        const { app_access_token: appToken, tenant_key: tenantKey } = body
        if (typeof appToken !== "string" || appToken === "" || typeof tenantKey !== "string" || tenantKey === "") {
          return envelope({ body: { code: 10003, msg: "invalid param" } })
        }
        const holder = tokens.get(appToken)
        const app = holder && apps.get(holder.appId)
        if (holder === undefined || app === undefined || holder.tenantKey !== undefined || holder.expiresAt <= now) {
          return envelope({ tenantKey, body: { code: 99991664, msg: "app access token invalid" } })
        }
        const { appId } = app
        if (app.enabled === false) return envelope({ appId, tenantKey, body: { code: 10014, msg: "app is disabled" } })
        if (!tenantsOf(app).includes(tenantKey)) {
          return envelope({ appId, tenantKey, body: { code: 11210, msg: "the tenant has not installed the app" } })
        }
        const token = yield* tokenFor(appId, tenantKey, "t-")
        return envelope({
          appId,
          tenantKey,
          body: success({ tenant_access_token: token.value, expire: secondsLeft(token, now) })
        })
      }),

    [paths.appAccessTokenInternal]: (body, now) =>
      Effect.gen(function*() {
        const app = authenticate(body, "self-built", 10005)
        if ("code" in app) return envelope({ body: app })
        const [tenantKey] = tenantsOf(app)
        // A self-built app's two tokens are one and the same (page "自建应用获取 app_access_token").
        const token = yield* tokenFor(app.appId, tenantKey, "t-")
        return envelope({
          tenantKey,
          body: success({
            app_access_token: token.value,
            tenant_access_token: token.value,
            expire: secondsLeft(token, now)
          })
        })
      }),

    [paths.tenantAccessTokenInternal]: (body, now) =>
      Effect.gen(function*() {
        const app = authenticate(body, "self-built", 10005)
        if ("code" in app) return envelope({ body: app })
        const [tenantKey] = tenantsOf(app)
        const token = yield* tokenFor(app.appId, tenantKey, "t-")
        return envelope({
          tenantKey,
          body: success({ tenant_access_token: token.value, expire: secondsLeft(token, now) })
        })
      })
  }

  /** Any other call: the bearer token decides, and then it is an empty success. */
  const apiCall = (request: Request, now: number): Decision => {
    const bearer = bearerOf(request)
    const refuse = (code: number, msg: string, rest?: Partial<Decision>) =>
      envelope({ token: bearer === undefined ? "none" : "invalid", status: 400, body: { code, msg }, ...rest })
    if (bearer === undefined) return refuse(99991661, "Missing access token for authorization.")
    if (!/^[atu]-/.test(bearer)) return refuse(99991671, "Invalid access token format: must start with 't-' or 'u-'.")
    const token = tokens.get(bearer)
    const app = token && apps.get(token.appId)
    if (token === undefined || app === undefined || token.expiresAt <= now) {
      const rest = { appId: token?.appId, tenantKey: token?.tenantKey }
      return bearer.startsWith("a-")
        ? refuse(99991664, "Invalid app access token.", rest)
        : refuse(99991663, "Invalid access token for authorization.", rest)
    }
    const { appId, tenantKey } = token
    if (app.enabled === false) return refuse(99991662, "The app is disabled.", { appId, tenantKey })
    if (tenantKey !== undefined && !tenantsOf(app).includes(tenantKey)) {
      return refuse(99991673, "The app is not installed.", { appId, tenantKey })
    }
    const data = request.path === paths.tenantQuery
      ? {
        tenant: {
          name: tenantKey ?? app.appId,
          display_id: `F${(tenantKey ?? app.appId).toUpperCase()}`,
          tenant_tag: 0,
          tenant_key: tenantKey ?? ""
        }
      }
      : {}
    return envelope({ appId, tenantKey, token: "valid", body: success({ data }) })
  }

  /** The refusal, where the app has no call of this kind left in its current window. */
  const limited = (appId: string, path: string, now: number): Decision | undefined => {
    const limit = limits.get(path)
    if (limit === undefined) return undefined
    const key = `${appId} ${path}`
    const current = windows.get(key)
    const window = current !== undefined && current.endsAt > now
      ? current
      : { endsAt: now + Duration.toMillis(limit.per), calls: 0 }
    windows.set(key, window)
    window.calls++
    return window.calls <= limit.calls ? undefined : envelope({
      appId,
      status: limit.status ?? 429,
      headers: {
        "x-ogw-ratelimit-limit": String(Math.ceil(Duration.toSeconds(limit.per))),
        "x-ogw-ratelimit-reset": String(Math.ceil((window.endsAt - now) / 1000))
      },
      body: { code: 99991400, msg: "request trigger frequency limit" }
    })
  }

  /** The app that the request names, or whose token it carries. */
  const identify = (request: Request): string | undefined => {
    const body = bodyOf(request)
    const { app_access_token: appToken, app_id: appId } = body
    return typeof appId === "string" ? appId : tokens.get(String(appToken ?? bearerOf(request)))?.appId
  }

  const decide = Effect.fnUntraced(function*(request: Request) {
    const now = yield* Clock.currentTimeMillis
    const appId = identify(request)
    const overLimit = appId === undefined ? undefined : limited(appId, request.path, now)
    if (overLimit !== undefined) return overLimit
    const call = authCalls[request.path]
    if (!request.path.startsWith("/open-apis/") || (call !== undefined && request.method !== "POST")) {
      return envelope({ appId, status: 404, headers: { "content-type": "text/plain" }, body: "404 page not found" })
    }
    const decision = call === undefined ? apiCall(request, now) : yield* call(bodyOf(request), now)
    return { ...decision, appId: decision.appId ?? appId }
  })

  return {
    identify,
    decide,
    issueTicket,
    apps,
    /** All tickets of the app are invalid from now on. */
    invalidateTickets: (appId: string) => Effect.sync(() => void tickets.delete(appId)),
    /** All tokens of the app are invalid from now on. */
    invalidateTokens: (appId: string) =>
      Effect.sync(() => {
        for (const token of tokens.values()) if (token.appId === appId) tokens.delete(token.value)
        for (const [key, token] of newest) if (token.appId === appId) newest.delete(key)
      })
  }
}
