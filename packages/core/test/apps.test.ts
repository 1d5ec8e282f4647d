/** A request URL for each of many apps, over real sockets, the same at every door. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Effect,
  Layer,
  Logger,
  Metric,
  type MetricState,
  Option,
  Redacted,
  Runtime,
  type Scope,
  TestClock
} from "effect"
import * as Http from "node:http"
import type * as EventDoor from "../src/EventDoor.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventHttpApp from "../src/EventHttpApp.js"
import * as EventNodeListener from "../src/EventNodeListener.js"
import type { EventRefused } from "../src/EventRefused.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as EventWebHandler from "../src/EventWebHandler.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as TicketStore from "../src/TicketStore.js"
import * as Deliveries from "./deliveries.js"
import { listen } from "./listen.js"

const keyOf = (appId: string) => `the encrypt key of ${appId}`

type FindApp = EventDoor.FindApp<string, Scope.Scope>

type Serve = (
  server: Http.Server,
  findApp: FindApp
) => Effect.Effect<unknown, never, Scope.Scope>

const idOf = (url: string | undefined) => decodeURIComponent(url?.split("/").at(-1) ?? "")

/** Serves a function of web requests. */
const answerWeb = (
  handler: (request: Request) => Promise<Response>
): Http.RequestListener =>
(request, response) => {
  const chunks: Array<Uint8Array> = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", async () => {
    const { headers, method = "", url } = request
    const answer = await handler(
      new Request(new URL(url ?? "", "http://127.0.0.1"), {
        method,
        headers: headers as Record<string, string>,
        ...(method === "POST" && { body: Buffer.concat(chunks) })
      })
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
  })
}

const doors: ReadonlyArray<readonly [string, Serve]> = [
  [
    "EventHttpApp.layerApps",
    (server, findApp) =>
      HttpLayerRouter.serve(EventHttpApp.layerApps("/webhook/:appId", findApp), {
        disableLogger: true,
        disableListenLog: true
      }).pipe(
        Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
        Layer.build,
        Effect.orDie,
        Effect.zipLeft(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections())))
      )
  ],
  [
    "EventNodeListener.makeApps",
    (server, findApp) =>
      Effect.flatMap(EventNodeListener.makeApps(findApp), (listenerOf) => {
        server.on("request", (request, response) => void listenerOf(idOf(request.url))(request, response))
        return listen(server)
      })
  ],
  [
    "EventWebHandler.handleApp",
    (server, findApp) =>
      Effect.flatMap(Effect.runtime<never>(), (runtime) => {
        const run = Runtime.runPromise(runtime)
        server.on(
          "request",
          answerWeb((request) => run(EventWebHandler.handleApp(request, idOf(request.url), findApp)))
        )
        return listen(server)
      })
  ]
]

/** The subscription of an app, whose handler adds to `happened`. */
const subscriptionOf = (appId: string, happened: Array<string>) =>
  EventSubscription.make({
    handlers: [EventHandler.all(({ appId, id }) => Effect.sync(() => void happened.push(`${appId} handles ${id}`)))]
  }).pipe(
    Effect.provide([
      TicketStore.layerMemory,
      FeishuApp.layer({
        appId,
        appSecret: Redacted.make("the app secret"),
        encryptKey: Redacted.make(keyOf(appId))
      })
    ])
  )

const count = (reason: EventRefused["reason"]) =>
  Effect.map(
    Metric.value(FeishuMetrics.refusals.pipe(Metric.tagged("reason", reason))),
    (state: MetricState.MetricState.Counter<number>) => state.count
  )

/** A server for the apps `cli_one` and `cli_two`. The path names the app of a delivery, and the body may be for another. */
const open = (serve: Serve) =>
  Effect.gen(function*() {
    const happened: Array<string> = []
    const lines: Array<string> = []
    const apps = new Map<string, EventSubscription.Service>()
    for (const appId of ["cli_one", "cli_two"]) apps.set(appId, yield* subscriptionOf(appId, happened))
    const findApp: FindApp = (appId) => {
      if (appId === "cli_throws") throw new Error("findApp has thrown")
      if (appId === "cli_dies") return Effect.die(new Error("findApp has died"))
      if (appId === "cli_fails") return Effect.fail("the database is away")
      const found = Effect.succeed(Option.fromNullable(apps.get(appId)))
      return appId === "cli_one" ? found : Effect.acquireRelease(
        Effect.andThen(Effect.yieldNow(), found),
        () => Effect.sync(() => void happened.push(`${appId} is released`))
      )
    }
    const logger = Logger.make(({ annotations, cause, message }) =>
      void lines.push(`${message} ${JSON.stringify([...annotations])} ${cause.toString()}`)
    )
    const server = Http.createServer()
    yield* Effect.provide(serve(server, findApp), Logger.replace(Logger.defaultLogger, logger))
    const address = server.address()
    const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
    const send = (path: string, appId = path, id = "an event", method = "POST") => {
      const key = keyOf(appId)
      const { body, headers } = Deliveries.signed(
        Deliveries.encrypted(Deliveries.event2({ appId, id }), key),
        { key }
      )
      return Effect.promise(async () => {
        const response = await fetch(`${origin}/webhook/${path}`, {
          method,
          headers: headers as Record<string, string>,
          ...(method === "POST" && { body: new Uint8Array(body) })
        })
        return [response.status, await response.text()] as const
      })
    }
    return { happened, lines, send }
  })

/** On the clock of the test, which stands still. */
const scoped = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.scoped(name, () => test)

describe.each(doors)("%s", (_, serve) => {
  scoped(
    "gives a delivery to the app that the path names, and releases what was acquired for it afterwards",
    Effect.gen(function*() {
      const { happened, send } = yield* open(serve)
      assert.deepStrictEqual(yield* send("cli_one"), [200, ""])
      assert.deepStrictEqual(yield* send("cli_two"), [200, ""])
      // Awaits the release, which may follow the answer.
      assert.deepStrictEqual(yield* send("cli_one", "cli_one", "another event"), [200, ""])
      assert.deepStrictEqual(happened, [
        "cli_one handles an event",
        "cli_two handles an event",
        "cli_two is released",
        "cli_one handles another event"
      ])
    })
  )

  scoped(
    "refuses the delivery of an app at the path of another, and names the app of the path in the log",
    Effect.gen(function*() {
      const { happened, lines, send } = yield* open(serve)
      assert.deepStrictEqual(yield* send("cli_one", "cli_two"), [401, ""])
      assert.deepStrictEqual(happened, [])
      assert.include(lines.join("\n"), "cli_one")
    })
  )

  scoped(
    "answers 404 for an unknown app, counts it, and logs it once a second",
    Effect.gen(function*() {
      const { lines, send } = yield* open(serve)
      const before = yield* count("UnknownApp")
      for (const path of ["cli_three", "cli_four", "%0Acli%20five"]) {
        assert.deepStrictEqual(yield* send(path), [404, ""])
      }
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* send("%0Acli%20six"), [404, ""])
      assert.strictEqual(yield* count("UnknownApp"), before + 4)
      assert.strictEqual(lines.length, 2)
      assert.include(lines[0], "(UnknownApp)")
      assert.include(lines[0], "cli_three")
      assert.include(lines[1], "and 2 more like this since the last line")
      assert.include(lines[1], "[[\"app_id\",\" cli six\"]]")
    })
  )

  for (
    const [appId, cause] of [["cli_fails", "the database is away"], ["cli_dies", "died"], ["cli_throws", "thrown"]]
  ) {
    scoped(
      `answers 503 for ${appId}, logs why, and serves the other apps`,
      Effect.gen(function*() {
        const { lines, send } = yield* open(serve)
        const before = yield* count("Lookup")
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* send(appId ?? ""), [503, ""])
        assert.deepStrictEqual(yield* send("cli_two"), [200, ""])
        assert.strictEqual(yield* count("Lookup"), before + 3)
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], cause ?? "")
        assert.include(lines[0], appId ?? "")
      })
    )
  }

  scoped(
    "looks for no app if the method is not POST",
    Effect.gen(function*() {
      const { happened, send } = yield* open(serve)
      for (const path of ["cli_one", "cli_two", "cli_three", "cli_fails"]) {
        assert.deepStrictEqual(yield* send(path, path, "", "GET"), [405, ""])
      }
      assert.deepStrictEqual(happened, [])
    })
  )
})

describe("EventHttpApp.layerApps", () => {
  it.scopedLive("finds the app with the services of the layer", () =>
    Effect.gen(function*() {
      const happened: Array<string> = []
      const subscription = yield* subscriptionOf("cli_one", happened)
      const Apps = EventHttpApp.layerApps(
        "/webhook/:appId",
        () => Effect.map(EventSubscription.EventSubscription, Option.some)
      )
      const { dispose, handler } = HttpLayerRouter.toWebHandler(
        Layer.provide(Apps, Layer.succeed(EventSubscription.EventSubscription, subscription)),
        { disableLogger: true }
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const key = keyOf("cli_one")
      const { body, headers } = Deliveries.signed(
        Deliveries.encrypted(Deliveries.event2({ appId: "cli_one", id: "1" }), key),
        { key, at: yield* Clock.currentTimeMillis }
      )
      const response = yield* Effect.promise(() =>
        handler(
          new Request("http://127.0.0.1/webhook/cli_one", {
            method: "POST",
            headers: headers as Record<string, string>,
            body: new Uint8Array(body)
          })
        )
      )
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(happened, ["cli_one handles 1"])
    }))
})
