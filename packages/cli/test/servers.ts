/** What stands at the other end of a URL: a service with its webhook, and whatever else may stand there instead. */
import {
  type Claims,
  type EventHandler,
  EventNodeListener,
  EventSubscription,
  FeishuApp,
  TicketStore
} from "@effect-feishu/core"
import { NodeKeyValueStore } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import * as Http from "node:http"
import type * as Net from "node:net"

export type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => unknown

/** Listens on loopback until the scope ends, and gives the port. */
export const listen = (server: Net.Server & { readonly closeAllConnections: () => void }) =>
  Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as Net.AddressInfo).port)))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

/** A listener for each first segment of a path; any other is not found. */
export const site = (listeners: Readonly<Record<string, Listener>>) =>
  Effect.map(
    listen(Http.createServer((request, response) => {
      const listener = listeners[request.url?.split("/")[1] ?? ""]
      if (listener === undefined) response.writeHead(404).end("<h1>not found</h1>")
      else listener(request, response)
    })),
    (port) => `http://127.0.0.1:${port}`
  )

/** The ticket store that `--store file:…` names. */
export const storeIn = (folder: string): Layer.Layer<TicketStore.TicketStore | Claims.Claims> =>
  TicketStore.layerKeyValueStore({ pollInterval: "100 millis" }).pipe(
    Layer.provide(NodeKeyValueStore.layerFileSystem(folder)),
    Layer.orDie
  )

/** A service's request URL, with its tickets in the folder. */
export const webhook = (
  app: FeishuApp.Options,
  folder: string,
  handlers: ReadonlyArray<EventHandler.EventHandler> = []
) =>
  EventSubscription.layer({ handlers }).pipe(
    Layer.provide(Layer.merge(FeishuApp.layer(app), storeIn(folder))),
    Layer.orDie,
    Layer.provide(Logger.remove(Logger.defaultLogger)),
    Layer.build,
    Effect.flatMap((context) => Effect.provide(EventNodeListener.make, context)),
    Effect.provide(Logger.remove(Logger.defaultLogger))
  )
