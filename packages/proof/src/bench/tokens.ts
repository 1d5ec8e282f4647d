/**
 * The time to have a tenant's token that is in memory, beside the platform's own SDK, and beside the least that can be done
 * inside Effect: a look-up in a map and at the clock. A thousand tenants are asked for in turn.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Child from "../measure/Child.js"
import { alternate, nanosOf } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { app, everyToken, noPlatform, noTicket, sdk, tenantOf, tokenOf } from "./world.js"

const counts = [1, 10, 100, 1_000, 10_000, 100_000] as const
const names = ["AccessToken.tenant", "a map and the clock", "the SDK"] as const

type Name = (typeof names)[number]

/** Nanoseconds for a token in each round, by the number of tenants. */
type Times = Readonly<Record<number, Readonly<Record<Name, ReadonlyArray<number>>>>>

/** Runs the same loop for both that are effects. */
const loop = (keys: ReadonlyArray<string>, calls: number, call: (key: string) => Effect.Effect<unknown>) => {
  let i = 0
  return Effect.map(
    nanosOf(Effect.suspend(() => {
      i = 0
      return Effect.whileLoop({
        while: () => i < calls,
        body: () => call(keys[i++ % keys.length] ?? ""),
        step: () => {}
      })
    })),
    (nanos) => nanos / calls
  )
}

const ours = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>, calls: number) =>
  Effect.gen(function*() {
    const tokens = yield* Effect.provide(AccessToken.make(), [app(), noPlatform, noTicket, everyToken])
    yield* Effect.forEach(all, tokens.tenant, { discard: true })
    return loop(keys, calls, (key) => Effect.orDie(tokens.tenant(key)))
  })

const least = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>, calls: number) =>
  Effect.clockWith((clock) => {
    const end = clock.unsafeCurrentTimeMillis() + 7_200_000
    const tokens = new Map(all.map((key) => [key, { token: Effect.succeed(tokenOf(key)), end }]))
    return Effect.succeed(loop(keys, calls, (key) =>
      Effect.clockWith((clock) => {
        const token = tokens.get(key)
        return token !== undefined && clock.unsafeCurrentTimeMillis() < token.end
          ? token.token
          : Effect.dieMessage("no token")
      })))
  })

const theirs = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>, calls: number) =>
  // The constructor of the SDK asks for a ticket. Nobody listens on this port.
  Effect.map(sdk("http://127.0.0.1:9", all), ({ token }) =>
    Effect.map(
      nanosOf(Effect.promise(async () => {
        for (let i = 0; i < calls; i++) {
          // oxlint-disable-next-line no-await-in-loop -- one after another
          if (await token(keys[i % keys.length] ?? "") === undefined) throw new Error("the SDK has no token")
        }
      })),
      (nanos) => nanos / calls
    ))

export const measure = (isQuick: boolean): Effect.Effect<Times, unknown> =>
  Effect.gen(function*() {
    const calls = isQuick ? 10_000 : 50_000
    const times: Record<number, Record<Name, ReadonlyArray<number>>> = {}
    for (const tenants of counts) {
      const all = Arr.makeBy(tenants, tenantOf)
      const keys = Arr.makeBy(Math.min(tenants, 1000), (n) => all[(n * 97) % tenants] ?? "")
      times[tenants] = yield* alternate({
        "AccessToken.tenant": yield* ours(keys, all, calls),
        "a map and the clock": yield* least(keys, all, calls),
        "the SDK": yield* theirs(keys, all, calls)
      }, isQuick ? { warmUp: 1, rounds: 3 } : { warmUp: 2, rounds: 9 })
    }
    return times
  }).pipe(Effect.scoped)

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Child.measure<Times>("tokens", isQuick), (times) => {
    const of = (tenants: number, name: Name) => times[tenants]?.[name] ?? []
    const micros = (tenants: number, name: Name) => median(of(tenants, name)) / 1000
    const curve = (name: Name) => counts.map((tenants) => [tenants, micros(tenants, name)] as const)
    return {
      tables: [{
        title: "A tenant's token from memory: µs",
        head: ["tenants", ...names, "the SDK's, to ours"],
        rows: counts.map((tenants) => [
          tenants.toLocaleString("en"),
          micros(tenants, "AccessToken.tenant").toFixed(2),
          micros(tenants, "a map and the clock").toFixed(2),
          micros(tenants, "the SDK").toFixed(2),
          median(ratios(of(tenants, "the SDK"), of(tenants, "AccessToken.tenant"))).toFixed(1)
        ])
      }],
      claims: [1, 1_000, 100_000].map((tenants) => ({
        name: `a token from memory, ${tenants.toLocaleString("en")} tenants: the SDK's time to ours`,
        values: ratios(of(tenants, "the SDK"), of(tenants, "AccessToken.tenant")),
        must: { least: 5 },
        digits: 1
      })),
      curves: [{
        file: "tokens",
        title: "A tenant's token from memory",
        x: "tenants",
        y: "µs",
        lines: Object.fromEntries(names.map((name) => [name, curve(name)]))
      }]
    }
  })
