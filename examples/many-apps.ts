/**
 * Several store apps in one process, each with its own ticket, behind one request URL or one each. The third is added
 * while the program runs. The platform is an emulator in the same process.
 */
import { EventHttpApp, EventSubscription } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { HttpLayerRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Array, Console, Effect, Layer, Option } from "effect"
import { createServer } from "node:http"
import { Apps, database, findApp, register } from "./apps.js"

/** One request URL for each app. */
const UrlOfEach = EventHttpApp.layerApps("/webhook/:appId", findApp)

/** The apps that can be built: one that is set up wrongly must not keep the others from their events. */
const subscriptions = Effect.suspend(() =>
  Effect.forEach([...database.keys()], (appId) =>
    findApp(appId).pipe(
      Effect.scoped,
      Effect.tapError((error) => Effect.logError(`${appId} takes no events`, error)),
      Effect.orElseSucceed(Option.none)
    ))
).pipe(Effect.map(Array.getSomes))

/** One request URL for all: a delivery goes to the app that it is proven to be for. */
const UrlOfAll = EventHttpApp.layer("/webhook").pipe(
  Layer.provide(Layer.effect(
    EventSubscription.EventSubscription,
    // Looks at the apps for each delivery, because apps come and go.
    Effect.map(Apps, (apps) => EventSubscription.anyOf(Effect.provideService(subscriptions, Apps, apps)))
  ))
)

const program = Effect.gen(function*() {
  const origin = yield* HttpServer.addressFormattedWith(Effect.succeed)
  yield* register("cli_one", `${origin}/webhook`)
  yield* register("cli_two", `${origin}/webhook`)
  yield* Console.log("The server has been running; now there is a third app.")
  yield* register("cli_three", `${origin}/webhook/cli_three`)
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
