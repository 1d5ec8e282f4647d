/** What is pushed, how it is signed, and when it comes again: in process, on the test's clock. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, FastCheck, Layer, Redacted, Stream, TestClock } from "effect"
import type { Acknowledgement, App, Delivery } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as EventCrypto from "../src/EventCrypto.js"
import * as Fault from "../src/Fault.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const plainApp: App = { ...Client.storeApp, appId: "cli_plain", encryptKey: undefined, verificationToken: undefined }

const pushes = Effect.flatMap(
  Emulator.Emulator,
  ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is("Push")))
)

/** The times of the deliveries, in seconds after the first, and their outcomes. */
const schedule = Effect.map(pushes, (entries) => ({
  seconds: entries.map(({ at }) => (at - (entries[0]?.at ?? 0)) / 1000),
  outcomes: entries.map(({ outcome }) => outcome),
  attempts: entries.map(({ attempt }) => attempt)
}))

const withReceiver = <A, E, R>(
  test: (world: {
    readonly emulator: Emulator.Service
    readonly app: App
    readonly received: ReturnType<typeof Client.receiver>
  }) => Effect.Effect<A, E, R>,
  options?: Partial<Emulator.Options> & { readonly app?: App }
) => {
  const received = Client.receiver(options?.app ?? Client.storeApp)
  const app = { requestUrl: received.requestUrl, ...options?.app ?? Client.storeApp }
  return Effect.flatMap(Emulator.Emulator, (emulator) => test({ emulator, app, received })).pipe(
    Effect.provide(Emulator.layerHttpClient({ ...options, apps: [app] }))
  )
}

describe("EventCrypto", () => {
  it("decrypts the documentation's example", () => {
    assert.strictEqual(
      EventCrypto.decrypt({
        encryptKey: "test key",
        encrypted: "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="
      }),
      "hello world"
    )
  })

  it.effect.prop(
    "decrypts what it encrypts",
    [
      FastCheck.string({ minLength: 1 }),
      FastCheck.string({ unit: "binary" }),
      FastCheck.uint8Array({ minLength: 16, maxLength: 16 })
    ],
    ([encryptKey, text, iv]) =>
      Effect.sync(() => {
        const wellFormed = Buffer.from(text).toString()
        const encrypted = EventCrypto.encrypt({ encryptKey, iv, text: wellFormed })
        assert.strictEqual(EventCrypto.decrypt({ encryptKey, encrypted }), wellFormed)
      })
  )
})

describe("An event", () => {
  const at = <A, E, R>(millis: number, ...test: Parameters<typeof withReceiver<A, E, R>>) =>
    Effect.zipRight(TestClock.setTime(millis), withReceiver(...test))

  it.effect("of a ticket is a 1.0 event, encrypted and signed", () =>
    at(1_502_199_207_717, ({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 millis")
        const [delivery] = received.deliveries
        const [event] = received.events
        assert.match(event?.["uuid"], /^[0-9a-f]{32}$/)
        assert.match(event?.["event"].app_ticket, /^[0-9a-f]{32}$/)
        assert.deepStrictEqual(event, {
          ts: "1502199207.7170000",
          uuid: event?.["uuid"],
          token: "a verification token",
          type: "event_callback",
          event: { app_id: "cli_store", app_ticket: event?.["event"].app_ticket, type: "app_ticket" }
        })
        assert.strictEqual(delivery?.headers["x-lark-request-timestamp"], "1502199207")
        assert.strictEqual(delivery?.headers["content-type"], "application/json; charset=utf-8")
        assert.deepStrictEqual(Object.keys(JSON.parse(delivery?.body ?? "")), ["encrypt"])
        // The official SDK signs what it gets by serialising what it has parsed.
        assert.strictEqual(JSON.stringify(JSON.parse(delivery?.body ?? "")), delivery?.body)
      })))

  it.effect("without an encrypt key is neither encrypted nor signed", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 millis")
        const [delivery] = received.deliveries
        assert.strictEqual(JSON.parse(delivery?.body ?? "").event.type, "app_ticket")
        assert.strictEqual(JSON.parse(delivery?.body ?? "").token, "")
        assert.deepStrictEqual(Object.keys(delivery?.headers ?? {}), ["content-type"])
      }), { app: plainApp }))

  it.effect("of another type can be a 1.0 or a 2.0 event", () =>
    at(1_700_000_000_123, ({ app, emulator, received }) =>
      Effect.gen(function*() {
        const first = yield* emulator.push(app.appId, {
          type: "app_open",
          schema: "1.0",
          tenantKey: "tenant_1",
          payload: { applicants: [] }
        })
        const second = yield* emulator.push(app.appId, {
          type: "contact.user.created_v3",
          tenantKey: "tenant_2",
          payload: { object: { name: "飞书" } }
        })
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(received.events, [
          {
            ts: "1700000000.1230000",
            uuid: first,
            token: "a verification token",
            type: "event_callback",
            event: { app_id: "cli_store", tenant_key: "tenant_1", applicants: [], type: "app_open" }
          },
          {
            schema: "2.0",
            header: {
              event_id: second,
              token: "a verification token",
              create_time: "1700000000123",
              event_type: "contact.user.created_v3",
              tenant_key: "tenant_2",
              app_id: "cli_store"
            },
            event: { object: { name: "飞书" } }
          }
        ])
      })))
})

describe("A ticket's push", () => {
  it.effect("comes every hour, and 200 ms after a resend", () =>
    withReceiver(({ app }) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual((yield* pushes).length, 0)
        yield* Client.resend(app)
        yield* TestClock.adjust("199 millis")
        assert.strictEqual((yield* pushes).length, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* pushes).length, 1)
        yield* TestClock.adjust(Duration.subtract("1 minute", "200 millis"))
        assert.strictEqual((yield* pushes).length, 2)
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* pushes).length, 3)
      })
    ))

  it.effect("comes from 1 s to 2 min after a resend, where it is realistic", () =>
    withReceiver(({ app }) =>
      Effect.gen(function*() {
        const start = yield* Clock.currentTimeMillis
        yield* Effect.replicateEffect(Client.resend(app), 40)
        yield* TestClock.adjust("999 millis")
        assert.strictEqual((yield* pushes).length, 0)
        yield* TestClock.adjust("2 minutes")
        const delays = (yield* pushes).map(({ at }) => at - start)
        assert.strictEqual(delays.length, 40)
        assert.isAtLeast(Math.min(...delays), 1000)
        assert.isAtMost(Math.max(...delays), 120_000)
        assert.isAbove(Math.max(...delays), 90_000)
      }), { pushDelay: "realistic" }))

  it.effect("comes to store apps that are enabled, and to no others", () => {
    const of = (app: App) => {
      const received = Client.receiver(app)
      return { received, app: { ...app, requestUrl: received.requestUrl } }
    }
    const store = of(Client.storeApp)
    const disabled = of({ ...Client.storeApp, appId: "cli_disabled", enabled: false })
    const selfBuilt = of(Client.selfBuiltApp)
    return Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(
        [store, disabled, selfBuilt].map(({ received }) => received.tickets.length),
        [2, 0, 0]
      )
      for (const { app } of [disabled, selfBuilt]) {
        assert.strictEqual((yield* Effect.flip(emulator.pushTicket(app.appId)))._tag, "NoTicket")
      }
      // One that is disabled between the resend and its push gets none.
      yield* Client.resend(store.app)
      yield* emulator.updateApp(store.app.appId, (app) => ({ ...app, enabled: false }))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(store.received.tickets.length, 2)
      // Other events reach a self-built app.
      yield* emulator.push(selfBuilt.app.appId, { type: "test", payload: {} })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(selfBuilt.received.events.length, 1)
    }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [store.app, disabled.app, selfBuilt.app] })))
  })

  it.effect("keeps the emulator's time, whatever the caller's", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* Effect.withClock(Client.resend(app), Clock.make())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(received.tickets.length, 1)
        const appToken = Effect.withClock(Client.appToken(app, received.tickets[0] ?? ""), Clock.make())
        assert.strictEqual((yield* appToken).body["code"], 0)
        yield* Effect.withClock(emulator.pushTicket(app.appId), Clock.make())
        yield* TestClock.adjust("1 second")
        assert.match(received.events[1]?.["ts"], /^[12]\./, "a second or two after the clock's beginning")
      })
    ))

  it.effect("does not come after a resend that was refused or never arrived", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.setFaults([Fault.Drop(), Fault.rateLimit({ resetSeconds: 1 })])
        yield* Effect.ignore(Client.resend(app))
        yield* Client.resend(app)
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual((yield* pushes).length, 0)
      })
    ))
})

describe("A delivery", () => {
  const answering = (answer: (delivery: Delivery) => Effect.Effect<Acknowledgement, unknown>) => ({
    app: { ...Client.storeApp, requestUrl: answer }
  })
  const ok = Effect.succeed({ status: 200, body: "" })

  it.effect.each<[string, Effect.Effect<Acknowledgement, unknown>, string]>([
    ["answered with 500", Effect.succeed({ status: 500, body: "" }), "refused"],
    ["answered with 204", Effect.succeed({ status: 204, body: "" }), "refused"],
    ["not answered", Effect.never, "timed out"],
    ["not possible", Effect.fail("connection refused"), "unreachable"]
  ])(
    "%s is repeated after 15 s, 5 min, 1 h and 6 h, and then no more",
    ([_, answer, outcome]) =>
      withReceiver(({ app, emulator }) =>
        Effect.gen(function*() {
          yield* emulator.push(app.appId, { type: "test", payload: {} })
          yield* TestClock.adjust("12 hours")
          const answered = outcome === "timed out" ? 3 : 0
          const test = (yield* pushes).filter(({ eventType }) => eventType === "test")
          assert.strictEqual(test.length, 5)
          const start = test[0]?.at ?? 0
          assert.deepStrictEqual(
            test.map(({ at }) => (at - start) / 1000),
            [0, 15, 315, 3915, 25_515].map((seconds, attempt) => seconds + attempt * answered)
          )
          assert.deepStrictEqual(test.map(({ attempt }) => attempt), [1, 2, 3, 4, 5])
          assert.isTrue(test.every((push) => push.outcome === outcome))
        }), answering(() => answer))
  )

  it.effect("has its 3 s where the caller cannot be interrupted, too", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* Effect.uninterruptible(emulator.pushTicket(app.appId))
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual((yield* schedule).outcomes, ["timed out"])
      }), answering(() => Effect.never)))

  it.effect.each<[string, () => Effect.Effect<Acknowledgement>]>([
    ["dies", () => Effect.die(new Error("a bug"))],
    ["throws", () => {
      throw new Error("a bug")
    }]
  ])(
    "to a function that %s was answered with 500",
    ([_, answer]) =>
      withReceiver(({ app, emulator }) =>
        Effect.gen(function*() {
          yield* emulator.pushTicket(app.appId)
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual((yield* pushes).map(({ outcome, status }) => [outcome, status]), [
            ["refused", 500],
            ["refused", 500]
          ])
          const error = yield* Effect.flip(emulator.setRequestUrl(app.appId, answer))
          assert.include(error.message, "HTTP 500")
        }), answering(answer))
  )

  it.effect("that comes again is encrypted with the key of by then", () => {
    const deliveries: Array<Delivery> = []
    return withReceiver(
      ({ app, emulator }) =>
        Effect.gen(function*() {
          yield* emulator.pushTicket(app.appId)
          yield* TestClock.adjust("1 second")
          const rotated = {
            ...app,
            encryptKey: Redacted.make("another key"),
            verificationToken: Redacted.make("another")
          }
          yield* emulator.setApp(rotated)
          yield* TestClock.adjust("1 minute")
          const [first, second] = deliveries
          if (first === undefined || second === undefined) return assert.fail("no second delivery")
          assert.deepStrictEqual(Client.open(rotated, second), { ...Client.open(app, first), token: "another" })
        }),
      answering((delivery) => {
        deliveries.push(delivery)
        return Effect.succeed({ status: 500, body: "" })
      })
    )
  })

  it.effect("that comes again is the same event, signed anew", () => {
    const deliveries: Array<Delivery> = []
    return withReceiver(
      ({ app, emulator }) =>
        Effect.gen(function*() {
          yield* emulator.pushTicket(app.appId)
          yield* TestClock.adjust("10 minutes")
          const [first, second] = deliveries
          if (first === undefined || second === undefined) return assert.fail("no second delivery")
          assert.deepStrictEqual(Client.open(app, first), Client.open(app, second))
          assert.notStrictEqual(first.body, second.body)
          assert.strictEqual(
            Number(second.headers["x-lark-request-timestamp"]) - Number(first.headers["x-lark-request-timestamp"]),
            15
          )
          assert.deepStrictEqual((yield* schedule).outcomes, ["refused", "acknowledged"])
        }),
      answering((delivery) => {
        deliveries.push(delivery)
        return deliveries.length === 1 ? Effect.succeed({ status: 500, body: "" }) : ok
      })
    )
  })

  it.effect("answered just within 3 s is acknowledged", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, { type: "test", payload: {} })
        yield* TestClock.adjust("30 minutes")
        assert.deepStrictEqual((yield* schedule).outcomes, ["acknowledged"])
      }), answering(() => Effect.delay(ok, "2999 millis"))))

  it.effect("goes where the request URL is by then", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("10 seconds")
        const elsewhere = Client.receiver(app)
        yield* emulator.setApp({ ...app, requestUrl: elsewhere.requestUrl })
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(elsewhere.tickets.length, 1)
      }), answering(() => Effect.succeed({ status: 500, body: "" }))))

  it.effect("without a request URL is not repeated", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("10 hours")
        assert.deepStrictEqual((yield* schedule).outcomes, ["no request URL"])
      }), { app: { ...Client.storeApp, requestUrl: undefined } }))
})

describe("A fault of a push", () => {
  const event = { type: "test", payload: { n: 1 } }

  it.effect("Lost: it never arrives", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, event)
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual(received.deliveries.length, 1)
        assert.deepStrictEqual((yield* schedule).outcomes, ["lost", "acknowledged"])
      }), { pushFaults: [Fault.Lost()] }))

  it.effect("Late: it arrives later", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        const start = yield* Clock.currentTimeMillis
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("50 minutes")
        assert.deepStrictEqual((yield* pushes).map(({ at, fault }) => [at - start, fault]), [[600_000, "Late"]])
      }), { pushFaults: [Fault.Late({ by: "10 minutes" })] }))

  it.effect("Held: it arrives after the next one", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        const first = yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(received.deliveries.length, 0)
        const second = yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(received.events.map((event) => event["header"].event_id), [second, first])
      }), { pushFaults: [Fault.Held()] }))

  it.effect("Held: one that is under way does not let it go, the next one does", () => {
    const order: Array<string> = []
    return withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        const push = (n: number) => emulator.push(app.appId, { type: "test", payload: { n } })
        yield* push(1)
        yield* TestClock.adjust("1 second")
        yield* emulator.setPushFaults([Fault.Held(), Fault.Lost()])
        yield* push(2)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(order, ["1"])
        // A lost one lets it go, too.
        yield* push(3)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(order, ["1", "2"])
        // And so does one that is itself held.
        yield* emulator.setPushFaults([Fault.every(1, Fault.Held())])
        for (const n of [4, 5, 6]) yield* push(n)
        yield* TestClock.adjust("1 minute")
        assert.sameMembers(order, ["1", "2", "4", "5"])
      }), {
      app: {
        ...Client.storeApp,
        requestUrl: (delivery) =>
          Effect.sync(() => {
            order.push(String(Client.open(Client.storeApp, delivery)["event"].n))
            return { status: 200, body: "" }
          }).pipe(Effect.delay("2 seconds"))
      }
    })
  })

  it.effect("Held: another app's push does not let it go", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.setApp({ ...app, appId: "cli_other" })
        yield* emulator.push(app.appId, event)
        yield* emulator.push("cli_other", event)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(received.events.map((event) => event["header"].app_id), ["cli_other"])
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(received.events.length, 3)
      }), { pushFaults: [Fault.Held()] }))

  it.effect("Doubled: after a success at the second attempt, too", () => {
    let calls = 0
    return withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(yield* schedule, {
          seconds: [0, 15, 16],
          outcomes: ["refused", "acknowledged", "acknowledged"],
          attempts: [1, 2, 3]
        })
      }), {
      pushFaults: [Fault.Doubled({ after: "1 second" })],
      app: {
        ...Client.storeApp,
        requestUrl: () => Effect.sync(() => ({ status: ++calls === 1 ? 500 : 200, body: "" }))
      }
    })
  })

  it.effect("Replayed: also where the first delivery was refused", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual((yield* pushes).map(({ origin }) => origin), ["platform", "replayed"])
      }), {
      pushFaults: [Fault.Replayed({ after: "5 seconds" })],
      app: { ...Client.storeApp, requestUrl: () => Effect.succeed({ status: 500, body: "" }) }
    }))

  it.effect("Doubled: after a success the same event comes again, signed anew", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("50 minutes")
        const [first, second] = received.events
        assert.deepStrictEqual(first, second)
        assert.notStrictEqual(received.deliveries[0]?.body, received.deliveries[1]?.body)
        assert.deepStrictEqual(yield* schedule, {
          seconds: [0, 300],
          outcomes: ["acknowledged", "acknowledged"],
          attempts: [1, 2]
        })
      }), { pushFaults: [Fault.Doubled({ after: "5 minutes" })] }))

  it.effect("Doubled can be switched on for all", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.setPushFaults([Fault.every(1, Fault.Doubled({ after: 0 }))])
        for (let n = 0; n < 5; n++) yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(received.deliveries.length, 10)
      })
    ))

  it.effect("Replayed: the same bytes with the same headers come again", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.push(app.appId, event)
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual(received.deliveries.length, 2)
        assert.deepStrictEqual(received.deliveries[0], received.deliveries[1])
        assert.deepStrictEqual((yield* pushes).map(({ origin }) => origin), ["platform", "replayed"])
      }), { pushFaults: [Fault.Replayed({ after: "10 minutes" })] }))

  it.effect("Forged: before it comes one of somebody who does not know the secrets", () => {
    const deliveries: Array<Delivery> = []
    const verdict = (app: App, delivery: Delivery) => {
      try {
        return Client.open(app, delivery)
      } catch {
        return "forged"
      }
    }
    return withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 minute")
        const [forged, genuine] = deliveries.map((delivery) => verdict(app, delivery))
        assert.strictEqual(forged, "forged")
        assert.strictEqual(typeof genuine === "object" && genuine["event"].type, "app_ticket")
        assert.deepStrictEqual((yield* pushes).map(({ origin }) => origin), ["forged", "platform"])
      }), {
      pushFaults: [Fault.next(1, Fault.Forged(), { only: "app_ticket" })],
      app: {
        ...Client.storeApp,
        requestUrl: (delivery) =>
          Effect.sync(() => {
            deliveries.push(delivery)
            return { status: 200, body: "" }
          })
      }
    })
  })

  it.effect("Forged, without an encrypt key: its verification token is wrong", () =>
    withReceiver(({ app, emulator, received }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 minute")
        const [forged, genuine] = received.events
        assert.notStrictEqual(forged?.["token"], "a verification token")
        assert.strictEqual(forged?.["event"].app_ticket, "forged")
        assert.strictEqual(genuine?.["token"], "a verification token")
      }), { pushFaults: [Fault.Forged()], app: { ...Client.storeApp, encryptKey: undefined } }))

  it.effect("Tampered: its first delivery was altered after it was signed", () => {
    const deliveries: Array<Delivery> = []
    return withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 minute")
        const [tampered, genuine] = deliveries
        if (tampered === undefined || genuine === undefined) return assert.fail("no second delivery")
        assert.throws(() => Client.open(app, tampered))
        assert.strictEqual(Client.open(app, genuine)["event"].type, "app_ticket")
      }), {
      pushFaults: [Fault.Tampered()],
      app: {
        ...Client.storeApp,
        requestUrl: (delivery) =>
          Effect.sync(() => {
            deliveries.push(delivery)
            return { status: deliveries.length === 1 ? 401 : 200, body: "" }
          })
      }
    })
  })
})

describe("setRequestUrl", () => {
  it.effect("saves a URL that answers with its challenge", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        const received = Client.receiver(app)
        yield* emulator.setRequestUrl(app.appId, received.requestUrl)
        assert.deepInclude(received.events[0], { type: "url_verification", token: "a verification token" })
        assert.isUndefined(received.deliveries[0]?.headers["x-lark-signature"])
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(received.tickets.length, 1)
        assert.deepInclude((yield* emulator.journal)[0], { _tag: "Handshake", outcome: "passed" })
      })
    ))

  const challengeOf = (app: App, delivery: Delivery) => Client.open(app, delivery)["challenge"]
  it.effect.each<[string, (delivery: Delivery) => Effect.Effect<Acknowledgement, unknown>, string]>([
    ["fails", () => Effect.fail("connection refused"), "cannot be reached"],
    ["hangs", () => Effect.never, "within 1 s"],
    ["is too slow", (delivery) =>
      Effect.delay(
        Effect.sync(() => ({
          status: 200,
          body: JSON.stringify({ challenge: challengeOf(Client.storeApp, delivery) })
        })),
        "1001 millis"
      ), "within 1 s"],
    ["answers 500", () => Effect.succeed({ status: 500, body: "" }), "HTTP 500"],
    ["answers nothing", () => Effect.succeed({ status: 200, body: "" }), "same challenge"],
    [
      "answers another challenge",
      () => Effect.succeed({ status: 200, body: "{\"challenge\":\"x\"}" }),
      "same challenge"
    ],
    [
      "answers the bare challenge",
      (delivery) => Effect.sync(() => ({ status: 200, body: challengeOf(Client.storeApp, delivery) })),
      "same challenge"
    ]
  ])(
    "refuses a URL that %s, and keeps the one before",
    ([_, url, reason]) =>
      withReceiver(({ app, emulator, received }) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.fork(Effect.flip(emulator.setRequestUrl(app.appId, url)))
          yield* TestClock.adjust("2 seconds")
          const error = yield* fiber
          assert.strictEqual(error._tag, "RequestUrlError")
          assert.include(error.message, reason)
          assert.deepInclude((yield* emulator.journal)[0], { _tag: "Handshake", outcome: "failed" })
          yield* emulator.pushTicket(app.appId)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(received.tickets.length, 1)
        })
      )
  )
})

it.effect.each(["nonsense", "", "ftp://127.0.0.1/webhook"])(
  "setRequestUrl refuses %o, which is no URL to push to",
  (url) =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(emulator.setRequestUrl(app.appId, url))
        assert.include(error.message, "not an http or https URL")
      })
    )
)

describe("setRequestUrl, in time", () => {
  const slow = (delay: Duration.DurationInput) => (delivery: Delivery) =>
    Effect.delay(
      Effect.sync(() => ({
        status: 200,
        body: JSON.stringify({ challenge: Client.open(Client.storeApp, delivery)["challenge"] })
      })),
      delay
    )

  it.effect("saves a URL that answers just within 1 s, and keeps what has changed meanwhile", () =>
    withReceiver(({ app, emulator }) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(emulator.setRequestUrl(app.appId, slow("999 millis")))
        yield* TestClock.adjust("500 millis")
        yield* emulator.updateApp(app.appId, (app) => ({ ...app, enabled: false }))
        yield* TestClock.adjust("500 millis")
        yield* fiber
        assert.strictEqual((yield* Client.resend(app)).body["code"], 10005)
      })
    ))
})

describe("The end of the emulator's scope", () => {
  it.effect("is the end of all that was still to be pushed, and of the stream of changes", () => {
    let deliveries = 0
    const app: App = {
      ...Client.storeApp,
      requestUrl: () => Effect.sync(() => ({ status: ++deliveries > 0 ? 500 : 200, body: "" }))
    }
    return Effect.gen(function*() {
      const watching = yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(Emulator.layerHttpClient({ apps: [app] }))
        const emulator = Context.get(context, Emulator.Emulator)
        const watching = yield* Effect.forkDaemon(Stream.runCollect(emulator.changes))
        yield* emulator.pushTicket(app.appId)
        yield* TestClock.adjust("1 second")
        yield* emulator.setPushFaults([Fault.Late({ by: "1 minute" }), Fault.Held()])
        yield* emulator.pushTicket(app.appId)
        yield* emulator.pushTicket(app.appId)
        yield* Effect.provide(Client.resend(app), context)
        assert.strictEqual(deliveries, 1)
        return watching
      }))
      yield* TestClock.adjust("1 day")
      assert.strictEqual(deliveries, 1)
      assert.deepStrictEqual([...yield* watching].map(({ _tag }) => _tag), ["Push", "Call"])
    })
  })
})

describe("Over sockets", () => {
  const outcome = (requestUrl: string) =>
    Effect.gen(function*() {
      const app = { ...Client.storeApp, requestUrl }
      const emulator = Context.get(yield* Layer.build(Emulator.layerServer({ apps: [app] })), Emulator.Emulator)
      yield* Effect.withSpan(emulator.pushTicket(app.appId), "a caller's span")
      for (let n = 0; n < 400; n++) {
        const entry = (yield* emulator.journal).find(Journal.$is("Push"))
        if (entry !== undefined) return entry
        yield* Effect.sleep("10 millis")
      }
      return assert.fail("no delivery within 4 s")
    })

  it.scopedLive("a request URL that works, answers 500, hangs, or is not there", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const headers: Array<string> = []
      const works = yield* Client.listen((request, response) => {
        headers.push(...Object.keys(request.headers))
        request.on("data", (chunk) => bodies.push(String(chunk)))
        request.on("end", () => response.end())
      })
      assert.deepInclude(yield* outcome(works), { outcome: "acknowledged", status: 200 })
      assert.include(bodies.join(""), "\"encrypt\"")
      assert.notInclude(headers, "traceparent")
      assert.deepInclude(yield* outcome(yield* Client.listen((_, response) => response.writeHead(500).end())), {
        outcome: "refused",
        status: 500
      })
      assert.deepInclude(yield* outcome(yield* Client.listen(() => {})), { outcome: "timed out", status: undefined })
      const redirecting = yield* Client.listen((_, response) => response.writeHead(302, { location: works }).end())
      assert.deepInclude(yield* outcome(redirecting), { outcome: "refused", status: 302 })
      assert.deepInclude(yield* outcome("http://127.0.0.1:1/webhook"), { outcome: "unreachable", status: undefined })
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
