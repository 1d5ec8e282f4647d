/** The edges of HTTP over real sockets, the same at every door. */
import { EventCrypto } from "@effect-feishu/emulator"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import type * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it, vi } from "@effect/vitest"
import {
  Clock,
  Deferred,
  Effect,
  Layer,
  Logger,
  LogLevel,
  ManagedRuntime,
  Metric,
  type MetricState,
  Option,
  Redacted,
  Schedule,
  type Scope,
  TestClock
} from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventHttpApp from "../src/EventHttpApp.js"
import * as EventNodeListener from "../src/EventNodeListener.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as EventWebHandler from "../src/EventWebHandler.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Deliveries from "./deliveries.js"
import { recorder } from "./spans.js"

const path = "/webhook/event"

/** A server, and the connections that it has had. */
const makeServer = () => {
  const server = Http.createServer()
  const connections: Array<Net.Socket> = []
  server.on("connection", (socket) => connections.push(socket))
  return { server, connections }
}

const listen = (server: Http.Server) =>
  Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )

/** The same, where it is the layer that listens. */
const listenByLayer = <E>(server: Http.Server, layer: Layer.Layer<never, E, HttpServer.HttpServer>) =>
  Layer.build(Layer.provide(layer, NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))).pipe(
    Effect.orDie,
    Effect.zipRight(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
  )

/**
 * What stands between `node:http` and a function of web requests. Nothing is read before it is asked for, and where it
 * is no longer asked for, the answer can still be sent.
 */
const answerWeb = async (
  handler: (request: Request) => Promise<Response>,
  request: Http.IncomingMessage,
  response: Http.ServerResponse
): Promise<void> => {
  let isCancelled = false
  let isRead = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (!isRead) {
        isRead = true
        request.on("data", (chunk: Uint8Array) => {
          request.pause()
          if (!isCancelled) controller.enqueue(chunk)
        })
        request.on("end", () => isCancelled || controller.close())
        request.on("error", (error) => isCancelled || controller.error(error))
      }
      request.resume()
    },
    cancel: () => {
      isCancelled = true
    }
  }, { highWaterMark: 0 })
  const { headers, method = "", url } = request
  const hasBody = method !== "GET" && method !== "HEAD"
  const answer = await handler(
    new Request(new URL(url ?? "", "http://127.0.0.1"), {
      method,
      headers: headers as Record<string, string>,
      // TypeScript's DOM does not know `duplex`.
      ...(hasBody && { body, duplex: "half" })
    })
  )
  if (response.destroyed) return
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    ...(isCancelled ? { connection: "close" } : {})
  })
  response.end(await answer.text())
}

const quiet = Logger.minimumLogLevel(LogLevel.None)

type Serve = (
  server: Http.Server,
  subscription: EventSubscription.Service
) => Effect.Effect<unknown, never, Scope.Scope>

/** A route of what `EventDoor` and `EventHttpApp` have for doors of one's own. */
const ownRoute = (subscription: EventSubscription.Service) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) =>
      Effect.suspend(() => EventDoor.admit(request) ?? EventHttpApp.readBody(request)).pipe(
        Effect.matchEffect({
          onFailure: (refusal) => EventDoor.refuse(subscription, refusal),
          onSuccess: (body) => EventDoor.answerDelivery(subscription, { headers: request.headers, body })
        }),
        Effect.map(({ body, headers, status }) =>
          HttpServerResponse.text(body, {
            status,
            headers: { ...headers, ...(status === 413 && { connection: "close" }) }
          })
        )
      )
  )

const doors: ReadonlyArray<readonly [string, Serve]> = [
  [
    "EventHttpApp",
    (server, subscription) =>
      listenByLayer(
        server,
        HttpLayerRouter.serve(EventHttpApp.layer(path), { disableLogger: true, disableListenLog: true }).pipe(
          Layer.provide(Layer.succeed(EventSubscription.EventSubscription, subscription))
        )
      )
  ],
  [
    "a route of one's own",
    (server, subscription) =>
      listenByLayer(
        server,
        HttpLayerRouter.serve(HttpLayerRouter.add("*", path, ownRoute(subscription)), {
          disableLogger: true,
          disableListenLog: true
        })
      )
  ],
  [
    "EventNodeListener",
    (server, subscription) =>
      Effect.gen(function*() {
        const listener = yield* EventNodeListener.make
        server.on("request", (request, response) => void listener(request, response))
        yield* listen(server)
      }).pipe(Effect.provideService(EventSubscription.EventSubscription, subscription))
  ],
  [
    "EventWebHandler",
    (server, subscription) =>
      Effect.gen(function*() {
        const { handler } = yield* Effect.acquireRelease(
          Effect.sync(() =>
            EventWebHandler.make(Layer.merge(Layer.succeed(EventSubscription.EventSubscription, subscription), quiet))
          ),
          ({ dispose }) => Effect.promise(dispose)
        )
        server.on("request", (request, response) => void answerWeb(handler, request, response))
        yield* listen(server)
      })
  ]
]

/** A request URL, and what became of the events that were sent there. */
const open = (serve: Serve) =>
  Effect.gen(function*() {
    const handled: Array<string> = []
    const outcomes: Array<string> = []
    const started = yield* Deferred.make<void>()
    const goOn = yield* Deferred.make<void>()
    const subscription = yield* EventSubscription.make({
      // As long as may be: the machine may be busy.
      handlerTimeout: "2990 millis",
      handlers: [
        EventHandler.on("slow", ({ id }) =>
          Effect.gen(function*() {
            yield* Deferred.succeed(started, undefined)
            yield* Deferred.await(goOn)
            handled.push(id)
          })),
        EventHandler.callback("card.action.trigger", ({ id }) => Effect.succeed({ toast: { content: id } })),
        EventHandler.all(({ id }) => Effect.sync(() => handled.push(id)))
      ]
    }).pipe(Effect.provide([TicketStore.layerMemory, Deliveries.app()]))
    const { connections, server } = makeServer()
    yield* serve(server, {
      ...subscription,
      receive: (delivery) =>
        Effect.tap(subscription.receive(delivery), ({ outcome }) => Effect.sync(() => outcomes.push(outcome)))
    })
    const address = server.address()
    const port = typeof address === "object" ? address?.port ?? 0 : 0
    return { url: `http://127.0.0.1:${port}${path}`, port, connections, handled, outcomes, started, goOn }
  })

interface Reply {
  readonly status: number | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

/** By `node:http`. `write` sends the body. */
const send = (url: string, options: {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Http.Agent
  readonly write?: (request: Http.ClientRequest) => void
}): Effect.Effect<Reply, Error> =>
  Effect.async((resume) => {
    const { agent, headers, method = "POST", write } = options
    const request = Http.request(url, { method, ...headers && { headers }, ...agent && { agent } }, (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (chunk) => {
        body += chunk
      })
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode, headers: response.headers, body })))
      response.on("error", (error) => resume(Effect.fail(error)))
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    if (write === undefined) request.end()
    else write(request)
    return Effect.sync(() => request.destroy())
  })

const text = (headers: EventSubscription.Delivery["headers"]) => headers as Record<string, string>

const deliver = (url: string, { body, headers }: EventSubscription.Delivery, agent?: Http.Agent) =>
  send(url, {
    headers: { ...text(headers), "content-length": String(body.length) },
    write: (request) => request.end(body),
    ...agent && { agent }
  })

/** A good delivery, of now. */
const good = (id: string, type?: string) =>
  Effect.map(Clock.currentTimeMillis, (now) => Deliveries.genuine(Deliveries.event2({ id, ...type && { type } }), now))

const json = { "content-type": "application/json" }
const megabytes50 = 50_000_000
const chunk = new Uint8Array(64 * 1024).fill(32)

/** Sends spaces as fast as they are taken, to the end or until an answer comes. */
const flood = (request: Http.ClientRequest) => {
  let left = megabytes50
  const more = () => {
    while (left > 0 && !request.destroyed) {
      const size = Math.min(left, chunk.length)
      left -= size
      if (!request.write(chunk.subarray(0, size))) return
    }
    request.end()
  }
  request.on("drain", more)
  more()
}

const floodStream = () => {
  let left = megabytes50
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const size = Math.min(left, chunk.length)
      left -= size
      if (size === 0) controller.close()
      else controller.enqueue(chunk.slice(0, size))
    }
  })
}

const fetched = (url: string, init: RequestInit) =>
  Effect.tryPromise(async (signal): Promise<Reply> => {
    const response = await fetch(url, { method: "POST", signal, ...init })
    return { status: response.status, headers: {}, body: await response.text() }
  })

const tooLong: ReadonlyArray<readonly [string, (url: string) => Effect.Effect<Reply, unknown>]> = [
  [
    "node:http, of a declared length",
    (url) => send(url, { headers: { ...json, "content-length": String(megabytes50) }, write: flood })
  ],
  ["node:http, in chunks", (url) => send(url, { headers: json, write: flood })],
  [
    "node:http, whose body waits for the answer",
    (url) =>
      send(url, { headers: { ...json, "content-length": "1000001" }, write: (request) => request.flushHeaders() })
  ],
  ["fetch, of a declared length", (url) => fetched(url, { headers: json, body: new Uint8Array(megabytes50).fill(32) })],
  [
    "fetch, in chunks",
    // TypeScript's DOM does not know `duplex`.
    (url) => fetched(url, { headers: json, body: floodStream(), duplex: "half" } as RequestInit)
  ]
]

/** A socket of one's own, until the scope ends. */
const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.async<Net.Socket>((resume) => {
      const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** A request as it goes over the wire, but for its body. */
const head = (headers: EventSubscription.Delivery["headers"], length: string) =>
  [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    length,
    "\r\n"
  ].join("\r\n")

const until = (isSo: () => boolean) =>
  Effect.suspend(() => isSo() ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.retry(Schedule.spaced("10 millis")),
    Effect.timeout("20 seconds")
  )

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(test, quiet))

describe.each(doors)("%s", (_, serve) => {
  live(
    "takes a delivery",
    Effect.gen(function*() {
      const { handled, outcomes, url } = yield* open(serve)
      const reply = yield* deliver(url, yield* good("one"))
      assert.deepStrictEqual([reply.status, reply.body], [200, ""])
      assert.deepStrictEqual([handled, outcomes], [["one"], ["handled"]])
    })
  )

  live(
    "answers a handshake",
    Effect.gen(function*() {
      const { url } = yield* open(serve)
      const reply = yield* deliver(url, Deliveries.unsigned(Deliveries.challenge()))
      assert.strictEqual(reply.status, 200)
      assert.match(reply.headers["content-type"] ?? "", /^application\/json\b/)
      assert.deepStrictEqual(JSON.parse(reply.body), { challenge: "a challenge" })
    })
  )

  live(
    "answers a callback with what its handler returns",
    Effect.gen(function*() {
      const { handled, outcomes, url } = yield* open(serve)
      const reply = yield* deliver(url, yield* good("飞书", "card.action.trigger"))
      assert.strictEqual(reply.status, 200)
      assert.match(reply.headers["content-type"] ?? "", /^application\/json\b/)
      assert.deepStrictEqual(JSON.parse(reply.body), { toast: { content: "飞书" } })
      assert.deepStrictEqual([handled, outcomes], [[], ["answered"]])
    })
  )

  live(
    "answers 405 and what is allowed, to every other method",
    Effect.gen(function*() {
      const { url } = yield* open(serve)
      for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
        const reply = yield* send(url, { method })
        assert.deepStrictEqual([reply.status, reply.headers.allow, reply.body], [405, "POST", ""], method)
      }
    })
  )

  live(
    "answers what it refuses with the status alone",
    Effect.gen(function*() {
      const { handled, url } = yield* open(serve)
      const bytes = (text: string) => new TextEncoder().encode(text)
      const refusals: ReadonlyArray<readonly [string, number, EventSubscription.Delivery]> = [
        ["text/plain", 415, { ...yield* good("1"), headers: { "content-type": "text/plain" } }],
        ["gzip", 415, { ...yield* good("1"), headers: { ...json, "content-encoding": "gzip" } }],
        ["no content type", 415, { headers: {}, body: bytes("{}") }],
        ["a form", 415, { headers: { "content-type": "application/x-www-form-urlencoded" }, body: bytes("a=1") }],
        ["no body", 400, { headers: json, body: new Uint8Array() }],
        ["no JSON", 400, { headers: json, body: bytes("{\"encrypt\":") }],
        ["no UTF-8", 400, { headers: json, body: Uint8Array.of(0x22, 0xff, 0xfe, 0x22) }],
        ["no signature", 401, Deliveries.unsigned(Deliveries.event2())],
        ["no encryption", 401, Deliveries.plain(Deliveries.event2())],
        ["another key", 401, Deliveries.unsigned(Deliveries.event2(), "another key")]
      ]
      for (const [name, status, delivery] of refusals) {
        const reply = yield* deliver(url, delivery)
        assert.deepStrictEqual([reply.status, reply.body], [status, ""], name)
      }
      assert.deepStrictEqual(handled, [])
    })
  )

  for (const [client, tooLongFor] of tooLong) {
    live(
      `answers 413 to a body of 50 MB by ${client}, without reading all of it`,
      Effect.gen(function*() {
        const { connections, outcomes, url } = yield* open(serve)
        for (let i = 0; i < 5; i++) {
          const reply = yield* Effect.timeout(tooLongFor(url), "20 seconds")
          assert.deepStrictEqual([reply.status, reply.body], [413, ""])
        }
        for (const connection of connections) assert.isBelow(connection.bytesRead, megabytes50 / 2)
        assert.deepStrictEqual(outcomes, [])
        assert.strictEqual((yield* deliver(url, yield* good("one"))).status, 200)
      })
    )
  }

  live(
    "takes a body of just the longest length, and refuses one that is a byte longer",
    Effect.gen(function*() {
      const { url } = yield* open(serve)
      const now = yield* Clock.currentTimeMillis
      const body = Deliveries.encrypted(Deliveries.event2())
      const longest = Deliveries.signed(body.padEnd(EventDoor.maxBodyBytes), { at: now })
      const tooLong = Deliveries.signed(body.padEnd(EventDoor.maxBodyBytes + 1), { at: now })
      assert.strictEqual((yield* deliver(url, longest)).status, 200)
      assert.strictEqual((yield* deliver(url, tooLong)).status, 413)
      for (const [{ body, headers }, status] of [[longest, 200], [tooLong, 413]] as const) {
        const reply = yield* send(url, { headers: text(headers), write: (request) => request.end(body) })
        assert.strictEqual(reply.status, status, "in chunks")
      }
    })
  )

  live(
    "outlives a client that goes away in the middle of the body",
    Effect.gen(function*() {
      const { connections, handled, port, url } = yield* open(serve)
      const { body, headers } = yield* good("half")
      for (const length of [`content-length: ${body.length}`, "transfer-encoding: chunked"]) {
        const before = connections.length
        const socket = yield* connect(port)
        socket.write(head(headers, length))
        const half = body.subarray(0, body.length / 2)
        if (!length.startsWith("transfer")) socket.write(half)
        else socket.write(Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), half]))
        yield* until(() => (connections[before]?.bytesRead ?? 0) > half.length)
        socket.destroy()
        yield* until(() => connections[before]?.destroyed === true)
      }
      assert.strictEqual((yield* deliver(url, yield* good("whole"))).status, 200)
      assert.deepStrictEqual(handled, ["whole"])
    })
  )

  live(
    "handles to its end the event of a client that goes away meanwhile",
    Effect.gen(function*() {
      const { connections, goOn, handled, outcomes, port, started, url } = yield* open(serve)
      const delivery = yield* good("slow", "slow")
      const socket = yield* connect(port)
      socket.write(head(delivery.headers, `content-length: ${delivery.body.length}`))
      socket.write(delivery.body)
      yield* Deferred.await(started)
      socket.destroy()
      yield* until(() => connections[0]?.destroyed === true)
      yield* Deferred.succeed(goOn, undefined)
      yield* until(() => handled.length === 1)
      // Until the event is marked as handled, it counts as one that is being handled.
      yield* deliver(url, delivery).pipe(
        Effect.filterOrFail(({ status }) => status !== 503),
        Effect.retry(Schedule.spaced("10 millis")),
        Effect.timeout("20 seconds"),
        Effect.tap(({ status }) => assert.strictEqual(status, 200))
      )
      assert.strictEqual(outcomes.at(-1), "duplicate")
      assert.deepStrictEqual(handled, ["slow"])
    })
  )

  live(
    "takes a good delivery on the connection on which it has refused others",
    Effect.gen(function*() {
      const { connections, handled, url } = yield* open(serve)
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Http.Agent({ keepAlive: true, maxSockets: 1 })),
        (agent) => Effect.sync(() => agent.destroy())
      )
      const body = Buffer.alloc(200_000, "{")
      const statuses = yield* Effect.forEach([
        yield* good("one"),
        { headers: { "content-type": "text/plain" }, body },
        { headers: json, body },
        Deliveries.unsigned(Deliveries.event2()),
        yield* good("two")
      ], (delivery) => Effect.map(deliver(url, delivery, agent), ({ status }) => status))
      assert.deepStrictEqual(statuses, [200, 415, 401, 401, 200])
      assert.deepStrictEqual(handled, ["one", "two"])
      assert.strictEqual(connections.length, 1)
    })
  )

  live(
    "checks the bytes, however the JSON in them is written",
    Effect.gen(function*() {
      const { handled, url } = yield* open(serve)
      const now = yield* Clock.currentTimeMillis
      const inner = JSON.stringify(Deliveries.event2({ id: "escaped" }), null, 2).replaceAll(
        /[\u0080-\uffff]/g,
        (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
      )
      const encrypted = EventCrypto.encrypt({
        encryptKey: Deliveries.encryptKey,
        iv: new Uint8Array(16).fill(1),
        text: inner
      })
      const escaped = encrypted.replaceAll(/[+/=A]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)
      const body = `\n { "\\u0065ncrypt" :\t"${escaped}" , "note": "飞书" }\r\n  `
      assert.strictEqual((yield* deliver(url, Deliveries.signed(body, { at: now }))).status, 200)
      assert.deepStrictEqual(handled, ["escaped"])
    })
  )

  live(
    "takes a body that comes in single bytes",
    Effect.gen(function*() {
      const { handled, url } = yield* open(serve)
      const { body, headers } = yield* good("in bytes")
      const reply = yield* send(url, {
        headers: text(headers),
        write: (request) => {
          for (let i = 0; i < body.length; i++) request.write(body.subarray(i, i + 1))
          request.end()
        }
      })
      assert.strictEqual(reply.status, 200)
      assert.deepStrictEqual(handled, ["in bytes"])
    })
  )
})

describe("EventNodeListener behind a body parser", () => {
  /** Reads the body before the listener does, and leaves this of it. */
  const behind = (leave: (body: Buffer) => object, lines: Array<string>): Serve => (server, subscription) =>
    Effect.gen(function*() {
      const listener = yield* EventNodeListener.make.pipe(
        Effect.provide(Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ cause, message }) => void lines.push(`${message} ${cause.toString()}`))
        ))
      )
      server.on("request", (request, response) => {
        const chunks: Array<Uint8Array> = []
        request.on("data", (chunk) => chunks.push(chunk))
        request.on("end", () => {
          // Getters stay getters.
          Object.defineProperties(request, Object.getOwnPropertyDescriptors(leave(Buffer.concat(chunks))))
          void listener(request, response)
        })
      })
      yield* listen(server)
    }).pipe(
      Effect.provideService(EventSubscription.EventSubscription, subscription),
      Effect.provide(Logger.minimumLogLevel(LogLevel.All))
    )

  it.scopedLive.each<[string, (body: Buffer) => object]>([
    ["the bytes as the body", (body) => ({ body })],
    ["the bytes beside the body", (body) => ({ body: JSON.parse(body.toString()), rawBody: body })],
    ["the text beside the body", (body) => ({ body: JSON.parse(body.toString()), rawBody: body.toString() })],
    ["the text as the body, as express.text() does", (body) => ({ body: body.toString() })],
    ["the bytes, and a body whose getter throws", (body) => ({
      get body() {
        throw new Error("there is no body parser")
      },
      rawBody: body
    })]
  ])("takes what leaves %s", ([_, leave]) =>
    Effect.gen(function*() {
      const { handled, url } = yield* open(behind(leave, []))
      assert.strictEqual((yield* deliver(url, yield* good("one"))).status, 200)
      assert.deepStrictEqual(handled, ["one"])
    }))

  it.scopedLive.each<[string, (body: Buffer) => object]>([
    ["nothing", () => ({})],
    ["what it has parsed", (body) => ({ body: JSON.parse(body.toString()) })],
    ["a body whose getter throws", () => ({
      get body() {
        throw new Error("there is no body parser")
      }
    })]
  ])("answers 500, and says what to do, where the parser leaves %s", ([_, leave]) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { handled, url } = yield* open(behind(leave, lines))
      const reply = yield* deliver(url, yield* good("one"))
      assert.deepStrictEqual([reply.status, reply.body], [500, ""])
      assert.deepStrictEqual(handled, [])
      assert.include(lines.join("\n"), "put this door before every body parser")
    }))

  it.scopedLive("logs once a second that a parser has left nothing", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { url } = yield* open(behind(() => ({}), lines))
      yield* Effect.replicateEffect(deliver(url, Deliveries.plain({})), 10)
      assert.strictEqual(lines.length, 1, lines.join("\n"))
    }))

  it.scopedLive.each<BufferEncoding>(["utf8", "latin1", "hex"])(
    "takes a request to which a framework has set the encoding %s",
    (encoding) =>
      Effect.gen(function*() {
        const { handled, url } = yield* open((server, subscription) =>
          Effect.gen(function*() {
            const listener = yield* EventNodeListener.make
            server.on("request", (request, response) => void listener(request.setEncoding(encoding), response))
            yield* listen(server)
          }).pipe(Effect.provideService(EventSubscription.EventSubscription, subscription))
        )
        const now = yield* Clock.currentTimeMillis
        const body = `{"encrypt":"${
          EventCrypto.encrypt({
            encryptKey: Deliveries.encryptKey,
            iv: new Uint8Array(16).fill(1),
            text: JSON.stringify(Deliveries.event2({ id: "one" }))
          })
        }","note":"飞书 🎫"}`
        assert.strictEqual((yield* deliver(url, Deliveries.signed(body, { at: now }))).status, 200)
        assert.deepStrictEqual(handled, ["one"])
      })
  )
})

describe("EventNodeListener", () => {
  /** With the subscription itself, of which the listener refuses forgeries without a fiber. */
  const listening = (services: Layer.Layer<never>) =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        EventSubscription.layer().pipe(Layer.provide([TicketStore.layerMemory, Deliveries.app()]))
      )
      const listener = yield* EventNodeListener.make.pipe(Effect.provide(context), Effect.provide(services))
      const { server } = makeServer()
      server.on("request", (request, response) => void listener(request, response))
      yield* listen(server)
      const address = server.address()
      return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}${path}`
    })
  const forged = Deliveries.signed(Deliveries.encrypted(Deliveries.event2()), { key: "another key" })

  // On the clock of the test, which stands still.
  it.scoped("counts each of a flood of forged deliveries, and logs one line a second, which names the app", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ annotations, message }) =>
        void lines.push(`${message} ${JSON.stringify([...annotations])}`)
      )
      const refusals = Effect.map(
        Metric.value(FeishuMetrics.refusals.pipe(Metric.tagged("reason", "Signature"))),
        (state: MetricState.MetricState.Counter<number>) => state.count
      )
      const before = yield* refusals
      const url = yield* listening(Logger.replace(Logger.defaultLogger, logger))
      const forge = Effect.map(
        deliver(url, forged),
        (reply) => assert.deepStrictEqual([reply.status, reply.body], [401, ""])
      )
      yield* Effect.replicateEffect(forge, 20)
      yield* TestClock.adjust("1 second")
      yield* forge
      assert.strictEqual(yield* refusals, before + 21)
      assert.strictEqual(lines.length, 2)
      assert.include(lines[0], "the signature is wrong")
      assert.include(lines[0], "cli_test")
      assert.include(lines[1], "and 19 more like this since the last line")
    }))

  it.scopedLive("answers 500 if the answer has no JSON", () =>
    Effect.gen(function*() {
      const subscription: EventSubscription.Service = {
        prove: () => Effect.void,
        receive: () => Effect.succeed({ outcome: "answered", answer: { toJSON: () => undefined } })
      }
      const listener = yield* EventNodeListener.make.pipe(
        Effect.provideService(EventSubscription.EventSubscription, subscription),
        Effect.provide(quiet)
      )
      const { server } = makeServer()
      server.on("request", (request, response) => void listener(request, response))
      yield* listen(server)
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}${path}`
      assert.strictEqual((yield* deliver(url, Deliveries.plain({}))).status, 500)
    }))

  it.scopedLive("makes the span of a delivery no child of the span in which the listener is made", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const subscription = yield* EventSubscription.make().pipe(
        Effect.provide([TicketStore.layerMemory, Deliveries.app()])
      )
      const listener = yield* EventNodeListener.make.pipe(
        Effect.provideService(EventSubscription.EventSubscription, subscription),
        Effect.withSpan("startup"),
        Effect.withTracer(tracer)
      )
      const listenerOf = yield* EventNodeListener.makeApps(() =>
        Effect.delay(Effect.succeedSome(subscription), 1).pipe(Effect.withSpan("findApp"))
      ).pipe(Effect.withSpan("startup"), Effect.withTracer(tracer))
      const { server } = makeServer()
      server.on(
        "request",
        (request, response) => void (request.url === "/app" ? listenerOf("cli_test") : listener)(request, response)
      )
      yield* listen(server)
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
      for (const path of ["/", "/app"]) {
        assert.strictEqual((yield* deliver(`${url}${path}`, yield* good(path))).status, 200)
      }
      const ofDeliveries = spans.filter(({ name }) => name !== "startup")
      assert.deepStrictEqual(ofDeliveries.map(({ name }) => name), [
        "EventSubscription.receive",
        "findApp",
        "EventSubscription.receive"
      ])
      for (const { parent } of ofDeliveries) assert.isTrue(Option.isNone(parent))
    }))

  it.scopedLive("makes a span of a forged delivery if spans are recorded", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const url = yield* listening(Layer.merge(quiet, Layer.setTracer(tracer)))
      assert.strictEqual((yield* deliver(url, forged)).status, 401)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["EventSubscription.receive"])
    }))
})

describe("EventNodeListener on WebCrypto", () => {
  it.scopedLive("decrypts each delivery once", () =>
    Effect.gen(function*() {
      const { getBuiltinModule } = process
      const decrypt = vi.spyOn(crypto.subtle, "decrypt")
      yield* Effect.addFinalizer(() => Effect.sync(() => decrypt.mockRestore()))
      Object.assign(process, { getBuiltinModule: undefined })
      const context = yield* Layer.build(
        EventSubscription.layer().pipe(Layer.provide([TicketStore.layerMemory, Deliveries.app()]))
      ).pipe(Effect.ensuring(Effect.sync(() => Object.assign(process, { getBuiltinModule }))))
      const listener = yield* Effect.provide(EventNodeListener.make, context)
      const { server } = makeServer()
      server.on("request", (request, response) => void listener(request, response))
      yield* listen(server)
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}${path}`
      for (const id of ["1", "2", "3"]) assert.strictEqual((yield* deliver(url, yield* good(id))).status, 200)
      assert.strictEqual(decrypt.mock.calls.length, 3)
    }))
})

describe("EventWebHandler", () => {
  const handlerOf = (lines: Array<string>) =>
    EventWebHandler.make(
      EventSubscription.layer().pipe(
        Layer.provide([TicketStore.layerMemory, Deliveries.app()]),
        Layer.provideMerge(Logger.replace(
          Logger.defaultLogger,
          Logger.make(({ message }) => void lines.push(String(message)))
        ))
      )
    )
  const requestOf = ({ body, headers }: EventSubscription.Delivery) =>
    new Request("https://example.com/webhook", { method: "POST", headers: text(headers), body: new Uint8Array(body) })

  it.live("answers 500 and says what to do if the framework has read the body", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { dispose, handler } = handlerOf(lines)
      const read = requestOf(yield* good("one"))
      yield* Effect.promise(() => read.text())
      const locked = requestOf(yield* good("two"))
      locked.body?.getReader()
      for (const request of [read, locked]) {
        assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 500)
      }
      assert.include(lines.join("\n"), "put this door before every body parser")
      yield* Effect.promise(dispose)
    }))

  it.live.each(["10", "a number"])(
    "reads no more than 1 MB, though content-length says %s",
    (length) =>
      Effect.gen(function*() {
        const { dispose, handler } = handlerOf([])
        let pulled = 0
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            pulled++
            controller.enqueue(new Uint8Array(100_000))
            if (pulled === 100) controller.close()
          }
        })
        const request = new Request("https://example.com/webhook", {
          method: "POST",
          headers: { "content-type": "application/json", "content-length": length },
          body,
          duplex: "half"
        } as RequestInit)
        assert.strictEqual((yield* Effect.promise(() => handler(request))).status, 413)
        assert.isBelow(pulled, 20)
        yield* Effect.promise(dispose)
      })
  )

  it.live("builds the layer again for the next request if the layer could not be built", () =>
    Effect.gen(function*() {
      let builds = 0
      const { dispose, handler } = EventWebHandler.make(
        Layer.unwrapEffect(Effect.suspend(() =>
          ++builds === 1
            ? Effect.fail("the database is away")
            : Effect.succeed(
              EventSubscription.layer().pipe(Layer.provide([TicketStore.layerMemory, Deliveries.app()]))
            )
        ))
      )
      const send = Effect.flatMap(good("one"), (delivery) => Effect.promise(() => handler(requestOf(delivery))))
      assert.strictEqual((yield* send).status, 503)
      assert.strictEqual((yield* send).status, 200)
      assert.strictEqual((yield* send).status, 200)
      assert.strictEqual(builds, 2)
      yield* Effect.promise(dispose)
    }))

  it.live("of a runtime keeps the ticket where the rest of the program finds it", () =>
    Effect.gen(function*() {
      const runtime = ManagedRuntime.make(
        EventSubscription.layer().pipe(
          Layer.provideMerge(TicketStore.layerMemory),
          Layer.provide(Deliveries.app())
        )
      )
      const { dispose, handler } = EventWebHandler.make(runtime)
      const now = yield* Clock.currentTimeMillis
      const push = Deliveries.genuine(Deliveries.ticketEvent({ ticket: "pushed", sentAt: now }), now)
      assert.strictEqual((yield* Effect.promise(() => handler(requestOf(push)))).status, 200)
      yield* Effect.promise(dispose)
      const found = yield* Effect.promise(() =>
        runtime.runPromise(Effect.flatMap(TicketStore.TicketStore, (store) => store.get("cli_test")))
      )
      assert.strictEqual(Option.isSome(found) && Redacted.value(found.value.value), "pushed")
      yield* Effect.promise(() => runtime.dispose())
    }))
})
