/** Puts the parts of the platform together, and gives what steers them. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type { App, CannedAnswer, Event, RateLimit, RequestUrl } from "../App.js"
import { CallbackError, NoTicket, type OptionsError, RequestUrlError, UnknownApp } from "../EmulatorError.js"
import type * as Fault from "../Fault.js"
import * as Journal from "../Journal.js"
import * as Clock from "./clock.js"
import * as FaultRules from "./faultRules.js"
import * as Mask from "./mask.js"
import * as Options from "./options.js"
import * as Answers from "./platform/answers.js"
import { Apps, getsTickets, tenantsOf } from "./platform/apps.js"
import * as Calls from "./platform/calls.js"
import * as Faulty from "./platform/faulty.js"
import * as Tickets from "./platform/tickets.js"
import * as Tokens from "./platform/tokens.js"
import * as Callbacks from "./pushes/callbacks.js"
import { handshake } from "./pushes/handshakes.js"
import * as Pushing from "./pushes/pushing.js"
import * as Sending from "./pushes/sending.js"
import { hex } from "./random.js"

export interface Settings {
  readonly apps: ReadonlyArray<App>
  readonly faults: ReadonlyArray<Fault.Fault | Fault.Rule<Fault.Fault>>
  readonly pushFaults: ReadonlyArray<Fault.PushFault | Fault.Rule<Fault.PushFault>>
  readonly limits: ReadonlyArray<RateLimit>
  readonly answers: ReadonlyArray<CannedAnswer>
  readonly tickets: ReadonlyArray<{
    readonly appId: string
    readonly value: Redacted.Redacted
    readonly expiresAt: DateTime.Utc
  }>
  readonly tokens: ReadonlyArray<{
    readonly appId: string
    readonly value: Redacted.Redacted
    readonly kind: "app" | "tenant" | "user"
    readonly tenantKey: string | undefined
    readonly expiresAt: DateTime.Utc
  }>
  readonly pushDelay: Duration.DurationInput | "realistic"
  readonly signRetriesAnew: boolean
}

export const flawOf = (
  { answers, apps, faults, limits, pushFaults, tickets, tokens }: Settings
): OptionsError | undefined =>
  Options.flawOfApps(apps)
    ?? Options.flawOfLimits(limits)
    ?? Options.flawOfAnswers(answers)
    ?? Options.flawOfEarlier("tickets", apps, tickets)
    ?? Options.flawOfEarlier("tokens", apps, tokens)
    ?? Options.flawOfFaults(faults)
    ?? Options.flawOfPushFaults(pushFaults)

/** The time between two tickets that nobody asked for. */
const ticketInterval = Duration.toMillis("1 hour")

/** So many tickets of an app are valid at most. After an advance, no more are pushed. */
const mostTickets = 3

/** A user access token lives for 2 hours (page "获取 user_access_token"). */
const userTokenLife = Duration.hours(2)

/** The last date that JavaScript has, for a token without an end. */
const latestDate = 8.64e15

/** Groups the tickets of an earlier run by app. */
const ticketsByApp = ({ tickets }: Settings): ReadonlyMap<string, ReadonlyArray<Tickets.Ticket>> => {
  const byApp = new Map<string, Array<Tickets.Ticket>>()
  for (const { appId, expiresAt, value } of tickets) {
    const before = byApp.get(appId) ?? []
    byApp.set(appId, [...before, { value: Redacted.value(value), expiresAt: DateTime.toEpochMillis(expiresAt) }])
  }
  return byApp
}

/** Makes the apps, tickets, tokens, answers and faults of the platform. */
const makeState = (settings: Settings) => {
  const clock = Clock.make()
  const tickets = Tickets.make(clock)
  for (const [appId, earlier] of ticketsByApp(settings)) tickets.restore(appId, earlier)
  const tokens = Tokens.make()
  for (const { expiresAt, value, ...token } of settings.tokens) {
    tokens.restore({ ...token, value: Redacted.value(value), expiresAt: DateTime.toEpochMillis(expiresAt) })
  }
  return {
    clock,
    apps: new Apps(settings.apps.map((app) => [app.appId, app])),
    tickets,
    tokens,
    answers: Answers.make(settings.answers),
    callFaults: FaultRules.make<Fault.Fault>(settings.faults, Options.flawOfFaults),
    pushFaults: FaultRules.make<Fault.PushFault>(settings.pushFaults, Options.flawOfPushFaults)
  }
}

type State = ReturnType<typeof makeState>

const findIn = ({ apps }: State) => (appId: string) =>
  Effect.suspend(() => {
    const app = apps.get(appId)
    return app === undefined ? new UnknownApp({ appId }) : Effect.succeed(app)
  })

const tokenOf = ({ expiresAt, kind, tenantKey, value }: Tokens.Token) => ({
  value: Redacted.make(value),
  kind,
  tenantKey,
  expiresAt: DateTime.unsafeMake(expiresAt)
})

/** Runs an effect in the runtime of the emulator: whoever calls, the platform keeps its own time and chance. */
type Own = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** Makes the methods that look at the platform. */
const makeViews = (state: State, journal: Journal.Journal, own: Own) => {
  const { answers, apps, callFaults, clock, pushFaults, tickets, tokens } = state
  return {
    apps: Effect.sync(() => [...apps.values()]),
    tickets: (appId: string) =>
      Effect.map(own(clock.now), (now) =>
        tickets.list(appId, now).map(({ expiresAt, value }) => ({
          value: Redacted.make(value),
          expiresAt: DateTime.unsafeMake(expiresAt)
        }))),
    tokens: (appId: string) => Effect.map(own(clock.now), (now) => tokens.list(appId, now).map(tokenOf)),
    answers: Effect.sync(answers.list),
    faults: Effect.sync(callFaults.list),
    pushFaults: Effect.sync(pushFaults.list),
    now: own(clock.now),
    advanced: clock.advanced,
    revision: Effect.map(
      clock.advanced,
      (advanced) => apps.changes + tickets.changes() + tokens.changes() + advanced
    ),
    journal: journal.entries,
    changes: journal.changes
  }
}

/** Makes the methods that change the platform at once. */
const makeChanges = ({ calls, journal, own, pushing, settings, state }: {
  readonly settings: Settings
  readonly state: State
  readonly journal: Journal.Journal
  readonly calls: Calls.Calls
  readonly pushing: Pushing.Pushing
  readonly own: Own
}) => {
  const { answers, apps, callFaults, clock, pushFaults, tickets, tokens } = state
  const find = findIn(state)

  const setAnswers = (given: ReadonlyArray<CannedAnswer>) =>
    Effect.suspend(() => Options.flawOfAnswers(given) ?? Effect.sync(() => answers.set(given)))

  const userToken = (appId: string, options?: {
    readonly tenantKey?: string | undefined
    readonly life?: Duration.DurationInput | undefined
  }) =>
    Effect.gen(function*() {
      const app = yield* find(appId)
      const life = Duration.toMillis(options?.life ?? userTokenLife)
      const tenantKey = options?.tenantKey ?? tenantsOf(app)[0]
      const value = Tokens.shape("user", { digits: yield* hex(40), isJwt: app.jwtTokens === true })
      const expiresAt = Math.min((yield* clock.now) + life, latestDate)
      const token = { value, kind: "user", appId, tenantKey, expiresAt } as const
      tokens.add(token)
      return tokenOf(token)
    }).pipe(own)

  const reset = Effect.gen(function*() {
    yield* pushing.clear
    const urls = new Map([...apps.values()].map(({ appId, requestUrl }) => [appId, requestUrl]))
    apps.clear()
    for (const app of settings.apps) {
      apps.set(app.appId, { ...app, requestUrl: urls.get(app.appId) ?? app.requestUrl })
    }
    tickets.clear()
    tokens.clear()
    calls.clear()
    answers.set(settings.answers)
    yield* Effect.orDie(callFaults.set(settings.faults))
    yield* Effect.orDie(pushFaults.set(settings.pushFaults))
    yield* journal.clear
  }).pipe(Effect.uninterruptible)

  return {
    setApp: (app: App) => Effect.sync(() => void apps.set(app.appId, app)),
    updateApp: (appId: string, change: (app: App) => App) =>
      Effect.map(find(appId), (app) => void apps.set(appId, { ...change(app), appId })),
    userToken,
    answer: (path: string, data: unknown, options?: { readonly method?: string | undefined }) =>
      Effect.suspend(() => {
        const success = (data: unknown) => ({ code: 0, msg: "success", data })
        const answer: CannedAnswer = {
          method: options?.method,
          path,
          ...(typeof data === "function"
            ? { compute: (call) => success(data(call)) }
            : { body: success(data) })
        }
        return Options.flawOfAnswers([answer]) ?? Effect.sync(() => answers.add(answer))
      }),
    setAnswers,
    invalidateTickets: (appId: string) => Effect.sync(() => tickets.invalidate(appId)),
    invalidateTokens: (appId: string) => Effect.sync(() => tokens.invalidate(appId)),
    setFaults: callFaults.set,
    setPushFaults: pushFaults.set,
    addFaults: callFaults.add,
    addPushFaults: pushFaults.add,
    advance: clock.advance,
    reset,
    clearJournal: journal.clear
  }
}

/** Makes the methods that send something to an app. */
const makeDeliveries = ({ journal, own, pushing, sending, state }: {
  readonly state: State
  readonly journal: Journal.Journal
  readonly pushing: Pushing.Pushing
  readonly sending: Sending.Sending
  readonly own: Own
}) => {
  const { apps, tickets } = state
  const find = findIn(state)

  const delivered = ({ eventId, first }: Pushing.Begun) => Effect.map(first, (outcome) => ({ eventId, ...outcome }))

  const begin = {
    event: (appId: string, event: Event) => own(Effect.flatMap(find(appId), (app) => pushing.push(app, event))),
    ticket: (appId: string) =>
      Effect.gen(function*() {
        const app = yield* find(appId)
        if (!getsTickets(app)) return yield* new NoTicket({ appId })
        const ticket = yield* tickets.issue(appId)
        return yield* pushing.push(app, { type: "app_ticket", schema: "1.0", payload: { app_ticket: ticket } })
      }).pipe(own)
  }

  const methods = {
    push: (appId: string, event: Event) => Effect.map(begin.event(appId, event), ({ eventId }) => eventId),
    pushAndWait: (appId: string, event: Event) => Effect.flatMap(begin.event(appId, event), delivered),
    pushTicket: (appId: string) => Effect.asVoid(begin.ticket(appId)),
    pushTicketAndWait: (appId: string) => Effect.flatMap(begin.ticket(appId), delivered),
    callback: (appId: string, event: Event) =>
      Effect.gen(function*() {
        const answer = yield* Callbacks.send(sending, yield* find(appId), event)
        return Either.isRight(answer)
          ? answer.right
          : yield* new CallbackError({ appId, type: event.type, reason: answer.left })
      }).pipe(own),
    setRequestUrl: (appId: string, url: RequestUrl) =>
      Effect.gen(function*() {
        const reason = yield* handshake({ journal, sending }, yield* find(appId), url)
        if (reason !== undefined) return yield* new RequestUrlError({ appId, reason })
        // The app as it is now: it may have changed meanwhile.
        apps.set(appId, { ...yield* find(appId), requestUrl: url })
      }).pipe(own)
  }

  return { begin, methods }
}

/** Pushes a ticket every hour to each app that has a request URL. */
const pushTicketsHourly = ({ apps, clock }: State, pushTicket: (appId: string) => Effect.Effect<void, unknown>) => {
  const pushAll = Effect.suspend(() =>
    Effect.forEach(
      [...apps.values()].filter(({ requestUrl }) => requestUrl !== undefined),
      ({ appId }) => Effect.ignore(pushTicket(appId)),
      { discard: true }
    )
  )
  return Effect.gen(function*() {
    let due = (yield* clock.now) + ticketInterval
    for (;;) {
      yield* clock.sleepUntil(due)
      const hours = 1 + Math.floor(((yield* clock.now) - due) / ticketInterval)
      due += hours * ticketInterval
      yield* Effect.replicateEffect(pushAll, Math.min(hours, mostTickets), { discard: true })
    }
  })
}

/** Starts the platform. Sends pushes to a URL by the `HttpClient`. */
export const make = (settings: Settings) =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<never>()
    const own: Own = Effect.provide(runtime)
    // In the scope of the emulator: a push must not depend on who caused it, nor on how that one can be interrupted.
    // Not among the pushes, which a reset ends.
    const runRequest = yield* FiberSet.makeRuntime<never>()
    const fibers = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(fibers)<never>()
    const journal = yield* Journal.make
    const state = makeState(settings)
    const { apps, clock, tickets } = state
    const mask = Mask.make({ apps, isTicket: tickets.isTicket })
    const calls = Calls.make({ ...state, limits: settings.limits })
    const sending = Sending.make({ apps, journal, mask, run: runRequest, client: yield* HttpClient.HttpClient })
    const pushing = Pushing.make({
      apps,
      clock,
      journal,
      run,
      // Does not wait: a request URL in this process may cause this in a fiber of its own delivery.
      interruptAll: Effect.sync(() => {
        for (const fiber of fibers) fiber.unsafeInterruptAsFork(fiber.id())
      }),
      sending,
      faultOf: state.pushFaults.next,
      signRetriesAnew: settings.signRetriesAnew
    })
    yield* Effect.addFinalizer(() => pushing.clear)
    const { begin, methods } = makeDeliveries({ journal, own, pushing, sending, state })

    const delay = settings.pushDelay === "realistic"
      ? Effect.map(Random.nextIntBetween(1_000, 120_001), Duration.millis)
      : Effect.succeed(settings.pushDelay)
    const handle = Faulty.make({
      calls,
      journal,
      mask,
      faultOf: state.callFaults.next,
      afterResend: (appId) =>
        Effect.map(delay, (delay) =>
          void run(Effect.zipRight(clock.sleep(delay), Effect.ignore(methods.pushTicket(appId)))))
    })

    yield* Effect.forkScoped(pushTicketsHourly(state, methods.pushTicket))

    return {
      begin,
      journal,
      handle: (request: Parameters<typeof handle>[0]) =>
        own(handle(request)),
      service: {
        ...makeViews(state, journal, own),
        ...makeChanges({ calls, journal, own, pushing, settings, state }),
        ...methods
      }
    }
  })
