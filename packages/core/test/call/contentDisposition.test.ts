import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { fileName } from "../../src/internal/call/contentDisposition.js"

/** As a header arrives: one character for each byte. */
const asBytes = (text: string) => Buffer.from(text).toString("latin1")

describe("fileName", () => {
  it.each<[string, string | undefined]>([
    ["attachment; filename=\"a.txt\"", "a.txt"],
    ["attachment; filename=a.txt", "a.txt"],
    ["ATTACHMENT;FILENAME=a.txt", "a.txt"],
    ["attachment; filename=\"a.txt\"; filename*=UTF-8''%e9%a3%9e.txt", "飞.txt"],
    ["attachment; filename*=utf-8'zh'%E4%B9%A6.txt; filename=\"a.txt\"", "书.txt"],
    ["attachment; filename*=UTF-8''%E4; filename=\"a.txt\"", "a.txt"],
    ["attachment; filename=\"with \\\"quotes\\\".txt\"", "with \"quotes\".txt"],
    ["attachment; filename=\"a;b.txt\"", "a;b.txt"],
    ["attachment; filename=\"%E9%A3%9E.txt\"", "飞.txt"],
    ["attachment; filename=\"100%.txt\"", "100%.txt"],
    [asBytes("attachment; filename=\"飞书.txt\""), "飞书.txt"],
    ["attachment; filename=\"飞书.txt\"", "飞书.txt"],
    ["attachment; filename=\"../../etc/passwd\"", "passwd"],
    ["attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"],
    ["attachment; filename=\"C:\\\\Users\\\\a.txt\"", "a.txt"],
    ["attachment; filename=\"..\"", undefined],
    ["attachment; filename=\"\"", undefined],
    ["attachment; filename=\"a\u0000b\u001b.txt\"", "ab.txt"],
    ["attachment", undefined],
    ["inline; name=\"filename=x\"", undefined],
    ["", undefined]
  ])("of %j is %j", (header, expected) => assert.strictEqual(fileName(header), expected))

  it.effect.prop(
    "has no folder and no control character, whatever the header",
    [FastCheck.string()],
    ([text]) =>
      Effect.sync(() => {
        for (const header of [text, `attachment; filename="${text}"`, `attachment; filename*=UTF-8''${text}`]) {
          const name = fileName(header)
          if (name === undefined) continue
          assert.notMatch(name, /[/\\\p{Cc}]/u)
          assert.notInclude(["", ".", ".."], name)
        }
      })
  )
})
