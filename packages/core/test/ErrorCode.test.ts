import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import * as ErrorCode from "../src/ErrorCode.js"
import { FeishuApiError } from "../src/FeishuError.js"
import { classify } from "../src/internal/call/classify.js"

/** The platform's pages and public reports: what each code means. */
const codes: Readonly<Record<ErrorCode.ErrorCode["kind"], ReadonlyArray<number>>> = {
  Internal: [
    1500,
    1551,
    1557,
    1642,
    1663,
    1665,
    1668,
    2200,
    4006,
    5000,
    10101,
    10105,
    10500,
    105001,
    1000003,
    1050002,
    1050008,
    1069301,
    1069399
  ],
  RateLimited: [99991400, 1000004, 1000005, 11232, 11233, 11247, 230020],
  Busy: [18121, 1061045, 131009, 1254290, 1254607],
  Parameter: [10003, 9499, 10001, 4000, 10100, 20001, 23001, 40001, 99992402, 99991661, 99991201, 99991301],
  Credentials: [10014, 10015, 20002, 99991543],
  AppState: [10005, 11207, 11209, 99991662, 99991673, 20048, 20069, 11210, 20009, 10013],
  NotStoreApp: [10016],
  TicketInvalid: [10012],
  IpRefused: [99991401],
  Quota: [99991403],
  TokenInvalid: [99991663, 99991664, 99991665, 99991671, 20013, 20014, 20005, 4001, 99991668, 99991677, 20006],
  Permission: [99991672, 99991676, 99991679, 230027]
}

const retryable: ReadonlySet<ErrorCode.Kind> = new Set(["Internal", "RateLimited", "Busy"])

const rows = ErrorCode.Kind.literals.flatMap((kind) =>
  kind === "Unknown" ? [] : codes[kind].map((code) => [code, kind, retryable.has(kind)] as const)
)

const url = "https://open.feishu.cn/open-apis/x"

const refusal = (code: number, status: number) => new FeishuApiError({ code, status, msg: "", method: "POST", url })

describe("ErrorCode", () => {
  it("has an advice for each kind, and a kind for each advice", () => {
    assert.sameMembers([...ErrorCode.Kind.literals], Object.keys(ErrorCode.advice))
  })

  it("has exactly the documented codes", () => {
    assert.sameMembers([...ErrorCode.table.keys()], rows.map(([code]) => code))
  })

  it.each(rows)("%i is %s, retryable: %s, whatever the HTTP status", (code, kind, retryable) => {
    assert.deepInclude(ErrorCode.table.get(code), { code, kind, retryable })
    for (const status of [200, 400, 429, 500]) {
      assert.deepInclude(classify({ code, status, url, asksToWait: false }), { kind, retryable })
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
        assert.deepStrictEqual(classify({ code, status, url, asksToWait: false }), {
          kind: "Unknown",
          retryable: status >= 500 && status < 600
        })
      })
  )

  it("takes an unknown code for a rate limit if the status or a header says so", () => {
    const expected = { kind: "RateLimited", retryable: true } as const
    assert.deepStrictEqual(classify({ code: 77, status: 429, url, asksToWait: false }), expected)
    assert.deepStrictEqual(classify({ code: 77, status: 400, url, asksToWait: true }), expected)
    assert.strictEqual(classify({ code: 77, status: 200, url, asksToWait: true }).kind, "Unknown")
  })

  it.each([
    "auth/v3/app_ticket/resend",
    "auth/v3/app_access_token",
    "auth/v3/app_access_token/internal",
    "auth/v3/tenant_access_token",
    "auth/v3/tenant_access_token/internal"
  ])("takes 10003, 10014 and 10015 for wrong credentials on %s", (path) => {
    for (const base of ["https://open.feishu.cn", "http://127.0.0.1:4000/proxy"]) {
      for (const code of [10003, 10014, 10015]) {
        const error = new FeishuApiError({
          code,
          status: 200,
          msg: "",
          method: "POST",
          url: `${base}/open-apis/${path}`
        })
        assert.strictEqual(error.kind, "Credentials")
        assert.isFalse(error.isRetryable)
        for (const word of ["app id", "app secret", "white space", "Feishu or Lark", "disabled"]) {
          assert.include(error.message, word)
        }
      }
    }
  })

  it("takes 10003 for a wrong parameter on any other path", () => {
    for (const path of ["im/v1/messages", "auth/v3/app_ticket/resend/more", "authen/v1/access_token"]) {
      assert.strictEqual(
        classify({ code: 10003, status: 200, url: `https://open.feishu.cn/open-apis/${path}`, asksToWait: false }).kind,
        "Parameter"
      )
    }
  })

  it("advises to refresh a user's token, and not to get a new one", () => {
    for (const code of [20006, 99991668, 99991677]) assert.include(refusal(code, 400).advice, "refresh token")
    assert.notInclude(refusal(99991663, 400).advice, "refresh token")
  })

  it("has one sentence of advice for each kind, and each error shows it", () => {
    for (const kind of ErrorCode.Kind.literals) assert.match(ErrorCode.advice[kind], /^[A-Z].*[^.]\.$/)
    for (const [code] of rows) {
      const error = refusal(code, 200)
      assert.include(error.message, ErrorCode.table.get(code)?.advice ?? ErrorCode.advice[error.kind])
    }
  })
})
