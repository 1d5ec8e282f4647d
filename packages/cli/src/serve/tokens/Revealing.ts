/** Makes the answers about tokens and tickets, for the endpoints and for the answers from memory alike. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tickets from "../../Tickets.js"
import * as Time from "../../Time.js"
import type { ServedApp, ServedApps } from "../ServedApp.js"
import type { TicketAnswer, TokenAnswer } from "./TokenApi.js"
import { BadRequest, UnknownApp } from "./TokenErrors.js"

/** Finds the app of a request. */
export const findApp = (
  apps: ServedApps,
  appId: string | undefined
): Either.Either<ServedApp, BadRequest | UnknownApp> => {
  const [only] = apps.values()
  if (appId === undefined && apps.size === 1 && only !== undefined) return Either.right(only)
  const ids = [...apps.keys()].join(", ")
  if (appId === undefined) {
    return Either.left(new BadRequest({ message: `Name the app with ?app_id=, because there are several: ${ids}` }))
  }
  const app = apps.get(appId)
  return app === undefined
    ? Either.left(new UnknownApp({ message: `The token service does not have the app ${appId}. It has: ${ids}` }))
    : Either.right(app)
}

/** `now`: in milliseconds since 1970. */
export const tokenAnswer = (
  { app }: ServedApp,
  { expiresAt, tenantKey, value }: AccessToken.Token,
  now: number
): typeof TokenAnswer.Type => ({
  token: Redacted.value(value),
  expires_in: Time.secondsUntil(expiresAt, now),
  expires_at: DateTime.formatIso(expiresAt),
  app_id: app.appId,
  ...(Option.isSome(tenantKey) && { tenant_key: tenantKey.value })
})

/** `now`: in milliseconds since 1970. */
export const ticketAnswer = ({ app }: ServedApp, ticket: Ticket, now: number): typeof TicketAnswer.Type => ({
  ticket: Redacted.value(ticket.value),
  expires_in: Time.secondsUntil(Tickets.expiresAt(ticket), now),
  sent_at: DateTime.formatIso(ticket.sentAt),
  app_id: app.appId
})
