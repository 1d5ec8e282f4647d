import { assert, it } from "@effect/vitest"
import { joinChinese } from "../src/softBreaks.js"

const text = (content: string) => ({ type: "text", content })
const softBreak = { type: "softbreak", content: "" }

it("joins lines where Chinese follows Chinese, and keeps the break beside a Latin word", () => {
  const tokens = [
    text("请求推送，"),
    softBreak,
    text("最迟"),
    softBreak,
    text("app_ticket"),
    softBreak,
    text("两分钟。")
  ]
  assert.deepStrictEqual(joinChinese(tokens), [
    text("请求推送，"),
    text("最迟"),
    softBreak,
    text("app_ticket"),
    softBreak,
    text("两分钟。")
  ])
})
