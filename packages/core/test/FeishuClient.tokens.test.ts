/** Tokens that the platform refuses for good, tokens of users, and what the errors say of them. */
import { Emulator, EmulatorTest, Fault, Journal } from "@effect-feishu/emulator"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Option, Redacted, Schema, Stream, TestClock } from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import { FeishuApiError, type FeishuError, FeishuNetworkError } from "../src/FeishuError.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as Scripted from "./scripted.js"

const tokenPath = "/open-apis/auth/v3/tenant_access_token"
const wrongPath = "/open-apis/authen/v1/user_info"
const rightPath = "/open-apis/im/v1/messages"

const calls = (only: string) =>
  Effect.flatMap(
    Emulator.Emulator,
    ({ journal }) =>
      Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")).filter(({ path }) => path === only))
  )

/** Lets the test's clock go on until the effect has ended. */
const settle = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    for (let turns = 0; turns < 200 && Option.isNone(yield* Fiber.poll(fiber)); turns++) yield* Effect.yieldNow()
    if (Option.isNone(yield* Fiber.poll(fiber))) yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** An API that refuses each tenant token, and all other APIs as they are. */
const refuseAt = (...paths: ReadonlyArray<string>) =>
  Effect.flatMap(Emulator.Emulator, ({ setFaults }) =>
    setFaults(
      paths.map((only) =>
        Fault.every(1, Fault.Refuse({ code: 99991663, msg: "Invalid access token", status: 400 }), { only })
      )
    ))

const call = (path: string) =>
  Effect.flatMap(
    FeishuClient.forTenant("tenant_1"),
    (client) => Effect.flatMap(client.get(path), FeishuClient.schemaData(Schema.Unknown))
  )

/** The tokens that the platform has given are more than half an hour old, so that the next call gets another. */
const nearExpiry = TestClock.adjust("91 minutes")

describe("An API that does not take tenant tokens", () => {
  it.effect("causes one token call, and leaves the token to all other calls", () =>
    Effect.gen(function*() {
      yield* settle(call(rightPath))
      yield* nearExpiry
      yield* settle(call(rightPath))
      const before = (yield* calls(tokenPath)).length
      yield* refuseAt(wrongPath)
      for (let n = 0; n < 5; n++) {
        const error = yield* settle(Effect.flip(call(wrongPath)))
        assert.deepInclude(error, { _tag: "FeishuApiError", code: 99991663, wasTokenNew: true })
        assert.include(error.message, "this API may not take this kind of token")
      }
      assert.isAtMost((yield* calls(tokenPath)).length - before, 1)
      yield* settle(call(rightPath))
      assert.isAtMost((yield* calls(tokenPath)).length - before, 1)
      assert.deepStrictEqual((yield* calls(rightPath)).map(({ token }) => token), ["valid", "valid", "valid"])
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("is remembered for all clients of the service, by method and resource, for 10 minutes", () =>
    Effect.gen(function*() {
      yield* refuseAt(wrongPath, `${wrongPath}/1`, `${wrongPath}/2`, `${wrongPath}/3`)
      const invalidated = (path: string) =>
        Effect.gen(function*() {
          const before = (yield* calls(tokenPath)).length
          yield* settle(Effect.flip(call(path)))
          return (yield* calls(tokenPath)).length - before
        })
      yield* settle(call(rightPath))
      yield* settle(Effect.flip(call(`${wrongPath}/1`)))
      assert.strictEqual(yield* invalidated(`${wrongPath}/2`), 0)
      assert.strictEqual(yield* invalidated(`${wrongPath}?page=1`), 0)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* invalidated(`${wrongPath}/3`), 1)
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("does not keep another API from a new token", () =>
    Effect.gen(function*() {
      yield* refuseAt(wrongPath)
      yield* settle(Effect.flip(call(wrongPath)))
      const { invalidateTokens, setFaults } = yield* Emulator.Emulator
      yield* setFaults([])
      yield* invalidateTokens("cli_test")
      yield* settle(call(rightPath))
      assert.deepStrictEqual((yield* calls(rightPath)).map(({ token }) => token), ["invalid", "valid"])
    }).pipe(Effect.provide(EmulatorTest.layerToken({ pushDelay: "200 millis" }))))

  it.effect("causes one token call for bodies that can be read once, too", () =>
    Effect.gen(function*() {
      yield* settle(call(rightPath))
      yield* nearExpiry
      yield* settle(call(rightPath))
      const before = (yield* calls(tokenPath)).length
      yield* refuseAt(wrongPath)
      const upload = FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.post(wrongPath, { body: HttpBody.stream(Stream.make(new Uint8Array(10))) })),
        Effect.flatMap(FeishuClient.filterCodeOk),
        Effect.flip
      )
      const errors = yield* Effect.replicateEffect(settle(upload), 5)
      assert.deepStrictEqual(
        errors.map((error) => error._tag === "FeishuApiError" && error.wasTokenNew),
        [false, true, true, true, true]
      )
      assert.isAtMost((yield* calls(tokenPath)).length - before, 1)
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("is remembered for the one token of a self-built app, whatever the tenant key", () =>
    Effect.gen(function*() {
      const invalidated: Array<string> = []
      let number = 1
      const token = Effect.sync((): AccessToken.Token => ({
        value: Redacted.make(`t-${number}`),
        expiresAt: DateTime.unsafeMake(4e12),
        tenantKey: Option.some("tenant_1")
      }))
      const tokens: AccessToken.Service = {
        app: token,
        tenant: () => token,
        invalidate: ({ value }) => Effect.sync(() => void invalidated.push(Redacted.value(value), `${number++}`))
      }
      const script = Scripted.make(Scripted.refused(99991663, { status: 400 }))
      for (const key of ["a", "b", "c"]) {
        yield* FeishuClient.forTenant(key).pipe(
          Effect.flatMap((client) => client.get(wrongPath)),
          Effect.provideService(AccessToken.AccessToken, tokens),
          Effect.provide([
            script.layer,
            FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, kind: "self-built" })
          ])
        )
      }
      assert.deepStrictEqual(invalidated, ["t-1", "1"])
    }))

  it.effect("causes one token call for 100 callers at once", () =>
    Effect.gen(function*() {
      yield* settle(call(rightPath))
      const before = (yield* calls(tokenPath)).length
      yield* refuseAt(wrongPath)
      const errors = yield* settle(
        Effect.all(Array.from({ length: 100 }, () => Effect.flip(call(wrongPath))), { concurrency: "unbounded" })
      )
      assert.isTrue(errors.every((error) => error._tag === "FeishuApiError" && error.wasTokenNew))
      assert.isAtMost((yield* calls(tokenPath)).length - before, 1)
    }).pipe(Effect.provide(EmulatorTest.layerToken())))
})

describe("FeishuClient.forUser", () => {
  const forUser = (...steps: ReadonlyArray<Scripted.Step>) =>
    Effect.gen(function*() {
      const script = Scripted.make(...steps)
      const client = yield* FeishuClient.forUser(Redacted.make("u-secret")).pipe(
        Effect.provide([script.layer, Scripted.app])
      )
      return { client, script }
    })

  it.effect("sends the user's token, and needs neither ticket nor tenant token", () =>
    Effect.gen(function*() {
      const { client, script } = yield* forUser(Scripted.json({ code: 0, data: { name: "飞书" } }))
      const data = yield* Effect.flatMap(
        client.get(wrongPath),
        FeishuClient.schemaData(Schema.Struct({ name: Schema.String }))
      )
      assert.deepStrictEqual(data, { name: "飞书" })
      assert.deepStrictEqual(script.seen.map(({ request }) => request.headers["authorization"]), ["Bearer u-secret"])
    }))

  it.effect.each([99991668, 99991677, 20006, 99991663])(
    "fails with %i at once, for the token is not ours to renew",
    (code) =>
      Effect.gen(function*() {
        const { client, script } = yield* forUser(Scripted.refused(code, { status: 400 }))
        const error = yield* Effect.flip(
          Effect.flatMap(client.post(wrongPath), FeishuClient.schemaData(Schema.Unknown))
        )
        assert.deepInclude(error, { _tag: "FeishuApiError", code })
        assert.strictEqual(error._tag === "FeishuApiError" && error.kind, "TokenInvalid")
        assert.notInclude(error.message, "u-secret")
        assert.strictEqual(script.seen.length, 1)
      })
  )

  it.effect.each(["", "u-1\nx-other: 1", "u-飞书"])(
    "refuses the token %j, and sends nothing",
    (value) =>
      Effect.gen(function*() {
        const script = Scripted.make(Scripted.ok)
        const client = yield* FeishuClient.forUser(Redacted.make(value)).pipe(
          Effect.provide([script.layer, Scripted.app])
        )
        const error = yield* Effect.flip(client.get(wrongPath))
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidRequest" })
        assert.include(error.message, "the user access token")
        assert.deepStrictEqual(script.seen, [])
      })
  )

  it.effect("waits for a rate limit as any client does", () =>
    Effect.gen(function*() {
      const { client, script } = yield* forUser(Scripted.rateLimited(3), Scripted.ok)
      assert.strictEqual((yield* settle(client.post(wrongPath))).status, 200)
      assert.deepStrictEqual(script.seen.map(({ at }) => at), [0, 3000])
    }))

  it("is a client that cannot lack a token", () => {
    expectTypeOf(FeishuClient.forUser).returns.toEqualTypeOf<
      Effect.Effect<
        HttpClient.HttpClient.With<FeishuNetworkError>,
        never,
        FeishuApp.FeishuApp | HttpClient.HttpClient
      >
    >()
  })
})

describe("A tenant's client", () => {
  it.effect("does not get a new token where the platform speaks of a user's", () =>
    Effect.gen(function*() {
      yield* settle(call(rightPath))
      const before = (yield* calls(tokenPath)).length
      const { setFaults } = yield* Emulator.Emulator
      yield* setFaults([Fault.every(1, Fault.Refuse({ code: 99991668, msg: "", status: 400 }), { only: rightPath })])
      const error = yield* settle(Effect.flip(call(rightPath)))
      assert.deepInclude(error, { code: 99991668, wasTokenNew: false })
      assert.strictEqual((yield* calls(tokenPath)).length, before)
    }).pipe(Effect.provide(EmulatorTest.layerToken())))
})

describe("A refusal for a missing scope", () => {
  const body = {
    code: 99991672,
    msg: "Access denied. One of the following scopes is required",
    error: {
      log_id: "log 1",
      permission_violations: [
        { type: "action_scope_required", subject: "contact:user.id:readonly" },
        { subject: "contact:user.base:readonly", type: 1 },
        { type: "without a subject" },
        "not an object"
      ],
      helps: [{ url: "https://open.feishu.cn/app/cli_a/auth?q=contact:user.id:readonly", description: "Learn more" }]
    }
  }

  it.effect("is of the kind Permission, names the scopes and where to add them, and is not retried", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.json(body, { status: 400 }))
      const error = yield* Effect.flip(
        FeishuClient.forUser(Redacted.make("u-secret")).pipe(
          Effect.flatMap((client) => client.get(rightPath)),
          Effect.flatMap(FeishuClient.schemaData(Schema.Unknown)),
          Effect.provide([script.layer, Scripted.app])
        )
      )
      if (error._tag !== "FeishuApiError") return assert.fail("another error")
      assert.strictEqual(error.kind, "Permission")
      assert.deepStrictEqual(error.permissionViolations, [
        { subject: "contact:user.id:readonly", type: "action_scope_required" },
        { subject: "contact:user.base:readonly", type: undefined }
      ])
      assert.include(error.message, "Missing scopes: contact:user.id:readonly, contact:user.base:readonly.")
      assert.include(error.message, "See https://open.feishu.cn/app/cli_a/auth?q=contact:user.id:readonly")
      assert.strictEqual(script.seen.length, 1)
      const encoded = yield* Schema.encode(FeishuApiError)(error)
      assert.deepStrictEqual(
        (yield* Schema.decode(FeishuApiError)(encoded)).permissionViolations,
        error.permissionViolations
      )
    }))
})

describe("The errors' types", () => {
  const failing = AppTicket.resend

  it("leave what is not caught", () => {
    expectTypeOf(Effect.catchTag(failing, "FeishuApiError", () => Effect.void)).toEqualTypeOf<
      Effect.Effect<void, FeishuNetworkError, FeishuApp.FeishuApp | HttpClient.HttpClient>
    >()
    const ofKind = Effect.catchIf(
      failing,
      (error) => error._tag === "FeishuApiError" && error.kind === "RateLimited",
      () => Effect.void
    )
    expectTypeOf<Effect.Effect.Error<typeof ofKind>>().toEqualTypeOf<FeishuError>()
    const ofTokens = FeishuClient.forApp.pipe(
      Effect.flatMap((client) => client.get(rightPath)),
      Effect.catchTag("FeishuNetworkError", () => Effect.void)
    )
    expectTypeOf<Effect.Effect.Error<typeof ofTokens>>().toEqualTypeOf<
      Exclude<AccessToken.AccessTokenError, FeishuNetworkError>
    >()
  })

  it.effect("leave, when run, what is not caught", () =>
    Effect.gen(function*() {
      const caught = Effect.catchIf(
        failing,
        (error) => error._tag === "FeishuApiError" && error.kind === "RateLimited",
        () => Effect.void
      )
      const error = yield* Effect.flip(caught).pipe(
        Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
        Effect.provide(Layer.merge(Scripted.make(Scripted.refused(10016)).layer, Scripted.app))
      )
      assert.instanceOf(error, FeishuApiError)
      assert.notInstanceOf(error, FeishuNetworkError)
    }))
})
