/** The apps that `serve` takes deliveries and gets tokens for. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import { TicketStore } from "@effect-feishu/core/TicketStore"
import { TokenStore } from "@effect-feishu/core/TokenStore"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Configuration from "../Configuration.js"
import { UsageError } from "../Failure.js"
import * as AppsFile from "./AppsFile.js"
import type { ServedApp } from "./ServedApp.js"
import * as WatchedTokens from "./WatchedTokens.js"

/** Short, so that a restart after a mistake asks for a ticket soon. */
const coolDown = "10 seconds"

/** Returns the apps of `--apps`, or the app of the variables. */
export const configured = (
  options: Configuration.Options & { readonly apps: Option.Option<string> },
  variables: Configuration.Variables
): Effect.Effect<ReadonlyArray<FeishuApp.Service>, UsageError, FileSystem.FileSystem> =>
  Effect.gen(function*() {
    if (
      Option.isSome(options.apps) &&
      (Option.isSome(options.appId) || Option.isSome(options.appSecretFile ?? Option.none()))
    ) {
      return yield* new UsageError({
        message: "--apps and --app-id or --app-secret-file contradict each other: the file names all apps"
      })
    }
    const apps = Option.isSome(options.apps)
      ? yield* AppsFile.read(options.apps.value, variables)
      : [yield* Configuration.app(variables)]
    for (const { appId, encryptKey, verificationToken } of apps) {
      if (Option.isNone(encryptKey) && Option.isNone(verificationToken)) {
        return yield* new UsageError({
          message: Option.isNone(options.apps)
            ? Configuration.nothingProves
            : `${appId} of --apps has neither encryptKey nor verificationToken, and nothing else proves a delivery`
        })
      }
    }
    return apps
  })

const tokensOf = (app: FeishuApp.Service) =>
  Effect.gen(function*() {
    const store = WatchedTokens.watch(yield* TokenStore)
    const isSelfBuilt = app.kind === "self-built"
    const tickets = isSelfBuilt ? undefined : yield* AppTicket.make({ coolDown })
    const tokens = yield* (tickets === undefined
      ? AccessToken.makeSelfBuilt()
      : Effect.provideService(AccessToken.make(), AppTicket.AppTicket, tickets)).pipe(
        Effect.provideService(TokenStore, store)
      )
    return {
      tickets,
      tokens,
      invalidate: (token: AccessToken.Token) => WatchedTokens.removing(tokens.invalidate(token))
    }
  })

/** Makes what `serve` needs of an app. The app has no handlers, so that no event is ever remembered as handled. */
export const make = (app: FeishuApp.Service) =>
  Effect.gen(function*() {
    const served: ServedApp = {
      app,
      subscription: yield* EventSubscription.make(),
      store: yield* TicketStore,
      ...yield* tokensOf(app)
    }
    return served
  }).pipe(
    Effect.provideService(FeishuApp.FeishuApp, app),
    Effect.mapError(({ message }) => new UsageError({ message }))
  )
