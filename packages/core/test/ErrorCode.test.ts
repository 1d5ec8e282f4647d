import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as ErrorCode from "../src/ErrorCode.js"
import { FeishuApiError } from "../src/FeishuError.js"

/** PROTOCOL: the codes that matter here, with what to do about each. */
const rows: ReadonlyArray<readonly [code: number, kind: ErrorCode.ErrorCode["kind"], retryable: boolean]> = [
  [1500, "Internal", true],
  [1551, "Internal", true],
  [1642, "Internal", true],
  [1663, "Internal", true],
  [1668, "Internal", true],
  [2200, "Internal", true],
  [5000, "Internal", true],
  [10101, "Internal", true],
  [10500, "Internal", true],
  [105001, "Internal", true],
  [1000003, "Internal", true],
  [99991400, "RateLimited", true],
  [1000004, "RateLimited", true],
  [1000005, "RateLimited", true],
  [10003, "Parameter", false],
  [10001, "Parameter", false],
  [9499, "Parameter", false],
  [99992402, "Parameter", false],
  [99991661, "Parameter", false],
  [10005, "AppState", false],
  [10014, "AppState", false],
  [99991662, "AppState", false],
  [99991673, "AppState", false],
  [11210, "AppState", false],
  [20009, "AppState", false],
  [10013, "AppState", false],
  [10015, "Credentials", false],
  [20002, "Credentials", false],
  [99991543, "Credentials", false],
  [10016, "NotStoreApp", false],
  [10012, "TicketInvalid", false],
  [99991401, "IpRefused", false],
  [99991403, "Quota", false],
  [99991663, "TokenInvalid", false],
  [99991664, "TokenInvalid", false],
  [99991665, "TokenInvalid", false],
  [99991671, "TokenInvalid", false],
  [20013, "TokenInvalid", false],
  [20014, "TokenInvalid", false]
]

const refusal = (code: number, status: number) =>
  new FeishuApiError({ code, status, msg: "", method: "POST", url: "https://open.feishu.cn/x" })

describe("ErrorCode", () => {
  it("has exactly the documented codes", () => {
    assert.sameMembers([...ErrorCode.table.keys()], rows.map(([code]) => code))
  })

  it.each(rows)("%i is %s, retryable: %s, whatever the HTTP status", (code, kind, retryable) => {
    assert.deepInclude(ErrorCode.table.get(code), { code, kind, retryable })
    for (const status of [200, 400, 429, 500]) {
      assert.deepInclude(ErrorCode.classify({ code, status, toldToWait: false }), { kind, retryable })
      assert.strictEqual(refusal(code, status).kind, kind)
      assert.strictEqual(refusal(code, status).isRetryable, retryable)
    }
  })

  it.effect.prop(
    "a code that is not in the table is unknown, and retried for a 5xx status only",
    [
      FastCheck.integer({ min: 1 }).filter((code) => !ErrorCode.table.has(code)),
      FastCheck.integer({ min: 200, max: 700 }).filter((status) => status !== 429)
    ],
    ([code, status]) =>
      Effect.sync(() => {
        assert.deepStrictEqual(ErrorCode.classify({ code, status, toldToWait: false }), {
          kind: "Unknown",
          retryable: status >= 500 && status < 600
        })
      })
  )

  it("an unknown code is a rate limit where the status or the header says so", () => {
    const expected = { kind: "RateLimited", retryable: true } as const
    assert.deepStrictEqual(ErrorCode.classify({ code: 230020, status: 429, toldToWait: false }), expected)
    assert.deepStrictEqual(ErrorCode.classify({ code: 230020, status: 400, toldToWait: true }), expected)
    assert.strictEqual(ErrorCode.classify({ code: 230020, status: 200, toldToWait: true }).kind, "Unknown")
  })

  it("has one sentence of advice for each kind, and each error shows it", () => {
    for (const kind of ErrorCode.Kind.literals) assert.match(ErrorCode.advice[kind], /^[A-Z].*[^.]\.$/)
    for (const [code, kind] of rows) assert.include(refusal(code, 200).message, ErrorCode.advice[kind])
  })
})
