/** A store app against the emulator in the same process, which can be stopped and started again. */
import type * as AccessToken from "@effect-feishu/core/AccessToken"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as EmulatorTest from "@effect-feishu/emulator/EmulatorTest"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

export const queryPath = "/open-apis/tenant/v2/tenant/query"

const Tenant = Schema.Struct({ tenant: Schema.Struct({ tenant_key: Schema.String }) })

/** Calls the platform for a tenant. */
export const query = (
  tenantKey: string
): Effect.Effect<unknown, unknown, AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient> =>
  Effect.flatMap(
    FeishuClient.forTenant(tenantKey),
    (client) => Effect.flatMap(client.get(queryPath), FeishuClient.schemaData(Tenant))
  )

export const messagePath = "/open-apis/im/v1/messages"

/** Sends a message for a tenant: a `POST`, which is not sent again after a failure that may have had an effect. */
export const send = (
  tenantKey: string
): Effect.Effect<unknown, unknown, AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient> =>
  Effect.flatMap(FeishuClient.forTenant(tenantKey), (client) =>
    Effect.flatMap(
      client.execute(
        HttpClientRequest.post(messagePath).pipe(
          HttpClientRequest.setUrlParam("receive_id_type", "open_id"),
          HttpClientRequest.bodyUnsafeJson({ receive_id: "ou_1", msg_type: "text", content: "{\"text\":\"hello\"}" })
        )
      ),
      FeishuClient.filterCodeOk
    ))

type Services = AccessToken.AccessToken | EventSubscription.EventSubscription | FeishuApp.FeishuApp

/** Starts the app in a scope of its own. The platform then pushes to this app. */
export const start = <A extends Services, E, R>(appId: string, app: Layer.Layer<A | Services, E, R>) =>
  Effect.gen(function*() {
    const { updateApp } = yield* Emulator.Emulator
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(app, scope)
    const requestUrl = EmulatorTest.requestUrl(Context.get(context, EventSubscription.EventSubscription))
    yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl })))
    return { scope, context }
  })
