/** Faults between processes: machines are killed and paused, clocks are wrong, Redis is away or has lost everything. */
import * as Journal from "@effect-feishu/emulator/Journal"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Dice from "../fuzz/Dice.js"
import * as Child from "../measure/Child.js"
import { never } from "../report/Claim.js"
import * as Findings from "../report/Findings.js"
import type { Section } from "../report/Section.js"
import * as Tally from "../tally.js"
import * as Faults from "./faults.js"
import * as Journals from "./journal.js"
import * as Machines from "./Machines.js"
import * as Misfortunes from "./misfortunes.js"
import * as Rules from "./rules.js"

const { appId } = Machines
const tenants = ["tenant_1", "tenant_2", "tenant_3"] as const
const machines = 3

/** The faults happen for so long. */
const faulty = Duration.toMillis("40 seconds")

/** Within this time after the faults each machine must work: a resend is held back for a minute, and the ticket is pushed after it. */
const recovery = Duration.seconds(150)

/** So many seeds run at once, because a run waits for most of its time. */
const atOnce = 4

/** The longest that a call may take. The wait for a ticket is the longest part. */
const longestCall = Duration.minutes(6)

/** The longest that a process may take to end after SIGTERM, in milliseconds. */
const longestStop = 15_000

/** By how many milliseconds a clock may be wrong. Less than 5 min, which a signature may be in the future. */
const clockErrors = [0, -120_000, -20_000, 20_000, 120_000] as const

/** Chooses the faults of the run: some of the world's, and at most two of the platform's. */
const faultsOf = (dice: Dice.Dice) => {
  const world = new Set(Misfortunes.names.filter(() => dice.chance(0.5)))
  const platform = Faults.ofPlatform.filter(() => dice.chance(0.1)).slice(0, 2)
  return { world, platform }
}

export interface Run {
  readonly faults: ReadonlyArray<string>
  readonly broken: ReadonlyArray<string>
  readonly outcomes: Readonly<Record<string, number>>
}

/** Names how a page has failed: the name of the error, which stands first. */
const reasonOf = (text: string): string =>
  text === "the machine is away" ? text : /^\W*(\w+)/.exec(text)?.[1] ?? "nothing"

/** Wakes and starts all. Returns the names of the machines on which a call fails after the time of the recovery. */
const recover = ({ machines, redis }: Machines.World) =>
  Effect.gen(function*() {
    yield* redis.thaw
    if (Option.isNone(yield* Effect.timeoutOption(Effect.promise(() => redis.client.ping()), "1 second"))) {
      yield* redis.start
    }
    yield* Effect.forEach(machines, ({ start, wake }) => Effect.zipRight(wake, start), { concurrency: "unbounded" })
    const works = yield* Effect.forEach(
      machines.flatMap((machine) => tenants.map((tenant) => ({ machine, tenant }))),
      ({ machine, tenant }) =>
        machine.page(`/call?tenant=${tenant}`).pipe(
          Effect.retry(Schedule.spaced("500 millis")),
          Effect.timeoutOption(recovery),
          Effect.map((works) => Option.isSome(works) ? [] : [machine.name])
        ),
      { concurrency: "unbounded" }
    )
    return works.flat()
  })

const observed = (seed: number) =>
  Effect.gen(function*() {
    const dice = Dice.make(seed)
    const { platform, world } = faultsOf(dice)
    const broken = new Set<string>()
    const outcomes: Tally.Tally = {}
    let storeFailures = 0

    const running = yield* Machines.make({
      machines,
      tenants,
      clockError: () => world.has("clocks") ? dice.pick(clockErrors) : 0,
      onDeath: (how) => broken.add(how)
    })
    const { anyone, emulator, machines: all, redis, runs } = running
    const journal = yield* Journals.collect(emulator)

    // The users, and the platform

    const started: Array<Fiber.Fiber<unknown, unknown>> = []
    const spawn = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.map(Effect.forkDaemon(effect), (fiber) => void started.push(fiber))
    const call = (machine: Machines.Machine) =>
      machine.page(`/call?tenant=${dice.pick(tenants)}`).pipe(
        Effect.timeoutFail({ duration: longestCall, onTimeout: () => "nothing" }),
        Effect.either,
        Effect.map((answer) => {
          const outcome = Either.match(answer, { onLeft: reasonOf, onRight: () => "success" })
          Tally.add(outcomes, `call: ${outcome}`)
          if (outcome === "nothing") broken.add("a call has no end")
        })
      )
    const pushed = new Set<string>()
    const push = Effect.map(
      Effect.exit(emulator.push(appId, { type: "app_chaos", payload: {} })),
      (exit) => {
        if (Exit.isSuccess(exit)) pushed.add(exit.value)
      }
    )
    const click = Effect.map(
      Effect.exit(
        emulator.callback(appId, { type: "card.action.trigger", payload: { action: { tag: "button", value: {} } } })
      ),
      (exit) => Tally.add(outcomes, `callback: ${Exit.isSuccess(exit) ? "answered" : "not answered"}`)
    )

    // The ticket in Redis

    let newest = 0
    const noteTicket = Effect.promise(() => redis.client.hget(`feishu:{${appId}}:ticket`, "sentAt")).pipe(
      Effect.map((text) => {
        const sentAt = Number(text ?? 0)
        if (sentAt < newest) broken.add("an older ticket has replaced a newer one")
        newest = Math.max(newest, sentAt)
      })
    )

    // The faults

    const misfortune = Misfortunes.make({
      ...running,
      names: world,
      dice,
      onStoreFailure: () => void storeFailures++,
      onEmptied: () => void (newest = 0)
    })
    const { faults, pushFaults } = Faults.rulesOf(platform, seed)
    yield* emulator.setFaults(faults)
    yield* emulator.setPushFaults(pushFaults)
    const begin = yield* Clock.currentTimeMillis
    const worse = yield* Effect.fork(Effect.forever(misfortune))
    while ((yield* Clock.currentTimeMillis) - begin < faulty) {
      yield* spawn(call(anyone(dice)))
      if (dice.chance(0.4)) yield* spawn(push)
      if (dice.chance(0.2)) yield* spawn(click)
      if (dice.chance(0.05)) yield* spawn(Effect.exit(emulator.pushTicket(appId)))
      if (storeFailures === 0) yield* noteTicket
      yield* Effect.sleep(100 + dice.below(500))
    }

    // The faults end

    yield* Fiber.interrupt(worse)
    yield* emulator.setFaults([])
    yield* emulator.setPushFaults([])
    for (const name of yield* recover(running)) broken.add(`after the faults, ${name} does not work`)
    yield* Effect.forEach(started, Fiber.await, { concurrency: "unbounded" })
    // The platform pushes an event that was refused again after 15 s.
    yield* Effect.sleep("20 seconds")
    yield* noteTicket

    // The end

    const values = new Set<string>(Object.values(Machines.secrets))
    for (const { value } of [...yield* emulator.tickets(appId), ...yield* emulator.tokens(appId)]) {
      values.add(Redacted.value(value))
    }
    for (const took of yield* Effect.forEach(all, ({ terminate }) => terminate, { concurrency: "unbounded" })) {
      if (took > longestStop) broken.add(`a process takes ${took} ms to end`)
    }
    const before = journal.length
    yield* Effect.sleep("2 seconds")
    if (journal.slice(before).some(Journal.$is("Call"))) broken.add("a call is sent after the end")

    const outputs = all.map(({ output }) => output())
    for (const problem of [...Rules.unhandledIn(outputs), ...Rules.secretsIn(values, outputs)]) broken.add(problem)

    const seen = yield* runs
    const told: Rules.Told = {
      journal,
      // Processes that end interrupt their handlers.
      faults: [...platform, "restart"],
      ...Rules.workOf(seen),
      pushed,
      storeFailures,
      processes: machines
    }
    for (const problem of Rules.brokenIn(told)) broken.add(problem)
    if (storeFailures === 0) { for (const line of seen.wrong) broken.add(`an event was begun twice: ${line}`) }
    Journals.tallyPushes(outcomes, journal)
    return { faults: [...world, ...platform], broken: [...broken], outcomes }
  })

/** Runs these seeds, one after another. */
export const run = (first: number, runs: number): Effect.Effect<ReadonlyArray<Run>> =>
  Effect.forEach(
    Array.from({ length: runs }, (_, n) => first + n),
    (seed) => Effect.orDie(Effect.scoped(observed(seed)))
  )

export const section = (first: number, runs: number): Effect.Effect<Section> =>
  Effect.gen(function*() {
    const parts = Arr.chunksOf(Arr.makeBy(runs, (n) => first + n), Math.ceil(runs / atOnce))
    const results = yield* Effect.forEach(
      parts,
      ([begin, ...others]) => Child.run<ReadonlyArray<Run>>("chaos-processes", [`${begin}`, `${others.length + 1}`]),
      { concurrency: "unbounded" }
    ).pipe(Effect.map(Arr.flatten))
    const broken = results.flatMap(({ broken }, n) => broken.map((rule) => ({ rule, seed: first + n })))
    const count = ({ outcomes }: Run, is: (name: string) => boolean) =>
      Object.entries(outcomes).reduce((sum, [name, times]) => is(name) ? sum + times : sum, 0)
    return {
      tables: [
        {
          title: `${machines} processes and a Redis, ${
            Duration.format(Duration.millis(faulty))
          } of faults for each seed`,
          head: ["seed", "calls that succeeded", "that failed", "pushes acknowledged", "not acknowledged", "faults"],
          rows: results.map((run, n) => [
            `${first + n}`,
            `${count(run, (name) => name === "call: success")}`,
            `${count(run, (name) => name.startsWith("call: ") && name !== "call: success")}`,
            `${count(run, (name) => name === "platform push: acknowledged")}`,
            `${count(run, (name) => name.startsWith("platform push: ") && name !== "platform push: acknowledged")}`,
            run.faults.join(", ")
          ])
        },
        ...Findings.tables({
          command: "chaos",
          section: "processes",
          findings: broken.map(({ rule, seed }) => ({ seed, problem: rule }))
        })
      ],
      claims: [never(`chaos between processes: rules broken in ${runs} runs`, broken.length)]
    }
  })
