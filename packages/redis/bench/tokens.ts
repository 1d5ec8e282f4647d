/**
 * What the tokens of many tenants cost on Redis: how many bytes each takes there, and how long it takes to have one from
 * memory and from Redis.
 *
 *     npx tsx --tsconfig packages/redis/bench/tsconfig.json packages/redis/bench/tokens.ts
 *
 * It starts a Redis of its own. What is printed of times are medians of rounds in turns, beside the bare client's.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as RedisConnection from "@effect-feishu/redis/RedisConnection"
import * as RedisTokenStore from "@effect-feishu/redis/RedisTokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as RedisServer from "../test/redisServer.js"

const appId = "cli_a1b2c3d4e5f6a7b8"
const rounds = 11
const calls = 5_000

const tenantKey = (n: number) => `${n}`.padStart(16, "0")

/** As long as the platform's are, or as its newer ones may be (4 KB). */
const values = {
  "42 characters": (n: number) => `t-g1044ghJRUIJJ5ZPPZMOHKWZ${tenantKey(n)}`,
  "4 KB": (n: number) => `${"x".repeat(4080)}${tenantKey(n)}`
}

/** Everything is in the store: whoever asks the platform has failed. */
const never = Layer.mergeAll(
  Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.dieMessage("the platform was called"))),
  Layer.succeed(AppTicket.AppTicket, {
    get: Effect.dieMessage("a ticket was asked for"),
    refresh: Effect.dieMessage("a ticket was asked for"),
    invalidate: () => Effect.void,
    changes: Stream.empty
  })
)

const App = FeishuApp.layer({ appId, appSecret: Redacted.make("an app secret") })

const median = (numbers: ReadonlyArray<number>) => numbers.toSorted(Order.number)[Math.floor(numbers.length / 2)] ?? NaN

/** Microseconds for each of so many calls, one after another. */
const timed = (each: (n: number) => Effect.Effect<unknown, unknown>) =>
  Effect.suspend(() => {
    const begin = process.hrtime.bigint()
    let n = 0
    return Effect.whileLoop({ while: () => n < calls, body: () => Effect.orDie(each(n++)), step: () => {} }).pipe(
      Effect.map(() => Number(process.hrtime.bigint() - begin) / calls / 1000)
    )
  })

const print = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const main = Effect.gen(function*() {
  const server = yield* RedisServer.make()
  const Store = RedisTokenStore.layer().pipe(
    Layer.provide(RedisConnection.layer({ port: server.port }, { timeout: "10 seconds" }))
  )
  const usedMemory = Effect.map(
    Effect.promise(() => server.client.info("memory")),
    (info) => Number(/used_memory:(\d+)/.exec(info)?.[1])
  )
  yield* Effect.gen(function*() {
    const store = yield* TokenStore.TokenStore
    // The key under which AccessToken looks, hash of the secret and all.
    const keys: Array<TokenStore.Key> = []
    const noting = {
      ...store,
      get: (key: TokenStore.Key) => Effect.zipRight(Effect.sync(() => keys.push(key)), store.get(key))
    }
    yield* Effect.flatMap(AccessToken.make(), ({ tenant }) => Effect.exit(tenant("any"))).pipe(
      Effect.provide(Layer.mergeAll(App, never, Layer.succeed(TokenStore.TokenStore, noting)))
    )
    const [known = yield* Effect.dieMessage("no key was asked for")] = keys
    const keyOf = (n: number): TokenStore.Key => ({ ...known, tenantKey: Option.some(tenantKey(n)) })
    const now = yield* DateTime.now

    for (const tenants of [10_000, 100_000]) {
      for (const [length, valueOf] of Object.entries(values)) {
        if (tenants === 100_000 && length === "4 KB") continue
        yield* Effect.promise(() => server.client.flushall())
        const before = yield* usedMemory
        yield* Effect.forEach(
          Arr.range(1, tenants),
          (n) => store.put(keyOf(n), { value: Redacted.make(valueOf(n)), expiresAt: DateTime.add(now, { hours: 2 }) }),
          { concurrency: 200, discard: true }
        )
        const bytes = ((yield* usedMemory) - before) / tenants
        yield* print(`${tenants} tenants, tokens of ${length}: ${bytes.toFixed(0)} bytes each in Redis`)
        if (length === "4 KB") continue

        const tokens = yield* AccessToken.make().pipe(Effect.provide([App, never]))
        const tenantOf = (n: number) => tenantKey(1 + (n * 97) % tenants)
        yield* Effect.forEach(Arr.range(1, tenants), (n) => tokens.tenant(tenantKey(n)), {
          concurrency: 200,
          discard: true
        })
        const name = `feishu:{${appId}/${known.secretHash}/tenant/${tenantKey(1)}}:token`
        const all = [
          timed((n) => tokens.tenant(tenantOf(n))),
          timed((n) => store.get(keyOf(1 + (n * 97) % tenants))),
          timed(() => Effect.promise(() => server.client.get(name)))
        ]
        const measured = yield* Effect.replicateEffect(Effect.all(all), rounds)
        const [memory = NaN, redis = NaN, bare = NaN] = all.map((_, i) =>
          median(measured.slice(1).map((round) => round[i] ?? NaN))
        )
        yield* print(
          `  from memory ${memory.toFixed(2)} µs; from Redis, one after another, ${
            redis.toFixed(0)
          } µs, of which the bare `
            + `client's GET takes ${bare.toFixed(0)} µs`
        )
      }
    }
  }).pipe(Effect.provide(Store))
}).pipe(Effect.scoped)

await Effect.runPromise(main)
