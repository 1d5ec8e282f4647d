/** The request URL in a Fastify app: in a hook that runs before Fastify parses the body, for the signature is over it. */
import { EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import fastify from "fastify"
import { Events } from "./handlers.js"
import { end } from "./listening.js"

const program = Effect.gen(function*() {
  const port = yield* Config.integer("PORT").pipe(Config.withDefault(3000))
  const listener = yield* EventNodeListener.make
  const app = yield* Effect.acquireRelease(
    Effect.sync(() => fastify()),
    (app) => end(app.server, Effect.promise(() => app.close()))
  )
  app.all("/webhook/event", {
    onRequest: (request, reply) => {
      // The listener answers, and not Fastify.
      reply.hijack()
      return listener(request.raw, reply.raw)
    }
  }, () => {})
  app.post("/echo", (request) => request.body)

  yield* Console.log(`Listening on ${yield* Effect.tryPromise(() => app.listen({ port }))}/webhook/event`)
  return yield* Effect.never
})

program.pipe(
  Effect.scoped,
  Effect.provide(Events.pipe(Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()]))),
  NodeRuntime.runMain
)
