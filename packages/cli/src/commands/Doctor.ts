/** `feishu-ticket doctor`: checks each link of the chain from the configuration to a tenant's token. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import { FeishuApp, type Service as App } from "@effect-feishu/core/FeishuApp"
import * as RetryPolicy from "@effect-feishu/core/RetryPolicy"
import { type Ticket, TicketStore } from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Network from "../Network.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Store from "../Store.js"
import * as Tickets from "../Tickets.js"
import * as Time from "../Time.js"
import * as Inspection from "./doctor/Inspection.js"
import { Broken, broken, skip, type Skipped, unproven } from "./doctor/Link.js"
import * as Platform from "./doctor/Platform.js"
import * as RequestUrl from "./doctor/RequestUrl.js"

/** Gives up soon, because a person waits. */
const policy = RetryPolicy.make({ retries: 3, attemptTimeout: "8 seconds", totalTimeout: "10 seconds" })

/** Leaves the attempts out of the log, because the link shows the result. */
const quietly = Logger.withMinimumLogLevel(LogLevel.None)

/** Returns the check of the answer to a callback, if one was asked for. */
const callbackOf = ({ callback, payload, tenant }: Options.Doctor, url: string | undefined) =>
  Effect.gen(function*() {
    if (Option.isNone(callback)) {
      if (Option.isNone(payload)) return undefined
      return yield* new Failure.UsageError({ message: "--payload belongs to --callback: give both of them" })
    }
    if (url === undefined) {
      return yield* new Failure.UsageError({ message: "--callback needs --request-url, where the callback is sent" })
    }
    // Loads the emulator, which no other link needs.
    const { make } = yield* Effect.promise(() => import("./doctor/Callback.js"))
    return yield* make({ type: callback.value, payload, tenantKey: Option.getOrUndefined(tenant), url })
  })

const configured = (options: Options.Doctor) =>
  Effect.gen(function*() {
    const variables = yield* Configuration.variables(options)
    const app = yield* Configuration.app(variables)
    const location = yield* Store.parseKept(options.store, variables)
    const url = Option.getOrUndefined(options.requestUrl)
    if (url !== undefined && !(/^https?:\/\/[^/]/i.test(url) && URL.canParse(url))) {
      return yield* new Failure.UsageError({ message: "--request-url must be an http or https URL" })
    }
    const callback = yield* callbackOf(options, url)
    const isInUse = yield* Store.isInUse(location, app.appId)
    // A store that nobody has used is not made.
    const store = yield* Layer.build(
      Layer.merge(
        Store.layer(isInUse ? location : { _tag: "Memory" }, variables),
        // A token of the store would not show that the platform gives a token now.
        TokenStore.layerMemory
      )
    )
    return { app, callback, location, isInUse, store }
  })

const describe = ({ appId, baseUrl, encryptKey, kind, verificationToken }: App) => {
  const proofs = [
    ...(Option.isSome(encryptKey) ? ["an encrypt key"] : []),
    ...(Option.isSome(verificationToken) ? ["a verification token"] : [])
  ]
  return `${kind} app ${appId} of ${baseUrl}, with ${
    proofs.length > 0 ? proofs.join(" and ") : "nothing to prove events by"
  }`
}

const sentAt = (ticket: Option.Option<Ticket>) =>
  Option.match(ticket, { onNone: () => -Infinity, onSome: ({ sentAt }) => DateTime.toEpochMillis(sentAt) })

/** Says more if nothing has ever been kept in the folder. */
const emptyOf = (location: Store.Location): string =>
  location._tag === "Files" && !existsSync(location.path)
    ? " The folder does not exist, so nothing has ever kept a ticket there: check --store first."
    : ""

/** Waits for the next ticket. */
const nextTicket = (appId: string, before: Option.Option<Ticket>, location: Store.Location, wait: Duration.Duration) =>
  Effect.flatMap(TicketStore, (store) =>
    store.changes(appId).pipe(
      Stream.filter((ticket) => sentAt(Option.some(ticket)) > sentAt(before)),
      Stream.runHead,
      Effect.timeoutTo({ duration: wait, onSuccess: (ticket) => ticket, onTimeout: () => Option.none<Ticket>() }),
      Effect.mapError(broken),
      Effect.flatten,
      Effect.timed,
      Effect.catchTag("NoSuchElementException", () =>
        new Broken({
          detail: `the platform was asked for one, and none came into ${Store.describe(location)} within ${
            Time.span(Duration.toMillis(wait))
          }.${emptyOf(location)}`,
          advice:
            "Check in the developer console that the app has a published version and that its request URL leads to a "
            + `service which runs; in the log of the service that it has refused no delivery; and that it keeps its tickets ${
              location._tag === "Files" && location.isDefault
                ? "there, as feishu-ticket serve does: for another service, say where with --store."
                : "where --store says."
            }`,
          code: 6
        })),
      Effect.map(([waited]) =>
        `the one that was asked for has come, after ${Time.span(Duration.toMillis(waited))} of waiting`
      )
    ))

/** Makes a call that needs only the app's id and secret. Returns the refusal, and the time of the platform. */
const firstAnswer = ({ kind }: App) =>
  Effect.gen(function*() {
    let dated: Platform.Dated | undefined
    const watched = Effect.map(
      HttpClient.HttpClient,
      HttpClient.tap(({ headers }) =>
        Effect.map(Clock.currentTimeMillis, (at) => {
          dated = { at, date: headers["date"] }
        })
      )
    )
    const answer = yield* (
      kind === "store" ? AppTicket.resend : Effect.provide(AccessToken.app, Layer.orDie(AccessToken.layerSelfBuilt()))
    ).pipe(
      Effect.provideServiceEffect(HttpClient.HttpClient, watched),
      quietly,
      // The token of a self-built app needs no ticket.
      Effect.catchTags({ TicketTimeout: Effect.die, TicketStoreError: Effect.die }),
      Effect.match({ onFailure: (error) => error, onSuccess: (): Platform.Answer => undefined })
    )
    return { answer, dated }
  })

/** Returns the tokens that the ticket of the store gives. */
const tokensOf = (app: App, location: Store.Location) =>
  Effect.gen(function*() {
    const layer = app.kind === "self-built"
      ? AccessToken.layerSelfBuilt()
      : Layer.provide(
        AccessToken.layer(),
        Tickets.layer(yield* Tickets.get(location, Option.none()), Option.none())
      )
    return Context.get(yield* quietly(Layer.build(Layer.orDie(layer))), AccessToken.AccessToken)
  }).pipe(Effect.mapError((failure) => failure._tag === "NoTicket" ? unproven("it needs a ticket") : broken(failure)))

const tokenLink = (token: Effect.Effect<AccessToken.Token, AccessToken.AccessTokenError>) =>
  Effect.zipWith(
    Effect.mapError(token, (error) =>
      // The tokens do not wait for a ticket.
      error._tag === "TicketTimeout"
        ? new Broken({
          detail: "the platform does not accept the ticket (code 10012), and it has been dropped",
          advice:
            "Check that what keeps its tickets there is this app's service, on this platform; then run this again.",
          code: 6
        })
        : broken(error)),
    Clock.currentTimeMillis,
    ({ expiresAt }, now) => `it is valid for ${Time.span(DateTime.toEpochMillis(expiresAt) - now)}`
  )

type Setup = Effect.Effect.Success<ReturnType<typeof configured>>

/** The links that the platform needs before any other. */
const network = ["DNS", "TLS"] as const
const platform = [...network, "credentials"] as const

/** Checks the way to the platform, and what the platform says of the app. */
const examinePlatform = ({ given, inspect, isBroken }: Inspection.Inspection, app: App) =>
  Effect.gen(function*() {
    const { waiting } = yield* Output.Output
    yield* inspect("proxy", Platform.proxy(app))
    yield* inspect("DNS", Platform.dns(app))
    yield* inspect("TLS", given(["DNS"], Platform.tls(app)))
    const { answer, dated } = network.some(isBroken)
      ? { answer: undefined, dated: undefined }
      : yield* waiting("checking the credentials")(firstAnswer(app))
    yield* inspect("clock", given(network, Platform.clock(dated)))
    yield* inspect("credentials", given(network, Platform.credentials(answer)))
    yield* inspect("app type", given(platform, Platform.appType(app, answer)))
  })

/** Checks the service behind the request URL. */
const examineService = (
  { given, inspect }: Inspection.Inspection,
  { requestUrl }: Options.Doctor,
  { app, callback }: Setup
) =>
  Effect.gen(function*() {
    const { waiting } = yield* Output.Output
    const asked = Option.isNone(requestUrl)
      ? undefined
      : yield* Effect.either(waiting("checking the request URL")(RequestUrl.ask(app, requestUrl.value)))
    const notAsked = skip("no --request-url was given")
    yield* inspect(
      "request URL",
      asked === undefined ? notAsked : Effect.flatMap(asked, (answer) => RequestUrl.reached(app, answer))
    )
    yield* inspect(
      "encryption key",
      asked === undefined
        ? notAsked
        : Effect.matchEffect(asked, {
          onFailure: () => skip("it needs the request URL"),
          // An answer that comes too late shows the key, too.
          onSuccess: (answer) => RequestUrl.encryptionKey(app, answer)
        })
    )
    yield* inspect(
      "callback",
      callback === undefined ? skip("no --callback was given") : given(["request URL", "encryption key"], callback(app))
    )
  })

const ticketLink = (
  { wait }: Options.Doctor,
  { app, isInUse, location }: Setup,
  before: Option.Option<Ticket>
): Effect.Effect<string, Broken | Skipped, TicketStore> => {
  if (app.kind !== "store") return skip("a self-built app gets none and needs none")
  return isInUse
    ? nextTicket(app.appId, before, location, Option.getOrElse(wait, () => Duration.seconds(150)))
    : unproven(
      "the platform was asked for a ticket, and only the process that receives the ticket can see it: say with --store where your "
        + "service keeps it, or let feishu-ticket serve be the request URL for a while"
    )
}

/** Checks the ticket that was asked for, and the tokens that the ticket gives. */
const examineTokens = (
  { given, inspect }: Inspection.Inspection,
  options: Options.Doctor,
  setup: Setup,
  before: Option.Option<Ticket>
) =>
  Effect.gen(function*() {
    const { app, location } = setup
    const { tenant } = options
    const needed = [...platform, "app type"] as const
    const waiting = "waiting for the app ticket, which may take 2 minutes"
    const ticket = ticketLink(options, setup, before)
    yield* inspect("ticket", app.kind === "store" ? given([...needed, "request URL"], ticket) : ticket, waiting)
    const tokens = yield* Effect.either(tokensOf(app, location))
    yield* inspect("app token", given(needed, Effect.flatMap(tokens, ({ app }) => tokenLink(app))))
    // A self-built app has one tenant.
    const needsTenant = app.kind === "store" && Option.isNone(tenant)
    yield* inspect(
      "tenant token",
      needsTenant
        ? skip("no --tenant was given")
        : given(
          [...needed, "app token"],
          Effect.flatMap(tokens, (tokens) => tokenLink(tokens.tenant(Option.getOrElse(tenant, () => ""))))
        )
    )
  })

const examine = (inspection: Inspection.Inspection, options: Options.Doctor, setup: Setup) =>
  Effect.gen(function*() {
    const { app } = setup
    const store = yield* TicketStore
    // Before the platform is asked for a push.
    const before = yield* Effect.orElseSucceed(store.get(app.appId), () => Option.none<Ticket>())
    yield* examinePlatform(inspection, app)
    yield* examineService(inspection, options, setup)
    yield* examineTokens(inspection, options, setup, before)
  }).pipe(
    Effect.provide(Layer.merge(Layer.succeed(FeishuApp, setup.app), Network.layer)),
    Effect.provideService(RetryPolicy.RetryPolicy, policy)
  )

export const run = (options: Options.Doctor) =>
  Effect.gen(function*() {
    const inspection = yield* Inspection.make(options)
    yield* Effect.gen(function*() {
      const setup = yield* Effect.either(configured(options))
      yield* inspection.inspect(
        "configuration",
        Either.mapBoth(setup, { onLeft: broken, onRight: ({ app }) => describe(app) })
      )
      if (Either.isRight(setup)) {
        return yield* Effect.provide(examine(inspection, options, setup.right), setup.right.store)
      }
      for (const link of Inspection.links.slice(1)) {
        yield* inspection.inspect(link, skip("it needs the configuration"))
      }
    }).pipe(Effect.scoped)
    yield* inspection.end
  })
