import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Lru from "../src/internal/lru.js"

interface Command {
  readonly _tag: "get" | "set" | "delete"
  /** The key is the remainder after a division by the number of keys. */
  readonly number: number
}

const command: fc.Arbitrary<Command> = fc.record({
  _tag: fc.constantFrom("set", "set", "set", "set", "get", "get", "delete"),
  number: fc.nat({ max: 9999 })
})

/** Capacities of which a 64th is less than 1, and capacities of which a 64th is up to 5. */
const capacity = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 60, max: 350 }))

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Returns the keys that are in the map. */
const keysIn = (lru: Lru.Lru<number, number>, count: number) =>
  numbers(count).filter((key) => lru.get(key) !== undefined)

const filled = (capacity: number, count: number) => {
  const lru = Lru.make<number, number>(capacity)
  for (const key of numbers(count)) lru.set(key, key)
  return lru
}

describe("Lru", () => {
  it.prop(
    "A map does what an array in the order of use does, and evicts only the least recently used entries of a full map",
    { capacity, commands: fc.array(command, { minLength: 100, maxLength: 2000, size: "max" }) },
    ({ capacity, commands }) => {
      const keyCount = Math.ceil(capacity * 1.5) + 1
      const lru = Lru.make<number, number>(capacity)
      /** The least recently used entry first. */
      let model: Array<{ readonly key: number; readonly value: number }> = []
      const without = (key: number) => model.filter((entry) => entry.key !== key)

      for (const [step, { _tag, number }] of commands.entries()) {
        const key = number % keyCount
        const known = model.find((entry) => entry.key === key)
        switch (_tag) {
          case "get":
            assert.strictEqual(lru.get(key), known?.value)
            if (known !== undefined) model = [...without(key), known]
            break
          case "set": {
            lru.set(key, step)
            model = [...without(key), { key, value: step }]
            const evicted = model.length - lru.size()
            if (evicted === 0) break
            assert.strictEqual(model.length, capacity + 1, "an entry was evicted before the map was full")
            assert.isAtLeast(lru.size(), capacity - Math.floor(capacity / 64))
            model = model.slice(evicted)
            break
          }
          case "delete":
            lru.delete(key)
            model = without(key)
        }
        assert.strictEqual(lru.size(), model.length)
        assert.isAtMost(lru.size(), capacity)
      }

      const values = new Map(model.map(({ key, value }) => [key, value]))
      for (const key of numbers(keyCount)) assert.strictEqual(lru.get(key), values.get(key))
    },
    // Shrinking as many commands would take minutes.
    { fastCheck: { numRuns: 50, endOnFailure: true } }
  )

  it.each([
    [-5, 1],
    [0, 1],
    [0.5, 1],
    [1, 1],
    [1.9, 1],
    [2, 2],
    [2.9, 2],
    [63, 63]
  ])("A map of capacity %d keeps the last %d of 100 entries", (capacity, kept) => {
    const lru = filled(capacity, 100)
    assert.strictEqual(lru.size(), kept)
    assert.deepStrictEqual(keysIn(lru, 100), numbers(100).slice(-kept))
  })

  it("A map of capacity Infinity keeps all entries", () => {
    const lru = filled(Infinity, 10_000)
    assert.strictEqual(lru.size(), 10_000)
    assert.strictEqual(lru.get(0), 0)
  })

  it("A full map evicts the entries that were neither read nor set for the longest time", () => {
    const lru = filled(4, 4)
    lru.get(0)
    lru.set(1, 10)
    lru.set(4, 4)
    lru.set(5, 5)
    assert.deepStrictEqual(keysIn(lru, 6), [0, 1, 4, 5])
  })

  it("Setting a key that a full map has evicts nothing", () => {
    const lru = filled(128, 128)
    for (const key of numbers(128)) lru.set(key, -key)
    assert.strictEqual(lru.size(), 128)
    for (const key of numbers(128)) assert.strictEqual(lru.get(key), -key)
  })

  it("An eviction from a map of 6400 entries makes room for 100 more", () => {
    const lru = filled(6400, 6401)
    assert.strictEqual(lru.size(), 6300)
    assert.deepStrictEqual(keysIn(lru, 6401), numbers(6401).slice(101))
    for (const key of numbers(100)) lru.set(key, key)
    assert.strictEqual(lru.size(), 6400)
  })

  it("A deleted entry is not in the map, and leaves room for another one", () => {
    const lru = filled(3, 3)
    lru.delete(1)
    lru.delete(7)
    assert.strictEqual(lru.get(1), undefined)
    assert.strictEqual(lru.size(), 2)
    lru.set(3, 3)
    assert.deepStrictEqual(keysIn(lru, 4), [0, 2, 3])
  })
})
