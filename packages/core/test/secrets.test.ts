/**
 * The app secret is looked for in everything that a failure leaves behind: the error in every form, the log lines of
 * every logger, the spans. The transport and the platform do their worst to give it away.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, FiberRef, HashSet, Layer, Logger, LogLevel, Redacted, Schema } from "effect"
import { inspect } from "node:util"
import * as AppTicket from "../src/AppTicket.js"
import { FeishuApp } from "../src/FeishuApp.js"
import { FeishuError } from "../src/FeishuError.js"
import { decodeFields } from "../src/internal/call/fields.js"
import * as OpenApi from "../src/internal/call/openApi.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { everything } from "./everything.js"
import * as Scripted from "./scripted.js"
import { recorder } from "./spans.js"

const secret = Redacted.value(Scripted.appSecret)
const ticket = "t-0123456789abcdef"

/** The ways in which a program may write a secret. */
const forms = [
  secret,
  JSON.stringify(secret).slice(1, -1),
  JSON.stringify(secret).slice(1, -1).replaceAll("/", "\\/"),
  encodeURIComponent(secret),
  encodeURIComponent(secret).toLowerCase(),
  new URLSearchParams([["", secret]]).toString().slice(1),
  ticket
]

const assertNoSecret = (where: string, text: string) => {
  for (const form of forms) {
    for (const written of [form, JSON.stringify(form).slice(1, -1), inspect(form).slice(1, -1)]) {
      assert.notInclude(text, written, where)
    }
  }
}

const echo = `{"app_id":"cli_test","app_secret":${JSON.stringify(secret)},"app_ticket":"${ticket}"}`
const query = `app_id=cli_test&app_secret=${encodeURIComponent(secret)}&app_ticket=${ticket}`
const form = new URLSearchParams({ app_secret: secret, app_ticket: ticket }).toString()

/** An error as axios makes it: the whole request hangs on it. */
const axiosError = Object.assign(new Error("Request failed"), {
  name: "AxiosError",
  code: "ERR_BAD_RESPONSE",
  config: { data: echo, headers: { secret } },
  request: { body: echo }
})

const paths: Record<string, Scripted.Step> = {
  "a transport error with the request inside": (request) =>
    new HttpClientError.RequestError({ request, reason: "Transport", cause: axiosError }),
  "a transport error that quotes the request": Scripted.transportError(
    new Error(`cannot send ${echo} ${query} ${form}`)
  ),
  "a transport error deep down": Scripted.transportError(
    new Error("fetch failed", {
      cause: new Error("outer", { cause: Object.assign(new Error(secret), { code: secret }) })
    })
  ),
  "a transport error that is a text": Scripted.transportError(`cannot send ${echo}`),
  "a transport error by description": (request) =>
    new HttpClientError.RequestError({ request, reason: "Encode", description: `cannot encode ${echo}` }),
  "an error named after the secret": Scripted.transportError(Object.assign(new Error("x"), { name: secret })),
  "a time-out": Scripted.hang,
  "HTML that quotes the request": Scripted.answer(`<html>${echo}${query}`, {
    headers: { "content-type": "text/html" }
  }),
  "a 502 that quotes the request": Scripted.answer(echo, { status: 502 }),
  "a 400 that quotes the request": Scripted.answer(echo, { status: 400 }),
  "a cut-off answer that quotes the request": Scripted.answer(`{"code":0,"msg":"ok",${echo}`),
  "a body that breaks off with a quote": (request) =>
    Scripted.answer(new ReadableStream({ pull: (controller) => controller.error(new Error(echo)) }))(request),
  "a huge body full of it": Scripted.answer(secret.repeat(100_000)),
  "a msg that quotes the request": Scripted.json({ code: 10003, msg: `invalid param ${echo} ${query}` }),
  "a msg that quotes the request as PHP would": Scripted.json({
    code: 10003,
    msg: `invalid param ${echo.replaceAll("/", "\\/")} ${query.toLowerCase()}`
  }),
  "a msg of a retryable refusal": Scripted.json({ code: 1500, msg: `failed on ${echo}` }, { status: 500 }),
  "hints that quote the request": Scripted.json({
    code: 10003,
    msg: "",
    error: {
      log_id: secret,
      troubleshooter: `look at ${query}`,
      helps: [{ url: `https://open.feishu.cn/?${query}`, description: form }]
    }
  }),
  "a log id that is the secret": Scripted.refused(10015, {
    headers: { "x-tt-logid": encodeURIComponent(secret), "x-request-id": ticket }
  }),
  "a content type that is the secret": Scripted.answer("", { headers: { "content-type": encodeURIComponent(secret) } }),
  "a field of a wrong type that is the secret": Scripted.json({ code: 0, token: [secret, ticket] }),
  "a field of a wrong type, with a refusing status": Scripted.json({ code: 0, token: secret }, { status: 400 })
}

/** A call that has a second secret in its body and wants something in the answer. */
const post = Effect.flatMap(FeishuApp, (app) =>
  OpenApi.post({
    name: "test",
    path: "/open-apis/test",
    body: { app_id: app.appId, app_secret: app.appSecret, app_ticket: Redacted.make(ticket) },
    decode: decodeFields(Schema.Struct({ token: Schema.Redacted(Schema.String) }))
  }))

const observe = (step: Scripted.Step, client: (client: HttpClient.HttpClient) => HttpClient.HttpClient) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const { spans, tracer } = yield* recorder
    const console = yield* Effect.console
    /** Takes whatever is printed, by whichever method. */
    const recordingConsole = new Proxy(console.unsafe, {
      get: () => (...args: ReadonlyArray<unknown>) => {
        lines.push(everything(args))
      }
    })
    const record = <A>(logger: Logger.Logger<unknown, A>) =>
      Logger.map(logger, (line) => {
        lines.push(everything(line))
      })
    const loggers = [
      Logger.stringLogger,
      Logger.logfmtLogger,
      Logger.jsonLogger,
      Logger.structuredLogger,
      Logger.make((options) => options.message)
    ].map(record)
    const exit = yield* post.pipe(
      Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ retries: 2, baseDelay: 0, attemptTimeout: 5 })),
      Effect.provide([
        Layer.succeed(HttpClient.HttpClient, client(Scripted.make(step).client)),
        Scripted.app,
        Logger.minimumLogLevel(LogLevel.All)
      ]),
      Effect.tapErrorCause((cause) => Effect.logError("failed", cause)),
      Effect.tapError((error) => Effect.logError(error)),
      Effect.locally(
        FiberRef.currentLoggers,
        HashSet.fromIterable([...loggers, Logger.prettyLoggerDefault, Logger.tracerLogger])
      ),
      Effect.withConsole({ ...console, unsafe: recordingConsole }),
      Effect.withTracer(tracer),
      Effect.exit
    )
    return { exit, lines, spans }
  })

describe("The app secret", () => {
  for (const [path, step] of Object.entries(paths)) {
    for (
      const [through, client] of [["", (_: HttpClient.HttpClient) => _], [
        ", through a client that refuses by status",
        HttpClient.filterStatusOk
      ]] as const
    ) {
      it.live(`is nowhere after ${path}${through}`, () =>
        Effect.gen(function*() {
          const { exit, lines, spans } = yield* observe(step, client)
          if (Exit.isSuccess(exit) || exit.cause._tag !== "Fail") return assert.fail(`not a failure: ${exit}`)
          const error = exit.cause.error
          if (error._tag === "FeishuAppError") return assert.fail("not the call's failure")

          assertNoSecret("the error", everything(error))
          assertNoSecret("its cause", everything(error.cause))
          assertNoSecret("its encoded form", JSON.stringify(yield* Schema.encode(FeishuError)(error)))
          assertNoSecret("the exit", everything(exit))
          assertNoSecret("the pretty cause", Cause.pretty(exit.cause, { renderErrorCause: true }))

          assert.isAbove(lines.length, 5)
          for (const line of lines) assertNoSecret("a log line", line)

          assert.isAbove(spans.length, 0)
          for (const span of spans) {
            const { attributes, links, name, status } = span
            const events = Reflect.get(span, "events")
            assert.isAbove(events.length, 0, "the log lines are not among the span's events")
            assertNoSecret("a span", everything({ attributes, events, links, name, status }))
          }
        }))
    }
  }

  it("would be found, if it were there", () => {
    for (const leak of [{ a: secret }, new Error(echo), { a: { b: [query] } }, form, Chunk.of(ticket)]) {
      assert.throws(() => assertNoSecret("here", everything(leak)))
    }
  })

  it.effect("is on the wire", () =>
    Effect.gen(function*() {
      const script = Scripted.make(Scripted.ok)
      yield* AppTicket.resend.pipe(Effect.provide([script.layer, Scripted.app]))
      const body = script.seen[0]?.request.body
      assert.include(
        body?._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "",
        JSON.stringify(secret)
      )
    }))
})
