/**
 * A stand-in for the Open Platform as a store app or a self-built app sees it: one state machine on Effect's `Clock`
 * and `Random`, with two doors.
 *
 * `layerServer` answers over real HTTP on a loopback port; `layerHttpClient` is an `HttpClient` in the same process,
 * without a socket, and exact under `TestClock`.
 *
 * @since 0.1.0
 */
import { FeishuClient } from "@effect-feishu/core"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { App, Event, RateLimit, RequestUrl } from "./App.js"
import * as Fault from "./Fault.js"
import * as InProcess from "./internal/inProcess.js"
import * as Platform from "./internal/platform.js"
import * as Push from "./internal/push.js"
import * as Server from "./internal/server.js"
import * as Journal from "./Journal.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly apps: ReadonlyArray<App>
  /** What goes wrong with calls; a fault without a rule goes wrong once, in its turn. Default: nothing. */
  readonly faults?: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>> | undefined
  /** What goes wrong with pushes, likewise. Default: nothing. */
  readonly pushFaults?: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>> | undefined
  /** Default: none. */
  readonly limits?: ReadonlyArray<RateLimit> | undefined
  /**
   * How long after a resend its push is sent. The platform takes up to 2 minutes (page "ISV 相关"): `realistic` draws
   * from 1 s to 2 min. Default: 200 ms.
   */
  readonly pushDelay?: Duration.DurationInput | "realistic" | undefined
  /**
   * Whether an event that is pushed again has a new signature, or the bytes and headers of the first push: no source
   * says what the platform does. Default: true.
   */
  readonly signRetriesAnew?: boolean | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The base URL for the emulator's clients, without a slash at its end. */
  readonly baseUrl: string
  /** Adds an app, or sets one up anew. */
  readonly setApp: (app: App) => Effect.Effect<void>
  /** Changes an app: another secret, disabled, other tenants, another request URL without a handshake. */
  readonly updateApp: (appId: string, change: (app: App) => App) => Effect.Effect<void, UnknownApp>
  /** Saves the app's request URL if it passes the handshake within 1 s, as the developer console does. */
  readonly setRequestUrl: (appId: string, url: RequestUrl) => Effect.Effect<void, RequestUrlError | UnknownApp>
  /** Pushes an event to the app's request URL, and gives the event's id without waiting for the delivery. */
  readonly push: (appId: string, event: Event) => Effect.Effect<string, UnknownApp>
  /**
   * Sends a callback to the app's request URL once, as a click on a card does (page "回调概述"). Returns the answer, which the
   * platform shows to the user. Fails if the user sees the platform's own error: the answer is late, has a status other than
   * 200, is no JSON object, or is not of the shape that the type of callback allows. The toast that this library answers after
   * a failure of the handler, `FeishuEvents.failureToast`, is an answer.
   *
   * To `card.action.trigger` and `url.preview.get`, adds what the platform sends and `event` leaves out: the tenant (the app's
   * first), and in the payload `operator`, `host` and `context`, also single fields of them; for a card `action.tag` (`button`)
   * and a new `token`; for a link `context.url` (`https://example.com/`). A field that is `undefined` is not sent.
   */
  readonly callback: (
    appId: string,
    event: Event
  ) => Effect.Effect<Readonly<Record<string, unknown>>, CallbackError | UnknownApp>
  /** Pushes a new ticket to the app now, as it happens every hour. */
  readonly pushTicket: (appId: string) => Effect.Effect<void, UnknownApp | NoTicket>
  /** All tickets of the app are invalid from now on. */
  readonly invalidateTickets: (appId: string) => Effect.Effect<void>
  /** All tokens of the app are invalid from now on. */
  readonly invalidateTokens: (appId: string) => Effect.Effect<void>
  /** What goes wrong with calls from now on, instead of what was still to go wrong. */
  readonly setFaults: (faults: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>>) => Effect.Effect<void>
  /** What goes wrong with pushes from now on, likewise. */
  readonly setPushFaults: (faults: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>>) => Effect.Effect<void>
  /** What has happened so far, without secrets. */
  readonly journal: Effect.Effect<ReadonlyArray<Journal.Entry>>
  /** What happens from now on, until the emulator's scope ends. */
  readonly changes: Stream.Stream<Journal.Entry>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Emulator extends Context.Tag("@effect-feishu/emulator/Emulator")<Emulator, Service>() {}

/**
 * @since 0.1.0
 * @category errors
 */
export class UnknownApp extends Schema.TaggedError<UnknownApp>("@effect-feishu/emulator/UnknownApp")("UnknownApp", {
  appId: Schema.String
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The emulator has no app ${this.appId}: add it with setApp, or among the options' apps`
  }
}

/**
 * A request URL that cannot be saved: it failed its handshake.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestUrlError extends Schema.TaggedError<RequestUrlError>("@effect-feishu/emulator/RequestUrlError")(
  "RequestUrlError",
  { appId: Schema.String, reason: Schema.String }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The request URL of ${this.appId} cannot be saved: ${this.reason}`
  }
}

/**
 * A callback was not answered, so the user sees an error.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallbackError extends Schema.TaggedError<CallbackError>("@effect-feishu/emulator/CallbackError")(
  "CallbackError",
  { appId: Schema.String, type: Schema.String, reason: Schema.String }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The user of ${this.appId} sees an error in place of the answer to ${this.type}: ${this.reason}`
  }
}

/**
 * The port cannot be listened on.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerError extends Schema.TaggedError<ServerError>("@effect-feishu/emulator/ServerError")("ServerError", {
  port: Schema.Number,
  cause: Schema.Defect
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The emulator cannot listen on port ${this.port}: choose another, or 0 for any free one (${this.cause})`
  }
}

/**
 * The app gets no ticket.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoTicket extends Schema.TaggedError<NoTicket>("@effect-feishu/emulator/NoTicket")("NoTicket", {
  appId: Schema.String
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `${this.appId} gets no ticket: only a store app that is enabled does`
  }
}

const getsTickets = (app: App) => (app.kind ?? "store") === "store" && app.enabled !== false

const make = Effect.fnUntraced(function*(options: Options) {
  // Whoever calls, the platform keeps its own time and chance.
  const runtime = yield* Effect.runtime<never>()
  const own = Effect.provide(runtime)
  const journal = yield* Journal.make
  const platform = Platform.make({ apps: options.apps, limits: options.limits ?? [] })
  let callFault = Fault.armed<Fault.Fault>(options.faults ?? [])
  let pushFault = Fault.armed<Fault.PushFault>(options.pushFaults ?? [])
  const pusher = yield* Push.make({
    apps: platform.apps,
    journal,
    faultOf: (eventType) => Effect.suspend(() => pushFault(eventType)),
    signRetriesAnew: options.signRetriesAnew ?? true
  })

  const find = (appId: string) =>
    Effect.suspend(() => {
      const app = platform.apps.get(appId)
      return app === undefined ? Effect.fail(new UnknownApp({ appId })) : Effect.succeed(app)
    })

  const pushTicket = Effect.fnUntraced(function*(appId: string) {
    const app = yield* find(appId)
    if (!getsTickets(app)) return yield* new NoTicket({ appId })
    const ticket = yield* platform.issueTicket(appId)
    yield* pusher.push(app, { type: "app_ticket", schema: "1.0", payload: { app_ticket: ticket } })
  })

  const pushTicketLater = (appId: string) =>
    Effect.gen(function*() {
      const delay = options.pushDelay === "realistic"
        ? Duration.millis(yield* Random.nextIntBetween(1_000, 120_001))
        : options.pushDelay ?? Duration.millis(200)
      yield* pusher.background(Effect.delay(Effect.ignore(pushTicket(appId)), delay))
    })

  yield* Effect.suspend(() =>
    Effect.forEach(
      // The platform pushes to those who have said where to.
      [...platform.apps.values()].filter((app) => app.requestUrl !== undefined),
      ({ appId }) => Effect.ignore(pushTicket(appId)),
      { discard: true }
    )
  ).pipe(
    Effect.delay("1 hour"),
    Effect.repeat(Schedule.forever),
    Effect.forkScoped
  )

  const handle = Effect.fnUntraced(function*(request: Platform.Request) {
    const at = yield* Clock.currentTimeMillis
    const logId = yield* Platform.logId
    const fault = yield* callFault(request.path)
    const note = (seen: Partial<Platform.Decision> & { readonly code?: number | undefined }) =>
      journal.append(Journal.Call({
        at,
        method: request.method,
        path: request.path,
        appId: seen.appId ?? platform.identify(request),
        tenantKey: seen.tenantKey,
        token: seen.token ?? "none",
        fault: fault?._tag,
        status: seen.status,
        code: seen.code,
        logId
      }))
    const reply = (whole: Omit<Server.Reply, "end">, end: Server.Reply["end"] = "whole"): Server.Reply => ({
      ...whole,
      headers: { "x-tt-logid": logId, ...whole.headers },
      end
    })
    const json = { "content-type": "application/json; charset=utf-8" }

    switch (fault?._tag) {
      case "Drop":
        yield* note({})
        return reply({ status: 200, headers: {}, body: "" }, "never begun")
      case "Answer":
        yield* note(fault)
        return { ...fault, end: "whole" as const }
      case "Refuse": {
        yield* note(fault)
        return reply({
          status: fault.status,
          headers: fault.resetSeconds === undefined
            ? json
            : { ...json, "x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": String(fault.resetSeconds) },
          body: JSON.stringify({ code: fault.code, msg: fault.msg })
        })
      }
    }

    // Once the platform has acted it has also taken note, even where the client goes away.
    const decision = yield* platform.decide(request).pipe(
      Effect.tap((decision) =>
        note({ ...decision, code: typeof decision.body === "string" ? undefined : decision.body.code })
      ),
      Effect.tap(({ appId, resend }) => resend && appId !== undefined ? pushTicketLater(appId) : Effect.void),
      Effect.uninterruptible
    )
    const proper = reply({
      status: decision.status,
      headers: { ...json, ...decision.headers },
      body: typeof decision.body === "string" ? decision.body : JSON.stringify(decision.body)
    })
    switch (fault?._tag) {
      case "Cut":
        return { ...proper, end: "cut off" as const }
      case "CutJson":
        return { ...proper, body: proper.body.slice(0, Math.floor(proper.body.length / 2)) }
      case "ContentType":
        return { ...proper, headers: { ...proper.headers, "content-type": fault.contentType } }
      case "Delay":
        return yield* Effect.delay(Effect.succeed(proper), fault.duration)
      default:
        return proper
    }
  })

  const service = (baseUrl: string): Service => ({
    baseUrl,
    setApp: (app) => Effect.sync(() => void platform.apps.set(app.appId, app)),
    updateApp: (appId, change) => Effect.map(find(appId), (app) => void platform.apps.set(appId, change(app))),
    setRequestUrl: (appId, url) =>
      Effect.gen(function*() {
        const reason = yield* pusher.handshake(yield* find(appId), url)
        if (reason !== undefined) return yield* new RequestUrlError({ appId, reason })
        // Of the app as it is now: it may have changed meanwhile.
        platform.apps.set(appId, { ...yield* find(appId), requestUrl: url })
      }).pipe(own),
    push: (appId, event) => own(Effect.flatMap(find(appId), (app) => pusher.push(app, event))),
    callback: (appId, event) =>
      Effect.gen(function*() {
        const answer = yield* pusher.callback(yield* find(appId), event)
        if (Either.isLeft(answer)) return yield* new CallbackError({ appId, type: event.type, reason: answer.left })
        return answer.right
      }).pipe(own),
    pushTicket: (appId) => own(pushTicket(appId)),
    invalidateTickets: platform.invalidateTickets,
    invalidateTokens: platform.invalidateTokens,
    setFaults: (faults) =>
      Effect.sync(() => {
        callFault = Fault.armed<Fault.Fault>(faults)
      }),
    setPushFaults: (faults) =>
      Effect.sync(() => {
        pushFault = Fault.armed<Fault.PushFault>(faults)
      }),
    journal: journal.entries,
    changes: journal.changes
  })

  return { handle: (request: Platform.Request) => own(handle(request)), service }
})

/** Its pushes to a URL go over `fetch`, whichever door its clients use, and follow no redirect. */
const makeWithFetch = (options: Options): Effect.Effect<
  {
    readonly handle: (request: Platform.Request) => Effect.Effect<Server.Reply>
    readonly service: (baseUrl: string) => Service
  },
  never,
  Scope.Scope
> => make(options).pipe(Effect.provide(FeishuClient.layerFetch))

/**
 * The emulator behind real HTTP on a loopback port, until its scope ends. It prints nothing; at the log level `Debug` it
 * tells what happens.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (
  options: Options & {
    /** Default: 0, any free port. */
    readonly port?: number | undefined
  }
): Layer.Layer<Emulator, ServerError> =>
  Layer.scoped(
    Emulator,
    Effect.gen(function*() {
      const { handle, service } = yield* makeWithFetch(options)
      const port = options.port ?? 0
      return service(
        yield* Effect.mapError(Server.listen({ port, handle }), (cause) => new ServerError({ port, cause }))
      )
    })
  )

/**
 * The emulator as an `HttpClient` in this process: no socket, exact under `TestClock`. It answers every host.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient = (options: Options): Layer.Layer<Emulator | HttpClient.HttpClient> =>
  Layer.scopedContext(
    Effect.gen(function*() {
      const { handle, service } = yield* makeWithFetch(options)
      return Context.make(Emulator, service("https://open.feishu.cn")).pipe(
        Context.add(HttpClient.HttpClient, InProcess.httpClient(handle))
      )
    })
  )
