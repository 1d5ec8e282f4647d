import { Claims } from "@effect-feishu/core"
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Equal, FiberRef, Layer } from "effect"
import * as Faults from "../src/chaos/faults.js"
import * as Scenario from "../src/chaos/scenario.js"

describe("two hours of faults, and the hours after", () => {
  it.live("break no rule, whichever fault it is", () =>
    Effect.forEach(
      Faults.combinations.slice(0, 1 + Faults.names.length),
      (faults, seed) =>
        Effect.map(Scenario.run(faults, seed), ({ broken, outcomes }) => {
          assert.deepStrictEqual(broken, [], faults.join())
          assert.isAbove(outcomes["call: success"] ?? 0, 10, faults.join())
          assert.isAbove(outcomes["platform push: acknowledged"] ?? 0, 10, faults.join())
        }),
      { discard: true }
    ), 120_000)

  it.live("are the same again with the same seed", () =>
    Effect.gen(function*() {
      const once = yield* Scenario.run(["rate limit", "restart"], 5)
      assert.deepStrictEqual(yield* Scenario.run(["rate limit", "restart"], 5), once)
    }))

  it.live("leave no logger in the fiber that ran them, so that a thousand runs need no more memory than a few", () =>
    Effect.gen(function*() {
      const before = yield* FiberRef.get(FiberRef.currentLoggers)
      yield* Scenario.run([], 1)
      assert.isTrue(Equal.equals(yield* FiberRef.get(FiberRef.currentLoggers), before))
    }))

  it.live("break a rule if events are given to everybody", () =>
    Effect.gen(function*() {
      /** Gives each event to everybody. */
      const forgetful = Layer.effect(
        Claims.Claims,
        Effect.map(Claims.Claims, (claims) => ({
          ...claims,
          claim: (appId: string, name: string, duration: Duration.Duration) =>
            name.startsWith("event/")
              ? Effect.succeed(Claims.Answer.Claimed({ claim: { appId, name, id: "any" } }))
              : claims.claim(appId, name, duration)
        }))
      )
      const { broken } = yield* Scenario.run(["push doubled"], 1, (stores) => Layer.provideMerge(forgetful, stores))
      assert.include(broken, "an event was handled twice")
    }))

  it.live("break a rule if a secret is logged, and if something goes on after the end", () =>
    Effect.gen(function*() {
      const { broken } = yield* Scenario.run([], 1, (stores) =>
        Layer.merge(
          stores,
          Layer.effectDiscard(
            Effect.logDebug("it is the-secret-of-cli-chaos").pipe(
              Effect.delay("10 minutes"),
              Effect.forever,
              Effect.forkDaemon
            )
          )
        ))
      assert.include(broken.join("; "), "a secret is in: [\"it is SECRET\"]")
      assert.include(broken.join("; "), "something goes on after the end")
    }))
})
