/** The endpoints of `TokenApi`. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Health } from "../Health.js"
import type { ServedApp, ServedApps } from "../ServedApp.js"
import type * as Audit from "./Audit.js"
import * as Body from "./Body.js"
import { Caller } from "./Caller.js"
import * as Revealing from "./Revealing.js"
import { TokenApi } from "./TokenApi.js"
import { fromTicketError, fromTokenStoreError, NoTicket, type ServiceClosing } from "./TokenErrors.js"

export interface Parts {
  readonly apps: ServedApps
  readonly audit: Audit.Audit
  readonly health: Effect.Effect<Health>
  /** Fails when a request to the app must be answered because the service ends. Default: never. */
  readonly closing?: ((served: ServedApp) => Effect.Effect<never, ServiceClosing>) | undefined
}

/** `undefined`: the app's own token. */
const tokenOf = ({ tokens }: ServedApp, tenantKey: string | undefined) =>
  tenantKey === undefined ? tokens.app : tokens.tenant(tenantKey)

/** Removes `refused` from memory and from the store, also if it is no longer the current token: the store may still have it. */
const invalidate = ({ app, invalidate }: ServedApp, tenantKey: string | undefined, refused: Redacted.Redacted) =>
  Effect.flatMap(DateTime.now, (now) =>
    invalidate({
      value: refused,
      // Unknown, and of no use for a removal.
      expiresAt: now,
      tenantKey: app.kind === "self-built" ? Option.none() : Option.fromNullable(tenantKey)
    })).pipe(Effect.mapError(fromTokenStoreError))

export const tokens = ({ apps, audit, closing = () => Effect.never }: Parts) =>
  HttpApiBuilder.group(TokenApi, "tokens", (handlers) => {
    /** Logs the reveal. The answer to HEAD is sent without its body, and so reveals nothing. */
    const log = (reveal: Omit<Audit.Reveal, "caller">) =>
      Effect.gen(function*() {
        const { method } = yield* HttpServerRequest.HttpServerRequest
        if (method !== "HEAD") audit.add({ ...reveal, caller: yield* Caller })
      })

    const revealToken = (served: ServedApp, tenantKey: string | undefined) =>
      Effect.gen(function*() {
        const token: AccessToken.Token = yield* Effect.raceFirst(
          Effect.mapError(tokenOf(served, tenantKey), fromTicketError),
          closing(served)
        )
        const kind = tenantKey === undefined ? "app access token" : "tenant access token"
        yield* log({ kind, appId: served.app.appId, tenantKey })
        return Revealing.tokenAnswer(served, token, yield* Clock.currentTimeMillis)
      })

    const revealTicket = (served: ServedApp) =>
      Effect.gen(function*() {
        const { app, store, tickets } = served
        if (tickets === undefined) {
          return yield* new NoTicket({
            message: `${app.appId} is self-built: such an app needs no ticket and gets none`
          })
        }
        const valid = yield* Effect.raceFirst(Effect.mapError(tickets.get, fromTicketError), closing(served))
        // `get` may return an older ticket from memory.
        const newest = yield* Effect.orElseSucceed(store.get(app.appId), () => Option.none<Ticket>())
        const ticket = Option.getOrElse(newest, () => valid)
        yield* log({ kind: "app ticket", appId: app.appId, tenantKey: undefined })
        return Revealing.ticketAnswer(served, ticket, yield* Clock.currentTimeMillis)
      })

    const invalidateReported = (appId: string | undefined, tenantKey: string | undefined) =>
      Effect.gen(function*() {
        const token = yield* Body.refusedToken
        return yield* invalidate(yield* Revealing.findApp(apps, appId), tenantKey, token)
      })

    return handlers
      .handle(
        "tenantToken",
        ({ path: { tenant_key }, urlParams: { app_id } }) =>
          Effect.flatMap(Revealing.findApp(apps, app_id), (served) => revealToken(served, tenant_key))
      )
      .handle(
        "appToken",
        ({ urlParams: { app_id } }) =>
          Effect.flatMap(Revealing.findApp(apps, app_id), (served) => revealToken(served, undefined))
      )
      .handle("ticket", ({ urlParams: { app_id } }) => Effect.flatMap(Revealing.findApp(apps, app_id), revealTicket))
      .handleRaw(
        "invalidateTenantToken",
        ({ path: { tenant_key }, urlParams: { app_id } }) => invalidateReported(app_id, tenant_key)
      )
      .handleRaw("invalidateAppToken", ({ urlParams: { app_id } }) => invalidateReported(app_id, undefined))
  })

export const health = ({ health }: Parts) =>
  HttpApiBuilder.group(TokenApi, "health", (handlers) => handlers.handle("healthz", () => health))
