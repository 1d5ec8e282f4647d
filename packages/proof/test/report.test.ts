import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { alternate } from "../src/measure/rounds.js"
import { median, ratios, slope } from "../src/measure/statistics.js"
import { outcomeOf } from "../src/report/Claim.js"
import * as Findings from "../src/report/Findings.js"
import * as Report from "../src/report/Report.js"
import type { Section } from "../src/report/Section.js"

const claim = { name: "a claim", values: [3, 1, 2] }

describe("a claim", () => {
  it("holds if its median is within the limit, the limit included", () => {
    assert.isTrue(outcomeOf({ ...claim, must: { least: 2 } }).holds)
    assert.isTrue(outcomeOf({ ...claim, must: { most: 2 } }).holds)
    assert.isFalse(outcomeOf({ ...claim, must: { least: 2.01 } }).holds)
    assert.isFalse(outcomeOf({ ...claim, must: { most: 1.99 } }).holds)
  })

  it("does not hold without values", () => {
    assert.isFalse(outcomeOf({ ...claim, values: [], must: { least: 0 } }).holds)
    assert.isFalse(outcomeOf({ ...claim, values: [], must: { most: 0 } }).holds)
  })

  it("is widened for short rounds unless it is exact", () => {
    const most = { ...claim, must: { most: 1.8 } }
    assert.isTrue(outcomeOf(most, true).holds)
    assert.isFalse(outcomeOf({ ...most, isExact: true }, true).holds)
    assert.isTrue(outcomeOf({ ...claim, must: { least: 2.4 } }, true).holds)
    assert.isFalse(outcomeOf({ ...claim, must: { least: 3 } }, true).holds)
    assert.isTrue(outcomeOf({ ...claim, must: { least: 3 }, slack: 1.5 }, true).holds)
  })

  it("can hold and not have reached its aim", () => {
    const { holds, reached } = outcomeOf({ ...claim, must: { least: 1 }, aim: 3 })
    assert.deepStrictEqual([holds, reached], [true, false])
  })
})

describe("a measurement", () => {
  it.effect("runs the contestants forwards and backwards, and leaves out the rounds that warm up", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const contestant = (name: string) => Effect.sync(() => order.push(name))
      const values = yield* alternate({ a: contestant("a"), b: contestant("b") }, { warmUp: 1, rounds: 2 })
      assert.deepStrictEqual(order, ["b", "a", "a", "b", "b", "a"])
      assert.deepStrictEqual(values, { a: [3, 6], b: [4, 5] })
    }))

  it("is divided round by round", () => {
    assert.deepStrictEqual(ratios([2, 6, 9], [1, 2, 3]), [2, 3, 3])
    assert.strictEqual(median([5, 1, 9, 2]), 5)
    assert.strictEqual(slope([[0, 1], [1, 3], [2, 5]]), 2)
  })
})

const section: Section = {
  tables: [{ title: "A table", head: ["", "µs"], rows: [["a | b", "1"]] }],
  claims: [{ ...claim, must: { most: 2 } }],
  curves: [{ file: "curve", title: "A curve", x: "tenants", y: "µs", lines: { ours: [[1, 1], [10, 2], [100, 3]] } }]
}

const inFolder = <A>(use: (folder: string) => Effect.Effect<A, unknown>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "report-"))),
    use,
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
  )

describe("a report", () => {
  it.effect("writes the claims, the tables, the curves and the JSON", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const json = Path.join(folder, "results.json")
        const holds = yield* Report.run({
          command: "bench",
          sections: { one: Effect.succeed(section) },
          json,
          write: folder
        })
        assert.isTrue(holds)
        const results = Fs.readFileSync(Path.join(folder, "RESULTS.md"), "utf8")
        assert.include(results, "| a claim | 2 | 1 to 3 | 3 | ≤ 2 | holds |")
        assert.include(results, "| a \\| b | 1 |")
        assert.include(results, "![A curve](plots/curve.svg)")
        assert.match(
          Fs.readFileSync(Path.join(folder, "plots/curve.svg"), "utf8"),
          /^<svg [\s\S]*A curve[\s\S]*<\/svg>\n$/
        )
        const { outcomes } = JSON.parse(Fs.readFileSync(json, "utf8")) as { readonly outcomes: ReadonlyArray<object> }
        assert.deepInclude(outcomes[0], { name: "a claim", holds: true })
      })
    ))

  it.effect("keeps what is done if a later section dies", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const sections = { one: Effect.succeed(section), two: Effect.dieMessage("killed") }
        yield* Effect.exit(Report.run({ command: "fuzz", sections, write: folder }))
        assert.include(Fs.readFileSync(Path.join(folder, "results/fuzz-one.md"), "utf8"), "| a claim | 2 |")
      })
    ))

  it.effect("of a bench that does not end leaves the results of the last one as they are", () =>
    inFolder((folder) =>
      Effect.gen(function*() {
        const one = { one: Effect.succeed(section) }
        yield* Report.run({ command: "bench", sections: one, write: folder })
        const whole = Fs.readFileSync(Path.join(folder, "RESULTS.md"), "utf8")
        const other = Effect.succeed({ ...section, tables: [] })
        const sections = { other, two: Effect.dieMessage("killed") }
        yield* Effect.exit(Report.run({ command: "bench", sections, write: folder }))
        assert.strictEqual(Fs.readFileSync(Path.join(folder, "RESULTS.md"), "utf8"), whole)
      })
    ))

  it.effect("is false if a claim does not hold", () =>
    Effect.gen(function*() {
      const missed = { ...section, claims: [{ ...claim, must: { most: 1 } }] }
      const sections = { good: Effect.succeed(section), bad: Effect.succeed(missed) }
      assert.isFalse(yield* Report.run({ command: "bench", sections }))
    }))
})

describe("findings", () => {
  it("stand beside the command that repeats them", () => {
    const findings = [{ seed: 7, options: "--faults \"restart\"", problem: "a rule" }, { seed: 8, problem: "another" }]
    assert.deepStrictEqual(Findings.tables({ command: "chaos", section: "in-process", findings }), [{
      title: "Findings of in-process",
      head: ["repeat by", "problem"],
      rows: [
        ["npm run chaos -- --only in-process --faults \"restart\" --first 7 --runs 1", "a rule"],
        ["npm run chaos -- --only in-process --first 8 --runs 1", "another"]
      ]
    }])
  })

  it("have no table if there are none", () => {
    assert.deepStrictEqual(Findings.tables({ command: "fuzz", section: "webhook", findings: [] }), [])
  })
})
