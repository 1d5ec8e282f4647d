/** The metrics of all packages, by the source, and by the tables that describe them. */
import { assert } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
export const read = (path: string) => readFileSync(root + path, "utf8")

export interface Metric {
  readonly type: string
  readonly labels: ReadonlyArray<string>
}

const sources = ["core", "redis", "cli"].flatMap((name) =>
  readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => read(`packages/${name}/src/${path}`))
)

/** By name: the type of each metric that a source defines. */
export const defined: ReadonlyMap<string, string> = new Map(
  [...sources.join("\n").matchAll(/Metric\.(counter|gauge|histogram|summary|frequency|timer)\(\s*"([^"]+)"/g)].map((
    [, type = "", name = ""]
  ) => [name, type])
)

/** The names between backquotes in a cell. */
const codesIn = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)

/** The rows of the tables of a page whose first cell is a metric. */
export const rowsOf = (page: string): ReadonlyArray<ReadonlyArray<string>> =>
  read(page).split("\n")
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter(([first]) => /^`feishu_\w+`$/.test(first ?? ""))

/** The metrics in the table of a page. */
export const describedIn = (page: string): ReadonlyMap<string, Metric> =>
  new Map(
    rowsOf(page).map(([name, type = assert.fail(), labels]) => [
      codesIn(name)[0] ?? assert.fail(),
      { type, labels: codesIn(labels) }
    ])
  )

export const pages = ["packages/docs/guide/observability.md", "packages/docs/zh/guide/observability.md"] as const

/**
 * The name that a metric gets when a collector or Prometheus adds endings, as Prometheus' `otlptranslator` does for the unit 1:
 * `_ratio` to each gauge, and `_total` to each counter that has no such ending.
 */
export const withEnding = (name: string, type: string) =>
  type === "gauge" ? `${name}_ratio` : name.endsWith("_total") ? name : `${name}_total`
