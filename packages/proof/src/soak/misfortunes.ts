/** The faults of a run of minutes: some of calls and pushes by chance, and three outages. */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Fault from "@effect-feishu/emulator/Fault"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Machines from "../chaos/Machines.js"
import { queryPath } from "../storeApp.js"
import * as Tally from "../tally.js"
import * as Explained from "./explained.js"
import { times } from "./shrunk.js"

/** How often each fault happens to calls. */
const probability = 0.01

/** How often each fault happens to pushes, in a second: some times in the minute of `--quick`. */
const pushFaultsASecond = 0.1

const faultsOfCalls = Explained.namesOfCalls.map((name) =>
  Fault.withProbability(probability, Explained.ofCalls[name].fault, { seed: `soak ${name}` })
)

const faultsOfPushes = (pushesASecond: number) =>
  [
    Fault.Lost(),
    // Of the platform's time: 5 s.
    Fault.Doubled({ after: Duration.seconds(5 * times) }),
    Fault.Forged(),
    Fault.Tampered()
  ].map((fault) =>
    Fault.withProbability(Math.min(1, pushFaultsASecond / pushesASecond), fault, { seed: `soak ${fault._tag}` })
  )

/** Sets the faults that happen by chance. */
export const setFaults = (emulator: Emulator.Service, pushesASecond: number) =>
  Effect.orDie(Effect.zipRight(
    emulator.setFaults(faultsOfCalls),
    emulator.setPushFaults(faultsOfPushes(pushesASecond))
  ))

const platformAway = [Fault.withProbability(1, Fault.Drop(), { seed: "away" })]

/** After Redis is back, processes connect again, and what waited for Redis ends. In milliseconds. */
export const reconnecting = Duration.toMillis("3 seconds")

interface Planned extends Pick<Explained.Outage, "name" | "of"> {
  readonly begin: Effect.Effect<unknown>
  readonly lasts: Duration.DurationInput
  readonly end: Effect.Effect<unknown>
  /** In milliseconds. */
  readonly lingers: number
  /** Succeeds if the platform, or the Redis, answers. */
  readonly asked: Effect.Effect<unknown, unknown>
}

/** Returns `true` if there is no answer in half a second. */
const isAway = (asked: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(Effect.timeout(asked, "500 millis")), (exit) => exit._tag === "Failure")

/** Runs the outages. Adds each to `outages`, and counts those in which nothing answered. */
export const run = (
  { emulator, redis }: Pick<Machines.World, "emulator" | "redis">,
  { counts, outages, seconds }: {
    readonly counts: Tally.Tally
    readonly outages: Array<Explained.Outage>
    readonly seconds: number
  }
) => {
  const outage = ({ asked, begin, end, lasts, lingers, name, of }: Planned) =>
    Effect.gen(function*() {
      const from = yield* Clock.currentTimeMillis
      yield* begin
      const [isFelt] = yield* Effect.all([isAway(asked), Effect.sleep(lasts)], { concurrency: "unbounded" })
      yield* end
      if (isFelt) Tally.add(counts, `outage ${name}`)
      outages.push({ name, of, begin: from, end: (yield* Clock.currentTimeMillis) + lingers })
    })
  const part = (of: number) => Effect.sleep(Duration.seconds(seconds * of))
  const ofRedis = { of: "Redis", lingers: reconnecting, asked: Effect.tryPromise(() => redis.client.ping()) } as const
  const ofPlatform = {
    of: "platform",
    lingers: 0,
    asked: Effect.tryPromise((signal) => fetch(emulator.baseUrl + queryPath, { signal }))
  } as const
  const { away, emptied, frozen } = Explained.outageNames
  return Effect.gen(function*() {
    yield* part(0.25)
    yield* outage({ ...ofRedis, name: frozen, begin: redis.freeze, lasts: "5 seconds", end: redis.thaw })
    yield* part(0.15)
    yield* outage({
      ...ofPlatform,
      name: away,
      begin: Effect.orDie(emulator.setFaults(platformAway)),
      lasts: "4 seconds",
      end: Effect.orDie(emulator.setFaults(faultsOfCalls))
    })
    yield* part(0.15)
    yield* outage({ ...ofRedis, name: emptied, begin: redis.kill, lasts: "2 seconds", end: redis.start })
  })
}
