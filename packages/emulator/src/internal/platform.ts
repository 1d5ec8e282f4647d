/**
 * The platform's side of the calls: apps, tickets, tokens, limits, and what each call answers.
 *
 * It is a state machine over plain maps. Each transition is one synchronous step, given the time and the random digits
 * that it may need, so no two calls can interleave.
 */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { App, RateLimit } from "../App.js"

/**
 * The paths of the calls that are more than an empty success.
 */
export const paths = {
  appTicketResend: "/open-apis/auth/v3/app_ticket/resend",
  appAccessToken: "/open-apis/auth/v3/app_access_token",
  tenantAccessToken: "/open-apis/auth/v3/tenant_access_token",
  appAccessTokenInternal: "/open-apis/auth/v3/app_access_token/internal",
  tenantAccessTokenInternal: "/open-apis/auth/v3/tenant_access_token/internal",
  tenantQuery: "/open-apis/tenant/v2/tenant/query"
} as const

export interface Request {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** What the platform makes of a request. */
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
 */
export const hex = (digits: number): Effect.Effect<string> =>
  Effect.map(
    Effect.replicateEffect(Random.nextIntBetween(0, 2 ** 32), Math.ceil(digits / 8)),
    (numbers) => numbers.map((number) => number.toString(16).padStart(8, "0")).join("").slice(0, digits)
  )

/**
 * Shaped like the platform's: the time to the second, then random digits.
 */
export const logId: Effect.Effect<string> = Effect.zipWith(
  DateTime.now,
  hex(20),
  (now, random) => DateTime.formatIso(now).replace(/\D/g, "").slice(0, 14) + random.toUpperCase()
)

const decodeBody = Schema.decodeOption(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

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

/** Returns the keys of the tenants that have installed the app. */
export const tenantsOf = (app: App): ReadonlyArray<string> => app.tenants ?? ["tenant_1"]

export const make = (options: {
  readonly apps: ReadonlyArray<App>
  readonly limits: ReadonlyArray<RateLimit>
}) => {
  const apps = new Map(options.apps.map((app) => [app.appId, app]))
  const windows = new Map<string, { readonly endsAt: number; calls: number }>()
  /** By app: the tickets that are still valid, each with its end. */
  const tickets = new Map<string, Map<string, number>>()
  const tokens = new Map<string, Token>()
  /** By app and tenant: the newest token, and the one before it, which may live on to its own end. */
  const issued = new Map<string, { readonly newest: Token; readonly before: Token | undefined }>()

  const issueTicket = Effect.fnUntraced(function*(appId: string) {
    const value = yield* hex(32)
    const now = yield* Clock.currentTimeMillis
    const valid = new Map([...tickets.get(appId) ?? []].filter(([_, expiresAt]) => expiresAt > now))
    tickets.set(appId, valid.set(value, now + ticketLife))
    return value
  })

  const keyOf = (appId: string, tenantKey: string | undefined) => JSON.stringify([appId, tenantKey])

  const tokenFor = (appId: string, tenantKey: string | undefined, fresh: string, now: number): Token => {
    const key = keyOf(appId, tenantKey)
    const current = issued.get(key)
    if (current !== undefined && current.newest.expiresAt - now >= renewal) return current.newest
    const token: Token = { value: fresh, appId, tenantKey, expiresAt: now + tokenLife }
    tokens.set(token.value, token)
    // The one before the last ended long ago: two follow each other at 90 minutes at least, and live for 120.
    if (current?.before !== undefined) tokens.delete(current.before.value)
    issued.set(key, { newest: token, before: current?.newest })
    return token
  }

  const secondsLeft = (token: Token, now: number) => Math.floor((token.expiresAt - now) / 1000)

  const refuse = (code: number, msg: string, rest?: Partial<Decision>): Decision =>
    envelope({ body: { code, msg }, ...rest })

  /** The app of the credentials in a body, or why they are refused. */
  const authenticate = (
    body: Readonly<Record<string, unknown>>,
    kind: App["kind"],
    wrongKind: number
  ): Either.Either<App, Decision> => {
    const { app_id: appId, app_secret: secret } = body
    if (!isText(appId) || !isText(secret)) return Either.left(refuse(10003, "invalid param"))
    const app = apps.get(appId)
    if (app === undefined) return Either.left(refuse(10014, "app id not exists"))
    if (Redacted.value(app.appSecret) !== secret) return Either.left(refuse(10014, "app secret invalid"))
    if (app.enabled === false) return Either.left(refuse(10005, "app is disabled"))
    if ((app.kind ?? "store") !== kind) {
      return Either.left(refuse(wrongKind, "the app's type does not allow this call"))
    }
    return Either.right(app)
  }

  interface Call {
    readonly body: Readonly<Record<string, unknown>>
    readonly now: number
    /** 40 random digits, should a token be needed. */
    readonly digits: string
  }

  const internalCall = (answer: (token: Token) => object) => ({ body, digits, now }: Call): Decision =>
    Either.match(authenticate(body, "self-built", 10005), {
      onLeft: (refusal) => refusal,
      onRight: (app) => {
        const tenantKey = tenantsOf(app)[0] ?? "tenant_1"
        const token = tokenFor(app.appId, tenantKey, `t-${digits}`, now)
        return envelope({ tenantKey, body: success({ ...answer(token), expire: secondsLeft(token, now) }) })
      }
    })

  const authCalls: Record<string, (call: Call) => Decision> = {
    [paths.appTicketResend]: ({ body }) =>
      Either.match(authenticate(body, "store", 10016), {
        onLeft: (refusal) => refusal,
        onRight: () => envelope({ body: success(), resend: true })
      }),

    [paths.appAccessToken]: ({ body, digits, now }) =>
      Either.match(authenticate(body, "store", 10005), {
        onLeft: (refusal) => refusal,
        onRight: ({ appId }) => {
          const ticket = body["app_ticket"]
          if (!isText(ticket)) return refuse(10003, "invalid param")
          if ((tickets.get(appId)?.get(ticket) ?? 0) <= now) return refuse(10012, "app_ticket invalid")
          const token = tokenFor(appId, undefined, `a-${digits}`, now)
          return envelope({ body: success({ app_access_token: token.value, expire: secondsLeft(token, now) }) })
        }
      }),

    [paths.tenantAccessToken]: ({ body, digits, now }) => {
      const { app_access_token: appToken, tenant_key: tenantKey } = body
      if (!isText(appToken) || !isText(tenantKey)) return refuse(10003, "invalid param")
      const holder = tokens.get(appToken)
      const app = holder && apps.get(holder.appId)
      if (holder === undefined || app === undefined || holder.tenantKey !== undefined || holder.expiresAt <= now) {
        return refuse(99991664, "app access token invalid", { tenantKey })
      }
      const { appId } = app
      if (app.enabled === false) return refuse(10005, "app is disabled", { appId, tenantKey })
      if (!tenantsOf(app).includes(tenantKey)) {
        return refuse(11210, "the tenant has not installed the app", { appId, tenantKey })
      }
      const token = tokenFor(appId, tenantKey, `t-${digits}`, now)
      return envelope({
        appId,
        tenantKey,
        body: success({ tenant_access_token: token.value, expire: secondsLeft(token, now) })
      })
    },

    // A self-built app's two tokens are one and the same (page "自建应用获取 app_access_token").
    [paths.appAccessTokenInternal]: internalCall(({ value }) => ({
      app_access_token: value,
      tenant_access_token: value
    })),

    [paths.tenantAccessTokenInternal]: internalCall(({ value }) => ({ tenant_access_token: value }))
  }

  /** Any other call: the bearer token decides, and then it is an empty success. */
  const apiCall = (request: Request, now: number): Decision => {
    const bearer = bearerOf(request)
    const deny = (code: number, msg: string, rest?: Partial<Decision>) =>
      refuse(code, msg, { token: bearer === undefined ? "none" : "invalid", status: 400, ...rest })
    if (bearer === undefined) return deny(99991661, "Missing access token for authorization.")
    if (!/^[atu]-/.test(bearer)) return deny(99991671, "Invalid access token format.")
    const token = tokens.get(bearer)
    const app = token && apps.get(token.appId)
    const isTenantQuery = request.path === paths.tenantQuery
    if (token === undefined || app === undefined || token.expiresAt <= now) {
      const rest = { appId: app?.appId, tenantKey: token?.tenantKey }
      return bearer.startsWith("a-")
        ? deny(99991664, "Invalid app access token.", rest)
        : deny(99991663, "Invalid access token for authorization.", rest)
    }
    const { appId, tenantKey } = token
    if (app.enabled === false) return deny(99991662, "The app is disabled.", { appId, tenantKey })
    if (tenantKey !== undefined && !tenantsOf(app).includes(tenantKey)) {
      return deny(99991673, "The app is not installed.", { appId, tenantKey })
    }
    if (isTenantQuery && tenantKey === undefined) {
      return deny(99991663, "This call takes a tenant access token.", { appId })
    }
    const data = isTenantQuery
      ? {
        tenant: {
          name: tenantKey,
          display_id: `F${tenantKey?.toUpperCase()}`,
          tenant_tag: 0,
          tenant_key: tenantKey
        }
      }
      : {}
    return envelope({ appId, tenantKey, token: "valid", body: success({ data }) })
  }

  /** Counts the call, and refuses it where the app has none left in the current window of one of its limits. */
  const limited = (appId: string, path: string, now: number): Decision | undefined => {
    let refusal: Decision | undefined
    for (const [index, limit] of options.limits.entries()) {
      if (limit.path !== path) continue
      const key = JSON.stringify([appId, index])
      const current = windows.get(key)
      const window = current !== undefined && current.endsAt > now
        ? current
        : { endsAt: now + Duration.toMillis(limit.per), calls: 0 }
      windows.set(key, window)
      window.calls++
      if (window.calls > limit.calls) {
        refusal = refuse(99991400, "request trigger frequency limit", {
          appId,
          status: limit.status ?? 429,
          headers: {
            "x-ogw-ratelimit-limit": String(Math.ceil(Duration.toSeconds(limit.per))),
            "x-ogw-ratelimit-reset": String(Math.ceil((window.endsAt - now) / 1000))
          }
        })
      }
    }
    return refusal
  }

  /** The app that an authentication call names, or whose token the request carries; only one that exists. */
  const identify = (request: Request): string | undefined => {
    const { app_access_token: appToken, app_id: appId } = request.path in authCalls
      ? bodyOf(request)
      : { app_access_token: bearerOf(request) }
    const named = isText(appId) ? appId : isText(appToken) ? tokens.get(appToken)?.appId : undefined
    return named !== undefined && apps.has(named) ? named : undefined
  }

  const notFound = (appId: string | undefined): Decision =>
    envelope({ appId, status: 404, headers: { "content-type": "text/plain" }, body: "404 page not found" })

  const decide = Effect.fnUntraced(function*(request: Request) {
    const digits = yield* hex(40)
    const now = yield* Clock.currentTimeMillis
    const appId = identify(request)
    const overLimit = appId === undefined ? undefined : limited(appId, request.path, now)
    if (overLimit !== undefined) return overLimit
    const call = authCalls[request.path]
    const method = call === undefined ? request.path === paths.tenantQuery ? "GET" : request.method : "POST"
    if (!request.path.startsWith("/open-apis/") || request.method !== method) return notFound(appId)
    const decision = call === undefined ? apiCall(request, now) : call({ body: bodyOf(request), now, digits })
    return { ...decision, appId: decision.appId ?? appId }
  })

  return {
    identify,
    decide,
    issueTicket,
    apps,
    invalidateTickets: (appId: string) => Effect.sync(() => void tickets.delete(appId)),
    invalidateTokens: (appId: string) =>
      Effect.sync(() => {
        for (const token of tokens.values()) if (token.appId === appId) tokens.delete(token.value)
        for (const [key, { newest }] of issued) if (newest.appId === appId) issued.delete(key)
      })
  }
}
