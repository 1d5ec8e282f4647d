import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { root } from "../src/navigation.js"
import { pages } from "../src/pages.js"

const source = readFileSync(resolve(root, "../core/src/FeishuApp.ts"), "utf8")
const variables = new Set(source.match(/FEISHU_[A-Z_]+/g))
const options = [.../interface Options \{([^]*?)^\}/m.exec(source)?.[1]?.matchAll(/readonly (\w+)/g) ?? []]
  .map((match) => match[1] ?? "").filter((name) => name !== "transformClient")

describe.each(["reference/console.md", "zh/reference/console.md"])("%s", (path) => {
  const page = pages.get(path) ?? assert.fail(`${path} is missing`)

  it("names each variable that FeishuApp reads, and each option", () => {
    assert.isAbove(variables.size, 5)
    assert.isAbove(options.length, 5)
    for (const name of [...variables, ...options]) assert.include(page, `\`${name}\``)
  })

  it("names no variable that is unknown", () => {
    for (const name of page.match(/FEISHU_[A-Z_]+/g) ?? []) assert.isTrue(variables.has(name), name)
  })
})
