/**
 * A store app and its platform in one process, for some hours of a clock that jumps: calls for two tenants, events, callbacks, and
 * tickets, while faults happen with a probability. Then the faults end, and the app must recover.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { pass, withQuickClock } from "../../../core/test/quickClock.js"
import * as Dice from "../fuzz/Dice.js"
import * as Outcome from "../outcome.js"
import * as StoreApp from "../storeApp.js"
import * as Tally from "../tally.js"
import * as Faults from "./faults.js"
import * as Journals from "./journal.js"
import * as Rules from "./rules.js"
import * as Stores from "./stores.js"
import * as Witness from "./witness.js"

const appId = "cli_chaos"
const tenants = ["tenant_1", "tenant_2"] as const

const secrets = {
  appSecret: Redacted.make("the-secret-of-cli-chaos"),
  encryptKey: Redacted.make("the-encrypt-key-of-cli-chaos"),
  verificationToken: Redacted.make("the-verification-token-of-cli-chaos")
}

/** The faults happen for so long. */
const faulty = Duration.toMillis("2 hours")

/** After the faults, so much time passes before everything must be well: the longest wait for a ticket, with what is before it. */
const recovery = Duration.toMillis("15 minutes")

/** The result of one run. */
export interface Run {
  readonly broken: ReadonlyArray<string>
  /** How often calls, events and callbacks ended in which way. */
  readonly outcomes: Readonly<Record<string, number>>
}

/** The longest that a call may take: the wait for a ticket, and a call for each token, once more with other tokens, and its own. */
const longestCall = Duration.toMillis("6 minutes")

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

/** Filled while a run goes on. */
interface Seen {
  readonly broken: Set<string>
  readonly outcomes: Tally.Tally
  readonly witness: Witness.Witness
}

/** Makes the app's handlers. `starts` and `ends` count the runs of the handler for each event. */
const makeHandlers = () => {
  const starts: Tally.Tally = {}
  const ends: Tally.Tally = {}
  const handle = (id: string) =>
    Effect.sync(() => Tally.add(starts, id)).pipe(
      Effect.zipRight(Effect.sleep("500 millis")),
      Effect.zipRight(Effect.sync(() => Tally.add(ends, id)))
    )
  const answer = { toast: { type: "info", content: "done" } } as const
  return {
    starts,
    ends,
    handlers: [
      EventHandler.on("app_chaos", ({ id }) => handle(id)),
      EventHandler.callback("card.action.trigger", () => Effect.succeed(answer))
    ]
  }
}

/** Calls, and notes how the call ended and how long it took. */
const noted = <A, E, R>({ broken, outcomes, witness }: Seen, call: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(call)
    const took = (yield* Clock.currentTimeMillis) - before
    const outcome = Outcome.of(exit)
    Tally.add(outcomes, `call: ${outcome}`)
    if (took > longestCall) broken.add(`a call took ${Math.round(took / 1000)} s`)
    if (outcome === Outcome.defect) broken.add(`a call died: ${String(exit)}`)
    if (Exit.isFailure(exit)) witness.note(Outcome.textOf(exit))
    return outcome
  })

const observed = (
  faults: ReadonlyArray<Faults.Name>,
  seed: number,
  witness: Witness.Witness,
  change: (stores: Stores.Stores) => Stores.Stores
) =>
  Effect.gen(function*() {
    const dice = Dice.make(seed)
    const broken = new Set<string>()
    const outcomes: Tally.Tally = {}
    const seen: Seen = { broken, outcomes, witness }
    let isFaulty = true
    const has = (fault: Faults.OfWorld) => isFaulty && Faults.hasFault(faults, fault)

    // The platform

    const emulator = yield* Emulator.Emulator
    const { faults: callFaults, pushFaults } = Faults.rulesOf(faults, seed)
    const journal = yield* Journals.collect(emulator)

    // The app

    let newest = 0
    const stores = yield* Stores.make(appId, {
      fails: Effect.suspend(() =>
        has("slow store") && dice.chance(0.25)
          ? Effect.as(Effect.sleep("4 seconds"), false)
          : Effect.succeed(has("store") && dice.chance(0.25))
      ),
      onTicket: (sentAt) => {
        if (sentAt < newest) broken.add("an older ticket has replaced a newer one")
        newest = Math.max(newest, sentAt)
      }
    })
    const { ends, handlers, starts } = makeHandlers()
    const app = AccessToken.layer().pipe(
      Layer.provideMerge(AppTicket.layer()),
      Layer.provideMerge(EventSubscription.layer({ handlers })),
      Layer.provideMerge(FeishuApp.layer({ ...secrets, appId })),
      Layer.provide(change(stores.layer))
    )
    const start = StoreApp.start(appId, app)
    const stop = (scope: Scope.CloseableScope) =>
      Effect.map(passUntil(Scope.close(scope, Exit.void), longestStop), (exit) => {
        if (Option.isNone(exit)) broken.add("the app does not stop")
      })
    let running = yield* start

    // The users, and the platform

    const call = (tenant: string) => noted(seen, Effect.provide(StoreApp.query(tenant), running.context))
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
            (exit) => Tally.add(outcomes, `callback: ${Exit.isSuccess(exit) ? "answered" : Outcome.of(exit)}`)
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
      const outcome = Option.match(exit, { onNone: () => "nothing", onSome: Exit.getOrElse(() => Outcome.defect) })
      if (outcome !== Outcome.success) broken.add(`after the faults, a call ends with ${outcome}`)
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
    for (const problem of Rules.secretsIn(values, witness.texts)) broken.add(problem)
    const told = { journal, faults, starts, ends, pushed, storeFailures: stores.failures() }
    for (const problem of Rules.brokenIn(told)) broken.add(problem)
    Journals.tallyPushes(outcomes, journal)
    return { broken: [...broken], outcomes }
  })

/**
 * Runs once. The same faults and the same seed give the same run. `change` makes the app worse, for a test that a rule can be
 * broken.
 */
export const run = (
  faults: ReadonlyArray<Faults.Name>,
  seed: number,
  change: (stores: Stores.Stores) => Stores.Stores = (stores) => stores
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
