/** The services of an app, as one layer. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AccessToken from "../../AccessToken.js"
import * as AppTicket from "../../AppTicket.js"
import type { BackgroundTasks } from "../../BackgroundTasks.js"
import type { EventHandler } from "../../EventHandler.js"
import * as EventSubscription from "../../EventSubscription.js"
import * as FeishuApp from "../../FeishuApp.js"
import * as FeishuClient from "../../FeishuClient.js"
import type { MoreOptions } from "../../PromiseApi.js"
import * as RetryPolicy from "../../RetryPolicy.js"
import { refused } from "../webhook/refused.js"
import * as Log from "./log.js"
import * as Stores from "./stores.js"

/** The services that calls need. */
export type CallServices = AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient

export type Services = EventSubscription.EventSubscription | CallServices

/** Returns `true` if a delivery can be proven to be the platform's. */
export const isProvable = ({ encryptKey, verificationToken }: FeishuApp.Service): boolean =>
  Option.isSome(encryptKey) || Option.isSome(verificationToken)

/** Takes the place of a subscription in a program that only makes calls. No delivery arrives, because there is no `webhook`. */
const noSubscription = (() => {
  const refuse = () => refused("Unsigned", "the app has neither an encrypt key nor a verification token")
  return Layer.sync(EventSubscription.EventSubscription, () => ({ prove: refuse, receive: refuse }))
})()

const subscriptionOf = (
  app: FeishuApp.Service,
  options: MoreOptions,
  handlers: ReadonlyArray<EventHandler<BackgroundTasks>>
) =>
  isProvable(app)
    ? EventSubscription.layer({
      handlers,
      handlerTimeout: options.handlerTimeout,
      backgroundTasks: options.background
    })
    : noSubscription

/** Only a store app has tickets. */
const tokensOf = ({ kind }: FeishuApp.Service, { ticketTimeout }: MoreOptions) =>
  kind === "self-built"
    ? AccessToken.layerSelfBuilt()
    : Layer.provideMerge(AccessToken.layer(), AppTicket.layer({ waitFor: ticketTimeout }))

const clientOf = (fetch: MoreOptions["fetch"]) =>
  fetch === undefined
    ? FeishuClient.layerFetch
    : Layer.provide(FeishuClient.layerFetch, Layer.succeed(FetchHttpClient.Fetch, fetch as typeof globalThis.fetch))

/** The subscription closes first, because handlers that end make calls. */
export const layerOf = (
  app: FeishuApp.Service,
  options: MoreOptions,
  handlers: ReadonlyArray<EventHandler<BackgroundTasks>>
): Layer.Layer<Services, unknown> =>
  subscriptionOf(app, options, handlers).pipe(
    Layer.provideMerge(tokensOf(app, options)),
    Layer.provideMerge(Stores.layer(options)),
    Layer.provideMerge(
      Layer.mergeAll(
        Layer.succeed(FeishuApp.FeishuApp, app),
        clientOf(options.fetch),
        Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.make(options.retry))
      )
    ),
    Layer.provideMerge(Log.layer(options.logger))
  )
