/** The servers that are compared. Each is a process of its own, which reports to its parent. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as ByHand from "./byHand.js"
import { app, eventType, path } from "./deliveries.js"

type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => unknown

/** How many deliveries a server has accepted and refused so far, and how many lines it has logged. */
interface Counts {
  readonly taken: number
  readonly refused: number
  readonly lines: number
}

interface Door {
  readonly server: Http.Server
  readonly counts: () => Counts
}

const headerOf = ({ headers }: { readonly headers: Http.IncomingHttpHeaders }) => (name: string) =>
  String(headers[name])

const collect = (request: Http.IncomingMessage, onBody: (body: Buffer<ArrayBuffer>) => void) => {
  const chunks: Array<Uint8Array> = []
  request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
  request.on("end", () => onBody(Buffer.concat(chunks)))
}

const bare = (): Door => {
  const { counts, take } = ByHand.make(app)
  const listener: Listener = (request, response) =>
    collect(request, (body) => {
      response.writeHead(take(headerOf(request), body), { "content-length": 0 }).end()
    })
  return { server: Http.createServer(listener), counts }
}

/** The least that puts a function from `Request` to `Response` behind `node:http`. */
const adapt = (handler: (request: Request) => Promise<Response>): Listener => (request, response) =>
  collect(request, async (body) => {
    const answer = await handler(
      new Request(`http://${request.headers.host}${request.url}`, {
        method: request.method ?? "",
        headers: request.headers as Record<string, string>,
        body
      })
    )
    // Most answers have no body, and to read a body that is not there takes a twentieth of the time.
    const bytes = answer.body === null ? undefined : Buffer.from(await answer.arrayBuffer())
    response.writeHead(answer.status, {
      ...Object.fromEntries(answer.headers),
      "content-length": bytes?.length ?? 0
    })
    response.end(bytes)
  })

const bareAdapted = (): Door => {
  const { counts, handler } = ByHand.makeWeb(app)
  return { server: Http.createServer(adapt(handler)), counts }
}

const webHandler = async (): Promise<Door> => {
  const { counts, handler } = await (await import("./subscription.js")).makeWeb(app)
  return { server: Http.createServer(adapt(handler)), counts }
}

const nodeListener = async (): Promise<Door> => {
  const EventNodeListener = await import("@effect-feishu/core/EventNodeListener")
  const { counts, layer } = (await import("./subscription.js")).make(app)
  // Never disposed of: the layer lives as long as the process.
  const listener = await ManagedRuntime.make(layer).runPromise(EventNodeListener.make)
  return { server: Http.createServer(listener), counts }
}

/** Effect's server with the route that `routeOf` makes. */
const effectServer = async (
  routeOf: (HttpLayerRouter: typeof import("@effect/platform/HttpLayerRouter")) => Promise<
    Layer.Layer<never, unknown, import("@effect/platform/HttpLayerRouter").HttpRouter>
  >
): Promise<Http.Server> => {
  const [NodeHttpServer, HttpLayerRouter] = await Promise.all([
    import("@effect/platform-node/NodeHttpServer"),
    import("@effect/platform/HttpLayerRouter")
  ])
  const server = Http.createServer()
  // Without a line in the log for each request, because the terminal would be measured and not the server.
  const app = HttpLayerRouter.serve(await routeOf(HttpLayerRouter), { disableLogger: true, disableListenLog: true })
    .pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
    )
  Effect.runFork(Layer.launch(app))
  await once(server, "listening")
  return server
}

const httpApp = async (): Promise<Door> => {
  const EventHttpApp = await import("@effect-feishu/core/EventHttpApp")
  const { counts, layer } = (await import("./subscription.js")).make(app)
  return { server: await effectServer(async () => Layer.provide(EventHttpApp.layer(path), layer)), counts }
}

const bareHttpApp = async (): Promise<Door> => {
  const [HttpServerRequest, HttpServerResponse] = await Promise.all([
    import("@effect/platform/HttpServerRequest"),
    import("@effect/platform/HttpServerResponse")
  ])
  const { counts, take } = ByHand.make(app)
  const answer = Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ arrayBuffer, headers }) =>
      Effect.map(
        Effect.orDie(arrayBuffer),
        (body) => HttpServerResponse.empty({ status: take((name) => headers[name] ?? "", Buffer.from(body)) })
      )
  )
  return { server: await effectServer(async (router) => router.add("*", path, answer)), counts }
}

const sdk = async (): Promise<Door> => {
  const Lark = await import("@larksuiteoapi/node-sdk")
  let taken = 0
  const tickets = new Map<unknown, unknown>()
  const dispatcher = new Lark.EventDispatcher({
    encryptKey: app.encryptKey,
    verificationToken: app.verificationToken,
    loggerLevel: Lark.LoggerLevel.error,
    cache: {
      get: async (key) => tickets.get(key),
      set: async (key, value) => {
        tickets.set(key, value)
        taken++
        return true
      }
    }
  }).register({
    [eventType]: async () => {
      taken++
    }
  })
  return {
    server: Http.createServer(Lark.adaptDefault(path, dispatcher)),
    counts: () => ({ taken, refused: 0, lines: 0 })
  }
}

const doors = {
  "bare node:http": bare,
  "EventNodeListener": nodeListener,
  "@larksuiteoapi/node-sdk (adaptDefault)": sdk,
  "bare HttpApp (HttpLayerRouter on NodeHttpServer)": bareHttpApp,
  "EventHttpApp (the same server)": httpApp,
  "bare Request to Response (behind a minimal adapter)": bareAdapted,
  "EventWebHandler (the same adapter)": webHandler
} as const

export type Name = keyof typeof doors

/** In the order of the tables. */
export const names = Object.keys(doors) as ReadonlyArray<Name>

/** A message of a server to its parent: the port, and then, when asked, the counts and the use of the process. */
export type Report =
  | { readonly port: number }
  | Counts & {
    readonly rss: number
    /** In microseconds. */
    readonly cpu: number
  }

export const serve = async (name: string) => {
  if (!(name in doors)) throw new Error(`there is no server ${name}`)
  const { counts, server } = await doors[name as Name]()
  if (!server.listening) {
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
  }
  const send = (report: Report) => process.send?.(report)
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    send({ ...counts(), rss: process.memoryUsage.rss(), cpu: system + user })
  })
  send({ port: (server.address() as AddressInfo).port })
  await once(process, "disconnect")
}
