/**
 * Ten real minutes of three processes of a store app, over sockets and a Redis: a fixed load for hundreds of tenants, tickets and
 * tokens on a platform whose hours are short, and faults. Looks at the memory and the handles of each process, and asks of each
 * failure which fault explains it.
 */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Fault from "@effect-feishu/emulator/Fault"
import type * as Journal from "@effect-feishu/emulator/Journal"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Machines from "../chaos/Machines.js"
import * as Rules from "../chaos/rules.js"
import * as Child from "../measure/Child.js"
import { messagePath, queryPath } from "../storeApp.js"
import * as Tally from "../tally.js"
import * as Explained from "./explained.js"
import * as MinutesReport from "./minutesReport.js"
import type * as Server from "./server.js"
import { times } from "./shrunk.js"
import * as Stalls from "./stalls.js"

const { appId } = Machines
const machines = 3
/** Calls in a second, of all processes. A quiet machine with two cores has much time left; `SOAK_CALLS` is for a busy one. */
const calls = Number(process.env["SOAK_CALLS"] ?? 60)

/** In a second, of all processes. */
const rates = { calls, events: calls / 20, callbacks: calls / 60 }

/** A process calls for each of them within 15 s, so that most tokens are renewed before they end. */
const tenants = Arr.makeBy(5 * calls, (n) => `tenant_${n}`)

/** How often each fault happens to calls, and to pushes. */
const probability = 0.01

const faultsOfCalls = Explained.namesOfCalls.map((name) =>
  Fault.withProbability(probability, Explained.ofCalls[name].fault, { seed: `soak ${name}` })
)

const faultsOfPushes = [
  Fault.Lost(),
  // Of the platform's time: 5 s.
  Fault.Doubled({ after: Duration.seconds(5 * times) }),
  Fault.Forged(),
  Fault.Tampered()
].map((fault) => Fault.withProbability(probability, fault, { seed: `soak ${fault._tag}` }))

const platformAway = [Fault.withProbability(1, Fault.Drop(), { seed: "away" })]

/** After Redis is back, processes connect again, and what waited for Redis ends. */
const reconnecting = Duration.toMillis("3 seconds")

/** Runs the platform's clock forward, so that its hours are short. */
const hurry = ({ advance }: Emulator.Service) =>
  Effect.gen(function*() {
    let last = yield* Clock.currentTimeMillis
    const step = Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      yield* advance((now - last) * (times - 1))
      last = now
    })
    yield* Effect.forkScoped(Effect.repeat(step, Schedule.spaced("500 millis")))
  })

/** One event of the app, as the platform has seen it. */
interface Pushed {
  readonly begin: number
  end: number
  isAcknowledged: boolean
  isLost: boolean
}

type Push = Extract<Journal.Entry, { readonly _tag: "Push" }>

/** Reads the journal as it grows. */
const watch = (emulator: Emulator.Service) =>
  Effect.gen(function*() {
    const counts: Tally.Tally = {}
    const events = new Map<string, Pushed>()
    /** Deliveries that were not acknowledged, and forged ones that were. */
    const failed: Array<Push> = []
    /** By fault: when it happened to a call that is not sent again. */
    const faulty: Array<{ readonly name: Explained.OfCallsName; readonly begin: number; readonly end: number }> = []
    let lastId = yield* Effect.map(emulator.journal, (entries) => entries.at(-1)?.id ?? 0)

    const seeCall = (entry: Extract<Journal.Entry, { readonly _tag: "Call" }>) => {
      const name = Explained.faultOf(entry)
      Tally.add(counts, `call ${entry.path}`)
      if (name !== undefined) Tally.add(counts, `fault ${name}`)
      else if (entry.status === 200) Tally.add(counts, `success ${entry.path}`)
      if (entry.path === queryPath && entry.token === "invalid") Tally.add(counts, "token refused")
      if (entry.path === messagePath && name !== undefined) {
        faulty.push({ name, begin: entry.at, end: entry.endedAt })
      }
    }
    const seePush = (entry: Push) => {
      const isAcknowledged = entry.outcome === "acknowledged"
      if (entry.kind === "callback") {
        return Tally.add(counts, isAcknowledged ? "callback acknowledged" : "callback not acknowledged")
      }
      if (isAcknowledged !== (entry.origin === "platform")) failed.push(entry)
      if (entry.origin !== "platform") return
      const isTicket = entry.eventType === "app_ticket"
      if (isAcknowledged) Tally.add(counts, isTicket ? "ticket acknowledged" : "event acknowledged")
      const known = events.get(entry.eventId) ?? { begin: entry.at, end: 0, isAcknowledged: false, isLost: false }
      events.set(entry.eventId, known)
      known.end = entry.endedAt
      known.isAcknowledged ||= isAcknowledged
      known.isLost ||= entry.outcome === "lost"
    }

    yield* Effect.forkScoped(Stream.runForEach(emulator.changes, (entry) =>
      Effect.suspend(() => {
        // A reader who is slow loses entries.
        if (entry.id !== ++lastId) {
          return Effect.dieMessage(`the journal goes on with ${entry.id} and not with ${lastId}`)
        }
        if (entry._tag === "Call") seeCall(entry)
        if (entry._tag === "Push") seePush(entry)
        return Effect.void
      })))
    // Subscribed, before anything happens.
    yield* Effect.sleep("100 millis")
    return { counts, events, failed, faulty }
  })

/** Gets a page of a process. Tries again, because the process may close a kept connection just when a request is sent. */
const page = ({ name, page }: Machines.Machine, path: string) =>
  page(path).pipe(
    Effect.retry({ times: 2, schedule: Schedule.spaced("200 millis") }),
    Effect.orDieWith((reason) => new Error(`${name} does not show ${path}: ${reason}`))
  )

const figuresOf = (machine: Machines.Machine) =>
  Effect.map(page(machine, "/figures"), (text) => JSON.parse(text) as Server.Figures)

/** Sets the load of each process. */
const setLoad = (all: ReadonlyArray<Machines.Machine>, callsASecond: number) =>
  Effect.forEach(all, (machine) => page(machine, `/load?rate=${callsASecond / machines}`), {
    concurrency: "unbounded",
    discard: true
  })

/** Polls a process until its handles have not become fewer for so many seconds. A kept connection ends after 5 s. */
const calm = 8

/** Says of a delivery that was not acknowledged why, or of a forged one that it was. */
const explainPush = (
  push: Push,
  events: ReadonlyMap<string, Pushed>,
  outages: ReadonlyArray<Explained.Outage>
): readonly [what: string, why: string | undefined] => {
  const what = `${push.origin === "platform" ? "" : `${push.origin} `}${
    push.eventType === "app_ticket" ? "ticket" : "event"
  }: ${push.outcome}${push.status === undefined ? "" : `, HTTP ${push.status}`}`
  if (push.origin !== "platform") return [what, push.outcome === "acknowledged" ? undefined : "push forged"]
  if (push.outcome === "lost") return [what, "push lost"]
  if (push.fault === "Tampered" && push.attempt === 1) return [what, "push tampered"]
  // What an attempt in the outage has claimed is free again later.
  const begin = events.get(push.eventId)?.begin ?? push.at
  const ofRedis = Explained.outageOf(outages, { begin, end: push.endedAt }, "Redis")
  // Redis has a second to answer, and the app has three.
  const isLate = push.outcome === "timed out" || push.outcome === "unreachable" || push.status === 503
  const ofMachine = isLate ? Explained.outageOf(outages, { begin, end: push.endedAt }, "machine") : undefined
  return [what, (ofRedis ?? ofMachine)?.name]
}

const observed = (seconds: number) =>
  Effect.gen(function*() {
    const warmUp = Math.max(30, seconds / 10)
    const broken: Array<string> = []
    const outages: Array<Explained.Outage> = []
    const callbackFailures: Array<Explained.Failed> = []

    const { emulator, machines: all, redis, runs } = yield* Machines.make({
      machines,
      tenants,
      clockError: () => 0,
      onDeath: (how) => {
        broken.push(how)
        process.stderr.write(`${how}\n`)
      },
      program: {
        name: "soak-server",
        node: ["--expose-gc"],
        variables: { TENANTS: `${tenants.length}`, SOAK_LEAK: process.env["SOAK_LEAK"] ?? "0" }
      }
    })
    const { counts, events, failed, faulty } = yield* watch(emulator)
    const stalls = yield* Stalls.watch
    yield* hurry(emulator)

    // What is looked at

    const look = Effect.gen(function*() {
      // The journal keeps many thousands of entries, for whoever looks at the emulator.
      yield* emulator.clearJournal
      const figures = yield* Effect.forEach(all, figuresOf, { concurrency: "unbounded" })
      globalThis.gc?.()
      const { heapUsed, rss } = process.memoryUsage()
      return { at: yield* Clock.currentTimeMillis, machines: figures, platform: { heap: heapUsed, rss } }
    })
    const callsOf = ({ machines }: Effect.Effect.Success<typeof look>) => {
      const calls: Tally.Tally = {}
      for (const ofMachine of machines) Tally.addAll(calls, ofMachine.calls)
      return calls
    }

    // The users

    let isPushing = true
    const steadily = <A, E>(perSecond: number, effect: Effect.Effect<A, E>) =>
      Effect.forkScoped(Effect.repeat(
        Effect.suspend(() => isPushing ? Effect.forkDaemon(effect) : Effect.void),
        Schedule.fixed(Duration.millis(1000 / perSecond))
      ))
    const pushed = new Set<string>()
    const push = Effect.map(
      emulator.push(appId, { type: "app_soak", payload: {} }),
      (eventId) => void pushed.add(eventId)
    )
    const click = Effect.gen(function*() {
      const begin = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(
        emulator.callback(appId, { type: "card.action.trigger", payload: { action: { tag: "button", value: {} } } })
      )
      Tally.add(counts, "callback")
      if (Exit.isSuccess(exit)) return
      const end = yield* Clock.currentTimeMillis
      callbackFailures.push({ call: "callback", outcome: Explained.notAnswered, begin, end })
    })

    // The faults

    const outage = (
      given: Pick<Explained.Outage, "name" | "of">,
      { begin, end, lasts, lingers = 0 }: {
        readonly begin: Effect.Effect<unknown>
        readonly lasts: Duration.DurationInput
        readonly end: Effect.Effect<unknown>
        readonly lingers?: number
      }
    ) =>
      Effect.gen(function*() {
        const from = yield* Clock.currentTimeMillis
        yield* begin
        yield* Effect.sleep(lasts)
        yield* end
        outages.push({ ...given, begin: from, end: (yield* Clock.currentTimeMillis) + lingers })
      })
    const setFaults = Effect.zipRight(
      Effect.orDie(emulator.setFaults(faultsOfCalls)),
      Effect.orDie(emulator.setPushFaults(faultsOfPushes))
    )
    const part = (of: number) => Effect.sleep(Duration.seconds(seconds * of))
    const misfortunes = Effect.gen(function*() {
      yield* part(0.25)
      yield* outage({ name: "Redis frozen for 5 s", of: "Redis" }, {
        begin: redis.freeze,
        lasts: "5 seconds",
        end: redis.thaw,
        lingers: reconnecting
      })
      yield* part(0.15)
      yield* outage({ name: "platform away for 4 s", of: "platform" }, {
        begin: emulator.setFaults(platformAway).pipe(Effect.orDie),
        lasts: "4 seconds",
        end: emulator.setFaults(faultsOfCalls).pipe(Effect.orDie)
      })
      yield* part(0.15)
      yield* outage({ name: "Redis restarted empty after 2 s", of: "Redis" }, {
        begin: redis.kill,
        lasts: "2 seconds",
        end: redis.start,
        lingers: reconnecting
      })
    })

    const idle = Effect.gen(function*() {
      isPushing = false
      yield* setLoad(all, 0)
      let least = all.map(() => Infinity)
      for (let polls = 0; polls < calm; polls++) {
        yield* Effect.sleep("1 second")
        const now = (yield* look).machines.map(({ handles }) => handles)
        if (now.some((handles, n) => handles < (least[n] ?? 0))) polls = -1
        least = least.map((handles, n) => Math.min(handles, now[n] ?? Infinity))
      }
      return least
    })

    // The run

    yield* setFaults
    yield* steadily(rates.events, push)
    yield* steadily(rates.callbacks, click)
    // A process that has just started is slow, and each tenant's first token is due.
    yield* setLoad(all, rates.calls / 4)
    yield* Effect.sleep(Duration.seconds(warmUp / 2))
    yield* setLoad(all, rates.calls)
    yield* Effect.sleep(Duration.seconds(warmUp / 2))
    const idleBefore = yield* idle

    isPushing = true
    yield* setLoad(all, rates.calls)
    const first = yield* look
    yield* Effect.forkScoped(misfortunes)
    const samples = [first]
    const every = Math.min(10, seconds / 20)
    for (let n = 1; n * every <= seconds; n++) {
      const due = first.at + n * every * 1000
      yield* Effect.sleep(Math.max(0, due - (yield* Clock.currentTimeMillis)))
      samples.push(yield* look)
    }
    isPushing = false
    yield* setLoad(all, 0)

    // The end: the platform pushes for the last time what was not acknowledged

    const unsettled = () =>
      [...pushed].filter((id) => {
        const event = events.get(id)
        return !(event?.isAcknowledged ?? false) && !(event?.isLost ?? false)
      }).length
    const settle = (seconds: number, meanwhile: Effect.Effect<void>) =>
      Effect.zipRight(meanwhile, Effect.sleep("1 second")).pipe(
        Effect.repeat({ until: () => unsettled() === 0 }),
        Effect.timeoutOption(Duration.seconds(seconds))
      )
    // What an attempt in an outage has claimed is free again after 13 s.
    yield* settle(20, Effect.void)
    yield* settle(20, emulator.advance("1 hour"))
    const idleAfter = yield* idle

    const atEnd = yield* look
    const failures = atEnd.machines.flatMap(({ failures }) => failures)
    const stalled = [...stalls, ...atEnd.machines.flatMap(({ stalls }) => stalls)]
    outages.push(...stalled.map(({ begin, end }) =>
      ({ name: "machine busy with other programs", of: "machine", begin, end: end + reconnecting }) as const
    ))
    const seen = yield* runs
    broken.push(...Rules.unhandledIn(all.map(({ output }) =>
      output()
    )))
    const acknowledged = [...pushed].filter((id) => events.get(id)?.isAcknowledged === true)
    const isHandled = (id: string) => seen.runs.get(id)?.some(({ isDone }) => isDone) === true
    const twice = [...seen.runs].filter(([, ofEvent]) => ofEvent.length > 1).map(([id]) => events.get(id))
    const outside = faulty.filter((span) => Explained.outageOf(outages, span, "platform") === undefined)
    const ofPosts: Tally.Tally = {}
    for (const { name } of outside) Tally.add(ofPosts, name)
    const pushes = new Map<string, Explained.Row>()
    for (const push of failed) {
      const [what, why] = explainPush(push, events, outages)
      pushes.set(`${what} ${why}`, { what, why, times: (pushes.get(`${what} ${why}`)?.times ?? 0) + 1 })
    }
    const last = samples.at(-1) ?? first
    return {
      seconds,
      warmUp,
      rate: rates.calls,
      tenants: tenants.length,
      samples: samples.map(({ at, machines, platform }) => ({
        at,
        platform,
        machines: machines.map(({ handles, heap, rss }) => ({ handles, heap, rss }))
      })),
      calls: Object.fromEntries(
        Object.entries(callsOf(last)).map(([method, count]) => [method, count - (callsOf(first)[method] ?? 0)])
      ),
      tookMillis: last.at - first.at,
      idle: { before: idleBefore, after: idleAfter },
      counts,
      failed: [
        ...Explained.calls([...failures, ...callbackFailures], ofPosts, outages),
        ...pushes.values(),
        ...Explained.repeats(twice, outages)
      ],
      events: {
        pushed: pushed.size,
        unsettled: unsettled(),
        notHandled: acknowledged.filter((id) => !isHandled(id)).length,
        // Nothing but the platform's events may be handled.
        strange: [...seen.runs.keys()].filter((id) => !pushed.has(id)).length
      },
      stalls: {
        times: stalled.length,
        longest: stalled.reduce((longest, { begin, end }) => Math.max(longest, end - begin), 0)
      },
      broken
    } satisfies MinutesReport.Result
  })

export const run = (seconds: number): Effect.Effect<MinutesReport.Result, unknown> => Effect.scoped(observed(seconds))

export const section = (seconds: number) =>
  Effect.map(
    Child.run<MinutesReport.Result>("soak-minutes", [`${seconds}`], { node: ["--expose-gc"] }),
    MinutesReport.section
  )
