/**
 * The request URL in a Hono app, for every runtime that serves a default export with `fetch`: Bun, Deno, Workers, and Node
 * by `serve` of `@hono/node-server`. Any other router of web requests takes the handler in the same way.
 */
import { EventWebHandler, FeishuApp, TicketStore } from "@effect-feishu/core"
import { ConfigProvider, Layer } from "effect"
import { Hono } from "hono"
import { env } from "hono/adapter"
import { Events } from "./handlers.js"

let webhook: ReturnType<typeof EventWebHandler.make> | undefined

const app = new Hono()

app.all("/webhook/event", (context) => {
  // Workers have no environment but what comes with a request.
  webhook ??= EventWebHandler.make(Events.pipe(
    // In this process, or this isolate. Where there are several they need one store: `layerKeyValueStore`.
    Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()]),
    Layer.provide(
      Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env<Record<string, string>>(context)))))
    )
  ))
  return webhook.handler(context.req.raw)
})

export default app
