/** Handles events, and answers a click on a card. */
import {
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuEvents,
  TicketStore
} from "@effect-feishu/core"
import { HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Schema } from "effect"
import { createServer } from "node:http"

const UserCreated = Schema.Struct({ object: Schema.Struct({ name: Schema.String }) })

const Subscription = EventSubscription.layer({
  handlers: [
    EventHandler.on(
      "contact.user.created_v3",
      UserCreated,
      ({ id, payload }) => Console.log(`A user was created: ${payload.object.name}, event ${id}.`)
    ),
    // The user who clicked sees what this returns.
    EventHandler.callback(
      FeishuEvents.CardAction,
      ({ payload }) => Effect.succeed({ toast: FeishuEvents.toast("success", `You pressed a ${payload.action.tag}.`) })
    ),
    // A failure, or more than 2.5 s, makes the platform push the event again.
    EventHandler.all(({ type }) => Effect.logInfo(`nothing is done about ${type}`))
  ]
})

HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(Subscription),
  Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
