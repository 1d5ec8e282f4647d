/**
 * Tests that every `TokenStore` passes. Run the tests over a store of your own.
 *
 * Not part of the package's index, because the module needs `vitest` and `@effect/vitest`: import the module by its path,
 * `@effect-feishu/emulator/TokenStoreSuite`.
 *
 * @since 0.1.0
 */
import { type Key, type StoredToken, TokenStore } from "@effect-feishu/core/TokenStore"
import { assert } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as StoreSuite from "./internal/storeSuite.js"

/**
 * Makes a token that expires `after` milliseconds after a moment in November 2023, which all tokens of the suite share.
 * Default of `after`: 0.
 *
 * @since 0.1.0
 * @category test data
 */
export const token = (value: string, after = 0): StoredToken => ({
  value: Redacted.make(value),
  expiresAt: DateTime.unsafeMake(StoreSuite.epoch + after)
})

/**
 * Returns a token in a form that tests compare. `after` is in milliseconds, as in `token`.
 *
 * @since 0.1.0
 * @category test data
 */
export const plain = (token: StoredToken): { readonly value: string; readonly after: number } => ({
  value: Redacted.value(token.value),
  after: DateTime.toEpochMillis(token.expiresAt) - StoreSuite.epoch
})

/**
 * Returns a token in a form that tests compare, and `undefined` for `None`.
 *
 * @since 0.1.0
 * @category test data
 */
export const plainOption = (token: Option.Option<StoredToken>): ReturnType<typeof plain> | undefined =>
  Option.getOrUndefined(Option.map(token, plain))

/**
 * Returns the key of the app's own token. Default of `secretHash`: `hash`.
 *
 * @since 0.1.0
 * @category test data
 */
export const appKey = (appId: string, secretHash = "hash"): Key => ({ appId, secretHash, tenantKey: Option.none() })

/**
 * Returns the key of a tenant's token. Default of `secretHash`: `hash`.
 *
 * @since 0.1.0
 * @category test data
 */
export const tenantKey = (appId: string, tenantKey: string, secretHash = "hash"): Key => ({
  appId,
  secretHash,
  tenantKey: Option.some(tenantKey)
})

const fixture = Effect.all({ store: TokenStore, app: StoreSuite.newApp })

type Tests = StoreSuite.Tests<Effect.Effect.Success<typeof fixture>>

/** Adds the test's app to a key, so that tests do not share keys. */
const keyIn = (app: string, key: Key): Key => ({ ...key, appId: app + key.appId })

/** Characters with a meaning in URLs, JSON or Redis, and halves of a surrogate pair. */
const anyUnit = FastCheck.oneof(
  { weight: 3, arbitrary: FastCheck.constantFrom(..."/%.\\\"'\0\n\ud800\udc00ud8aAéé事🎫 :_-{}[]0F2") },
  { weight: 1, arbitrary: FastCheck.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }
)

const partsOfKeys = ["", ".", "..", "app", "tenant", "/", "//", "a/b", "%2F", "%252F"] as const
const unusualTexts = ["\ud800", "\\ud800", "\ufffd", "__proto__", "constructor", "undefined", "null"] as const

const anyText = (maxLength: number) =>
  FastCheck.oneof(
    FastCheck.array(anyUnit, { maxLength }).map((units) => units.join("")),
    FastCheck.constantFrom(...partsOfKeys, ...unusualTexts)
  )

/** Short keys, because a store on the file system puts the key into the name of a file. */
const anyKey: FastCheck.Arbitrary<Key> = FastCheck.record({
  appId: anyText(3),
  secretHash: anyText(4),
  tenantKey: FastCheck.option(anyText(4), { nil: undefined }).map(Option.fromNullable)
})

const anyToken: FastCheck.Arbitrary<StoredToken> = FastCheck.tuple(
  FastCheck.oneof(FastCheck.string({ unit: "binary", minLength: 1 }), anyText(10).filter((text) => text !== "")),
  FastCheck.integer({ min: -8.64e15, max: 8.64e15 })
).map(([value, millis]) => token(value, millis - StoreSuite.epoch))

const putAndGet = ({ prop, test }: Tests): void => {
  test("get returns None at first, and then the token that was put", ({ app, store }) =>
    Effect.gen(function*() {
      for (const key of [appKey(app), tenantKey(app, "a")]) {
        assert.isTrue(Option.isNone(yield* store.get(key)))
        yield* store.put(key, token("t-1"))
        assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token("t-1")))
      }
    }))

  test("put replaces the token before, even by a token that expires sooner", ({ app, store }) =>
    Effect.gen(function*() {
      const key = appKey(app)
      for (const next of [token("t-1", 10), token("t-2", 20), token("t-3", 5), token("t-3", 6), token("t-1", 10)]) {
        yield* store.put(key, next)
        assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(next))
      }
    }))

  prop(
    "get returns any token as it was put, with the expiry to the millisecond",
    FastCheck.tuple(anyKey, anyToken),
    ([anyKey, token], { app, store }) =>
      Effect.gen(function*() {
        const key = keyIn(app, anyKey)
        yield* store.put(key, token)
        assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token))
        yield* store.drop(key, token)
        assert.isTrue(Option.isNone(yield* store.get(key)))
      }),
    {
      numRuns: 60,
      examples: [
        [appKey(""), token("x".repeat(4096), 8.64e15 - StoreSuite.epoch)],
        [appKey(""), token("{\"token\":1}", -8.64e15 - StoreSuite.epoch)],
        [appKey(""), token("\ud800", 1)]
      ]
    }
  )
}

const drop = ({ test }: Tests): void =>
  test("drop removes the token with the given value only, whatever its expiry", ({ app, store }) =>
    Effect.gen(function*() {
      const key = tenantKey(app, "a")
      yield* store.drop(key, token("t-1"))
      yield* store.put(key, token("t-1"))
      yield* store.drop(key, token("t-"))
      yield* store.drop(key, token("t-11"))
      assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token("t-1")))
      yield* store.put(key, token("t-2"))
      yield* store.drop(key, token("t-1"))
      assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token("t-2")))
      yield* store.drop(key, token("t-2", 1))
      assert.isTrue(Option.isNone(yield* store.get(key)))
      yield* store.drop(key, token("t-2"))
      yield* store.put(key, token("t-2"))
      assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token("t-2")))
    }))

/** Makes keys that a store confuses if the store joins or escapes the parts of a key wrongly. */
const similarKeys = (app: string): ReadonlyArray<Key> => [
  appKey(app),
  appKey(app, ""),
  appKey(app, "hash2"),
  appKey(`${app}2`),
  appKey(`${app}/hash`, "app"),
  ...["", "app", "tenant", "a", "b", "a/b", "a%2Fb", "a\\/b"].map((tenant) => tenantKey(app, tenant)),
  ...["\ud800", "\udc00", "\\ud800", "\ufffd", "\u00e9", "e\u0301"].map((tenant) => tenantKey(app, tenant)),
  tenantKey(app, "a", "hash2"),
  tenantKey(app, "a", "hash/tenant"),
  tenantKey(`${app}/hash`, "a", ""),
  tenantKey(`${app}2`, "a")
]

const isSameKey = (a: Key, b: Key): boolean =>
  a.appId === b.appId && a.secretHash === b.secretHash
  && Option.getOrUndefined(a.tenantKey) === Option.getOrUndefined(b.tenantKey)

const manyKeys = ({ prop, test }: Tests): void => {
  test("get, put and drop do not confuse apps, secrets, tenants, and an app's own token", ({ app, store }) =>
    Effect.gen(function*() {
      const keys = similarKeys(app)
      yield* Effect.forEach(keys, (key, n) => store.put(key, token(`t-${n}`, n)), { concurrency: "unbounded" })
      for (const [n, key] of keys.entries()) {
        assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token(`t-${n}`, n)))
      }
      for (const [n, key] of keys.entries()) {
        yield* store.drop(key, token(`t-${n}`))
        const left = yield* Effect.forEach(keys, (key) => store.get(key))
        assert.strictEqual(left.filter(Option.isSome).length, keys.length - n - 1)
      }
    }))

  prop(
    "any two different keys have different tokens",
    FastCheck.tuple(anyKey, anyKey).filter(([a, b]) => !isSameKey(a, b)),
    ([anyA, anyB], { app, store }) =>
      Effect.gen(function*() {
        const [a, b] = [keyIn(app, anyA), keyIn(app, anyB)]
        // The same value twice, so that only the keys differ.
        yield* store.put(a, token("t", 1))
        assert.isTrue(Option.isNone(yield* store.get(b)))
        yield* store.put(b, token("t", 2))
        assert.deepStrictEqual(plainOption(yield* store.get(a)), plain(token("t", 1)))
        yield* store.drop(b, token("t"))
        assert.isTrue(Option.isNone(yield* store.get(b)))
        assert.deepStrictEqual(plainOption(yield* store.get(a)), plain(token("t", 1)))
      }),
    {
      numRuns: 60,
      examples: [
        [tenantKey("", "__proto__"), tenantKey("", "constructor")],
        [tenantKey("", "b", "a"), tenantKey("", "a/b", "")],
        [tenantKey("", "\ud800"), tenantKey("", "\udbff")],
        [appKey(""), tenantKey("", "")]
      ]
    }
  )
}

const tenants = [undefined, "a", "b"] as const

const anyOperation = FastCheck.record({
  kind: FastCheck.constantFrom("put", "put", "drop"),
  tenant: FastCheck.constantFrom(...tenants),
  value: FastCheck.constantFrom("1", "2", "3"),
  after: FastCheck.nat(6)
})

const sequences = ({ prop }: Tests): void =>
  prop(
    "any sequence of puts and drops gives the results of a map",
    FastCheck.array(anyOperation, { maxLength: 15 }),
    (operations, { app, store }) =>
      Effect.gen(function*() {
        const keyOf = (tenant: string | undefined) => tenant === undefined ? appKey(app) : tenantKey(app, tenant)
        const map = new Map<string | undefined, ReturnType<typeof plain>>()
        for (const { after, kind, tenant, value } of operations) {
          if (kind === "put") {
            yield* store.put(keyOf(tenant), token(value, after))
            map.set(tenant, { value, after })
          } else {
            yield* store.drop(keyOf(tenant), token(value, after))
            if (map.get(tenant)?.value === value) map.delete(tenant)
          }
          for (const tenant of tenants) {
            assert.deepStrictEqual(plainOption(yield* store.get(keyOf(tenant))), map.get(tenant))
          }
        }
      })
  )

const simultaneous = (atOnce: number) => ({ test }: Tests): void => {
  test(`${atOnce} simultaneous puts of different tenants keep all tokens, and drops remove half`, ({ app, store }) =>
    Effect.gen(function*() {
      const numbers = Arr.range(1, atOnce)
      const even = numbers.filter((n) => n % 2 === 0)
      const keyOf = (n: number) => tenantKey(app, `tenant_${n}`)
      const tokenOf = (n: number) => token(`t-${n}`, n)
      yield* Effect.forEach(numbers, (n) => store.put(keyOf(n), tokenOf(n)), { concurrency: "unbounded" })
      yield* Effect.forEach(even, (n) => store.drop(keyOf(n), token(`t-${n}`)), { concurrency: "unbounded" })
      const left = yield* Effect.forEach(numbers, (n) => store.get(keyOf(n)), { concurrency: "unbounded" })
      assert.deepStrictEqual(left.map(plainOption), numbers.map((n) => n % 2 === 0 ? undefined : plain(tokenOf(n))))
    }))

  test(`${atOnce} simultaneous operations on one key read whole tokens only`, ({ app, store }) =>
    Effect.gen(function*() {
      const key = appKey(app)
      const tokens = Arr.makeBy(atOnce, (n) => token("x".repeat((n + 1) % 500) + (n + 1), n + 1))
      const texts = new Set(tokens.map((token) => JSON.stringify(plain(token))))
      yield* store.put(key, tokens[0])
      const seen = yield* Effect.forEach(
        tokens,
        (token, n) => n % 2 === 0 ? Effect.andThen(store.put(key, token), store.get(key)) : store.get(key),
        { concurrency: "unbounded" }
      )
      seen.push(yield* store.get(key))
      for (const token of seen) assert.include(texts, JSON.stringify(plainOption(token)))
    }))
}

/**
 * Options of `suite`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The number of operations that run at the same time. Default: 1000. */
  readonly atOnce?: number | undefined
}

/**
 * Registers the tests of a `TokenStore` under `describe`. Builds the layer once for all tests, and releases the layer
 * afterwards. Every test fails if the layer cannot be built.
 *
 * The tests run on real time, because the store may have its own clock, and use new app ids, because the store may outlive
 * the tests. The tokens expired in 2023: the store may remove an expired token, but must keep each token for at least a
 * minute after `put`.
 *
 * A test fails after 30 s. If the store limits the time of an operation, the limit must be long enough when `atOnce`
 * operations run at the same time.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<TokenStore, E>, options?: Options): void =>
  StoreSuite.suite(`TokenStore, ${name}`, store, fixture, [
    putAndGet,
    drop,
    manyKeys,
    sequences,
    simultaneous(options?.atOnce ?? 1000)
  ])
