/**
 * What it costs to have a tenant's token that is in memory, beside the platform's own SDK, and beside the least that can
 * be done inside Effect, a look-up in a map and at the clock:
 *
 *     npx tsx packages/core/bench/token.ts [--quick]
 *
 * All in one process, in turns, round after round; what is printed are medians. Each has the tokens of so many tenants
 * and is asked for one after another of a thousand of them.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Lark from "@larksuiteoapi/node-sdk"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"

const appId = "cli_a1b2c3d4e5f6a7b8"
const isQuick = process.argv.includes("--quick")
const sizes = isQuick ? { calls: 20_000, rounds: 5 } : { calls: 50_000, rounds: 11 }

const tenantKey = (n: number) => `${n}`.padStart(16, "0")
const value = (n: number) => `t-g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS3${tenantKey(n)}`

/** Everything is in memory: whoever asks the platform has failed. */
const never = Layer.mergeAll(
  Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.dieMessage("the platform was called"))),
  Layer.succeed(AppTicket.AppTicket, {
    get: Effect.dieMessage("a ticket was asked for"),
    refresh: Effect.dieMessage("a ticket was asked for"),
    invalidate: () => Effect.void,
    changes: Stream.empty
  })
)

/** Has each tenant's token. */
const Tokens = Layer.effect(
  TokenStore.TokenStore,
  Effect.map(TokenStore.makeMemory(), (memory) => ({
    ...memory,
    get: ({ tenantKey }: TokenStore.Key) =>
      Effect.map(DateTime.now, (now) =>
        Option.map(tenantKey, (key) => ({
          value: Redacted.make(value(Number(key))),
          expiresAt: DateTime.add(now, { hours: 2 })
        })))
  }))
)

const App = FeishuApp.layer({ appId, appSecret: Redacted.make("an app secret") })

/** Nanoseconds for each of so many calls. */
type Run = Effect.Effect<number>

const timed = (effect: Effect.Effect<unknown>): Run =>
  Effect.suspend(() => {
    const begin = process.hrtime.bigint()
    return Effect.map(effect, () => Number(process.hrtime.bigint() - begin) / sizes.calls)
  })

/** The same loop for both that are effects. */
const loop = (keys: ReadonlyArray<string>, call: (key: string) => Effect.Effect<unknown>): Run => {
  let i = 0
  return timed(Effect.suspend(() => {
    i = 0
    return Effect.whileLoop({
      while: () => i < sizes.calls,
      body: () => call(keys[i++ % keys.length] ?? ""),
      step: () => {}
    })
  }))
}

const ours = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const tokens = yield* AccessToken.make().pipe(Effect.provide([App, never, Tokens]))
    yield* Effect.forEach(all, tokens.tenant, { discard: true })
    return loop(keys, (key) => Effect.orDie(tokens.tenant(key)))
  })

const least = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const end = now + 7_200_000
    const tokens = new Map(all.map((key, n) => [key, { token: Effect.succeed(value(n)), end }]))
    return loop(keys, (key) =>
      Effect.clockWith((clock) => {
        const token = tokens.get(key)
        return token !== undefined && clock.unsafeCurrentTimeMillis() < token.end
          ? token.token
          : Effect.dieMessage("no token")
      }))
  })

/** The part of the SDK's client that its own calls use, and that its types keep to themselves. */
interface Inside {
  readonly cache: Lark.Cache
  readonly tokenManager: { readonly getTenantAccessToken: (params: object) => Promise<string | undefined> }
}

const sdk = (keys: ReadonlyArray<string>, all: ReadonlyArray<string>) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.promise(async () => {
      const client = new Lark.Client({
        appId,
        appSecret: "an app secret",
        appType: Lark.AppType.ISV,
        // Its constructor asks for a ticket: nobody is there, and nobody is to hear of it.
        domain: "http://127.0.0.1:9",
        logger: { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }
      }) as unknown as Inside
      await Promise.all(all.map((key, n) =>
        client.cache.set(`larkMarketAccessToken${key}`, value(n), now + 7_200_000, { namespace: appId })
      ))
      const params = keys.map((key) =>
        Lark.withTenantKey(key)["lark"] as object
      )
      return timed(Effect.promise(async () => {
        for (let i = 0; i < sizes.calls; i++) {
          // One after another, as with ours.
          // oxlint-disable-next-line no-await-in-loop
          const token = await client.tokenManager.getTenantAccessToken(params[i % params.length] ?? {})
          if (token === undefined) throw new Error("the SDK has no token")
        }
      }))
    }))

const median = (values: ReadonlyArray<number>) => values.toSorted(Order.number)[Math.floor(values.length / 2)] ?? NaN

const main = Effect.gen(function*() {
  for (const tenants of [1, 1_000, 100_000]) {
    const all = Arr.makeBy(tenants, tenantKey)
    const keys = Arr.makeBy(Math.min(tenants, 1000), (n) => all[(n * 97) % tenants] ?? "")
    const runs = yield* Effect.all([ours(keys, all), least(keys, all), sdk(keys, all)])
    const rounds = yield* Effect.replicateEffect(Effect.all(runs), sizes.rounds)
    const [our = NaN, limit = NaN, theirs = NaN] = [0, 1, 2].map((i) => median(rounds.slice(1).map((r) => r[i] ?? NaN)))
    yield* Effect.sync(() =>
      process.stdout.write(
        `${`${tenants}`.padStart(6)} tenants: AccessToken.tenant ${our.toFixed(0)} ns, map and clock ${
          limit.toFixed(0)
        } ns, the SDK ${theirs.toFixed(0)} ns, which is ${(theirs / our).toFixed(1)} times as much\n`
      )
    )
  }
}).pipe(Effect.scoped)

await Effect.runPromise(main)
