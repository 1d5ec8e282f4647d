/**
 * All that a test of a Feishu service needs, in one layer.
 *
 * @since 0.1.0
 */
import {
  AccessToken,
  AppTicket,
  type Claims,
  EventDoor,
  EventSubscription,
  FeishuApp,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { App, RequestUrl } from "./App.js"
import * as Emulator from "./Emulator.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<Emulator.Options, "apps"> {
  /** What differs from the app `cli_test`, a store app that the tenant `tenant_1` has installed. */
  readonly app?: Partial<App> | undefined
}

/**
 * A `FeishuApp`, the emulator that knows it, and an `HttpClient` that leads to that emulator, without a socket.
 *
 * Under `it.effect` all of it runs on the `TestClock`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<FeishuApp.FeishuApp | HttpClient.HttpClient | Emulator.Emulator, FeishuApp.FeishuAppError> => {
  const app: App = { appId: "cli_test", appSecret: Redacted.make("the secret of cli_test"), ...options?.app }
  return Layer.merge(
    FeishuApp.layer({
      appId: app.appId,
      appSecret: app.appSecret,
      kind: app.kind,
      encryptKey: app.encryptKey,
      verificationToken: app.verificationToken
    }),
    Emulator.layerHttpClient({ ...options, apps: [app] })
  )
}

/**
 * A request URL that leads to this subscription, without a socket.
 *
 * @since 0.1.0
 * @category request URLs
 */
export const requestUrl = (subscription: EventSubscription.Service): RequestUrl => ({ body, headers }) =>
  EventDoor.answer(subscription, {
    method: "POST",
    headers,
    body: Effect.sync(() => new TextEncoder().encode(body))
  })

/**
 * @since 0.1.0
 * @category models
 */
export interface TicketOptions<R = never> extends Options {
  readonly subscription?: EventSubscription.Options<R> | undefined
  readonly ticket?: AppTicket.Options | undefined
}

/** The requirements of the handlers, without those that the layer itself provides. */
type Remaining<R> = Exclude<
  Exclude<EventSubscription.Needed<NoInfer<R>>, TicketStore.TicketStore | Claims.Claims>,
  FeishuApp.FeishuApp | HttpClient.HttpClient | Emulator.Emulator
>

/**
 * The whole loop: besides what `layer` has, an `AppTicket`, and an `EventSubscription` to which the emulator pushes. The
 * app `cli_test` has an encrypt key and a verification token.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTicket = <R = never>(
  options?: TicketOptions<R>
): Layer.Layer<
  | FeishuApp.FeishuApp
  | HttpClient.HttpClient
  | Emulator.Emulator
  | TicketStore.TicketStore
  | Claims.Claims
  | EventSubscription.EventSubscription
  | AppTicket.AppTicket,
  FeishuApp.FeishuAppError | EventSubscription.EventSubscriptionError,
  Remaining<R>
> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { appId } = yield* FeishuApp.FeishuApp
    const { updateApp } = yield* Emulator.Emulator
    const url = requestUrl(yield* EventSubscription.EventSubscription)
    yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl: url })))
  })).pipe(
    Layer.provideMerge(Layer.merge(AppTicket.layer(options?.ticket), EventSubscription.layer(options?.subscription))),
    Layer.provideMerge(TicketStore.layerMemory),
    Layer.provideMerge(layer({
      ...options,
      app: {
        encryptKey: Redacted.make("the encrypt key of cli_test"),
        verificationToken: Redacted.make("the verification token of cli_test"),
        ...options?.app
      }
    }))
  )

/**
 * @since 0.1.0
 * @category models
 */
export interface TokenOptions<R = never> extends TicketOptions<R> {
  readonly token?: AccessToken.Options | undefined
}

/**
 * All of it: besides what `layerTicket` has, an `AccessToken`, so that a `FeishuClient` works.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerToken = <R = never>(
  options?: TokenOptions<R>
): Layer.Layer<
  | FeishuApp.FeishuApp
  | HttpClient.HttpClient
  | Emulator.Emulator
  | TicketStore.TicketStore
  | Claims.Claims
  | EventSubscription.EventSubscription
  | AppTicket.AppTicket
  | TokenStore.TokenStore
  | AccessToken.AccessToken,
  FeishuApp.FeishuAppError | EventSubscription.EventSubscriptionError,
  Remaining<R>
> =>
  AccessToken.layer(options?.token).pipe(
    Layer.provideMerge(TokenStore.layerMemory),
    Layer.provideMerge(layerTicket(options))
  )
