import { Journal } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import * as Rules from "../src/chaos/rules.js"
import { queryPath } from "../src/storeApp.js"

const call = (changes: Partial<Parameters<typeof Journal.Call>[0]>) =>
  Journal.Call({
    id: 1,
    at: 0,
    endedAt: 0,
    method: "GET",
    path: queryPath,
    query: "",
    appId: "cli_chaos",
    tenantKey: "tenant_1",
    token: "valid",
    fault: undefined,
    outcome: "answered",
    status: 200,
    code: 0,
    logId: "",
    received: undefined,
    sent: undefined,
    ...changes
  })

const push = (changes: Partial<Parameters<typeof Journal.Push>[0]>) =>
  Journal.Push({
    id: 1,
    at: 0,
    endedAt: 0,
    appId: "cli_chaos",
    tenantKey: "tenant_1",
    kind: "event",
    eventType: "app_chaos",
    eventId: "event-1",
    attempt: 1,
    origin: "platform",
    fault: undefined,
    outcome: "acknowledged",
    status: 200,
    sent: undefined,
    received: undefined,
    ...changes
  })

const resends = (...at: ReadonlyArray<number>) =>
  at.map((at) => call({ at, method: "POST", path: "/open-apis/auth/v3/app_ticket/resend" }))

/** A run in which one event was pushed, handled once and acknowledged. */
const well: Rules.Told = {
  journal: [call({}), push({}), ...resends(0, 1_000, 2_000, 3_000, 4_000, 5_000)],
  faults: [],
  starts: { "event-1": 1 },
  ends: { "event-1": 1 },
  pushed: new Set(["event-1"]),
  storeFailures: 0
}

const seven = [...well.journal, ...resends(59_000)]

describe("the rules of chaos", () => {
  it("find nothing in a run in which everything is well", () => assert.deepStrictEqual(Rules.brokenIn(well), []))

  for (
    const [rule, changes] of [
      ["a call without a token", { journal: [call({ token: "none" })] }],
      ["a call with a token that is not valid", { journal: [call({ token: "invalid" })] }],
      ["7 resends within a minute", { journal: seven }],
      ["19 resends within a minute", {
        journal: resends(...Array.from({ length: 19 }, (_, n) => n * 3_000)),
        processes: 3,
        storeFailures: 1
      }],
      ["an acknowledged event was not handled", { starts: {}, ends: {} }],
      ["an acknowledged event was not handled", { ends: {}, faults: ["restart"] }],
      ["an event was handled twice", { starts: { "event-1": 2 }, ends: { "event-1": 2 } }],
      ["a handler was interrupted", { starts: { "event-1": 2 } }],
      ["an event was handled that the platform did not send", { pushed: new Set() }]
    ] as ReadonlyArray<readonly [string, Partial<Rules.Told>]>
  ) {
    it(`find: ${rule}, with ${Object.keys(changes).join(" and ")} changed`, () =>
      assert.deepStrictEqual(Rules.brokenIn({ ...well, ...changes }), [rule]))
  }

  for (
    const [why, changes] of [
      ["the platform makes tokens invalid", { journal: [call({ token: "invalid" })], faults: ["tokens invalidated"] }],
      ["a fault answers in place of the platform", { journal: [call({ token: "invalid", fault: "Answer" })] }],
      ["another call than the tenant's needs no token", { journal: [call({ token: "none", path: "/" })] }],
      ["the store was away, and each of three processes asks", { journal: seven, processes: 3, storeFailures: 1 }],
      ["the resends are a minute apart", { journal: [...well.journal, ...resends(60_000)] }],
      ["the store was away, so that an event may be handled twice", {
        starts: { "event-1": 2 },
        ends: { "event-1": 2 },
        storeFailures: 1
      }],
      ["a restart interrupts handlers", { starts: { "event-1": 2 }, faults: ["restart"] }],
      ["a refused event need not be handled", { journal: [push({ outcome: "refused" })], starts: {}, ends: {} }]
    ] as ReadonlyArray<readonly [string, Partial<Rules.Told>]>
  ) {
    it(`find nothing wrong if ${why}`, () => assert.deepStrictEqual(Rules.brokenIn({ ...well, ...changes }), []))
  }

  it("find a secret in a text, and do not print the secret", () => {
    assert.deepStrictEqual(Rules.secretsIn(["t-1234"], ["nothing", "the token t-1234"]), [
      "a secret is in: the token SECRET"
    ])
    assert.deepStrictEqual(Rules.secretsIn(["t-1234"], ["nothing"]), [])
  })

  it("find an error that nobody handled in the output of a process", () => {
    assert.deepStrictEqual(Rules.unhandledIn(["Listening\n[UnhandledPromiseRejection: x]\n", "Listening\n"]), [
      "a process prints an error that nobody handled: [UnhandledPromiseRejection: x]"
    ])
  })
})

describe("the work of several processes on an event", () => {
  const run = (changes: { readonly isDone?: boolean; readonly isKilled?: boolean }) => ({
    pid: 1,
    isDone: true,
    isKilled: false,
    ...changes
  })
  const workOf = (...runs: ReadonlyArray<ReturnType<typeof run>>) =>
    Rules.workOf({ runs: new Map([["event-1", runs]]), wrong: [] })

  it("counts twice if two processes that live have ended it", () =>
    assert.deepStrictEqual(workOf(run({}), run({})), { starts: { "event-1": 2 }, ends: { "event-1": 2 } }))

  it("counts once if the first process was killed after its work and before its answer", () =>
    assert.deepStrictEqual(workOf(run({ isKilled: true }), run({})), {
      starts: { "event-1": 2 },
      ends: { "event-1": 1 }
    }))

  it("counts once if the only process was killed after its work", () =>
    assert.deepStrictEqual(workOf(run({ isKilled: true })), { starts: { "event-1": 1 }, ends: { "event-1": 1 } }))

  it("does not count if no process has ended it", () =>
    assert.deepStrictEqual(workOf(run({ isDone: false, isKilled: true })), { starts: { "event-1": 1 }, ends: {} }))
})
