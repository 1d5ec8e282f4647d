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

/** Stands for a refusal that is about the app, for example wrong credentials. No tenant has this key. */
const theApp = ""

interface Refused {
  readonly error: FeishuApiError
  readonly until: number
}

/** Answers a tenant that was refused lately with the same error, without a call. */
export const remember = (served: ServedApp): ServedApp => {
  const { app: { appId }, tokens } = served
  const refused = new Map<string, Refused>()

  /** Returns the last refusal, unless that was too long ago. */
  const known = (key: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const last = refused.get(key)
      return last !== undefined && now < last.until ? last.error : undefined
    })

  /** Logs a refusal once, though each caller that waited for the fetch gets it. */
  const note = (tenantKey: string, error: AccessToken.AccessTokenError) =>
    Effect.gen(function*() {
      if (error._tag !== "FeishuApiError" || error.isRetryable) return
      const key = error.kind === "AppState" ? tenantKey : theApp
      if ((yield* known(key)) !== undefined) return
      refused.delete(key)
      refused.set(key, { error, until: (yield* Clock.currentTimeMillis) + rememberedFor })
      const [oldest] = refused.keys()
      if (refused.size > most && oldest !== undefined) refused.delete(oldest)
      yield* Effect.logWarning(`no token of ${tenantKey} (app ${appId}): ${error.message}`)
    })

  const tenant: AccessToken.Service["tenant"] = (tenantKey) => {
    const fetched = Effect.tapError(tokens.tenant(tenantKey), (error) => note(tenantKey, error))
    return refused.has(tenantKey) ? Effect.flatMap(known(tenantKey), (error) => error ?? fetched) : fetched
  }

  return { ...served, tokens: { ...tokens, tenant } }
}
