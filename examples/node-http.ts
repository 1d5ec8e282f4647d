/** The request URL on a server of `node:http`, with the ticket in a file. Ctrl-C ends it when all answers are given. */
import { EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import { NodeKeyValueStore, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Events } from "./handlers.js"
import { listening } from "./listening.js"

const program = Effect.gen(function*() {
  const wantedPort = yield* Config.integer("PORT").pipe(Config.withDefault(3000))
  const listener = yield* EventNodeListener.make
  const server = yield* listening(() =>
    createServer((request, response) => {
      if (request.url === "/webhook/event") void listener(request, response)
      else response.writeHead(404).end()
    }).listen(wantedPort)
  )
  const { port } = server.address() as AddressInfo
  yield* Console.log(`Listening on http://localhost:${port}/webhook/event`)
  return yield* Effect.never
})

// The ticket is a secret: let nobody else read this directory.
const Store = Layer.unwrapEffect(
  Effect.map(
    Config.string("TICKET_DIRECTORY").pipe(Config.withDefault(".tickets")),
    (directory) => TicketStore.layerKeyValueStore().pipe(Layer.provide(NodeKeyValueStore.layerFileSystem(directory)))
  )
)

program.pipe(
  Effect.scoped,
  Effect.provide(Events.pipe(Layer.provide([Store, FeishuApp.layerConfig()]))),
  NodeRuntime.runMain
)
