/** The endpoints of `ControlApi`. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiError from "@effect/platform/HttpApiError"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Event } from "../../App.js"
import { ControlApi, type Faults } from "../../ControlApi.js"
import type * as Emulator from "../../Emulator.js"
import { type NoTicket, OptionsError, type UnknownApp } from "../../EmulatorError.js"
import type * as Fault from "../../Fault.js"
import type * as Journal from "../../Journal.js"
import * as Options from "../options.js"
import type { Begun } from "../pushes/pushing.js"
import { hex } from "../random.js"
import * as Rules from "./rules.js"
import { exampleTime, templates } from "./templates.js"
import * as Views from "./views.js"

export interface Parts {
  readonly emulator: Emulator.Service
  readonly journal: Journal.Journal
  /** Begin a push, without waiting for the delivery. */
  readonly begin: {
    readonly event: (appId: string, event: Event) => Effect.Effect<Begun, UnknownApp>
    readonly ticket: (appId: string) => Effect.Effect<Begun, UnknownApp | NoTicket>
  }
}

/** Entries are sent together that come within this time, and at most so many. */
const together = { time: "100 millis", count: 500 } as const

/** Keeps a proxy from ending a quiet connection. */
const beat = Stream.as(Stream.tick("15 seconds"), ":\n\n")

/** A delivery ends within 3 s, and a forged one may come before it. */
const longestPush = "7 seconds"

const eventsOf = (entries: Chunk.Chunk<Journal.Entry>): string =>
  Option.match(Chunk.last(entries), {
    onNone: () => "",
    onSome: ({ id }) => `id: ${id}\nevent: entries\ndata: ${JSON.stringify(Chunk.toReadonlyArray(entries))}\n\n`
  })

/** Sends the entries after an id, until the client goes away. */
const changes = ({ journal }: Parts, after: number) =>
  HttpServerResponse.stream(
    journal.follow(after).pipe(
      Stream.groupedWithin(together.count, together.time),
      Stream.map(eventsOf),
      Stream.merge(beat, { haltStrategy: "left" }),
      Stream.encodeText
    ),
    { contentType: "text/event-stream", headers: { "cache-control": "no-store", "x-accel-buffering": "no" } }
  )

/** Returns the id after which entries are sent. Ids begin anew with each emulator, so a greater id is of an earlier one. */
const startOf = ({ journal }: Parts, known: number | undefined) =>
  Effect.map(journal.lastId, (last) => known === undefined ? last : known > last ? 0 : known)

const idOf = (header: string | undefined): number | undefined =>
  header !== undefined && /^\d+$/.test(header) ? Number(header) : undefined

/** An app may ignore a message with the id of an earlier one, or a message that is old. */
const freshTemplates = Effect.zipWith(hex(12), Clock.currentTimeMillis, (digits, now): typeof templates =>
  JSON.parse(
    JSON.stringify(templates)
      .replaceAll("om_emulator", `om_emulator_${digits}`)
      .replaceAll(String(exampleTime), String(now))
      .replaceAll(String(exampleTime / 1000), String(Math.floor(now / 1000)))
  ))

const looking = (parts: Parts) =>
  HttpApiBuilder.group(ControlApi, "look", (handlers) => {
    const { emulator, journal } = parts
    return handlers
      .handle("state", () => Views.state(emulator))
      .handle("templates", () => freshTemplates)
      .handle("journal", ({ urlParams: { after, app, limit } }) =>
        Effect.map(journal.entries, (entries) =>
          entries
            .filter(({ appId, id }) => id > after && (app === undefined || appId === app))
            .slice(-limit)
            .map(Views.summary)))
      .handle("entry", ({ path: { id } }) =>
        Effect.flatMap(journal.entries, (entries) => {
          const found = entries.find((entry) => entry.id === id)
          return found === undefined ? new HttpApiError.NotFound() : Effect.succeed(Views.entry(found))
        }))
      .handleRaw("changes", ({ request, urlParams }) => {
        const known = idOf(request.headers["last-event-id"]) ?? urlParams.after
        return Effect.map(startOf(parts, known), (after) => changes(parts, after))
      })
  })

type Secret = Redacted.Redacted | null | undefined

/** `null` removes a secret, and `undefined` leaves it as it is. */
const changed = (before: Redacted.Redacted | undefined, given: Secret): Redacted.Redacted | undefined =>
  given === undefined ? before : given ?? undefined

const apps = ({ begin, emulator }: Parts) =>
  HttpApiBuilder.group(ControlApi, "apps", (handlers) => {
    /** Fails for an app that does not exist. */
    const exists = (appId: string) => emulator.updateApp(appId, (app) => app)
    /** Waits for a delivery, though not for one that a fault holds or delays. */
    const outcomeOf = ({ eventId, first }: Begun) =>
      Effect.map(Effect.timeoutOption(first, longestPush), (outcome) =>
        Option.isSome(outcome)
          ? { eventId, ...outcome.value, status: outcome.value.status ?? null }
          : { eventId, outcome: "pending" as const, status: null, body: "" })

    return handlers
      .handle("setApp", ({ path: { appId }, payload }) =>
        Effect.flatMap(emulator.apps, (apps) => {
          // The request URL is saved by its own endpoint.
          const requestUrl = apps.find((app) => app.appId === appId)?.requestUrl
          return emulator.setApp({ appId, ...payload, requestUrl })
        }))
      .handle("changeApp", ({ path: { appId }, payload }) =>
        emulator.updateApp(appId, (app) => ({
          ...app,
          enabled: payload.enabled ?? app.enabled,
          tenants: payload.tenants ?? app.tenants,
          appSecret: payload.appSecret ?? app.appSecret,
          encryptKey: changed(app.encryptKey, payload.encryptKey),
          verificationToken: changed(app.verificationToken, payload.verificationToken)
        })))
      .handle("setRequestUrl", ({ path: { appId }, payload: { url } }) => emulator.setRequestUrl(appId, url))
      .handle("pushTicket", ({ path: { appId } }) => Effect.flatMap(begin.ticket(appId), outcomeOf))
      .handle("invalidateTickets", ({ path: { appId } }) =>
        Effect.zipRight(exists(appId), emulator.invalidateTickets(appId)))
      .handle("invalidateTokens", ({ path: { appId } }) =>
        Effect.zipRight(exists(appId), emulator.invalidateTokens(appId)))
      .handle("push", ({ path: { appId }, payload }) =>
        Effect.flatMap(begin.event(appId, payload), outcomeOf))
      .handle("callback", ({ path: { appId }, payload }) =>
        Effect.map(emulator.callback(appId, payload), (answer) => ({ answer })))
      .handle("issueUserToken", ({ path: { appId }, payload }) =>
        Effect.map(emulator.userToken(appId, payload), ({ expiresAt, value }) => ({
          userAccessToken: Redacted.value(value),
          expiresAt: DateTime.toEpochMillis(expiresAt)
        })))
  })

const platform = ({ emulator }: Parts) =>
  HttpApiBuilder.group(ControlApi, "platform", (handlers) => {
    /** Reads all rules before any of them counts. */
    const readFaults = (payload: typeof Faults.Type) =>
      Effect.gen(function*() {
        const calls = yield* Rules.read<Fault.Fault>("faults", payload.calls)
        const pushes = yield* Rules.read<Fault.PushFault>("pushFaults", payload.pushes)
        const flaw = Options.flawOfFaults(calls) ?? Options.flawOfPushFaults(pushes)
        return flaw === undefined ? { calls, pushes } : yield* flaw
      })

    return handlers
      .handle("setFaults", ({ payload }) =>
        Effect.flatMap(readFaults(payload), ({ calls, pushes }) =>
          Effect.zipRight(emulator.setFaults(calls), emulator.setPushFaults(pushes))))
      .handle("addFaults", ({ payload }) =>
        Effect.flatMap(readFaults(payload), ({ calls, pushes }) =>
          Effect.zipRight(emulator.addFaults(calls), emulator.addPushFaults(pushes))))
      .handle("setAnswers", ({ payload }) =>
        emulator.setAnswers(payload))
      .handle("addAnswer", ({ payload }) =>
        Effect.flatMap(emulator.answers, (answers) =>
          emulator.setAnswers([payload, ...answers])))
      .handle("advance", ({ payload: { advance } }) =>
        emulator.advance(advance).pipe(
          Effect.catchAllDefect((defect) =>
            defect instanceof OptionsError ? defect : Effect.die(defect)
          ),
          Effect.zipRight(Effect.all({ now: emulator.now, advanced: emulator.advanced }))
        ))
      .handle("clearJournal", () =>
        emulator.clearJournal)
      .handle("reset", () =>
        emulator.reset)
  })

/** Answers the requests to `/_emulator/`. */
export const make = (parts: Parts): Effect.Effect<(request: Request) => Promise<Response>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        HttpApiBuilder.toWebHandler(
          HttpApiBuilder.middlewareOpenApi({ path: "/_emulator/openapi.json" }).pipe(
            Layer.provideMerge(HttpApiBuilder.api(ControlApi)),
            Layer.provide([looking(parts), apps(parts), platform(parts)]),
            Layer.provideMerge(HttpServer.layerContext)
          )
        )
      ),
      ({ dispose }) => Effect.promise(dispose)
    ),
    ({ handler }) => (request) => handler(request)
  )
