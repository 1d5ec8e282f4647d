import { ErrorCode } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { errorCodesPage } from "../src/errorCodes.js"
import { codes, kinds } from "../src/errorTexts.js"
import { folderOf, root } from "../src/navigation.js"

describe("errorTexts", () => {
  it("explains each code of the table, and no other", () => {
    assert.sameMembers([...codes.keys()], [...ErrorCode.table.keys()])
  })

  it("replaces the cure in Chinese for each code whose advice differs from that of the kind", () => {
    for (const { advice, code } of ErrorCode.table.values()) {
      if (advice !== undefined) assert.isDefined(codes.get(code)?.cure, String(code))
    }
  })

  it("has Chinese in each Chinese text", () => {
    const chinese = [
      ...Object.values(kinds).flatMap(({ cure, library, title }) => [cure, library.zh, title.zh]),
      ...[...codes.values()].flatMap(({ cause, cure, hint }) => [cause.zh, cure ?? cause.zh, hint?.zh ?? cause.zh])
    ]
    for (const text of chinese) assert.match(text, /\p{Script=Han}/u)
  })
})

describe.each(["en", "zh"] as const)("errorCodesPage, %s", (language) => {
  const page = errorCodesPage(language)

  it("has one heading for each code", () => {
    const headings = [...page.matchAll(/^### (\d+)$/gm)].map((match) => match[1])
    assert.sameMembers(headings, [...ErrorCode.table.keys()].map((code) => `${code}`))
  })

  it("is what is committed: if not, run `npm run docs:generate`, and commit the page", () => {
    assert.strictEqual(readFileSync(`${root}${folderOf(language)}reference/error-codes.md`, "utf8"), page)
  })
})
