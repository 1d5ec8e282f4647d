/** Calls for a tenant and for the app: scripted or over the emulator on the test's clock, and over real sockets. */
import { Emulator, EmulatorTest, Fault, Journal } from "@effect-feishu/emulator"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  DateTime,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Random,
  Redacted,
  Schedule,
  Schema,
  Stream,
  TestClock
} from "effect"
import * as Http from "node:http"
import { Readable } from "node:stream"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as ErrorCode from "../src/ErrorCode.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuClient from "../src/FeishuClient.js"
import { FeishuApiError, type FeishuError, FeishuNetworkError } from "../src/FeishuError.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { listen } from "./listen.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const path = "/open-apis/contact/v3/users"
const url = `https://open.feishu.cn${path}`

/** Hands out `t-secret-1` or `a-secret-1` until that is invalidated, then the next number. */
const makeTokens = (options?: { readonly isStubborn?: boolean }) => {
  let number = 1
  const asked: Array<string> = []
  const invalidated: Array<string> = []
  const token = (letter: string, tenantKey: Option.Option<string>): Effect.Effect<AccessToken.Token> =>
    Effect.sync(() => {
      const value = `${letter}-secret-${number}`
      asked.push(value)
      return { value: Redacted.make(value), expiresAt: DateTime.unsafeMake(7_200_000), tenantKey }
    })
  const service: AccessToken.Service = {
    app: token("a", Option.none()),
    tenant: (tenantKey) => token("t", Option.some(tenantKey)),
    invalidate: ({ value }) =>
      Effect.sync(() => {
        invalidated.push(Redacted.value(value))
        if (options?.isStubborn !== true) number++
      })
  }
  return { asked, invalidated, service }
}

const textOf = ({ body }: HttpClientRequest.HttpClientRequest): string =>
  body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : ""

const bearerOf = ({ headers }: HttpClientRequest.HttpClientRequest): string | undefined => headers["authorization"]

interface Setting {
  readonly forApp?: boolean
  readonly forUser?: string
  readonly isReplayable?: boolean
  readonly policy?: RetryPolicy.Policy
  readonly isIdempotent?: boolean
  readonly tokens?: ReturnType<typeof makeTokens>
  readonly through?: (client: HttpClient.HttpClient) => HttpClient.HttpClient
}

/** The calls of one client, over a script. */
const withScript = <A, E>(
  steps: ReadonlyArray<Scripted.Step>,
  use: (client: FeishuClient.Client) => Effect.Effect<A, E>,
  setting?: Setting
) =>
  Effect.gen(function*() {
    const script = Scripted.make(...steps)
    const tokens = setting?.tokens ?? makeTokens()
    const start = yield* Clock.currentTimeMillis
    const client = setting?.forUser !== undefined
      ? FeishuClient.forUser(Redacted.make(setting.forUser))
      : setting?.forApp
      ? FeishuClient.forApp
      : FeishuClient.forTenant("tenant_1")
    const [exit, end] = yield* client.pipe(
      Effect.flatMap(use),
      setting?.isIdempotent ? FeishuClient.idempotent : (call) => call,
      setting?.isReplayable ? FeishuClient.replayable : (call) => call,
      setting?.policy ? Effect.provideService(RetryPolicy.RetryPolicy, setting.policy) : (call) => call,
      Effect.exit,
      Effect.zip(Clock.currentTimeMillis),
      Effect.provide([
        Layer.succeed(HttpClient.HttpClient, setting?.through?.(script.client) ?? script.client),
        Layer.succeed(AccessToken.AccessToken, tokens.service),
        Scripted.app
      ]),
      Effect.withRandom(Random.fixed([0.5]))
    )
    return {
      exit,
      took: end - start,
      requests: script.seen.map(({ request }) => request),
      at: script.seen.map(({ at }) => at - start),
      bearers: script.seen.map(({ request }) => bearerOf(request)?.slice("Bearer ".length)),
      invalidated: tokens.invalidated,
      asked: tokens.asked
    }
  })

/** Waits for it, on the test's clock where need be: each step of that takes real time. */
const settle = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    for (let turns = 0; turns < 200 && Option.isNone(yield* Fiber.poll(fiber)); turns++) yield* Effect.yieldNow()
    if (Option.isNone(yield* Fiber.poll(fiber))) yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** One request over a script. */
const play = (request: HttpClientRequest.HttpClientRequest, steps: ReadonlyArray<Scripted.Step>, setting?: Setting) =>
  settle(withScript(steps, (client) => client.execute(request), setting))

const get = HttpClientRequest.get(path)
const post = HttpClientRequest.post(path).pipe(HttpClientRequest.bodyText("{\"a\":1}", "application/json"))

const failureOf = <A, E>(exit: Exit.Exit<A, E>): E =>
  Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : assert.fail(`not a failure: ${exit}`)

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && exit.cause._tag === "Die" ? exit.cause.defect : assert.fail(`not a defect: ${exit}`)

const successOf = <A, E>(exit: Exit.Exit<A, E>): A =>
  Exit.isSuccess(exit) ? exit.value : assert.fail(`not a success: ${exit}`)

/** What `json` says of one answer. */
const opened = <A, I>(step: Scripted.Step, schema: Schema.Schema<A, I>) =>
  Effect.map(
    withScript([step], (client) => Effect.flatMap(client.execute(post), FeishuClient.schemaData(schema)), {
      policy: RetryPolicy.none
    }),
    ({ exit }) => exit
  )

const codeOf = (exit: Exit.Exit<HttpClientResponse.HttpClientResponse, unknown>) =>
  Effect.map(
    Effect.flip(FeishuClient.schemaData(Schema.Unknown)(successOf(exit))),
    (error) => error._tag === "FeishuApiError" ? error.code : error.reason
  )

const User = Schema.Struct({ name: Schema.String, age: Schema.Number })
const user = { name: "飞书", age: 10 }
const found = Scripted.json({ code: 0, msg: "success", data: user })
const unavailable = Scripted.answer("<html>", { status: 502, headers: { "content-type": "text/html" } })

const refused = (code: string) =>
  Scripted.transportError(new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }))

const systemError = (code: string, syscall: string) => Object.assign(new Error(`${syscall} ${code}`), { code, syscall })

/** The failure to connect to a host that has several addresses. */
const several = (...errors: ReadonlyArray<Error>) =>
  Scripted.transportError(
    new TypeError("fetch failed", { cause: Object.assign(new AggregateError(errors), { code: "ECONNREFUSED" }) })
  )

describe("FeishuClient, a request", () => {
  it.effect("goes to the platform with the tenant's token, and is the caller's in all else", () =>
    Effect.gen(function*() {
      const { bearers, exit, requests } = yield* play(
        HttpClientRequest.post(`${path}?page=1`).pipe(
          HttpClientRequest.setUrlParams({ user_id_type: "open_id", name: "飞 书" }),
          HttpClientRequest.setHeaders({ "x-own": "1" }),
          HttpClientRequest.bodyText("{\"a\":1}", "application/json")
        ),
        [found]
      )
      const [request] = requests
      assert.strictEqual(successOf(exit).status, 200)
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.url, `${url}?page=1`)
      assert.deepStrictEqual(request?.urlParams.map(([key, value]) => `${key}=${value}`), [
        "user_id_type=open_id",
        "name=飞 书"
      ])
      assert.strictEqual(request?.headers["x-own"], "1")
      assert.strictEqual(request?.headers["content-type"], "application/json")
      assert.strictEqual(request && textOf(request), "{\"a\":1}")
      assert.deepStrictEqual(bearers, ["t-secret-1"])
    }))

  it.effect("goes with the app's token where it is the app's", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* play(get, [found], { forApp: true })).bearers, ["a-secret-1"])
    }))

  it.effect.each(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] as const)(
    "may be a %s",
    (method) =>
      Effect.gen(function*() {
        const { bearers, requests } = yield* play(HttpClientRequest.make(method)(path), [found])
        assert.deepStrictEqual(requests.map((request) => [request.method, request.url]), [[method, url]])
        assert.deepStrictEqual(bearers, ["t-secret-1"])
      })
  )

  it.effect("may have the platform's URL in full", () =>
    Effect.gen(function*() {
      const { exit, requests } = yield* play(HttpClientRequest.get(url), [found])
      assert.strictEqual(successOf(exit).status, 200)
      assert.strictEqual(requests[0]?.url, url)
    }))

  it.effect.each([
    "https://evil.example/open-apis/x",
    "http://open.feishu.cn/open-apis/x",
    "https://open.feishu.cn.evil.example/open-apis/x",
    "https://open.feishu.cn@evil.example/open-apis/x",
    "https://open.feishu.cn:8443/open-apis/x",
    "https://open.larksuite.com/open-apis/x",
    "@evil.example/x",
    ".evil.example/x",
    ":8443/open-apis/x",
    "open-apis/x",
    ""
  ])("to %j is refused, and neither sent nor given a token", (target) =>
    Effect.gen(function*() {
      const { asked, exit, requests } = yield* play(HttpClientRequest.get(target), [found])
      const error = failureOf(exit)
      assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidRequest" })
      assert.include(error.message, "to https://open.feishu.cn only: give a path such as /open-apis/")
      assert.deepStrictEqual([requests, asked], [[], []])
    }))

  it.effect("with a header \"authorization\" is refused for a tenant, the app and a user, and not sent", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.bearerToken(get, Redacted.make("the-caller's"))
      for (const setting of [{}, { forApp: true }, { forUser: "u-secret-1" }]) {
        const { asked, exit, requests } = yield* play(request, [found], setting)
        const error = failureOf(exit)
        assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidRequest" })
        assert.include(error.message, "authorization")
        assert.include(error.message, "FeishuClient.forUser")
        assert.notInclude(inspect(error, { depth: 20 }), "the-caller's")
        assert.deepStrictEqual([requests, asked], [[], []])
      }
    }))

  it.effect.each(["//evil.example/x", "/@evil.example/x", "/\\evil.example/x", "/../../evil.example"])(
    "to %j goes to the platform's host",
    (target) =>
      Effect.gen(function*() {
        const hosts: Array<string> = []
        yield* FeishuClient.forTenant("tenant_1").pipe(
          Effect.flatMap((client) => client.get(target)),
          Effect.provide([
            Layer.succeed(
              HttpClient.HttpClient,
              HttpClient.make((request, { host }) => {
                hosts.push(host)
                return found(request)
              })
            ),
            Layer.succeed(AccessToken.AccessToken, makeTokens().service),
            Scripted.app
          ])
        )
        assert.deepStrictEqual(hosts, ["open.feishu.cn"])
      })
  )

  it.effect("goes through what is made of the client: paths and headers put before, statuses refused after", () =>
    Effect.gen(function*() {
      const { exit, requests } = yield* settle(
        withScript([found, Scripted.refused(99992402, { status: 400 })], (client) => {
          const contacts = client.pipe(
            HttpClient.mapRequest(HttpClientRequest.prependUrl("/open-apis/contact/v3")),
            HttpClient.filterStatusOk
          )
          return Effect.zip(contacts.get("/users"), Effect.flip(contacts.get("/users")))
        })
      )
      assert.strictEqual(successOf(exit)[0].status, 200)
      assert.strictEqual(successOf(exit)[1]._tag, "ResponseError")
      assert.strictEqual(requests[0]?.url, url)
    }))
})

describe("FeishuClient.schemaData", () => {
  it.effect("gives the data", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(successOf(yield* opened(found, User)), user)
    }))

  it.effect.each([200, 400, 403, 500])(
    "gives an FeishuApiError for another code, with HTTP %i",
    (status) =>
      Effect.gen(function*() {
        const step = Scripted.json({ code: 99992402, msg: "field validation failed", data: user }, {
          status,
          headers: { "x-tt-logid": "log 1" }
        })
        const error = failureOf(yield* opened(step, User))
        assert.instanceOf(error, FeishuApiError)
        assert.deepInclude(error, {
          code: 99992402,
          msg: "field validation failed",
          status,
          logId: "log 1",
          retryAfter: undefined,
          method: "POST",
          url
        })
      })
  )

  it.effect("gives the wait of a rate limit", () =>
    Effect.gen(function*() {
      for (const status of [429, 400]) {
        assert.deepInclude(failureOf(yield* opened(Scripted.rateLimited(52, status), User)), {
          _tag: "FeishuApiError",
          status,
          retryAfter: Duration.seconds(52)
        })
      }
    }))

  it.effect("takes no data for none where the schema does", () =>
    Effect.gen(function*() {
      assert.strictEqual(successOf(yield* opened(Scripted.ok, Schema.Unknown)), undefined)
      assert.strictEqual(successOf(yield* opened(Scripted.ok, Schema.Undefined)), undefined)
      assert.strictEqual(successOf(yield* opened(Scripted.ok, Schema.Void)), undefined)
      assert.strictEqual(successOf(yield* opened(Scripted.ok, Schema.UndefinedOr(User))), undefined)
      assert.strictEqual(successOf(yield* opened(Scripted.json({ code: 0, data: null }), Schema.Null)), null)
    }))

  it.effect("gives up an answer that stalls, also one that is no JSON", () =>
    Effect.gen(function*() {
      const stalled = Scripted.answer(new ReadableStream({ pull: () => new Promise(() => {}) }), {
        headers: { "content-type": "text/plain" }
      })
      assert.deepInclude(failureOf(yield* settle(opened(stalled, Schema.Unknown))), {
        _tag: "FeishuNetworkError",
        reason: "Timeout"
      })
    }))

  it.effect("says that data is missing where it is", () =>
    Effect.gen(function*() {
      assert.deepInclude(failureOf(yield* opened(Scripted.ok, User)), {
        _tag: "FeishuNetworkError",
        reason: "Schema",
        description: "the answer has missing \"data\""
      })
    }))

  it.effect("names what does not fit, and not its value", () =>
    Effect.gen(function*() {
      const step = Scripted.json({ code: 0, data: { items: [{ name: ["private-1"] }, { age: "private-2" }] } })
      const error = failureOf(yield* opened(step, Schema.Struct({ items: Schema.Array(User) })))
      assert.deepInclude(error, {
        _tag: "FeishuNetworkError",
        reason: "Schema",
        status: 200,
        description: "the answer has unexpected \"data.items.0.name\", missing \"data.items.0.age\", "
          + "missing \"data.items.1.name\", unexpected \"data.items.1.age\""
      })
      assert.notInclude(inspect(error, { depth: 20 }) + JSON.stringify(error), "private")
    }))

  it.effect.each<[string, FeishuNetworkError["reason"], Scripted.Step]>([
    ["HTML with 200", "InvalidResponse", Scripted.answer("<html>", { headers: { "content-type": "text/html" } })],
    ["HTML with 404", "InvalidResponse", Scripted.answer("<html>", { status: 404 })],
    [
      "HTML under the type of JSON",
      "InvalidResponse",
      Scripted.answer("<html>", {
        headers: { "content-type": "application/json" }
      })
    ],
    ["nothing with 200", "InvalidResponse", Scripted.answer("")],
    [
      "nothing under the type of JSON",
      "InvalidResponse",
      Scripted.answer("", {
        headers: { "content-type": "application/json" }
      })
    ],
    ["no body with 204", "InvalidResponse", Scripted.answer(null, { status: 204 })],
    ["a redirect", "InvalidResponse", Scripted.answer(null, { status: 302, headers: { location: "/login" } })],
    [
      "cut-off JSON",
      "InvalidResponse",
      Scripted.answer("{\"code\":0,\"data\":{\"na", {
        headers: { "content-type": "application/json" }
      })
    ],
    ["JSON of somebody else's", "InvalidResponse", Scripted.json({ error: "…" }, { status: 404 })],
    ["code 0 with 400", "InvalidResponse", Scripted.json({ code: 0, data: user }, { status: 400 })],
    ["code 0 with 500", "Unavailable", Scripted.json({ code: 0, data: user }, { status: 500 })],
    ["HTML with 502", "Unavailable", unavailable],
    ["nothing with 503", "Unavailable", Scripted.answer(null, { status: 503 })],
    [
      "cut-off JSON with 504",
      "Unavailable",
      Scripted.answer("{\"code\":0,", {
        status: 504,
        headers: { "content-type": "application/json" }
      })
    ]
  ])("%s is %s", ([_, reason, step]) =>
    Effect.gen(function*() {
      const error = failureOf(yield* opened(step, Schema.Unknown))
      assert.instanceOf(error, FeishuNetworkError)
      assert.deepInclude(error, { reason, method: "POST", url })
    }))

  it.effect("takes the platform's JSON under another content type, or none", () =>
    Effect.gen(function*() {
      const body = new TextEncoder().encode(JSON.stringify({ code: 0, data: user }))
      for (const headers of [{ "content-type": "text/plain" }, {}]) {
        assert.deepStrictEqual(successOf(yield* opened(Scripted.answer(body, { headers }), User)), user)
      }
    }))

  it.effect("of any answer at all does not die, whatever its status", () =>
    Effect.gen(function*() {
      for (const status of [600, 999]) {
        for (const body of ["{\"code\":1500}", "{\"code\":0,\"data\":1}", "{", ""]) {
          const step: Scripted.Step = (request) =>
            Effect.map(
              Scripted.answer(body, { headers: { "content-type": "application/json" } })(request),
              (response) => Object.create(response, { status: { value: status } })
            )
          const exit = yield* opened(step, Schema.Unknown)
          assert.isTrue(Exit.isSuccess(exit) || exit.cause._tag === "Fail", `${status} ${body}: ${exit}`)
        }
      }
    }))
})

describe("FeishuClient, a token that the platform refuses", () => {
  const cases = [99991663, 99991665, 99991671, 20013, 99991664, 20014].flatMap((code) =>
    [200, 400, 401].map((status) => [code, status] as const)
  )

  it.effect.each(cases)(
    "with %i, HTTP %i, is invalidated, and the request goes once more with another",
    ([code, status]) =>
      Effect.gen(function*() {
        for (const request of [get, post]) {
          const { at, bearers, exit, invalidated, requests } = yield* play(request, [
            Scripted.refused(code, { status }),
            found
          ])
          assert.deepStrictEqual(yield* FeishuClient.schemaData(User)(successOf(exit)), user)
          assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2"])
          assert.deepStrictEqual(invalidated, ["t-secret-1"])
          assert.deepStrictEqual(at, [0, 0])
          assert.deepStrictEqual(requests.map(textOf), [textOf(request), textOf(request)])
        }
      })
  )

  it.effect.each([99991664, 20014, 99991663])(
    "with %i is invalidated where it is the app's, too",
    (code) =>
      Effect.gen(function*() {
        const { bearers, exit, invalidated } = yield* play(post, [Scripted.refused(code, { status: 400 }), found], {
          forApp: true
        })
        assert.strictEqual(successOf(exit).status, 200)
        assert.deepStrictEqual(bearers, ["a-secret-1", "a-secret-2"])
        assert.deepStrictEqual(invalidated, ["a-secret-1"])
      })
  )

  it.effect("is refused a second time at most: then the caller gets the answer, and the second token stays", () =>
    Effect.gen(function*() {
      for (const policy of [RetryPolicy.make(), RetryPolicy.fromSchedule(Schedule.recurs(5))]) {
        for (const request of [get, post]) {
          const { bearers, exit, invalidated } = yield* play(request, [Scripted.refused(99991663, { status: 400 })], {
            policy,
            isIdempotent: true
          })
          assert.strictEqual(successOf(exit).status, 400)
          assert.strictEqual(yield* codeOf(exit), 99991663)
          assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2"])
          assert.deepStrictEqual(invalidated, ["t-secret-1"])
        }
      }
    }))

  it.effect("is not sent again where the platform gives the same", () =>
    Effect.gen(function*() {
      const { bearers, exit, invalidated } = yield* play(get, [Scripted.refused(99991663, { status: 400 })], {
        tokens: makeTokens({ isStubborn: true })
      })
      assert.strictEqual(yield* codeOf(exit), 99991663)
      assert.deepStrictEqual(bearers, ["t-secret-1"])
      assert.deepStrictEqual(invalidated, ["t-secret-1"])
    }))

  it.effect("is replaced once in all attempts of a call", () =>
    Effect.gen(function*() {
      const refusal = Scripted.refused(99991663, { status: 400 })
      const { bearers, exit } = yield* play(get, [refusal, unavailable, refusal, found])
      assert.strictEqual(yield* codeOf(exit), 99991663)
      assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2", "t-secret-2"])
    }))

  it.effect("is replaced in a later attempt, too, and none of the retries is used up by it", () =>
    Effect.gen(function*() {
      const refusal = Scripted.refused(99991663, { status: 400 })
      const { bearers, exit } = yield* play(get, [unavailable, refusal, unavailable, found], {
        policy: RetryPolicy.make({ retries: 2 })
      })
      assert.strictEqual(successOf(exit).status, 200)
      assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-1", "t-secret-2", "t-secret-2"])
    }))

  it.effect("is replaced without any retry, too", () =>
    Effect.gen(function*() {
      const { bearers, exit } = yield* play(post, [Scripted.refused(99991663), found], { policy: RetryPolicy.none })
      assert.strictEqual(successOf(exit).status, 200)
      assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2"])
    }))

  it.effect("is replaced through a client that refuses by status", () =>
    Effect.gen(function*() {
      const through = HttpClient.filterStatusOk
      const recovered = yield* play(get, [Scripted.refused(99991663, { status: 400 }), found], { through })
      assert.deepStrictEqual(yield* FeishuClient.schemaData(User)(successOf(recovered.exit)), user)
      assert.deepStrictEqual(recovered.bearers, ["t-secret-1", "t-secret-2"])
      const limited = yield* play(post, [Scripted.rateLimited(7), found], { through })
      assert.strictEqual(successOf(limited.exit).status, 200)
      assert.deepStrictEqual(limited.at, [0, 7000])
      const wrong = yield* play(post, [Scripted.refused(99992402, { status: 400 })], { through })
      assert.strictEqual(yield* codeOf(wrong.exit), 99992402)
    }))

  it.effect("is not replaced for another code, nor for HTTP 401 alone", () =>
    Effect.gen(function*() {
      const html = Scripted.answer("<html>", { status: 401, headers: { "content-type": "text/html" } })
      for (
        const step of [Scripted.refused(99991661, { status: 400 }), Scripted.refused(99991672, { status: 401 }), html]
      ) {
        const { bearers, invalidated } = yield* play(get, [step])
        assert.deepStrictEqual([bearers, invalidated], [["t-secret-1"], []])
      }
    }))

  it.effect("is not hidden by a zero further inside", () =>
    Effect.gen(function*() {
      const { bearers } = yield* play(get, [Scripted.json({ data: { code: 0, id: 1 }, code: 99991663 }), found])
      assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2"])
    }))

  it.effect("is not told from a success by its data", () =>
    Effect.gen(function*() {
      const { bearers, invalidated } = yield* play(get, [
        Scripted.json({ code: 0, msg: "", data: { code: 99991663 } }, { status: 200 })
      ])
      assert.deepStrictEqual([bearers, invalidated], [["t-secret-1"], []])
    }))

  it.effect("gives the token's own failure where no other can be had, without a retry", () =>
    Effect.gen(function*() {
      const tokens = makeTokens()
      const failure = new FeishuNetworkError({
        reason: "Unavailable",
        method: "POST",
        url: "",
        description: "",
        status: 502
      })
      let calls = 0
      const failing = {
        ...tokens,
        service: {
          ...tokens.service,
          tenant: (tenantKey: string) => {
            return Effect.suspend(() => {
              calls++
              return tokens.invalidated.length > 0 ? failure : tokens.service.tenant(tenantKey)
            })
          }
        }
      }
      const { bearers, exit } = yield* play(get, [Scripted.refused(99991663)], { tokens: failing })
      assert.strictEqual(failureOf(exit), failure)
      assert.deepStrictEqual(bearers, ["t-secret-1"])
      assert.isAtMost(calls, 3)
    }))
})

describe("FeishuClient over the emulator", () => {
  const tokenPath = "/open-apis/auth/v3/tenant_access_token"
  const appTokenPath = "/open-apis/auth/v3/app_access_token"

  const calls = (only: string) =>
    Effect.flatMap(
      Emulator.Emulator,
      ({ journal }) =>
        Effect.map(journal, (entries) => entries.filter(Journal.$is("Call")).filter(({ path }) => path === only))
    )

  const client = FeishuClient.forTenant("tenant_1")

  it.effect("gets what it needs, from the ticket on", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      const { data } = yield* settle(
        tenant.get("/open-apis/tenant/v2/tenant/query").pipe(
          Effect.flatMap(
            FeishuClient.schemaData(Schema.Struct({ tenant: Schema.Struct({ tenant_key: Schema.String }) }))
          ),
          Effect.map((data) => ({ data }))
        )
      )
      assert.deepStrictEqual(data, { tenant: { tenant_key: "tenant_1" } })
      const app = yield* FeishuClient.forApp
      assert.deepStrictEqual(yield* Effect.flatMap(app.post(path), FeishuClient.schemaData(Schema.Struct({}))), {})
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("100 callers who are refused at once get one new token", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      const emulator = yield* Emulator.Emulator
      yield* settle(tenant.get(path))
      yield* emulator.invalidateTokens("cli_test")
      const responses = yield* settle(
        Effect.all(
          Array.from({ length: 100 }, () => Effect.flatMap(tenant.get(path), FeishuClient.schemaData(Schema.Unknown))),
          {
            concurrency: "unbounded"
          }
        )
      )
      assert.strictEqual(responses.length, 100)
      const tokens = (yield* calls(tokenPath)).map(({ code }) => code)
      assert.deepStrictEqual(tokens, [0, 99991664, 0])
      assert.strictEqual((yield* calls(appTokenPath)).length, 2)
      assert.deepStrictEqual(
        (yield* calls(path)).map(({ token }) => token),
        [
          "valid",
          ...Array.from({ length: 100 }, () => "invalid" as const),
          ...Array.from({ length: 100 }, () => "valid" as const)
        ]
      )
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("a refusal that comes late does not throw away the newer token", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      const emulator = yield* Emulator.Emulator
      yield* settle(tenant.get(path))
      yield* emulator.invalidateTokens("cli_test")
      yield* emulator.setFaults([Fault.next(1, Fault.Delay({ duration: "5 seconds" }), { only: "/open-apis/slow" })])
      const slow = yield* Effect.fork(tenant.get("/open-apis/slow"))
      yield* TestClock.adjust("1 second")
      yield* settle(tenant.get(path))
      assert.strictEqual((yield* settle(Fiber.join(slow))).status, 200)
      yield* settle(tenant.get(path))
      assert.deepStrictEqual((yield* calls("/open-apis/slow")).map(({ token }) => token), ["invalid", "valid"])
      assert.deepStrictEqual((yield* calls(tokenPath)).map(({ code }) => code), [0, 99991664, 0])
      assert.deepStrictEqual((yield* calls(path)).map(({ token }) => token), ["valid", "invalid", "valid", "valid"])
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("the same token, given again, is not sent again", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      yield* settle(tenant.get("/open-apis/warm"))
      const { setFaults } = yield* Emulator.Emulator
      yield* setFaults([Fault.next(9, Fault.Refuse({ code: 99991663, msg: "", status: 400 }), { only: path })])
      const response = yield* settle(tenant.get(path))
      assert.strictEqual(response.status, 400)
      assert.strictEqual((yield* calls(path)).length, 1)
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("the app's token, where it is refused, is replaced", () =>
    Effect.gen(function*() {
      const app = yield* FeishuClient.forApp
      const { invalidateTokens } = yield* Emulator.Emulator
      yield* settle(app.post(path))
      yield* invalidateTokens("cli_test")
      assert.strictEqual((yield* settle(app.post(path))).status, 200)
      assert.deepStrictEqual((yield* calls(path)).map(({ code, token }) => [token, code]), [
        ["valid", 0],
        ["invalid", 99991664],
        ["valid", 0]
      ])
      assert.deepStrictEqual((yield* calls(appTokenPath)).map(({ code }) => code), [0, 0])
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("a tenant that has not installed the app is the token's FeishuApiError, asked for once", () =>
    Effect.gen(function*() {
      const stranger = yield* FeishuClient.forTenant("tenant_2")
      for (const policy of [RetryPolicy.make(), RetryPolicy.fromSchedule(Schedule.recurs(3))]) {
        const error = yield* settle(
          stranger.get(path).pipe(Effect.flip, Effect.provideService(RetryPolicy.RetryPolicy, policy))
        )
        assert.deepInclude(error, { _tag: "FeishuApiError", code: 11210, method: "POST" })
      }
      assert.deepStrictEqual((yield* calls(tokenPath)).map(({ code }) => code), [11210, 11210])
      assert.deepStrictEqual(yield* calls(path), [])
    }).pipe(Effect.provide(EmulatorTest.layerToken())))

  it.effect("a ticket that does not come is a TicketTimeout, waited for once", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      const [took, error] = yield* settle(Effect.timed(Effect.flip(tenant.get(path))))
      assert.instanceOf(error, AppTicket.TicketTimeout)
      if (error._tag !== "TicketTimeout") return
      assert.strictEqual(Duration.toMillis(took), Duration.toMillis(error.waited))
      assert.deepStrictEqual(yield* calls(path), [])
    }).pipe(Effect.provide(EmulatorTest.layerToken({ pushDelay: "3 hours" }))))

  it.effect("a cold start of two minutes takes nothing from the time of the call", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      const response = yield* settle(Effect.timed(tenant.post(path)))
      assert.strictEqual(response[1].status, 200)
      assert.isAtLeast(Duration.toSeconds(response[0]), 120 + 20)
      assert.deepStrictEqual((yield* calls(path)).map(({ code }) => code), [99991400, 0])
    }).pipe(
      Effect.provide(EmulatorTest.layerToken({
        pushDelay: "2 minutes",
        faults: [Fault.next(1, Fault.rateLimit({ resetSeconds: 20 }), { only: path })]
      }))
    ))

  it.effect("a tenant's rate limit is waited out", () =>
    Effect.gen(function*() {
      const tenant = yield* client
      yield* settle(
        Effect.all(Array.from({ length: 12 }, () => tenant.post(path)), { concurrency: "unbounded" }).pipe(
          Effect.tap((responses) => assert.deepStrictEqual([...new Set(responses.map(({ status }) => status))], [200]))
        )
      )
      assert.strictEqual((yield* calls(path)).filter(({ code }) => code === 0).length, 12)
    }).pipe(
      Effect.provide(EmulatorTest.layerToken({ limits: [{ path, calls: 5, per: "5 seconds", status: 400 }] }))
    ))
})

describe("FeishuClient, a rate limit", () => {
  it.effect("is waited out as long as the platform says, whatever the method and the status", () =>
    Effect.gen(function*() {
      for (const request of [get, post, HttpClientRequest.patch(path)]) {
        for (const status of [429, 400]) {
          const { at, exit, took } = yield* play(request, [
            Scripted.rateLimited(7, status),
            Scripted.rateLimited(1.5, status),
            found
          ])
          assert.deepStrictEqual(yield* FeishuClient.schemaData(User)(successOf(exit)), user)
          assert.deepStrictEqual([at, took], [[0, 7000, 8500], 8500])
        }
      }
    }))

  it.effect("that is longer than the time of the call is the caller's at once", () =>
    Effect.gen(function*() {
      for (const request of [get, post]) {
        const { at, exit, took } = yield* play(request, [Scripted.rateLimited(31)])
        assert.strictEqual(successOf(exit).status, 429)
        assert.strictEqual(yield* codeOf(exit), 99991400)
        assert.deepStrictEqual([at, took], [[0], 0])
      }
    }))

  it.effect("that does not end is the caller's after 6 attempts, and after one where nothing is repeated", () =>
    Effect.gen(function*() {
      const lasting = yield* play(post, [Scripted.rateLimited(1)])
      assert.deepStrictEqual(lasting.at, [0, 1000, 2000, 3000, 4000, 5000])
      assert.strictEqual(yield* codeOf(lasting.exit), 99991400)
      const once = yield* play(post, [Scripted.rateLimited(1)], { policy: RetryPolicy.none })
      assert.deepStrictEqual(once.at, [0])
      assert.strictEqual(yield* codeOf(once.exit), 99991400)
    }))

  it.effect("may have a code that nobody knows, or no JSON", () =>
    Effect.gen(function*() {
      const headers = { "x-ogw-ratelimit-reset": "3" }
      for (
        const step of [
          Scripted.refused(77, { status: 429, headers }),
          Scripted.refused(77, { status: 400, headers }),
          Scripted.answer("<html>", { status: 429, headers: { ...headers, "content-type": "text/html" } }),
          Scripted.answer(null, { status: 429, headers })
        ]
      ) {
        const { at, exit } = yield* play(post, [step, found])
        assert.strictEqual(successOf(exit).status, 200)
        assert.deepStrictEqual(at, [0, 3000])
      }
      const untold = yield* play(post, [Scripted.refused(77, { status: 429 }), found])
      assert.deepStrictEqual(untold.at, [0, 100])
    }))

  it.effect("is given back as it came where it lasts, even where it is no JSON", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* play(post, [Scripted.answer("slow down", { status: 429 })])
      assert.strictEqual(at.length, 6)
      assert.strictEqual(successOf(exit).status, 429)
      assert.strictEqual(yield* successOf(exit).text, "slow down")
    }))

  it.effect("with HTTP 400, an unknown code and no wait is none", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* play(get, [Scripted.refused(77, { status: 400 })])
      assert.deepStrictEqual(at, [0])
      assert.strictEqual(yield* codeOf(exit), 77)
    }))
})

describe("FeishuClient, a failure", () => {
  const safe = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] as const
  const unsafe = ["POST", "PATCH"] as const

  interface Failure {
    readonly name: string
    readonly step: Scripted.Step
    /** Whether it is repeated: always, where that does no harm, or never. */
    readonly repeated: "always" | "if idempotent" | "never"
    /** To `HEAD`, which has no body to say it in. */
    readonly withoutBody?: "if idempotent" | "never"
    /** Default: all. */
    readonly methods?: ReadonlyArray<typeof safe[number] | typeof unsafe[number]>
  }

  const internal = [...ErrorCode.table.values()].filter(({ kind }) => kind === "Internal").map(({ code }) => code)

  const brokenOff: Scripted.Step = (request) =>
    Effect.suspend(() => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("{\"code\":0,")),
        pull: (controller) => controller.error(new TypeError("terminated"))
      }, { highWaterMark: 0 })
      return Scripted.answer(body, { headers: { "content-type": "application/json" } })(request)
    })

  const failures: ReadonlyArray<Failure> = [
    { name: "a dropped connection", step: Scripted.dropped, repeated: "if idempotent" },
    { name: "a time-out", step: Scripted.hang, repeated: "if idempotent" },
    { name: "a time-out at the server", step: refused("ETIMEDOUT"), repeated: "if idempotent" },
    { name: "an answer that broke off", step: brokenOff, repeated: "if idempotent", withoutBody: "never" },
    { name: "HTML with 502", step: unavailable, repeated: "if idempotent" },
    { name: "nothing with 503", step: Scripted.answer(null, { status: 503 }), repeated: "if idempotent" },
    { name: "an unknown code with 500", step: Scripted.refused(77, { status: 500 }), repeated: "if idempotent" },
    ...internal.map((code): Failure => ({
      name: `${code}`,
      step: Scripted.refused(code),
      repeated: "if idempotent",
      methods: ["GET", "POST"]
    })),
    { name: "an internal error", step: Scripted.refused(5000), repeated: "if idempotent", withoutBody: "never" },
    { name: "1500 with 500", step: Scripted.refused(1500, { status: 500 }), repeated: "if idempotent" },
    ...[
      "ECONNREFUSED",
      "ENOTFOUND",
      "EAI_AGAIN",
      "ENETUNREACH",
      "EHOSTUNREACH",
      "UND_ERR_CONNECT_TIMEOUT",
      "ConnectionRefused",
      "FailedToOpenSocket"
    ].map((code): Failure => ({ name: code, step: refused(code), repeated: "always", methods: ["GET", "POST"] })),
    ...["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"].map(
      (code): Failure => ({ name: code, step: refused(code), repeated: "if idempotent", methods: ["GET", "POST"] })
    ),
    { name: "a refused connection", step: refused("ECONNREFUSED"), repeated: "always" },
    {
      name: "a connection that timed out",
      step: Scripted.transportError(systemError("ETIMEDOUT", "connect")),
      repeated: "always",
      methods: ["GET", "POST"]
    },
    {
      name: "connections that each of several addresses refused",
      step: several(systemError("ECONNREFUSED", "connect"), systemError("ETIMEDOUT", "connect")),
      repeated: "always",
      methods: ["GET", "POST"]
    },
    {
      name: "connections to several addresses, one of which had been made",
      step: several(systemError("ECONNREFUSED", "connect"), systemError("ECONNRESET", "read")),
      repeated: "if idempotent",
      methods: ["GET", "POST"]
    },
    {
      name: "TLS that was never established",
      step: Scripted.transportError(
        Object.assign(
          new Error("Client network socket disconnected before secure TLS connection was established"),
          { code: "ECONNRESET" }
        )
      ),
      repeated: "always",
      methods: ["GET", "POST"]
    },
    {
      name: "a proxy that makes no tunnel",
      step: Scripted.transportError(
        new TypeError("fetch failed", {
          cause: Object.assign(new Error("Proxy response (502) !== 200 when HTTP Tunneling"), {
            code: "UND_ERR_ABORTED"
          })
        })
      ),
      repeated: "always",
      methods: ["GET", "POST"]
    },
    {
      name: "a certificate",
      step: Scripted.transportError(Object.assign(new Error("certificate has expired"), { code: "CERT_HAS_EXPIRED" })),
      repeated: "never",
      methods: ["GET", "POST"]
    },
    {
      name: "a body that cannot be encoded",
      step: (request) => new HttpClientError.RequestError({ request, reason: "Encode", cause: new Error("no JSON") }),
      repeated: "never",
      methods: ["GET", "POST"]
    },
    {
      name: "a busy document",
      step: Scripted.refused(1254290, { status: 400 }),
      repeated: "if idempotent",
      withoutBody: "never"
    },
    { name: "a scope that is missing", step: Scripted.refused(99991672, { status: 400 }), repeated: "never" },
    { name: "code 0 with 500", step: Scripted.json({ code: 0 }, { status: 500 }), repeated: "if idempotent" },
    { name: "foreign JSON with 503", step: Scripted.json({ error: 1 }, { status: 503 }), repeated: "if idempotent" },
    { name: "foreign JSON with 404", step: Scripted.json({ error: 1 }, { status: 404 }), repeated: "never" },
    { name: "a rate limit", step: Scripted.rateLimited(0), repeated: "always" },
    {
      name: "a connection that was made and has no route any more",
      step: Scripted.transportError(
        Object.assign(new Error("read EHOSTUNREACH"), { code: "EHOSTUNREACH", syscall: "read" })
      ),
      repeated: "if idempotent"
    },
    { name: "a rate limit with 400", step: Scripted.rateLimited(0, 400), repeated: "always", withoutBody: "never" },
    { name: "1000004", step: Scripted.refused(1000004), repeated: "always", withoutBody: "never" },
    { name: "a wrong parameter", step: Scripted.refused(99992402, { status: 400 }), repeated: "never" },
    { name: "an unknown code", step: Scripted.refused(77), repeated: "never" },
    { name: "a disabled app", step: Scripted.refused(99991662, { status: 400 }), repeated: "never" },
    { name: "HTML with 404", step: Scripted.answer("<html>", { status: 404 }), repeated: "never" },
    { name: "HTML with 401", step: Scripted.answer("<html>", { status: 401 }), repeated: "never" },
    { name: "a redirect", step: Scripted.answer(null, { status: 302 }), repeated: "never" },
    { name: "a success", step: Scripted.ok, repeated: "never" }
  ]

  const policy = RetryPolicy.make({ retries: 2, baseDelay: 0, totalTimeout: "1 minute" })

  it.effect.each(failures)("by $name is repeated as often as does no harm", (failure) =>
    Effect.gen(function*() {
      const rows = (failure.methods ?? [...safe, ...unsafe]).flatMap((method) =>
        [false, true].map((isIdempotent) => ({ method, isIdempotent }))
      )
      const counts = yield* settle(
        Effect.forEach(
          rows,
          ({ isIdempotent, method }) =>
            Effect.map(
              withScript([failure.step], (client) => client.execute(HttpClientRequest.make(method)(path)), {
                policy,
                isIdempotent
              }),
              ({ requests }) => [method, isIdempotent, requests.length]
            ),
          { concurrency: "unbounded" }
        )
      )
      const expected = rows.map(({ isIdempotent, method }) => {
        const repeated = method === "HEAD" ? failure.withoutBody ?? failure.repeated : failure.repeated
        const isRepeated = repeated === "always"
          || (repeated === "if idempotent" && (isIdempotent || !["POST", "PATCH"].includes(method)))
        return [method, isIdempotent, isRepeated ? 3 : 1]
      })
      assert.deepStrictEqual(counts, expected)
    }))

  it.effect("that passes is nothing to the caller", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* play(get, [
        Scripted.dropped,
        unavailable,
        Scripted.refused(1500),
        Scripted.hang,
        found
      ])
      assert.deepStrictEqual(yield* FeishuClient.schemaData(User)(successOf(exit)), user)
      assert.deepStrictEqual(at, [0, 100, 300, 700, 11_500])
    }))

  it.effect("that lasts is the caller's: an answer where there is one, else the error", () =>
    Effect.gen(function*() {
      const answered = yield* play(get, [Scripted.dropped, Scripted.refused(1500, { status: 500 })])
      assert.strictEqual(successOf(answered.exit).status, 500)
      assert.strictEqual(yield* codeOf(answered.exit), 1500)
      assert.strictEqual(answered.at.length, 6)
      const page = yield* play(get, [unavailable])
      assert.strictEqual(successOf(page.exit).status, 502)
      assert.strictEqual(yield* successOf(page.exit).text, "<html>")
      assert.strictEqual(page.at.length, 6)
      const unanswered = yield* play(get, [Scripted.refused(1500), Scripted.dropped])
      assert.deepInclude(failureOf(unanswered.exit), {
        _tag: "FeishuNetworkError",
        reason: "Connection",
        method: "GET",
        url
      })
      const once = yield* play(post, [Scripted.dropped])
      assert.deepInclude(failureOf(once.exit), {
        _tag: "FeishuNetworkError",
        reason: "Connection",
        method: "POST",
        url
      })
    }))

  it.effect("by an answer that says more is given before a last attempt that was cut short", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* play(get, [Scripted.refused(1500), Scripted.hang], {
        policy: RetryPolicy.make({ totalTimeout: "5 seconds" })
      })
      assert.strictEqual(yield* codeOf(exit), 1500)
      assert.strictEqual(took, 5000)
    }))

  it.effect("is not repeated at all under RetryPolicy.none", () =>
    Effect.gen(function*() {
      for (const step of [Scripted.dropped, unavailable, refused("ECONNREFUSED"), Scripted.rateLimited(1)]) {
        for (const isIdempotent of [false, true]) {
          assert.deepStrictEqual((yield* play(get, [step], { policy: RetryPolicy.none, isIdempotent })).at, [0])
        }
      }
    }))

  it.effect("of a POST is not repeated by a Schedule that knows no better", () =>
    Effect.gen(function*() {
      const policy = RetryPolicy.fromSchedule(Schedule.recurs(3))
      for (const step of [Scripted.dropped, Scripted.hang, unavailable, Scripted.refused(1500), Scripted.refused(77)]) {
        assert.strictEqual((yield* play(post, [step], { policy })).at.length, 1)
      }
      for (const step of [refused("ECONNREFUSED"), Scripted.rateLimited(1)]) {
        assert.strictEqual((yield* play(post, [step], { policy })).at.length, 4)
      }
      assert.strictEqual((yield* play(get, [Scripted.dropped], { policy })).at.length, 4)
      assert.strictEqual((yield* play(post, [Scripted.dropped], { policy, isIdempotent: true })).at.length, 4)
    }))

  it.effect("of a POST that was never sent is repeated until it has been sent, and not after", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* play(post, [
        refused("ECONNREFUSED"),
        Scripted.rateLimited(1),
        Scripted.dropped,
        found
      ])
      assert.strictEqual(at.length, 3)
      assert.deepInclude(failureOf(exit), { reason: "Connection" })
    }))

  it.effect("takes no more than the time of the call, a new token in it or not", () =>
    Effect.gen(function*() {
      const policy = RetryPolicy.make({ totalTimeout: "5 seconds" })
      const refusal = Scripted.after("4 seconds", Scripted.refused(99991663))
      assert.strictEqual((yield* play(get, [refusal, Scripted.hang], { policy })).took, 5000)
    }))

  it.effect("says how an attempt took too long", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* play(post, [Scripted.hang])
      assert.deepInclude(failureOf(exit), { reason: "Timeout", description: "no complete answer within 10s" })
      assert.strictEqual(took, 10_000)
    }))

  it.effect("by a client's own defect stays a defect", () =>
    Effect.gen(function*() {
      const { at, exit } = yield* play(get, [() => Effect.die("a bug")])
      assert.strictEqual(defectOf(exit), "a bug")
      assert.deepStrictEqual(at, [0])
    }))

  it.effect("is idempotent only where the caller says so", () =>
    Effect.gen(function*() {
      const { requests } = yield* settle(
        withScript([Scripted.dropped], (client) =>
          Effect.exit(FeishuClient.idempotent(Effect.exit(client.execute(post)))).pipe(
            Effect.zipRight(Effect.exit(client.execute(post)))
          ))
      )
      assert.strictEqual(requests.length, 6 + 1)
    }))
})

describe("FeishuClient, JSON that was cut off", () => {
  const cut = Scripted.answer("{\"code\":0,\"data\":{\"na", { headers: { "content-type": "application/json" } })

  it.effect.each(
    [
      ["GET", 2],
      ["POST", 1]
    ] as const
  )("lets a %s be sent %i times", ([method, times]) =>
    Effect.gen(function*() {
      const script = Scripted.make(cut, Scripted.json({ code: 0, data: 1 }))
      const result = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.execute(HttpClientRequest.make(method)(path))),
        Effect.flatMap(FeishuClient.schemaData(Schema.Number)),
        Effect.either,
        Effect.withRandom(Random.fixed([0])),
        Effect.provideService(AccessToken.AccessToken, makeTokens().service),
        Effect.provide([script.layer, Scripted.app])
      )
      assert.strictEqual(script.seen.length, times)
      assert.strictEqual(result._tag, times === 1 ? "Left" : "Right")
    }))

  it.effect("is no success, and JSON without a code is", () =>
    Effect.gen(function*() {
      const script = Scripted.make(cut, Scripted.json([1, 2]))
      const client = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.provideService(AccessToken.AccessToken, makeTokens().service),
        Effect.provide([script.layer, Scripted.app])
      )
      const get = Effect.provideService(client.get(path), RetryPolicy.RetryPolicy, RetryPolicy.none)
      assert.deepInclude(yield* Effect.flip(Effect.flatMap(get, FeishuClient.filterCodeOk)), {
        _tag: "FeishuNetworkError",
        reason: "InvalidResponse",
        isRetryable: true
      })
      assert.deepStrictEqual(yield* Effect.flatMap(get, ({ json }) => json), [1, 2])
    }))
})

describe("FeishuClient.filterCodeOk", () => {
  const get = (step: Scripted.Step) =>
    FeishuClient.forTenant("tenant_1").pipe(
      Effect.flatMap((client) => client.get(path)),
      Effect.flatMap(FeishuClient.filterCodeOk),
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
      Effect.provideService(AccessToken.AccessToken, makeTokens().service),
      Effect.provide([Scripted.make(step).layer, Scripted.app])
    )

  it.effect("returns the answer of a success, with data or without", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* get(Scripted.ok)).status, 200)
      assert.strictEqual(
        yield* (yield* get(Scripted.json({ code: 0, data: { n: 1 } }))).text,
        "{\"code\":0,\"data\":{\"n\":1}}"
      )
    }))

  it.effect("fails if the platform refused, whatever the status", () =>
    Effect.gen(function*() {
      for (const status of [200, 400]) {
        assert.deepInclude(yield* Effect.flip(get(Scripted.refused(230001, { status }))), {
          _tag: "FeishuApiError",
          code: 230001
        })
      }
    }))
})

describe("FeishuClient.idempotent and replayable", () => {
  it.effect("around the effect that makes a client hold for all calls of the client", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.dropped, Scripted.ok)
      const client = yield* FeishuClient.replayable(FeishuClient.idempotent(FeishuClient.forTenant("tenant_1"))).pipe(
        Effect.provideService(AccessToken.AccessToken, makeTokens().service),
        Effect.provide([script.layer, Scripted.app])
      )
      const body = HttpBody.stream(Stream.make(new Uint8Array(1)))
      yield* Effect.withRandom(client.post(path, { body }), Random.fixed([0]))
      assert.strictEqual(script.seen.length, 2)
    }))
})

describe("FeishuClient, a body", () => {
  const bytes = new TextEncoder().encode("the whole of it")

  /** A server that takes the body before it answers. */
  const taking = (...steps: ReadonlyArray<Scripted.Step>) => {
    const bodies: Array<string> = []
    const take = (step: Scripted.Step): Scripted.Step => (request) => {
      const { body } = request
      const stream = body._tag === "Stream"
        ? body.stream
        : body._tag === "Raw" && body.body instanceof ReadableStream
        ? Stream.fromReadableStream<Uint8Array, unknown>(
          () => body.body as ReadableStream<Uint8Array>,
          (error) => error
        )
        : Stream.empty
      return Stream.decodeText(stream).pipe(
        Stream.mkString,
        Effect.orDie,
        Effect.flatMap((text) => {
          bodies.push(text)
          return step(request)
        })
      )
    }
    return { bodies, steps: steps.map(take) }
  }

  const streamed = HttpClientRequest.bodyStream(post, Stream.make(bytes.slice(0, 5), bytes.slice(5)))
  const spent = () =>
    HttpClientRequest.setBody(
      post,
      HttpBody.raw(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(bytes)
            controller.close()
          }
        })
      )
    )

  it.effect("that is a Stream goes once, and the caller gets the refusal", () =>
    Effect.gen(function*() {
      for (const step of [Scripted.refused(99991663), Scripted.rateLimited(1), unavailable, refused("ECONNREFUSED")]) {
        for (const policy of [RetryPolicy.make(), RetryPolicy.fromSchedule(Schedule.recurs(3))]) {
          const server = taking(step, found)
          const { exit } = yield* play(streamed, server.steps, { isIdempotent: true, policy })
          assert.deepStrictEqual(server.bodies, ["the whole of it"])
          assert.isTrue(Exit.isFailure(exit) || successOf(exit).status !== 200 || (yield* codeOf(exit)) === 99991663)
        }
      }
    }))

  it.effect("that is a Stream goes whole each time if the caller says that it can run again", () =>
    Effect.gen(function*() {
      const server = taking(Scripted.refused(99991663), Scripted.rateLimited(1), found)
      const { exit } = yield* play(streamed, server.steps, { isReplayable: true })
      assert.strictEqual(successOf(exit).status, 200)
      assert.deepStrictEqual(server.bodies, ["the whole of it", "the whole of it", "the whole of it"])
    }))

  it.effect("that is a ReadableStream never goes twice", () =>
    Effect.gen(function*() {
      for (
        const step of [
          Scripted.refused(99991663),
          Scripted.rateLimited(1),
          Scripted.dropped,
          unavailable,
          refused("ECONNREFUSED")
        ]
      ) {
        for (const policy of [RetryPolicy.make(), RetryPolicy.fromSchedule(Schedule.recurs(3))]) {
          const server = taking(step)
          const { requests } = yield* play(spent(), server.steps, { isIdempotent: true, isReplayable: true, policy })
          assert.strictEqual(requests.length, 1)
          assert.deepStrictEqual(server.bodies, ["the whole of it"])
        }
      }
    }))

  it.effect("that is a ReadableStream takes the bad token with it, so that the next call has another", () =>
    Effect.gen(function*() {
      const { exit, invalidated } = yield* play(spent(), taking(Scripted.refused(99991663)).steps)
      assert.strictEqual(yield* codeOf(exit), 99991663)
      assert.deepStrictEqual(invalidated, ["t-secret-1"])
    }))

  it.effect("that is a form goes each time", () =>
    Effect.gen(function*() {
      const form = new FormData()
      form.set("file", "content")
      const { exit, requests } = yield* play(HttpClientRequest.bodyFormData(post, form), [
        Scripted.refused(99991663),
        found
      ])
      assert.strictEqual(successOf(exit).status, 200)
      assert.deepStrictEqual(
        requests.map(({ body }) => body._tag === "FormData" && body.formData.get("file")),
        ["content", "content"]
      )
    }))
})

describe("FeishuClient, an answer", () => {
  const answered = (step: Scripted.Step, request = get) =>
    Effect.map(play(request, [step], { policy: RetryPolicy.none }), ({ exit }) => successOf(exit))

  const envelope = { code: 0, msg: "success", data: user }
  const text = JSON.stringify(envelope)

  it.effect("that is JSON can be read in any way, and again", () =>
    Effect.gen(function*() {
      const answer = answered(
        Scripted.json(envelope, { status: 201, headers: { "x-tt-logid": "log 1", "x-own": "1" } })
      )
      const response = yield* answer
      assert.strictEqual(response.status, 201)
      assert.deepInclude(response.headers, { "content-type": "application/json", "x-tt-logid": "log 1", "x-own": "1" })
      assert.deepStrictEqual(yield* response.json, envelope)
      assert.strictEqual(yield* response.text, text)
      assert.deepStrictEqual(yield* FeishuClient.schemaData(User)(response), user)
      assert.deepStrictEqual(
        yield* HttpClientResponse.schemaBodyJson(Schema.Struct({ data: User }))(yield* answer),
        { data: user }
      )
      assert.strictEqual(
        new TextDecoder().decode(yield* Effect.flatMap(answer, ({ arrayBuffer }) => arrayBuffer)),
        text
      )
      assert.strictEqual(yield* Stream.mkString(Stream.decodeText((yield* answer).stream)), text)
    }))

  it.effect("that refuses can be read in any way, too", () =>
    Effect.gen(function*() {
      for (
        const step of [Scripted.refused(99992402, { status: 400 }), Scripted.rateLimited(99), Scripted.refused(1500)]
      ) {
        const response = yield* answered(step)
        assert.include(yield* response.text, "the platform's words")
        assert.include(yield* response.json, { msg: "the platform's words" })
      }
    }))

  it.effect("that is foreign JSON is left as it is", () =>
    Effect.gen(function*() {
      const response = yield* answered(Scripted.json([1, 2], { status: 404 }))
      assert.strictEqual(response.status, 404)
      assert.deepStrictEqual(yield* response.json, [1, 2])
    }))

  it.effect("sets its cookies, JSON or not", () =>
    Effect.gen(function*() {
      const headers: ReadonlyArray<[string, string]> = [["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2"]]
      for (const type of ["text/plain", "application/json"]) {
        const response = yield* answered((request) =>
          Scripted.answer("{\"code\":0}", { headers: new Headers([["content-type", type], ...headers]) })(request)
        )
        assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a", "b"], type)
      }
    }))

  it.effect.each(["application/octet-stream", "text/plain; charset=utf-8", "application/jsonlines", "image/png"])(
    "of the type %s is handed on before it has come",
    (type) =>
      Effect.gen(function*() {
        let pulls = 0
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            pulls++
            controller.enqueue(Uint8Array.of(pulls))
          }
        }, { highWaterMark: 0 })
        const response = yield* answered(
          Scripted.answer(body, { headers: { "content-type": type, "content-disposition": "attachment" } })
        )
        assert.strictEqual(pulls, 0)
        assert.strictEqual(response.headers["content-disposition"], "attachment")
        assert.deepStrictEqual(
          (yield* Stream.runCollect(Stream.take(response.stream, 3))).pipe((chunks) => [...chunks].map(([n]) => n)),
          [1, 2, 3]
        )
        assert.isBelow(pulls, 10)
      })
  )

  it.effect.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "application/problem+json"
  ])(
    "of the type %s is read for what it says",
    (type) =>
      Effect.gen(function*() {
        const { bearers } = yield* play(get, [
          Scripted.refused(99991663, { headers: { "content-type": type } }),
          found
        ])
        assert.deepStrictEqual(bearers, ["t-secret-1", "t-secret-2"])
      })
  )

  it.effect.each([[204, get], [205, get], [304, get], [200, HttpClientRequest.head(path)]] as const)(
    "without a body, HTTP %i, is one",
    ([status, request]) =>
      Effect.gen(function*() {
        const headers = { "content-type": "application/json", "x-own": "1" }
        const response = yield* answered(Scripted.answer(null, { status, headers }), request)
        assert.strictEqual(response.status, status)
        assert.strictEqual(response.headers["x-own"], "1")
        assert.strictEqual(yield* response.text, "")
      })
  )
})

describe("FeishuClient, its spans", () => {
  it.effect("end with the refusal, and never with the answer, whose request holds the token", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const script = Scripted.make(Scripted.refused(230001, { status: 200 }), Scripted.ok)
      const client = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.provideService(AccessToken.AccessToken, makeTokens().service),
        Effect.provide([script.layer, Scripted.app])
      )
      assert.strictEqual((yield* Effect.withTracer(client.get(path), tracer)).status, 200)
      yield* Effect.withTracer(client.get(path), tracer)
      const exits = spans.map(({ status }) => status._tag === "Ended" ? status.exit : assert.fail())
      assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Failure", "Success"])
      assert.include(String(exits[0]), "230001")
      assert.notInclude(inspect(exits, { depth: 20 }), "t-secret")
    }))

  it.effect("one for each attempt, and none of the HttpClient's own", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const headers = (logId: string) => ({ headers: { "x-tt-logid": logId } })
      const { requests } = yield* play(
        get,
        [
          Scripted.dropped,
          Scripted.refused(1500, headers("log 2")),
          Scripted.refused(99991663, { status: 400, ...headers("log 3") }),
          Scripted.json({ code: 0 }, headers("log 4"))
        ]
      ).pipe(Effect.withTracer(tracer))
      const about = {
        "feishu.app_id": "cli_test",
        "feishu.tenant_key": "tenant_1",
        "http.request.method": "GET",
        "url.full": url
      }
      assert.deepStrictEqual(spans.map(({ kind, name }) => `${kind} ${name}`), Array(4).fill("client FeishuClient.GET"))
      const seen = spans.map(({ attributes }) => Object.fromEntries(attributes))
      const status = "http.response.status_code"
      assert.deepInclude(seen[0], { ...about, "feishu.attempt": 1 })
      assert.deepInclude(seen[1], {
        ...about,
        "feishu.attempt": 2,
        [status]: 200,
        "feishu.code": 1500,
        "feishu.log_id": "log 2"
      })
      assert.deepInclude(seen[2], {
        ...about,
        "feishu.attempt": 3,
        [status]: 400,
        "feishu.code": 99991663,
        "feishu.log_id": "log 3"
      })
      assert.deepInclude(seen[3], { ...about, "feishu.attempt": 3, [status]: 200, "feishu.log_id": "log 4" })
      assert.isTrue(requests.every((request) => !("traceparent" in request.headers)))
    }))

  it.effect("without a tenant where it is the app's, and with the log id of what is no JSON", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const file = Scripted.answer("a file", { headers: { "content-type": "text/plain", "x-tt-logid": "log 1" } })
      yield* Effect.withTracer(play(post, [file], { forApp: true }), tracer)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["FeishuClient.POST"])
      const [span] = spans
      assert.isFalse(span?.attributes.has("feishu.tenant_key"))
      assert.strictEqual(span?.attributes.get("feishu.log_id"), "log 1")
      assert.strictEqual(span?.attributes.get("http.response.status_code"), 200)
    }))

  it.effect("are within the caller's, and fail with the attempt", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      yield* play(post, [Scripted.dropped]).pipe(Effect.withSpan("the caller's"), Effect.withTracer(tracer))
      const [caller, span] = spans
      assert.strictEqual(span && Option.getOrNull(span.parent), caller)
      if (span?.status._tag !== "Ended") return assert.fail("it has not ended")
      assert.deepInclude(failureOf(span.status.exit), { reason: "Connection" })
    }))
})

describe("FeishuClient, the token", () => {
  const everything = (value: unknown): string =>
    [
      String(value),
      JSON.stringify(value, (_, value) => typeof value === "bigint" ? String(value) : value),
      inspect(value, { depth: 20, showHidden: true, getters: true, maxStringLength: null }),
      value instanceof Error ? `${value.message}\n${value.stack}` : ""
    ].join("\n")

  const quote = "GET with Authorization: Bearer t-secret-1 or {\"token\":\"t-secret-1\"}"
  const asJson = { "content-type": "application/json" }

  const paths: Record<string, Scripted.Step> = {
    "a transport error with the request inside": (request) =>
      new HttpClientError.RequestError({ request, reason: "Transport", cause: { request, config: { quote } } }),
    "a transport error without a cause": (request) =>
      new HttpClientError.RequestError({ request, reason: "Transport" }),
    "a transport error that quotes it": Scripted.transportError(new Error(quote, { cause: new Error(quote) })),
    "a transport error that describes it": (request) =>
      new HttpClientError.RequestError({ request, reason: "Encode", description: quote }),
    "a refused connection that quotes it": Scripted.transportError(
      Object.assign(new Error(quote), { code: "ECONNREFUSED" })
    ),
    "a time-out": Scripted.hang,
    "a page that quotes it": Scripted.answer(quote, { status: 502, headers: { "content-type": "text/html" } }),
    "a page with 200 that quotes it": Scripted.answer(quote),
    "a page whose content type quotes it": Scripted.answer("", { headers: { "content-type": "t-secret-1" } }),
    "cut-off JSON that quotes it": Scripted.answer(`{"code":0,"msg":"${quote}`, { headers: asJson }),
    "an answer that breaks off with a quote": (request) =>
      Scripted.answer(new ReadableStream({ pull: (controller) => controller.error(new Error(quote)) }), {
        headers: asJson
      })(request),
    "a file that breaks off with a quote": (request) =>
      Scripted.answer(new ReadableStream({ pull: (controller) => controller.error(new Error(quote)) }))(request),
    "a refusal that quotes it": Scripted.json({ code: 99992402, msg: quote }, { status: 400 }),
    "a refusal that is repeated and quotes it": Scripted.json({ code: 1500, msg: quote }, { status: 500 }),
    "a rate limit that quotes it": Scripted.json({ code: 99991400, msg: quote }, {
      status: 429,
      headers: { "x-ogw-ratelimit-reset": "99" }
    }),
    "hints that quote it": Scripted.json({
      code: 99992402,
      msg: "",
      error: {
        log_id: "t-secret-1",
        troubleshooter: quote,
        helps: [{ url: "https://open.feishu.cn/?t-secret-1", description: quote }]
      }
    }),
    "a refusal whose log id is it": Scripted.refused(99992402, { headers: { "x-tt-logid": "t-secret-1" } }),
    "a page whose log id is it": Scripted.answer("<html>", { status: 502, headers: { "x-tt-logid": "t-secret-1" } }),
    "data that does not fit and is it": Scripted.json({ code: 0, data: { name: ["t-secret-1"], age: "t-secret-1" } }),
    "a wrong host": Scripted.ok
  }

  for (const [name, step] of Object.entries(paths)) {
    it.effect(`is in no error, log line or span after ${name}`, () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const { spans, tracer } = yield* recorder
        const record = Logger.make((options) => {
          lines.push(everything(options.message), everything([...options.annotations]), Cause.pretty(options.cause))
        })
        const run = withScript([step], (client) =>
          client.execute(name === "a wrong host" ? HttpClientRequest.get("https://evil.example/") : get).pipe(
            Effect.flatMap(FeishuClient.schemaData(User)),
            Effect.tapErrorCause((cause) =>
              Effect.logError("failed", cause)
            ),
            Effect.withSpan("the caller's")
          ), { policy: RetryPolicy.make({ retries: 1, baseDelay: 0 }) })
        const { exit } = yield* settle(run).pipe(
          Effect.provide([Logger.replace(Logger.defaultLogger, record), Logger.minimumLogLevel(LogLevel.All)]),
          Effect.withTracer(tracer)
        )
        if (Exit.isSuccess(exit)) {
          return assert.fail("not a failure")
        }
        const error = Cause.squash(exit.cause)
        assert.instanceOf(error, Error)
        assert.isAbove(lines.length, 0)
        const texts = [
          everything(error),
          everything(error.cause),
          everything(exit),
          Cause.pretty(exit.cause, { renderErrorCause: true }),
          ...lines,
          // What an attempt gave is the caller's, and no exporter's.
          ...spans.map(({ attributes, links, name, status, ...span }) =>
            everything([
              name,
              [...attributes],
              links,
              status._tag === "Ended" && Exit.isFailure(status.exit) && status.exit,
              Reflect.get(span, "events")
            ])
          )
        ]
        for (const text of texts) {
          assert.notInclude(text, "t-secret-1")
        }
      }))
  }

  it.effect("of the second try is masked, too", () =>
    Effect.gen(function*() {
      const { exit } = yield* settle(
        withScript([
          Scripted.refused(99991663),
          Scripted.json({ code: 99992402, msg: "bad t-secret-2" })
        ], (client) => Effect.flatMap(client.execute(get), FeishuClient.schemaData(User)))
      )
      assert.deepInclude(failureOf(exit), { _tag: "FeishuApiError", msg: "bad <redacted>" })
    }))
})

interface Arrived {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly bearer: string | undefined
  readonly body: string
}

/** A platform on a real socket: each step answers one request, the last one all that follow. */
const serve = (...steps: ReadonlyArray<(response: Http.ServerResponse) => void>) => {
  const arrived: Array<Arrived> = []
  const server = Http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      arrived.push({
        method: request.method,
        url: request.url,
        bearer: request.headers.authorization,
        body: Buffer.concat(chunks).toString()
      })
      const step = steps[arrived.length - 1] ?? steps.at(-1)
      step?.(response)
    })
  })
  return Effect.map(listen(server), (baseUrl) => ({ arrived, baseUrl }))
}

const says = (body: unknown, status = 200, headers: Http.OutgoingHttpHeaders = {}) => (response: Http.ServerResponse) =>
  void response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

const hangsUp = (response: Http.ServerResponse) => void response.socket?.destroy()

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FeishuClient.layerFetch],
  ["node:http", NodeHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici]
]

for (const [name, http] of clients) {
  describe(`FeishuClient over ${name}`, () => {
    const quick = RetryPolicy.make({ retries: 2, baseDelay: "10 millis" })

    const call = <A, E>(
      baseUrl: string,
      use: (client: FeishuClient.Client) => Effect.Effect<A, E>,
      policy: RetryPolicy.Policy = quick
    ) =>
      FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap(use),
        Effect.provideService(RetryPolicy.RetryPolicy, policy),
        Effect.provide([
          http,
          FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl }),
          Layer.succeed(AccessToken.AccessToken, makeTokens().service),
          Logger.minimumLogLevel(LogLevel.None)
        ]),
        Effect.exit
      )

    it.scopedLive("sends the caller's request, and once more with a new token", () =>
      Effect.gen(function*() {
        const { arrived, baseUrl } = yield* serve(
          says({ code: 99991663, msg: "" }, 400),
          says({ code: 0, data: user })
        )
        const exit = yield* call(baseUrl, (client) =>
          client.post(`${path}?a=1`, { urlParams: { b: "飞 书" }, body: HttpBody.unsafeJson({ c: 2 }) }).pipe(
            Effect.flatMap(FeishuClient.schemaData(User))
          ))
        assert.deepStrictEqual(successOf(exit), user)
        const request = { method: "POST", url: `${path}?a=1&b=%E9%A3%9E+%E4%B9%A6`, body: "{\"c\":2}" }
        assert.deepStrictEqual(arrived, [
          { ...request, bearer: "Bearer t-secret-1" },
          { ...request, bearer: "Bearer t-secret-2" }
        ])
      }))

    it.scopedLive("sends a replayable Stream whole after a refusal", () =>
      Effect.gen(function*() {
        const { arrived, baseUrl } = yield* serve(says({ code: 20013 }), says({ code: 0, data: user }))
        const body = Stream.range(1, 1000).pipe(Stream.map((n) => `${n}\n`), Stream.encodeText)
        const exit = yield* call(baseUrl, (client) =>
          FeishuClient.replayable(client.post(path, { body: HttpBody.stream(body) })))
        assert.strictEqual(successOf(exit).status, 200)
        const whole = Array.from({ length: 1000 }, (_, n) =>
          `${n + 1}\n`).join("")
        assert.deepStrictEqual(arrived.map(({ body }) => body === whole), [true, true])
      }))

    it.scopedLive("repeats a GET whose connection was dropped, and not a POST", () =>
      Effect.gen(function*() {
        const { arrived, baseUrl } = yield* serve(hangsUp)
        assert.deepInclude(failureOf(yield* call(baseUrl, (client) => client.get(path))), { reason: "Connection" })
        assert.strictEqual(arrived.length, 3)
        assert.deepInclude(failureOf(yield* call(baseUrl, (client) => client.post(path))), { reason: "Connection" })
        assert.strictEqual(arrived.length, 4)
      }))

    it.scopedLive("gives up a server that hangs, anywhere, repeats a GET, and not a POST", () =>
      Effect.forEach(
        [
          () => {},
          (response) => response.writeHead(200, { "content-type": "application/json" }).flushHeaders(),
          (response) => response.writeHead(200, { "content-type": "application/json" }).write("{\"code\":0,")
        ] satisfies ReadonlyArray<(response: Http.ServerResponse) => unknown>,
        (behave) =>
          Effect.gen(function*() {
            const { arrived, baseUrl } = yield* serve((response) => void behave(response))
            const impatient = RetryPolicy.make({ retries: 1, baseDelay: 0, attemptTimeout: "200 millis" })
            const [took, exit] = yield* Effect.timed(call(baseUrl, (client) => client.post(path), impatient))
            assert.deepInclude(failureOf(exit), { reason: "Timeout", description: "no complete answer within 200ms" })
            assert.isBelow(Duration.toMillis(took), 1000)
            assert.strictEqual(arrived.length, 1)
            const repeated = yield* call(baseUrl, (client) => client.get(path), impatient)
            assert.deepInclude(failureOf(repeated), { reason: "Timeout" })
            assert.strictEqual(arrived.length, 3)
          }),
        { concurrency: "unbounded", discard: true }
      ))

    it.scopedLive("repeats a GET whose JSON broke off, and not a POST", () =>
      Effect.gen(function*() {
        const { arrived, baseUrl } = yield* serve((response) => {
          response.writeHead(200, { "content-type": "application/json", "content-length": 100 })
          response.write("{\"code\":0,", () => response.socket?.destroy())
        })
        assert.deepInclude(failureOf(yield* call(baseUrl, (client) => client.post(path))), {
          reason: "InvalidResponse"
        })
        assert.strictEqual(arrived.length, 1)
        assert.deepInclude(failureOf(yield* call(baseUrl, (client) => client.get(path))), { reason: "InvalidResponse" })
        assert.strictEqual(arrived.length, 4)
      }))

    it.scopedLive("repeats a POST that nothing listened to, until it is sent", () =>
      Effect.gen(function*() {
        const arrived: Array<string | undefined> = []
        const server = Http.createServer((request, response) => {
          arrived.push(request.method)
          says({ code: 1500 })(response)
        })
        const baseUrl = yield* Effect.scoped(listen(Http.createServer()))
        const fiber = yield* Effect.fork(
          call(
            baseUrl,
            (client) => Effect.flatMap(client.post(path), FeishuClient.schemaData(User)),
            RetryPolicy.fromSchedule(Schedule.spaced("20 millis").pipe(Schedule.upTo("5 seconds")))
          )
        )
        yield* Effect.sleep("100 millis")
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) =>
            void server.listen(Number(new URL(baseUrl).port), "127.0.0.1", () => resume(Effect.void))
          ),
          () => Effect.sync(() => void server.close().closeAllConnections())
        )
        assert.deepInclude(failureOf(yield* Fiber.join(fiber)), { _tag: "FeishuApiError", code: 1500 })
        assert.deepStrictEqual(arrived, ["POST"])
      }))

    it.scopedLive("repeats a POST whose host has no address", () =>
      Effect.gen(function*() {
        let failures = 0
        const policy = RetryPolicy.fromSchedule(
          Schedule.recurs(2).pipe(Schedule.tapInput(() => Effect.sync(() => void failures++)))
        )
        const exit = yield* call("https://open.feishu.invalid", (client) => client.post(path), policy)
        assert.deepInclude(failureOf(exit), { reason: "Connection" })
        assert.strictEqual(failures, 3)
      }))

    it.scopedLive("hands on a file as it comes", () =>
      Effect.gen(function*() {
        let end = () => {}
        const { baseUrl } = yield* serve((response) => {
          end = () => void response.end("last")
          response.writeHead(200, { "content-type": "application/octet-stream", "content-disposition": "attachment" })
          response.write("first ")
        })
        const exit = yield* call(baseUrl, (client) =>
          Effect.flatMap(client.get(path), ({ headers, stream }) => {
            assert.strictEqual(headers["content-disposition"], "attachment")
            return stream.pipe(Stream.tap(() => Effect.sync(() => end())), Stream.decodeText(), Stream.mkString)
          }))
        assert.strictEqual(successOf(exit), "first last")
      }))

    it.scopedLive("survives a status that is none", () =>
      Effect.gen(function*() {
        const { baseUrl } = yield* serve(says({ code: 1500, msg: "" }, 600), says({ code: 0, data: user }, 999))
        for (let n = 0; n < 2; n++) {
          const exit = yield* call(
            baseUrl,
            (client) => Effect.flatMap(client.get(path), FeishuClient.schemaData(User)),
            RetryPolicy.none
          )
          assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail", `${exit}`)
        }
      }))

    it.scopedLive.each<[string, (response: Http.ServerResponse) => void]>([
      ["before the answer", () => {}],
      [
        "in the middle of the answer",
        (response) => void response.writeHead(200, { "content-type": "application/json" }).write("{\"code\":")
      ]
    ])("closes the connection when it is interrupted %s", ([_, behave]) =>
      Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const closed = yield* Deferred.make<void>()
        const { baseUrl } = yield* serve((response) => {
          behave(response)
          response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
          Deferred.unsafeDone(started, Effect.void)
        })
        const fiber = yield* Effect.fork(call(baseUrl, (client) => client.get(path), RetryPolicy.make()))
        yield* Deferred.await(started)
        yield* Effect.sleep("50 millis")
        const [took] = yield* Effect.timed(Fiber.interrupt(fiber))
        assert.isBelow(Duration.toMillis(took), 500)
        yield* Effect.timeout(Deferred.await(closed), "1 second")
      }))
  })
}

describe("FeishuClient over fetch, too", () => {
  it.scopedLive("JSON that was compressed is read", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* serve((response) => {
        response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
        response.end(gzipSync(JSON.stringify({ code: 0, data: user })))
      })
      const data = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.get(path)),
        Effect.flatMap(FeishuClient.schemaData(User)),
        Effect.provide([
          FeishuClient.layerFetch,
          FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl }),
          Layer.succeed(AccessToken.AccessToken, makeTokens().service)
        ])
      )
      assert.deepStrictEqual(data, user)
    }))

  it.scopedLive("a body that is a ReadableStream goes once", () =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says({ code: 99991663 }, 400))
      const body = new ReadableStream({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode("the whole of it"))
          controller.close()
        }
      })
      const halfDuplex: typeof fetch = (input, init) => fetch(input, Object.assign({}, init, { duplex: "half" }))
      const response = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.post(path, { body: HttpBody.raw(body) })),
        Effect.provide([
          FeishuClient.layerFetch,
          Layer.succeed(FetchHttpClient.Fetch, halfDuplex),
          FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl }),
          Layer.succeed(AccessToken.AccessToken, makeTokens().service)
        ])
      )
      assert.strictEqual(response.status, 400)
      assert.deepStrictEqual(arrived.map(({ body }) => body), ["the whole of it"])
    }))
})

describe("FeishuClient over undici, too", () => {
  async function* once() {
    yield "the whole of it"
  }

  it.scopedLive.each<[string, () => unknown]>([
    ["a Node stream", () => Readable.from(["the whole of it"])],
    ["an async generator", once]
  ])("a body that is %s does not go a second time, empty", ([_, makeBody]) =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says({ code: 99991663 }, 400), says({ code: 0 }))
      const response = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap((client) => client.post(path, { body: HttpBody.raw(makeBody()) })),
        Effect.provide([
          NodeHttpClient.layerUndici,
          FeishuApp.layer({ appId: "cli_test", appSecret: Scripted.appSecret, baseUrl }),
          Layer.succeed(AccessToken.AccessToken, makeTokens().service)
        ])
      )
      assert.deepStrictEqual(arrived.map(({ body }) => body), ["the whole of it"])
      assert.strictEqual(response.status, 400)
    }))
})

describe("FeishuClient, its types", () => {
  class Needed extends Context.Tag("Needed")<Needed, string>() {}

  it("a client is an HttpClient that may have no token", () => {
    type Constructor = Effect.Effect<
      HttpClient.HttpClient.With<AccessToken.AccessTokenError>,
      never,
      AccessToken.AccessToken | FeishuApp.FeishuApp | HttpClient.HttpClient
    >
    expectTypeOf(FeishuClient.forTenant).toEqualTypeOf<(tenantKey: string) => Constructor>()
    expectTypeOf(FeishuClient.forApp).toEqualTypeOf<Constructor>()
  })

  it("json fails as a call does, and needs what its schema needs", () => {
    const schema = Schema.transformOrFail(Schema.String, Schema.Number, {
      strict: true,
      decode: (text) => Effect.map(Needed, (needed) => text.length + needed.length),
      encode: () => Effect.succeed("")
    })
    expectTypeOf(FeishuClient.schemaData(schema)).toEqualTypeOf<
      (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<number, FeishuError, Needed>
    >()
  })

  it("idempotent changes no type", () => {
    const call = Effect.succeed(1) as Effect.Effect<number, "error", Needed>
    expectTypeOf(FeishuClient.idempotent(call)).toEqualTypeOf<typeof call>()
  })
})
