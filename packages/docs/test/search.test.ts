import { assert, describe, it } from "@effect/vitest"
import { fuzzy, tokenize } from "../src/search.js"

describe("tokenize", () => {
  it("splits Chinese into pairs of neighbours, so that any part of a phrase is found", () => {
    assert.deepStrictEqual(tokenize("加密策略"), ["加密", "密策", "策略"])
    assert.deepStrictEqual(tokenize("码"), ["码"])
  })

  it("keeps Latin words and numbers whole, also between Chinese", () => {
    assert.deepStrictEqual(tokenize("错误码99991663：重新获取 app_ticket（AppTicket.get）"), [
      "错误",
      "误码",
      "99991663",
      "重新",
      "新获",
      "获取",
      "app",
      "ticket",
      "AppTicket",
      "get"
    ])
  })
})

describe("fuzzy", () => {
  it("allows typing errors in words only", () => {
    assert.deepStrictEqual(["ticket", "99991663", "策略"].map(fuzzy), [0.2, false, false])
  })
})
