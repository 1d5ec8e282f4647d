/** The five calls for tickets and tokens. Refusals come with HTTP 200. */
import * as Either from "effect/Either"
import { type Apps, authenticate, isEnabled, tenantsOf } from "./apps.js"
import { type Decision, isText, refusal, success } from "./exchange.js"
import { paths } from "./paths.js"
import type { Tickets } from "./tickets.js"
import { secondsLeft, type Token, type Tokens } from "./tokens.js"

export interface AuthCall {
  readonly body: Readonly<Record<string, unknown>>
  /** In milliseconds since 1970, on the platform's clock. */
  readonly now: number
  /** 40 random digits for a new token. */
  readonly digits: string
}

type Handler = (call: AuthCall) => Decision

export const make = ({ apps, tickets, tokens }: {
  readonly apps: Apps
  readonly tickets: Tickets
  readonly tokens: Tokens
}): Readonly<Record<string, Handler>> => {
  const tokenFor = (appId: string, tenantKey: string | undefined, { digits, now }: AuthCall): Token =>
    tokens.current(appId, tenantKey, { digits, now, isJwt: apps.get(appId)?.jwtTokens === true })

  const resend: Handler = ({ body }) =>
    Either.match(authenticate(apps, body, { kind: "store", otherwise: 10016 }), {
      onLeft: (refused) => refused,
      onRight: () => success({}, { resend: true })
    })

  const appAccessToken: Handler = (call) =>
    Either.match(authenticate(apps, call.body, { kind: "store", otherwise: 10005 }), {
      onLeft: (refused) => refused,
      onRight: ({ appId }) => {
        const ticket = call.body["app_ticket"]
        if (!isText(ticket)) return refusal(10003, "invalid param")
        if (!tickets.isValid(appId, ticket, call.now)) return refusal(10012, "app_ticket invalid")
        const token = tokenFor(appId, undefined, call)
        return success({ app_access_token: token.value, expire: secondsLeft(token, call.now) })
      }
    })

  const tenantAccessToken: Handler = (call) => {
    const { app_access_token: appToken, tenant_key: tenantKey } = call.body
    if (!isText(appToken) || !isText(tenantKey)) return refusal(10003, "invalid param")
    const holder = tokens.find(appToken)
    const app = holder && apps.get(holder.appId)
    if (holder === undefined || app === undefined || holder.kind !== "app" || holder.expiresAt <= call.now) {
      return refusal(99991664, "app access token invalid", { tenantKey })
    }
    const of = { appId: app.appId, tenantKey }
    if (!isEnabled(app)) return refusal(10005, "app is disabled", of)
    if (!tenantsOf(app).includes(tenantKey)) return refusal(11210, "the tenant has not installed the app", of)
    const token = tokenFor(app.appId, tenantKey, call)
    return success({ tenant_access_token: token.value, expire: secondsLeft(token, call.now) }, of)
  }

  const internal = (answer: (token: Token) => object): Handler => (call) =>
    Either.match(authenticate(apps, call.body, { kind: "self-built", otherwise: 10005 }), {
      onLeft: (refused) => refused,
      onRight: (app) => {
        const tenantKey = tenantsOf(app)[0] ?? "tenant_1"
        const token = tokenFor(app.appId, tenantKey, call)
        return success({ ...answer(token), expire: secondsLeft(token, call.now) }, { tenantKey })
      }
    })

  return {
    [paths.appTicketResend]: resend,
    [paths.appAccessToken]: appAccessToken,
    [paths.tenantAccessToken]: tenantAccessToken,
    // A self-built app's two tokens are one and the same (page "自建应用获取 app_access_token").
    [paths.appAccessTokenInternal]: internal(({ value }) => ({ app_access_token: value, tenant_access_token: value })),
    [paths.tenantAccessTokenInternal]: internal(({ value }) => ({ tenant_access_token: value }))
  }
}
