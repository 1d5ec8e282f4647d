import { assert, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brokenLinks } from "../src/anchors.js"

it("finds links to missing pages and headings, and accepts all others", () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-feishu-links-"))
  try {
    mkdirSync(join(folder, "zh"))
    writeFileSync(
      join(folder, "index.html"),
      `<h2 id="start"></h2><a href="#start"></a><a href="/zh/"></a><a href="/zh/#10012"></a><a class="x" href="#end"></a>
      <a href="/gone.html"></a><a href="zh/#99991663"></a><a href="https://example.com/#x"></a>`
    )
    writeFileSync(join(folder, "zh/index.html"), `<h2 id="10012"></h2><a href="../index.html#start"></a>`)
    assert.deepStrictEqual(brokenLinks(folder), [
      "index.html: there is no heading for #end",
      "index.html: there is no page for /gone.html",
      "index.html: there is no heading for zh/#99991663"
    ])
    assert.include(brokenLinks(folder, "/docs/"), "index.html: /zh/ is outside of the site")
  } finally {
    rmSync(folder, { recursive: true })
  }
})
