/** The index of the examples, `examples/README.md`, has each example once, with a test that runs the example. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const examples = fileURLToPath(new URL("..", import.meta.url))
const read = (path: string) => readFileSync(examples + path, "utf8")
const index = read("README.md")

/** The links of a cell. */
const linksOf = (cell = "") => [...cell.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = ""]) => path)

/** By the link in its first cell: the cells of each row whose first cell is a link to what is not a test. */
const rows = index.split("\n").flatMap((line) => {
  const cells = line.split("|").slice(1, -1)
  const [example] = linksOf(cells[0])
  return example === undefined || example.startsWith("test/") ? [] : [{ example, cells }]
})

const isShared = (example: string) => rows.some((row) => row.example === example && row.cells.length === 3)
const programs = rows.filter(({ example }) => !isShared(example))
const shared = rows.filter(({ example }) => isShared(example))

describe("examples/README.md", () => {
  it("has each example once, and nothing else", () => {
    const entries = readdirSync(examples, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory() ? !["build", "node_modules", "test"].includes(entry.name) : entry.name.endsWith(".ts")
    )
    assert.deepStrictEqual(rows.map(({ example }) => example).toSorted(), entries.map(({ name }) => name).toSorted())
  })

  it("has links that lead somewhere", () => {
    for (const path of linksOf(index)) assert.isTrue(existsSync(examples + path), path)
  })

  it("names one folder that no test runs, because it needs a container engine or systemd", () => {
    const untested = programs.filter(({ cells }) => cells[3]?.includes("no test"))
    assert.deepStrictEqual(untested.map(({ example }) => example), ["token-service"])
  })

  it.each(programs.filter(({ example }) => example !== "token-service"))(
    "names a test that runs $example",
    ({ cells, example }) => {
      const [test = ""] = linksOf(cells[3])
      assert.match(test, /\.test\.ts$/)
      // A module is imported as `.js`.
      const names = [example, example.replace(/\.ts$/, ".js")]
      assert.isTrue(names.some((name) => new RegExp(`["/]${name}\\b`).test(read(test))), `${test} has no ${example}`)
    }
  )

  it.each(shared)("says which programs share $example", ({ cells, example }) => {
    const importing = readdirSync(examples).filter((name) =>
      name.endsWith(".ts") && read(name).includes(`from "./${example.replace(/\.ts$/, ".js")}"`)
    )
    assert.deepStrictEqual(linksOf(cells[2]), importing.toSorted())
  })
})
