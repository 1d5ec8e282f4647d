/** The clock of the platform, which a test runs forward. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Duration, Effect, Layer, Redacted, TestClock } from "effect"
import type { Acknowledgement, App } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const hour = Duration.toMillis("1 hour")

const pushes = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Push")))
)

/** Lets the other fibers run, without the clock, until there are so many pushes. */
const awaitPushes = (count: number) =>
  Effect.gen(function*() {
    for (let n = 0; n < 10_000; n++) {
      const found = yield* pushes
      if (found.length >= count) return found
      yield* Effect.yieldNow()
    }
    return assert.fail(`${(yield* pushes).length} pushes instead of ${count}`)
  })

/** Lets the other fibers run, without the clock. */
const settle = Effect.replicateEffect(Effect.yieldNow(), 200)

const withApp = <A, E, R>(
  test: (world: {
    readonly emulator: Emulator.Service
    readonly app: App
    readonly received: ReturnType<typeof Client.receiver>
  }) => Effect.Effect<A, E, R>,
  requestUrl?: App["requestUrl"]
) => {
  const received = Client.receiver(Client.storeApp)
  const app = { ...Client.storeApp, requestUrl: requestUrl ?? received.requestUrl }
  return Effect.flatMap(Emulator.Emulator, (emulator) => test({ emulator, app, received })).pipe(
    Effect.provide(Emulator.layerHttpClient({ apps: [app, Client.selfBuiltApp] }))
  )
}

const refuses = () => Effect.succeed<Acknowledgement>({ status: 500, body: "" })

describe("advance", () => {
  it.effect("changes now and advanced, and not the program's clock", () =>
    withApp(({ emulator }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* emulator.now, 1000)
        yield* emulator.advance("90 minutes")
        yield* emulator.advance("30 minutes")
        assert.strictEqual(yield* emulator.advanced, 2 * hour)
        assert.strictEqual(yield* emulator.now, 2 * hour + 1000)
        assert.strictEqual(yield* Clock.currentTimeMillis, 1000)
        yield* emulator.reset
        assert.strictEqual(yield* emulator.advanced, 2 * hour, "a reset does not turn the clock back")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* emulator.now, 2 * hour + 2000)
      })
    ))

  it.effect("ends tickets after 3 h, and tokens after 2 h", () =>
    withApp(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicketAndWait(app.appId)
        const ticket = received.tickets[0] ?? assert.fail("no ticket")
        const { body } = yield* Client.appToken(app, ticket)
        const tenant = yield* Client.tenantToken(body["app_access_token"], "tenant_1")
        const call = Effect.map(
          Client.get("/open-apis/x", `Bearer ${tenant.body["tenant_access_token"]}`),
          ({ body }) => body["code"]
        )
        const counts = Effect.zipWith(
          emulator.tickets(app.appId),
          emulator.tokens(app.appId),
          (tickets, tokens) => [tickets.length, tokens.length]
        )
        yield* emulator.setApp({ ...app, requestUrl: undefined })
        assert.deepStrictEqual([yield* call, ...yield* counts], [0, 1, 2])
        yield* emulator.advance(2 * hour - 1)
        assert.deepStrictEqual([yield* call, ...yield* counts], [0, 1, 2])
        yield* emulator.advance(1)
        assert.deepStrictEqual([yield* call, ...yield* counts], [99991663, 1, 0])
        yield* emulator.advance(hour - 1)
        assert.strictEqual((yield* Client.appToken(app, ticket)).body["code"], 0)
        yield* emulator.advance(1)
        assert.strictEqual((yield* Client.appToken(app, ticket)).body["code"], 10012)
        assert.deepStrictEqual(yield* emulator.tickets(app.appId), [])
      })
    ))

  it.effect("ends the window of a rate limit", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const code = Effect.map(Client.resend(Client.storeApp), ({ body }) => body["code"])
      assert.deepStrictEqual([yield* code, yield* code], [0, 99991400])
      yield* emulator.advance("1 minute")
      assert.deepStrictEqual([yield* code, yield* code], [0, 99991400])
      yield* emulator.reset
      assert.strictEqual(yield* code, 0, "a reset forgets the counts")
    }).pipe(Effect.provide(Emulator.layerHttpClient({
      apps: [Client.storeApp],
      limits: [{ path: "/open-apis/auth/v3/app_ticket/resend", calls: 1, per: "1 minute" }]
    }))))

  it.effect("pushes the ticket of each hour at once, and at most 3", () =>
    withApp(({ emulator }) =>
      Effect.gen(function*() {
        yield* settle
        yield* emulator.advance("59 minutes")
        yield* settle
        assert.strictEqual((yield* pushes).length, 0)
        yield* emulator.advance("1 minute")
        yield* awaitPushes(1)
        yield* emulator.advance("2 hours")
        yield* awaitPushes(3)
        // The tickets of longer ago would have ended.
        yield* emulator.advance(10 * hour + hour / 2)
        yield* awaitPushes(6)
        yield* settle
        assert.strictEqual((yield* pushes).length, 6)
        // The next ticket comes at the full hour, by either clock.
        yield* emulator.advance(hour / 4)
        yield* TestClock.adjust(hour / 4 - 1)
        assert.strictEqual((yield* pushes).length, 6)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* pushes).length, 7)
      })
    ))

  it.effect("pushes at once what a resend caused, and what is late", () =>
    withApp(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* Client.resend(app)
        yield* emulator.advance("200 millis")
        yield* awaitPushes(1)
        yield* emulator.setPushFaults([Fault.Late({ by: "10 minutes" }), Fault.Doubled({ after: "10 minutes" })])
        yield* emulator.push(app.appId, { type: "late", payload: {} })
        yield* emulator.push(app.appId, { type: "doubled", payload: {} })
        yield* awaitPushes(2)
        yield* emulator.advance("10 minutes")
        yield* awaitPushes(4)
      })
    ))

  it.effect("sends all retries of the time at once, in their order", () =>
    withApp(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, { type: "test", payload: {} })
        yield* awaitPushes(1)
        yield* emulator.updateApp(app.appId, (app) => ({ ...app, enabled: false }))
        yield* emulator.advance("15 seconds")
        yield* awaitPushes(2)
        yield* emulator.advance("6 minutes")
        yield* awaitPushes(3)
        yield* emulator.advance("7 hours")
        const attempts = (yield* awaitPushes(5)).map(({ attempt }) => attempt)
        assert.deepStrictEqual(attempts, [1, 2, 3, 4, 5])
        yield* emulator.advance("1 day")
        yield* settle
        assert.strictEqual((yield* pushes).length, 5)
      }), refuses))

  it.effect("sends the retries that are left at their times on the program's clock", () =>
    withApp(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.updateApp(app.appId, (app) => ({ ...app, enabled: false }))
        yield* emulator.push(app.appId, { type: "test", payload: {} })
        yield* awaitPushes(1)
        // 2 minutes before the third attempt.
        yield* emulator.advance("195 seconds")
        yield* awaitPushes(2)
        yield* TestClock.adjust("119 seconds")
        assert.strictEqual((yield* pushes).length, 2)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pushes).length, 3)
      }), refuses))

  it.effect("leaves the time of signatures and events that of the program", () =>
    withApp(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1500 millis")
        yield* emulator.advance("5 hours")
        yield* emulator.pushAndWait(app.appId, { type: "test", payload: {} })
        const delivery = received.deliveries.at(-1)
        assert.strictEqual(delivery?.headers["x-lark-request-timestamp"], "1")
        assert.strictEqual(received.events.at(-1)?.["header"].create_time, "1500")
        assert.strictEqual((yield* pushes).at(-1)?.at, 1500)
      })
    ))

  it.effect.each([Duration.infinity, Duration.weeks(6_000)])(
    "refuses %s with a sentence",
    (duration) =>
      withApp(({ emulator }) =>
        Effect.gen(function*() {
          yield* emulator.advance("1 hour")
          const defect = yield* Effect.catchAllDefect(emulator.advance(duration), (defect) => Effect.succeed(defect))
          assert.instanceOf(defect, Emulator.OptionsError)
          assert.strictEqual(defect.message, "The emulator's clock: give a duration of 100 years at most")
          assert.strictEqual(yield* emulator.advanced, hour)
        })
      )
  )

  it.live("works on the real clock, too", () =>
    Effect.gen(function*() {
      const received = Client.receiver(Client.storeApp)
      const app = { ...Client.storeApp, requestUrl: received.requestUrl }
      yield* Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* Effect.sleep("10 millis")
        yield* emulator.advance("1 hour")
        yield* Effect.sleep("5 millis").pipe(Effect.repeat({ until: () => received.tickets.length > 0 }))
        const code = Effect.map(Client.appToken(app, received.tickets[0] ?? ""), ({ body }) => body["code"])
        assert.strictEqual(yield* code, 0)
        const seconds = Number(received.deliveries[0]?.headers["x-lark-request-timestamp"])
        assert.closeTo(seconds, (yield* Clock.currentTimeMillis) / 1000, 60)
        yield* emulator.advance("3 hours")
        assert.strictEqual(yield* code, 10012)
      }).pipe(Effect.provide(Layer.merge(Emulator.layerServer({ apps: [app] }), FetchHttpClient.layer)))
    }).pipe(Effect.timeout("10 seconds")))
})

describe("The views", () => {
  it.effect("show the tickets and tokens of an app, with their ends", () =>
    withApp(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicketAndWait(app.appId)
        yield* TestClock.adjust("1 minute")
        yield* emulator.pushTicketAndWait(app.appId)
        const tickets = yield* emulator.tickets(app.appId)
        assert.deepStrictEqual(tickets.map(({ value }) => Redacted.value(value)), received.tickets)
        assert.deepStrictEqual(
          tickets.map(({ expiresAt }) => DateTime.toEpochMillis(expiresAt)),
          [3 * hour, 3 * hour + 60_000]
        )
        const { body } = yield* Client.appToken(app, received.tickets[0] ?? "")
        yield* Client.tenantToken(body["app_access_token"], "tenant_2")
        yield* emulator.userToken(app.appId)
        const tokens = yield* emulator.tokens(app.appId)
        assert.deepStrictEqual(
          tokens.map(({ expiresAt, kind, tenantKey }) => [kind, tenantKey, DateTime.toEpochMillis(expiresAt)]),
          [
            ["app", undefined, 2 * hour + 60_000],
            ["tenant", "tenant_2", 2 * hour + 60_000],
            ["user", "tenant_1", 2 * hour + 60_000]
          ]
        )
        assert.strictEqual(tokens[0] && Redacted.value(tokens[0].value), body["app_access_token"])
        assert.deepStrictEqual(yield* emulator.tickets("cli_none"), [])
        assert.deepStrictEqual(yield* emulator.tokens("cli_none"), [])
        yield* emulator.invalidateTokens(app.appId)
        yield* emulator.invalidateTickets(app.appId)
        assert.deepStrictEqual(yield* emulator.tickets(app.appId), [])
        assert.deepStrictEqual(yield* emulator.tokens(app.appId), [])
      })
    ))

  it.effect("show the apps as they are now, and updateApp cannot change the id of an app", () =>
    withApp(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.updateApp(app.appId, (app) => ({ ...app, appId: "cli_other", enabled: false }))
        yield* emulator.setApp({ ...app, appId: "cli_third" })
        const apps = yield* emulator.apps
        assert.deepStrictEqual(apps.map(({ appId, enabled }) => [appId, enabled]), [
          ["cli_store", false],
          ["cli_self_built", undefined],
          ["cli_third", undefined]
        ])
      })
    ))

  it.effect("reset begins anew, and keeps the request URLs and the clock", () =>
    withApp(({ app, emulator }) =>
      Effect.gen(function*() {
        const received = Client.receiver(app)
        yield* emulator.setRequestUrl(app.appId, received.requestUrl)
        yield* emulator.setApp({ ...app, appId: "cli_third" })
        yield* emulator.updateApp(app.appId, (app) => ({ ...app, enabled: false, appSecret: Redacted.make("another") }))
        yield* Client.tenantTokenInternal(Client.selfBuiltApp)
        yield* emulator.answer("/open-apis/x", 1)
        yield* emulator.setFaults([Fault.Drop()])
        yield* emulator.setPushFaults([Fault.Lost()])
        yield* emulator.reset
        assert.deepStrictEqual((yield* emulator.apps).map(({ appId, enabled }) => [appId, enabled]), [
          ["cli_store", undefined],
          ["cli_self_built", undefined]
        ])
        assert.deepStrictEqual(yield* emulator.tokens("cli_self_built"), [])
        assert.deepStrictEqual(yield* emulator.answers, [])
        assert.deepStrictEqual(yield* emulator.faults, [])
        assert.deepStrictEqual(yield* emulator.pushFaults, [])
        assert.deepStrictEqual(yield* emulator.journal, [])
        yield* emulator.pushTicketAndWait(app.appId)
        assert.strictEqual(received.tickets.length, 1)
        assert.strictEqual((yield* Client.resend(app)).body["code"], 0)
      })
    ))
})
