/**
 * A stand-in for the Open Platform as a store app or a self-built app sees it: one state machine on Effect's `Clock` and
 * `Random`, with two doors.
 *
 * `layerServer` answers over real HTTP. `layerHttpClient` is an `HttpClient` in the same process, without a socket, and exact
 * under `TestClock`.
 *
 * @since 0.1.0
 */
import { FeishuClient } from "@effect-feishu/core"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { AnsweredCall, App, CannedAnswer, Event, RateLimit, RequestUrl } from "./App.js"
import { CallbackError, NoTicket, OptionsError, RequestUrlError, ServerError, UnknownApp } from "./EmulatorError.js"
import type * as Fault from "./Fault.js"
import * as Door from "./internal/control/door.js"
import * as Emulation from "./internal/emulation.js"
import * as InProcess from "./internal/inProcess.js"
import * as Server from "./internal/server.js"
import type * as Journal from "./Journal.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  CallbackError,
  /**
   * @since 0.1.0
   * @category errors
   */
  NoTicket,
  /**
   * @since 0.1.0
   * @category errors
   */
  OptionsError,
  /**
   * @since 0.1.0
   * @category errors
   */
  RequestUrlError,
  /**
   * @since 0.1.0
   * @category errors
   */
  ServerError,
  /**
   * @since 0.1.0
   * @category errors
   */
  UnknownApp
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Two apps of one id are refused. */
  readonly apps: ReadonlyArray<App>
  /** What goes wrong with calls. A fault without a rule goes wrong once, in its turn. Default: nothing. */
  readonly faults?: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>> | undefined
  /** What goes wrong with pushes, in the same way. Default: nothing. */
  readonly pushFaults?: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>> | undefined
  /** Default: none. */
  readonly limits?: ReadonlyArray<RateLimit> | undefined
  /** Answers to calls that the emulator knows nothing of. The first that matches counts. Default: an empty success. */
  readonly answers?: ReadonlyArray<CannedAnswer> | undefined
  /** Valid tickets of an earlier run, the newest last. `Service.reset` removes them. Default: none. */
  readonly tickets?: ReadonlyArray<EarlierTicket> | undefined
  /** Valid tokens of an earlier run, in the order of `Service.tokens`. `Service.reset` removes them. Default: none. */
  readonly tokens?: ReadonlyArray<EarlierToken> | undefined
  /**
   * The time between a resend and its push. The platform takes up to 2 minutes (page "ISV 相关"): `realistic` draws from 1 s to
   * 2 min. Default: 200 ms.
   */
  readonly pushDelay?: Duration.DurationInput | "realistic" | undefined
  /**
   * `true`: an event that is pushed again has a new signature. `false`: the bytes and headers of the first push. No source says
   * what the platform does. Default: `true`.
   */
  readonly signRetriesAnew?: boolean | undefined
}

/**
 * The delivery of an event: the first one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivered {
  readonly eventId: string
  /** `lost`: a fault took the delivery. `no request URL`: also after a reset before the delivery. */
  readonly outcome: "acknowledged" | "refused" | "timed out" | "unreachable" | "no request URL" | "lost"
  /** Of the answer of the request URL. `undefined` if there is none. */
  readonly status: number | undefined
  readonly body: string
}

/**
 * A ticket of an app.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ticket {
  readonly value: Redacted.Redacted
  readonly expiresAt: DateTime.Utc
}

/**
 * A ticket that an earlier emulator has pushed to one of the apps.
 *
 * @since 0.1.0
 * @category models
 */
export interface EarlierTicket extends Ticket {
  readonly appId: string
}

/**
 * A token that the emulator has issued.
 *
 * @since 0.1.0
 * @category models
 */
export interface Token extends Ticket {
  readonly kind: "app" | "tenant" | "user"
  /** `undefined` for an app access token. */
  readonly tenantKey: string | undefined
}

/**
 * A token of an earlier run of the emulator.
 *
 * @since 0.1.0
 * @category models
 */
export interface EarlierToken extends Token {
  readonly appId: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The base URL for the emulator's clients, without a slash at its end. */
  readonly baseUrl: string
  /** The apps as they are now. */
  readonly apps: Effect.Effect<ReadonlyArray<App>>
  /** The valid tickets of an app, the newest last. */
  readonly tickets: (appId: string) => Effect.Effect<ReadonlyArray<Ticket>>
  /** The valid tokens of an app, in the order in which they were issued. */
  readonly tokens: (appId: string) => Effect.Effect<ReadonlyArray<Token>>
  /** Adds an app, or sets an app up anew. */
  readonly setApp: (app: App) => Effect.Effect<void>
  /** Changes an app: another secret, disabled, other tenants, another request URL without a handshake. The id stays. */
  readonly updateApp: (appId: string, change: (app: App) => App) => Effect.Effect<void, UnknownApp>
  /** Saves the app's request URL if it passes the handshake within 1 s, as the developer console does. */
  readonly setRequestUrl: (appId: string, url: RequestUrl) => Effect.Effect<void, RequestUrlError | UnknownApp>
  /**
   * Pushes an event to the app's request URL. Returns the id of the event, and does not wait for the delivery: use
   * `pushAndWait` in a test of a handler.
   */
  readonly push: (appId: string, event: Event) => Effect.Effect<string, UnknownApp>
  /**
   * Pushes an event to the app's request URL. Returns what came of the first delivery, after 3 s at most. Waits longer under the
   * faults `Late` (for the delay), `Held` (for the next push to the app) and `Forged` (for the forged event).
   */
  readonly pushAndWait: (appId: string, event: Event) => Effect.Effect<Delivered, UnknownApp>
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
  /** Pushes a new ticket to the app now, as it happens every hour. Does not wait for the delivery. */
  readonly pushTicket: (appId: string) => Effect.Effect<void, UnknownApp | NoTicket>
  /** Pushes a new ticket to the app now. Returns what came of the first delivery, like `pushAndWait`. */
  readonly pushTicketAndWait: (appId: string) => Effect.Effect<Delivered, UnknownApp | NoTicket>
  /** Issues a user access token, as a login of a user does. For `FeishuClient.forUser`. */
  readonly userToken: (appId: string, options?: {
    /** Default: the first tenant of the app. */
    readonly tenantKey?: string | undefined
    /** Default: 2 hours. */
    readonly life?: Duration.DurationInput | undefined
  }) => Effect.Effect<Token, UnknownApp>
  /**
   * Answers calls to `path` with `{ code: 0, msg: "success", data }`. Checks the bearer token before. The request is in the
   * journal. `:message_id` in the path stands for any segment. `data` may be a function of the call. An answer comes before the
   * answers that were given earlier.
   */
  readonly answer: {
    (
      path: string,
      data: (call: AnsweredCall) => unknown,
      options?: { readonly method?: string | undefined }
    ): Effect.Effect<void, OptionsError>
    (
      path: string,
      data: unknown,
      options?: { readonly method?: string | undefined }
    ): Effect.Effect<void, OptionsError>
  }
  /** The answers from now on. */
  readonly setAnswers: (answers: ReadonlyArray<CannedAnswer>) => Effect.Effect<void, OptionsError>
  /** The answers as they are now. */
  readonly answers: Effect.Effect<ReadonlyArray<CannedAnswer>>
  /** Makes all tickets of the app invalid. */
  readonly invalidateTickets: (appId: string) => Effect.Effect<void>
  /** Makes all tokens of the app invalid. */
  readonly invalidateTokens: (appId: string) => Effect.Effect<void>
  /** What goes wrong with calls from now on, instead of what was still to go wrong. */
  readonly setFaults: (
    faults: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>>
  ) => Effect.Effect<void, OptionsError>
  /** What goes wrong with pushes from now on, in the same way. */
  readonly setPushFaults: (
    faults: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>>
  ) => Effect.Effect<void, OptionsError>
  /** Adds what goes wrong with calls, after what is still to go wrong. */
  readonly addFaults: (
    faults: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>>
  ) => Effect.Effect<void, OptionsError>
  /** Adds what goes wrong with pushes, in the same way. */
  readonly addPushFaults: (
    faults: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>>
  ) => Effect.Effect<void, OptionsError>
  /** The rules for calls that may still apply. `Fault.next` has the number of times that are left. */
  readonly faults: Effect.Effect<ReadonlyArray<Fault.Rule<Fault.Fault>>>
  /** The rules for pushes that may still apply, in the same way. */
  readonly pushFaults: Effect.Effect<ReadonlyArray<Fault.Rule<Fault.PushFault>>>
  /**
   * Runs the clock of the platform forward: tickets and tokens end, and the pushes of this time are sent now. These are the
   * retries of events, and a ticket for each hour, 3 at most. The times that the platform sends to the app (signatures, events)
   * stay those of the program's clock. Dies with an `OptionsError` beyond 100 years.
   */
  readonly advance: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** The time by which the clock was run forward, in milliseconds. */
  readonly advanced: Effect.Effect<number>
  /** A number that grows with each change of apps, tickets, tokens and the clock: to notice that something is to be saved. */
  readonly revision: Effect.Effect<number>
  /** The time on the platform's clock, in milliseconds since 1970. */
  readonly now: Effect.Effect<number>
  /**
   * Begins anew: the apps of the options, with the request URLs of now, and their faults and answers. Forgets tickets, tokens,
   * counts, pushes that are under way or due, and the journal. The clock stays.
   */
  readonly reset: Effect.Effect<void>
  /** What has happened so far, without secrets. */
  readonly journal: Effect.Effect<ReadonlyArray<Journal.Entry>>
  /** Forgets what has happened so far. */
  readonly clearJournal: Effect.Effect<void>
  /** What happens from now on, until the emulator's scope ends. */
  readonly changes: Stream.Stream<Journal.Entry>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Emulator extends Context.Tag("@effect-feishu/emulator/Emulator")<Emulator, Service>() {}

const settingsOf = (options: Options): Emulation.Settings => ({
  apps: options.apps,
  faults: options.faults ?? [],
  pushFaults: options.pushFaults ?? [],
  limits: options.limits ?? [],
  answers: options.answers ?? [],
  tickets: options.tickets ?? [],
  tokens: options.tokens ?? [],
  pushDelay: options.pushDelay ?? "200 millis",
  signRetriesAnew: options.signRetriesAnew ?? true
})

/** Sends pushes to a URL over `fetch`, whichever door the clients use, and follows no redirect. */
const make = (options: Options) =>
  Effect.suspend(() => {
    const settings = settingsOf(options)
    return Emulation.flawOf(settings) ?? Effect.provide(Emulation.make(settings), FeishuClient.layerFetch)
  })

/**
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions extends Options {
  /** Default: 0, any free port. */
  readonly port?: number | undefined
  /** The address to listen on. Default: `127.0.0.1`, which other machines cannot reach. */
  readonly host?: string | undefined
  /** The URL by which the apps reach the emulator. Default: `http://` with the host and the port. */
  readonly baseUrl?: string | undefined
}

const isBaseUrl = (text: string): boolean => URL.canParse(text) && /^https?:/i.test(text)

/** The names by which this machine may be called: a page of a stranger cannot have them. */
const namesOf = (host: string, baseUrl: string | undefined): ReadonlySet<string> =>
  new Set([host.toLowerCase(), ...(baseUrl === undefined ? [] : [new URL(baseUrl).hostname])])

/** An address that means "all" is no address to call: a client on this machine calls loopback. */
const baseUrlOf = (host: string, port: number): string =>
  `http://${
    host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host
  }:${port}`

/**
 * The emulator behind real HTTP, until its scope ends. Prints nothing, and logs what happens at the level `Debug`.
 *
 * The same port has a console for the browser at `/`, what steers the emulator (`ControlApi`) at `/_emulator/`, and `/healthz`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (options: ServerOptions): Layer.Layer<Emulator, ServerError | OptionsError> =>
  Layer.scoped(
    Emulator,
    Effect.gen(function*() {
      const { baseUrl, host = "127.0.0.1", port = 0 } = options
      if (baseUrl !== undefined && !isBaseUrl(baseUrl)) {
        return yield* new OptionsError({ option: "baseUrl", description: `${baseUrl} is no http or https URL` })
      }
      const { begin, handle, journal, service } = yield* make(options)
      const emulator = { baseUrl: "", ...service }
      const part = yield* Door.make({
        begin,
        emulator,
        journal,
        names: namesOf(host, baseUrl),
        origin: baseUrl && new URL(baseUrl).origin
      })
      const listening = yield* Effect.mapError(
        Server.listen({ host, port, handle, part }),
        (cause) => new ServerError({ host, port, cause })
      )
      // The port is known only now.
      emulator.baseUrl = baseUrl?.replace(/\/+$/, "") ?? baseUrlOf(host, listening)
      return emulator
    })
  )

/**
 * The emulator as an `HttpClient` in this process: no socket, exact under `TestClock`. Answers every host.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerHttpClient = (options: Options): Layer.Layer<Emulator | HttpClient.HttpClient, OptionsError> =>
  Layer.scopedContext(
    Effect.gen(function*() {
      const { handle, service } = yield* make(options)
      return Context.make(Emulator, { baseUrl: "https://open.feishu.cn", ...service }).pipe(
        Context.add(HttpClient.HttpClient, InProcess.httpClient(handle))
      )
    })
  )
