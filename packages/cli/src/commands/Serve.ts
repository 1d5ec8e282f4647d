/**
 * `feishu-ticket serve`: the app's request URL, which shows what arrives and keeps the ticket.
 */
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventHttpApp from "@effect-feishu/core/EventHttpApp"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import { FeishuApp } from "@effect-feishu/core/FeishuApp"
import type { FeishuEvent } from "@effect-feishu/core/FeishuEvent"
import * as FeishuMetrics from "@effect-feishu/core/FeishuMetrics"
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Network from "../Network.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"
import * as Secrets from "../Secrets.js"
import * as Store from "../Store.js"
import * as Tickets from "../Tickets.js"
import * as Time from "../Time.js"

const pathOf = ({ path }: Options.Serve): Effect.Effect<HttpLayerRouter.PathInput, Failure.UsageError> =>
  !/^\/[^\s?#*:%]*$/.test(path)
    ? new Failure.UsageError({ message: "--path must begin with / and be a plain path, for example /webhook/event" })
    : path === "/healthz" || path === "/metrics"
    ? new Failure.UsageError({ message: `--path cannot be ${path}, which this server has itself` })
    : Effect.succeed(path as HttpLayerRouter.PathInput)

const cannotListen = ({ host, port }: Options.Serve, { cause }: ServeError) => {
  const { code = "", message = String(cause) }: Partial<NodeJS.ErrnoException> = cause instanceof Error ? cause : {}
  return new Failure.UsageError({
    message: Option.isSome(host) && /^(ENOTFOUND|EAI_|EADDRNOTAVAIL|EINVAL)/.test(code)
      ? `--host ${host.value} is no address of this machine: leave it out to listen on all that it has (${message})`
      : `port ${port} cannot be listened on: choose another with --port, or 0 for any free one (${message})`
  })
}

/** On all addresses, for a tunnel or a container's port leads to one of them. */
const layerServer = (options: Options.Serve) =>
  Layer.unwrapScoped(Effect.sync(() => {
    const server = createServer()
    return Layer.scopedDiscard(Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))).pipe(
      // Built after the server, so gone before it: it would wait for whoever holds a connection.
      Layer.provideMerge(
        NodeHttpServer.layerServer(() => server, { port: options.port, host: Option.getOrUndefined(options.host) })
      ),
      Layer.mapError((error) => cannotListen(options, error))
    )
  }))

/** How long it waits after this failure before it asks for a ticket again. */
const pauseAfter = (failure: Failure.Failure): Duration.Duration => {
  switch (failure._tag) {
    // The platform was asked in the meantime as often as it makes sense.
    case "TicketTimeout":
      return Duration.zero
    case "TicketStoreError":
      return Duration.seconds(10)
    default:
      return failure._tag === "FeishuApiError" && !failure.isRetryable ? Duration.minutes(5) : Duration.minutes(1)
  }
}

/** Asks for a ticket whenever there is none, again and again. */
const keep = (tickets: AppTicket.Service, onFailure: (failure: Failure.Failure) => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const { waiting } = yield* Output.Output
    return yield* waiting("waiting for the app ticket, which may take 2 minutes")(tickets.get).pipe(
      Effect.as(Duration.minutes(1)),
      Effect.catchAll((failure) => Effect.as(onFailure(failure), pauseAfter(failure))),
      Effect.flatMap(Effect.sleep),
      Effect.forever
    )
  })

export const run = (options: Options.Serve) =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables(options)
    const app = yield* Configuration.app(variables)
    const path = yield* pathOf(options)
    const location = yield* Store.parse(options.store, variables)
    yield* Store.checkWritable(location)
    const output = yield* Output.Output
    const say = (type: string, json: object, text: string) =>
      output.line(options.json ? JSON.stringify({ type, ...json }) : text)
    const label = (text: string) => output.paint("bold", text.padEnd(8))
    let newest: Ticket | undefined

    const showTicket = (ticket: Ticket) =>
      Effect.gen(function*() {
        // Where the store was away it comes once more.
        if (newest !== undefined && DateTime.Equivalence(newest.sentAt, ticket.sentAt)) return
        newest = ticket
        const expiresAt = Tickets.expiresAt(ticket)
        const now = yield* Clock.currentTimeMillis
        const left = DateTime.toEpochMillis(expiresAt) - now
        const value = Secrets.show(ticket.value, options.reveal)
        yield* say(
          "ticket",
          { ticket: value, sentAt: Time.moment(ticket.sentAt), expiresAt: Time.moment(expiresAt) },
          `${label("ticket")} ${output.paint("green", value)}, sent at ${Time.moment(ticket.sentAt)}, `
            + (left > 0 ? `valid for ${Time.span(left)}` : output.paint("yellow", `expired ${Time.span(left)} ago`))
        )
      })

    const showEvent = ({ createdAt, id, payload, tenantKey, type }: FeishuEvent) =>
      say(
        "event",
        {
          eventType: type,
          id,
          tenantKey: Option.getOrNull(tenantKey),
          createdAt: Time.moment(createdAt),
          payload: Secrets.showPayload(payload, options.reveal)
        },
        `${label("event")} ${Output.plain(type)}, ${Output.plain(id)}${
          Option.match(tenantKey, { onNone: () => "", onSome: (key) => `, tenant ${Output.plain(key)}` })
        }, of ${Time.moment(createdAt)}`
      )

    const showChallenge = say("challenge", {}, `${label("url")} was asked for its challenge, and has answered`)

    const subscription = Layer.scoped(
      EventSubscription.EventSubscription,
      Effect.map(
        // An event that is not shown is nobody's: it is not to be remembered as handled.
        EventSubscription.make({ handlers: options.events ? [EventHandler.all(showEvent)] : [] }),
        ({ prove, receive }) => ({
          prove,
          receive: (delivery: EventSubscription.Delivery) =>
            Effect.tap(receive(delivery), ({ outcome }) => outcome === "challenge" ? showChallenge : Effect.void)
        })
      )
    )

    const health = HttpLayerRouter.add(
      "GET",
      "/healthz",
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (app.kind === "self-built") return HttpServerResponse.unsafeJson({ ok: true })
        const ticket = newest && {
          ageSeconds: Math.round((now - DateTime.toEpochMillis(newest.sentAt)) / 1000),
          expiresInSeconds: Math.round((DateTime.toEpochMillis(Tickets.expiresAt(newest)) - now) / 1000)
        }
        const ok = ticket !== undefined && ticket.expiresInSeconds > 0
        return HttpServerResponse.unsafeJson({ ok, ticket: ticket ?? null }, { status: ok ? 200 : 503 })
      })
    )
    const metrics = HttpLayerRouter.add(
      "GET",
      "/metrics",
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        if (newest !== undefined) {
          const age = (now - DateTime.toEpochMillis(newest.sentAt)) / 1000
          yield* Metric.set(Metric.tagged(FeishuMetrics.ticketAge, "app_id", app.appId), age)
        }
        const { text } = yield* Effect.promise(() => import("../Metrics.js"))
        return yield* text
      }).pipe(
        Effect.map((text) => HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" }))
      )
    )
    const webhook = EventHttpApp.layer(path).pipe(
      Layer.provide(subscription),
      // All that it needs beside the app, which is there.
      Layer.mapError(() => new Failure.UsageError({ message: Configuration.nothingProves }))
    )

    yield* Effect.gen(function*() {
      const address = yield* HttpServer.addressWith(Effect.succeed)
      const port = address._tag === "TcpAddress" ? address.port : options.port
      const host = Option.getOrElse(options.host, () => "localhost")
      const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}${path}`
      yield* say(
        "listening",
        { url, appId: app.appId, store: Store.describe(location) },
        [
          `${label("app")} ${app.appId}, of ${app.baseUrl}`,
          `${label("url")} ${output.paint("cyan", url)}`,
          `${" ".repeat(8)} Save the public address that leads here as the request URL in the developer console.`,
          `${label("store")} ${Store.describe(location)}`
        ].join("\n")
      )
      if (app.kind === "self-built") return yield* Effect.never
      // Whoever has corrected what was wrong, and begins anew, is not to wait for long.
      const tickets = yield* AppTicket.make({ coolDown: "10 seconds" })
      const show = Stream.runForEach(tickets.changes, showTicket).pipe(Effect.retry(Schedule.spaced("1 second")))
      const told = (failure: Failure.Failure) =>
        Effect.gen(function*() {
          // All else is in the log already.
          if (failure._tag === "TicketTimeout") yield* Effect.logError(failure.message)
          else if (failure._tag !== "TicketStoreError") {
            yield* Effect.logInfo(
              `asking again in ${
                Duration.format(pauseAfter(failure))
              }; a ticket that the platform pushes before is taken, too`
            )
          }
          if (options.json) yield* say("no ticket", { error: Report.toJson(failure) }, "")
        })
      return yield* Effect.zipRight(Effect.all([show, keep(tickets, told)], { concurrency: "unbounded" }), Effect.never)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        HttpLayerRouter.serve(Layer.mergeAll(webhook, health, metrics), {
          disableLogger: true,
          disableListenLog: true
        }).pipe(
          Layer.provideMerge(layerServer(options)),
          Layer.provideMerge(
            Layer.mergeAll(Layer.succeed(FeishuApp, app), Network.layer, Store.layer(location, variables))
          )
        )
      ),
      Effect.catchTag("FeishuAppError", ({ message }) => new Failure.UsageError({ message }))
    )
    return { json: {}, text: "" }
  }).pipe((effect) => Report.report(effect, options))
