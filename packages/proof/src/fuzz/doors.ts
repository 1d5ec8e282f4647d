/** The four doors of the request URL, each before a subscription of its own, and what each subscription has done. */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventHttpApp from "@effect-feishu/core/EventHttpApp"
import * as EventNodeListener from "@effect-feishu/core/EventNodeListener"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as EventWebHandler from "@effect-feishu/core/EventWebHandler"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuEvents from "@effect-feishu/core/FeishuEvents"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as HttpApp from "@effect/platform/HttpApp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { appId, type Delivery, encryptKey, partsOf, verificationToken } from "./deliveries.js"

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Door {
  readonly name: string
  readonly answer: (delivery: Delivery) => Promise<Answer>
  /** How often a handler has run or a ticket was stored so far. */
  readonly actions: () => number
}

/** A subscription that counts what it does. */
const subscribed = (isEncrypted: boolean) => {
  let actions = 0
  const act = Effect.sync(() => void actions++)
  const store = Layer.map(TicketStore.layerMemory, (context) => {
    const memory = Context.get(context, TicketStore.TicketStore)
    return Context.add(context, TicketStore.TicketStore, {
      ...memory,
      put: (...args: Parameters<typeof memory.put>) => Effect.zipRight(act, memory.put(...args))
    })
  })
  const layer = EventSubscription.layer({
    handlers: [
      EventHandler.on(FeishuEvents.MessageReceived, () => act),
      EventHandler.on("contact.user.updated_v3", () => act),
      EventHandler.on("app_open", () => act),
      EventHandler.callback(FeishuEvents.CardAction, () => Effect.as(act, { toast: { type: "info", content: "done" } }))
    ]
  }).pipe(
    Layer.provide(FeishuApp.layer({
      appId,
      appSecret: Redacted.make("the app secret"),
      verificationToken: Redacted.make(verificationToken),
      ...(isEncrypted && { encryptKey: Redacted.make(encryptKey) })
    })),
    Layer.provide(store),
    Layer.merge(Logger.remove(Logger.defaultLogger))
  )
  return { layer, actions: () => actions }
}

const streamOf = (delivery: Delivery): ReadableStream<Uint8Array> => {
  const parts = [...partsOf(delivery)]
  return new ReadableStream({
    pull: (controller) => {
      const part = parts.shift()
      if (part === undefined) controller.close()
      else controller.enqueue(part)
    }
  })
}

const requestOf = (delivery: Delivery): Request => {
  const { headers, method } = delivery
  const body = method === "GET" ? null : streamOf(delivery)
  return new Request("http://127.0.0.1/", { method, headers, body, duplex: "half" } as RequestInit)
}

const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: await response.text()
})

/** A door, and how to close it. */
type Open = (isEncrypted: boolean) => Promise<Door & { readonly close: () => Promise<void> }>

const eventDoor: Open = async (isEncrypted) => {
  const { actions, layer } = subscribed(isEncrypted)
  const runtime = ManagedRuntime.make(layer)
  const subscription = await runtime.runPromise(EventSubscription.EventSubscription)
  return {
    name: "EventDoor",
    actions,
    answer: ({ body, headers, method }) =>
      runtime.runPromise(EventDoor.answer(subscription, {
        method,
        headers,
        // What a door of one's own must do.
        body: body.length > EventDoor.maxBodyBytes ? Effect.fail(EventDoor.tooLarge) : Effect.succeed(body)
      })),
    close: () => runtime.dispose()
  }
}

const webHandler: Open = async (isEncrypted) => {
  const { actions, layer } = subscribed(isEncrypted)
  const { dispose, handler } = EventWebHandler.make(layer)
  return {
    name: "EventWebHandler",
    actions,
    answer: async (delivery) => answerOf(await handler(requestOf(delivery))),
    close: dispose
  }
}

const httpApp: Open = async (isEncrypted) => {
  const { actions, layer } = subscribed(isEncrypted)
  const { dispose, handler } = HttpApp.toWebHandlerLayer(EventHttpApp.httpApp, layer)
  return {
    name: "EventHttpApp",
    actions,
    answer: async (delivery) => answerOf(await handler(requestOf(delivery))),
    close: dispose
  }
}

/** Sends again if the server has closed the connection that was kept alive, as it may after an answer without the whole body. */
const sent = (port: number, agent: Http.Agent, delivery: Delivery): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { headers, method } = delivery
    let isAnswered = false
    const request = Http.request({ port, host: "127.0.0.1", method, headers, agent }, (response) => {
      isAnswered = true
      const chunks: Array<Uint8Array> = []
      response.on("data", (chunk: Uint8Array) => chunks.push(chunk))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.on("error", reject)
    })
    request.on("error", (error) => {
      if (isAnswered) return
      if (request.reusedSocket) resolve(sent(port, agent, delivery))
      else reject(error)
    })
    if (method !== "GET") { for (const part of partsOf(delivery)) request.write(part) }
    request.end()
  })

const nodeListener: Open = async (isEncrypted) => {
  const { actions, layer } = subscribed(isEncrypted)
  const runtime = ManagedRuntime.make(layer)
  const server = Http.createServer(await runtime.runPromise(EventNodeListener.make))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const agent = new Http.Agent({ keepAlive: true })
  return {
    name: "EventNodeListener",
    actions,
    answer: (delivery) => sent(port, agent, delivery),
    close: async () => {
      agent.destroy()
      server.close()
      await runtime.dispose()
    }
  }
}

/** Opens all doors until the scope ends. */
export const open = (isEncrypted: boolean) =>
  Effect.forEach([eventDoor, webHandler, httpApp, nodeListener], (door) =>
    Effect.acquireRelease(
      Effect.promise(() => door(isEncrypted)),
      ({ close }) => Effect.promise(close)
    ))
