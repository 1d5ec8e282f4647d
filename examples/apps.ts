/** The store apps of the examples `many-apps*.ts`, each with its own services. */
import { AppTicket, EventSubscription, FeishuApp, FeishuClient, TicketStore } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { Console, Context, Effect, Layer, LayerMap, Option, Redacted } from "effect"

/** What each app has in the developer console. Stands for your database. */
export const database = new Map<string, FeishuApp.Options>()

/** The services of each app, built when they are first needed, and kept for a day. */
export class Apps extends LayerMap.Service<Apps>()("Apps", {
  lookup: (appId: string) =>
    Layer.merge(AppTicket.layer(), EventSubscription.layer()).pipe(
      Layer.provide(Layer.unwrapEffect(Effect.map(
        Effect.suspend(() => Effect.fromNullable(database.get(appId))),
        FeishuApp.layer
      )))
    ),
  dependencies: [TicketStore.layerMemory, FeishuClient.layerFetch],
  idleTimeToLive: "1 day"
}) {}

const servicesOf = (appId: string) =>
  Apps.runtime(appId).pipe(
    Effect.map(({ context }) => context),
    // A failure would be kept as long as a success.
    Effect.tapError(() => Apps.invalidate(appId))
  )

/** Finds the subscription of an app, for a request URL that names the app. */
export const findApp = (appId: string) =>
  database.has(appId)
    ? Effect.map(
      servicesOf(appId),
      (services) => Option.some(Context.get(services, EventSubscription.EventSubscription))
    )
    : Effect.succeedNone

/** Registers an app on both ends, and waits for its ticket. */
export const register = (appId: string, url: string) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const secrets = {
      appSecret: Redacted.make(`the secret of ${appId}`),
      encryptKey: Redacted.make(`the encrypt key of ${appId}`)
    }
    database.set(appId, { appId, ...secrets, baseUrl: emulator.baseUrl })
    yield* emulator.setApp({ appId, ...secrets })
    yield* emulator.setRequestUrl(appId, url)
    yield* Effect.provide(AppTicket.get, yield* servicesOf(appId))
    yield* Console.log(`${appId} has its ticket, by ${new URL(url).pathname}`)
  }).pipe(Effect.scoped)
