/** The cost of the tokens of many tenants on Redis: the bytes there, and the time of a look-up beside the bare client's. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as RedisConnection from "@effect-feishu/redis/RedisConnection"
import * as RedisTokenStore from "@effect-feishu/redis/RedisTokenStore"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as RedisServer from "../../../redis/test/redisServer.js"
import * as Child from "../measure/Child.js"
import { alternate, nanosOf } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { app, appId, noPlatform, noTicket, tenantOf, tokenOf } from "./world.js"

const tenants = 10_000
const names = ["AccessToken, from memory", "RedisTokenStore", "the bare client's GET"] as const

type Name = typeof names[number]

interface Measured {
  /** In Redis, of each token. */
  readonly bytes: number
  /** In microseconds for each look-up, one after another. */
  readonly times: Readonly<Record<Name, ReadonlyArray<number>>>
}

export const measure = (isQuick: boolean): Effect.Effect<Measured, unknown> =>
  Effect.gen(function*() {
    const calls = isQuick ? 1_000 : 5_000
    const server = yield* RedisServer.make()
    const context = yield* Layer.build(
      Layer.provide(
        RedisTokenStore.layer(),
        RedisConnection.layer({ port: server.port }, { timeout: "10 seconds" })
      )
    )
    const usedMemory = Effect.map(
      Effect.promise(() => server.client.info("memory")),
      (info) => Number(/used_memory:(\d+)/.exec(info)?.[1])
    )
    return yield* Effect.gen(function*() {
      const store = yield* TokenStore.TokenStore
      // AccessToken looks under a key with the hash of the secret.
      const keys: Array<TokenStore.Key> = []
      const noting = {
        ...store,
        get: (key: TokenStore.Key) => Effect.zipRight(Effect.sync(() => keys.push(key)), store.get(key))
      }
      yield* Effect.flatMap(AccessToken.make(), ({ tenant }) => Effect.exit(tenant("any"))).pipe(
        Effect.provide(Layer.mergeAll(app(), noPlatform, noTicket, Layer.succeed(TokenStore.TokenStore, noting)))
      )
      const [known = yield* Effect.dieMessage("no key was asked for")] = keys
      const keyOf = (n: number): TokenStore.Key => ({ ...known, tenantKey: Option.some(tenantOf(n)) })
      const now = yield* DateTime.now
      const before = yield* usedMemory
      yield* Effect.forEach(
        Arr.range(1, tenants),
        (n) =>
          store.put(keyOf(n), {
            value: Redacted.make(tokenOf(tenantOf(n))),
            expiresAt: DateTime.add(now, { hours: 2 })
          }),
        { concurrency: 200, discard: true }
      )
      const bytes = ((yield* usedMemory) - before) / tenants
      const tokens = yield* Effect.provide(AccessToken.make(), [app(), noPlatform, noTicket])
      const numberOf = (n: number) => 1 + (n * 97) % tenants
      yield* Effect.forEach(Arr.range(1, tenants), (n) => tokens.tenant(tenantOf(n)), {
        concurrency: 200,
        discard: true
      })
      const name = `feishu:{${appId}/${known.secretHash}/tenant/${tenantOf(1)}}:token`
      if ((yield* Effect.promise(() => server.client.get(name))) === null) {
        return yield* Effect.dieMessage(`Redis has no ${name}`)
      }
      const timed = (each: (n: number) => Effect.Effect<unknown, unknown>) =>
        Effect.suspend(() => {
          let n = 0
          const all = Effect.whileLoop({ while: () => n < calls, body: () => Effect.orDie(each(n++)), step: () => {} })
          return Effect.map(nanosOf(all), (nanos) => nanos / 1000 / calls)
        })
      const times = yield* alternate({
        "AccessToken, from memory": timed((n) => tokens.tenant(tenantOf(numberOf(n)))),
        "RedisTokenStore": timed((n) => store.get(keyOf(numberOf(n)))),
        "the bare client's GET": timed(() => Effect.promise(() => server.client.get(name)))
      }, isQuick ? { warmUp: 1, rounds: 3 } : { warmUp: 1, rounds: 11 })
      return { bytes, times }
    }).pipe(Effect.provide(context))
  }).pipe(Effect.scoped)

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Child.measure<Measured>("redis", isQuick), ({ bytes, times }) => ({
    tables: [{
      title: `The tokens of ${tenants.toLocaleString("en")} tenants on Redis: ${bytes.toFixed(0)} bytes each`,
      head: ["one look-up", "µs"],
      rows: names.map((name) => [name, median(times[name]).toFixed(1)])
    }],
    claims: [
      {
        name: "a tenant's token in Redis",
        values: [bytes],
        must: { most: 450 },
        unit: "bytes",
        isExact: true,
        digits: 0
      },
      {
        name: "RedisTokenStore: time to the bare client's GET",
        values: ratios(times["RedisTokenStore"], times["the bare client's GET"]),
        must: { most: 2 }
      }
    ]
  }))
