import { assert, describe, it } from "@effect/vitest"
import { folderOf, groups } from "../src/navigation.js"
import { pages, typedIn } from "../src/pages.js"

/** The languages of blocks that a page may show. `examples/test/readme.test.ts` compares each block of `ts` with the example that it names. */
const allowed = new Set(["ts", "sh", "bash", "json", "http", "ini", "yaml", "sql", "text", "dockerfile", ""])

/** Finds syntax that VitePress and GitHub show differently: files that are included, containers, and anchors that are set by hand. */
const ofVitePress = /^[ \t]*(<<<|:::|\[\[toc\]\]).*$|^#.*\{#.*\}$/gm

/** A link that leads nowhere on GitHub. The API reference is made by the build, so that it is on the site alone. */
const ofSite = /\]\((?!https?:|#|\/(?:zh\/)?api\/)(?![^)]*\.(?:md|png)[#)])[^)]*\)/g

describe.each([...pages])("%s", (page, text) => {
  it("has no blocks of code but those of a known language", () => {
    assert.deepStrictEqual(typedIn(text).filter((language) => !allowed.has(language)), [])
  })

  it("can be read on GitHub: nothing is included, and each link leads to a file", () => {
    const prose = text.replaceAll(/^```.*?^```$/gms, "")
    assert.deepStrictEqual([...prose.match(ofVitePress) ?? [], ...prose.match(ofSite) ?? []], [])
  })

  it("is there in the other language, too", () => {
    assert.isTrue(pages.has(page.startsWith("zh/") ? page.slice(3) : `zh/${page}`))
  })

  it("is listed in the sidebar", () => {
    const listed = (["en", "zh"] as const).flatMap((language) =>
      ["index", ...groups.flatMap(({ pages }) => pages)].map((path) => `${folderOf(language)}${path}.md`)
    )
    assert.include(listed, page)
  })
})

describe("typedIn", () => {
  it("finds blocks with any fence, also inside a list and with options", () => {
    assert.deepStrictEqual(
      typedIn("```ts\nx\n```\n\n- a\n\n  ~~~tsx {1}\n  y\n  ~~~\n\n````md\n```js\n```\n````\n\n```\nz\n```\n"),
      ["ts", "tsx", "md", ""]
    )
  })
})
