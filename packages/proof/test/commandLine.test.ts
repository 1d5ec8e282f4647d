import { assert, describe, it } from "@effect/vitest"
import * as Chaos from "../src/chaos/sections.js"
import { parse, pick, UsageError } from "../src/commandLine.js"

describe("the command line", () => {
  it("has defaults", () => {
    assert.deepStrictEqual(parse([]), {
      isQuick: false,
      only: undefined,
      json: undefined,
      write: false,
      faults: undefined,
      first: 0,
      runs: undefined
    })
  })

  it("is read", () => {
    const words = [
      "--quick",
      "--only",
      "a,b",
      "--json",
      "f",
      "--write",
      "--faults",
      "x,y",
      "--first",
      "7",
      "--runs",
      "2"
    ]
    assert.deepStrictEqual(parse(words), {
      isQuick: true,
      only: ["a", "b"],
      json: "f",
      write: true,
      faults: ["x", "y"],
      first: 7,
      runs: 2
    })
  })

  // A run of no inputs would say that all claims hold.
  for (const runs of ["0", "-1", "x", "", "1.5", "1e99"]) {
    it(`is refused with --runs=${runs}`, () => {
      assert.throws(
        () => parse([`--runs=${runs}`]),
        UsageError,
        `--runs needs a whole number from 1 on, and not ${runs}`
      )
    })
  }

  it("is refused with an option that does not exist", () => {
    assert.throws(() => parse(["--help"]), UsageError, "--help")
  })

  it("is refused with a fault that does not exist", () => {
    const options = { isQuick: true, faults: ["restart", "rain"], first: 0, runs: 1 }
    assert.throws(() => Chaos.sections(options), UsageError, "there is no fault rain: there are call dropped, ")
  })
})

describe("sections", () => {
  const sections = { good: 1, bad: 2 }

  it("are all run, or those that are named", () => {
    assert.deepStrictEqual(pick("bench", sections, undefined), sections)
    assert.deepStrictEqual(pick("bench", sections, ["bad"]), { bad: 2 })
  })

  it("are not run if one has an unknown name", () => {
    assert.throws(
      () => pick("bench", sections, ["good", "other"]),
      UsageError,
      "there is no other: bench has good, bad"
    )
  })
})
