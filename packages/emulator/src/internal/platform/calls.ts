/**
 * Decides what to answer to a call. Each decision is one synchronous step over plain maps, given the time and the random
 * digits, so no two calls can interleave.
 */
import * as Effect from "effect/Effect"
import type { RateLimit } from "../../App.js"
import type { PlatformClock } from "../clock.js"
import { hex } from "../random.js"
import type { Answers } from "./answers.js"
import * as ApiCalls from "./apiCalls.js"
import type { Apps } from "./apps.js"
import * as AuthCalls from "./authCalls.js"
import { bearerOf, bodyOf, type Decision, isText, notFound, type Request } from "./exchange.js"
import * as Limits from "./limits.js"
import { paths } from "./paths.js"
import type { Tickets } from "./tickets.js"
import type { Tokens } from "./tokens.js"

export interface Calls {
  /** Returns the app that the request names, or whose token the request carries, if the app exists. */
  readonly identify: (request: Request) => string | undefined
  readonly decide: (request: Request) => Effect.Effect<Decision>
  /** Forgets what was counted. */
  readonly clear: () => void
}

export const make = ({ answers, apps, clock, limits, tickets, tokens }: {
  readonly apps: Apps
  readonly tickets: Tickets
  readonly tokens: Tokens
  readonly answers: Answers
  readonly limits: ReadonlyArray<RateLimit>
  readonly clock: PlatformClock
}): Calls => {
  const counts = Limits.make(limits)
  const authCalls = AuthCalls.make({ apps, tickets, tokens })
  const apiCall = ApiCalls.make({ apps, tokens, answers })

  const identify: Calls["identify"] = (request) => {
    const { app_access_token: appToken, app_id: appId } = request.path in authCalls
      ? bodyOf(request)
      : { app_access_token: bearerOf(request) }
    const named = isText(appId) ? appId : isText(appToken) ? tokens.find(appToken)?.appId : undefined
    return named !== undefined && apps.has(named) ? named : undefined
  }

  const methodOf = ({ method, path }: Request): string =>
    path in authCalls ? "POST" : path === paths.tenantQuery ? "GET" : method

  const decideNow = (request: Request, digits: string, now: number): Decision => {
    const appId = identify(request)
    const overLimit = appId === undefined ? undefined : counts.count(appId, request.path, now)
    if (overLimit !== undefined) return overLimit
    if (!request.path.startsWith("/open-apis/") || request.method !== methodOf(request)) return notFound(appId)
    const decision = authCalls[request.path]?.({ body: bodyOf(request), now, digits }) ?? apiCall(request, now)
    return { ...decision, appId: decision.appId ?? appId }
  }

  return {
    identify,
    decide: (request) => Effect.zipWith(hex(40), clock.now, (digits, now) => decideNow(request, digits, now)),
    clear: counts.clear
  }
}
