import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck, Schema } from "effect"
import * as FeishuError from "../src/FeishuError.js"

const request = { method: "POST", url: "https://open.feishu.cn/open-apis/auth/v3/app_ticket/resend" }

const networkError = (reason: FeishuError.FeishuNetworkError["reason"], status?: number) =>
  new FeishuError.FeishuNetworkError({ ...request, reason, status, description: "what was seen" })

describe("FeishuNetworkError", () => {
  it("is an Error with a message that says what was seen and what to do", () => {
    const error = networkError("Unavailable", 502)
    assert.instanceOf(error, Error)
    assert.strictEqual(error.name, "FeishuNetworkError")
    assert.strictEqual(
      error.message,
      "POST https://open.feishu.cn/open-apis/auth/v3/app_ticket/resend: what was seen (Unavailable, HTTP 502). "
        + "The platform, or a gateway before it, is out of order: try again later."
    )
  })

  it.each(
    [
      ["Connection", undefined, true],
      ["Timeout", undefined, true],
      ["Unavailable", 500, true],
      ["Unavailable", 502, true],
      ["InvalidResponse", 200, true],
      ["InvalidResponse", 302, false],
      ["InvalidResponse", 404, false],
      ["InvalidResponse", 408, true],
      ["InvalidResponse", 429, true]
    ] as const
  )("%s with HTTP status %s, retryable: %s", (reason, status, retryable) => {
    assert.strictEqual(networkError(reason, status).isRetryable, retryable)
  })

  it("an answer that broke off, or that asks to wait, is retried whatever its status", () => {
    const invalid = { ...request, reason: "InvalidResponse", status: 400, description: "" } as const
    const brokeOff = new FeishuError.FeishuNetworkError({ ...invalid, cause: new Error("terminated") })
    assert.isTrue(brokeOff.isRetryable)
    assert.include(brokeOff.message, "Check the network")
    assert.isTrue(new FeishuError.FeishuNetworkError({ ...invalid, retryAfter: Duration.seconds(1) }).isRetryable)
    assert.isFalse(new FeishuError.FeishuNetworkError({ ...invalid, retryAfter: Duration.zero }).isRetryable)
  })
})

describe("FeishuApiError", () => {
  it("is an Error with a message that says what was refused, the log id, and what to do", () => {
    const error = new FeishuError.FeishuApiError({
      ...request,
      code: 99991400,
      msg: "request trigger frequency limit",
      status: 429,
      logId: "20261122",
      retryAfter: Duration.seconds(52),
      troubleshooter: "Look here.",
      helps: [{ url: "https://open.feishu.cn/help" }]
    })
    assert.instanceOf(error, Error)
    assert.strictEqual(
      error.message,
      "POST https://open.feishu.cn/open-apis/auth/v3/app_ticket/resend: refused with code 99991400 "
        + "\"request trigger frequency limit\" (RateLimited, HTTP 429, log id 20261122). The platform asks to wait 52s. "
        + "Wait as long as the platform says before the next call, and call less often. Look here. "
        + "See https://open.feishu.cn/help"
    )
  })

  it("needs no more than a refusal has at least", () => {
    const error = new FeishuError.FeishuApiError({ ...request, code: 4, msg: "", status: 200 })
    assert.deepStrictEqual(error.helps, [])
    assert.include(error.message, "refused with code 4 (Unknown, HTTP 200). Look the code up")
  })
})

describe("FeishuError", () => {
  it("has one line for a message, whatever the platform says, and keeps its words", () => {
    const msg = `\u001b[2J\n${"x".repeat(100_000)}`
    const error = new FeishuError.FeishuApiError({ ...request, code: 4, msg, status: 200 })
    assert.isBelow(error.message.length, 1000)
    assert.notMatch(error.message, /\p{Cc}/u)
    assert.strictEqual(error.msg, msg)
  })

  it("shows in JSON what one branches on", () => {
    const json = JSON.parse(
      JSON.stringify(new FeishuError.FeishuApiError({ ...request, code: 10016, msg: "", status: 200 }))
    )
    assert.deepInclude(json, { _tag: "FeishuApiError", code: 10016, kind: "NotStoreApp", isRetryable: false })
    assert.include(json.message, "refused with code 10016")
    assert.deepInclude(JSON.parse(JSON.stringify(networkError("Timeout"))), { reason: "Timeout", isRetryable: true })
  })

  const text = FastCheck.string()
  const retryAfter = FastCheck.option(FastCheck.nat(), { nil: undefined })
    .map((millis) => millis === undefined ? undefined : Duration.millis(millis))
  const networkErrors = FastCheck.record({
    reason: FastCheck.constantFrom<FeishuError.FeishuNetworkError["reason"][]>(
      "Connection",
      "Timeout",
      "Unavailable",
      "InvalidResponse"
    ),
    method: text,
    url: text,
    description: text,
    status: FastCheck.option(FastCheck.nat(), { nil: undefined }),
    retryAfter
  }).map((fields) => new FeishuError.FeishuNetworkError(fields))
  const apiErrors = FastCheck.record({
    code: FastCheck.integer(),
    msg: text,
    status: FastCheck.nat(),
    method: text,
    url: text,
    logId: FastCheck.option(text, { nil: undefined }),
    retryAfter,
    helps: FastCheck.array(FastCheck.record({ url: text, description: text }))
  }).map((fields) => new FeishuError.FeishuApiError(fields))

  it.effect.prop(
    "survives the way through JSON",
    [FastCheck.oneof(networkErrors, apiErrors)],
    ([error]) =>
      Effect.gen(function*() {
        const json = JSON.stringify(yield* Schema.encode(FeishuError.FeishuError)(error))
        const copy = yield* Schema.decode(Schema.parseJson(FeishuError.FeishuError))(json)
        assert.strictEqual(copy._tag, error._tag)
        assert.strictEqual(copy.message, error.message)
        assert.strictEqual(copy.isRetryable, error.isRetryable)
        assert.deepStrictEqual(copy.retryAfter, error.retryAfter)
      })
  )
})
