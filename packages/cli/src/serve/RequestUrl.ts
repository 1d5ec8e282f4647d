/** The server of the request URL, with the health and the metrics of `serve`. */
import * as FeishuMetrics from "@effect-feishu/core/FeishuMetrics"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { UsageError } from "../Failure.js"
import * as Receiver from "./deliveries/Receiver.js"
import * as TargetClient from "./deliveries/TargetClient.js"
import type { Health } from "./Health.js"
import * as Listen from "./Listen.js"
import type { ServedApps } from "./ServedApp.js"

/** Says only whether all is well, because anybody can reach the request URL. */
const healthRoute = (health: Effect.Effect<Health>) =>
  HttpLayerRouter.add(
    "GET",
    "/healthz",
    Effect.map(health, ({ ok }) => HttpServerResponse.unsafeJson({ ok }, { status: ok ? 200 : 503 }))
  )

/**
 * Sets the metrics of the tickets, because an age grows without any event, and another process may have stored a ticket. A store
 * that is away leaves the metrics as they are.
 */
const updateAges = (apps: ServedApps) =>
  Effect.forEach(Array.from(apps.values()), ({ app: { appId }, store }) =>
    Effect.gen(function*() {
      const newest = yield* Effect.flatten(Effect.timeout(store.get(appId), "1 second"))
      const sentAt = DateTime.toEpochMillis(newest.sentAt)
      yield* Metric.set(Metric.tagged(FeishuMetrics.ticketSent, "app_id", appId), sentAt / 1000)
      const age = (yield* Clock.currentTimeMillis) - sentAt
      yield* Metric.set(Metric.tagged(FeishuMetrics.ticketAge, "app_id", appId), age / 1000)
    }).pipe(Effect.ignore), { concurrency: 10, discard: true })

const metrics = (apps: ServedApps) =>
  HttpLayerRouter.add(
    "GET",
    "/metrics",
    Effect.gen(function*() {
      yield* updateAges(apps)
      const { text } = yield* Effect.promise(() => import("../Metrics.js"))
      return HttpServerResponse.text(yield* text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
    })
  )

/** Returns the path of the request URL, if it is a plain path that this server does not have itself. */
export const pathOf = (path: string): Effect.Effect<HttpLayerRouter.PathInput, UsageError> =>
  !/^\/[^\s?#*:%]*$/.test(path)
    ? new UsageError({ message: "--path must begin with / and be a plain path, for example /webhook/event" })
    : path === "/healthz" || path === "/metrics"
    ? new UsageError({ message: `--path cannot be ${path}, which this server has itself` })
    : Effect.succeed(path as HttpLayerRouter.PathInput)

export interface Options extends Omit<Receiver.Options, "apps"> {
  readonly apps: ServedApps
  readonly health: Effect.Effect<Health>
  readonly path: HttpLayerRouter.PathInput
  /** Default: every address, because a tunnel or the port of a container leads to one of them. */
  readonly host: Option.Option<string>
  readonly port: number
}

/** Listens until the scope ends. Then finishes the deliveries that are under way. Returns the URL on this machine. */
export const listen = (
  { apps, health, host, path, port, ...options }: Options
): Effect.Effect<string, UsageError, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* Layer.build(TargetClient.layer)
    const receiver = yield* Effect.provide(Receiver.make({ apps, ...options }), client)
    const app = yield* HttpLayerRouter.toHttpEffect(
      Layer.mergeAll(HttpLayerRouter.add("*", path, receiver), healthRoute(health), metrics(apps))
    )
    const listener = yield* NodeHttpServer.makeHandler(app)
    const address = yield* Listen.serve(listener, {
      address: { _tag: "Tcp", host: Option.getOrUndefined(host), port },
      named: { port: "--port", host: "--host" },
      // The platform waits for 3 s.
      longestDraining: "3 seconds"
    })
    return `${Listen.urlOf(address)}${path}`
  })
