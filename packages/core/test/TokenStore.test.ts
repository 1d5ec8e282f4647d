import { appKey, plain, plainOption, suite, tenantKey, token } from "@effect-feishu/emulator/TokenStoreSuite"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeKeyValueStore from "@effect/platform-node/NodeKeyValueStore"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Context, DateTime, Deferred, Effect, Exit, Fiber, Layer, Option, TestClock } from "effect"
import * as TokenStore from "../src/TokenStore.js"
import { everything } from "./everything.js"
import * as KeyValues from "./keyValues.js"
import { kvsError, recorded, recordedOverTime, temporaryFolder } from "./keyValues.js"

suite("in memory", TokenStore.layerMemory)

suite(
  "in a KeyValueStore in memory",
  Layer.provide(TokenStore.layerKeyValueStore(KeyValues.patient), KeyValueStore.layerMemory)
)

suite(
  "in a KeyValueStore of files",
  KeyValues.inFiles(TokenStore.layerKeyValueStore(KeyValues.patient)),
  { atOnce: 200 }
)

const key = tenantKey("cli_a", "tenant_1")

type Method = "get" | "set" | "remove"

const makeKvs = () => KeyValues.makeKvsFor(TokenStore.makeKeyValueStore)

const assertNowhere = KeyValues.nowhereIn(TokenStore.TokenStoreError)

describe("TokenStore, in memory", () => {
  it.effect("evicts the tokens that were used least recently", () =>
    Effect.gen(function*() {
      const { drop, get, put } = yield* TokenStore.makeMemory({ maxTokens: 3 })
      const keyOf = (name: string) => tenantKey("cli_a", name)
      /** Uses each of the tokens that are kept, in this order. */
      const kept = Effect.map(
        Effect.forEach(["a", "b", "c", "d", "e", "f"], (name) => Effect.map(get(keyOf(name)), Option.as(name))),
        Arr.getSomes
      )
      for (const name of ["a", "b", "c"]) yield* put(keyOf(name), token(name))
      assert.deepStrictEqual(yield* kept, ["a", "b", "c"])
      yield* put(keyOf("a"), token("a2"))
      yield* get(keyOf("b"))
      yield* put(keyOf("d"), token("d"))
      assert.deepStrictEqual(yield* kept, ["a", "b", "d"])
      assert.strictEqual(plainOption(yield* get(keyOf("a")))?.value, "a2")
      yield* drop(keyOf("b"), token("b"))
      yield* put(keyOf("e"), token("e"))
      assert.deepStrictEqual(yield* kept, ["a", "d", "e"])
      yield* put(keyOf("f"), token("f"))
      assert.deepStrictEqual(yield* kept, ["d", "e", "f"])
    }))

  it.effect("keeps at most 100,000 tokens by default, and at least one", () =>
    Effect.gen(function*() {
      for (
        const [maxTokens, most, least] of [[undefined, 100_000, 98_437], [1, 1, 1], [0, 1, 1], [-1, 1, 1]] as const
      ) {
        const { get, put } = yield* TokenStore.makeMemory({ maxTokens })
        const isKept = (n: number) => Effect.map(get(tenantKey("cli_a", `${n}`)), Option.isSome)
        for (let n = 0; n <= most; n++) yield* put(tenantKey("cli_a", `${n}`), token("t"))
        assert.isFalse(yield* isKept(0))
        for (const n of [most - least + 1, most]) assert.isTrue(yield* isKept(n), `${n}`)
      }
    }))

  it.effect("of one layer is not that of another", () =>
    Effect.gen(function*() {
      const store = Effect.map(Layer.build(TokenStore.layerMemory), Context.get(TokenStore.TokenStore))
      const [one, other] = [yield* store, yield* store]
      yield* one.put(key, token("t"))
      assert.isTrue(Option.isNone(yield* other.get(key)))
    }).pipe(Effect.scoped))
})

describe("TokenStore, in a KeyValueStore", () => {
  const overFiles = (folder: string, options?: TokenStore.KeyValueOptions) =>
    Effect.map(
      Layer.build(Layer.provide(
        TokenStore.layerKeyValueStore({ ...KeyValues.patient, ...options }),
        NodeKeyValueStore.layerFileSystem(folder)
      )),
      Context.get(TokenStore.TokenStore)
    )

  it.scopedLive("survives a restart", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const dropped = tenantKey("cli_a", "dropped")
      yield* Effect.scoped(Effect.gen(function*() {
        const { drop, put } = yield* overFiles(`${folder}/new`)
        yield* put(key, token("t-1", 1))
        yield* put(appKey("cli_a"), token("a-1", 2))
        yield* put(dropped, token("t-2"))
        yield* drop(dropped, token("t-2"))
      }))
      const { get } = yield* overFiles(`${folder}/new`)
      assert.deepStrictEqual(plainOption(yield* get(key)), plain(token("t-1", 1)))
      assert.deepStrictEqual(plainOption(yield* get(appKey("cli_a"))), plain(token("a-1", 2)))
      assert.isTrue(Option.isNone(yield* get(dropped)))
    }).pipe(Effect.provide(NodeContext.layer)))

  it.effect("shows each process what another has put and dropped", () =>
    Effect.gen(function*() {
      const { store } = makeKvs()
      const [mine, other] = [yield* store(), yield* store()]
      for (const name of ["t-1", "t-2"]) {
        yield* other.put(key, token(name))
        assert.strictEqual(plainOption(yield* mine.get(key))?.value, name)
      }
      yield* mine.drop(key, token("t-1"))
      assert.strictEqual(plainOption(yield* other.get(key))?.value, "t-2")
      yield* mine.drop(key, token("t-2"))
      assert.isTrue(Option.isNone(yield* other.get(key)))
    }))

  it.effect("keeps to its prefix, and removes what it drops", () =>
    Effect.gen(function*() {
      const { entries, only, store } = makeKvs()
      for (const prefix of [undefined, "a/", ""]) {
        const { drop, put } = yield* store({ prefix })
        yield* put(key, token("t"))
        assert.isTrue(only()[0].startsWith(`${prefix ?? "feishu/"}token/`))
        yield* drop(key, token("t"))
        assert.strictEqual(entries.size, 0)
      }
      const [one, two] = [yield* store({ prefix: "1/" }), yield* store({ prefix: "2/" })]
      yield* one.put(key, token("t"))
      assert.isTrue(Option.isNone(yield* two.get(key)))
    }))

  it.effect("names no token in its keys", () =>
    Effect.gen(function*() {
      const { only, store } = makeKvs()
      yield* (yield* store()).put(key, token("the-token"))
      assert.notInclude(only()[0], "the-token")
    }))

  describe("an unreadable entry", () => {
    const value = "the-token-itself"
    const whole = JSON.stringify({ token: value, expiresAt: "2024-01-01T00:00:00.000Z" })

    it.effect("would be readable, were it whole", () =>
      Effect.gen(function*() {
        const { entries, only, store } = makeKvs()
        const { get, put } = yield* store()
        yield* put(key, token("t"))
        entries.set(only()[0], whole)
        assert.deepStrictEqual(
          Option.map(yield* get(key), ({ expiresAt }) => DateTime.formatIso(expiresAt)),
          Option.some(
            "2024-01-01T00:00:00.000Z"
          )
        )
        assert.strictEqual(plainOption(yield* get(key))?.value, value)
      }))

    const texts: Record<string, string> = {
      "cut off": whole.slice(0, -10),
      "of no byte": "",
      "of binary garbage": `\u0000\u001f\ufffd${value}\ufffd`,
      "that is another kind of JSON": "null",
      "that is a list": `["${value}"]`,
      "without fields": "{}",
      "with an empty token": whole.replace(value, ""),
      "with a token that is no text": whole.replace(`"${value}"`, `["${value}"]`),
      "with a time that is none": whole.replace("2024-01-01T00:00:00.000Z", `${value} yesterday`),
      "with a time that is no text": whole.replace("\"2024-01-01T00:00:00.000Z\"", "{}"),
      "without a time": `{"token":"${value}"}`
    }

    it.effect.each(Object.entries(texts))(
      "%s counts as absent, is told of once, and is overwritten",
      ([_, text]) =>
        Effect.gen(function*() {
          const { entries, only, store } = makeKvs()
          const { drop, get, put } = yield* store()
          yield* put(key, token(value))
          const [name] = only()
          entries.set(name, text)
          const lines = yield* recordedOverTime(Effect.gen(function*() {
            for (let n = 0; n < 3; n++) assert.isTrue(Option.isNone(yield* get(key)))
            yield* drop(key, token(value))
            assert.strictEqual(entries.get(name), text)
            yield* put(key, token("t-new"))
            assert.deepStrictEqual(plainOption(yield* get(key)), plain(token("t-new")))
          }))
          assert.strictEqual(lines.length, 1)
          assert.match(lines[0] ?? "", /^WARN /)
          assert.include(lines[0], name)
          assert.notInclude(lines[0], value)
          assert.notInclude(lines[0], "yesterday")
        })
    )

    it.effect("is told of again when it is another", () =>
      Effect.gen(function*() {
        const { entries, only, store } = makeKvs()
        const { get, put } = yield* store()
        yield* put(key, token("t"))
        const [name] = only()
        const lines = yield* recordedOverTime(Effect.forEach(["a", "a", "b", "b"], (text) => {
          entries.set(name, text)
          return get(key)
        }))
        assert.strictEqual(lines.length, 2)
      }))

    it.scopedLive("among files, too", () =>
      Effect.gen(function*() {
        const folder = yield* temporaryFolder
        const fs = yield* FileSystem.FileSystem
        const { get, put } = yield* overFiles(folder)
        yield* put(key, token("t"))
        const [file = ""] = yield* fs.readDirectory(folder)
        for (const bytes of [new Uint8Array(), Uint8Array.of(0xff, 0xfe, 0, 0xc3, 0x28), new Uint8Array(10_000)]) {
          yield* fs.writeFile(`${folder}/${file}`, bytes)
          const lines = yield* recorded(Effect.gen(function*() {
            assert.isTrue(Option.isNone(yield* get(key)))
            yield* put(key, token("t-new"))
            assert.deepStrictEqual(plainOption(yield* get(key)), plain(token("t-new")))
          }))
          assert.strictEqual(lines.length, 1)
        }
      }).pipe(Effect.provide(NodeContext.layer)))
  })

  const secret = "t-0123 \"456\"/789+abc"
  const secretToken = token(secret)

  const operations: ReadonlyArray<
    [
      name: TokenStore.TokenStoreError["operation"],
      run: (store: TokenStore.Service) => Effect.Effect<unknown, TokenStore.TokenStoreError>,
      uses: ReadonlyArray<Method>
    ]
  > = [
    ["get", (store) => store.get(key), ["get"]],
    ["put", (store) => store.put(key, secretToken), ["set"]],
    ["drop", (store) => store.drop(key, secretToken), ["get", "remove"]]
  ]

  describe("that fails", () => {
    const errors = [
      secret,
      JSON.stringify({ token: secret }),
      `SET x ${encodeURIComponent(secret)}`,
      new URLSearchParams({ secret }).toString()
    ].flatMap((quote) => [
      kvsError(quote),
      kvsError("outer", new Error("middle", { cause: Object.assign(new Error(quote), { code: quote, quote }) }))
    ])

    for (const [name, run, uses] of operations) {
      for (const method of uses) {
        it.effect(`to ${method}, makes ${name} fail, in a typed way and for this time only`, () =>
          Effect.gen(function*() {
            const { before, store } = makeKvs()
            const kept = yield* store()
            yield* kept.put(key, secretToken)
            before[method] = () =>
              kvsError("the disk is gone", Object.assign(new Error("EIO: no answer"), { code: "EIO" }))
            const error = yield* assertNowhere(yield* Effect.exit(run(kept)), [secret])
            assert.deepInclude(error, { _tag: "TokenStoreError", operation: name, appId: "cli_a" })
            assert.include(error.message, `TokenStore.${name} for cli_a`)
            if (name === "put") {
              assert.include(error.message, "the disk is gone")
              assert.include(error.message, "EIO: no answer")
              assert.instanceOf(error.cause, Error)
            } else {
              // What it says may be any token.
              assert.include(error.message, "EIO")
              assert.notInclude(error.message, "the disk is gone")
              assert.isUndefined(error.cause)
            }
            delete before[method]
            assert.strictEqual(plainOption(yield* kept.get(key))?.value, secret)
            yield* run(kept)
          }))

        it.effect(`to ${method}, and quotes the token in its error: ${name} does not`, () =>
          Effect.gen(function*() {
            for (const error of errors) {
              const { before, store } = makeKvs()
              const kept = yield* store()
              yield* kept.put(key, secretToken)
              before[method] = () => error
              yield* assertNowhere(yield* Effect.exit(run(kept)), [secret])
            }
          }))
      }
    }
  })

  describe("that hangs", () => {
    for (const uninterruptible of [false, true]) {
      for (const [name, run, uses] of operations) {
        for (const method of uses) {
          it.effect(
            `in ${method}: ${name} fails after 2 s${uninterruptible ? ", even where nothing may interrupt it" : ""}`,
            () =>
              Effect.gen(function*() {
                const { before, store } = makeKvs()
                const kept = yield* store()
                yield* kept.put(key, secretToken)
                const hang = yield* Deferred.make<void>()
                before[method] = () => Deferred.await(hang)
                const operation = uninterruptible ? Effect.uninterruptible(run(kept)) : run(kept)
                const fiber = yield* Effect.fork(Effect.exit(operation))
                yield* TestClock.adjust("1999 millis")
                assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
                yield* TestClock.adjust("1 millis")
                const exit = yield* Fiber.poll(fiber)
                // Or else this test would hang, too.
                yield* Deferred.succeed(hang, undefined)
                if (Option.isNone(exit)) return assert.fail("it hangs")
                const error = yield* assertNowhere(yield* exit.value, [secret])
                assert.strictEqual(error.operation, name)
                assert.deepInclude(error, { appId: "cli_a", description: "no answer within 2s" })
              })
          )
        }
      }
    }

    it.effect("for another time, if it is told so", () =>
      Effect.gen(function*() {
        const { before, store } = makeKvs()
        const kept = yield* store({ timeout: "30 seconds" })
        before.set = () => Effect.never
        const fiber = yield* Effect.fork(Effect.flip(kept.put(key, secretToken)))
        yield* TestClock.adjust("29 seconds")
        assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
        yield* TestClock.adjust("1 second")
        assert.include((yield* Fiber.join(fiber)).message, "no answer within 30s")
      }))

    it.effect("works again when it no longer hangs, and keeps nobody else waiting", () =>
      Effect.gen(function*() {
        for (const method of ["get", "set"] as const) {
          const { before, store, written } = makeKvs()
          const kept = yield* store()
          const hang = yield* Deferred.make<void>()
          before[method] = (name) => name.includes("tenant_1") ? Deferred.await(hang) : Effect.void
          const stuck = method === "get" ? kept.get(key) : kept.put(key, secretToken)
          const given = yield* Effect.forkAll(Arr.replicate(Effect.exit(stuck), 10))
          yield* TestClock.adjust("1 second")
          const other = tenantKey("cli_a", "tenant_2")
          yield* kept.put(other, token("t-2"))
          assert.strictEqual(plainOption(yield* kept.get(other))?.value, "t-2")
          yield* TestClock.adjust("1 second")
          for (const exit of yield* Fiber.join(given)) assert.isTrue(Exit.isFailure(exit))

          delete before[method]
          yield* Deferred.succeed(hang, undefined)
          yield* TestClock.adjust(0)
          assert.isAtMost(
            written.filter(({ text }) => text.includes("0123")).length,
            1,
            "who gave up while waiting has written"
          )
          yield* kept.put(key, token("t-new"))
          assert.strictEqual(plainOption(yield* kept.get(key))?.value, "t-new")
        }
      }))
  })

  it.effect("ends a put that is interrupted at once, and its entry is whole in the end", () =>
    Effect.gen(function*() {
      const { before, entries, store } = makeKvs()
      const kept = yield* store()
      yield* kept.put(key, token("t-1"))
      const inTheMiddle = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      before.set = (name, text) =>
        Effect.sync(() => entries.set(name, text.slice(0, 10))).pipe(
          Effect.zipRight(Deferred.succeed(inTheMiddle, undefined)),
          Effect.zipRight(Deferred.await(goOn))
        )
      const putting = yield* Effect.fork(kept.put(key, token("t-2")))
      yield* Deferred.await(inTheMiddle)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(putting)))
      const lines = yield* recorded(Effect.gen(function*() {
        const reading = yield* Effect.fork(kept.get(key))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Option.isNone(yield* Fiber.poll(reading)), "it reads while another writes")
        delete before.set
        yield* Deferred.succeed(goOn, undefined)
        assert.strictEqual(plainOption(yield* Fiber.join(reading))?.value, "t-2")
      }))
      assert.deepStrictEqual(lines, [])
    }))

  it.effect("does not show the value of a token that was read", () =>
    Effect.gen(function*() {
      const { store } = makeKvs()
      const { get, put } = yield* store()
      yield* put(key, token("the-value"))
      const kept = yield* get(key)
      assert.strictEqual(plainOption(kept)?.value, "the-value")
      assert.notInclude(everything(kept), "the-value")
      assert.notInclude(everything(Option.getOrThrow(kept)), "the-value")
    }))

  it.scopedLive("fails in a typed way where a key is too long for a file's name", () =>
    Effect.gen(function*() {
      const { drop, get, put } = yield* overFiles(yield* temporaryFolder)
      const long = tenantKey("cli_a", "x".repeat(1000))
      for (const run of [get(long), put(long, secretToken), drop(long, secretToken)]) {
        yield* assertNowhere(yield* Effect.exit<unknown, TokenStore.TokenStoreError, never>(run), [secret])
      }
    }).pipe(Effect.provide(NodeContext.layer)))
})

describe("TokenStoreError", () => {
  it("says what was done, what was seen and what to do, in every form", () => {
    const error = new TokenStore.TokenStoreError({ appId: "cli_a", operation: "put", description: "the disk is full" })
    assert.strictEqual(
      error.message,
      "TokenStore.put for cli_a: the disk is full. Check that the store behind the TokenStore works; until then tokens "
        + "are kept in memory only"
    )
    assert.include(String(error), error.message)
  })
})
