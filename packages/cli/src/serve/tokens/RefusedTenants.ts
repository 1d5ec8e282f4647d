/** Remembers for a while which tenants, or which app, the platform refuses, so that callers in a loop do not use up the limits of the app. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type { FeishuApiError } from "@effect-feishu/core/FeishuError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ServedApp } from "../ServedApp.js"

/** In milliseconds. Short, because a company may install the app, or an administrator enable the app, at any moment. */
const rememberedFor = 10_000

/** The most tenants that are remembered. The oldest are forgotten first. */
const most = 1000

/** The most tenants that are known to have a token, as many as `AccessToken` keeps tokens of. */
const mostWithToken = 100_000

/** Stands for a refusal that is about the app, for example wrong credentials. No tenant has this key. */
const theApp = ""

/** 11210, 20009: the tenant has not installed the app. 10013: no token for the tenant. 10003: most likely the tenant key is wrong. */
const codesOfTenant: ReadonlySet<number> = new Set([10003, 10013, 11210, 20009])

/** Only one call names a tenant. Its unknown codes count as about the tenant, because a wrong tenant key must not stop other tenants. */
const isAboutTenant = ({ code, kind, url }: FeishuApiError): boolean =>
  url.endsWith("/tenant_access_token") && (codesOfTenant.has(code) || kind === "Unknown" || kind === "Parameter")

interface Refused {
  readonly error: FeishuApiError
  readonly until: number
}

/**
 * Answers a tenant with the same error, without a call, if the tenant or the app was refused lately. After a refusal of the app, a
 * tenant with a token still gets its token.
 */
export const remember = (served: ServedApp): ServedApp => {
  const { app: { appId }, tokens } = served
  const refused = new Map<string, Refused>()
  /** The tenants that were given a token, and not refused since. */
  const withToken = new Set<string>()

  const noteToken = (tenantKey: string) => {
    if (withToken.has(tenantKey)) return
    withToken.add(tenantKey)
    const [oldest] = withToken
    if (withToken.size > mostWithToken && oldest !== undefined) withToken.delete(oldest)
  }

  /** Returns the last refusal of one of the keys, unless that was too long ago. */
  const known = (...keys: ReadonlyArray<string>) =>
    Effect.map(
      Clock.currentTimeMillis,
      (now) => keys.map((key) => refused.get(key)).find((last) => last !== undefined && now < last.until)?.error
    )

  /** Logs a refusal once, though each caller that waited for the fetch gets it. */
  const noteRefusal = (tenantKey: string, error: AccessToken.AccessTokenError) =>
    Effect.gen(function*() {
      if (error._tag !== "FeishuApiError" || error.isRetryable) return
      withToken.delete(tenantKey)
      const key = isAboutTenant(error) ? tenantKey : theApp
      if ((yield* known(key)) !== undefined) return
      refused.delete(key)
      refused.set(key, { error, until: (yield* Clock.currentTimeMillis) + rememberedFor })
      const [oldest] = refused.keys()
      if (refused.size > most && oldest !== undefined) refused.delete(oldest)
      const whose = key === theApp ? "no new token of any tenant" : `no token of ${tenantKey}`
      yield* Effect.logWarning(`${whose} (app ${appId}): ${error.message}`)
    })

  const tenant: AccessToken.Service["tenant"] = (tenantKey) => {
    const fetched = Effect.tapBoth(tokens.tenant(tenantKey), {
      onFailure: (error) => noteRefusal(tenantKey, error),
      onSuccess: () => Effect.sync(() => noteToken(tenantKey))
    })
    const keys = withToken.has(tenantKey) ? [tenantKey] : [tenantKey, theApp]
    return keys.some((key) => refused.has(key)) ? Effect.flatMap(known(...keys), (error) => error ?? fetched) : fetched
  }

  return { ...served, tokens: { ...tokens, tenant } }
}
