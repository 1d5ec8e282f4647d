import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, FastCheck as fc, Fiber, Option, TestClock } from "effect"
import * as Claims from "../../src/Claims.js"
import * as Lease from "../../src/internal/token/lease.js"
import { pass, withQuickClock } from "../quickClock.js"

const appId = "cli_a"
const name = "token/app"

const settle = TestClock.adjust(0)

const claimsError = (operation: Claims.ClaimsError["operation"]) =>
  new Claims.ClaimsError({ appId, operation, description: "the store is down" })

const isWaiting = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isNone)

const hour = Duration.hours(1)

/** Claims of which another process has every name. */
const taken = (memory: Claims.Service): Claims.Service => ({
  ...memory,
  claim: () => Effect.succeed(Claims.Answer.Taken({ left: hour, isHeld: false }))
})

/** Makes a value that processes fetch once for all, and counts what they do. All times are in milliseconds. */
const makeShared = Effect.gen(function*() {
  const claims = yield* Claims.makeMemory()
  let stored = Option.none<string>()
  const looks: Array<number> = []
  const fetches: Array<{ readonly by: string; readonly at: number }> = []
  const look = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.sync(() => {
      looks.push(now)
      return stored
    }))
  const store = (value: string) =>
    Effect.sync(() => {
      stored = Option.some(value)
      return value
    })

  /** Runs `once` as another process does. `work` is what its fetch does before the fetch stores the value. */
  const process = <E = never>(by: string, options: {
    readonly work?: Effect.Effect<unknown, E>
    readonly claims?: Claims.Service
    readonly appId?: string
    readonly name?: string
  } = {}): Effect.Effect<string, E> =>
    Lease.make({ appId: options.appId ?? appId, claims: options.claims ?? claims }).once(options.name ?? name, {
      look,
      fetch: Effect.flatMap(Clock.currentTimeMillis, (at) => {
        fetches.push({ by, at })
        return Effect.andThen(options.work ?? Effect.void, store(`from ${by}`))
      })
    })

  /** Fails unless nobody has the claim. */
  const assertFree = Effect.map(
    claims.claim(appId, name, Duration.millis(1)),
    ({ _tag }) => assert.strictEqual(_tag, "Claimed", "the claim was not released")
  )

  return { assertFree, claims, fetches, looks, process, store }
})

describe("Lease", () => {
  it.effect("A process that is alone fetches at once, and releases the claim", () =>
    Effect.gen(function*() {
      const { assertFree, fetches, process } = yield* makeShared
      assert.strictEqual(yield* process("a"), "from a")
      assert.deepStrictEqual(fetches, [{ by: "a", at: 0 }])
      yield* assertFree
    }))

  it.effect("One process fetches, and the others wait and return what that process has stored", () =>
    Effect.gen(function*() {
      const { assertFree, fetches, process } = yield* makeShared
      const a = yield* Effect.fork(process("a", { work: Effect.sleep("5 seconds") }))
      yield* settle
      const others = yield* Effect.forEach(["b", "c", "d"], (by) => Effect.fork(process(by)))
      yield* TestClock.adjust(4999)
      for (const fiber of [a, ...others]) assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust(1001)
      for (const fiber of [a, ...others]) assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.deepStrictEqual(fetches, [{ by: "a", at: 0 }])
      yield* assertFree
    }))

  it.effect("Processes do not wait for each other if the names or the apps differ", () =>
    Effect.gen(function*() {
      const { fetches, process } = yield* makeShared
      const holder = yield* Effect.fork(process("a", { work: Effect.never }))
      yield* settle
      const work = Effect.sleep("1 second")
      const b = yield* Effect.fork(process("b", { name: "token/tenant/x", work }))
      const c = yield* Effect.fork(process("c", { appId: "cli_c", work }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(b), "from b")
      assert.strictEqual(yield* Fiber.join(c), "from c")
      assert.deepStrictEqual(fetches, [{ by: "a", at: 0 }, { by: "b", at: 0 }, { by: "c", at: 0 }])
      yield* Fiber.interrupt(holder)
    }))

  it.effect("A process that gets the claim returns what was stored just before, without a fetch", () =>
    Effect.gen(function*() {
      const { assertFree, claims, fetches, process, store } = yield* makeShared
      const late: Claims.Service = {
        ...claims,
        claim: (...args) => Effect.andThen(store("from another"), claims.claim(...args))
      }
      assert.strictEqual(yield* process("a", { claims: late }), "from another")
      assert.deepStrictEqual(fetches, [])
      yield* assertFree
    }))

  it.effect("The pauses between two looks begin with 50 ms and double to 1 s", () =>
    Effect.gen(function*() {
      const { claims, looks, process } = yield* makeShared
      const fiber = yield* Effect.fork(process("a", { claims: taken(claims) }))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(looks, [50, 150, 350, 750, 1550, 2550, 3550, 4550])
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("A pause is no longer than the claim of the other process lasts", () =>
    Effect.gen(function*() {
      const { claims, fetches, looks, process } = yield* makeShared
      yield* claims.claim(appId, name, Duration.millis(2000))
      const fiber = yield* Effect.fork(process("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.deepStrictEqual(fetches, [{ by: "a", at: 2000 }])
      assert.include(looks, 2000)
    }))

  it.effect("If a process dies without releasing its claim, another process fetches after 10 s", () =>
    Effect.gen(function*() {
      const { claims, fetches, process } = yield* makeShared
      const dying: Claims.Service = { ...claims, renew: () => Effect.never, release: () => Effect.void }
      const dead = yield* Effect.fork(process("dead", { work: Effect.never, claims: dying }))
      yield* settle
      const fiber = yield* Effect.fork(process("a"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(dead)
      yield* TestClock.adjust(8999)
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.deepStrictEqual(fetches, [{ by: "dead", at: 0 }, { by: "a", at: 10_000 }])
    }))

  it.effect("If a process dies after it has renewed its claim, another process fetches 10 s after the renewal", () =>
    Effect.gen(function*() {
      const { claims, fetches, process } = yield* makeShared
      const dying: Claims.Service = { ...claims, release: () => Effect.void }
      const dead = yield* Effect.fork(process("dead", { work: Effect.never, claims: dying }))
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.interrupt(dead)
      const fiber = yield* Effect.fork(process("a"))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.deepStrictEqual(fetches, [{ by: "dead", at: 0 }, { by: "a", at: 16_000 }])
    }))

  it.effect("A process that needs longer than 10 s for its fetch renews the claim, and no other process fetches", () =>
    Effect.gen(function*() {
      const { assertFree, fetches, process } = yield* makeShared
      const slow = yield* Effect.fork(process("slow", { work: Effect.sleep("39 seconds") }))
      yield* settle
      const early = yield* Effect.fork(process("early"))
      yield* TestClock.adjust("30 seconds")
      const late = yield* Effect.fork(process("late"))
      yield* TestClock.adjust("10 seconds")
      for (const fiber of [slow, early, late]) assert.strictEqual(yield* Fiber.join(fiber), "from slow")
      assert.deepStrictEqual(fetches, [{ by: "slow", at: 0 }])
      yield* assertFree
    }))

  it.effect("A process waits 40 s for another one, and fetches without the claim after that", () =>
    Effect.gen(function*() {
      const { claims, fetches, process } = yield* makeShared
      const hung = yield* Effect.fork(process("hung", { work: Effect.never }))
      yield* settle
      const fiber = yield* Effect.fork(process("a"))
      yield* TestClock.adjust("40 seconds")
      assert.isTrue(yield* isWaiting(fiber))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.deepStrictEqual(fetches.map(({ by }) => by), ["hung", "a"])
      assert.strictEqual((yield* claims.claim(appId, name, hour))._tag, "Taken", "the claim of the other process")
      yield* Fiber.interrupt(hung)
    }))

  it.effect("The value that the other process stores in the last moment of the wait is returned without a fetch", () =>
    Effect.gen(function*() {
      const { claims, fetches, process, store } = yield* makeShared
      const fiber = yield* Effect.fork(process("a", { claims: taken(claims) }))
      yield* TestClock.adjust("40 seconds")
      yield* store("from another")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "from another")
      assert.deepStrictEqual(fetches, [])
    }))

  it.effect("A process fetches at once if the claims fail", () =>
    Effect.gen(function*() {
      const { claims, fetches, looks, process } = yield* makeShared
      const failing: Claims.Service = { ...claims, claim: () => claimsError("claim") }
      assert.strictEqual(yield* process("a", { claims: failing }), "from a")
      assert.deepStrictEqual(fetches, [{ by: "a", at: 0 }])
      assert.deepStrictEqual(looks, [])
    }))

  it.effect("A process that waits fetches as soon as the claims fail", () =>
    Effect.gen(function*() {
      const { claims, fetches, process } = yield* makeShared
      let isDown = false
      const failing: Claims.Service = {
        ...claims,
        claim: (...args) => Effect.suspend(() => isDown ? claimsError("claim") : claims.claim(...args))
      }
      yield* claims.claim(appId, name, hour)
      const fiber = yield* Effect.fork(process("a", { claims: failing }))
      yield* TestClock.adjust("5 seconds")
      isDown = true
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
      assert.strictEqual(fetches.length, 1)
    }))

  it.effect("A claim that can be neither renewed nor released does not fail the fetch", () =>
    Effect.gen(function*() {
      const { claims, process } = yield* makeShared
      const failing: Claims.Service = {
        ...claims,
        renew: () => claimsError("renew"),
        release: () => claimsError("release")
      }
      const fiber = yield* Effect.fork(process("a", { claims: failing, work: Effect.sleep("8 seconds") }))
      yield* TestClock.adjust("8 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "from a")
    }))

  it.effect.each(
    [
      ["fails", Effect.fail("refused"), Exit.fail("refused")],
      ["dies", Effect.die("a bug"), Exit.die("a bug")]
    ] as const
  )(
    "A fetch that %s releases the claim, so that a process that waits fetches soon",
    ([_, end, exit]) =>
      Effect.gen(function*() {
        const { assertFree, fetches, process } = yield* makeShared
        const a = yield* Effect.fork(process("a", { work: Effect.andThen(Effect.sleep("2 seconds"), end) }))
        yield* settle
        const b = yield* Effect.fork(process("b"))
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* Fiber.await(a), exit)
        assert.strictEqual(yield* Fiber.join(b), "from b")
        assert.deepStrictEqual(fetches.map(({ by }) => by), ["a", "b"])
        yield* assertFree
      })
  )

  it.effect("A process that is interrupted interrupts its fetch and releases the claim", () =>
    Effect.gen(function*() {
      const { assertFree, process } = yield* makeShared
      const interrupted = yield* Deferred.make<void>()
      const work = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const fiber = yield* Effect.fork(process("a", { work }))
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* Deferred.isDone(interrupted))
      yield* assertFree
    }))

  it.effect("A process that is interrupted while it waits leaves the claim to the other process", () =>
    Effect.gen(function*() {
      const { claims, fetches, process } = yield* makeShared
      const a = yield* Effect.fork(process("a", { work: Effect.sleep("5 seconds") }))
      yield* settle
      const b = yield* Effect.fork(process("b"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(b)
      assert.strictEqual((yield* claims.claim(appId, name, hour))._tag, "Taken")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(a), "from a")
      assert.deepStrictEqual(fetches.map(({ by }) => by), ["a"])
    }))

  it.effect("A claim is not renewed after the fetch has ended", () =>
    Effect.gen(function*() {
      const { claims, process } = yield* makeShared
      let renewals = 0
      const counting: Claims.Service = {
        ...claims,
        renew: (...args) =>
          Effect.suspend(() => {
            renewals++
            return claims.renew(...args)
          })
      }
      const fiber = yield* Effect.fork(process("a", { claims: counting, work: Effect.sleep("10 seconds") }))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.strictEqual(renewals, 3)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(renewals, 3)
    }))

  it.effect.prop(
    "An interruption after any number of steps releases the claim",
    { yields: fc.nat({ max: 12 }), steps: fc.nat({ max: 6 }) },
    ({ steps, yields }) =>
      Effect.gen(function*() {
        const { assertFree, process } = yield* makeShared
        const fiber = yield* Effect.fork(process("a", { work: Effect.repeatN(Effect.yieldNow(), steps) }))
        yield* Effect.repeatN(Effect.yieldNow(), yields)
        yield* Fiber.interrupt(fiber)
        yield* assertFree
      })
  )

  it.effect.prop(
    "One process at a time fetches, whenever processes start, fail and are interrupted, and the others return its value",
    {
      processes: fc.array(
        fc.record({
          start: fc.nat({ max: 20_000 }),
          takes: fc.nat({ max: 12_000 }),
          end: fc.constantFrom("succeed", "succeed", "fail", "interrupt")
        }),
        // No process waits for 40 s.
        { minLength: 2, maxLength: 4 }
      )
    },
    ({ processes }) =>
      Effect.gen(function*() {
        const { assertFree, fetches, process } = yield* makeShared
        let running = 0
        let most = 0
        const fibers = yield* Effect.forEach(processes, ({ end, start, takes }, index) => {
          const work = Effect.acquireUseRelease(
            Effect.sync(() => {
              most = Math.max(most, ++running)
            }),
            () => Effect.delay(end === "fail" ? Effect.fail("refused") : Effect.void, takes),
            () => Effect.sync(() => running--)
          )
          const run = process(`${index}`, { work })
          return Effect.fork(Effect.delay(
            end === "interrupt" ? Effect.timeoutOption(run, takes / 2) : Effect.asSome(run),
            start
          ))
        })
        yield* pass("5 minutes")
        const succeeded = new Set<string>()
        for (const [index, fiber] of fibers.entries()) {
          const exit = yield* Fiber.await(fiber)
          if (Exit.isSuccess(exit)) Option.map(exit.value, (value) => succeeded.add(value))
          else assert.strictEqual(processes[index]?.end, "fail")
        }
        assert.isAtMost(most, 1)
        assert.strictEqual(running, 0)
        assert.isAtMost(succeeded.size, 1)
        for (const value of succeeded) assert.strictEqual(value, `from ${fetches.at(-1)?.by}`)
        yield* assertFree
      }).pipe(withQuickClock),
    { fastCheck: { numRuns: 50 } }
  )
})

it.effect("A claim that hangs keeps a caller and its interruption for 5 s", () =>
  Effect.gen(function*() {
    const claims = { ...(yield* Claims.makeMemory()), claim: () => Effect.never }
    const lease = Lease.make({ appId, claims })
    const once = lease.once(name, { look: Effect.succeedNone, fetch: Effect.succeed("fetched") })
    const waits = yield* Effect.fork(once)
    const ends = yield* Effect.fork(once)
    yield* pass("1 second")
    const interruption = yield* Effect.fork(Fiber.interrupt(ends))
    yield* pass("4 seconds")
    assert.strictEqual(yield* Fiber.join(waits), "fetched")
    assert.isFalse(yield* isWaiting(interruption))
  }).pipe(withQuickClock))

it.effect("An interruption releases the claim if claiming takes time", () =>
  Effect.gen(function*() {
    for (let yields = 0; yields < 13; yields++) {
      const memory = yield* Claims.makeMemory()
      const claims: Claims.Service = {
        ...memory,
        claim: (...args) => Effect.uninterruptible(Effect.tap(memory.claim(...args), () => Effect.yieldNow()))
      }
      const fiber = yield* Effect.fork(
        Lease.make({ appId, claims }).once(name, { look: Effect.succeedNone, fetch: Effect.never })
      )
      yield* Effect.repeatN(Effect.yieldNow(), yields)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* memory.claim(appId, name, hour))._tag, "Claimed", `${yields} yields`)
    }
  }))
