import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Either, FastCheck as fc, Layer, Redacted } from "effect"
import { inspect } from "node:util"
import { fromUrl } from "../src/internal/url.js"
import * as RedisConnection from "../src/RedisConnection.js"
import { RedisUrlError } from "../src/RedisError.js"

const targetOf = (url: string, options?: { readonly sentinelMaster?: string; readonly isCluster?: boolean }) =>
  fromUrl({ url: Redacted.make(url), ...options })

const password = "p@ss:w/o?r#d%,+ 密码"
const secret = encodeURIComponent(password)

describe("A URL of Redis", () => {
  it.each<[string, Parameters<typeof targetOf>[1], object]>([
    ["redis://host", {}, { _tag: "Redis", options: { host: "host", port: 6379 } }],
    ["redis://host:1", {}, { _tag: "Redis", options: { host: "host", port: 1 } }],
    ["  redis://host:1/ ", {}, { _tag: "Redis", options: { host: "host", port: 1 } }],
    ["redis://127.0.0.1:6380/0", {}, { _tag: "Redis", options: { host: "127.0.0.1", port: 6380, db: 0 } }],
    ["redis://host/15", {}, { _tag: "Redis", options: { host: "host", port: 6379, db: 15 } }],
    ["redis://[::1]:6380", {}, { _tag: "Redis", options: { host: "::1", port: 6380 } }],
    ["redis://user@host", {}, { _tag: "Redis", options: { host: "host", port: 6379, username: "user" } }],
    [`redis://:${secret}@host`, {}, { _tag: "Redis", options: { host: "host", port: 6379, password } }],
    [
      `redis://${secret}:${secret}@host:1/2`,
      {},
      { _tag: "Redis", options: { host: "host", port: 1, username: password, password, db: 2 } }
    ],
    ["rediss://host", {}, { _tag: "Redis", options: { host: "host", port: 6379, tls: {} } }],
    [
      `redis://:${secret}@one:1, redis://two`,
      { isCluster: true },
      {
        _tag: "Cluster",
        nodes: [{ host: "one", port: 1 }, { host: "two", port: 6379 }],
        options: { password }
      }
    ],
    [
      "rediss://one/0",
      { isCluster: true },
      { _tag: "Cluster", nodes: [{ host: "one", port: 6379 }], options: { db: 0, tls: {} } }
    ],
    [
      `redis://user:${secret}@one/3,redis://two:5`,
      { sentinelMaster: "the master" },
      {
        _tag: "Redis",
        options: {
          username: "user",
          password,
          db: 3,
          sentinels: [{ host: "one", port: 26_379 }, { host: "two", port: 5 }],
          name: "the master"
        }
      }
    ],
    [
      "rediss://one",
      { sentinelMaster: "m" },
      {
        _tag: "Redis",
        options: {
          tls: {},
          sentinels: [{ host: "one", port: 26_379 }],
          name: "m",
          enableTLSForSentinelMode: true,
          sentinelTLS: {}
        }
      }
    ]
  ])("%s with %o is what ioredis is told", (url, options, target) => {
    assert.deepStrictEqual(Either.getOrThrow(targetOf(url, options)) as unknown, target)
  })

  it.each<[string, Parameters<typeof targetOf>[1], RedisUrlError["field"], RegExp]>([
    ["", {}, "url", /not a URL/],
    ["host:6379", {}, "url", /redis:\/\//],
    ["localhost", {}, "url", /not a URL/],
    ["//host", {}, "url", /not a URL/],
    ["redis://", {}, "url", /host/],
    ["redis:///0", {}, "url", /host/],
    ["redis://host:99999", {}, "url", /not a URL/],
    ["redis://host:port", {}, "url", /not a URL/],
    ["http://host", {}, "url", /redis:\/\//],
    ["redis+tls://host", {}, "url", /redis:\/\//],
    ["redis://host/tickets", {}, "url", /number of a database/],
    ["redis://host/1/2", {}, "url", /number of a database/],
    ["redis://host?db=1", {}, "url", /query/],
    ["redis://host#1", {}, "url", /query/],
    ["redis://:a%b@host", {}, "url", /%25/],
    ["redis://%zz:a@host", {}, "url", /%25/],
    ["redis://one,redis://two", {}, "url", /several/],
    ["redis://one,", {}, "url", /not a URL/],
    ["redis://one,rediss://two", { isCluster: true }, "url", /TLS/],
    ["redis://one/1", { isCluster: true }, "url", /database/],
    ["redis://one,http://two", { sentinelMaster: "m" }, "url", /redis:\/\//],
    ["redis://one", { sentinelMaster: "m", isCluster: true }, "sentinelMaster", /only one/]
  ])("%s with %o is told to be wrong", (url, options, field, problem) => {
    const error = Either.getOrThrow(Either.flip(targetOf(url, options)))
    assert.instanceOf(error, RedisUrlError)
    assert.strictEqual(error.field, field)
    assert.match(error.problem, problem)
    assert.include(error.message, `RedisConnection: ${field} `)
    assert.include(error.message, field === "url" ? "FEISHU_REDIS_URL" : "FEISHU_REDIS_SENTINEL_MASTER")
  })

  const anyText = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(..."@:/?#[]%,+ &=\\\"'密é$^|~"), minLength: 1, maxLength: 20 })
  ).filter((text) => Either.isRight(Either.try(() => encodeURIComponent(text))))

  it.prop("has any user and password, percent-encoded", [anyText, anyText], ([username, password]) => {
    const user = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`
    for (const [options, urls] of [[{}, "host"], [{ isCluster: true }, "host,redis://other"]] as const) {
      const target = Either.getOrThrow(targetOf(`redis://${user}@${urls}`, options))
      assert.strictEqual(target.options.username, username)
      assert.strictEqual(target.options.password, password)
    }
  })

  it.effect.prop(
    "that is wrong is not shown, whatever the password and wherever it stands",
    [
      fc.string({
        unit: fc.constantFrom(..."0123456789abcdefXYZ@:/?#[]%,+ &=\\\"'密é"),
        minLength: 12,
        maxLength: 30
      }),
      fc.constantFrom<(written: string) => string>(
        (written) => `redis://user:${written}@host:99999`,
        (written) => `redis://user:${written}@`,
        (written) => `http://user:${written}@host`,
        (written) => `redis://host/${written}x`,
        (written) => `redis://host?password=${written}`,
        (written) => `redis://:${written}%zz@host`,
        (written) => `redis://:${written}@one,redis://:${written}@two`,
        (written) => `x${written}`
      ),
      fc.boolean()
    ],
    ([password, wrong, isEncoded]) =>
      Effect.gen(function*() {
        const written = isEncoded ? encodeURIComponent(password) : password
        const url = Redacted.make(wrong(written))
        // A password that is not encoded may by chance make another URL that is right.
        if (Either.isRight(fromUrl({ url }))) return assert.isFalse(isEncoded)
        const error = yield* Effect.flip(Effect.scoped(Layer.build(RedisConnection.layerUrl({ url }))))
        assert.strictEqual(error._tag, "RedisUrlError")
        const shown = [String(error), JSON.stringify(error), inspect(error, { depth: 9 }), error.message, error.stack]
        for (const text of shown) {
          for (const part of [password, written, encodeURIComponent(password)]) assert.notInclude(text, part)
        }
      }),
    { fastCheck: { numRuns: 100 } }
  )
})

describe("RedisConnection.layerConfig", () => {
  const build = (variables: Record<string, string>) =>
    Effect.either(Effect.scoped(Layer.build(RedisConnection.layerConfig()))).pipe(
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
    )

  const read = (variables: Record<string, string>) =>
    Effect.withConfigProvider(RedisConnection.config, ConfigProvider.fromMap(new Map(Object.entries(variables))))

  it.effect("reads the variables", () =>
    Effect.gen(function*() {
      const url = "redis://:secret@host"
      const plain = yield* read({ FEISHU_REDIS_URL: url })
      assert.strictEqual(Redacted.value(plain.url), url)
      assert.notInclude(inspect(plain), "secret")
      assert.deepStrictEqual({ ...plain, url: undefined }, {
        url: undefined,
        sentinelMaster: undefined,
        isCluster: false
      })
      const empty = yield* read({
        FEISHU_REDIS_URL: url,
        FEISHU_REDIS_SENTINEL_MASTER: "",
        FEISHU_REDIS_CLUSTER: ""
      })
      assert.deepStrictEqual({ ...empty, url: undefined }, {
        url: undefined,
        sentinelMaster: undefined,
        isCluster: false
      })
      const cluster = yield* read({ FEISHU_REDIS_URL: url, FEISHU_REDIS_CLUSTER: "true" })
      assert.isTrue(cluster.isCluster)
      const sentinel = yield* read({ FEISHU_REDIS_URL: url, FEISHU_REDIS_SENTINEL_MASTER: "the-master" })
      assert.strictEqual(sentinel.sentinelMaster, "the-master")
    }))

  it.effect("names the variable that is missing", () =>
    Effect.gen(function*() {
      const error = Either.getOrThrow(Either.flip(yield* build({})))
      assert.include(String(error), "FEISHU_REDIS_URL")
    }))

  it.effect("tells what is wrong with a variable, and not what is in it", () =>
    Effect.gen(function*() {
      const url = "redis://user:the-password@host"
      for (
        const [variables, said] of [
          [{ FEISHU_REDIS_URL: "" }, "FEISHU_REDIS_URL"],
          [{ FEISHU_REDIS_URL: `${url}:x` }, "FEISHU_REDIS_URL"],
          [{ FEISHU_REDIS_URL: url, FEISHU_REDIS_CLUSTER: "perhaps" }, "FEISHU_REDIS_CLUSTER"],
          [
            { FEISHU_REDIS_URL: url, FEISHU_REDIS_CLUSTER: "true", FEISHU_REDIS_SENTINEL_MASTER: "m" },
            "FEISHU_REDIS_SENTINEL_MASTER"
          ]
        ] as const
      ) {
        const error = Either.getOrThrow(Either.flip(yield* build(variables)))
        assert.include(String(error), said)
        assert.notInclude(`${String(error)} ${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`, "the-password")
      }
    }))

  it.effect("takes a config of one's own", () =>
    Effect.gen(function*() {
      const error = Either.getOrThrow(Either.flip(
        yield* Effect.either(Effect.scoped(Layer.build(RedisConnection.layerConfig({
          url: Config.succeed(Redacted.make("http://the-password@host"))
        }))))
      ))
      assert.strictEqual(error._tag, "RedisUrlError")
      assert.notInclude(inspect(error, { depth: 9 }), "the-password")
    }))
})
