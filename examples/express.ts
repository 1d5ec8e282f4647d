/** The request URL in an Express app. It comes before every body parser: the signature is over the bytes. */
import { EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import express from "express"
import type { AddressInfo } from "node:net"
import { Events } from "./handlers.js"
import { listening } from "./listening.js"

const program = Effect.gen(function*() {
  const wantedPort = yield* Config.integer("PORT").pipe(Config.withDefault(3000))
  const app = express()
  // `all`, and not `post`: the listener answers other methods, too.
  app.all("/webhook/event", yield* EventNodeListener.make)
  app.use(express.json())
  app.post("/echo", (request, response) => void response.json(request.body))

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
