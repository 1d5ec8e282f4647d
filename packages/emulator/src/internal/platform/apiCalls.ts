/** Every other call: the bearer token decides, and then comes a canned answer or an empty success. Refusals come with HTTP 400. */
import type { Answers } from "./answers.js"
import { type Apps, isEnabled, tenantsOf } from "./apps.js"
import { bearerOf, type Decision, decision, refusal, type Request, success } from "./exchange.js"
import { paths } from "./paths.js"
import { kindByShape, type Token, type Tokens } from "./tokens.js"

const tenantOf = (tenantKey: string | undefined) => ({
  tenant: {
    name: tenantKey,
    display_id: `F${tenantKey?.toUpperCase()}`,
    tenant_tag: 0,
    tenant_key: tenantKey
  }
})

export const make = ({ answers, apps, tokens }: {
  readonly apps: Apps
  readonly tokens: Tokens
  readonly answers: Answers
}) => {
  const deny = (code: number, msg: string, rest?: Partial<Decision>): Decision =>
    refusal(code, msg, { token: "invalid", status: 400, ...rest })

  /** Refuses a token that is unknown, or known and expired. */
  const denyInvalid = (kind: Token["kind"], token: Token | undefined): Decision => {
    const rest = { appId: token?.appId, tenantKey: token?.tenantKey }
    switch (kind) {
      case "app":
        return deny(99991664, "Invalid app access token.", rest)
      case "tenant":
        return deny(99991663, "Invalid access token for authorization.", rest)
      case "user":
        return token === undefined
          ? deny(99991668, "Invalid user access token.", rest)
          : deny(99991677, "Authentication token expired.", rest)
    }
  }

  const answer = (request: Request, { appId, tenantKey }: Token): Decision => {
    const of = { appId, tenantKey, token: "valid" } as const
    const canned = answers.find(request)
    if (canned !== undefined) {
      const headers = typeof canned.body === "string" ? { "content-type": "text/plain; charset=utf-8" } : {}
      return decision({ ...of, ...canned, headers })
    }
    return success({ data: request.path === paths.tenantQuery ? tenantOf(tenantKey) : {} }, of)
  }

  return (request: Request, now: number): Decision => {
    const bearer = bearerOf(request)
    if (bearer === undefined) return deny(99991661, "Missing access token for authorization.", { token: "none" })
    const kind = kindByShape(bearer)
    if (kind === undefined) return deny(99991671, "Invalid access token format.")
    const token = tokens.find(bearer)
    const app = token && apps.get(token.appId)
    if (token === undefined || app === undefined || token.expiresAt <= now) return denyInvalid(kind, app && token)
    const of = { appId: token.appId, tenantKey: token.tenantKey }
    if (!isEnabled(app)) return deny(99991662, "The app is disabled.", of)
    if (token.tenantKey !== undefined && !tenantsOf(app).includes(token.tenantKey)) {
      return deny(99991673, "The app is not installed.", of)
    }
    return request.path === paths.tenantQuery && token.kind === "app"
      ? deny(99991663, "This call takes a tenant access token.", of)
      : answer(request, token)
  }
}
