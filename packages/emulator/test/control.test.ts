/** Steers the emulator by HTTP: each endpoint, each refusal, and who may. */
import {
  EventHandler,
  EventNodeListener,
  EventSubscription,
  FeishuApp,
  FeishuEvents,
  TicketStore
} from "@effect-feishu/core"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as OpenApi from "@effect/platform/OpenApi"
import { afterAll, assert, describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import { ControlApi } from "../src/ControlApi.js"
import * as Emulator from "../src/Emulator.js"
import * as Fault from "../src/Fault.js"
import * as Client from "./client.js"

const app = Client.storeApp
const { appId } = app

/** The operations that a test has called, as `METHOD path`. */
const called = new Set<string>()

/** An emulator with one app on a port of its own, and a client of its endpoints. */
const start = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  const client = yield* HttpApiClient.make(ControlApi, {
    baseUrl: emulator.baseUrl
  }).pipe(Effect.provide(FetchHttpClient.layer))
  return { emulator, client }
})

const url = Effect.map(Emulator.Emulator, ({ baseUrl }) => baseUrl)

/** Sends a request as it is. */
const request = (
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly headers?: Record<string, string>; readonly raw?: string } = {}
) =>
  Effect.flatMap(url, (baseUrl) =>
    Effect.promise(async () => {
      called.add(`${method} ${path.split("?")[0]}`)
      const { body, headers, raw } = options
      const { hostname, port } = new URL(baseUrl)
      const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
      return new Promise<
        { readonly status: number; readonly text: string; readonly headers: Http.IncomingHttpHeaders }
      >(
        (resolve, reject) => {
          const sent = Http.request(
            {
              hostname,
              port,
              method,
              path,
              headers: { ...(text !== undefined && { "content-type": "application/json" }), ...headers }
            },
            (response) => {
              let answer = ""
              response.setEncoding("utf8")
              response.on("data", (chunk: string) => answer += chunk)
              response.on(
                "end",
                () => resolve({ status: response.statusCode ?? 0, text: answer, headers: response.headers })
              )
            }
          )
          sent.on("error", reject)
          sent.end(text)
        }
      )
    }))

const json = (method: string, path: string, body?: unknown) =>
  Effect.map(request(method, `/_emulator${path}`, { body }), ({ status, text }) => ({
    status,
    json: text === "" ? undefined : JSON.parse(text)
  }))

/** A port on which nothing listens now. */
const freePort = Effect.map(
  Effect.scoped(Client.listen(() => {})),
  (url) => Number(new URL(url).port)
)

const live = Emulator.layerServer({ apps: [app] })

/** A service with a handler of cards, behind a real port. */
const service = (handlers: ReadonlyArray<EventHandler.EventHandler>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      EventSubscription.layer({ handlers }).pipe(
        Layer.provide([
          FeishuApp.layer({
            appId,
            appSecret: app.appSecret,
            encryptKey: app.encryptKey,
            verificationToken: app.verificationToken
          }),
          TicketStore.layerMemory
        ])
      )
    )
    const listener = yield* Effect.provide(EventNodeListener.make, context)
    return yield* Client.listen((request, response) => void listener(request, response))
  })

describe("the endpoints", () => {
  it.scopedLive("show the state, without secrets", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      yield* emulator.pushTicket(appId)
      const token = yield* emulator.userToken(appId)
      const { json: state, status } = yield* json("GET", "/state")
      assert.strictEqual(status, 200)
      assert.strictEqual(state.baseUrl, emulator.baseUrl)
      const [shown] = state.apps
      assert.deepInclude(shown, {
        appId,
        kind: "store",
        enabled: true,
        tenants: ["tenant_1", "tenant_2"],
        requestUrl: null,
        hasEncryptKey: true,
        hasVerificationToken: true
      })
      assert.strictEqual(shown.tickets.length, 1)
      assert.strictEqual(shown.tokens[0].kind, "user")
      assert.isAbove(shown.tokens[0].expiresAt, yield* Clock.currentTimeMillis)
      const text = JSON.stringify(state)
      for (const secret of [Client.secret, "an encrypt key", "a verification token", Redacted.value(token.value)]) {
        assert.notInclude(text, secret)
      }
    }).pipe(Effect.provide(live)))

  it.scopedLive("add an app, change it, and save its request URL by a handshake", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      assert.strictEqual((yield* json("PUT", "/apps/cli_new", { appSecret: "s", tenants: ["a"] })).status, 204)
      assert.strictEqual((yield* json("PATCH", "/apps/cli_new", { enabled: false, encryptKey: "k" })).status, 204)
      const added = () => Effect.map(emulator.apps, (apps) => apps.find(({ appId }) => appId === "cli_new"))
      assert.deepInclude(yield* added(), { enabled: false, tenants: ["a"] })
      assert.strictEqual((yield* json("PATCH", "/apps/cli_new", { encryptKey: null })).status, 204)
      assert.strictEqual((yield* added())?.encryptKey, undefined)

      const refused = yield* json("PUT", `/apps/${appId}/request-url`, { url: "http://127.0.0.1:1/" })
      assert.strictEqual(refused.status, 422)
      assert.include(refused.json.message, "cannot be reached")
      const requestUrl = yield* service([])
      assert.strictEqual((yield* json("PUT", `/apps/${appId}/request-url`, { url: requestUrl })).status, 204)
      assert.strictEqual((yield* json("GET", "/state")).json.apps[0].requestUrl, requestUrl)
    }).pipe(Effect.provide(live)))

  it.scopedLive("push tickets and events, send callbacks, and say what came of them", () =>
    Effect.gen(function*() {
      const onClick = EventHandler.callback(FeishuEvents.CardAction, () =>
        Effect.succeed({ toast: FeishuEvents.toast("success", "done") }))
      const requestUrl = yield* service([
        onClick,
        EventHandler.on("refused", () =>
          Effect.fail("no"))
      ])
      yield* json("PUT", `/apps/${appId}/request-url`, { url: requestUrl })

      const ticket = yield* json("POST", `/apps/${appId}/tickets`)
      assert.deepInclude(ticket.json, { outcome: "acknowledged", status: 200 })
      const event = yield* json("POST", `/apps/${appId}/events`, { type: "refused" })
      assert.deepInclude(event.json, { outcome: "refused", status: 500 })
      const click = yield* json("POST", `/apps/${appId}/callbacks`, { type: "card.action.trigger" })
      assert.deepStrictEqual(click.json, { answer: { toast: { type: "success", content: "done" } } })
      const unknown = yield* json("POST", `/apps/${appId}/callbacks`, { type: "not.known" })
      assert.strictEqual(unknown.status, 422)
      assert.include(unknown.json.message, "the answer is empty")

      const none = yield* json("PUT", "/apps/cli_self", { appSecret: "s", kind: "self-built" })
      assert.strictEqual(none.status, 204)
      assert.strictEqual((yield* json("POST", "/apps/cli_self/tickets")).status, 409)
    }).pipe(Effect.provide(live)))

  it.scopedLive("do not wait for a delivery that a fault holds", () =>
    Effect.gen(function*() {
      const requestUrl = yield* service([])
      yield* json("PUT", `/apps/${appId}/request-url`, { url: requestUrl })
      yield* json("PUT", "/faults", { pushes: [{ fault: { _tag: "Held" } }] })
      const held = yield* json("POST", `/apps/${appId}/events`, { type: "x" })
      assert.deepInclude(held.json, { outcome: "pending", status: null })
      assert.match(held.json.eventId, /^[0-9a-f]{32}$/)
    }).pipe(Effect.provide(live)))

  it.scopedLive("wait for a delivery after a forged one, though the app answers neither", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      yield* emulator.updateApp(appId, (app) => ({ ...app, requestUrl: () => Effect.never }))
      yield* json("PUT", "/faults", { pushes: [{ fault: { _tag: "Forged" } }] })
      const silent = yield* json("POST", `/apps/${appId}/events`, { type: "x" })
      assert.deepInclude(silent.json, { outcome: "timed out", status: null })
    }).pipe(Effect.provide(live)))

  it.scopedLive("answer a request with a strange target, method or body", () =>
    Effect.gen(function*() {
      const statusOf = (...args: Parameters<typeof request>) => Effect.map(request(...args), ({ status }) => status)
      assert.strictEqual(yield* statusOf("GET", "http://127.0.0.1/_emulator/state"), 200)
      assert.strictEqual(yield* statusOf("GET", "http://127.0.0.1/healthz"), 200)
      assert.strictEqual(
        yield* statusOf("GET", "/_emulator/state", {
          raw: "{}",
          headers: { "content-length": "2", "content-type": "application/json" }
        }),
        200
      )
      assert.strictEqual(yield* statusOf("TRACE", "/_emulator/state"), 405)
    }).pipe(Effect.provide(live)))

  it.scopedLive("issue a user access token, and make tickets and tokens invalid", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      const { json: issued } = yield* json("POST", `/apps/${appId}/user-tokens`, { life: "1 hour" })
      const call = () => Client.get("/open-apis/contact/v3/users", `Bearer ${issued.userAccessToken}`)
      assert.strictEqual((yield* call()).status, 200)
      yield* emulator.pushTicket(appId)
      assert.strictEqual((yield* json("DELETE", `/apps/${appId}/tickets`)).status, 204)
      assert.strictEqual((yield* json("DELETE", `/apps/${appId}/tokens`)).status, 204)
      assert.strictEqual((yield* emulator.tickets(appId)).length, 0)
      assert.strictEqual((yield* call()).body["code"], 99991668)
    }).pipe(Effect.provide(Layer.merge(live, FetchHttpClient.layer))))

  it.scopedLive("set and add faults and answers, run the clock forward, and begin anew", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      const drop = { fault: { _tag: "Drop" }, next: 2, only: ["/open-apis/test"] }
      assert.strictEqual((yield* json("PUT", "/faults", { calls: [drop] })).status, 204)
      const late = { fault: { _tag: "Late", by: "2 seconds" }, every: 3 }
      assert.strictEqual((yield* json("POST", "/faults", { pushes: [late] })).status, 204)
      assert.deepStrictEqual((yield* json("GET", "/state")).json.faults, {
        calls: [drop],
        pushes: [{ ...late, fault: { _tag: "Late", by: 2000 } }]
      })

      const answer = { method: "GET", path: "/open-apis/im/v1/chats/:chat_id", body: { code: 0, data: { name: "x" } } }
      assert.strictEqual((yield* json("PUT", "/answers", [answer])).status, 204)
      assert.strictEqual(
        (yield* json("POST", "/answers", { path: "/open-apis/x", status: 503, body: "busy" })).status,
        204
      )
      assert.strictEqual((yield* json("GET", "/state")).json.answers.length, 2)
      const token = Redacted.value((yield* emulator.userToken(appId)).value)
      const { body } = yield* Client.get("/open-apis/im/v1/chats/oc_1", `Bearer ${token}`)
      assert.deepStrictEqual(body, answer.body)
      const busy = yield* Client.get("/open-apis/x", `Bearer ${token}`)
      assert.deepInclude(busy, { status: 503, text: "busy" })

      yield* json("POST", "/clock", { advance: "1h" })
      const { json: clock } = yield* json("POST", "/clock", { advance: "2 hours" })
      assert.strictEqual(clock.advanced, 3 * 3_600_000)
      assert.isAtLeast(clock.now, (yield* Clock.currentTimeMillis) + 3 * 3_600_000 - 60_000)
      assert.strictEqual((yield* Client.get("/open-apis/x", `Bearer ${token}`)).body["code"], 99991677)

      assert.strictEqual((yield* json("POST", "/reset")).status, 204)
      const { json: state } = yield* json("GET", "/state")
      assert.deepStrictEqual(state.faults, { calls: [], pushes: [] })
      assert.deepStrictEqual(state.answers, [])
      assert.strictEqual(state.lastEntry, 0)
    }).pipe(Effect.provide(Layer.merge(live, FetchHttpClient.layer))))

  it.scopedLive("show faults and their durations, however a program has set them", () =>
    Effect.gen(function*() {
      const { emulator } = yield* start
      yield* emulator.setFaults([Fault.Delay({ duration: "3 seconds" }), Fault.Delay({ duration: Duration.infinity })])
      yield* emulator.setPushFaults([Fault.every(2, Fault.Late({ by: 500 }))])
      const { json: state, status } = yield* json("GET", "/state")
      assert.strictEqual(status, 200, JSON.stringify(state))
      assert.deepStrictEqual(
        state.faults.calls.map(({ fault }: { fault: unknown }) => fault),
        [{ _tag: "Delay", duration: 3000 }, { _tag: "Delay", duration: Number.MAX_SAFE_INTEGER }]
      )
      assert.deepStrictEqual(state.faults.pushes, [{ fault: { _tag: "Late", by: 500 }, every: 2 }])
    }).pipe(Effect.provide(live)))

  it.scopedLive("add a fault without starting the others again, and show the times that are left", () =>
    Effect.gen(function*() {
      yield* json("PUT", "/faults", { calls: [{ fault: { _tag: "Refuse", code: 1 }, next: 2 }] })
      const code = Effect.map(Client.get("/open-apis/test", "Bearer t-none"), ({ body }) => body["code"])
      assert.strictEqual(yield* code, 1)
      yield* json("POST", "/faults", { calls: [{ fault: { _tag: "Refuse", code: 2 } }] })
      const calls = Effect.map(json("GET", "/state"), ({ json }) => json.faults.calls)
      assert.deepStrictEqual((yield* calls).map(({ next }: { next: number }) => next), [1, 1])
      assert.deepStrictEqual(yield* Effect.all([code, code, code]), [1, 2, 99991663])
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(Effect.provide(Layer.merge(live, FetchHttpClient.layer))))

  it.scopedLive("show the journal: entries after an id, of an app, one with its headers and texts", () =>
    Effect.gen(function*() {
      yield* Client.resend(app)
      yield* Client.get("/open-apis/test?page=2", "Bearer t-none")
      const all = (yield* json("GET", "/journal")).json
      assert.deepStrictEqual(all.map(({ id, path }: { id: number; path: string }) => [id, path]), [
        [1, "/open-apis/auth/v3/app_ticket/resend"],
        [2, "/open-apis/test"]
      ])
      assert.deepStrictEqual((yield* json("GET", "/journal?after=1")).json.map(({ id }: { id: number }) => id), [2])
      assert.deepStrictEqual((yield* json("GET", `/journal?app=${appId}`)).json.map(({ id }: { id: number }) => id), [
        1
      ])
      assert.deepStrictEqual((yield* json("GET", "/journal?limit=1")).json.map(({ id }: { id: number }) => id), [2])
      const { json: entry } = yield* json("GET", "/journal/2")
      assert.strictEqual(entry.query, "page=2")
      assert.strictEqual(entry.received.headers.authorization, "Bearer …")
      assert.strictEqual(JSON.parse(entry.sent.text).code, 99991663)
      assert.strictEqual((yield* json("GET", "/journal/3")).status, 404)
      assert.strictEqual((yield* json("DELETE", "/journal")).status, 204)
      assert.deepStrictEqual((yield* json("GET", "/journal")).json, [])
      called.add("GET /_emulator/journal/{id}")
    }).pipe(
      // The push that follows the resend has an entry, too.
      Effect.provide(Layer.merge(Emulator.layerServer({ apps: [app], pushDelay: "1 hour" }), FetchHttpClient.layer))
    ))

  it.scopedLive("send each entry as it happens, also to who comes back", () =>
    Effect.gen(function*() {
      const baseUrl = yield* url
      /** Reads events until this id has come. */
      const readUntil = (id: number, headers: Record<string, string> = {}, query = "") =>
        Effect.promise(async (signal) => {
          const response = await fetch(`${baseUrl}/_emulator/changes${query}`, { signal, headers })
          assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
          let text = ""
          const decoder = new TextDecoder()
          const ids: Array<number> = []
          for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
            text += decoder.decode(chunk, { stream: true })
            const events = text.split("\n\n")
            text = events.pop() ?? ""
            for (const event of events) {
              const data = /^data: (.*)$/m.exec(event)?.[1]
              if (data !== undefined) ids.push(...JSON.parse(data).map((entry: { id: number }) => entry.id))
            }
            if (ids.includes(id)) return ids
          }
          return ids
        })
      yield* Client.resend(app)
      const reading = yield* Effect.fork(readUntil(3, {}, "?after=0"))
      yield* Client.get("/open-apis/test", "Bearer t-none")
      yield* Client.get("/open-apis/test", "Bearer t-none")
      assert.deepStrictEqual((yield* reading).slice(0, 3), [1, 2, 3])
      assert.deepStrictEqual((yield* readUntil(3, { "last-event-id": "1" })).slice(0, 2), [2, 3])
      // The id is of an emulator before this one.
      assert.deepStrictEqual((yield* readUntil(3, { "last-event-id": "5000" })).slice(0, 3), [1, 2, 3])
      called.add("GET /_emulator/changes")
    }).pipe(Effect.provide(Layer.merge(live, FetchHttpClient.layer))))

  it.scopedLive("are described by an OpenAPI document, and have a typed client", () =>
    Effect.gen(function*() {
      const { client } = yield* start
      const templates = yield* client.templates()
      assert.isTrue(templates.some(({ type }) => type === FeishuEvents.CardAction.type))
      called.add("GET /_emulator/templates")
      // A bot may ignore a message with the id of an earlier one.
      const ids = yield* Effect.replicateEffect(
        Effect.map(client.templates(), (templates) => JSON.stringify(templates).match(/om_emulator_\w+/)?.[0]),
        2
      )
      assert.notStrictEqual(ids[0], ids[1])
      const document = (yield* json("GET", "/openapi.json")).json
      assert.strictEqual(document.info.title, "The Feishu / Lark emulator")
      assert.include(Object.keys(document.paths), "/_emulator/apps/{appId}/events")
    }).pipe(Effect.provide(live)))
})

describe("bad input", () => {
  const cases: ReadonlyArray<[method: string, path: string, body: unknown, status: number, sentence: string]> = [
    ["PUT", "/apps/cli_new", {}, 400, "appSecret: is missing"],
    ["PUT", "/apps/cli_new", { appSecret: "" }, 400, "appSecret"],
    ["PUT", "/apps/cli_new", { appSecret: "s", tenant: "t" }, 400, "tenant: is unexpected"],
    ["PATCH", `/apps/${appId}`, { tenants: ["", 1] }, 400, "tenants[0]"],
    ["PATCH", "/apps/cli_none", { enabled: false }, 404, "no app cli_none"],
    ["PUT", `/apps/${appId}/request-url`, { url: "nope" }, 422, "not an http or https URL"],
    ["POST", `/apps/${appId}/events`, { type: "" }, 400, "type"],
    ["POST", `/apps/${appId}/events`, { type: "x", payload: [] }, 400, "payload"],
    ["POST", "/apps/cli_none/events", { type: "x" }, 404, "no app cli_none"],
    ["POST", "/apps/cli_none/callbacks", { type: "x" }, 404, "no app cli_none"],
    ["POST", "/apps/cli_none/tickets", undefined, 404, "no app cli_none"],
    ["DELETE", "/apps/cli_none/tickets", undefined, 404, "no app cli_none"],
    ["DELETE", "/apps/cli_none/tokens", undefined, 404, "no app cli_none"],
    ["POST", "/apps/cli_none/user-tokens", {}, 404, "no app cli_none"],
    ["POST", `/apps/${appId}/user-tokens`, { life: "soon" }, 400, "soon is no duration"],
    ["PUT", "/faults", { calls: [{ fault: { _tag: "Nope" } }] }, 400, "calls[0].fault._tag"],
    ["PUT", "/faults", { calls: [{ fault: { _tag: "Drop" }, every: 0 }] }, 400, "calls[0].every"],
    ["PUT", "/faults", { calls: [{ fault: { _tag: "Drop" }, next: 1, every: 2 }] }, 400, "one of next, every"],
    ["POST", "/faults", { calls: [{ fault: { _tag: "Drop" }, only: ["/x"] }] }, 400, "/x is no path of the platform"],
    ["POST", "/faults", { calls: [{ fault: { _tag: "Drop" } }], pushes: [{ fault: { _tag: "Late" } }] }, 400, "by"],
    ["PUT", "/answers", [{ path: "/elsewhere", body: 1 }], 400, "/elsewhere is no path"],
    ["POST", "/answers", { path: "/open-apis/auth/v3/x", body: 1 }, 400, "does not exist"],
    ["POST", "/answers", { path: "/open-apis/x", status: 99, body: 1 }, 400, "status"],
    ["POST", "/clock", { advance: "-1 hours" }, 400, "advance"],
    ["POST", "/clock", { advance: "3 bananas" }, 400, "3 bananas is no duration"],
    ["POST", "/clock", { advance: "40000 days" }, 400, "100 years at most"],
    ["POST", "/clock", {}, 400, "advance: is missing"],
    ["POST", "/clock", { advance: 1, other: 1 }, 400, "other: is unexpected"],
    ["POST", `/apps/${appId}/user-tokens`, { tenant_key: "t" }, 400, "tenant_key: is unexpected"],
    ["PUT", "/faults", { calls: [{ fault: { _tag: "Drop" }, seed: 1 }] }, 400, "only a rule with a probability"],
    ["PUT", "/faults", { calls: [{ fault: { _tag: "ContentType", contentType: "a\nb" } }] }, 400, "cannot be sent"],
    ["GET", "/journal?limit=x", undefined, 400, "limit"],
    ["GET", "/journal/x", undefined, 400, "id"],
    ["GET", "/nothing", undefined, 404, "does not exist"],
    ["POST", "/state", undefined, 404, "/_emulator/state does not take POST: use GET"],
    ["GET", "/clock", undefined, 404, "use POST"],
    ["GET", `/apps/${appId}`, undefined, 404, "use PUT or PATCH"]
  ]
  it.scopedLive.each(cases)(
    "%s %s %j gets %d and a sentence, and changes nothing",
    ([method, path, body, status, sentence]) =>
      Effect.gen(function*() {
        // Time goes on, and a handshake that took place is in the journal.
        const state = () => Effect.map(json("GET", "/state"), ({ json }) => ({ ...json, now: 0, lastEntry: 0 }))
        const before = yield* state()
        const refused = yield* json(method, path, body)
        assert.strictEqual(refused.status, status)
        assert.include(refused.json.message, sentence)
        assert.deepStrictEqual(yield* state(), before)
      }).pipe(Effect.provide(live))
  )
})

describe("pages of strangers", () => {
  const strangers: ReadonlyArray<[name: string, headers: Record<string, string>]> = [
    ["with another origin", { origin: "https://stranger.example" }],
    ["with the origin of a sandbox", { origin: "null" }],
    ["with a name of their own for this machine", { host: "stranger.example:80" }],
    ["with a name that begins like an address", { host: "127.0.0.1.stranger.example" }],
    ["of another site, as the browser says", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
    ["of another port, as the browser says", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }]
  ]
  it.scopedLive.each(strangers)("%s are refused", ([_, headers]) =>
    Effect.gen(function*() {
      for (const [method, path] of [["POST", "/_emulator/reset"], ["GET", "/_emulator/state"], ["GET", "/"]] as const) {
        const { status, text } = yield* request(method, path, { headers })
        assert.strictEqual(status, 403, `${method} ${path}`)
        assert.include(text, "The console does not answer")
      }
    }).pipe(Effect.provide(live)))

  it.scopedLive("may lead to the console by a link", () =>
    Effect.gen(function*() {
      const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }
      const { headers: answered, status } = yield* request("GET", "/", { headers })
      assert.strictEqual(status, 200)
      assert.include(answered["content-security-policy"], "frame-ancestors 'none'")
    }).pipe(Effect.provide(live)))

  it.scopedLive("the console answers to its own page, to any address, and to the advertised name", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      yield* Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        assert.strictEqual(emulator.baseUrl, "http://emulator:4000")
        for (const host of ["localhost", "localhost:4000", "127.0.0.1:1", "[::1]:4000", "10.1.2.3", "emulator:4000"]) {
          const { status } = yield* Effect.provideService(
            request("GET", "/_emulator/state", { headers: { host, origin: `http://${host}` } }),
            Emulator.Emulator,
            { ...emulator, baseUrl: `http://127.0.0.1:${port}` }
          )
          assert.strictEqual(status, 200, host)
        }
        // A proxy may put its own name for the emulator into the header `host`.
        const { status } = yield* Effect.provideService(
          request("POST", "/_emulator/reset", { headers: { origin: "http://emulator:4000" } }),
          Emulator.Emulator,
          { ...emulator, baseUrl: `http://127.0.0.1:${port}` }
        )
        assert.strictEqual(status, 204)
      }).pipe(Effect.provide(Emulator.layerServer({ apps: [app], baseUrl: "http://emulator:4000/", port })))
    }))
})

it.scopedLive("is healthy, whoever asks", () =>
  Effect.gen(function*() {
    const { status, text } = yield* request("GET", "/healthz", { headers: { host: "anything" } })
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(JSON.parse(text), { status: "ok" })
  }).pipe(Effect.provide(live)))

it.effect("an advertised URL that is none is refused", () =>
  Effect.gen(function*() {
    const error = yield* Effect.flip(Layer.build(Emulator.layerServer({ apps: [app], baseUrl: "emulator:4000" })))
    assert.include(error.message, "emulator:4000 is no http or https URL")
  }).pipe(Effect.scoped))

afterAll(() => {
  const templateOf = (operation: string) =>
    operation.replace(/\/apps\/[^/]+/, "/apps/{appId}").replace(/\/journal\/\d+$/, "/journal/{id}")
  const seen = new Set([...called].map(templateOf))
  const all = Object.entries(OpenApi.fromApi(ControlApi).paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
  )
  expect(all.filter((operation) => !seen.has(operation)), "endpoints without a test").toStrictEqual([])
})
