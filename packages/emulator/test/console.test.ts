/** The text of the console's page: what can be checked without a browser. */
import { assert, describe, it } from "@effect/vitest"
import { Script } from "node:vm"
import * as ControlApi from "../src/ControlApi.js"
import * as Page from "../src/internal/control/page.js"
import { markup } from "../src/internal/control/page/markup.js"
import { script } from "../src/internal/control/page/script.js"
import type { Language } from "../src/internal/control/page/script/language.js"
import { makeSentences } from "../src/internal/control/page/script/sentences.js"
import { words } from "../src/internal/control/page/words.js"

const named = [...markup.matchAll(/data-t(?:-label|-placeholder)?="(\w+)"/g)].map(([_, key]) => key ?? "")

describe("The page of the console", () => {
  it("the script is JavaScript that no tag of HTML can end", () => {
    assert.doesNotThrow(() => new Script(script))
    assert.notMatch(script, /<\/script|<!--/i)
  })

  it("the page holds one script, and loads nothing", () => {
    assert.strictEqual(Page.html.split("<script").length, 2)
    assert.notMatch(Page.html, /<[^>]+\s(src|on\w+)=/)
    assert.notMatch(Page.html.replace(/<script>[^]*<\/script>/, ""), /<[^>]+\sstyle=/)
    assert.isBelow(Buffer.byteLength(Page.html), 120_000)
  })

  it("the content security policy allows the script and the styles by their hashes only", () => {
    const policy = Page.headers["content-security-policy"] ?? ""
    assert.match(policy, /script-src 'sha256-[\w+/]+=*';/)
    assert.match(policy, /style-src 'sha256-[\w+/]+=*';/)
    assert.notInclude(policy, "unsafe")
  })

  it("each word that the elements name exists", () => {
    for (const key of named) assert.property(words.en, key)
  })

  it("each word is used", () => {
    for (const key of Object.keys(words.en)) assert.isTrue(named.includes(key) || script.includes(`"${key}"`), key)
  })

  it("each word has the same values in both languages", () => {
    const values = (text: string) => (text.match(/\{\w+\}/g) ?? []).toSorted()
    for (const key of Object.keys(words.en) as Array<keyof typeof words.en>) {
      assert.notStrictEqual(words.zh[key].trim(), "", key)
      assert.deepStrictEqual(values(words.zh[key]), values(words.en[key]), key)
    }
  })

  it("each element that the script looks for exists", () => {
    const ids = [...script.matchAll(/(?:find|input|select|dialog|onClick|onSubmit|say)\("([\w-]+)"/g)].map(([_, id]) =>
      id
    )
    assert.isAbove(ids.length, 50)
    for (const id of ids) assert.include(markup, `id="${id}"`)
  })
})

describe("What the console says about a delivery", () => {
  const sentenceOf = makeSentences({ t: (key: string) => key } as unknown as Language)
  const { literals } = ControlApi.Delivered.fields.outcome

  it.each(literals)("that is %s", (outcome) => {
    const { text, tone } = sentenceOf("an.event", { eventId: "", outcome, status: null, body: "" })
    assert.property(words.en, text)
    assert.strictEqual(tone, outcome === "acknowledged" || outcome === "pending" ? "good" : "bad")
  })
})
