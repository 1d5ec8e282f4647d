import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, FastCheck as fc, Option, Random, Redacted, TestClock } from "effect"
import * as Moment from "../../src/internal/token/moment.js"
import type { Entry } from "../../src/internal/token/renewingCache.js"
import * as SavedTokens from "../../src/internal/token/savedTokens.js"
import * as TokenStore from "../../src/TokenStore.js"
import { recorded } from "../keyValues.js"
import { movableClock } from "../movableClock.js"

const seconds = (count: number) => count * 1000
const minutes = (count: number) => count * 60_000
const day = minutes(24 * 60)

const key: TokenStore.Key = { appId: "cli_a", secretHash: "hash", tenantKey: Option.some("tenant_a") }
const otherKey: TokenStore.Key = { ...key, tenantKey: Option.none() }

const storeError = (operation: TokenStore.TokenStoreError["operation"]) =>
  new TokenStore.TokenStoreError({ appId: "cli_a", operation, description: "the store is down" })

interface Options {
  readonly store?: Partial<TokenStore.Service>
  readonly renewWithin?: number
  readonly expiryMargin?: number
}

/** Makes the module under test over a store in memory, some operations of which a test replaces. */
const make = ({ expiryMargin = minutes(3), renewWithin = minutes(25), ...options }: Options = {}) =>
  Effect.map(TokenStore.makeMemory(), (memory) => {
    const store = { ...memory, ...options.store }
    return { saved: SavedTokens.make({ store, renewWithin, expiryMargin }), store }
  })

const token = (value: string, expiresAt: number): TokenStore.StoredToken => ({
  value: Redacted.make(value),
  expiresAt: DateTime.unsafeMake(expiresAt)
})

const issued = (value: string, expire: number, askedAt: Moment.Moment): SavedTokens.Issued => ({
  value: Redacted.make(value),
  expire,
  askedAt
})

const valueOf = (entry: Entry<TokenStore.StoredToken>) => Redacted.value(entry.value.value)

const now = Effect.map(Effect.clock, Moment.now)

/** Returns an entry that expires after `left` milliseconds. */
const entryFor = (value: string, left: number) =>
  Effect.map(now, (now): Entry<TokenStore.StoredToken> => ({
    value: token(value, now.millis + left),
    renewAt: now,
    expiresAt: Moment.later(now, left)
  }))

/** Returns the milliseconds from `from` to the two moments of an entry. Fails if the two clocks differ. */
const livesOf = (entry: Entry<TokenStore.StoredToken>, from: Moment.Moment) => {
  const millis = (moment: Moment.Moment) => {
    const left = moment.millis - from.millis
    assert.closeTo(Number(moment.nanos - from.nanos) / 1e6, left, 1e-3, "the monotonic clock")
    return left
  }
  return { renewAfter: millis(entry.renewAt), expiresAfter: millis(entry.expiresAt) }
}

/** Puts a token that lives for `left` into the store, and reads it. */
const readWith = (left: number, options: Options & { readonly current?: Entry<TokenStore.StoredToken> } = {}) =>
  Effect.gen(function*() {
    const { saved, store } = yield* make(options)
    yield* store.put(key, token("stored", (yield* now).millis + left))
    return yield* saved.read(key, options.current)
  })

/** Random numbers below 1. `fc.double` would return mostly tiny ones. */
const random = fc.nat({ max: 999 }).map((number) => number / 1000)

describe("SavedTokens.read", () => {
  it.effect("A token in the store is returned, to be used until 3 minutes before its end", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      const entry = Option.getOrThrow(yield* readWith(minutes(100)))
      assert.strictEqual(valueOf(entry), "stored")
      assert.strictEqual(DateTime.toEpochMillis(entry.value.expiresAt), minutes(160))
      assert.strictEqual(livesOf(entry, yield* now).expiresAfter, minutes(97))
    }))

  it.effect("A token in the store is returned for its own key only", () =>
    Effect.gen(function*() {
      const { saved, store } = yield* make()
      yield* store.put(otherKey, token("other", minutes(100)))
      assert.isTrue(Option.isNone(yield* saved.read(key, undefined)))
      assert.strictEqual(valueOf(Option.getOrThrow(yield* saved.read(otherKey, undefined))), "other")
    }))

  it.effect("A store that cannot be read counts as empty", () =>
    Effect.gen(function*() {
      const { saved } = yield* make({ store: { get: () => storeError("get") } })
      assert.isTrue(Option.isNone(yield* saved.read(key, undefined)))
      assert.isTrue(Option.isNone(yield* saved.read(key, yield* entryFor("current", minutes(1)))))
    }))

  it.effect("A refused token in the store is not returned until the platform issues the token again", () =>
    Effect.gen(function*() {
      const { saved, store } = yield* make({ store: { drop: () => Effect.void } })
      const stored = token("stored", minutes(100))
      yield* store.put(key, stored)
      yield* saved.refuse(key, stored)
      assert.isTrue(Option.isNone(yield* saved.read(key, undefined)))
      yield* saved.save(key, issued("stored", 7200, yield* now))
      assert.isTrue(Option.isSome(yield* saved.read(key, undefined)))
    }))

  it.effect.each([minutes(90), 0])(
    "A token in the store that is the current token is not returned: %d ms before the current token expires",
    (left) =>
      Effect.gen(function*() {
        const current = yield* entryFor("stored", left)
        assert.isTrue(Option.isNone(yield* readWith(minutes(100), { current })))
      })
  )

  it.effect.each([
    [day, true],
    [day + 1, false]
  ])("A token in the store that lives for %d ms is believed: %s", ([left = 0, isBelieved]) =>
    Effect.gen(function*() {
      const found = yield* readWith(left as number)
      assert.strictEqual(Option.isSome(found), isBelieved)
    }))

  it.effect.each(
    [
      ["is no current token", undefined, minutes(3)],
      ["is a current token that has expired", 0, minutes(3)],
      ["is a current token in use", 1, minutes(25)]
    ] as const
  )(
    "If there %s, a token in the store is returned only before its last minutes",
    ([_, currentLeft, least]) =>
      Effect.gen(function*() {
        const current = currentLeft === undefined ? undefined : yield* entryFor("current", currentLeft)
        const options = current === undefined ? {} : { current }
        assert.isTrue(Option.isNone(yield* readWith(least, options)))
        assert.isTrue(Option.isNone(yield* readWith(-1, options)))
        assert.strictEqual(valueOf(Option.getOrThrow(yield* readWith(least + 1, options))), "stored")
      })
  )

  it.effect("The last minutes of a token in the store are those of the options", () =>
    Effect.gen(function*() {
      const options = { renewWithin: minutes(10), expiryMargin: minutes(1) }
      const renewal = { ...options, current: yield* entryFor("current", 1) }
      assert.isTrue(Option.isNone(yield* readWith(minutes(10), renewal)))
      assert.isTrue(Option.isSome(yield* readWith(minutes(10) + 1, renewal)))
      assert.isTrue(Option.isNone(yield* readWith(minutes(1), options)))
      const entry = Option.getOrThrow(yield* readWith(minutes(1) + 1, options))
      assert.strictEqual(livesOf(entry, yield* now).expiresAfter, 1)
    }))

  it.effect("A token in the store replaces a current token that has expired on one clock only", () =>
    Effect.gen(function*() {
      const { clock, moveMonotonic, moveSystem } = yield* movableClock
      yield* Effect.gen(function*() {
        for (const move of [moveMonotonic, moveSystem]) {
          const current = yield* entryFor("current", minutes(1))
          assert.isTrue(Option.isNone(yield* readWith(minutes(20), { current })))
          move(minutes(1))
          assert.isTrue(Option.isSome(yield* readWith(minutes(20), { current })))
        }
      }).pipe(Effect.withClock(clock))
    }))

  it.effect("The time that the store takes is not added to the life of a token", () =>
    Effect.gen(function*() {
      const { clock, moveMonotonic, moveSystem } = yield* movableClock
      yield* Effect.gen(function*() {
        const start = yield* now
        const { saved } = yield* make({
          store: {
            get: () =>
              Effect.sync(() => {
                moveMonotonic(seconds(5))
                moveSystem(seconds(5))
                return Option.some(token("stored", start.millis + minutes(100)))
              })
          }
        })
        const entry = Option.getOrThrow(yield* saved.read(key, undefined))
        assert.strictEqual(livesOf(entry, start).expiresAfter, minutes(97))
      }).pipe(Effect.withClock(clock))
    }))

  it.effect.prop(
    "A token in the store is renewed at a random moment from 25 to 20 minutes before its end, and never after it expires",
    { random, left: fc.integer({ min: minutes(3) + 1, max: day }) },
    ({ left, random }) =>
      Effect.gen(function*() {
        const entry = Option.getOrThrow(yield* readWith(left))
        const { expiresAfter, renewAfter } = livesOf(entry, yield* now)
        assert.strictEqual(expiresAfter, left - minutes(3))
        assert.closeTo(renewAfter, left - minutes(25) + random * minutes(5), 1e-3)
        assert.isAtMost(renewAfter, expiresAfter)
      }).pipe(Effect.withRandom(Random.fixed([random])))
  )
})

describe("SavedTokens.refuse", () => {
  it.effect("A refused token is removed from the store, and no other token", () =>
    Effect.gen(function*() {
      const { saved, store } = yield* make()
      yield* store.put(key, token("refused", minutes(100)))
      yield* store.put(otherKey, token("refused", minutes(100)))
      yield* saved.refuse(key, token("another", minutes(100)))
      assert.isTrue(Option.isSome(yield* store.get(key)))
      yield* saved.refuse(key, token("refused", minutes(100)))
      assert.isTrue(Option.isNone(yield* store.get(key)))
      assert.isTrue(Option.isSome(yield* saved.read(otherKey, undefined)))
    }))

  it.effect("A refused token is removed again only after a removal that failed", () =>
    Effect.gen(function*() {
      const ends = [storeError("drop"), storeError("drop"), Effect.void]
      let drops = 0
      const { saved } = yield* make({ store: { drop: () => ends[drops++] ?? assert.fail("a second removal") } })
      for (const expected of [1, 2, 3, 3]) {
        yield* saved.refuse(key, token("refused", minutes(100)))
        assert.strictEqual(drops, expected)
      }
    }))
})

describe("SavedTokens.save", () => {
  it.effect("An issued token is returned and put into the store, with a life that begins when the request was sent", () =>
    Effect.gen(function*() {
      const { saved, store } = yield* make()
      const askedAt = yield* now
      yield* TestClock.adjust("30 seconds")
      const entry = yield* saved.save(key, issued("new", 7200, askedAt))
      assert.strictEqual(valueOf(entry), "new")
      assert.strictEqual(DateTime.toEpochMillis(entry.value.expiresAt), askedAt.millis + minutes(120))
      assert.strictEqual(livesOf(entry, askedAt).expiresAfter, minutes(117))
      const stored = Option.getOrThrow(yield* store.get(key))
      assert.strictEqual(Redacted.value(stored.value), "new")
      assert.strictEqual(DateTime.toEpochMillis(stored.expiresAt), askedAt.millis + minutes(120))
      assert.isTrue(Option.isNone(yield* store.get(otherKey)))
    }))

  it.effect("A store that cannot be written does not keep an issued token from being used", () =>
    Effect.gen(function*() {
      const { saved } = yield* make({ store: { put: () => storeError("put") } })
      assert.strictEqual(valueOf(yield* saved.save(key, issued("new", 7200, yield* now))), "new")
    }))

  it.effect("A saved token is read by a process that has no token, or another one", () =>
    Effect.gen(function*() {
      const { saved } = yield* make()
      const entry = yield* saved.save(key, issued("new", 7200, yield* now))
      for (const current of [undefined, yield* entryFor("old", minutes(20))]) {
        const read = Option.getOrThrow(yield* saved.read(key, current))
        assert.strictEqual(valueOf(read), "new")
        assert.deepStrictEqual(read.value.expiresAt, entry.value.expiresAt)
        assert.deepStrictEqual(read.expiresAt, entry.expiresAt)
      }
    }))

  it.effect.each([
    [7200, minutes(95), minutes(117)],
    [3600, minutes(35), minutes(57)],
    [2000, seconds(500), seconds(2000) - minutes(3)],
    [720, seconds(180), seconds(540)],
    [60, seconds(15), seconds(45)],
    [1, 250, 750]
  ])(
    "A token that lives for %d s is renewed after %d ms at the earliest, and expires after %d ms",
    ([expire = 0, renewAfter, expiresAfter]) =>
      Effect.gen(function*() {
        const { saved } = yield* make()
        const askedAt = yield* now
        const entry = yield* saved.save(key, issued("new", expire, askedAt))
        assert.deepStrictEqual(livesOf(entry, askedAt), { renewAfter, expiresAfter })
      }).pipe(Effect.withRandom(Random.fixed([0])))
  )

  it.effect.prop(
    "An issued token is renewed at a random moment from 25 to 20 minutes before its end, or after a quarter of a short life",
    { random, expire: fc.integer({ min: 1, max: 86_400 }) },
    ({ expire, random }) =>
      Effect.gen(function*() {
        const { saved } = yield* make()
        const askedAt = yield* now
        const left = seconds(expire)
        const lives = livesOf(yield* saved.save(key, issued("new", expire, askedAt)), askedAt)
        const renewAfter = left - minutes(25) + random * minutes(5)
        assert.strictEqual(lives.expiresAfter, Math.max(left - minutes(3), left * 0.75))
        assert.closeTo(lives.renewAfter, Math.max(renewAfter, left / 4), 1e-3)
        assert.isAtMost(lives.renewAfter, lives.expiresAfter)
      }).pipe(Effect.withRandom(Random.fixed([random])))
  )

  it.effect.prop(
    "Renewals are spread over a fifth of `renewWithin`, and over 5 minutes at most",
    { random, renewWithin: fc.integer({ min: 0, max: minutes(60) }) },
    ({ random, renewWithin }) =>
      Effect.gen(function*() {
        const { saved } = yield* make({ renewWithin, expiryMargin: 0 })
        const askedAt = yield* now
        const { renewAfter } = livesOf(yield* saved.save(key, issued("new", 7200, askedAt)), askedAt)
        const spread = Math.min(minutes(5), renewWithin / 5)
        assert.closeTo(renewAfter, minutes(120) - renewWithin + random * spread, 1e-3)
      }).pipe(Effect.withRandom(Random.fixed([random])))
  )

  it.effect("A renewal is due at the expiry at the latest, even if `renewWithin` is shorter than `expiryMargin`", () =>
    Effect.gen(function*() {
      const { saved } = yield* make({ renewWithin: minutes(1), expiryMargin: minutes(3) })
      const entry = yield* saved.save(key, issued("new", 7200, yield* now))
      assert.deepStrictEqual(entry.renewAt, entry.expiresAt)
    }))

  it.effect("A refused token that the platform issues again is used, with one warning that does not show the token", () =>
    Effect.gen(function*() {
      const { saved, store } = yield* make()
      const refused = token("t-secret-token", minutes(120))
      yield* saved.refuse(key, refused)
      const save = Effect.flatMap(now, (now) => saved.save(key, issued("t-secret-token", 7200, now)))
      const lines = yield* recorded(save)
      assert.strictEqual(lines.length, 1)
      assert.match(lines.join(), /^WARN .*the platform issued again an access token that it had refused/)
      assert.notInclude(lines.join(), "secret-token")
      assert.isTrue(Option.isSome(yield* store.get(key)))
      assert.isTrue(Option.isSome(yield* saved.read(key, undefined)))
      yield* TestClock.adjust("14 seconds")
      yield* saved.refuse(key, refused)
      assert.isTrue(Option.isSome(yield* store.get(key)), "the token is believed")
      assert.deepStrictEqual(yield* recorded(save), [])
    }))

  it.effect("A token that was never refused is saved without a line in the log", () =>
    Effect.gen(function*() {
      const { saved } = yield* make()
      yield* saved.refuse(key, token("another", minutes(120)))
      yield* saved.refuse(otherKey, token("new", minutes(120)))
      assert.deepStrictEqual(yield* recorded(saved.save(key, issued("new", 7200, yield* now))), [])
    }))

  it.effect("The 15 s in which a reissued token is believed are those of the monotonic clock", () =>
    Effect.gen(function*() {
      const { clock, moveMonotonic, moveSystem } = yield* movableClock
      yield* Effect.gen(function*() {
        const { saved, store } = yield* make()
        const refused = token("t", minutes(120))
        moveMonotonic(minutes(7))
        moveSystem(minutes(1000))
        yield* saved.refuse(key, refused)
        yield* saved.save(key, issued("t", 7200, yield* now))
        moveMonotonic(15_000 - 1)
        yield* saved.refuse(key, refused)
        assert.isTrue(Option.isSome(yield* store.get(key)))
        moveMonotonic(1)
        yield* saved.refuse(key, refused)
        assert.isTrue(Option.isNone(yield* store.get(key)))
      }).pipe(Effect.withClock(clock))
    }))
})
