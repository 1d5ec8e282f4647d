import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as RefusedValues from "../../src/internal/token/refusedValues.js"

const minutes = (count: number) => count * 60_000

interface Command {
  readonly _tag: "refuse" | "remove" | "issue" | "has"
  readonly value: string
  /** The milliseconds since the command before. */
  readonly after: number
}

const command: fc.Arbitrary<Command> = fc.record({
  _tag: fc.constantFrom("refuse", "refuse", "remove", "issue", "has"),
  value: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  after: fc.constantFrom(0, 1, minutes(4), minutes(5), minutes(10) - 1, minutes(10))
})

describe("RefusedValues", () => {
  it("A value is refused until it is removed, and removed after that", () => {
    const refused = RefusedValues.make(10)
    assert.isFalse(refused.has("a"))
    refused.remove("a")
    assert.strictEqual(refused.refuse("a", 0), "refused")
    assert.isTrue(refused.has("a"))
    assert.strictEqual(refused.refuse("a", minutes(1)), "refused")
    refused.remove("a")
    assert.isTrue(refused.has("a"))
    assert.strictEqual(refused.refuse("a", minutes(1)), "removed")
    assert.strictEqual(refused.refuse("a", minutes(1000)), "removed")
    assert.isFalse(refused.has("b"))
    assert.strictEqual(refused.refuse("b", minutes(1000)), "refused")
  })

  it("A value that is removed after it was issued again is refused anew", () => {
    const refused = RefusedValues.make(10)
    refused.refuse("a", 0)
    refused.issue("a", 0)
    refused.remove("a")
    assert.strictEqual(refused.refuse("a", 15_000), "refused")
  })

  it("A value that was issued and never refused is not remembered", () => {
    const refused = RefusedValues.make(10)
    assert.isFalse(refused.issue("a", 0))
    assert.strictEqual(refused.refuse("a", 1), "refused")
    assert.isTrue(refused.has("a"))
  })

  it("A refused value that is issued again is valid, and tells so once", () => {
    const refused = RefusedValues.make(10)
    refused.refuse("a", 0)
    assert.isTrue(refused.issue("a", 1))
    assert.isFalse(refused.has("a"))
    assert.isFalse(refused.issue("a", 2))
    assert.isFalse(refused.has("a"))
  })

  it("A value that was issued again is believed for 15 s, and refused anew after that", () => {
    const refused = RefusedValues.make(10)
    refused.refuse("a", 0)
    refused.issue("a", 1000)
    for (const now of [1000, 8000, 16_000 - 1]) {
      assert.strictEqual(refused.refuse("a", now), "reissued")
      assert.isFalse(refused.has("a"))
    }
    assert.strictEqual(refused.refuse("a", 16_000), "refused")
    assert.isTrue(refused.has("a"))
  })

  it("A value that is issued again and again is believed twice as long each time, up to 10 minutes", () => {
    const refused = RefusedValues.make(10)
    let now = 0
    for (const seconds of [15, 30, 60, 120, 240, 480, 600, 600]) {
      assert.strictEqual(refused.refuse("a", now), "refused")
      assert.isTrue(refused.issue("a", now))
      now += seconds * 1000
      assert.strictEqual(refused.refuse("a", now - 1), "reissued", `${seconds} s`)
    }
  })

  it("A value that is issued while it is believed is believed no longer", () => {
    const refused = RefusedValues.make(10)
    refused.refuse("a", 0)
    refused.issue("a", 0)
    assert.isFalse(refused.issue("a", 14_000))
    assert.strictEqual(refused.refuse("a", 15_000), "refused")
  })

  it("More values than the capacity forget the value that was used least recently", () => {
    const refused = RefusedValues.make(3)
    for (const value of ["a", "b", "c"]) refused.refuse(value, 0)
    refused.has("a")
    refused.refuse("b", 1)
    refused.refuse("d", 2)
    assert.isFalse(refused.has("c"))
    for (const value of ["a", "b", "d"]) assert.isTrue(refused.has(value))
    assert.strictEqual(refused.refuse("c", 3), "refused")
  })

  it("A value that was issued again and is forgotten is refused anew", () => {
    const refused = RefusedValues.make(1)
    refused.refuse("a", 0)
    refused.issue("a", 0)
    refused.refuse("b", 1)
    assert.strictEqual(refused.refuse("a", 2), "refused")
  })

  it.prop(
    "Refused values behave as a list in the order of use does",
    { capacity: fc.integer({ min: 1, max: 7 }), commands: fc.array(command, { maxLength: 100, size: "max" }) },
    ({ capacity, commands }) => {
      const refused = RefusedValues.make(capacity)
      /** The value that was used least recently first. */
      let model: Array<
        { readonly value: string; readonly reissues: number; readonly until?: number; readonly isRemoved?: true }
      > = []
      let now = 0

      const set = (entry: (typeof model)[number]) => {
        model = [...model.filter(({ value }) => value !== entry.value), entry].slice(-capacity)
      }
      const expectedOf = ({ _tag, value }: Command) => {
        const known = model.find((entry) => entry.value === value)
        const isRefused = known !== undefined && known.until === undefined
        switch (_tag) {
          case "refuse": {
            const isBelieved = known?.until !== undefined && now < known.until
            const isRemoved = known?.isRemoved === true
            set(isBelieved || isRemoved ? known : { value, reissues: known?.reissues ?? 0 })
            return isBelieved ? "reissued" : isRemoved ? "removed" : "refused"
          }
          case "remove":
            if (known !== undefined) set(isRefused ? { ...known, isRemoved: true } : known)
            return undefined
          case "issue":
            if (known !== undefined) {
              const until = known.until ?? now + Math.min(minutes(10), 15_000 * 2 ** known.reissues)
              set({ value, reissues: known.reissues + (isRefused ? 1 : 0), until })
            }
            return isRefused
          case "has":
            if (known !== undefined) set(known)
            return isRefused
        }
      }

      for (const command of commands) {
        now += command.after
        const expected = expectedOf(command)
        assert.strictEqual(
          command._tag === "has" ? refused.has(command.value) : refused[command._tag](command.value, now),
          expected
        )
      }
    }
  )
})
