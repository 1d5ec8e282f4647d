/**
 * Layers for tests: an app, an emulator that knows the app, and the services of this library.
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
export interface Options extends Omit<Emulator.Options, "apps" | "pushDelay"> {
  /** The time between a resend and its push. Default: 0, so that a test that needs a ticket need not adjust the clock. */
  readonly pushDelay?: Emulator.Options["pushDelay"]
  /** Changes fields of the app. Default: the store app `cli_test`, which the tenant `tenant_1` has installed. */
  readonly app?: Partial<App> | undefined
}

type OptionsErrors = FeishuApp.FeishuAppError | Emulator.OptionsError

/**
 * Provides a `FeishuApp`, an `Emulator` that knows the app, and an `HttpClient` that calls the emulator without a socket.
 *
 * Uses the `TestClock` in `it.effect`.
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
    Emulator.layerHttpClient({ ...options, pushDelay: options?.pushDelay ?? 0, apps: [app] })
  )
}

/**
 * Returns a request URL that delivers to a subscription without a socket.
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

/** The services of `layerTicket` that a handler may need. */
type TicketServices = PlatformServices | StoreServices | AppTicket.AppTicket

/** The services of `layerToken` that a handler may need. */
type TokenServices = TicketServices | TokenStore.TokenStore | AccessToken.AccessToken

/** The services that handlers need and `layerTicket` does not provide. */
type MissingInTicket<R> = Exclude<
  Exclude<Exclude<EventSubscription.Needed<R>, AppTicket.AppTicket>, StoreServices>,
  PlatformServices
>

/** The services that handlers need and `layerToken` does not provide. */
type MissingInToken<R> = Exclude<
  Exclude<
    Exclude<Exclude<EventSubscription.Needed<R>, AccessToken.AccessToken>, AppTicket.AppTicket | TokenStore.TokenStore>,
    StoreServices
  >,
  PlatformServices
>

type SubscriptionErrors = OptionsErrors | EventSubscription.EventSubscriptionError

/** Provides an `EventSubscription`, and saves its request URL in the emulator. */
const subscribed = <R>(options: EventSubscription.Options<R> | undefined) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const { appId } = yield* FeishuApp.FeishuApp
    const { updateApp } = yield* Emulator.Emulator
    const url = requestUrl(yield* EventSubscription.EventSubscription)
    yield* Effect.orDie(updateApp(appId, (app) => ({ ...app, requestUrl: url })))
  })).pipe(Layer.provideMerge(EventSubscription.layer(options)))

/** Gives the app an encrypt key and a verification token, unless the options have others. */
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
 * Provides the services of `layer`, a `TicketStore`, an `AppTicket`, and an `EventSubscription` to which the emulator pushes.
 * Provides these services to the handlers, too. The app has an encrypt key and a verification token.
 *
 * @since 0.1.0
 * @category layers
 */
export function layerTicket(
  options?: TicketOptions
): Layer.Layer<TicketServices | EventSubscription.EventSubscription, SubscriptionErrors>
export function layerTicket<R>(
  options: TicketOptions<R>
): Layer.Layer<TicketServices | EventSubscription.EventSubscription, SubscriptionErrors, MissingInTicket<R>>
export function layerTicket<R>(options?: TicketOptions<R>) {
  // The first signature is for calls without handlers: TypeScript would infer `R` from the place where the layer is used.
  // @effect-diagnostics-next-line missingLayerContext:off -- compares with the first signature only
  return subscribed(options?.subscription).pipe(
    Layer.provideMerge(AppTicket.layer(options?.ticket)),
    Layer.provideMerge(TicketStore.layerMemory),
    Layer.provideMerge(withKeys(options))
  )
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TokenOptions<R = never> extends TicketOptions<R> {
  readonly token?: AccessToken.Options | undefined
}

/**
 * Provides the services of `layerTicket`, a `TokenStore` and an `AccessToken`, so that handlers and tests can call the platform
 * with `FeishuClient`.
 *
 * @since 0.1.0
 * @category layers
 */
export function layerToken(
  options?: TokenOptions
): Layer.Layer<TokenServices | EventSubscription.EventSubscription, SubscriptionErrors>
export function layerToken<R>(
  options: TokenOptions<R>
): Layer.Layer<TokenServices | EventSubscription.EventSubscription, SubscriptionErrors, MissingInToken<R>>
export function layerToken<R>(options?: TokenOptions<R>) {
  // The first signature is for calls without handlers: TypeScript would infer `R` from the place where the layer is used.
  // @effect-diagnostics-next-line missingLayerContext:off -- compares with the first signature only
  return subscribed(options?.subscription).pipe(
    Layer.provideMerge(AccessToken.layer(options?.token)),
    Layer.provideMerge(Layer.merge(AppTicket.layer(options?.ticket), TokenStore.layerMemory)),
    Layer.provideMerge(TicketStore.layerMemory),
    Layer.provideMerge(withKeys(options))
  )
}
