/**
 * A store app and its platform in one process, for some hours of a clock that jumps: calls for two tenants, events, callbacks, and
 * tickets, while faults happen with a probability. Then the faults end, and the app must recover.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as Claims from "@effect-feishu/core/Claims"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as EmulatorTest from "@effect-feishu/emulator/EmulatorTest"
import type * as Journal from "@effect-feishu/emulator/Journal"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { pass, withQuickClock } from "../../../core/test/quickClock.js"
import * as Dice from "../fuzz/Dice.js"
import * as Faults from "./faults.js"
import * as Witness from "./witness.js"

const appId = "cli_chaos"
const tenants = ["tenant_1", "tenant_2"] as const

const secrets = {
  appSecret: Redacted.make("the-secret-of-cli-chaos"),
  encryptKey: Redacted.make("the-encrypt-key-of-cli-chaos"),
  verificationToken: Redacted.make("the-verification-token-of-cli-chaos")
}

const queryPath = "/open-apis/tenant/v2/tenant/query"
const resendPath = "/open-apis/auth/v3/app_ticket/resend"

/** The faults happen for so long. */
const faulty = Duration.toMillis("2 hours")

/** After the faults, so much time passes before everything must be well: the longest wait for a ticket, with what is before it. */
const recovery = Duration.toMillis("15 minutes")

/** What one run has seen. */
export interface Run {
  readonly broken: ReadonlyArray<string>
  /** How often calls, events and callbacks ended in which way. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** The stores outlive a restart, as a database does. With the faults `store` and `slow store`, some operations fail, or wait. */
const storesWith = (fault: () => Effect.Effect<boolean>, onTicket: (at: number) => void) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory))
    const tickets = Context.get(context, TicketStore.TicketStore)
    const tokens = Context.get(context, TokenStore.TokenStore)
    const claims = Context.get(context, Claims.Claims)
    let failures = 0
    const guarded = <A, E>(error: () => E, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.flatMap(fault(), (fails) => {
        if (!fails) return effect
        failures++
        return Effect.fail(error())
      })
    const description = "the store is away"
    const ofTickets = <A>(
      operation: TicketStore.TicketStoreError["operation"],
      effect: Effect.Effect<A, TicketStore.TicketStoreError>
    ) => guarded(() => new TicketStore.TicketStoreError({ appId, operation, description }), effect)
    const ofTokens = <A>(
      operation: TokenStore.TokenStoreError["operation"],
      effect: Effect.Effect<A, TokenStore.TokenStoreError>
    ) => guarded(() => new TokenStore.TokenStoreError({ appId, operation, description }), effect)
    const ofClaims = <A>(operation: Claims.ClaimsError["operation"], effect: Effect.Effect<A, Claims.ClaimsError>) =>
      guarded(() => new Claims.ClaimsError({ appId, operation, description }), effect)
    return {
      failures: () => failures,
      tickets,
      layer: Layer.mergeAll(
        Layer.succeed(TicketStore.TicketStore, {
          get: (id) =>
            ofTickets(
              "get",
              Effect.tap(tickets.get(id), (ticket) =>
                Effect.sync(() => {
                  if (Option.isSome(ticket)) onTicket(DateTime.toEpochMillis(ticket.value.sentAt))
                }))
            ),
          put: (id, ticket) => ofTickets("put", tickets.put(id, ticket)),
          drop: (id, ticket) => ofTickets("drop", tickets.drop(id, ticket)),
          changes: (id) => tickets.changes(id)
        }),
        Layer.succeed(TokenStore.TokenStore, {
          get: (key) => ofTokens("get", tokens.get(key)),
          put: (key, token) => ofTokens("put", tokens.put(key, token)),
          drop: (key, token) => ofTokens("drop", tokens.drop(key, token))
        }),
        Layer.succeed(Claims.Claims, {
          claim: (id, name, duration) => ofClaims("claim", claims.claim(id, name, duration)),
          renew: (claim, duration) => ofClaims("renew", claims.renew(claim, duration)),
          release: (claim) => ofClaims("release", claims.release(claim)),
          hold: (id, name, duration) => ofClaims("hold", claims.hold(id, name, duration))
        })
      )
    }
  })

type AppServices = AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient

const Tenant = Schema.Struct({ tenant: Schema.Struct({ tenant_key: Schema.String }) })

const query = (tenantKey: string) =>
  Effect.flatMap(
    FeishuClient.forTenant(tenantKey),
    (client) => Effect.flatMap(client.get(queryPath), FeishuClient.schemaData(Tenant))
  )

const tagOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  if (!Cause.isFailType(exit.cause)) return "defect"
  const { _tag, kind, reason } = exit.cause.error as Readonly<Record<"_tag" | "kind" | "reason", string | undefined>>
  return [_tag, kind ?? reason].filter((word) => word !== undefined).join(" ")
}

/** The longest that a call may take: the wait for a ticket, and a call for each token, once more with other tokens, and its own. */
const longestCall = Duration.toMillis("6 minutes")

/** The services that outlive a restart. */
export type Stores = Layer.Layer<Claims.Claims | TicketStore.TicketStore | TokenStore.TokenStore>

const observed = (
  faults: ReadonlyArray<Faults.Name>,
  seed: number,
  witness: Witness.Witness,
  change: (stores: Stores) => Stores
) =>
  Effect.gen(function*() {
    const dice = Dice.make(seed)
    const broken = new Set<string>()
    const outcomes: Record<string, number> = {}
    const count = (name: string) => (outcomes[name] = (outcomes[name] ?? 0) + 1)
    let isFaulty = true
    const has = (fault: Faults.OfWorld) => isFaulty && Faults.hasFault(faults, fault)

    // The platform

    const emulator = yield* Emulator.Emulator
    const { faults: callFaults, pushFaults } = Faults.rulesOf(faults, seed)
    const journal: Array<Journal.Entry> = []
    yield* Effect.forkScoped(
      Stream.runForEach(emulator.changes, (entry) => Effect.sync(() => void journal.push(entry)))
    )

    // The app

    let newest = 0
    const stores = yield* storesWith(
      () =>
        Effect.suspend(() =>
          has("slow store") && dice.chance(0.25)
            ? Effect.as(Effect.sleep("4 seconds"), false)
            : Effect.succeed(has("store") && dice.chance(0.25))
        ),
      (sentAt) => {
        if (sentAt < newest) broken.add("an older ticket has replaced a newer one")
        newest = Math.max(newest, sentAt)
      }
    )
    const starts = new Map<string, number>()
    const ends = new Map<string, number>()
    const add = (counts: Map<string, number>, id: string) => void counts.set(id, (counts.get(id) ?? 0) + 1)
    const handled = (id: string) =>
      Effect.sync(() => add(starts, id)).pipe(
        Effect.zipRight(Effect.sleep("500 millis")),
        Effect.zipRight(Effect.sync(() => add(ends, id)))
      )
    const app = AccessToken.layer().pipe(
      Layer.provideMerge(AppTicket.layer()),
      Layer.provideMerge(EventSubscription.layer({
        handlers: [
          EventHandler.on("app_chaos", ({ id }) => handled(id)),
          EventHandler.callback(
            "card.action.trigger",
            () => Effect.succeed({ toast: { type: "info", content: "done" } })
          )
        ]
      })),
      Layer.provideMerge(FeishuApp.layer({ ...secrets, appId })),
      Layer.provide(change(stores.layer))
    )
    const start = Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(app, scope)
      const requestUrl = EmulatorTest.requestUrl(Context.get(context, EventSubscription.EventSubscription))
      yield* Effect.orDie(emulator.updateApp(appId, (app) => ({ ...app, requestUrl })))
      return { scope, context }
    })
    const stop = (scope: Scope.CloseableScope) =>
      Effect.map(passUntil(Scope.close(scope, Exit.void), longestStop), (exit) => {
        if (Option.isNone(exit)) broken.add("the app does not stop")
      })
    let running = yield* start

    // What its users and its platform do

    /** Calls, and notes how the call ended and how long it took. */
    const call = (tenant: string) =>
      Effect.gen(function*() {
        const before = yield* Clock.currentTimeMillis
        const exit = yield* Effect.exit(
          Effect.provide(query(tenant), running.context as Context.Context<AppServices>)
        )
        const took = (yield* Clock.currentTimeMillis) - before
        const tag = tagOf(exit)
        count(`call: ${tag}`)
        if (took > longestCall) broken.add(`a call took ${Math.round(took / 1000)} s`)
        if (tag === "defect") broken.add(`a call died: ${String(exit)}`)
        if (Exit.isFailure(exit)) {
          witness.note(`${Cause.pretty(exit.cause, { renderErrorCause: true })} ${JSON.stringify(exit)}`)
        }
        return tag
      })
    const pushed = new Set<string>()
    const calls: Array<Fiber.Fiber<unknown, unknown>> = []
    const spawn = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.map(Effect.forkDaemon(effect), (fiber) => void calls.push(fiber))

    const step = Effect.gen(function*() {
      const fiber = yield* Effect.forkDaemon(call(dice.pick(tenants)))
      calls.push(fiber)
      if (has("interrupted callers") && dice.chance(0.5)) {
        yield* spawn(Effect.delay(Fiber.interruptFork(fiber), dice.below(20_000)))
      }
      if (dice.chance(0.4)) {
        pushed.add(yield* Effect.orDie(emulator.push(appId, { type: "app_chaos", payload: {} })))
      }
      if (dice.chance(0.2)) {
        yield* spawn(
          Effect.map(
            Effect.exit(emulator.callback(appId, {
              type: "card.action.trigger",
              payload: { action: { tag: "button", value: {} } }
            })),
            (exit) => count(`callback: ${Exit.isSuccess(exit) ? "answered" : tagOf(exit)}`)
          )
        )
      }
      if (dice.chance(0.05)) yield* spawn(Effect.exit(emulator.pushTicket(appId)))
      if (has("restart") && dice.chance(0.1)) {
        yield* stop(running.scope)
        running = yield* start
      }
      if (has("tickets invalidated") && dice.chance(0.05)) yield* emulator.invalidateTickets(appId)
      if (has("tokens invalidated") && dice.chance(0.1)) yield* emulator.invalidateTokens(appId)
    })

    const values = new Set<string>(Object.values(secrets).map(Redacted.value))
    const noteSecrets = Effect.gen(function*() {
      for (const { value } of [...yield* emulator.tickets(appId), ...yield* emulator.tokens(appId)]) {
        values.add(Redacted.value(value))
      }
    })

    yield* emulator.setFaults(callFaults)
    yield* emulator.setPushFaults(pushFaults)
    const begin = yield* Clock.currentTimeMillis
    while ((yield* Clock.currentTimeMillis) - begin < faulty) {
      yield* step
      yield* pass(1_000 + dice.below(240_000))
      yield* noteSecrets
    }

    // The faults end

    isFaulty = false
    yield* emulator.setFaults([])
    yield* emulator.setPushFaults([])
    yield* pass(recovery)
    for (const tenant of tenants) {
      const exit = yield* passUntil(call(tenant), longestCall)
      const tag = Option.match(exit, { onNone: () => "nothing", onSome: Exit.getOrElse(() => "defect") })
      if (tag !== "success") broken.add(`after the faults, a call ends with ${tag}`)
    }
    // The platform pushes an event again for the last time after 6 h.
    yield* pass("8 hours")
    yield* noteSecrets
    for (const fiber of calls) {
      if (Option.isNone(yield* Fiber.poll(fiber))) broken.add("something that was started has not ended")
    }

    // The end

    yield* stop(running.scope)
    yield* Effect.orDie(emulator.updateApp(appId, (app) => ({ ...app, requestUrl: undefined })))
    yield* witness.noteMetrics
    const [entries, lines] = [journal.length, witness.texts.length]
    yield* pass("3 hours")
    if (journal.slice(entries).some(({ _tag }) => _tag === "Call")) broken.add("a call is sent after the end")
    if (witness.texts.length > lines) broken.add(`something goes on after the end: ${witness.texts[lines]}`)

    for (const text of witness.defects) broken.add(`a fiber died: ${text}`)
    for (const value of values) {
      const text = witness.texts.find((text) => text.includes(value))
      if (text !== undefined) broken.add(`a secret is in: ${text.replaceAll(value, "SECRET").slice(0, 200)}`)
    }
    for (const rule of [rules.tokens, rules.resends, rules.events]) {
      for (const problem of rule({ journal, faults, starts, ends, pushed, storeFailures: stores.failures() })) {
        broken.add(problem)
      }
    }
    for (const entry of journal) {
      if (entry._tag === "Push" && entry.kind === "event") count(`${entry.origin} push: ${entry.outcome}`)
    }
    return { broken: [...broken], outcomes }
  })

/** Lets time pass until the effect has ended. Returns `None` if the effect has not ended after `longest`, in milliseconds. */
const passUntil = <A, E, R>(effect: Effect.Effect<A, E, R>, longest: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkDaemon(effect)
    const end = (yield* Clock.currentTimeMillis) + longest
    while (true) {
      yield* pass(0)
      const exit = yield* Fiber.poll(fiber)
      if (Option.isSome(exit) || (yield* Clock.currentTimeMillis) >= end) return exit
      yield* pass("1 second")
    }
  })

/** The longest that the app may take to stop: its handlers have 3 s, and the store may be slow. */
const longestStop = Duration.toMillis("1 minute")

/**
 * One run. The same faults and the same seed give the same run. `change` makes the app worse, for a test that a rule can be
 * broken.
 */
export const run = (
  faults: ReadonlyArray<Faults.Name>,
  seed: number,
  change: (stores: Stores) => Stores = (stores) => stores
): Effect.Effect<Run> =>
  Effect.suspend(() => {
    const witness = Witness.make()
    return observed(faults, seed, witness, change).pipe(
      Effect.scoped,
      Effect.provide(Emulator.layerHttpClient({
        apps: [{ ...secrets, appId, tenants }],
        pushDelay: "realistic"
      })),
      Effect.provide(witness.layer),
      Effect.withRandom(Random.make(`chaos ${seed}`)),
      Effect.orDie,
      withQuickClock
    )
  })

// The rules over the journal

interface Told {
  readonly journal: ReadonlyArray<Journal.Entry>
  readonly faults: ReadonlyArray<Faults.Name>
  readonly starts: ReadonlyMap<string, number>
  readonly ends: ReadonlyMap<string, number>
  readonly pushed: ReadonlySet<string>
  readonly storeFailures: number
}

/** A minute in which the platform is asked for tickets has one resend with its retries at most. */
const mostResendsInAMinute = 6

const rules = {
  /** Only the platform can make a token invalid before its time, and the app learns of that by one call. */
  tokens: ({ faults, journal }: Told): ReadonlyArray<string> => {
    // With some faults the platform does not look at the token.
    const queries = journal.flatMap((entry) =>
      entry._tag === "Call" && entry.path === queryPath && entry.fault === undefined ? [entry] : []
    )
    const isUnknowable = faults.includes("tokens invalidated")
    return [
      ...(queries.some(({ token }) => token === "none") ? ["a call without a token"] : []),
      ...(!isUnknowable && queries.some(({ token }) => token === "invalid")
        ? ["a call with a token that is not valid"]
        : [])
    ]
  },

  resends: ({ journal }: Told): ReadonlyArray<string> => {
    const times = journal.flatMap((entry) => entry._tag === "Call" && entry.path === resendPath ? [entry.at] : [])
    const most = Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + 60_000).length))
    return most > mostResendsInAMinute ? [`${most} resends within a minute`] : []
  },

  events: ({ ends, faults, journal, pushed, starts, storeFailures }: Told): ReadonlyArray<string> => {
    const acknowledged = new Set(
      journal.flatMap((entry) =>
        entry._tag === "Push" && entry.kind === "event" && entry.eventType === "app_chaos" &&
          entry.outcome === "acknowledged"
          ? [entry.eventId]
          : []
      )
    )
    // Without the store nobody knows what another process has done, or what this one has done before its restart.
    const mayRepeat = storeFailures > 0
    const hasRestarts = faults.includes("restart")
    return [
      ...[...acknowledged].filter((id) => !ends.has(id)).map(() => "an acknowledged event was not handled"),
      ...[...ends].filter(([, times]) => times > 1 && !mayRepeat).map(() => "an event was handled twice"),
      ...[...starts].filter(([id, times]) => times > (ends.get(id) ?? 0) && !hasRestarts && !mayRepeat)
        .map(() => "a handler was interrupted"),
      ...[...starts.keys()].filter((id) => !pushed.has(id)).map(() =>
        "an event was handled that the platform did not send"
      )
    ]
  }
}
