import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AccessToken from "../../AccessToken.js"
import * as AppTicket from "../../AppTicket.js"
import type * as FeishuApp from "../../FeishuApp.js"
import { FeishuNetworkError } from "../../FeishuError.js"

/** Waits for a ticket, or for the token of a self-built app. */
export const readyWithin = ({ appId, baseUrl }: FeishuApp.Service, timeout: number | undefined) => {
  const ready = Effect.flatMap(
    Effect.serviceOption(AppTicket.AppTicket),
    Option.match({
      onNone: () => Effect.flatMap(AccessToken.AccessToken, ({ app }) => Effect.asVoid(app)),
      onSome: ({ get }) => Effect.asVoid(get)
    })
  )
  if (timeout === undefined) return ready
  const waited = Duration.millis(timeout)
  const tooLate = Effect.map(Effect.serviceOption(AppTicket.AppTicket), (tickets) =>
    Option.isSome(tickets)
      ? new AppTicket.TicketTimeout({ appId, waited })
      : new FeishuNetworkError({
        reason: "Timeout",
        method: "POST",
        url: `${baseUrl}/open-apis/auth/v3/app_access_token/internal`,
        description: `no token within ${Duration.format(waited)}`
      }))
  return Effect.timeoutTo(ready, {
    duration: waited,
    onSuccess: () => Effect.void,
    onTimeout: () => Effect.flatMap(tooLate, Effect.fail)
  }).pipe(Effect.flatten)
}
