/** Answers that a test gives in place of the platform's empty success. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { AnsweredCall, CannedAnswer } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as EmulatorError from "../src/EmulatorError.js"
import * as Journal from "../src/Journal.js"
import * as Client from "./client.js"

const options: Emulator.Options = {
  apps: [Client.selfBuiltApp],
  answers: [{ path: "/open-apis/from/options", body: { code: 7, msg: "seven" }, status: 400 }]
}

const reply = "/open-apis/im/v1/messages/om_1/reply"

const lastCall = Effect.gen(function*() {
  const { journal } = yield* Emulator.Emulator
  return (yield* journal).findLast(Journal.$is("Call")) ?? assert.fail("no call")
})

for (const [door, Live] of Object.entries(Client.doors(options))) {
  layer(Live, { excludeTestServices: true })(`Emulator.answer at Emulator.${door}`, (it) => {
    it.effect("answers a call with data, after the check of the bearer token", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer("/open-apis/im/v1/messages/:message_id/reply", { message_id: "om_2" })
        const without = yield* Client.send("POST", reply, { body: "{}" })
        assert.deepInclude(without, { status: 400 })
        assert.strictEqual(without.body["code"], 99991661)
        const invalid = yield* Client.send("POST", reply, { body: "{}", authorization: "Bearer t-none" })
        assert.strictEqual(invalid.body["code"], 99991663)
        const answer = yield* Client.send("POST", reply, { body: "{}", authorization: yield* Client.bearer })
        assert.deepInclude(answer, { status: 200 })
        assert.deepStrictEqual(answer.body, { code: 0, msg: "success", data: { message_id: "om_2" } })
        assert.strictEqual(answer.headers["content-type"], "application/json; charset=utf-8")
        const call = yield* lastCall
        assert.deepInclude(call, { path: reply, token: "valid", status: 200, code: 0, tenantKey: "tenant_own" })
      }))

    it.effect("computes the data from the method, the path, the query and the body of the call", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer(
          "/open-apis/echo/:id",
          ({ body, method, path, query }) => ({ method, path, query, body })
        )
        const authorization = yield* Client.bearer
        const { body } = yield* Client.send("PATCH", "/open-apis/echo/1?a=b&c=?", { body: "{\"n\":1}", authorization })
        const expected: AnsweredCall = { method: "PATCH", path: "/open-apis/echo/1", query: "a=b&c=?", body: { n: 1 } }
        assert.deepStrictEqual(body["data"], expected)
        const other = yield* Client.send("POST", "/open-apis/echo/2", { body: "no JSON", authorization })
        assert.deepStrictEqual(other.body["data"], { method: "POST", path: "/open-apis/echo/2", query: "", body: {} })
      }))

    it.effect("answers only the method that is given", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer("/open-apis/one/method", "posted", { method: "POST" })
        const authorization = yield* Client.bearer
        const data = (method: "GET" | "POST") =>
          Effect.map(Client.send(method, "/open-apis/one/method", { authorization }), ({ body }) => body["data"])
        assert.deepStrictEqual([yield* data("POST"), yield* data("GET")], ["posted", {}])
      }))

    it.effect("matches any segment that is not empty, and as many segments as the path has", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer("/open-apis/a/:b/c", 1)
        const authorization = yield* Client.bearer
        const data = (path: string) =>
          Effect.map(Client.send("GET", path, { authorization }), ({ body }) => body["data"])
        assert.strictEqual(yield* data("/open-apis/a/x/c"), 1)
        assert.strictEqual(yield* data("/open-apis/a/x%2Fy/c?q"), 1)
        for (const path of ["/open-apis/a//c", "/open-apis/a/x/c/d", "/open-apis/a/x", "/open-apis/a/x/d"]) {
          assert.deepStrictEqual(yield* data(path), {}, path)
        }
      }))

    it.effect("gives the newest answer to a path, and setAnswers replaces all of them", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer("/open-apis/twice", "older")
        yield* emulator.answer("/open-apis/:any", "newer")
        const authorization = yield* Client.bearer
        const ask = (path: string) => Client.send("GET", path, { authorization })
        assert.strictEqual((yield* ask("/open-apis/twice")).body["data"], "newer")
        assert.strictEqual((yield* ask("/open-apis/from/options")).body["code"], 7)
        yield* emulator.setAnswers([
          { path: "/open-apis/first", body: { code: 1, msg: "the first" }, status: 403 },
          { path: "/open-apis/first", body: { code: 2, msg: "the second" } }
        ])
        const first = yield* ask("/open-apis/first")
        assert.deepInclude(first, { status: 403, body: { code: 1, msg: "the first" } })
        assert.deepInclude(yield* lastCall, { status: 403, code: 1 })
        assert.deepStrictEqual((yield* ask("/open-apis/twice")).body["data"], {})
        assert.strictEqual((yield* emulator.answers).length, 2)
        yield* emulator.reset
        assert.deepStrictEqual(yield* emulator.answers, options.answers ?? [])
      }))

    it.effect("sends a body that is a string as it is, also an empty one", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setAnswers([
          { path: "/open-apis/text", body: "not { JSON 飞书", status: 502 },
          { path: "/open-apis/empty", status: 204 },
          { path: "/open-apis/nothing" },
          { path: "/open-apis/null", body: null },
          { path: "/open-apis/list", body: [1] }
        ])
        const authorization = yield* Client.bearer
        const status = (path: string) =>
          Effect.map(
            Client.send("GET", path, { authorization }),
            ({ headers, status }) => [status, headers["x-tt-logid"]]
          )
        const text = yield* Client.send("GET", "/open-apis/text", { authorization })
        assert.deepInclude(text, { status: 502, text: "not { JSON 飞书" })
        assert.strictEqual(text.headers["content-type"], "text/plain; charset=utf-8")
        assert.deepInclude((yield* lastCall).sent, { text: "not { JSON 飞书" })
        assert.strictEqual((yield* lastCall).status, 502)
        assert.strictEqual((yield* status("/open-apis/empty"))[0], 204)
        assert.strictEqual((yield* status("/open-apis/nothing"))[0], 200)
        assert.strictEqual((yield* lastCall).sent?.text, "")
        assert.strictEqual((yield* Client.send("GET", "/open-apis/null", { authorization })).text, "null")
        assert.strictEqual((yield* Client.send("GET", "/open-apis/list", { authorization })).text, "[1]")
      }))

    it.effect.each<[string, unknown, string]>([
      ["throws", () => {
        throw new Error("a bug in the test")
      }, "a bug in the test"],
      ["returns a promise", () => Promise.resolve(1), "promise"],
      ["returns an Effect", () => Effect.succeed(1), "Effect"],
      ["returns what JSON does not have", () => ({ n: 1n }), "BigInt"],
      ["returns a promise in a field", () => ({ n: Promise.resolve(1) }), "promise"]
    ])(
      "says in the answer and in the journal that an answer %s, and goes on",
      ([_, data, reason]) =>
        Effect.gen(function*() {
          const emulator = yield* Emulator.Emulator
          yield* emulator.answer("/open-apis/wrong", data)
          const authorization = yield* Client.bearer
          const { body, status } = yield* Client.send("GET", "/open-apis/wrong", { authorization })
          assert.strictEqual(status, 400)
          assert.strictEqual(body["code"], -1)
          assert.include(body["msg"], "The emulator's answer to /open-apis/wrong")
          assert.include(body["msg"], reason)
          assert.deepInclude(yield* lastCall, { path: "/open-apis/wrong", status: 400, code: -1, outcome: "answered" })
          assert.strictEqual((yield* Client.send("GET", "/open-apis/right", { authorization })).body["code"], 0)
        }).pipe(Effect.timeout("3 seconds"))
    )

    it.effect("keeps the request's body and query in the journal, without secrets", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.answer(reply, {})
        const content = JSON.stringify({ text: "hello" })
        const body = JSON.stringify({ msg_type: "text", content, token: "a secret", app_ticket: "0123456789abcdef" })
        yield* Client.send("POST", `${reply}?a=b&token=hidden`, { body, authorization: yield* Client.bearer })
        const { query, received } = yield* lastCall
        assert.strictEqual(query, "a=b&token=…")
        assert.deepStrictEqual(JSON.parse(received?.text ?? ""), {
          msg_type: "text",
          content,
          token: "…",
          app_ticket: "0123…ef"
        })
        assert.match(received?.headers["authorization"] ?? "", /^Bearer t-[0-9a-f]{2}…[0-9a-f]{2}$/)
      }))

    it.effect("answers the tenant's data, too", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        const path = "/open-apis/tenant/v2/tenant/query"
        yield* emulator.answer(path, { tenant: { name: "a name" } })
        const { body } = yield* Client.send("GET", path, { authorization: yield* Client.bearer })
        assert.strictEqual(body["data"].tenant.name, "a name")
      }))
  })
}

describe("An answer that can never be given", () => {
  const wrong: ReadonlyArray<[CannedAnswer, string]> = [
    [{ path: "open-apis/x" }, "begin with /open-apis/"],
    [{ path: "https://open.feishu.cn/open-apis/x" }, "begin with /open-apis/"],
    [{ path: "/elsewhere" }, "begin with /open-apis/"],
    [{ path: "/open-apis/x?a=b" }, "without the query"],
    [{ path: "/open-apis/x#a" }, "encode that character"],
    [{ path: "/open-apis/飞书" }, "encode that character"],
    [{ path: "/open-apis/auth/v3/app_access_token" }, "use Fault.Answer"],
    [{ path: "/open-apis/auth/v3/none" }, "does not exist"],
    [{ path: "/open-apis/x", status: 99 }, "from 200 to 599"],
    [{ path: "/open-apis/x", status: 200.5 }, "from 200 to 599"],
    [{ path: "/open-apis/x", method: "post" }, "give one of GET, POST"],
    [{ path: "/open-apis/x", method: "" }, "give one of GET, POST"],
    [{ path: "/open-apis/x", body: { n: 1n } }, "the body for /open-apis/x is no JSON"],
    [{ path: "/open-apis/x", body: Promise.resolve() }, "a promise has no value yet"],
    [{ path: "/open-apis/tenant/v2/tenant/query", method: "POST" }, "by GET only"]
  ]
  const refused = (error: unknown, description: string) => {
    assert.instanceOf(error, EmulatorError.OptionsError)
    assert.strictEqual(error.option, "answers")
    assert.match(error.message, /^The emulator's answers: /)
    assert.include(error.message, description)
  }

  it.effect.each(wrong)(
    "%o is refused in the options and by setAnswers",
    ([answer, description]) =>
      Effect.gen(function*() {
        const built = Effect.provide(Emulator.Emulator, Emulator.layerHttpClient({ apps: [], answers: [answer] }))
        refused(yield* Effect.flip(built), description)
        const emulator = yield* Effect.provide(Emulator.Emulator, Emulator.layerHttpClient(options))
        refused(yield* Effect.flip(emulator.setAnswers([{ path: "/open-apis/right" }, answer])), description)
        assert.deepStrictEqual(yield* emulator.answers, options.answers ?? [], "nothing changes")
      })
  )

  it.effect("is refused by answer", () =>
    Effect.gen(function*() {
      const emulator = yield* Effect.provide(Emulator.Emulator, Emulator.layerHttpClient(options))
      refused(yield* Effect.flip(emulator.answer("/im/v1/messages", {})), "begin with /open-apis/")
      refused(yield* Effect.flip(emulator.answer("/open-apis/x", Effect.void)), "an Effect has no value yet")
      refused(yield* Effect.flip(emulator.answer("/open-apis/x", {}, { method: "post" })), "give one of GET, POST")
    }))
})
