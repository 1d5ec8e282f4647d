/**
 * The request URL in a Hono app, for every runtime that serves a default export with `fetch`: Bun, Deno, Workers. Any
 * other router of web requests takes the handler in the same way.
 */
import { EventHandler, EventSubscription, EventWebHandler, FeishuApp, TicketStore } from "@effect-feishu/core"
import { ConfigProvider, Console, Layer } from "effect"
import { Hono } from "hono"
import { env } from "hono/adapter"

const Events = EventSubscription.layer({
  handlers: [EventHandler.on("contact.user.created_v3", ({ id }) => Console.log(`A user was created: event ${id}.`))]
}).pipe(
  // In this process, or this isolate. Where there are several they need one store: `layerKeyValueStore`.
  Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()])
)

let webhook: ReturnType<typeof EventWebHandler.make> | undefined

const app = new Hono()

app.all("/webhook/event", (context) => {
  // Workers have no environment but what comes with a request.
  webhook ??= EventWebHandler.make(Events.pipe(
    Layer.provide(
      Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env<Record<string, string>>(context)))))
    )
  ))
  return webhook.handler(context.req.raw)
})

export default app
