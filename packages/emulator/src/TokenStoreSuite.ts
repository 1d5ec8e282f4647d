/**
 * Tests that every `TokenStore` passes. Run them over a store of your own.
 *
 * Not part of the package's index, because it needs `vitest` and `@effect/vitest`: import it by its path,
 * `@effect-feishu/emulator/TokenStoreSuite`.
 *
 * @since 0.1.0
 */
import { type Key, type StoredToken, TokenStore } from "@effect-feishu/core/TokenStore"
import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as StoreSuite from "./internal/storeSuite.js"

const epoch = 1_700_000_000_000

/**
 * Makes a token that ends `after` milliseconds after a moment in November 2023, which all tokens of the suite share.
 *
 * @since 0.1.0
 * @category test data
 */
export const token = (value: string, after = 0): StoredToken => ({
  value: Redacted.make(value),
  expiresAt: DateTime.unsafeMake(epoch + after)
})

/**
 * Returns a token in a form that tests compare.
 *
 * @since 0.1.0
 * @category test data
 */
export const plain = (token: StoredToken): { readonly value: string; readonly after: number } => ({
  value: Redacted.value(token.value),
  after: DateTime.toEpochMillis(token.expiresAt) - epoch
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
 * Returns the key of the app's own token.
 *
 * @since 0.1.0
 * @category test data
 */
export const appKey = (appId: string, secretHash = "hash"): Key => ({ appId, secretHash, tenantKey: Option.none() })

/**
 * Returns the key of a tenant's token.
 *
 * @since 0.1.0
 * @category test data
 */
export const tenantKey = (appId: string, tenantKey: string, secretHash = "hash"): Key => ({
  appId,
  secretHash,
  tenantKey: Option.some(tenantKey)
})

/** Characters with a meaning in URLs, JSON or Redis, and halves of a surrogate pair. */
const anyUnit = FastCheck.oneof(
  { weight: 3, arbitrary: FastCheck.constantFrom(..."/%.\\\"'\0\n\ud800\udc00ud8aAéé事🎫 :_-{}[]0F2") },
  { weight: 1, arbitrary: FastCheck.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }
)

const anyText = (longest: number) =>
  FastCheck.oneof(
    FastCheck.array(anyUnit, { maxLength: longest }).map((units) => units.join("")),
    FastCheck.constantFrom(
      "",
      ".",
      "..",
      "app",
      "tenant",
      "/",
      "//",
      "a/b",
      "%2F",
      "%252F",
      "\ud800",
      "\\ud800",
      "\ufffd",
      "__proto__",
      "constructor",
      "undefined",
      "null"
    )
  )

/** Any, but such as a file's name has room for. */
const anyKey = (appId: string): FastCheck.Arbitrary<Key> =>
  FastCheck.record({
    appId: anyText(3).map((text) => appId + text),
    secretHash: anyText(4),
    tenantKey: FastCheck.option(anyText(4), { nil: undefined }).map(Option.fromNullable)
  })

/** Pairs that are easily taken for each other. */
const strangeKeys: Array<[Key, Key]> = [
  [tenantKey("", "__proto__"), tenantKey("", "constructor")],
  [tenantKey("", "b", "a"), tenantKey("", "a/b", "")],
  [tenantKey("", "\ud800"), tenantKey("", "\udbff")],
  [appKey(""), tenantKey("", "")]
]

const anyToken: FastCheck.Arbitrary<StoredToken> = FastCheck.tuple(
  FastCheck.oneof(FastCheck.string({ unit: "binary", minLength: 1 }), anyText(10).filter((text) => text !== "")),
  FastCheck.integer({ min: -8.64e15, max: 8.64e15 })
).map(([value, millis]) => token(value, millis - epoch))

const identity = ({ appId, secretHash, tenantKey }: Key) =>
  JSON.stringify([appId, secretHash, ...Option.toArray(tenantKey)])

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many tokens are put, dropped or claimed at once. Default: 1000. */
  readonly atOnce?: number | undefined
}

/**
 * The tests of a store, under `describe`. The layer is built once for all of them.
 *
 * They run on real time, for the store may have a clock of its own, and on apps that nobody else has, for the store may
 * outlive the test. Their tokens are old ones: a store may forget a token that has expired, but must keep each for at
 * least a minute after it was put. None may take longer than 30 s, and each operation must have the time that it takes
 * when `atOnce` of them are under way.
 *
 * @since 0.1.0
 * @category running
 */
export const suite = <E>(name: string, store: Layer.Layer<TokenStore, E>, options?: Options): void =>
  void describe(`TokenStore, ${name}`, () => {
    const { test, withStore } = StoreSuite.over(store)
    const atOnce = options?.atOnce ?? 1000

    test("has no token at first, and then the one that was put", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const app = yield* StoreSuite.newApp
        for (const key of [appKey(app), tenantKey(app, "a")]) {
          assert.isTrue(Option.isNone(yield* store.get(key)))
          yield* store.put(key, token("t-1"))
          assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(token("t-1")))
        }
      }))

    test("a put replaces what was there, even by one that ends sooner", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const key = appKey(yield* StoreSuite.newApp)
        for (const next of [token("t-1", 10), token("t-2", 20), token("t-3", 5), token("t-3", 6), token("t-1", 10)]) {
          yield* store.put(key, next)
          assert.deepStrictEqual(plainOption(yield* store.get(key)), plain(next))
        }
      }))

    test("drops this token only, whatever its end", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const key = tenantKey(yield* StoreSuite.newApp, "a")
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

    test("keeps apps, secrets, tenants, and an app's own token apart", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const app = yield* StoreSuite.newApp
        const keys = [
          appKey(app),
          appKey(app, ""),
          appKey(app, "hash2"),
          appKey(`${app}2`),
          appKey(`${app}/hash`, "app"),
          tenantKey(app, ""),
          tenantKey(app, "app"),
          tenantKey(app, "tenant"),
          tenantKey(app, "a"),
          tenantKey(app, "b"),
          tenantKey(app, "a/b"),
          tenantKey(app, "a%2Fb"),
          tenantKey(app, "a\\/b"),
          tenantKey(app, "\ud800"),
          tenantKey(app, "\udc00"),
          tenantKey(app, "\\ud800"),
          tenantKey(app, "\ufffd"),
          tenantKey(app, "\u00e9"),
          tenantKey(app, "e\u0301"),
          tenantKey(app, "a", "hash2"),
          tenantKey(app, "a", "hash/tenant"),
          tenantKey(`${app}/hash`, "a", ""),
          tenantKey(`${app}2`, "a")
        ]
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

    it.live.prop(
      "any two keys that differ share nothing",
      [anyKey(""), anyKey("")],
      ([a, b]) =>
        withStore(Effect.gen(function*() {
          if (identity(a) === identity(b)) return
          const store = yield* TokenStore
          const app = yield* StoreSuite.newApp
          const [one, other] = [{ ...a, appId: app + a.appId }, { ...b, appId: app + b.appId }]
          // The same value, so that only its place tells one from the other.
          yield* store.put(one, token("t", 1))
          assert.isTrue(Option.isNone(yield* store.get(other)))
          yield* store.put(other, token("t", 2))
          assert.deepStrictEqual(plainOption(yield* store.get(one)), plain(token("t", 1)))
          yield* store.drop(other, token("t"))
          assert.isTrue(Option.isNone(yield* store.get(other)))
          assert.deepStrictEqual(plainOption(yield* store.get(one)), plain(token("t", 1)))
        })),
      {
        timeout: StoreSuite.timeout,
        fastCheck: {
          numRuns: 60,
          examples: strangeKeys
        }
      }
    )

    it.live.prop(
      "gives back any token as it was put, its end to the millisecond",
      [anyKey(""), anyToken],
      ([key, any]) =>
        withStore(Effect.gen(function*() {
          const store = yield* TokenStore
          const own = { ...key, appId: (yield* StoreSuite.newApp) + key.appId }
          yield* store.put(own, any)
          assert.deepStrictEqual(plainOption(yield* store.get(own)), plain(any))
          yield* store.drop(own, any)
          assert.isTrue(Option.isNone(yield* store.get(own)))
        })),
      {
        timeout: StoreSuite.timeout,
        fastCheck: {
          numRuns: 60,
          examples: [
            [appKey(""), token("x".repeat(4096), 8.64e15 - epoch)],
            [appKey(""), token("{\"token\":1}", -8.64e15 - epoch)],
            [appKey(""), token("\ud800", 1)]
          ]
        }
      }
    )

    const operation = FastCheck.record({
      kind: FastCheck.constantFrom("put", "put", "drop"),
      tenant: FastCheck.constantFrom(undefined, "a", "b"),
      value: FastCheck.constantFrom("1", "2", "3"),
      after: FastCheck.nat(6)
    })

    it.live.prop(
      "one after another, any puts and drops do what they do to variables",
      [FastCheck.array(operation, { maxLength: 15 })],
      ([operations]) =>
        withStore(Effect.gen(function*() {
          const store = yield* TokenStore
          const app = yield* StoreSuite.newApp
          const model = new Map<string | undefined, ReturnType<typeof plain>>()
          for (const { after, kind, tenant, value } of operations) {
            const key = tenant === undefined ? appKey(app) : tenantKey(app, tenant)
            if (kind === "put") {
              yield* store.put(key, token(value, after))
              model.set(tenant, { value, after })
            } else {
              yield* store.drop(key, token(value, after))
              if (model.get(tenant)?.value === value) model.delete(tenant)
            }
            for (const tenant of [undefined, "a", "b"]) {
              const key = tenant === undefined ? appKey(app) : tenantKey(app, tenant)
              assert.deepStrictEqual(plainOption(yield* store.get(key)), model.get(tenant))
            }
          }
        })),
      { timeout: StoreSuite.timeout, fastCheck: { numRuns: 30 } }
    )

    test("takes the tokens of many tenants at once, and forgets every other", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const app = yield* StoreSuite.newApp
        const tenants = Arr.range(1, atOnce)
        const keyOf = (n: number) => tenantKey(app, `tenant_${n}`)
        yield* Effect.forEach(tenants, (n) => store.put(keyOf(n), token(`t-${n}`, n)), { concurrency: "unbounded" })
        yield* Effect.forEach(
          tenants.filter((n) => n % 2 === 0),
          (n) => store.drop(keyOf(n), token(`t-${n}`)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          (yield* Effect.forEach(tenants, (n) => store.get(keyOf(n)), { concurrency: "unbounded" })).map(plainOption),
          tenants.map((n) => n % 2 === 0 ? undefined : plain(token(`t-${n}`, n)))
        )
      }))

    test("of many tokens put at once in one place one stays, and every reader sees a whole one", () =>
      Effect.gen(function*() {
        const store = yield* TokenStore
        const key = appKey(yield* StoreSuite.newApp)
        const all = Arr.range(1, atOnce).map((n) => token("x".repeat(n % 500) + n, n))
        const texts = new Set(all.map((one) => JSON.stringify(plain(one))))
        yield* store.put(key, all[0] ?? assert.fail())
        const seen = yield* Effect.forEach(
          all,
          (one, n) => n % 2 === 0 ? Effect.zipRight(store.put(key, one), store.get(key)) : store.get(key),
          { concurrency: "unbounded" }
        )
        for (const one of seen) assert.include(texts, JSON.stringify(plainOption(one)))
        assert.include(texts, JSON.stringify(plainOption(yield* store.get(key))))
      }))
  })
