/**
 * Thirty days of a service with a thousand tenants, in one process on a clock that jumps: calls all day, tickets every hour, tokens
 * every two hours, events, a restart every day, and one call in a thousand that the platform drops.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Fault from "@effect-feishu/emulator/Fault"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { pass, withQuickClock } from "../../../core/test/quickClock.js"
import * as Dice from "../fuzz/Dice.js"
import * as Child from "../measure/Child.js"
import { slope } from "../measure/statistics.js"
import { never } from "../report/Claim.js"
import type { Section } from "../report/Section.js"
import * as StoreApp from "../storeApp.js"

const appId = "cli_soak"
const tenants = Arr.makeBy(1_000, (n) => `tenant_${n}`)

const secrets = {
  appSecret: Redacted.make("the secret of cli_soak"),
  encryptKey: Redacted.make("the encrypt key of cli_soak"),
  verificationToken: Redacted.make("the verification token of cli_soak")
}

/** The figures of one day. */
interface Day {
  readonly calls: number
  readonly failures: number
  /** Megabytes when the garbage is collected. */
  readonly heap: number
  /** Sockets, timers and files that keep the process alive. */
  readonly handles: number
}

const app = AccessToken.layer().pipe(
  Layer.provideMerge(AppTicket.layer()),
  Layer.provideMerge(EventSubscription.layer({ handlers: [EventHandler.on("app_soak", () => Effect.void)] })),
  Layer.provideMerge(FeishuApp.layer({ ...secrets, appId }))
)

const stepMinutes = 10
const stepsInADay = 24 * 60 / stepMinutes

export const run = (days: number): Effect.Effect<ReadonlyArray<Day>, unknown> =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const stores = yield* Layer.build(Layer.merge(TicketStore.layerMemory, TokenStore.layerMemory))
    yield* emulator.setFaults([Fault.withProbability(0.001, Fault.Drop(), { seed: "soak" })])
    const start = StoreApp.start(appId, Layer.provide(app, Layer.succeedContext(stores)))
    const dice = Dice.make(30)
    const seen: Array<Day> = []
    for (let day = 0; day < days; day++) {
      const running = yield* start
      let calls = 0
      let failures = 0
      for (let step = 0; step < stepsInADay; step++) {
        // Each tenant is called every 4 hours or so.
        const due = tenants.filter(() => dice.below(24) === 0)
        const calling = yield* Effect.fork(
          Effect.forEach(due, (tenant) =>
            Effect.map(Effect.exit(StoreApp.query(tenant)), (exit) => {
              calls++
              if (Exit.isFailure(exit)) failures++
            }), { concurrency: "unbounded", discard: true }).pipe(Effect.provide(running.context))
        )
        if (dice.chance(0.5)) yield* Effect.orDie(emulator.push(appId, { type: "app_soak", payload: {} }))
        yield* pass(`${stepMinutes} minutes`)
        yield* Fiber.join(calling)
      }
      const closing = yield* Effect.fork(Scope.close(running.scope, Exit.void))
      yield* pass("10 seconds")
      yield* Fiber.join(closing)
      // The journal keeps many thousands of entries, for whoever looks at the emulator.
      yield* emulator.clearJournal
      globalThis.gc?.()
      seen.push({
        calls,
        failures,
        heap: process.memoryUsage().heapUsed / 1e6,
        handles: process.getActiveResourcesInfo().length
      })
    }
    return seen
  }).pipe(
    Effect.scoped,
    Effect.provide(Emulator.layerHttpClient({ apps: [{ ...secrets, appId, tenants }] })),
    Effect.provide(Logger.remove(Logger.defaultLogger)),
    withQuickClock
  )

export const section = (days: number): Effect.Effect<Section> =>
  Effect.map(
    Child.run<ReadonlyArray<Day>>("soak-days", [`${days}`], { node: ["--expose-gc"] }),
    (seen) => {
      // The first days fill what is remembered: 30 hours of events.
      const settled = seen.map(({ heap }, day) => [day, heap] as const).slice(Math.min(3, Math.floor(days / 2)))
      const mean = settled.reduce((sum, [, heap]) => sum + heap, 0) / settled.length
      const sum = (of: (day: Day) => number) => seen.reduce((sum, day) => sum + of(day), 0)
      return {
        tables: [{
          title: `${days} days with 1,000 tenants and a restart each day`,
          head: ["", ""],
          rows: [
            ["calls", sum(({ calls }) => calls).toLocaleString("en")],
            ["calls that failed", `${sum(({ failures }) => failures)}`],
            ["heap after each day, MB", seen.map(({ heap }) => heap.toFixed(0)).join(" ")],
            ["handles after each day", seen.map(({ handles }) => handles).join(" ")],
            ["slope of the heap, MB a day", slope(settled).toFixed(3)]
          ]
        }],
        claims: [
          {
            name: "soak, days: growth of the heap a day",
            values: [slope(settled) / mean * 100],
            // A few days show little of a slope.
            must: { most: days < 30 ? 3 : 0.5 },
            unit: "%",
            isExact: true
          },
          never(
            "soak, days: handles at the end more than after the first day",
            (seen.at(-1)?.handles ?? NaN) - (seen[0]?.handles ?? NaN)
          ),
          never("soak, days: calls that failed, though a dropped call is sent again", sum(({ failures }) => failures))
        ]
      }
    }
  )
