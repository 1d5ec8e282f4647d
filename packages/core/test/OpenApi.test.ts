import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, FastCheck, Fiber, Layer, Option, Redacted, Schema, TestClock } from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuError from "../src/FeishuError.js"
import { decodeFields } from "../src/internal/call/fields.js"
import * as OpenApi from "../src/internal/call/openApi.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const url = "https://open.feishu.cn/open-apis/test"

const call = <A, I>(answer: Schema.Schema<A, I>) =>
  OpenApi.post({ name: "test", path: "/open-apis/test", body: { key: "value" }, decode: decodeFields(answer) })

const once = <A, I>(step: Scripted.Step, answer: Schema.Schema<A, I>) =>
  call(answer).pipe(
    Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none),
    Effect.provide([Scripted.make(step).layer, Scripted.app])
  )

const failure = (step: Scripted.Step, answer: Schema.Schema.AnyNoContext = Schema.Struct({})) =>
  Effect.flip(once(step, answer))

const networkError = (step: Scripted.Step, answer?: Schema.Schema.AnyNoContext) =>
  Effect.map(
    failure(step, answer),
    (error) =>
      error instanceof FeishuError.FeishuNetworkError ? error : assert.fail(`not a FeishuNetworkError: ${error}`)
  )

const apiError = (step: Scripted.Step) =>
  Effect.map(
    failure(step),
    (error) => error instanceof FeishuError.FeishuApiError ? error : assert.fail(`not an FeishuApiError: ${error}`)
  )

describe("OpenApi, the request", () => {
  it.effect("is a POST of JSON, its secrets open on the wire only", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.ok)
      yield* OpenApi.post({
        name: "test",
        path: "/open-apis/test",
        body: { app_id: "cli_test", app_secret: Scripted.appSecret },
        decode: decodeFields(Schema.Struct({}))
      }).pipe(Effect.provide([script.layer, Scripted.app]))
      const request = script.seen[0]?.request
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.url, url)
      assert.strictEqual(request?.headers["content-type"], "application/json; charset=utf-8")
      assert.strictEqual(request?.headers["accept"], "application/json")
      const body = request?.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
      assert.deepStrictEqual(JSON.parse(body), {
        app_id: "cli_test",
        app_secret: Redacted.value(Scripted.appSecret)
      })
    }))
})

describe("OpenApi, an answer", () => {
  const Token = Schema.Struct({ token: Schema.Redacted(Schema.String), expire: Schema.Positive })

  it.effect("is decoded by the call's schema", () =>
    Effect.gen(function*() {
      const { expire, token } = yield* once(
        Scripted.json({ code: 0, msg: "ok", token: "t-1", expire: 7200, more: 1 }),
        Token
      )
      assert.strictEqual(expire, 7200)
      assert.strictEqual(Redacted.value(token), "t-1")
    }))

  it.effect.each<[string, Scripted.Step]>([
    ["without msg", Scripted.json({ code: 0 })],
    ["with a msg that is no text", Scripted.json({ code: 0, msg: null })],
    ["with another success status", Scripted.json({ code: 0 }, { status: 201 })],
    ["under a wrong content type", Scripted.json({ code: 0 }, { headers: { "content-type": "text/html" } })],
    ["without a content type", Scripted.answer(new TextEncoder().encode("{\"code\":0}"))],
    ["after a byte order mark", Scripted.answer("\ufeff{\"code\":0}")]
  ])("is a success %s", ([_, step]) => once(step, Schema.Struct({})))

  it.effect("may be in many pieces, cut within a character", () =>
    Effect.gen(function*() {
      const bytes = new TextEncoder().encode("{\"code\":0,\"name\":\"飞书\"}")
      const body = new ReadableStream({
        start: (controller) => {
          for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
          controller.close()
        }
      })
      const { name } = yield* once(Scripted.answer(body), Schema.Struct({ name: Schema.String }))
      assert.strictEqual(name, "飞书")
    }))
})

describe("OpenApi, a refusal", () => {
  it.effect.each([200, 400, 401, 403, 404, 429, 500, 503])(
    "is an FeishuApiError with HTTP status %i",
    (status) =>
      Effect.gen(function*() {
        const error = yield* apiError(Scripted.refused(10015, { status }))
        assert.deepInclude(error, { code: 10015, msg: "the platform's words", status, method: "POST", url })
        assert.strictEqual(error.kind, "Credentials")
        assert.strictEqual(error.retryAfter, undefined)
      })
  )

  it.effect.each([429, 400])("of the rate limit carries the wait, as HTTP %i", (status) =>
    Effect.gen(function*() {
      const error = yield* apiError(Scripted.rateLimited(52, status))
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(52))
      assert.strictEqual(error.kind, "RateLimited")
    }))

  it.effect("by another API's own rate-limit code counts as one, too", () =>
    Effect.gen(function*() {
      const error = yield* apiError(
        Scripted.refused(230020, { status: 400, headers: { "x-ogw-ratelimit-reset": "3" } })
      )
      assert.strictEqual(error.kind, "RateLimited")
      assert.isTrue(error.isRetryable)
    }))

  it.effect("carries the log id: x-tt-logid, else x-request-id, else the body's", () =>
    Effect.gen(function*() {
      const body = { code: 1500, msg: "", error: { log_id: "of the body" } }
      const logId = (headers: Record<string, string>) =>
        Effect.map(apiError(Scripted.json(body, { headers })), (error) => error.logId)
      assert.strictEqual(yield* logId({ "x-tt-logid": "1", "x-request-id": "2" }), "1")
      assert.strictEqual(yield* logId({ "x-request-id": "2" }), "2")
      assert.strictEqual(yield* logId({}), "of the body")
      assert.strictEqual((yield* apiError(Scripted.refused(1500))).logId, undefined)
    }))

  it.effect("carries the platform's hints", () =>
    Effect.gen(function*() {
      const helps = [{ url: "https://open.feishu.cn/1", description: "one" }, { url: "https://open.feishu.cn/2" }]
      const error = yield* apiError(
        Scripted.json({
          code: 99992402,
          msg: "field validation failed",
          error: { troubleshooter: "Look here", helps: [{ bad: 1 }, ...helps] }
        })
      )
      assert.strictEqual(error.troubleshooter, "Look here")
      assert.deepStrictEqual(error.helps.map(({ url }) => url), helps.map(({ url }) => url))
      assert.deepStrictEqual(error.helps.map(({ description }) => description), ["one", undefined])
    }))

  it.effect.each<[string, unknown]>([
    ["without msg", { code: 10016 }],
    ["with a msg that is no text", { code: 10016, msg: { zh: "…" } }],
    ["with an error that is no object", { code: 10016, error: "…" }],
    ["with hints that are none", { code: 10016, error: { helps: [{ link: 1 }, 2], troubleshooter: 5, log_id: [] } }]
  ])("keeps its code %s", ([_, body]) =>
    Effect.gen(function*() {
      const error = yield* apiError(Scripted.json(body))
      assert.strictEqual(error.code, 10016)
      assert.strictEqual(error.msg, "")
      assert.deepStrictEqual(error.helps, [])
      assert.strictEqual(error.logId, undefined)
    }))

  it.effect("reaches the caller through a client that refuses by status", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.refused(10015, { status: 400 }))
      const error = yield* call(Schema.Struct({})).pipe(
        Effect.provide([
          Layer.succeed(HttpClient.HttpClient, HttpClient.filterStatusOk(script.client)),
          Scripted.app
        ]),
        Effect.flip
      )
      assert.deepInclude(error, { _tag: "FeishuApiError", code: 10015, status: 400 })
    }))
})

describe("OpenApi, no usable answer", () => {
  it.effect.each<[string, FeishuError.FeishuNetworkError["reason"], number, Scripted.Step]>([
    ["HTML with 502", "Unavailable", 502, Scripted.answer("<html>", { status: 502 })],
    ["nothing with 500", "Unavailable", 500, Scripted.answer(null, { status: 500 })],
    ["foreign JSON with 503", "Unavailable", 503, Scripted.json({ error: "…" }, { status: 503 })],
    ["code 0 with 500", "Unavailable", 500, Scripted.json({ code: 0 }, { status: 500 })],
    ["cut-off JSON with 504", "Unavailable", 504, Scripted.answer("{\"code\":0,\"ms", { status: 504 })],
    ["HTML with 200", "InvalidResponse", 200, Scripted.answer("<html>")],
    ["HTML with 404", "InvalidResponse", 404, Scripted.answer("<html>", { status: 404 })],
    ["nothing with 200", "InvalidResponse", 200, Scripted.answer("")],
    ["no body with 200", "InvalidResponse", 200, Scripted.answer(null)],
    ["no body with 204", "InvalidResponse", 204, Scripted.answer(null, { status: 204 })],
    ["a redirect", "InvalidResponse", 302, Scripted.answer("", { status: 302, headers: { location: "/login" } })],
    ["cut-off JSON", "InvalidResponse", 200, Scripted.answer("{\"code\":0,\"ms")],
    ["code as a text", "InvalidResponse", 200, Scripted.json({ code: "0", msg: "ok" })],
    ["code as a fraction", "InvalidResponse", 200, Scripted.json({ code: 0.5 })],
    ["no code", "InvalidResponse", 200, Scripted.json({ msg: "ok" })],
    ["code 0 with 302", "InvalidResponse", 302, Scripted.json({ code: 0 }, { status: 302 })],
    [
      "nothing with 600",
      "InvalidResponse",
      599 + 1,
      (request) =>
        Effect.map(Scripted.answer("")(request), (response) => Object.create(response, { status: { value: 600 } }))
    ],
    ["a JSON list", "InvalidResponse", 200, Scripted.json([])],
    ["a JSON null", "InvalidResponse", 200, Scripted.json(null)],
    ["code 0 with 404", "InvalidResponse", 404, Scripted.json({ code: 0 }, { status: 404 })]
  ])("%s is %s", ([_, reason, status, step]) =>
    Effect.gen(function*() {
      assert.deepInclude(yield* networkError(step), { reason, status, method: "POST", url })
    }))

  it.effect("a field that is missing or wrong is named, its value is not", () =>
    Effect.gen(function*() {
      const answer = Schema.Struct({ token: Schema.String, expire: Schema.Positive })
      const missing = yield* networkError(Scripted.json({ code: 0, expire: 7200 }), answer)
      assert.deepInclude(missing, { reason: "InvalidResponse", description: "the answer has missing \"token\"" })
      const wrong = yield* networkError(Scripted.json({ code: 0, token: ["t-secret"], expire: -1 }), answer)
      assert.strictEqual(wrong.description, "the answer has unexpected \"token\", unexpected \"expire\"")
      assert.notInclude(JSON.stringify(wrong), "t-secret")
    }))

  it.effect("the wait that an answer asks for is kept, even where its body is of no use", () =>
    Effect.gen(function*() {
      const headers = { "x-ogw-ratelimit-reset": "9" }
      const error = yield* networkError(Scripted.answer("<html>", { status: 429, headers }))
      assert.deepStrictEqual(error.retryAfter, Duration.seconds(9))
      assert.isTrue(error.isRetryable)
    }))

  it.effect("a transport's failure is a Connection, with its cause", () =>
    Effect.gen(function*() {
      const error = yield* networkError(Scripted.dropped)
      assert.deepInclude(error, {
        reason: "Connection",
        status: undefined,
        description: "no answer: fetch failed: socket hang up"
      })
      assert.instanceOf(error.cause, Error)
      assert.deepInclude(Object(error.cause).cause, { message: "socket hang up", code: "ECONNRESET" })
    }))

  it.effect.each<[string, unknown]>([
    ["a text", "connection reset"],
    ["nothing", undefined],
    ["an object without a message", { errno: -104 }],
    ["an error whose cause is itself", ((error) => Object.assign(error, { cause: error }))(new Error("loop"))],
    [
      "a long chain",
      Array.from({ length: 100 }).reduce<Error>((cause, _, n) => new Error(`${n}`, { cause }), new Error())
    ],
    ["several errors", new AggregateError([new Error("::1"), new Error("127.0.0.1")])]
  ])("a transport's failure by %s is a Connection, too", ([_, cause]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* networkError(Scripted.transportError(cause))).reason, "Connection")
    }))

  const chain = (length: number): Error => new Error(`cause ${length}`, length > 0 ? { cause: chain(length - 1) } : {})

  it.effect("a transport's failure keeps its causes, as many as anybody reads", () =>
    Effect.gen(function*() {
      const { description } = yield* networkError(Scripted.transportError(chain(20)))
      assert.strictEqual(
        description,
        `no answer: ${Array.from({ length: 9 }, (_, n) => `cause ${20 - n}`).join(": ")}`
      )
    }))

  it.effect("a body that breaks off is an InvalidResponse, or Unavailable with 5xx", () =>
    Effect.gen(function*() {
      const broken = (status: number): Scripted.Step => (request) =>
        Effect.suspend(() => {
          const body = new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode("{\"code\":0,")),
            pull: (controller) => controller.error(new TypeError("terminated"))
          }, { highWaterMark: 0 })
          return Scripted.answer(body, { status })(request)
        })
      assert.deepInclude(yield* networkError(broken(200)), {
        reason: "InvalidResponse",
        status: 200,
        description: "the answer broke off: terminated"
      })
      assert.deepInclude(yield* networkError(broken(502)), { reason: "Unavailable", status: 502 })
    }))

  it.effect("a body of 10 MB is refused, not buffered", () =>
    Effect.gen(function*() {
      let pulled = 0
      let cancelled = false
      const body = new ReadableStream({
        pull: (controller) => {
          pulled += 64 * 1024
          controller.enqueue(new Uint8Array(64 * 1024).fill(32))
          if (pulled >= 10 * 1024 * 1024) controller.close()
        },
        cancel: () => {
          cancelled = true
        }
      })
      const error = yield* networkError(Scripted.answer(body))
      assert.deepInclude(error, { reason: "TooLarge", description: "the answer is longer than 1 MiB" })
      assert.isTrue(cancelled)
      assert.isAtMost(pulled, 1024 * 1024 + 3 * 64 * 1024)
    }))

  it.effect("a body of 1 MiB is read, and one of a byte more is not", () =>
    Effect.gen(function*() {
      const body = "{\"code\":0}".padEnd(1024 * 1024)
      yield* once(Scripted.answer(body), Schema.Struct({}))
      assert.strictEqual(
        (yield* networkError(Scripted.answer(`${body} `))).description,
        "the answer is longer than 1 MiB"
      )
    }))

  it.effect("an empty body is called so, and one that ends within a character is read to its end", () =>
    Effect.gen(function*() {
      assert.include((yield* networkError(Scripted.answer(null))).description, "an empty body (no content type)")
      const halfCharacter = Scripted.answer(new TextEncoder().encode("飞").slice(0, 2))
      assert.include((yield* networkError(halfCharacter)).description, "no content type, 1 characters")
    }))

  it.effect.prop(
    "no answer at all makes it die",
    [FastCheck.oneof(FastCheck.string(), FastCheck.json()), FastCheck.integer({ min: 200, max: 599 })],
    ([body, status]) =>
      Effect.gen(function*() {
        const withoutBody = status === 204 || status === 205 || status === 304
        const exit = yield* Effect.exit(
          once(Scripted.answer(withoutBody ? null : body, { status }), Schema.Struct({ token: Schema.String }))
        )
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      })
  )

  it.effect("a defect of the client stays a defect", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(once(() => Effect.die(new Error("a bug")), Schema.Struct({})))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
    }))
})

describe("OpenApi, its spans", () => {
  it.effect("those of a resend, one within the other", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      yield* AppTicket.resend.pipe(
        Effect.provide([Scripted.make(Scripted.ok).layer, Scripted.app]),
        Effect.withTracer(tracer)
      )
      const [resend, attempt] = spans
      assert.deepStrictEqual(spans.map(({ name }) => name), ["AppTicket.resend", "OpenApi.appTicketResend"])
      assert.strictEqual(attempt && Option.getOrNull(attempt.parent), resend)
    }))

  it.effect("an attempt that takes too long is a failure, not an interruption", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const fiber = yield* once(Scripted.hang, Schema.Struct({})).pipe(
        Effect.withTracer(tracer),
        Effect.exit,
        Effect.fork
      )
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      const [span] = spans
      if (span?.status._tag !== "Ended" || Exit.isSuccess(span.status.exit)) return assert.fail("not a failure")
      assert.deepInclude(Cause.squash(span.status.exit.cause), { _tag: "FeishuNetworkError", reason: "Timeout" })
    }))

  it.effect("one for each attempt, with app id, attempt, code and log id", () =>
    Effect.gen(function*() {
      const { spans, tracer } = yield* recorder
      const script = Scripted.make(
        Scripted.dropped,
        Scripted.refused(1500, { headers: { "x-tt-logid": "log 2" } }),
        Scripted.json({ code: 0 }, { headers: { "x-tt-logid": "log 3" } })
      )
      yield* call(Schema.Struct({})).pipe(
        Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ baseDelay: 0 })),
        Effect.provide([script.layer, Scripted.app]),
        Effect.withTracer(tracer)
      )
      const request = { "feishu.app_id": "cli_test", "http.request.method": "POST", "url.full": url }
      assert.deepStrictEqual(spans.map(({ attributes }) => Object.fromEntries(attributes)), [
        { ...request, "feishu.attempt": 1 },
        {
          ...request,
          "feishu.attempt": 2,
          "http.response.status_code": 200,
          "feishu.code": 1500,
          "feishu.log_id": "log 2"
        },
        {
          ...request,
          "feishu.attempt": 3,
          "http.response.status_code": 200,
          "feishu.code": 0,
          "feishu.log_id": "log 3"
        }
      ])
      assert.isTrue(spans.every(({ kind, name }) => name === "OpenApi.test" && kind === "client"))
      assert.deepStrictEqual(
        spans.map(({ status }) => status._tag === "Ended" && status.exit._tag),
        ["Failure", "Failure", "Success"]
      )
      assert.isTrue(script.seen.every(({ request }) => !("traceparent" in request.headers)))
    }))
})
