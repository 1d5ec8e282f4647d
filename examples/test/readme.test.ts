/** Compares the code and the tables of the READMEs and of the site with the examples and the library. */
import { ErrorCode, FeishuError } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(root + path, "utf8")
const site = ["", "guide/", "reference/"].flatMap((folder) => [`packages/docs/${folder}`, `packages/docs/zh/${folder}`])
  .flatMap((folder) => readdirSync(root + folder).filter((name) => name.endsWith(".md")).map((name) => folder + name))
const readmes = [
  "README.md",
  "README.zh-CN.md",
  "packages/core/WORKERS.md",
  ...readdirSync(`${root}packages`).map((name) => `packages/${name}/README.md`).filter((path) =>
    existsSync(root + path)
  ),
  ...site.filter((page) => page !== "packages/docs/README.md")
]

describe.each(readmes)("%s", (readme) => {
  // Finds each kind of fence, so that no block escapes the comparison.
  const blocks = [
    ...read(readme).matchAll(
      /^[ \t]*(?:`{3,}|~{3,})[ \t]*(?:ts|typescript|js|javascript|[cm][jt]s|[jt]sx)\b.*\n([^]*?)^[ \t]*(?:`{3,}|~{3,})$/gm
    )
  ]
    .map((match) => match[1] ?? "")

  it("shows only code that is in an example which the tests run", () => {
    // The command, the site and the measurements are for those who write no TypeScript.
    if (!/packages\/(cli|docs|proof)\//.test(readme)) assert.isAbove(blocks.length, 0)
    for (const block of blocks) {
      const [, path, code] = /^\/\/ (examples\/\S+)\n\n?(.*)$/s.exec(block) ?? assert.fail(`no path in:\n${block}`)
      assert.include(read(path ?? ""), code ?? "", `${path} differs`)
    }
  })

  it("shows the YAML and the JSON of a file as they are in the file", () => {
    for (
      const [, path = "", code = ""] of read(readme).matchAll(
        /^```(?:ya?ml|json)\n(?:#|\/\/) (examples\/\S+)\n\n?(.*?)^```$/gms
      )
    ) {
      assert.include(read(path), code, `${path} differs`)
    }
  })
})

/** The headings as levels, the blocks of code, and the targets of the links outside of the text's own language. */
const shapeOf = (text: string) => ({
  headings: [...text.replace(/^```.*?^```$/gms, "").matchAll(/^#+/gm)].map(([level]) => level),
  blocks: [...text.matchAll(/^```.*?^```$/gms)].map(([block]) => block),
  links: [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = ""]) =>
    target.replace("packages/docs/zh/", "packages/docs/")
  )
    .filter((target) => !target.startsWith("README"))
})

describe("README.zh-CN.md", () => {
  it("has the headings, the code and the links of README.md, in the same order", () =>
    assert.deepStrictEqual(shapeOf(read("README.zh-CN.md")), shapeOf(read("README.md"))))

  it("is linked from README.md, and links README.md", () => {
    assert.include(read("README.md"), "](README.zh-CN.md)")
    assert.include(read("README.zh-CN.md"), "](README.md)")
  })
})

describe("README.md", () => {
  it("begins with the two commands", () => {
    const [commands] = /^```sh\n(.*?)^```$/ms.exec(read("README.md")) ?? assert.fail("no commands")
    assert.match(commands, /^npm install && npm start\b/m)
    assert.match(commands, /^npm install && npm test\b/m)
  })
})

describe.each([
  { page: "packages/docs/guide/errors-and-retries.md", yes: "yes", no: "no", serverErrors: "with a 5xx status only" },
  { page: "packages/docs/zh/guide/errors-and-retries.md", yes: "是", no: "否", serverErrors: "仅在 HTTP 5xx 时" }
])("$page", ({ no, page, serverErrors, yes }) => {
  const isEnglish = !page.includes("/zh/")
  const cellsOf = read(page).split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

  it("has the table of error codes as the library has it", () => {
    const others: Partial<Record<ErrorCode.Kind, string>> = {
      RateLimited: ", and any unknown one with HTTP 429, or with 400 and a header that says how long to wait",
      Unknown: "any other"
    }
    const expected = ErrorCode.Kind.literals.map((kind) => {
      const errorCodes = [...ErrorCode.table.values()].filter((errorCode) => errorCode.kind === kind)
      const codes = errorCodes.map(({ code }) => code).join(", ")
      const retried = kind === "Unknown" ? serverErrors : errorCodes.every(({ retryable }) => retryable) ? yes : no
      return isEnglish
        ? [`\`${kind}\``, codes + (others[kind] ?? ""), retried, ErrorCode.advice[kind]]
        : [`\`${kind}\``, codes, retried]
    })
    const start = cellsOf.findIndex(([first]) => first === "`kind`")
    const rows = cellsOf.slice(start + 2, start + 2 + expected.length)
    assert.isAbove(start, 0)
    assert.deepStrictEqual(
      isEnglish
        ? rows
        // The words after the codes are in Chinese.
        : rows.map(([kind, codes = "", retried]) => [kind, /^[\d, ]*/.exec(codes)?.[0], retried]),
      expected
    )
  })

  it("has a row for each reason of a FeishuNetworkError", () => {
    const start = cellsOf.findIndex(([first]) => first === "`reason`")
    const { literals } = FeishuError.FeishuNetworkError.fields.reason
    const rows = cellsOf.slice(start + 2, start + 2 + literals.length)
    assert.isAbove(start, 0)
    assert.deepStrictEqual(rows.map(([reason]) => reason), literals.map((reason) => `\`${reason}\``))
    for (const [index, reason] of literals.entries()) {
      const error = new FeishuError.FeishuNetworkError({ reason, method: "GET", url: "/", description: "" })
      assert.strictEqual(
        rows[index]?.[2]?.startsWith(no) === true,
        !error.isRetryable && reason !== "InvalidResponse",
        reason
      )
    }
  })
})
