import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, FastCheck, Layer, Option, Redacted } from "effect"
import { inspect } from "node:util"
import * as FeishuApp from "../src/FeishuApp.js"

const options: FeishuApp.Options = { appId: "cli_a", appSecret: Redacted.make("a secret") }

const fromEnvironment = (variables: Record<string, string>) =>
  FeishuApp.FeishuApp.pipe(
    Effect.provide(FeishuApp.layerConfig()),
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
  )

const credentials = { FEISHU_APP_ID: "cli_a", FEISHU_APP_SECRET: "a secret" }

describe("FeishuApp", () => {
  it.effect("is a store app of Feishu unless told otherwise", () =>
    Effect.gen(function*() {
      const app = yield* FeishuApp.make(options)
      assert.strictEqual(app.kind, "store")
      assert.strictEqual(app.appId, "cli_a")
      assert.strictEqual(Redacted.value(app.appSecret), "a secret")
      assert.strictEqual(app.baseUrl, "https://open.feishu.cn")
      assert.strictEqual(Option.getOrNull(app.encryptKey), null)
      assert.strictEqual(Option.getOrNull(app.verificationToken), null)
    }))

  it.effect("takes all options", () =>
    Effect.gen(function*() {
      const app = yield* FeishuApp.FeishuApp
      assert.strictEqual(app.kind, "self-built")
      assert.strictEqual(app.baseUrl, "https://open.larksuite.com")
      assert.strictEqual(Option.getOrNull(Option.map(app.encryptKey, Redacted.value)), "a key")
      assert.strictEqual(Option.getOrNull(Option.map(app.verificationToken, Redacted.value)), "a token")
    }).pipe(Effect.provide(FeishuApp.layer({
      ...options,
      kind: "self-built",
      baseUrl: FeishuApp.lark,
      encryptKey: Redacted.make("a key"),
      verificationToken: Redacted.make("a token")
    }))))

  it.effect.each<[string, FeishuApp.FeishuAppError["field"], Partial<FeishuApp.Options>]>([
    ["an empty app id", "appId", { appId: "" }],
    ["a line break after the app id", "appId", { appId: "cli_a\n" }],
    ["an empty app secret", "appSecret", { appSecret: Redacted.make("") }],
    ["white space before the app secret", "appSecret", { appSecret: Redacted.make(" a secret") }],
    ["a line break in the app secret", "appSecret", { appSecret: Redacted.make("a\nsecret") }],
    ["an empty encrypt key", "encryptKey", { encryptKey: Redacted.make("") }],
    ["an empty verification token", "verificationToken", { verificationToken: Redacted.make("") }],
    ["a kind that does not exist", "kind", JSON.parse("{\"kind\":\"shop\"}")],
    ["an empty base URL", "baseUrl", { baseUrl: "" }],
    ["a host without its scheme", "baseUrl", { baseUrl: "open.feishu.cn" }],
    ["http to another machine", "baseUrl", { baseUrl: "http://open.feishu.cn" }],
    ["a host that only looks like loopback", "baseUrl", { baseUrl: "http://127.0.0.1.example.com" }],
    ["another scheme", "baseUrl", { baseUrl: "ftp://127.0.0.1" }],
    ["a control character in the app id", "appId", { appId: "cli\0a" }],
    ["half a character in the app secret", "appSecret", { appSecret: Redacted.make("a secret\ud800") }],
    ["a user name in the URL", "baseUrl", { baseUrl: "https://me@open.feishu.cn" }],
    ["a password in the URL", "baseUrl", { baseUrl: "https://:a-password@open.feishu.cn" }],
    ["white space in the app id", "appId", { appId: "cli a" }],
    ["the API's path in the URL", "baseUrl", { baseUrl: "https://open.feishu.cn/open-apis/" }],
    ["a query in the URL", "baseUrl", { baseUrl: "https://open.feishu.cn/?a=b" }],
    ["a fragment in the URL", "baseUrl", { baseUrl: "https://open.feishu.cn/#a" }]
  ])("%s fails when the layer is built and names the field", ([_, field, wrong]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(FeishuApp.layer({ ...options, ...wrong })))
      assert.instanceOf(error, FeishuApp.FeishuAppError)
      assert.strictEqual(error.field, field)
      assert.include(error.message, field)
      assert.notMatch(inspect(error, { depth: null }), /a.secret|a-password/)
    }).pipe(Effect.scoped))

  it.effect.each([
    ["https://open.feishu.cn/", "https://open.feishu.cn"],
    ["https://gateway.example.com/feishu//", "https://gateway.example.com/feishu"],
    ["http://localhost:4000", "http://localhost:4000"],
    ["http://127.0.0.1:4000/", "http://127.0.0.1:4000"],
    ["http://127.8.9.10:4000", "http://127.8.9.10:4000"],
    ["http://[::1]:4000", "http://[::1]:4000"],
    ["https://open.feishu.cn/?", "https://open.feishu.cn"],
    ["https://open.feishu.cn#", "https://open.feishu.cn"]
  ])("the base URL %s becomes %s", ([given, expected]) =>
    Effect.gen(function*() {
      const { baseUrl } = yield* FeishuApp.make({ ...options, baseUrl: given })
      assert.strictEqual(baseUrl, expected)
    }))

  it.effect.each(["http://emulator:4000", "http://10.0.0.1", "http://open.feishu.cn"])(
    "the base URL %s is refused unless allowHttp says otherwise",
    (baseUrl) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(FeishuApp.make({ ...options, baseUrl }))
        assert.strictEqual(error.field, "baseUrl")
        assert.include(error.message, "allowHttp (FEISHU_ALLOW_HTTP=true)")
        yield* Effect.flip(FeishuApp.make({ ...options, baseUrl, allowHttp: false }))
        assert.strictEqual((yield* FeishuApp.make({ ...options, baseUrl, allowHttp: true })).baseUrl, baseUrl)
      })
  )

  it.effect("allowHttp allows no other protocol", () =>
    Effect.gen(function*() {
      for (const baseUrl of ["ftp://open.feishu.cn", "javascript:alert(1)", "file:///etc/passwd"]) {
        yield* Effect.flip(FeishuApp.make({ ...options, baseUrl, allowHttp: true }))
      }
    }))

  it.effect.prop(
    "no text makes it die",
    [FastCheck.string(), FastCheck.string()],
    ([appId, baseUrl]) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(FeishuApp.make({ ...options, appId, baseUrl }))
        assert.isTrue(Exit.isSuccess(exit) || exit.cause._tag === "Fail")
      })
  )

  it.effect("shows no secret", () =>
    Effect.gen(function*() {
      const app = yield* FeishuApp.make({ ...options, encryptKey: Redacted.make("a secret") })
      assert.notInclude(inspect(app, { depth: null, showHidden: true }) + JSON.stringify(app), "a secret")
    }))

  describe("layerConfig", () => {
    it.effect("reads the two variables that are needed", () =>
      Effect.gen(function*() {
        const app = yield* fromEnvironment(credentials)
        assert.deepStrictEqual(app, yield* FeishuApp.make(options))
      }))

    it.effect("reads all variables", () =>
      Effect.gen(function*() {
        const app = yield* fromEnvironment({
          ...credentials,
          FEISHU_APP_KIND: "self-built",
          FEISHU_BASE_URL: "http://127.0.0.1:4000",
          FEISHU_ENCRYPT_KEY: "a key",
          FEISHU_VERIFICATION_TOKEN: "a token"
        })
        assert.strictEqual(app.kind, "self-built")
        assert.strictEqual(app.baseUrl, "http://127.0.0.1:4000")
        assert.strictEqual(Option.getOrNull(Option.map(app.encryptKey, Redacted.value)), "a key")
        assert.strictEqual(Option.getOrNull(Option.map(app.verificationToken, Redacted.value)), "a token")
      }))

    it.effect("FEISHU_ALLOW_HTTP=true allows http to any host", () =>
      Effect.gen(function*() {
        const variables = { ...credentials, FEISHU_BASE_URL: "http://emulator:4000" }
        const { baseUrl } = yield* fromEnvironment({ ...variables, FEISHU_ALLOW_HTTP: "true" })
        assert.strictEqual(baseUrl, "http://emulator:4000")
        for (const no of ["false", ""]) yield* Effect.flip(fromEnvironment({ ...variables, FEISHU_ALLOW_HTTP: no }))
      }))

    it.effect("takes a transformClient beside the variables", () =>
      Effect.gen(function*() {
        const transformClient = (client: HttpClient.HttpClient) => client
        const app = yield* FeishuApp.FeishuApp.pipe(
          Effect.provide(FeishuApp.layerConfig(undefined, { transformClient })),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(credentials))))
        )
        assert.strictEqual(app.transformClient, transformClient)
      }))

    it.effect.each<[string, string]>([["feishu", FeishuApp.feishu], ["lark", FeishuApp.lark]])(
      "FEISHU_DOMAIN=%s stands for %s",
      ([domain, expected]) =>
        Effect.gen(function*() {
          const app = yield* fromEnvironment({ ...credentials, FEISHU_DOMAIN: domain })
          assert.strictEqual(app.baseUrl, expected)
        })
    )

    it.effect("takes an empty variable for one that is left out, but for the first two", () =>
      Effect.gen(function*() {
        const app = yield* fromEnvironment({
          ...credentials,
          FEISHU_APP_KIND: "",
          FEISHU_BASE_URL: "",
          FEISHU_DOMAIN: "",
          FEISHU_ENCRYPT_KEY: "",
          FEISHU_VERIFICATION_TOKEN: ""
        })
        assert.deepStrictEqual(app, yield* FeishuApp.make(options))
      }))

    it.effect("says which variable is missing, in a sentence", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(fromEnvironment({ FEISHU_APP_ID: "cli_a" }))
        assert.include(String(error), "Expected FEISHU_APP_SECRET to exist")
      }))

    it.effect.each(["FEISHU_APP_KIND", "FEISHU_DOMAIN"])(
      "%s does not show a secret put there by mistake",
      (variable) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(fromEnvironment({ ...credentials, [variable]: "a secret" }))
          assert.include(String(error), variable)
          assert.notInclude(String(error), "a secret")
        })
    )

    it.effect.each<[string, Record<string, string>]>([
      ["FEISHU_APP_SECRET", { FEISHU_APP_ID: "cli_a" }],
      ["FEISHU_APP_ID", { FEISHU_APP_SECRET: "a secret" }],
      ["FEISHU_APP_ID", { ...credentials, FEISHU_APP_ID: "" }],
      ["FEISHU_APP_SECRET", { ...credentials, FEISHU_APP_SECRET: "" }],
      ["FEISHU_APP_KIND", { ...credentials, FEISHU_APP_KIND: "shop" }],
      ["FEISHU_BASE_URL", { ...credentials, FEISHU_BASE_URL: "open.feishu.cn" }],
      ["FEISHU_DOMAIN", { ...credentials, FEISHU_DOMAIN: "larksuite" }],
      ["FEISHU_ALLOW_HTTP", { ...credentials, FEISHU_ALLOW_HTTP: "yes" }],
      ["FEISHU_DOMAIN", { ...credentials, FEISHU_DOMAIN: "lark", FEISHU_BASE_URL: FeishuApp.lark }],
      ["FEISHU_ENCRYPT_KEY", { ...credentials, FEISHU_ENCRYPT_KEY: "a\nkey" }],
      ["FEISHU_VERIFICATION_TOKEN", { ...credentials, FEISHU_VERIFICATION_TOKEN: " " }]
    ])("names %s in the error for %o", ([variable, variables]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(fromEnvironment(variables))
        assert.include(String(error), variable)
        assert.notInclude(String(error), "a secret")
      }))
  })
})
