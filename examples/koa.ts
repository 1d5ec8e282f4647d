/** The request URL in a Koa app. It comes before every body parser: the signature is over the bytes. */
import { EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import Koa from "koa"
import type { AddressInfo } from "node:net"
import { Events } from "./handlers.js"
import { listening } from "./listening.js"

const program = Effect.gen(function*() {
  const wantedPort = yield* Config.integer("PORT").pipe(Config.withDefault(3000))
  const listener = yield* EventNodeListener.make
  const app = new Koa()
  app.use((context, next) => {
    if (context.path !== "/webhook/event") return next()
    // The listener answers, and not Koa.
    context.respond = false
    return listener(context.req, context.res)
  })
  app.use((context) => {
    context.body = "Hello\n"
  })

  const server = yield* listening(() => app.listen(wantedPort))
  const { port } = server.address() as AddressInfo
  yield* Console.log(`Listening on http://localhost:${port}/webhook/event`)
  return yield* Effect.never
})

program.pipe(
  Effect.scoped,
  Effect.provide(Events.pipe(Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()]))),
  NodeRuntime.runMain
)
