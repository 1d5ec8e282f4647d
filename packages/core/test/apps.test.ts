/** A request URL for each of many apps, over real sockets, the same at every door. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Deferred,
  Effect,
  Exit,
  Fiber,
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

/** What `findApp` may return in a program without types. */
const wrong: Readonly<Record<string, unknown>> = {
  cli_nothing: undefined,
  cli_undefined: Effect.void,
  cli_later: Effect.yieldNow(),
  cli_bare: Effect.succeed({ receive: () => Effect.never }),
  // What a plain object finds as a registry.
  constructor: Effect.succeed(Option.some(Object))
}

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

const serveNode: Serve = (server, findApp) =>
  Effect.flatMap(EventNodeListener.makeApps(findApp), (listenerOf) => {
    server.on("request", (request, response) => void listenerOf(idOf(request.url))(request, response))
    return listen(server)
  })

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
  ["EventNodeListener.makeApps", serveNode],
  [
    "EventWebHandler.handleApp",
    (server, findApp) =>
      Effect.flatMap(Effect.runtime<never>(), (runtime) => {
        const run = Runtime.runPromise(runtime)
        server.on(
          "request",
          // A function of its own for each request, as in a route that is written inline.
          answerWeb((request) => run(EventWebHandler.handleApp(request, idOf(request.url), (appId) => findApp(appId))))
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

/** Serves the apps that `findApp` finds. */
const serveApps = (serve: Serve, findApp: FindApp) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
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
      return Effect.promise(async (signal) => {
        const response = await fetch(`${origin}/webhook/${path}`, {
          method,
          signal,
          headers: headers as Record<string, string>,
          ...(method === "POST" && { body: new Uint8Array(body) })
        })
        return [response.status, await response.text()] as const
      })
    }
    return { lines, send }
  })

/** A server for the apps `cli_one` and `cli_two`. The path names the app of a delivery, and the body may be for another. */
const open = (serve: Serve) =>
  Effect.gen(function*() {
    const happened: Array<string> = []
    const apps = new Map<string, EventSubscription.Service>()
    for (const appId of ["cli_one", "cli_two"]) apps.set(appId, yield* subscriptionOf(appId, happened))
    const findApp: FindApp = (appId) => {
      if (appId === "cli_throws") throw new Error("findApp has thrown")
      if (appId === "cli_dies") return Effect.die(new Error("findApp has died"))
      if (appId === "cli_fails") return Effect.fail("the database is away")
      if (appId === "cli_ends") {
        return Effect.withFiberRuntime((fiber) => Effect.as(Fiber.interrupt(fiber), Option.none()))
      }
      if (appId in wrong) return wrong[appId] as ReturnType<FindApp>
      const found = Effect.succeed(Option.fromNullable(apps.get(appId)))
      return appId === "cli_one" ? found : Effect.acquireRelease(
        Effect.andThen(Effect.yieldNow(), found),
        () => Effect.sync(() => void happened.push(`${appId} is released`))
      )
    }
    const { lines, send } = yield* serveApps(serve, findApp)
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
    const [appId, cause] of [
      ["cli_fails", "the database is away"],
      ["cli_dies", "died"],
      ["cli_throws", "thrown"],
      ["cli_ends", "interrupted"],
      ["cli_nothing", "returned no Effect"],
      ["cli_undefined", "no Option of an EventSubscription"],
      ["cli_later", "no Option of an EventSubscription"],
      ["cli_bare", "no Option of an EventSubscription"],
      ["constructor", "no Option of an EventSubscription"]
    ]
  ) {
    scoped(
      `answers 503 for ${appId}, logs why, and serves the other apps`,
      Effect.gen(function*() {
        const { lines, send } = yield* open(serve)
        const before = yield* count("AppLookup")
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* send(appId ?? ""), [503, ""])
        assert.deepStrictEqual(yield* send("cli_two"), [200, ""])
        assert.strictEqual(yield* count("AppLookup"), before + 3)
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], cause ?? "")
        assert.include(lines[0], appId ?? "")
      })
    )
  }

  scoped(
    "answers 503 and closes the scope if findApp takes longer than 2 s",
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { lines, send } = yield* serveApps(
        serve,
        () =>
          Effect.addFinalizer(() => Deferred.succeed(closed, undefined)).pipe(
            Effect.andThen(Deferred.succeed(started, undefined)),
            Effect.andThen(Effect.never)
          )
      )
      const delivery = yield* Effect.fork(send("cli_one"))
      yield* Deferred.await(started)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(delivery), [503, ""])
      yield* Deferred.await(closed)
      assert.include(lines.join("\n"), "findApp did not end within 2s")
    })
  )

  scoped(
    "logs forged deliveries once a second though each request builds the subscription",
    Effect.gen(function*() {
      const { lines, send } = yield* serveApps(serve, () => Effect.asSome(Effect.orDie(subscriptionOf("cli_one", []))))
      for (let i = 0; i < 5; i++) assert.deepStrictEqual(yield* send("cli_one", "cli_two"), [401, ""])
      assert.strictEqual(lines.length, 1, lines.join("\n"))
    })
  )

  scoped(
    "answers before the scope of findApp has closed, and though the scope fails to close",
    Effect.gen(function*() {
      const subscription = yield* subscriptionOf("cli_one", [])
      const gate = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { send } = yield* serveApps(
        serve,
        () =>
          Effect.acquireRelease(Effect.succeedSome(subscription), () =>
            Deferred.await(gate).pipe(
              Effect.andThen(Deferred.succeed(closed, undefined)),
              Effect.andThen(Effect.die("no close"))
            ))
      )
      assert.deepStrictEqual(yield* send("cli_one"), [200, ""])
      yield* Deferred.succeed(gate, undefined)
      yield* Deferred.await(closed)
    })
  )

  scoped(
    "answers 500 if the subscription throws, and goes on",
    Effect.gen(function*() {
      const throwing: EventSubscription.Service = {
        prove: () => Effect.void,
        receive: () => {
          throw new Error("receive has thrown")
        }
      }
      const { lines, send } = yield* serveApps(serve, () => Effect.succeedSome(throwing))
      for (let i = 0; i < 2; i++) assert.deepStrictEqual(yield* send("cli_one"), [500, ""])
      assert.include(lines.join("\n"), "receive has thrown")
    })
  )

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
  it.scoped.each(["/webhook/:appIdentity", "/webhook/:appId?", "/webhook/:app/:appId2"] as const)(
    "dies while the layer is built if %s does not name the app",
    (path) =>
      Effect.gen(function*() {
        const Apps = HttpLayerRouter.serve(EventHttpApp.layerApps(path, () => Effect.succeedNone)).pipe(
          Layer.provide(NodeHttpServer.layer(() => Http.createServer(), { port: 0, host: "127.0.0.1" }))
        )
        const exit = yield* Effect.exit(Layer.build(Apps))
        assert.include(Exit.isFailure(exit) ? exit.cause.toString() : "", "needs the parameter :appId")
      })
  )
})

describe("EventNodeListener.makeApps", () => {
  it.scoped("interrupts findApp and closes the scope if the client disconnects", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { send } = yield* serveApps(serveNode, () =>
        Effect.addFinalizer(() =>
          Deferred.succeed(closed, undefined)
        ).pipe(
          Effect.andThen(Deferred.succeed(started, undefined)),
          Effect.andThen(Effect.never)
        ))
      const delivery = yield* Effect.fork(send("cli_one"))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(delivery)
      yield* Deferred.await(closed)
    }))

  it.scoped("runs findApp so that it can be interrupted, wherever the listener is made", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const { send } = yield* serveApps(
        (server, findApp) => Effect.uninterruptible(serveNode(server, findApp)),
        () =>
          Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
            Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined)),
            Effect.timeoutFail({ duration: "50 millis", onTimeout: () => "too slow" })
          )
      )
      const delivery = yield* Effect.fork(send("cli_one"))
      yield* Deferred.await(started)
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(yield* Fiber.join(delivery), [503, ""])
      yield* Deferred.await(interrupted)
    }))
})
