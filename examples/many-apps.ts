/**
 * Several store apps in one process, each with its own ticket, behind one request URL or one each. The third is added
 * while the program runs. The platform is an emulator in the same process.
 */
import { AppTicket, EventHttpApp, EventSubscription, FeishuApp, FeishuClient, TicketStore } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { HttpLayerRouter, HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Array, Console, Effect, Layer, LayerMap, Redacted } from "effect"
import { createServer } from "node:http"

/** What each app has in the developer console. Stands for your database. */
const database = new Map<string, FeishuApp.Options>()

class UnknownApp {
  readonly _tag = "UnknownApp"
}

/** The services of each app, built when they are first needed, and kept. */
class Apps extends LayerMap.Service<Apps>()("Apps", {
  lookup: (appId: string) =>
    Layer.merge(AppTicket.layer(), EventSubscription.layer()).pipe(
      Layer.provide(Layer.unwrapEffect(Effect.suspend(() => {
        const options = database.get(appId)
        return options === undefined ? Effect.fail(new UnknownApp()) : Effect.succeed(FeishuApp.layer(options))
      })))
    ),
  dependencies: [TicketStore.layerMemory, FeishuClient.layerFetch],
  idleTimeToLive: "1 day"
}) {}

const withApp = (appId: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const services = yield* Apps.runtime(appId).pipe(
      // A failure would be kept as long as a success.
      Effect.tapError(() => Apps.invalidate(appId))
    )
    return yield* Effect.provide(effect, services)
  }).pipe(Effect.scoped)

/** One request URL for each app. */
const UrlOfEach = HttpLayerRouter.add(
  "*",
  "/webhook/:appId",
  Effect.gen(function*() {
    const { appId = "" } = yield* HttpRouter.params
    return yield* withApp(appId)(EventHttpApp.httpApp)
  }).pipe(Effect.catchAll(() => HttpServerResponse.empty({ status: 404 })))
)

/** One request URL for all: a delivery goes to the app that it is proven to be for. */
const UrlOfAll = HttpLayerRouter.use((router) =>
  Effect.gen(function*() {
    const apps = yield* Apps
    // Asked for each delivery anew, since apps come and go.
    const subscriptions = Effect.suspend(() =>
      Effect.forEach([...database.keys()], (appId) =>
        EventSubscription.EventSubscription.pipe(
          withApp(appId),
          // One app that is set up wrongly must not keep the others from their events.
          Effect.tapError((error) => Effect.logError(`${appId} takes no events`, error)),
          Effect.option
        ))
    ).pipe(Effect.map(Array.getSomes), Effect.provideService(Apps, apps))
    yield* router.add(
      "*",
      "/webhook",
      Effect.provideService(
        EventHttpApp.httpApp,
        EventSubscription.EventSubscription,
        EventSubscription.anyOf(subscriptions)
      )
    )
  })
)

/** Registers an app on both ends, and asks for its ticket. */
const add = (appId: string, path: string) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const secrets = {
      appSecret: Redacted.make(`the secret of ${appId}`),
      encryptKey: Redacted.make(`the encrypt key of ${appId}`)
    }
    database.set(appId, { appId, ...secrets, baseUrl: emulator.baseUrl })
    yield* emulator.setApp({ appId, ...secrets })
    const url = yield* HttpServer.addressFormattedWith((address) => Effect.succeed(address + path))
    yield* emulator.setRequestUrl(appId, url)
    yield* withApp(appId)(AppTicket.get)
    yield* Console.log(`${appId} has its ticket, by ${path}`)
  })

const program = Effect.gen(function*() {
  yield* add("cli_one", "/webhook")
  yield* add("cli_two", "/webhook")
  yield* Console.log("The server has been running; now there is a third app.")
  yield* add("cli_three", "/webhook/cli_three")
})

HttpLayerRouter.serve(Layer.merge(UrlOfEach, UrlOfAll), { disableLogger: true, disableListenLog: true }).pipe(
  Layer.merge(Layer.effectDiscard(program)),
  Layer.provide([
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }),
    Emulator.layerServer({ apps: [] }),
    Apps.Default
  ]),
  Layer.build,
  Effect.scoped,
  NodeRuntime.runMain
)
