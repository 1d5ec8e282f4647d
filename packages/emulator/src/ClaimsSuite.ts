/**
 * Tests for every `Claims`, to run over a store of your own.
 *
 * Not part of the package's index, because it needs `vitest` and `@effect/vitest`: import it by its path,
 * `@effect-feishu/emulator/ClaimsSuite`.
 *
 * @since 0.1.0
 */
import { type Answer, type Claim, Claims } from "@effect-feishu/core/Claims"
import { assert, describe, it } from "@effect/vitest"
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

const millisLeft = (answer: Answer): number =>
  answer._tag === "Taken" ? Duration.toMillis(answer.left) : assert.fail("the name is claimed")

/** The claims of an app that no other test has. */
const ofNewApp = Effect.gen(function*() {
  const { claim, hold, release, renew } = yield* Claims
  const app = yield* StoreSuite.newApp
  return {
    claim: (name: string, duration: Duration.Duration) => claim(app, name, duration),
    hold: (name: string, duration: Duration.Duration) => hold(app, name, duration),
    isFree: (name: string) => Effect.map(claim(app, name, hour), isClaimed),
    release,
    renew
  }
})

/**
 * The tests of a store, under `describe`. The layer is built once for all of them.
 *
 * The tests run on real time, because the store may have a clock of its own, and on new apps, because the store may outlive
 * the tests. A test may take 30 s.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<Claims, E>): void =>
  void describe(`Claims, ${name}`, () => {
    const { test, withStore } = StoreSuite.over(store)

    test("exactly one of 100 simultaneous callers claims a name", () =>
      Effect.gen(function*() {
        const { claim } = yield* ofNewApp
        for (const name of ["event/1", "event/2"]) {
          const answers = yield* Effect.replicateEffect(claim(name, hour), 100, { concurrency: "unbounded" })
          assert.strictEqual(answers.filter(isClaimed).length, 1)
        }
      }))

    test("exactly one of 100 simultaneous callers claims a name that has expired", () =>
      Effect.gen(function*() {
        const { claim, hold } = yield* ofNewApp
        yield* hold("name", Duration.millis(100))
        yield* Effect.sleep("150 millis")
        const answers = yield* Effect.replicateEffect(claim("name", hour), 100, { concurrency: "unbounded" })
        assert.strictEqual(answers.filter(isClaimed).length, 1)
      }))

    test("claim says whether a claim or a hold has the name", () =>
      Effect.gen(function*() {
        const { claim, hold, renew } = yield* ofNewApp
        const isHeld = Effect.map(
          claim("name", hour),
          (answer) => answer._tag === "Taken" ? answer.isHeld : assert.fail("the name is claimed")
        )
        const claimed = claimOf(yield* claim("name", hour))
        assert.isFalse(yield* isHeld)
        yield* renew(claimed, hour)
        assert.isFalse(yield* isHeld)
        yield* hold("name", hour)
        assert.isTrue(yield* isHeld)
        yield* hold("name", hour)
        assert.isTrue(yield* isHeld)
      }))

    test("claim says for how much longer a name is taken", () =>
      Effect.gen(function*() {
        const { claim } = yield* ofNewApp
        claimOf(yield* claim("name", hour))
        for (const duration of [Duration.hours(2), Duration.millis(1), hour]) {
          const left = millisLeft(yield* claim("name", duration))
          assert.isAtMost(left, 3_600_000)
          assert.isAbove(left, 3_600_000 - 60_000)
        }
      }))

    test("a claim expires when its time is over, and not before, however often others ask", () =>
      Effect.gen(function*() {
        const { claim } = yield* ofNewApp
        const start = yield* Clock.currentTimeNanos
        claimOf(yield* claim("name", Duration.millis(200)))
        claimOf(yield* claim("another", hour))
        yield* StoreSuite.until(claim("name", hour), isClaimed)
        const end = yield* Clock.currentTimeNanos
        // Two clocks may differ by some milliseconds.
        assert.isAbove(Number(end - start) / 1e6, 190)
        assert.isFalse(isClaimed(yield* claim("name", hour)), "the name has a new holder")
        assert.isFalse(isClaimed(yield* claim("another", hour)))
      }))

    test("renew lets a claim end sooner or later", () =>
      Effect.gen(function*() {
        const { claim, renew } = yield* ofNewApp
        const longer = claimOf(yield* claim("longer", Duration.minutes(1)))
        assert.isTrue(yield* renew(longer, hour))
        assert.isAbove(millisLeft(yield* claim("longer", hour)), 3_600_000 - 60_000)
        assert.isTrue(yield* renew(longer, Duration.minutes(1)))
        assert.isAtMost(millisLeft(yield* claim("longer", hour)), 60_000)

        const shorter = claimOf(yield* claim("shorter", hour))
        assert.isTrue(yield* renew(shorter, Duration.millis(50)))
        yield* StoreSuite.until(claim("shorter", hour), isClaimed)
      }))

    test("renew and release of a claim that has expired do nothing to the next holder", () =>
      Effect.gen(function*() {
        const { claim, hold, release, renew } = yield* ofNewApp
        for (const [n, next] of [claim("claimed", hour), hold("held", hour)].entries()) {
          const name = n === 0 ? "claimed" : "held"
          const first = claimOf(yield* claim(name, Duration.millis(50)))
          yield* Effect.sleep("80 millis")
          yield* next
          assert.isFalse(yield* renew(first, Duration.millis(1)))
          yield* release(first)
          yield* Effect.sleep("20 millis")
          assert.isAbove(millisLeft(yield* claim(name, hour)), 3_600_000 - 60_000)
        }
      }))

    test("renew and release of a claim that was released do nothing to the next holder", () =>
      Effect.gen(function*() {
        const { claim, isFree, release, renew } = yield* ofNewApp
        const first = claimOf(yield* claim("name", hour))
        yield* release(first)
        assert.isFalse(yield* renew(first, hour), "a released claim is not taken again")
        const second = claimOf(yield* claim("name", hour))
        assert.notStrictEqual(second.id, first.id)
        yield* release(first)
        assert.isFalse(yield* isFree("name"))
        yield* release(second)
        assert.isTrue(yield* isFree("name"))
      }))

    test("hold takes a name from its holder, whose renew and release then do nothing", () =>
      Effect.gen(function*() {
        const { claim, hold, isFree, release, renew } = yield* ofNewApp
        yield* hold("free", hour)
        assert.isFalse(yield* isFree("free"))

        const claimed = claimOf(yield* claim("claimed", Duration.minutes(1)))
        yield* hold("claimed", hour)
        assert.isFalse(yield* renew(claimed, Duration.millis(1)))
        yield* release(claimed)
        assert.isAbove(millisLeft(yield* claim("claimed", hour)), 3_600_000 - 60_000)

        yield* claim("shorter", hour)
        yield* hold("shorter", Duration.millis(50))
        yield* StoreSuite.until(claim("shorter", hour), isClaimed)
      }))

    test("release frees one name, and no other", () =>
      Effect.gen(function*() {
        const { claim, isFree, release } = yield* ofNewApp
        const a = claimOf(yield* claim("a", hour))
        const b = claimOf(yield* claim("b", hour))
        yield* release(a)
        assert.isFalse(yield* isFree("b"))
        assert.isTrue(yield* isFree("a"))
        yield* release(b)
        assert.isTrue(yield* isFree("b"))
      }))

    it.live.prop(
      "any text is a name of its own",
      [FastCheck.uniqueArray(StoreSuite.anyText, { minLength: 2, maxLength: 2 })],
      ([[a = "", b = ""]]) =>
        withStore(Effect.gen(function*() {
          const { claim, hold, isFree, release } = yield* ofNewApp
          const ofA = claimOf(yield* claim(a, hour))
          assert.isFalse(yield* isFree(a))
          assert.isTrue(yield* isFree(b))
          yield* release(ofA)
          assert.isFalse(yield* isFree(b))
          yield* hold(a, hour)
          assert.isFalse(yield* isFree(a))
        })),
      {
        timeout: StoreSuite.timeout,
        // The names that have a meaning in JavaScript, for certain.
        fastCheck: { numRuns: 30, examples: [[["__proto__", "constructor"]], [["constructor", "__proto__"]]] }
      }
    )

    test("each app has names of its own, whatever its id", () =>
      Effect.gen(function*() {
        const { claim } = yield* Claims
        const apps = yield* StoreSuite.oddApps
        for (const app of apps) {
          for (const name of ["0", "1", "a", "x/y"]) claimOf(yield* claim(app, name, hour))
        }
        for (const app of apps) {
          for (const name of ["0", "1", "a", "x/y"]) assert.isFalse(isClaimed(yield* claim(app, name, hour)))
        }
      }))

    test("300 names are claimed at once, and one of them is released", () =>
      Effect.gen(function*() {
        const { claim, isFree, release } = yield* ofNewApp
        const names = Arr.makeBy(300, (n) => `event/${n}`)
        const claims = yield* Effect.forEach(names, (name) => Effect.map(claim(name, hour), claimOf), {
          concurrency: 50
        })
        yield* release(claims[7] ?? assert.fail())
        assert.deepStrictEqual(yield* Effect.filter(names, isFree, { concurrency: 50 }), ["event/7"])
      }))
  })
