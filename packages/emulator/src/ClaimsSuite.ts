/**
 * Tests that every `Claims` passes. Run the tests over a store of your own.
 *
 * Not part of the package's index, because the module needs `vitest` and `@effect/vitest`: import the module by its path,
 * `@effect-feishu/emulator/ClaimsSuite`.
 *
 * @since 0.1.0
 */
import { type Answer, type Claim, Claims } from "@effect-feishu/core/Claims"
import { assert } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as StoreSuite from "./internal/storeSuite.js"

const hour = Duration.hours(1)

const isClaimed = (answer: Answer): boolean => answer._tag === "Claimed"

const claimOf = (answer: Answer): Claim =>
  answer._tag === "Claimed" ? answer.claim : assert.fail(`the name is taken for ${Duration.format(answer.left)} longer`)

const takenOf = (answer: Answer): Extract<Answer, { readonly _tag: "Taken" }> =>
  answer._tag === "Taken" ? answer : assert.fail("the name is claimed")

const millisLeft = (answer: Answer): number => Duration.toMillis(takenOf(answer).left)

/** Asserts that the name is taken for an hour, less a minute for a slow machine. */
const assertTakenForHour = (answer: Answer): void => {
  const left = millisLeft(answer)
  assert.isAtMost(left, 3_600_000)
  assert.isAbove(left, 3_600_000 - 60_000)
}

/** The operations on the names of a new app. */
const fixture = Effect.gen(function*() {
  const claims = yield* Claims
  const app = yield* StoreSuite.newApp
  const claim = (name: string, duration: Duration.Duration) => claims.claim(app, name, duration)
  return {
    claims,
    claim,
    hold: (name: string, duration: Duration.Duration) => claims.hold(app, name, duration),
    release: claims.release,
    renew: claims.renew,
    /** Claims the name for an hour. Returns `true` if the name was free. */
    tryClaim: (name: string) => Effect.map(claim(name, hour), isClaimed)
  }
})

type Tests = StoreSuite.Tests<Effect.Effect.Success<typeof fixture>>

const claiming = ({ test }: Tests): void => {
  test("exactly one of 100 simultaneous callers claims a name", ({ tryClaim }) =>
    Effect.gen(function*() {
      for (const name of ["event/1", "event/2"]) {
        const claimed = yield* Effect.replicateEffect(tryClaim(name), 100, { concurrency: "unbounded" })
        assert.strictEqual(claimed.filter(Boolean).length, 1)
      }
    }))

  test("exactly one of 100 simultaneous callers claims a name that has expired", ({ hold, tryClaim }) =>
    Effect.gen(function*() {
      yield* hold("name", Duration.millis(100))
      yield* Effect.sleep("150 millis")
      const claimed = yield* Effect.replicateEffect(tryClaim("name"), 100, { concurrency: "unbounded" })
      assert.strictEqual(claimed.filter(Boolean).length, 1)
    }))

  test("claim returns whether a claim or a hold has the name", ({ claim, hold, renew }) =>
    Effect.gen(function*() {
      const isHeld = Effect.map(claim("name", hour), (answer) => takenOf(answer).isHeld)
      const claimed = claimOf(yield* claim("name", hour))
      assert.isFalse(yield* isHeld)
      yield* renew(claimed, hour)
      assert.isFalse(yield* isHeld)
      yield* hold("name", hour)
      assert.isTrue(yield* isHeld)
      yield* hold("name", hour)
      assert.isTrue(yield* isHeld)
    }))

  test("claim returns how much longer a name is taken", ({ claim }) =>
    Effect.gen(function*() {
      claimOf(yield* claim("name", hour))
      for (const duration of [Duration.hours(2), Duration.millis(1), hour]) {
        assertTakenForHour(yield* claim("name", duration))
      }
    }))
}

const expiry = ({ test }: Tests): void => {
  test("a claim expires after its duration and not before, however often claim is called", ({ claim, tryClaim }) =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeNanos
      claimOf(yield* claim("name", Duration.millis(200)))
      claimOf(yield* claim("another", hour))
      yield* StoreSuite.until(claim("name", hour), isClaimed)
      const end = yield* Clock.currentTimeNanos
      // The clocks of the store and of the test may differ by some milliseconds.
      assert.isAbove(Number(end - start) / 1e6, 190)
      assert.isFalse(yield* tryClaim("name"), "the name has a new holder")
      assert.isFalse(yield* tryClaim("another"))
    }))

  test("renew makes a claim end sooner or later", ({ claim, renew }) =>
    Effect.gen(function*() {
      const longer = claimOf(yield* claim("longer", Duration.minutes(1)))
      assert.isTrue(yield* renew(longer, hour))
      assertTakenForHour(yield* claim("longer", hour))
      assert.isTrue(yield* renew(longer, Duration.minutes(1)))
      assert.isAtMost(millisLeft(yield* claim("longer", hour)), 60_000)

      const shorter = claimOf(yield* claim("shorter", hour))
      assert.isTrue(yield* renew(shorter, Duration.millis(50)))
      yield* StoreSuite.until(claim("shorter", hour), isClaimed)
    }))
}

const formerHolders = ({ test }: Tests): void => {
  test("renew and release of an expired claim do nothing to the next holder", ({ claim, hold, release, renew }) =>
    Effect.gen(function*() {
      for (const [name, takeName] of [["claimed", claim("claimed", hour)], ["held", hold("held", hour)]] as const) {
        const first = claimOf(yield* claim(name, Duration.millis(50)))
        yield* Effect.sleep("80 millis")
        yield* takeName
        assert.isFalse(yield* renew(first, Duration.millis(1)))
        yield* release(first)
        yield* Effect.sleep("20 millis")
        assertTakenForHour(yield* claim(name, hour))
      }
    }))

  test("renew and release of a released claim do nothing to the next holder", ({ claim, release, renew, tryClaim }) =>
    Effect.gen(function*() {
      const first = claimOf(yield* claim("name", hour))
      yield* release(first)
      yield* release(first)
      assert.isFalse(yield* renew(first, hour), "renew does not claim a released name")
      const second = claimOf(yield* claim("name", hour))
      assert.notStrictEqual(second.id, first.id)
      yield* release(first)
      assert.isFalse(yield* tryClaim("name"))
      yield* release(second)
      assert.isTrue(yield* tryClaim("name"))
    }))

  test("renew and release of a claim do nothing to a later hold", ({ claim, hold, release, renew, tryClaim }) =>
    Effect.gen(function*() {
      yield* hold("free", hour)
      assert.isFalse(yield* tryClaim("free"))

      const claimed = claimOf(yield* claim("claimed", Duration.minutes(1)))
      yield* hold("claimed", hour)
      assert.isFalse(yield* renew(claimed, Duration.millis(1)))
      yield* release(claimed)
      assertTakenForHour(yield* claim("claimed", hour))

      yield* claim("shorter", hour)
      yield* hold("shorter", Duration.millis(50))
      yield* StoreSuite.until(claim("shorter", hour), isClaimed)
    }))
}

const namesOfObjects = ["__proto__", "constructor", "toString"] as const
const namesOfPaths = ["", " ", "/", ".", "..", "a/b", "\0", "%2F", "*", "{x}", "0", "事件"] as const
const anyName = FastCheck.oneof(
  FastCheck.string({ unit: "binary" }),
  FastCheck.constantFrom(...namesOfObjects, ...namesOfPaths, "x".repeat(10_000))
)

const manyNames = ({ prop, test }: Tests): void => {
  test("release frees one name, and no other", ({ claim, release, tryClaim }) =>
    Effect.gen(function*() {
      const a = claimOf(yield* claim("a", hour))
      const b = claimOf(yield* claim("b", hour))
      yield* release(a)
      assert.isFalse(yield* tryClaim("b"))
      assert.isTrue(yield* tryClaim("a"))
      yield* release(b)
      assert.isTrue(yield* tryClaim("b"))
    }))

  prop(
    "any two different texts are different names",
    FastCheck.uniqueArray(anyName, { minLength: 2, maxLength: 2 }),
    ([a = "", b = ""], { claim, hold, release, tryClaim }) =>
      Effect.gen(function*() {
        const claimed = claimOf(yield* claim(a, hour))
        assert.isFalse(yield* tryClaim(a))
        assert.isTrue(yield* tryClaim(b))
        yield* release(claimed)
        assert.isFalse(yield* tryClaim(b))
        yield* hold(a, hour)
        assert.isFalse(yield* tryClaim(a))
      }),
    { examples: [["__proto__", "constructor"], ["constructor", "__proto__"]] }
  )

  test("different apps have different names, even if the ids of the apps are similar", ({ claims }) =>
    Effect.gen(function*() {
      const apps = yield* StoreSuite.similarApps
      const names = ["0", "1", "a", "x/y"]
      const pairs = Arr.cartesian(apps, names)
      for (const [app, name] of pairs) claimOf(yield* claims.claim(app, name, hour))
      for (const [app, name] of pairs) assert.isFalse(isClaimed(yield* claims.claim(app, name, hour)))
    }))

  test("release frees one of 300 names that were claimed at the same time", ({ claim, release, tryClaim }) =>
    Effect.gen(function*() {
      const names = Arr.makeBy(300, (n) => `event/${n}`)
      const claimed = yield* Effect.forEach(names, (name) => claim(name, hour), { concurrency: 50 })
      yield* release(Arr.map(claimed, claimOf)[7] ?? assert.fail())
      assert.deepStrictEqual(yield* Effect.filter(names, tryClaim, { concurrency: 50 }), ["event/7"])
    }))
}

/**
 * Registers the tests of a `Claims` under `describe`. Builds the layer once for all tests, and releases the layer afterwards.
 * Every test fails if the layer cannot be built.
 *
 * The tests run on real time, because the store may have its own clock, and use new app ids, because the store may outlive
 * the tests. A test fails after 30 s.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<Claims, E>): void =>
  StoreSuite.suite(`Claims, ${name}`, store, fixture, [claiming, expiry, formerHolders, manyNames])
