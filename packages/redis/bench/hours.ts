/**
 * How many calls for tickets and tokens 1, 2 and 8 processes make in an hour, that share a Redis and have the same 200
 * tenants:
 *
 *     npx tsx --tsconfig packages/redis/bench/tsconfig.json packages/redis/bench/hours.ts [1 2 8]
 *
 * Real processes, a real Redis, and the emulated platform over HTTP; only the clocks are others, which run 60 times as
 * fast, so that 3 hours take 3 minutes. Each process calls for each tenant every 10 minutes of these.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as RetryPolicy from "@effect-feishu/core/RetryPolicy"
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as EmulatorTest from "@effect-feishu/emulator/EmulatorTest"
import * as RedisConnection from "@effect-feishu/redis/RedisConnection"
import * as RedisTicketStore from "@effect-feishu/redis/RedisTicketStore"
import * as RedisTokenStore from "@effect-feishu/redis/RedisTokenStore"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as RedisServer from "../test/redisServer.js"

const speed = 60
const hours = 3
const tenants = Arr.makeBy(200, (n) => `tenant_${n}`)
const app = { appId: "cli_a1b2c3d4e5f6a7b8", appSecret: "an app secret", verificationToken: "a verification token" }

/** The same in all processes. */
const fast = (live: Clock.Clock, start: number): Clock.Clock => {
  const nanos = live.unsafeCurrentTimeNanos()
  const unsafeCurrentTimeMillis = () => start + (live.unsafeCurrentTimeMillis() - start) * speed
  const unsafeCurrentTimeNanos = () => (live.unsafeCurrentTimeNanos() - nanos) * BigInt(speed)
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis,
    unsafeCurrentTimeNanos,
    currentTimeMillis: Effect.sync(unsafeCurrentTimeMillis),
    currentTimeNanos: Effect.sync(unsafeCurrentTimeNanos),
    sleep: (duration) => live.sleep(Duration.times(duration, 1 / speed))
  }
}

const redis = (port: number) =>
  Layer.merge(RedisTicketStore.layer(), RedisTokenStore.layer()).pipe(
    Layer.provide(RedisConnection.layer({ port }, { timeout: "10 minutes" }))
  )

/** One process of the service. */
const service = ({ baseUrl, port }: { readonly baseUrl: string; readonly port: number }) =>
  Effect.gen(function*() {
    const tokens = yield* AccessToken.AccessToken
    // Until all have started, which takes them as long as ever, and then all at once.
    yield* Effect.sleep("15 minutes")
    for (;;) {
      for (const tenant of tenants) {
        yield* Effect.fork(tokens.tenant(tenant).pipe(Effect.tapError((error) => Effect.logError(error.message))))
        yield* Effect.sleep(Duration.times("10 minutes", 1 / tenants.length))
      }
    }
  }).pipe(
    Effect.provide(
      AccessToken.layer().pipe(
        Layer.provide(AppTicket.layer()),
        Layer.provide([
          redis(port),
          FeishuClient.layerFetch,
          // On these clocks an answer takes 60 times as long.
          Layer.succeed(
            RetryPolicy.RetryPolicy,
            RetryPolicy.make({ attemptTimeout: "10 minutes", totalTimeout: "10 minutes" })
          ),
          FeishuApp.layer({ appId: app.appId, appSecret: Redacted.make(app.appSecret), baseUrl })
        ])
      )
    )
  )

const child = (environment: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url)], {
        env: { ...process.env, ...environment },
        stdio: "inherit"
      })
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

const measure = (processes: number) =>
  Effect.gen(function*() {
    const live = yield* Effect.clock
    const start = live.unsafeCurrentTimeMillis()
    const { port } = yield* RedisServer.make()
    const App = FeishuApp.layer({
      appId: app.appId,
      appSecret: Redacted.make(app.appSecret),
      verificationToken: Redacted.make(app.verificationToken)
    })
    const platform = Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const calls = new Map<string, number>()
      yield* Effect.forkScoped(Stream.runForEach(emulator.changes, (entry) =>
        Effect.sync(() => {
          if (entry._tag !== "Call") return
          const name = `${entry.path.split("/").slice(-2).join("/")}`
          calls.set(name, (calls.get(name) ?? 0) + 1)
        })))
      yield* Effect.flatMap(
        EventSubscription.EventSubscription,
        (subscription) => emulator.setRequestUrl(app.appId, EmulatorTest.requestUrl(subscription))
      )
      for (let n = 0; n < processes; n++) {
        yield* child({ START: `${start}`, BASE_URL: emulator.baseUrl, REDIS_PORT: `${port}` })
      }
      yield* Effect.sleep(Duration.hours(hours))
      const told = [...calls].toSorted().map(([name, count]) => `${name} ${(count / hours).toFixed(0)}`).join(", ")
      yield* Effect.sync(() => process.stdout.write(`${processes} processes, calls an hour: ${told}\n`))
    }).pipe(
      Effect.provide(
        EventSubscription.layer().pipe(
          Layer.provide([App, redis(port)]),
          Layer.provideMerge(Emulator.layerServer({
            apps: [{
              appId: app.appId,
              appSecret: Redacted.make(app.appSecret),
              verificationToken: Redacted.make(app.verificationToken),
              tenants
            }]
          }))
        )
      )
    )
    yield* Effect.withClock(platform, fast(live, start))
  }).pipe(Effect.scoped)

const { BASE_URL, REDIS_PORT, START } = process.env
const main = START === undefined
  ? Effect.forEach(process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 2, 8], measure, { discard: true })
  : Effect.flatMap(Effect.clock, (live) =>
    Effect.withClock(
      service({ baseUrl: BASE_URL ?? "", port: Number(REDIS_PORT) }).pipe(Effect.schedule(Schedule.forever)),
      fast(live, Number(START))
    ))

await Effect.runPromise(main.pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.Warning))))
