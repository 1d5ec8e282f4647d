/**
 * The `app_ticket`, without which a store app gets no token. The platform pushes it to the app's request URL every
 * hour, and soon after each resend.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FeishuApp } from "./FeishuApp.js"
import type { ApiError, NetworkError } from "./FeishuError.js"
import * as OpenApi from "./OpenApi.js"

/**
 * Asks the platform to push an `app_ticket` event now: `POST /open-apis/auth/v3/app_ticket/resend`.
 *
 * Success says that a push was triggered, no more. The ticket itself arrives by that event, up to 2 minutes later
 * (pages "重新获取 app_ticket" and "ISV 相关"). Failed attempts are repeated under the `RetryPolicy` in force.
 *
 * @since 0.1.0
 * @category calls
 */
export const resend: Effect.Effect<void, NetworkError | ApiError, FeishuApp | HttpClient.HttpClient> = FeishuApp.pipe(
  Effect.flatMap((app) =>
    OpenApi.post({
      name: "appTicketResend",
      path: "/open-apis/auth/v3/app_ticket/resend",
      body: { app_id: app.appId, app_secret: app.appSecret },
      answer: Schema.Struct({})
    })
  ),
  Effect.asVoid,
  Effect.withSpan("AppTicket.resend")
)
