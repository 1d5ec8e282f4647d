import { assert, describe, it } from "@effect/vitest"
import { Clock, FastCheck as fc } from "effect"
import * as Moment from "../../src/internal/token/moment.js"

/** Returns a clock that stands still. */
const clockAt = ({ millis, nanos }: Moment.Moment): Clock.Clock => ({
  ...Clock.make(),
  unsafeCurrentTimeMillis: () => millis,
  unsafeCurrentTimeNanos: () => nanos
})

const millis = fc.integer({ min: 0, max: Date.UTC(2100, 0) })
const moment: fc.Arbitrary<Moment.Moment> = fc.record({
  millis,
  nanos: fc.bigInt({ min: 0n, max: 10n ** 18n })
})

/** Times around zero, so that each order of the two clocks is common. */
const nearby: fc.Arbitrary<Moment.Moment> = fc.record({
  millis: fc.integer({ min: -2, max: 2 }),
  nanos: fc.bigInt({ min: -2n, max: 2n })
})

describe("Moment", () => {
  it("The present moment is the time of both clocks", () => {
    assert.deepStrictEqual(Moment.now(clockAt({ millis: 5, nanos: 7n })), { millis: 5, nanos: 7n })
  })

  it.prop("The present moment is not in the future, and the next millisecond is", [moment], ([now]) => {
    const clock = clockAt(now)
    assert.isFalse(Moment.isFuture(clock, Moment.now(clock)))
    assert.isTrue(Moment.isFuture(clock, Moment.later(Moment.now(clock), 1)))
  })

  it.prop(
    "A moment is in the future only as long as neither clock has passed it",
    [nearby, nearby],
    ([now, moment]) => {
      assert.strictEqual(
        Moment.isFuture(clockAt(now), moment),
        now.millis < moment.millis && now.nanos < moment.nanos
      )
    }
  )

  it.each([
    ["the system's clock alone", { millis: 1000, nanos: 0n }],
    ["the monotonic clock alone", { millis: 0, nanos: 1_000_000_000n }],
    ["the monotonic clock, although the system's clock was set back,", { millis: -3_600_000, nanos: 1_000_000_000n }],
    ["the system's clock, although the monotonic clock stood still,", { millis: 3_600_000, nanos: 0n }]
  ])("A moment has passed as soon as %s has passed it", (_, now) => {
    const moment = Moment.later({ millis: 0, nanos: 0n }, 1000)
    assert.isTrue(Moment.isFuture(clockAt({ millis: 999, nanos: 999_999_999n }), moment))
    assert.isFalse(Moment.isFuture(clockAt(now), moment))
  })

  it.prop(
    "A later moment is later by the same time on both clocks",
    [moment, fc.integer({ min: -86_400_000, max: 86_400_000 })],
    ([moment, by]) => {
      assert.deepStrictEqual(Moment.later(moment, by), {
        millis: moment.millis + by,
        nanos: moment.nanos + BigInt(by) * 1_000_000n
      })
    }
  )

  it("A later moment keeps fractions of a millisecond, down to a nanosecond", () => {
    assert.deepStrictEqual(Moment.later({ millis: 1, nanos: 1n }, 0.5), { millis: 1.5, nanos: 500_001n })
    assert.strictEqual(Moment.later({ millis: 0, nanos: 0n }, 0.123_456_7).nanos, 123_457n)
  })

  it.prop(
    "The earlier of two moments has passed as soon as one of the two has",
    [nearby, nearby, nearby],
    ([now, a, b]) => {
      const clock = clockAt(now)
      assert.strictEqual(
        Moment.isFuture(clock, Moment.earlier(a, b)),
        Moment.isFuture(clock, a) && Moment.isFuture(clock, b)
      )
    }
  )
})
