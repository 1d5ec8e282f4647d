/**
 * Ten real minutes of three processes of a store app, over sockets and a Redis: a fixed load for hundreds of tenants, tickets and
 * tokens on a platform whose hours are short, and faults. Looks at the memory and the handles of each process, and asks of each
 * failure which fault explains it.
 */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Machines from "../chaos/Machines.js"
import * as Rules from "../chaos/rules.js"
import * as Child from "../measure/Child.js"
import * as Tally from "../tally.js"
import * as Explained from "./explained.js"
import * as MinutesReport from "./minutesReport.js"
import * as Misfortunes from "./misfortunes.js"
import type * as Server from "./server.js"
import { times } from "./shrunk.js"
import * as Stalls from "./stalls.js"
import * as Users from "./users.js"
import * as Witness from "./witness.js"

const { appId } = Machines
const machines = 3
/** Calls in a second, of all processes. A quiet machine with two cores has much time left; `SOAK_CALLS` is for a busy one. */
const calls = Number(process.env["SOAK_CALLS"] ?? 60)

/** In a second, of all processes. */
const rates = { calls, events: calls / 20, callbacks: calls / 60 }

/** A process calls for each of them within 15 s, so that most tokens are renewed before they end. */
const tenants = Arr.makeBy(5 * calls, (n) => `tenant_${n}`)

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

/** Returns a look at all processes, and the secrets that the looks have found. */
const makeLook = ({ emulator, machines: all }: Machines.World) => {
  const secrets = new Set<string>(Object.values(Machines.secrets))
  const look = Effect.gen(function*() {
    // The journal keeps many thousands of entries, for whoever looks at the emulator.
    yield* emulator.clearJournal
    // A token lasts a minute: all are seen.
    for (const { value } of [...yield* emulator.tickets(appId), ...yield* emulator.tokens(appId)]) {
      secrets.add(Redacted.value(value))
    }
    const figures = yield* Effect.forEach(all, figuresOf, { concurrency: "unbounded" })
    globalThis.gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    return { at: yield* Clock.currentTimeMillis, machines: figures, platform: { heap: heapUsed, rss } }
  })
  return { look, secrets: secrets as ReadonlySet<string> }
}

type Look = Effect.Effect.Success<ReturnType<typeof makeLook>["look"]>

/** Waits until no process closes handles any more. Returns the fewest handles of each process. */
const idle = (all: ReadonlyArray<Machines.Machine>, look: Effect.Effect<Look>) =>
  Effect.gen(function*() {
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

/** Looks at the processes again and again for so long. */
const follow = (seconds: number, look: Effect.Effect<Look>) =>
  Effect.gen(function*() {
    const first = yield* look
    const samples: Arr.NonEmptyArray<Look> = [first]
    const every = Math.min(10, seconds / 20)
    for (let n = 1; n * every <= seconds; n++) {
      const due = first.at + n * every * 1000
      yield* Effect.sleep(Math.max(0, due - (yield* Clock.currentTimeMillis)))
      samples.push(yield* look)
    }
    return samples
  })

/** Returns how many events are neither acknowledged nor lost. */
const unsettledOf = (pushed: ReadonlySet<string>, { events }: Witness.Seen) =>
  [...pushed].filter((id) => {
    const event = events.get(id)
    return !(event?.isAcknowledged ?? false) && !(event?.isLost ?? false)
  }).length

/** Lets the platform push for the last time what was not acknowledged. */
const settle = (emulator: Emulator.Service, unsettled: () => number) => {
  const within = (seconds: number, meanwhile: Effect.Effect<void>) =>
    Effect.zipRight(meanwhile, Effect.sleep("1 second")).pipe(
      Effect.repeat({ until: () => unsettled() === 0 }),
      Effect.timeoutOption(Duration.seconds(seconds))
    )
  // A claim that was made in an outage ends after 13 s.
  return Effect.zipRight(within(20, Effect.void), within(20, emulator.advance("1 hour")))
}

/** Counts by method the calls that ended between two looks. */
const callsBetween = (first: Look, last: Look): Tally.Tally => {
  const calls: Tally.Tally = {}
  for (const { calls: ofMachine } of last.machines) Tally.addAll(calls, ofMachine)
  for (const { calls: ofMachine } of first.machines) {
    for (const [method, count] of Object.entries(ofMachine)) Tally.add(calls, method, -count)
  }
  return calls
}

const observed = (seconds: number) =>
  Effect.gen(function*() {
    const warmUp = Math.max(30, seconds / 10)
    const broken: Array<string> = []
    const outages: Array<Explained.Outage> = []
    const world = yield* Machines.make({
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
    const { emulator, machines: all } = world
    const witness = yield* Witness.watch(emulator)
    const { counts, events, faulty } = witness
    const stalls = yield* Stalls.watch
    yield* hurry(emulator)
    const users = yield* Users.make(emulator, rates)
    const { look, secrets } = makeLook(world)

    // The run

    yield* Misfortunes.setFaults(emulator, rates.events)
    yield* users.go
    // A process that has just started is slow, and each tenant's first token is due.
    yield* setLoad(all, rates.calls / 4)
    yield* Effect.sleep(Duration.seconds(warmUp / 2))
    yield* setLoad(all, rates.calls)
    yield* Effect.sleep(Duration.seconds(warmUp / 2))
    yield* users.rest
    const before = yield* idle(all, look)

    yield* users.go
    yield* setLoad(all, rates.calls)
    yield* Effect.forkScoped(Misfortunes.run(world, { counts, outages, seconds }))
    const samples = yield* follow(seconds, look)
    yield* users.rest
    yield* setLoad(all, 0)

    // The end

    const unsettled = () => unsettledOf(users.pushed, witness)
    yield* settle(emulator, unsettled)
    const after = yield* idle(all, look)
    const atEnd = yield* look
    const failures = atEnd.machines.flatMap(({ failures }) => failures)
    const stalled = [...stalls, ...atEnd.machines.flatMap(({ stalls }) => stalls)]
    outages.push(...stalled.map(({ begin, end }) =>
      ({ name: "machine busy with other programs", of: "machine", begin, end: end + Misfortunes.reconnecting }) as const
    ))
    const outputs = all.map(({ output }) =>
      output()
    )
    broken.push(...Rules.unhandledIn(outputs))
    const { runs } = yield* world.runs
    const acknowledged = [...users.pushed].filter((id) => events.get(id)?.isAcknowledged === true)
    const isHandled = (id: string) => runs.get(id)?.some(({ isDone }) => isDone) === true
    const twice = [...runs].filter(([, ofEvent]) => ofEvent.length > 1).map(([id]) => events.get(id))
    const first = Arr.headNonEmpty(samples)
    const last = Arr.lastNonEmpty(samples)
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
      calls: callsBetween(first, last),
      tookMillis: last.at - first.at,
      idle: { before, after },
      counts,
      faults: Explained.countByChance(faulty, outages),
      callbacks: users.answered(),
      failed: [
        ...Explained.calls([...failures, ...users.failures], Explained.countLast(faulty, outages), outages),
        ...Witness.explainPushes(witness, outages),
        ...Explained.repeats(twice, outages)
      ],
      events: {
        pushed: users.pushed.size,
        handled: acknowledged.filter(isHandled).length,
        unsettled: unsettled(),
        notHandled: acknowledged.filter((id) => !isHandled(id)).length,
        // Nothing but the platform's events may be handled.
        strange: [...runs.keys()].filter((id) => !users.pushed.has(id)).length
      },
      stalls: {
        times: stalled.length,
        longest: stalled.reduce((longest, { begin, end }) => Math.max(longest, end - begin), 0)
      },
      secrets: { searched: secrets.size, found: Rules.secretsIn(secrets, outputs) },
      broken
    } satisfies MinutesReport.Result
  })

export const run = (seconds: number): Effect.Effect<MinutesReport.Result, unknown> => Effect.scoped(observed(seconds))

export const section = (seconds: number) =>
  Effect.map(
    Child.run<MinutesReport.Result>("soak-minutes", [`${seconds}`], { node: ["--expose-gc"] }),
    MinutesReport.section
  )
