import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventSubscription,
  FeishuApp,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Layer, Redacted } from "effect"
import { pass, withQuickClock } from "../../core/test/quickClock.js"
import * as Outcome from "../src/outcome.js"
import { outcomeOf } from "../src/report/Claim.js"
import * as Explained from "../src/soak/explained.js"
import * as MinutesReport from "../src/soak/minutesReport.js"
import { toast } from "../src/soak/toast.js"
import * as Users from "../src/soak/users.js"
import * as StoreApp from "../src/storeApp.js"

const away = { name: "platform away", of: "platform", begin: 1_000, end: 2_000 } as const
const frozen = { name: "Redis frozen", of: "Redis", begin: 5_000, end: 6_000 } as const

const failure = (call: string, outcome: string, begin: number) => ({ call, outcome, begin, end: begin + 100 })
const dropped = (call: string, begin: number) => failure(call, "FeishuNetworkError, Connection", begin)

const calls = (failures: ReadonlyArray<Explained.Failed>, faults: Readonly<Record<string, number>> = {}) =>
  Explained.calls(failures, faults, [away, frozen])

const secrets = {
  appSecret: Redacted.make("the secret"),
  encryptKey: Redacted.make("the encrypt key"),
  verificationToken: Redacted.make("the verification token")
}
const appId = "cli_1"
const appWith = (handlers: ReadonlyArray<EventHandler.EventHandler<never>>) =>
  AccessToken.layer().pipe(
    Layer.provideMerge(AppTicket.layer()),
    Layer.provideMerge(EventSubscription.layer({ handlers })),
    Layer.provideMerge(FeishuApp.layer({ ...secrets, appId })),
    Layer.provide([TicketStore.layerMemory, TokenStore.layerMemory])
  )

describe("a message that is sent under a fault", () => {
  it.live("fails in the way by which the fault is recognised, and a rate limit does not fail", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const { context } = yield* StoreApp.start(appId, appWith([]))
      for (const name of Explained.namesOfCalls) {
        const { fault, isSentAgain, outcome } = Explained.ofCalls[name]
        const sending = yield* Effect.fork(Effect.exit(Effect.provide(
          Effect.zipRight(
            Effect.zipRight(StoreApp.query("tenant_1"), emulator.setFaults([fault])),
            StoreApp.send("tenant_1")
          ),
          context
        )))
        yield* pass("10 seconds")
        assert.strictEqual(Outcome.of(yield* Fiber.join(sending)), isSentAgain ? Outcome.success : outcome, name)
        const calls = (yield* emulator.journal).flatMap((entry) => entry._tag === "Call" ? [entry] : [])
        assert.strictEqual(
          calls.filter(({ path }) => path === StoreApp.messagePath).map(Explained.faultOf).find(Boolean),
          name
        )
        yield* emulator.clearJournal
      }
    }).pipe(
      Effect.scoped,
      Effect.provide(Emulator.layerHttpClient({ apps: [{ ...secrets, appId }] })),
      withQuickClock
    ))
})

describe("a call that failed", () => {
  it("is explained by an outage of the platform that the call meets", () => {
    assert.deepStrictEqual(calls([dropped("GET", 950), dropped("POST", 1_990)]), [
      { what: "GET: FeishuNetworkError, Connection", why: "platform away", times: 1 },
      { what: "POST: FeishuNetworkError, Connection", why: "platform away", times: 1 }
    ])
    assert.deepStrictEqual(calls([dropped("GET", 2_001)]), [
      { what: "GET: FeishuNetworkError, Connection", why: undefined, times: 1 }
    ])
  })

  it("is explained by a fault as often as the fault happened, if the call is not sent again", () => {
    const faults = { "connection dropped": 2, "answer cut": 5 }
    assert.deepStrictEqual(calls([1, 2, 3].map((begin) => dropped("POST", begin)), faults), [
      { what: "POST: FeishuNetworkError, Connection", why: "connection dropped", times: 2 },
      { what: "POST: FeishuNetworkError, Connection", why: undefined, times: 1 }
    ])
  })

  it("is not explained by a fault if the call is sent again", () => {
    assert.deepStrictEqual(calls([dropped("GET", 1)], { "connection dropped": 2 }), [
      { what: "GET: FeishuNetworkError, Connection", why: undefined, times: 1 }
    ])
  })

  it("is not explained by an outage of the platform if the outcome is no want of an answer", () => {
    const outcomes = [
      "FeishuNetworkError, Connection",
      "FeishuNetworkError, Timeout",
      "FeishuNetworkError, Unavailable",
      "FeishuNetworkError, Schema",
      "FeishuApiError, Internal",
      "TicketTimeout",
      Outcome.defect,
      Explained.notAnswered
    ]
    assert.deepStrictEqual(
      calls(outcomes.map((outcome) => failure("GET", outcome, 1_500))).flatMap(({ what, why }) =>
        why === undefined ? [what.slice("GET: ".length)] : []
      ),
      outcomes.slice(3)
    )
  })

  it("is explained by a fault of the last attempt if an outage of the platform took the attempts before", () => {
    const faults = { "answer cut": 1 }
    const cut = (begin: number) => failure("GET", "FeishuNetworkError, InvalidResponse", begin)
    assert.deepStrictEqual(calls([cut(1_990), cut(1_991)], faults).map(({ why }) => why), ["answer cut", undefined])
    assert.deepStrictEqual(calls([cut(2_001)], faults).map(({ why }) => why), [undefined])
  })

  it("is not explained by a rate limit, after which each call is sent again, unless the platform was away before", () => {
    const limited = (call: string, begin: number) => failure(call, "FeishuApiError, RateLimited", begin)
    const failures = [limited("POST", 500), limited("GET", 1_990)]
    assert.deepStrictEqual(calls(failures, { "rate limit": 2 }).map(({ why }) => why), [undefined, "rate limit"])
  })

  it("is explained by an outage of the Redis only if it failed for want of a ticket", () => {
    assert.deepStrictEqual(calls([failure("GET", "TicketTimeout", 5_500), dropped("GET", 5_500)]), [
      { what: "GET: TicketTimeout", why: "Redis frozen", times: 1 },
      { what: "GET: FeishuNetworkError, Connection", why: undefined, times: 1 }
    ])
  })
})

describe("the faults with which calls can have ended", () => {
  const count = (name: Explained.OfCallsName, begin: number, isSentAgain: boolean) =>
    Explained.countLast([{ name, begin, end: begin + 10, isSentAgain }], [away, frozen])[name] ?? 0

  it("are those of calls that are not sent again, but not what an outage does to these calls", () => {
    assert.strictEqual(count("connection dropped", 500, false), 1)
    assert.strictEqual(count("connection dropped", 1_500, false), 0)
    assert.strictEqual(count("answer cut", 1_500, false), 1)
  })

  it("are those of calls that are sent again only just after an outage of the platform", () => {
    assert.strictEqual(count("answer cut", 500, true), 0)
    assert.strictEqual(count("answer cut", 3_900, true), 1)
    assert.strictEqual(count("answer cut", 4_100, true), 0)
    // After an outage of the Redis, they are not.
    assert.strictEqual(count("answer cut", 6_100, true), 0)
  })
})

describe("the faults that happen by chance", () => {
  it("are those outside of an outage of the platform", () => {
    const dropped = (begin: number) =>
      ({ name: "connection dropped", begin, end: begin + 10, isSentAgain: false }) as const
    assert.deepStrictEqual(Explained.countByChance([1_500, 2_001, 5_500].map(dropped), [away, frozen]), {
      "connection dropped": 2
    })
  })
})

describe("a click on a card", () => {
  const click = (handle: Effect.Effect<object, string>) =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* StoreApp.start(appId, appWith([EventHandler.callback("card.action.trigger", () => handle)]))
      return Users.failureOf(
        yield* Effect.either(emulator.callback(appId, { type: "card.action.trigger", payload: {} }))
      )
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerHttpClient({ apps: [{ ...secrets, appId }] })))

  it.live("fails if the handler fails, though the user gets an answer", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* click(Effect.fail("broken")), Explained.anotherAnswer)
      assert.strictEqual(yield* click(Effect.succeed({ toast })), undefined)
      assert.strictEqual(Users.failureOf(Either.left("no answer")), Explained.notAnswered)
    }))

  it("that failed is not explained by an outage of the platform or of the Redis", () => {
    const failures = [away, frozen].flatMap(({ begin }) =>
      [Explained.notAnswered, Explained.anotherAnswer].map((outcome) => failure("callback", outcome, begin))
    )
    assert.deepStrictEqual(calls(failures).map(({ times, why }) => [times, why]), [[2, undefined], [2, undefined]])
  })
})

describe("a busy machine", () => {
  it("explains that an answer came too late, and nothing else", () => {
    const busy = { name: "machine busy", of: "machine", begin: 1, end: 9_000 } as const
    const late = [failure("GET", "FeishuNetworkError, Timeout", 5), failure("callback", Explained.notAnswered, 5)]
    assert.deepStrictEqual(Explained.calls([...late, dropped("GET", 5)], {}, [busy]).map(({ why }) => why), [
      "machine busy",
      "machine busy",
      undefined
    ])
  })
})

describe("an event that was handled twice", () => {
  it("is explained if the Redis was away while the event was pushed", () => {
    const events = [{ begin: 4_000, end: 5_100 }, { begin: 6_100, end: 6_200 }, undefined]
    assert.deepStrictEqual(Explained.repeats(events, [away, frozen]), [
      { what: Explained.handledTwice, why: "Redis frozen", times: 1 },
      { what: Explained.handledTwice, why: undefined, times: 2 }
    ])
  })
})

/** Each thing once. Tokens are issued once, and renewed once. */
const counts: Readonly<Record<string, number>> = {
  ...Object.fromEntries([
    ...Explained.namesOfPushes.map((name) => `fault of a push: ${name}`),
    ...Object.values(Explained.outageNames).map((name) => `outage ${name}`),
    "ticket acknowledged"
  ].map((name) => [name, 1])),
  "success /open-apis/auth/v3/app_access_token": 2,
  "success /open-apis/auth/v3/tenant_access_token": 301
}

const faults: Readonly<Record<string, number>> = Object.fromEntries(Explained.namesOfCalls.map((name) => [name, 1]))

/** Ten minutes of processes with a heap of 40 MB, which varies by 1 MB and in one process grows by so many bytes in a minute. */
const result = (growth: number, changes: Partial<MinutesReport.Result> = {}): MinutesReport.Result => ({
  seconds: 600,
  warmUp: 60,
  tenants: 300,
  rate: 60,
  samples: Array.from({ length: 61 }, (_, n) => ({
    at: n * 10_000,
    machines: [growth, 0, 0].map((growth) => ({
      heap: 40e6 + n / 6 * growth + (n % 3 - 1) * 5e5,
      rss: 100e6,
      handles: 10
    })),
    platform: { heap: 60e6, rss: 120e6 }
  })),
  calls: { GET: 27_000, POST: 9_000 },
  tookMillis: 600_000,
  idle: { before: [9, 9, 9], after: [9, 9, 9] },
  counts,
  faults,
  callbacks: 1,
  failed: [],
  events: { pushed: 10, handled: 10, unsettled: 0, notHandled: 0, strange: 0 },
  stalls: { times: 0, longest: 0 },
  secrets: { searched: 600, found: [] },
  broken: [],
  ...changes
})

const missed = (given: MinutesReport.Result) =>
  MinutesReport.section(given).claims.map((claim) => outcomeOf(claim)).filter(({ holds }) => !holds).map(({ name }) =>
    name.slice("soak, minutes: ".length)
  )

describe("the claims of ten minutes", () => {
  it("hold if nothing grows", () => assert.deepStrictEqual(missed(result(0)), []))

  it("do not hold if nothing happens", () => {
    const events = { pushed: 0, handled: 0, unsettled: 0, notHandled: 0, strange: 0 }
    assert.deepStrictEqual(missed(result(0, { counts: {}, faults: {}, callbacks: 0, events })), [
      "fault of a call: connection dropped",
      "fault of a call: answer cut",
      "fault of a call: gateway page, HTTP 502",
      "fault of a call: internal error, HTTP 500",
      "fault of a call: rate limit",
      "fault of a push: lost",
      "fault of a push: doubled",
      "fault of a push: forged",
      "fault of a push: tampered",
      "outage: Redis frozen for 5 s",
      "outage: platform away for 4 s",
      "outage: Redis restarted empty after 2 s",
      "tickets acknowledged",
      "app access tokens renewed",
      "tenant access tokens renewed",
      "events handled",
      "callbacks with the answer of the handler"
    ])
  })

  it("do not hold if one thing of all did not happen", () => {
    for (const [name, count] of Object.entries(counts)) {
      assert.strictEqual(missed(result(0, { counts: { ...counts, [name]: count - 1 } })).length, 1, name)
    }
    for (const name of Explained.namesOfCalls) {
      assert.deepStrictEqual(missed(result(0, { faults: { ...faults, [name]: 0 } })), [`fault of a call: ${name}`])
    }
  })

  it("do not hold if a process prints a secret", () =>
    assert.deepStrictEqual(missed(result(0, { secrets: { searched: 600, found: ["a secret is in: SECRET"] } })), [
      "secrets in what the processes print"
    ]))

  it("do not hold if a kilobyte of each call is kept, in one process of three", () => {
    const growth = [
      "growth of the heap in a minute, of the process that grows most",
      "growth of the heap for each call, of the process that grows most"
    ]
    assert.deepStrictEqual(missed(result(1_000 * 60 / 3 * 60)), growth)
    // Six tenths of that, too.
    assert.deepStrictEqual(missed(result(600 * 60 / 3 * 60)), growth)
  })

  it("do not hold if a handle is kept, or if a process gives no figures", () => {
    const handles = "handles of an idle process after the load more than before"
    assert.deepStrictEqual(missed(result(0, { idle: { before: [9, 9, 9], after: [9, 9, 10] } })), [handles])
    assert.deepStrictEqual(missed(result(0, { idle: { before: [9, 9, 9], after: [9, 9] } })), [handles])
    assert.deepStrictEqual(missed(result(0, { idle: { before: [9, 9, 9], after: [8, 9, 9] } })), [])
  })

  it("do not hold after failures that no fault explains, or with less than the load", () => {
    const row = { what: "GET: a defect", times: 1 }
    assert.deepStrictEqual(missed(result(0, { failed: [{ ...row, why: undefined }] })), [
      "failures that no fault explains"
    ])
    assert.deepStrictEqual(missed(result(0, { failed: [{ ...row, why: "a fault" }] })), [])
    assert.deepStrictEqual(
      missed(result(0, { failed: [{ what: Explained.handledTwice, times: 1, why: undefined }] })),
      [
        "events handled twice that no fault explains"
      ]
    )
    assert.deepStrictEqual(missed(result(0, { calls: { GET: 17_000 } })), ["load reached"])
  })
})
