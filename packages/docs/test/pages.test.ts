import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { relative, resolve } from "node:path"
import { folderOf, groups, root } from "../src/navigation.js"
import { pages, snippets, typedIn } from "../src/pages.js"

/** What a page may hold by itself. Program text comes from a file, which CI compiles and runs. */
const allowed = new Set(["sh", "bash", "json", "http", "ini", "yaml", "sql", "text", "dockerfile", ""])

/** What CI compiles and the tests run. */
const compiled = /^(examples|packages\/(core|redis|emulator|cli)\/(src|test))\//

describe.each([...pages])("%s", (page, text) => {
  it("holds no program text that was typed in", () => {
    assert.deepStrictEqual(typedIn(text).filter((language) => !allowed.has(language)), [])
  })

  it("shows files and regions that are there", () => {
    for (const { file, region } of snippets(page, text)) {
      const name = relative(resolve(root, "../.."), file)
      assert.match(name, compiled)
      assert.isTrue(existsSync(file), `${name} is missing`)
      if (region === undefined) continue
      const escaped = region.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
      assert.match(readFileSync(file, "utf8"), new RegExp(`#region ${escaped}\\s*$`, "m"), `${name} has no such region`)
    }
  })

  it("shows no line that begins or ends a region", () => {
    for (const { file, region } of snippets(page, text)) {
      // VitePress leaves these lines out of a region that it shows, and only there.
      if (region === undefined) assert.notMatch(readFileSync(file, "utf8"), /^\s*\/\/ ?#?(end)?region\b/m, file)
    }
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

describe("snippets", () => {
  it("finds the file and the region, with and without options", () => {
    assert.deepStrictEqual(
      snippets("zh/guide/a.md", "<<< @/../../examples/a.ts#part{1,3 ts:line-numbers} [title]\n\n<<< ../b.ts\n"),
      [
        { file: resolve(root, "../../examples/a.ts"), region: "part" },
        { file: resolve(root, "zh/b.ts"), region: undefined }
      ]
    )
  })
})
