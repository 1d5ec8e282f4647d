/** Deliveries that are handed on to a service, over real sockets. */
import {
  EventHandler,
  EventNodeListener,
  EventSubscription,
  FeishuApp,
  FeishuEvents,
  TicketStore
} from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Metric,
  Option,
  Queue,
  Redacted,
  Schedule,
  Scope
} from "effect"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Certificates from "../../core/test/certificates.js"
import * as Forward from "../src/serve/deliveries/Forward.js"
import * as Receiver from "../src/serve/deliveries/Receiver.js"
import {
  answering,
  type App,
  appOf,
  eventOf,
  forwardTo,
  memory,
  post,
  push,
  receive,
  seal,
  type Stores,
  target,
  ticketIn,
  ticketOf
} from "./receiving.js"
import { listen } from "./servers.js"

const mine = appOf("cli_mine")

const quiet = Logger.remove(Logger.defaultLogger)

/** A service of this library with these handlers. */
const service = (app: App, stores: Stores, handlers: ReadonlyArray<EventHandler.EventHandler>) =>
  EventSubscription.layer({ handlers }).pipe(
    Layer.provide(Layer.merge(FeishuApp.layer(app), Layer.succeedContext(stores))),
    Layer.build,
    Effect.flatMap((context) => Effect.provide(EventNodeListener.make, context)),
    Effect.provide(quiet),
    Effect.orDie,
    Effect.flatMap((listener) => listen(Http.createServer((request, response) => void listener(request, response)))),
    Effect.map((port) => new URL(`http://127.0.0.1:${port}/`))
  )

/** The platform, which sends to this URL without a handshake. */
const platform = (app: App, requestUrl: string) =>
  Effect.map(
    Layer.build(Emulator.layerServer({ apps: [{ ...app, requestUrl }] })),
    Context.get(Emulator.Emulator)
  )

/** Sets a variable of this process until the scope ends. */
const withVariable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env[name]
      process.env[name] = value
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env[name]
        else process.env[name] = before
      })
  )

/** A target that answers the requests, and does `instead` to the connection of those in `at`. `over` has the connection of each request. */
const breaking = (
  { at, instead, isSecure = false }: {
    readonly at: ReadonlyArray<number>
    /** `stream` is what the connection carries: the connection itself, or TLS. */
    readonly instead: (connection: Net.Socket, stream: Net.Socket) => unknown
    readonly isSecure?: boolean
  }
) =>
  Effect.gen(function*() {
    const connections: Array<Net.Socket> = []
    const over: Array<number> = []
    const answer: Http.RequestListener = (request, response) =>
      request.resume().on("end", () => {
        const connection = connections.at(-1)
        if (at.includes(over.push(connections.length)) && connection !== undefined) instead(connection, request.socket)
        else response.end("taken")
      })
    const server = isSecure
      ? Https.createServer({ cert: Certificates.trusted, key: Certificates.key }, answer)
      : Http.createServer(answer)
    server.on("connection", (connection: Net.Socket) => connections.push(connection))
    const port = yield* listen(server)
    return { over, url: new URL(`${isSecure ? "https" : "http"}://127.0.0.1:${port}/`) }
  })

const failureOf = (handedOn: Forward.HandedOn | undefined) =>
  handedOn?.result._tag === "Left" ? handedOn.result.left : undefined

describe("a delivery that is handed on", () => {
  it.scopedLive("arrives byte for byte, with its headers", () =>
    Effect.gen(function*() {
      const { next, url } = yield* target(answering(200, "{ \"ok\" : \"é\" }", "application/json; charset=x"))
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { body, headers } = yield* seal(mine, eventOf(mine, "im.message.receive_v1"), { spaced: true })
      const answer = yield* post(serve.url, {
        body,
        headers: {
          ...headers,
          "X-Request-Id": "an-id",
          "X-Tt-Logid": "a-log-id",
          "Via": "1.1 a-tunnel",
          "TE": "trailers"
        }
      })
      assert.deepStrictEqual(answer, {
        status: 200,
        contentType: "application/json; charset=x",
        text: "{ \"ok\" : \"é\" }"
      })
      const received = yield* next
      assert.strictEqual(received.method, "POST")
      assert.strictEqual(received.url, "/service?of=mine")
      assert.strictEqual(received.body.toString(), body)
      for (const [name, value] of Object.entries(headers)) {
        assert.strictEqual(received.headers[name.toLowerCase()], value)
      }
      assert.strictEqual(received.headers["x-request-id"], "an-id")
      assert.strictEqual(received.headers["x-tt-logid"], "a-log-id")
      assert.match(String(received.headers["via"]), /^1\.1 a-tunnel, 1\.1 feishu-ticket-[0-9a-f]{8}$/)
      assert.strictEqual(received.headers["x-forwarded-for"], "127.0.0.1")
      assert.strictEqual(received.headers["te"], undefined)
      assert.strictEqual(received.headers["host"], url.host)
      assert.strictEqual(received.headers["content-length"], String(Buffer.byteLength(body)))
      const shown = yield* serve.next
      assert.strictEqual(shown.type, "im.message.receive_v1")
      assert.strictEqual(shown.status, 200)
    }))

  it.scopedLive("has no header at the target that nobody sent", () =>
    Effect.gen(function*() {
      const { next, url } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { body, headers } = yield* seal(mine, eventOf(mine, "a.type_v1"))
      // `node:http` sends these headers, `host`, `content-length` and `connection` only.
      yield* Effect.async<void>((resume) => {
        const request = Http.request(serve.url, { method: "POST", headers }, (response) => {
          response.resume().on("end", () => resume(Effect.void))
        })
        request.end(body)
      })
      assert.deepStrictEqual(
        Object.keys((yield* next).headers).toSorted(),
        [
          ...Object.keys(headers).map((name) => name.toLowerCase()),
          "accept-encoding",
          "connection",
          "content-length",
          "host",
          "via",
          "x-forwarded-for"
        ].toSorted()
      )
    }))

  it.scopedLive("goes over the connection of the delivery before, unless the target has closed the connection", () =>
    Effect.gen(function*() {
      const connections: Array<Net.Socket> = []
      const server = Http.createServer((request, response) => request.resume().on("end", () => response.end()))
      server.on("connection", (socket) => connections.push(socket))
      const to = new URL(`http://127.0.0.1:${yield* listen(server)}/`)
      const serve = yield* receive({ apps: [mine], policy: forwardTo(to) })
      const deliver = Effect.map(push(serve.url, mine, eventOf(mine, "a.type_v1")), ({ status }) => status)
      assert.deepStrictEqual([yield* deliver, yield* deliver, connections.length], [200, 200, 1])
      const [connection] = connections
      yield* Effect.async<void>((resume) => {
        connection?.once("close", () => resume(Effect.void)).end()
      })
      assert.deepStrictEqual([yield* deliver, connections.length], [200, 2])
    }))

  const closings: ReadonlyArray<[string, (connection: Net.Socket) => unknown]> = [
    ["closes", (connection) => connection.end()],
    ["resets", (connection) => connection.resetAndDestroy()]
  ]

  for (const [closes, instead] of closings) {
    for (const isSecure of [false, true]) {
      it.scopedLive(
        `is sent again if the target ${closes} a connection that is used again (${isSecure ? "https" : "http"})`,
        () =>
          Effect.gen(function*() {
            if (isSecure) yield* withVariable("NODE_TLS_REJECT_UNAUTHORIZED", "0")
            const { over, url } = yield* breaking({ at: [2, 5], instead, isSecure })
            const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
            for (const type of ["a.type_v1", "a.type_v1", "a.type_v1", "card.action.trigger"]) {
              const { status, text } = yield* push(serve.url, mine, eventOf(mine, type))
              assert.deepStrictEqual([status, text], [200, "taken"])
            }
            assert.deepStrictEqual(over, [1, 1, 2, 3, 3, 4])
            assert.deepStrictEqual(serve.logged, [])
          })
      )
    }

    it.scopedLive(`is not sent again if the target ${closes} a connection that is new`, () =>
      Effect.gen(function*() {
        const { over, url } = yield* breaking({ at: [1], instead })
        const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
        assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
        assert.strictEqual(failureOf((yield* serve.next).forwarded)?.message, "broke the connection off")
        assert.deepStrictEqual(over, [1])
      }))

    it.scopedLive(`is sent twice at most if the target ${closes} every connection`, () =>
      Effect.gen(function*() {
        const { over, url } = yield* breaking({ at: [2, 3, 4], instead })
        const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
        const deliver = Effect.map(push(serve.url, mine, eventOf(mine, "a.type_v1")), ({ status }) => status)
        assert.deepStrictEqual([yield* deliver, yield* deliver], [200, 503])
        assert.deepStrictEqual(over, [1, 1, 2])
      }))
  }

  for (const isSecure of [false, true]) {
    it.scopedLive(`is not sent again if the answer has begun (${isSecure ? "https" : "http"})`, () =>
      Effect.gen(function*() {
        if (isSecure) yield* withVariable("NODE_TLS_REJECT_UNAUTHORIZED", "0")
        const { over, url } = yield* breaking({
          at: [2],
          isSecure,
          instead: (_, stream) => stream.write("HTTP/1.1 200 OK\r\n", () => stream.destroy())
        })
        const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
        const deliver = Effect.map(push(serve.url, mine, eventOf(mine, "a.type_v1")), ({ status }) => status)
        assert.deepStrictEqual([yield* deliver, yield* deliver], [200, 503])
        assert.deepStrictEqual(over, [1, 1])
      }))
  }

  it.scopedLive("goes over the connection of the delivery before also if the target answers with a redirect", () =>
    Effect.gen(function*() {
      let connections = 0
      const server = Http.createServer((request, response) =>
        request.resume().on("end", () => response.writeHead(302, { location: "/elsewhere" }).end("moved"))
      )
      server.on("connection", () => connections++)
      const to = new URL(`http://127.0.0.1:${yield* listen(server)}/`)
      const serve = yield* receive({ apps: [mine], policy: forwardTo(to) })
      const deliver = Effect.map(push(serve.url, mine, eventOf(mine, "a.type_v1")), ({ status }) => status)
      assert.deepStrictEqual([yield* deliver, yield* deliver, connections], [503, 503, 1])
    }))

  it.scopedLive("is answered with 503 without a call if its body takes as long as the platform waits", () =>
    Effect.gen(function*() {
      const { count, url } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { body, headers } = yield* seal(mine, eventOf(mine, "a.type_v1"))
      const request = Http.request(serve.url, {
        method: "POST",
        headers: { ...headers, "content-length": Buffer.byteLength(body) }
      })
      const answered = yield* Effect.fork(Effect.async<number | undefined>((resume) => {
        request.on("response", (response) => {
          response.resume().on("end", () => resume(Effect.succeed(response.statusCode)))
        })
      }))
      request.write(body.slice(0, 10))
      yield* Effect.sleep("3 seconds")
      request.end(body.slice(10))
      const status = yield* Fiber.join(answered)
      assert.strictEqual(status, 503)
      assert.strictEqual(yield* count, 0)
      assert.match(serve.logged.join("\n"), /because its body took as long to arrive as the platform waits/)
    }))

  it.scopedLive("arrives byte for byte also if the app encrypts nothing", () =>
    Effect.gen(function*() {
      const app = appOf("cli_plain", false)
      const { next, url } = yield* target()
      const serve = yield* receive({ apps: [app], policy: forwardTo(url) })
      const text = ` ${eventOf(app, "a.type_v1", { text: "你好 🎈" }).replaceAll(":", " :\t")}\r\n`
      assert.strictEqual((yield* push(serve.url, app, text)).status, 200)
      assert.strictEqual((yield* next).body.toString(), text)
    }))

  it.scopedLive("is handled by a service of this library with the same store", () =>
    Effect.gen(function*() {
      const stores = yield* memory
      const handled = yield* Queue.unbounded<string>()
      const url = yield* service(mine, stores, [EventHandler.all(({ id }) => Queue.offer(handled, id))])
      const serve = yield* receive({ apps: [mine], stores, policy: forwardTo(url) })
      const { pushAndWait } = yield* platform(mine, serve.url)
      const { eventId, outcome } = yield* pushAndWait(mine.appId, { type: "a.type_v1", payload: { a: 1 } })
      assert.strictEqual(outcome, "acknowledged")
      assert.strictEqual(yield* Queue.take(handled), eventId)
    }))

  it.scopedLive("answers a click on a card within the time that the platform waits", () =>
    Effect.gen(function*() {
      const answer = { toast: { type: "success", content: "好" } } as const
      const url = yield* service(mine, yield* memory, [
        EventHandler.callback(FeishuEvents.CardAction, () => Effect.succeed(answer))
      ])
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { callback } = yield* platform(mine, serve.url)
      const [elapsed, shown] = yield* Effect.timed(
        callback(mine.appId, { type: "card.action.trigger", payload: { action: { value: { a: 1 } } } })
      )
      assert.deepStrictEqual(shown, answer)
      assert.isBelow(Duration.toMillis(elapsed), 3000)
      assert.strictEqual((yield* serve.next).kind, "callback")
    }))

  it.scopedLive("is pushed again while the target is away, and arrives once the target is back", () =>
    Effect.gen(function*() {
      const away = yield* Effect.scoped(listen(Http.createServer()))
      const serve = yield* receive({ apps: [mine], policy: forwardTo(new URL(`http://127.0.0.1:${away}/`)) })
      const emulator = yield* platform(mine, serve.url)
      const first = yield* emulator.pushAndWait(mine.appId, { type: "a.type_v1", payload: { a: 1 } })
      assert.strictEqual(first.status, 503)
      assert.strictEqual(
        failureOf((yield* serve.next).forwarded)?.message,
        "refuses the connection: nothing listens there"
      )
      assert.include(serve.logged.join("\n"), `the event a.type_v1 ${first.eventId} of cli_mine is not handed on`)
      const received = yield* Deferred.make<string | undefined>()
      yield* Effect.acquireRelease(
        Effect.async<Http.Server>((resume) => {
          const server = Http.createServer((request, response) => {
            Deferred.unsafeDone(received, Effect.succeed(request.method))
            response.end()
          })
          server.listen(away, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close().closeAllConnections())
      )
      yield* emulator.advance("15 seconds")
      assert.strictEqual(yield* Deferred.await(received), "POST")
      const again = yield* serve.next
      assert.deepStrictEqual([again.id, again.status], [first.eventId, 200])
    }))

  it.scopedLive("is answered with 503 before the platform gives up if the target is slow", () =>
    Effect.gen(function*() {
      const { url } = yield* target(() => {})
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { pushAndWait } = yield* platform(mine, serve.url)
      const { outcome, status } = yield* pushAndWait(mine.appId, { type: "a.type_v1", payload: { a: 1 } })
      assert.deepStrictEqual([outcome, status], ["refused", 503])
      const shown = yield* serve.next
      assert.strictEqual(failureOf(shown.forwarded)?.reason, "Late")
      assert.include(serve.logged.join(), "gave no answer within 2.8 s")
    }))

  for (const status of [202, 404, 500]) {
    it.scopedLive(`gives the platform the status ${status} of the target`, () =>
      Effect.gen(function*() {
        const { url } = yield* target(answering(status, "what it says", "text/plain"))
        const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
        assert.deepStrictEqual(yield* push(serve.url, mine, eventOf(mine, "a.type_v1")), {
          status,
          contentType: "text/plain",
          text: "what it says"
        })
        assert.strictEqual((yield* serve.next).status, status)
      }))
  }

  it.scopedLive("is answered with 503 if the target redirects, and the redirect is not followed", () =>
    Effect.gen(function*() {
      const { count, next, url } = yield* target((response) =>
        response.writeHead(307, { location: "/elsewhere?secret" }).end("moved")
      )
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { status, text } = yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))
      assert.deepStrictEqual([status, text], [503, ""])
      assert.include(
        serve.logged.join(),
        `answered HTTP 307, a redirect to ${url.origin}/elsewhere, which is not followed`
      )
      assert.strictEqual((yield* next).url, "/service?of=mine")
      assert.strictEqual(yield* count, 0)
    }))

  for (
    const [what, answer, expected] of [
      [
        "is too long",
        answering(200, "x".repeat(1_000_001)),
        "gave an answer of more than 1000000 bytes"
      ],
      [
        "breaks off",
        (response: Http.ServerResponse) => {
          response.writeHead(200, { "content-length": "100" }).write("{\"half", () => response.destroy())
        },
        "gave an answer that broke off"
      ]
    ] as const
  ) {
    it.scopedLive(`is answered with 503 if the answer of the target ${what}`, () =>
      Effect.gen(function*() {
        const { url } = yield* target(answer)
        const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
        const { status, text } = yield* push(serve.url, mine, eventOf(mine, "card.action.trigger"))
        assert.deepStrictEqual([status, text], [503, ""])
        assert.strictEqual(failureOf((yield* serve.next).forwarded)?.message, expected)
        assert.include(serve.logged.join(), "the platform shows its own error to the user")
      }))
  }

  it.scopedLive("may have 1 MB, and so may the answer", () =>
    Effect.gen(function*() {
      const app = appOf("cli_plain", false)
      const { next, url } = yield* target((response, { body }) => response.end(body))
      const serve = yield* receive({ apps: [app], policy: forwardTo(url) })
      const short = eventOf(app, "a.type_v1", { text: "" })
      const text = short.replace("\"\"", `"${"x".repeat(1_000_000 - short.length)}"`)
      const answer = yield* push(serve.url, app, text)
      assert.strictEqual(answer.status, 200)
      assert.isTrue(answer.text === text)
      assert.isTrue((yield* next).body.toString() === text)
      assert.strictEqual((yield* push(serve.url, app, `${text} `)).status, 413)
    }))

  it.scopedLive("is counted by the status of the answer", () =>
    Effect.gen(function*() {
      const app = appOf("cli_counted")
      const { url } = yield* target(answering(418))
      const serve = yield* receive({ apps: [app], policy: forwardTo(url) })
      yield* push(serve.url, app, eventOf(app, "a.type_v1"))
      const { count } = yield* Receiver.deliveries.pipe(
        Metric.tagged("app_id", app.appId),
        Metric.tagged("kind", "event"),
        Metric.tagged("status", "418"),
        Metric.value
      )
      assert.strictEqual(count, 1)
    }))

  it.scopedLive("is answered though it cannot be shown, which is logged", () =>
    Effect.gen(function*() {
      const { url } = yield* target(answering(200, "taken"))
      const serve = yield* receive({
        apps: [mine],
        policy: forwardTo(url),
        onDelivery: () => Effect.dieMessage("no terminal")
      })
      assert.deepInclude(yield* push(serve.url, mine, eventOf(mine, "a.type_v1")), { status: 200, text: "taken" })
      yield* Effect.repeat(Effect.sync(() => serve.logged.length), {
        until: (lines) => lines > 0,
        schedule: Schedule.spaced("10 millis")
      })
      assert.include(serve.logged.join(), "a delivery that was answered cannot be shown")
    }))

  it.scopedLive("does not wait for another", () =>
    Effect.gen(function*() {
      const waiting: Array<Http.ServerResponse> = []
      const { url } = yield* target((response) => {
        waiting.push(response)
        if (waiting.length === 2) waiting.forEach((response) => response.end())
      })
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const answers = yield* Effect.all(
        ["event-1", "event-2"].map((id) => push(serve.url, mine, eventOf(mine, "a.type_v1", {}, id))),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200])
      const ids = [(yield* serve.next).id, (yield* serve.next).id]
      assert.deepStrictEqual(ids.toSorted(), ["event-1", "event-2"])
    }))

  it.scopedLive("goes to a target on this machine without the proxy", () =>
    Effect.gen(function*() {
      yield* withVariable("http_proxy", "http://127.0.0.1:1")
      const { url } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 200)
    }))

  it.scopedLive("goes to a target elsewhere through the proxy, byte for byte", () =>
    Effect.gen(function*() {
      const { next, port } = yield* target(answering(200, "é"))
      const proxy = Http.createServer().on("connect", (_, socket: Net.Socket) => {
        const upstream = Net.connect(port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
          socket.pipe(upstream)
          upstream.pipe(socket)
        })
        for (const end of [socket, upstream]) end.on("error", () => {})
      })
      yield* withVariable("http_proxy", `http://127.0.0.1:${yield* listen(proxy)}`)
      const serve = yield* receive({ apps: [mine], policy: forwardTo(new URL("http://service.test/path")) })
      const { body, headers } = yield* seal(mine, eventOf(mine, "a.type_v1"), { spaced: true })
      assert.deepInclude(yield* post(serve.url, { body, headers }), { status: 200, text: "é" })
      const received = yield* next
      assert.strictEqual(received.body.toString(), body)
      assert.strictEqual(received.headers["host"], "service.test")
      for (const [name, value] of Object.entries(headers)) {
        assert.strictEqual(received.headers[name.toLowerCase()], value)
      }
    }))

  it.scopedLive("is answered with 503 if the certificate of the target is not trusted", () =>
    Effect.gen(function*() {
      const port = yield* listen(Https.createServer({ cert: Certificates.trusted, key: Certificates.key }))
      const serve = yield* receive({ apps: [mine], policy: forwardTo(new URL(`https://127.0.0.1:${port}/`)) })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
      assert.match(
        failureOf((yield* serve.next).forwarded)?.message ?? "",
        /^has no certificate that this machine trusts/
      )
    }))

  it.scopedLive("is answered with 503 if the target speaks no TLS", () =>
    Effect.gen(function*() {
      const { port } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(new URL(`https://127.0.0.1:${port}/`)) })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
      assert.match(failureOf((yield* serve.next).forwarded)?.message ?? "", /^does not speak TLS/)
    }))

  it.scopedLive("is passed on with an answer that has no body", () =>
    Effect.gen(function*() {
      const { url } = yield* target((response) => response.writeHead(204).end())
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      assert.deepStrictEqual(yield* push(serve.url, mine, eventOf(mine, "a.type_v1")), {
        status: 204,
        contentType: null,
        text: ""
      })
    }))

  it.scopedLive("is finished before the server has closed", () =>
    Effect.gen(function*() {
      const held = yield* Deferred.make<Http.ServerResponse>()
      const { url } = yield* target((response) => Deferred.unsafeDone(held, Effect.succeed(response)))
      const scope = yield* Scope.make()
      const serve = yield* Scope.extend(receive({ apps: [mine], policy: forwardTo(url) }), scope)
      yield* Effect.fork(Effect.exit(push(serve.url, mine, eventOf(mine, "a.type_v1"))))
      const response = yield* Deferred.await(held)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow()
      assert.isTrue(Option.isNone(yield* Fiber.poll(closing)))
      response.end()
      yield* Fiber.join(closing)
      assert.strictEqual((yield* serve.next).status, 200)
    }))

  it.scopedLive("is finished though the platform disconnects", () =>
    Effect.gen(function*() {
      const { next, url } = yield* target((response, { headers }) => {
        Deferred.unsafeDone(held, Effect.succeed(response))
        return headers
      })
      const held = yield* Deferred.make<Http.ServerResponse>()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const platform = yield* Effect.fork(push(serve.url, mine, eventOf(mine, "a.type_v1")))
      yield* next
      yield* Fiber.interrupt(platform)
      const response = yield* Deferred.await(held)
      response.end("taken")
      const { forwarded, status } = yield* serve.next
      assert.strictEqual(status, 200)
      assert.strictEqual(
        forwarded?.result._tag === "Right" ? Buffer.from(forwarded.result.right.body).toString() : "",
        "taken"
      )
    }))

  it.scopedLive("is not handed on for ever if the target leads back", () =>
    Effect.gen(function*() {
      let back = ""
      const { count, next, url } = yield* target((response, { body, headers }) =>
        Http.request(back, { method: "POST", headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 0)
          answer.pipe(response)
        }).end(body)
      )
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      back = serve.url
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
      assert.include(serve.logged.join(), `--forward-to ${url.origin}/service leads back to this server`)
      yield* next
      assert.strictEqual(yield* count, 0)
    }))

  it.scopedLive("is a ticket that has been stored before", () =>
    Effect.gen(function*() {
      const stores = yield* memory
      const now = yield* Clock.currentTimeMillis
      const { next, url } = yield* target(answering(202))
      const serve = yield* receive({ apps: [mine], stores, policy: forwardTo(url) })
      const { status } = yield* push(serve.url, mine, ticketOf(mine, "the-ticket", String(now / 1000)))
      assert.strictEqual(status, 202)
      assert.deepStrictEqual(yield* ticketIn(stores, mine.appId), Option.some("the-ticket"))
      yield* next
      const shown = yield* serve.next
      assert.deepStrictEqual([shown.kind, shown.savedAs], ["ticket", undefined])
    }))

  it.scopedLive("is no ticket that the store has not taken", () =>
    Effect.gen(function*() {
      const { count, url } = yield* target()
      const kept = yield* memory
      const stores = Context.add(kept, TicketStore.TicketStore, {
        ...Context.get(kept, TicketStore.TicketStore),
        put: (appId) => new TicketStore.TicketStoreError({ operation: "put", appId, description: "the store is away" })
      })
      const serve = yield* receive({ apps: [mine], stores, policy: forwardTo(url) })
      const now = yield* Clock.currentTimeMillis
      const { status } = yield* push(serve.url, mine, ticketOf(mine, "the-ticket", String(now / 1000)))
      assert.strictEqual(status, 503)
      assert.strictEqual((yield* serve.next).status, 503)
      assert.strictEqual(yield* count, 0)
    }))

  it.scopedLive("is never a handshake", () =>
    Effect.gen(function*() {
      const { count, url } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const { setRequestUrl } = yield* platform(mine, "http://127.0.0.1:1/")
      yield* Effect.retry(setRequestUrl(mine.appId, serve.url), { times: 2 })
      assert.strictEqual((yield* serve.next).kind, "challenge")
      assert.strictEqual(yield* count, 0)
    }))

  it.scopedLive("is never forged", () =>
    Effect.gen(function*() {
      const { count, next, url } = yield* target()
      const serve = yield* receive({ apps: [mine], policy: forwardTo(url) })
      const sealed = yield* seal(mine, eventOf(mine, "a.type_v1"))
      const forged = yield* Effect.all([
        post(serve.url, { ...sealed, body: `${sealed.body} ` }),
        post(serve.url, { ...sealed, headers: { "content-type": "application/json" } }),
        push(serve.url, { ...mine, encryptKey: Redacted.make("another-key") }, eventOf(mine, "a.type_v1")),
        push(serve.url, mine, eventOf({ ...mine, verificationToken: Redacted.make("another") }, "a.type_v1")),
        push(serve.url, mine, eventOf(mine, "a.type_v1").replace("cli_mine", "cli_other")),
        post(serve.url, { ...sealed, headers: { ...sealed.headers, "content-type": "text/plain" } })
      ])
      assert.deepStrictEqual(forged.map(({ status }) => status), [401, 401, 401, 401, 401, 415])
      assert.include(serve.logged.join("\n"), "refused a delivery to the request URL (Signature)")
      assert.strictEqual(yield* count, 0)
      // The target would have got a delivery that is genuine.
      assert.strictEqual((yield* post(serve.url, sealed)).status, 200)
      yield* next
      assert.strictEqual((yield* serve.next).id, "event-1")
      assert.strictEqual(yield* Queue.size(serve.shown), 0)
    }))

  it.scopedLive("is shown with the app that it is proven for", () =>
    Effect.gen(function*() {
      const apps = [mine, appOf("cli_plain", false), appOf("cli_third")]
      const stores = yield* memory
      const { url } = yield* target()
      const serve = yield* receive({ apps, stores, policy: forwardTo(url) })
      const now = yield* Clock.currentTimeMillis
      for (const app of apps.toReversed()) {
        assert.strictEqual((yield* push(serve.url, app, eventOf(app, "a.type_v1"))).status, 200)
        assert.strictEqual((yield* serve.next).app.appId, app.appId)
        yield* push(serve.url, app, ticketOf(app, `ticket-of-${app.appId}`, String(now / 1000)))
        assert.strictEqual((yield* serve.next).app.appId, app.appId)
        assert.deepStrictEqual(yield* ticketIn(stores, app.appId), Option.some(`ticket-of-${app.appId}`))
      }
      const stranger = appOf("cli_stranger")
      assert.strictEqual((yield* push(serve.url, stranger, eventOf(stranger, "a.type_v1"))).status, 401)
    }))
})

describe("without a target", () => {
  it.scopedLive("an event is refused by default, and the line says how it can be taken", () =>
    Effect.gen(function*() {
      const serve = yield* receive({ apps: [mine], policy: { _tag: "Refuse" } })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
      const [line] = serve.logged
      assert.include(line, "nothing takes the event a.type_v1 event-1 of cli_mine")
      assert.include(line, "--forward-to URL hands events on to a service, and --drop-events acknowledges them")
      assert.strictEqual((yield* serve.next).status, 503)
    }))

  it.scopedLive("an event that was refused is handled by a service behind the same store", () =>
    Effect.gen(function*() {
      const stores: Stores = yield* memory
      const serve = yield* receive({ apps: [mine], stores, policy: { _tag: "Refuse" } })
      const handled = yield* Queue.unbounded<string>()
      const url = yield* service(mine, stores, [EventHandler.all(({ id }) => Queue.offer(handled, id))])
      const emulator = yield* platform(mine, serve.url)
      const { eventId, status } = yield* emulator.pushAndWait(mine.appId, { type: "a.type_v1", payload: { a: 1 } })
      assert.strictEqual(status, 503)
      yield* emulator.updateApp(mine.appId, (app) => ({ ...app, requestUrl: url.href }))
      yield* emulator.advance("15 seconds")
      assert.strictEqual(yield* Queue.take(handled), eventId)
    }))

  it.scopedLive("events and callbacks are acknowledged if they are to be dropped, and not marked as handled", () =>
    Effect.gen(function*() {
      const stores = yield* memory
      const serve = yield* receive({ apps: [mine], stores, policy: { _tag: "Drop" } })
      const emulator = yield* platform(mine, serve.url)
      const sealed = yield* seal(mine, eventOf(mine, "a.type_v1"))
      assert.deepStrictEqual(yield* post(serve.url, sealed), { status: 200, contentType: null, text: "" })
      assert.deepStrictEqual(yield* emulator.callback(mine.appId, { type: "card.action.trigger", payload: {} }), {})
      assert.deepStrictEqual(yield* emulator.callback(mine.appId, { type: "url.preview.get", payload: {} }), {})
      const handled = yield* Queue.unbounded<string>()
      const url = yield* service(mine, stores, [EventHandler.all(({ id }) => Queue.offer(handled, id))])
      assert.strictEqual((yield* post(url.href, sealed)).status, 200)
      assert.strictEqual(yield* Queue.take(handled), "event-1")
    }))

  it.scopedLive("an event that is dropped and saved is acknowledged only if the file is written", () =>
    Effect.gen(function*() {
      let isFull = true
      const saved = { save: () => Effect.sync(() => isFull ? Option.none<string>() : Option.some("a-file")) }
      const serve = yield* receive({ apps: [mine], policy: { _tag: "Drop" }, saved })
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 503)
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "card.action.trigger"))).status, 503)
      isFull = false
      assert.strictEqual((yield* push(serve.url, mine, eventOf(mine, "a.type_v1"))).status, 200)
      assert.deepStrictEqual(serve.logged, [
        "the event a.type_v1 event-1 of cli_mine is neither saved nor handled; answered 503, so that the platform pushes the "
        + "event again",
        "the callback card.action.trigger event-1 of cli_mine is neither saved nor handled; the platform shows its own error "
        + "to the user"
      ])
    }))

  it.scopedLive("tickets are stored", () =>
    Effect.gen(function*() {
      const stores = yield* memory
      const serve = yield* receive({ apps: [mine], stores, policy: { _tag: "Refuse" } })
      const { pushTicketAndWait, tickets } = yield* platform(mine, serve.url)
      assert.strictEqual((yield* pushTicketAndWait(mine.appId)).outcome, "acknowledged")
      const [ticket] = yield* tickets(mine.appId)
      assert.deepStrictEqual(
        yield* ticketIn(stores, mine.appId),
        Option.map(Option.fromNullable(ticket), ({ value }) => Redacted.value(value))
      )
      assert.strictEqual((yield* serve.next).kind, "ticket")
    }))
})

describe("the URL of a target", () => {
  const own = { port: 3000, host: Option.none() }
  const check = (text: string, host?: string) =>
    Effect.map(
      Effect.either(Forward.target("--forward-to", text, { ...own, host: Option.fromNullable(host) })),
      (result) => result._tag === "Left" ? result.left.message : result.right.href
    )

  for (
    const [text, sentence] of [
      ["localhost:8080", "--forward-to must be an http:// or https:// URL"],
      ["ftp://localhost/", "--forward-to must be an http:// or https:// URL"],
      ["http://user:pass@localhost:8080/", "--forward-to holds a user name or a password"],
      ["http://localhost:3000/other", "--forward-to is the address of serve itself"],
      ["http://127.0.0.1:3000/", "--forward-to is the address of serve itself"],
      ["http://[::1]:3000/", "--forward-to is the address of serve itself"],
      ["http://0.0.0.0:3000/", "--forward-to is the address of serve itself"]
    ] as const
  ) {
    it.effect(`is refused with a sentence: ${text}`, () =>
      Effect.gen(function*() {
        const message = yield* check(text)
        assert.include(message, sentence)
        assert.notInclude(message, "pass@")
      }))
  }

  it.effect("may be of another port, another host or another address of this machine", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* check("http://localhost:3001/a?b=c#d"), "http://localhost:3001/a?b=c")
      assert.strictEqual(yield* check("https://example.com:3000/"), "https://example.com:3000/")
      assert.strictEqual(yield* check("http://127.0.0.2:3000/", "127.0.0.1"), "http://127.0.0.2:3000/")
      assert.include(yield* check("http://127.0.0.1:3000/", "localhost"), "serve itself")
    }))

  it.scoped("is refused if the proxy on the way to it cannot be used, and needs no proxy on this machine", () =>
    Effect.gen(function*() {
      yield* withVariable("https_proxy", "socks5://user:pass@127.0.0.1:1")
      const message = yield* check("https://example.com/")
      assert.include(message, "the proxy of the environment")
      assert.notInclude(message, "pass@")
      assert.strictEqual(yield* check("https://localhost/"), "https://localhost/")
    }))
})
