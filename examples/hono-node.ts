/**
 * A Hono app on Node that finishes its background tasks when the process is stopped. Any program that runs Effect by a
 * `ManagedRuntime` closes the layer in the same way, for example an Express app that was there before.
 */
import {
  AccessToken,
  AppTicket,
  BackgroundTasks,
  EventHandler,
  EventSubscription,
  EventWebHandler,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { serve } from "@hono/node-server"
import { Layer, ManagedRuntime } from "effect"
import { Hono } from "hono"
import process from "node:process"
import { reply } from "./reply.js"

const Subscription = EventSubscription.layer({
  handlers: [EventHandler.on(FeishuEvents.MessageReceived, (event) => BackgroundTasks.add(reply(event)))]
})

const Tokens = AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))

const runtime = ManagedRuntime.make(
  Subscription.pipe(
    Layer.provide(Tokens),
    Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch])
  )
)
const webhook = EventWebHandler.make(runtime)

const app = new Hono()
app.all("/webhook/event", (context) => webhook.handler(context.req.raw))

serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 3000) }, ({ port }) => {
  process.stdout.write(`Listening on http://localhost:${port}/webhook/event\n`)
})

// Without this line, the process ends at once, and the tasks are lost.
process.on("SIGTERM", () => runtime.dispose().then(() => process.exit(0)))
