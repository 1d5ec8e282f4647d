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

type OptionsErrors = FeishuApp.FeishuAppError | Emulator.OptionsError

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
): Layer.Layer<FeishuApp.FeishuApp | HttpClient.HttpClient | Emulator.Emulator, OptionsErrors> => {
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

type PlatformServices = FeishuApp.FeishuApp | HttpClient.HttpClient | Emulator.Emulator
type StoreServices = TicketStore.TicketStore | Claims.Claims

/** What a handler may need in `layerTicket`, because the layer provides it. */
type TicketServices = PlatformServices | StoreServices | AppTicket.AppTicket

/** What a handler may need in `layerToken`: all that a call to the platform needs. */
type TokenServices = TicketServices | TokenStore.TokenStore | AccessToken.AccessToken

type SubscriptionErrors = OptionsErrors | EventSubscription.EventSubscriptionError

/** An `EventSubscription` to which the emulator pushes. */
const subscribed = <R>(options: EventSubscription.Options<R> | undefined) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { appId } = yield* FeishuApp.FeishuApp
    const { updateApp } = yield* Emulator.Emulator
    const url = requestUrl(yield* EventSubscription.EventSubscription)
    yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl: url })))
  })).pipe(Layer.provideMerge(EventSubscription.layer(options)))

/** The app has an encrypt key and a verification token, unless the options say otherwise. */
const withKeys = (options: Options | undefined) =>
  layer({
    ...options,
    app: {
      encryptKey: Redacted.make("the encrypt key of cli_test"),
      verificationToken: Redacted.make("the verification token of cli_test"),
      ...options?.app
    }
  })

/**
 * The whole loop: besides what `layer` has, an `AppTicket`, and an `EventSubscription` to which the emulator pushes. Handlers
 * may need each of these services. The app `cli_test` has an encrypt key and a verification token.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTicket = <R = never>(
  options?: TicketOptions<R>
): Layer.Layer<
  TicketServices | EventSubscription.EventSubscription,
  SubscriptionErrors,
  Exclude<
    Exclude<Exclude<EventSubscription.Needed<NoInfer<R>>, AppTicket.AppTicket>, StoreServices>,
    PlatformServices
  >
> =>
  subscribed(options?.subscription).pipe(
    Layer.provideMerge(AppTicket.layer(options?.ticket)),
    Layer.provideMerge(TicketStore.layerMemory),
    Layer.provideMerge(withKeys(options))
  )

/**
 * @since 0.1.0
 * @category models
 */
export interface TokenOptions<R = never> extends TicketOptions<R> {
  readonly token?: AccessToken.Options | undefined
}

/**
 * All of it: besides what `layerTicket` has, an `AccessToken`, so that a `FeishuClient` works, also in a handler.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerToken = <R = never>(
  options?: TokenOptions<R>
): Layer.Layer<
  TokenServices | EventSubscription.EventSubscription,
  SubscriptionErrors,
  Exclude<
    Exclude<
      Exclude<
        Exclude<EventSubscription.Needed<NoInfer<R>>, AccessToken.AccessToken>,
        AppTicket.AppTicket | TokenStore.TokenStore
      >,
      StoreServices
    >,
    PlatformServices
  >
> =>
  subscribed(options?.subscription).pipe(
    Layer.provideMerge(AccessToken.layer(options?.token)),
    Layer.provideMerge(Layer.merge(AppTicket.layer(options?.ticket), TokenStore.layerMemory)),
    Layer.provideMerge(TicketStore.layerMemory),
    Layer.provideMerge(withKeys(options))
  )
