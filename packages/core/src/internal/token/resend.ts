/** The call `POST /open-apis/auth/v3/app_ticket/resend`. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { FeishuApp } from "../../FeishuApp.js"
import type { FeishuError } from "../../FeishuError.js"
import * as OpenApi from "../call/openApi.js"
import * as Span from "../span.js"

/** The attributes of each span about tickets. */
export const attributesOf = (appId: string) => () => ({ "feishu.app_id": appId })

/** The options of each span about tickets. */
export const spanOptions = (appId: string) => () => ({ captureStackTrace: false, attributes: attributesOf(appId)() })

/** `beforeSend` runs just before each request is sent, and may interrupt the resend. */
export const send = (
  beforeSend: Effect.Effect<void>
): Effect.Effect<void, FeishuError, FeishuApp | HttpClient.HttpClient> =>
  Effect.flatMap(FeishuApp, ({ appId, appSecret }) =>
    OpenApi.post({
      name: "appTicketResend",
      path: "/open-apis/auth/v3/app_ticket/resend",
      body: { app_id: appId, app_secret: appSecret },
      beforeSend,
      decode: () => Effect.void
    }).pipe(Span.withSpan("AppTicket.resend", spanOptions(appId))))
