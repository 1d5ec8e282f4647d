import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { FeishuNetworkError } from "../../src/FeishuError.js"
import * as SendAgain from "../../src/internal/call/sendAgain.js"

const post = SendAgain.make(HttpClientRequest.post("/open-apis/x"), { isIdempotent: false, isReplayable: false })

const isSentAgain = (cause: Error) =>
  post.after(
    new FeishuNetworkError({ reason: "Connection", method: "POST", url: "/", description: "no answer", cause })
  )

const error = (properties: object) =>
  new TypeError("fetch failed", { cause: Object.assign(new Error("it failed"), properties) })

describe("A POST", () => {
  it.each([
    { code: "EAI_FAIL", syscall: "getaddrinfo" },
    { code: "ENODATA", syscall: "getaddrinfo" },
    { code: "ETIMEOUT", syscall: "queryA" },
    { code: "ESERVFAIL", syscall: "queryAaaa" },
    { code: "ETIMEDOUT", syscall: "connect" },
    { code: "EAI_FAIL" }
  ])("is sent again after %o, because nothing was sent", (properties) => {
    assert.isTrue(isSentAgain(error(properties)))
  })

  it.each([
    { code: "ECONNRESET", syscall: "read" },
    { code: "ETIMEDOUT", syscall: "read" },
    { code: "EPIPE", syscall: "write" },
    { code: "UND_ERR_SOCKET" }
  ])("is not sent again after %o", (properties) => {
    assert.isFalse(isSentAgain(error(properties)))
  })
})
