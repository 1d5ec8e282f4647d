import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Answers from "../src/fuzz/answers.js"
import * as Finding from "../src/fuzz/Finding.js"
import * as Webhook from "../src/fuzz/webhook.js"

describe("hostile input", () => {
  it.scopedLive(
    "crashes no door, is accepted by none unless it is signed, and is answered alike by all doors",
    () =>
      Effect.gen(function*() {
        const examine = yield* Webhook.examine
        const { counts, findings } = yield* Finding.run(examine, 0, 2_000)
        assert.deepStrictEqual(findings, [])
        // Both outcomes are tried often.
        assert.isAbove(counts["genuine"] ?? 0, 200)
        assert.isAbove(counts["a subscription acted"] ?? 0, 50)
        assert.isAbove(counts["answered with 401"] ?? 0, 200)
        assert.isAbove(counts["answered with 400"] ?? 0, 200)
      }),
    120_000
  )

  it.scopedLive(
    "in the platform's answers ends each call with a value or a declared error that shows no secret",
    () =>
      Effect.gen(function*() {
        const examine = yield* Answers.examine
        const { counts, findings } = yield* Finding.run(examine, 0, 300)
        assert.deepStrictEqual(findings, [])
        assert.isAbove(counts["success"] ?? 0, 10)
        assert.isAbove(counts["FeishuNetworkError, InvalidResponse"] ?? 0, 20)
        assert.isAbove(counts["FeishuNetworkError, Connection"] ?? 0, 20)
      }),
    120_000
  )

  it.effect("stops after the findings of ten inputs, each with the seed that repeats it", () =>
    Effect.gen(function*() {
      const examine = (seed: number) =>
        Effect.succeed({ happened: ["seen"], input: `${seed}`, problem: seed % 2 === 0 ? undefined : "odd" })
      const { counts, findings } = yield* Finding.run(examine, 0, 100)
      assert.deepStrictEqual(findings.map(({ seed }) => seed), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19])
      assert.deepStrictEqual(counts, { inputs: 20, seen: 20 })
    }))
})
