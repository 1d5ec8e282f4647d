/** Remembers for a while which tenants the platform refuses, so that a caller in a loop does not use up the limits of the app. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type { FeishuApiError } from "@effect-feishu/core/FeishuError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ServedApp } from "../ServedApp.js"

/** In milliseconds. Short, because a company may install the app at any moment. */
const rememberedFor = 10_000

/** The most tenants that are remembered. The oldest are forgotten first. */
const most = 1000

interface Refused {
  readonly error: FeishuApiError
  readonly until: number
}

/** Answers a tenant that was refused lately with the same error, without a call. */
export const remember = (served: ServedApp): ServedApp => {
  const refused = new Map<string, Refused>()

  const note = (tenantKey: string, error: AccessToken.AccessTokenError) =>
    error._tag !== "FeishuApiError" || error.isRetryable ? Effect.void : Effect.gen(function*() {
      refused.delete(tenantKey)
      refused.set(tenantKey, { error, until: (yield* Clock.currentTimeMillis) + rememberedFor })
      const [oldest] = refused.keys()
      if (refused.size > most && oldest !== undefined) refused.delete(oldest)
      yield* Effect.logWarning(`no token of ${tenantKey} (app ${served.app.appId}): ${error.message}`)
    })

  const tenant: AccessToken.Service["tenant"] = (tenantKey) => {
    const fetched = Effect.tapError(served.tokens.tenant(tenantKey), (error) => note(tenantKey, error))
    return refused.has(tenantKey)
      ? Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const known = refused.get(tenantKey)
        return known !== undefined && now < known.until ? known.error : fetched
      })
      : fetched
  }

  return { ...served, tokens: { ...served.tokens, tenant } }
}
