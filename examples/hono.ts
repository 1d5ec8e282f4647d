/**
 * The request URL in a Hono app, for every runtime that serves a default export with `fetch`: Bun, Deno, Workers, and Node
 * by `serve` of `@hono/node-server`. Any other router of web requests takes the handler in the same way. Where the app is a
 * process that is stopped, close the layer first: `hono-node.ts` does so.
 */
import { EventWebHandler, FeishuApp, TicketStore } from "@effect-feishu/core"
import { ConfigProvider, Layer, ManagedRuntime } from "effect"
import { type Context, Hono } from "hono"
import { env } from "hono/adapter"
import { Events } from "./handlers.js"

const start = (variables: Record<string, string>) => {
  // Other routes run their effects with `runtime`, so that all have one store.
  const runtime = ManagedRuntime.make(
    Events.pipe(
      // In this process, or this isolate. Where there are several they need one store: `layerKeyValueStore`.
      Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig()]),
      Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))))
    )
  )
  return { runtime, webhook: EventWebHandler.make(runtime) }
}

/** Returns the context with `waitUntil`. Node and Bun have none, and Hono's getter throws there. */
const executionContext = (context: Context) => {
  try {
    return context.executionCtx
  } catch {
    return undefined
  }
}

let program: ReturnType<typeof start> | undefined

const app = new Hono()

app.all("/webhook/event", (context) => {
  // On Workers, the variables come with a request.
  program ??= start(env<Record<string, string>>(context))
  return program.webhook.handler(context.req.raw, executionContext(context))
})

export default app
