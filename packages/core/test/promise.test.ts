/** `promise` against the emulator, over sockets. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import * as Http from "node:http"
import { inspect } from "node:util"
import * as AppTicket from "../src/AppTicket.js"
import * as ErrorsOfCore from "../src/FeishuError.js"
import * as FeishuEvents from "../src/FeishuEvents.js"
import {
  BackgroundTasksError,
  createFeishu,
  createFeishuFromEnv,
  EventSubscriptionError,
  FeishuApiError,
  FeishuAppError,
  FeishuNetworkError,
  FeishuUsageError,
  type LogEntry,
  type Options,
  retryAfter,
  textOf,
  TicketStoreError,
  TicketTimeout,
  toast,
  type Webhook
} from "../src/promise.js"
import * as Deliveries from "./deliveries.js"
import { everything } from "./everything.js"
import { listen } from "./listen.js"

const appId = "cli_test"
const appSecret = "the secret of cli_test"
const secrets = [appSecret, Deliveries.encryptKey, Deliveries.verificationToken]

const emulated: Emulator.Options["apps"] = [
  {
    appId,
    appSecret: Redacted.make(appSecret),
    encryptKey: Redacted.make(Deliveries.encryptKey),
    verificationToken: Redacted.make(Deliveries.verificationToken)
  },
  { appId: "cli_self_built", appSecret: Redacted.make(appSecret), kind: "self-built" }
]

const options: Options = {
  appId,
  appSecret,
  encryptKey: Deliveries.encryptKey,
  verificationToken: Deliveries.verificationToken,
  logger: false,
  // As long as may be: the machine may be busy.
  handlerTimeout: 2990,
  retry: { attemptTimeout: 30_000, totalTimeout: 60_000 }
}

/** Makes an app of the emulator, until the scope ends. */
const make = (more?: Partial<Options>) =>
  Effect.acquireRelease(
    Effect.map(Emulator.Emulator, ({ baseUrl }) => createFeishu({ ...options, baseUrl, ...more })),
    (feishu) => Effect.promise(() => feishu.close())
  )

/** Saves the request URL, of a server that listens until the scope ends. */
const byNode = (webhook: Webhook) =>
  Effect.gen(function*() {
    const url = yield* listen(Http.createServer(webhook.node))
    const { setRequestUrl } = yield* Emulator.Emulator
    yield* Effect.retry(setRequestUrl(appId, `${url}/webhook/event`), { times: 5 })
    return `${url}/webhook/event`
  })

/** Saves the request URL of a function of web requests. */
const byWeb = (webhook: Webhook) =>
  Effect.gen(function*() {
    const { setRequestUrl } = yield* Emulator.Emulator
    yield* setRequestUrl(appId, (delivery) =>
      Effect.promise(async () => {
        const request = new Request("http://127.0.0.1/webhook/event", { method: "POST", ...delivery })
        const response = await webhook.web(request)
        return { status: response.status, body: await response.text() }
      }))
  })

const entries = <Tag extends Journal.Entry["_tag"]>(tag: Tag) =>
  Effect.flatMap(
    Emulator.Emulator,
    ({ journal }) => Effect.map(journal, (entries) => entries.filter(Journal.$is(tag)))
  )

const calls = Effect.map(entries("Call"), (calls) => calls.map(({ path }) => path.replace("/open-apis/", "")))

/** Returns the error with which a promise rejects. */
const rejection = (promise: () => Promise<unknown>) =>
  Effect.promise(async () => {
    try {
      await promise()
    } catch (error) {
      return error
    }
    return assert.fail("the promise has not rejected")
  })

const thrown = (make: () => unknown): unknown => {
  try {
    make()
  } catch (error) {
    return error
  }
  return assert.fail("nothing was thrown")
}

const call = <A>(promise: () => Promise<A>) => Effect.promise(promise)

const live = <A, E>(
  name: string,
  test: Effect.Effect<A, E, Scope.Scope | Emulator.Emulator>,
  emulator?: Partial<Emulator.ServerOptions>
) =>
  it.scopedLive(name, () => Effect.provide(test, Emulator.layerServer({ apps: emulated, pushDelay: 0, ...emulator })))

const message = (text: string) => ({
  sender: { sender_type: "user", sender_id: { open_id: "ou_1" } },
  message: {
    message_id: `om_${text}`,
    create_time: "1700000000000",
    chat_id: "oc_1",
    chat_type: "p2p",
    message_type: "text",
    content: JSON.stringify({ text })
  }
})

const received = (text: string) => ({ type: "im.message.receive_v1", payload: message(text) })

describe("calls", () => {
  live(
    "a resend, its push, a token and a call, once for 1,000 callers",
    Effect.gen(function*() {
      const { answer } = yield* Emulator.Emulator
      yield* answer("/open-apis/tenant/v2/tenant/query", { tenant: { name: "飞书" } })
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      assert.deepStrictEqual(yield* calls, [], "nothing starts by itself")
      yield* call(() => feishu.ready())
      const tokens = yield* call(() => Promise.all(Array.from({ length: 1000 }, () => feishu.tenantToken("tenant_1"))))
      assert.strictEqual(new Set(tokens).size, 1)
      assert.match(tokens[0] ?? "", /^t-/)
      assert.deepStrictEqual(yield* calls, [
        "auth/v3/app_ticket/resend",
        "auth/v3/app_access_token",
        "auth/v3/tenant_access_token"
      ])
      const data = yield* call(() =>
        feishu.request<{ tenant: { name: string } }>("tenant_1", { path: "/open-apis/tenant/v2/tenant/query" })
      )
      assert.strictEqual(data.tenant.name, "飞书")
      assert.match(yield* call(() => feishu.appToken()), /^a-/)
    })
  )

  live(
    "request sends a query, headers and JSON, and fetch any body",
    Effect.gen(function*() {
      const { answer } = yield* Emulator.Emulator
      yield* answer("/open-apis/im/v1/messages", { message_id: "om_1" })
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      const path = "/open-apis/im/v1/messages"
      yield* call(() =>
        feishu.request("tenant_1", {
          path,
          query: { receive_id_type: "open_id", ids: ["a", null, "b"], none: undefined, nothing: null, n: 1 },
          json: { content: "飞书" },
          headers: { "x-of-mine": "1" }
        })
      )
      const sent = (yield* entries("Call")).at(-1)
      assert.deepInclude(sent, { method: "POST", query: "receive_id_type=open_id&ids=a&ids=b&n=1" })
      assert.deepStrictEqual(JSON.parse(sent?.received?.text ?? ""), { content: "飞书" })
      assert.strictEqual(sent?.received?.headers["x-of-mine"], "1")

      const form = new FormData()
      form.set("image_type", "message")
      const response = yield* call(() => feishu.fetch("tenant_1", path, { method: "post", body: form }))
      assert.deepStrictEqual(
        [response.status, yield* call(() => response.json())],
        [200, { code: 0, msg: "success", data: { message_id: "om_1" } }]
      )
      const upload = (yield* entries("Call")).at(-1)?.received
      assert.match(upload?.headers["content-type"] ?? "", /^multipart\/form-data; boundary=/)
      assert.include(upload?.text ?? "", "name=\"image_type\"")
    })
  )

  live(
    "fetch returns a file as a stream, and a refusal as an answer",
    Effect.gen(function*() {
      const { setAnswers } = yield* Emulator.Emulator
      yield* setAnswers([{ path: "/open-apis/drive/v1/files/a/download", body: "the content" }])
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      const file = yield* call(() => feishu.fetch("tenant_1", "/open-apis/drive/v1/files/a/download"))
      assert.deepStrictEqual([file.status, yield* call(() => file.text())], [200, "the content"])
      const { addFaults } = yield* Emulator.Emulator
      yield* addFaults([Fault.Refuse({ code: 99_991_672, msg: "no scope", status: 400 })])
      const refusal = yield* call(() => feishu.fetch("tenant_1", "/open-apis/drive/v1/files/a/download"))
      assert.strictEqual(refusal.status, 400)
      assert.deepInclude(yield* call(() => refusal.json()), { code: 99_991_672 })
    })
  )

  live(
    "a token that the platform has refused is taken back",
    Effect.gen(function*() {
      const { invalidateTokens } = yield* Emulator.Emulator
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      const before = yield* call(() => feishu.tenantToken("tenant_1"))
      yield* invalidateTokens(appId)
      assert.strictEqual(yield* call(() => feishu.tenantToken("tenant_1")), before)
      yield* call(() => feishu.invalidateToken("tenant_1", "another"))
      assert.strictEqual(yield* call(() => feishu.tenantToken("tenant_1")), before)
      yield* call(() => feishu.invalidateToken("tenant_1", before))
      assert.notStrictEqual(yield* call(() => feishu.tenantToken("tenant_1")), before)
    })
  )

  live(
    "a self-built app needs no ticket and no webhook",
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator.Emulator
      const feishu = createFeishu({ appId: "cli_self_built", appSecret, kind: "self-built", baseUrl, logger: false })
      yield* Effect.addFinalizer(() => call(() => feishu.close()))
      yield* call(() => feishu.ready({ timeout: 60_000 }))
      const token = yield* call(() => feishu.tenantToken("whatever"))
      assert.match(token, /^t-/)
      yield* call(() => feishu.invalidateToken("whatever", token))
      assert.deepStrictEqual(yield* calls, [
        "auth/v3/app_access_token/internal",
        "auth/v3/tenant_access_token/internal"
      ])
    })
  )

  live(
    "custom fetch carries all calls",
    Effect.gen(function*() {
      const urls: Array<string> = []
      const feishu = yield* make({
        fetch: (url, init) => {
          urls.push(new URL(String(url)).pathname)
          return fetch(url, init)
        }
      })
      yield* byNode(feishu.webhook)
      yield* call(() => feishu.tenantToken("tenant_1"))
      assert.deepStrictEqual(urls, [
        "/open-apis/auth/v3/app_ticket/resend",
        "/open-apis/auth/v3/app_access_token",
        "/open-apis/auth/v3/tenant_access_token"
      ])
    })
  )
})

describe("errors", () => {
  live(
    "a refusal rejects with the FeishuApiError of the library itself",
    Effect.gen(function*() {
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      const error = yield* rejection(() => feishu.tenantToken("a tenant that has not installed the app"))
      assert.instanceOf(error, FeishuApiError)
      assert.instanceOf(error, ErrorsOfCore.FeishuApiError)
      assert.instanceOf(error, Error)
      if (!(error instanceof FeishuApiError)) return
      assert.deepInclude(error, { _tag: "FeishuApiError", code: 11210, kind: "AppState", isRetryable: false })
      assert.include(error.message, "refused with code 11210")
      assert.strictEqual(error.name, "FeishuApiError")

      const { addFaults } = yield* Emulator.Emulator
      yield* addFaults([Fault.rateLimit({ resetSeconds: 100 })])
      const limited = yield* rejection(() => feishu.request("tenant_1", { path: "/open-apis/a" }))
      assert.strictEqual(retryAfter(limited), 100_000)
      assert.isUndefined(retryAfter(error))
      assert.isUndefined(retryAfter("an error"))
    })
  )

  live(
    "a platform that cannot be reached rejects with a FeishuNetworkError",
    Effect.gen(function*() {
      const feishu = yield* make({ baseUrl: "http://127.0.0.1:1", retry: { retries: 0 } })
      const error = yield* rejection(() => feishu.tenantToken("tenant_1"))
      assert.instanceOf(error, FeishuNetworkError)
      assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "Connection" })
      assert.instanceOf((error as Error).cause, Error)
      const elsewhere = yield* rejection(() => feishu.request("tenant_1", { path: "https://example.com/" }))
      assert.deepInclude(elsewhere, { _tag: "FeishuNetworkError", reason: "InvalidRequest" })
    })
  )

  live(
    "a ticket that does not come rejects with a TicketTimeout",
    Effect.gen(function*() {
      const feishu = yield* make({ ticketTimeout: 100 })
      const error = yield* rejection(() => feishu.tenantToken("tenant_1"))
      assert.instanceOf(error, TicketTimeout)
      const later = new AppTicket.TicketTimeout({ appId, waited: Duration.zero, nextResendIn: Duration.seconds(5) })
      assert.strictEqual(retryAfter(later), 5000)
      const patient = yield* make()
      const early = yield* rejection(() => patient.ready({ timeout: 50 }))
      assert.instanceOf(early, TicketTimeout)
      assert.include((early as Error).message, "within 50ms")
      for (const timeout of [Number.NaN, -1, 0, null, "5"]) {
        const wrong = yield* rejection(() => patient.ready({ timeout: timeout as never }))
        assert.deepInclude(wrong, { _tag: "FeishuUsageError", reason: "Options" }, String(timeout))
      }
    })
  )

  live(
    "a store that fails rejects with a TicketStoreError, and an error of the program's with itself",
    Effect.gen(function*() {
      const broken = () => {
        throw new Error("the disk is full")
      }
      const feishu = yield* make({ store: { get: broken, set: broken, delete: broken } })
      const error = yield* rejection(() => feishu.tenantToken("tenant_1"))
      assert.instanceOf(error, TicketStoreError)
      assert.include((error as Error).message, "the disk is full")

      const circular: Record<string, unknown> = {}
      circular["itself"] = circular
      const defect = yield* rejection(() => feishu.request("tenant_1", { path: "/open-apis/a", json: circular }))
      assert.instanceOf(defect, TypeError)
      for (const key of ["", undefined as unknown as string]) {
        const noTenant = yield* rejection(() => feishu.tenantToken(key))
        assert.deepInclude(noTenant, { _tag: "FeishuUsageError", reason: "NoTenant" })
      }
      const method = yield* rejection(() => feishu.fetch("tenant_1", "/open-apis/a", { method: "TRACE" }))
      assert.instanceOf(method, TypeError)
    })
  )

  live(
    "an abort rejects its caller with its reason, and no other caller",
    Effect.gen(function*() {
      const { setFaults } = yield* Emulator.Emulator
      const feishu = yield* make()
      yield* byNode(feishu.webhook)
      yield* call(() => feishu.ready())
      yield* setFaults([Fault.Delay({ duration: "200 millis" })])
      const controller = new AbortController()
      const reason = new Error("the caller has gone")
      const other = feishu.tenantToken("tenant_1")
      const aborted = rejection(() => feishu.tenantToken("tenant_1", { signal: controller.signal }))
      const [error] = yield* Effect.all([aborted, Effect.sync(() => controller.abort(reason))], {
        concurrency: "unbounded"
      })
      assert.strictEqual(error, reason)
      assert.match(yield* call(() => other), /^t-/)
      assert.strictEqual(yield* rejection(() => feishu.ready({ signal: controller.signal })), reason)
    })
  )

  live(
    "an abort does not wait until the app has started, and does not keep the app from starting",
    Effect.gen(function*() {
      let start = () => {}
      const started = new Promise<void>((resolve) => {
        start = resolve
      })
      const stores = Layer.unwrapEffect(
        Effect.flatMap(
          Effect.promise(() => started),
          () => Effect.promise(() => import("../src/internal/promise/stores.js"))
        )
          .pipe(Effect.map(({ layer }) => layer({})))
      )
      const feishu = yield* make({ store: { "~@effect-feishu/core/promise/Stores": stores } })
      const reason = new Error("the caller has gone")
      const controller = new AbortController()
      const aborted = rejection(() => feishu.appToken({ signal: controller.signal }))
      const abort = Effect.sync(() => controller.abort(reason))
      assert.strictEqual((yield* Effect.all([aborted, abort], { concurrency: "unbounded" }))[0], reason)
      start()
      yield* byWeb(feishu.webhook)
      yield* call(() => feishu.ready())
    })
  )

  live(
    "use after close rejects with a FeishuUsageError, as does a call that close cuts off",
    Effect.gen(function*() {
      const feishu = yield* make()
      const cutOff = rejection(() => feishu.tenantToken("tenant_1"))
      const closing = Effect.delay(call(() => feishu.close()), "50 millis")
      const [error] = yield* Effect.all([cutOff, closing], { concurrency: "unbounded" })
      for (
        const closed of [
          error,
          yield* rejection(() => feishu.tenantToken("tenant_1")),
          yield* rejection(() => feishu.ready())
        ]
      ) {
        assert.instanceOf(closed, FeishuUsageError)
        assert.deepInclude(closed, { _tag: "FeishuUsageError", reason: "Closed" })
      }
      const response = yield* call(() => feishu.webhook.web(new Request("http://127.0.0.1/", { method: "POST" })))
      assert.strictEqual(response.status, 503)
      yield* call(() => feishu.close())
      const unused = yield* make()
      yield* call(() => unused.close())
      assert.deepInclude(yield* rejection(() => unused.appToken()), { reason: "Closed" })
    })
  )

  live(
    "calls under way reject with a FeishuUsageError when close resolves, and are not sent again",
    Effect.gen(function*() {
      let asked = () => {}
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve
      })
      const sent: Array<AbortSignal | null | undefined> = []
      const feishu = yield* make({
        fetch: (url, init) => {
          if (!String(url).includes("/tenant/v2/")) return fetch(url, init)
          sent.push(init?.signal)
          asked()
          return new Promise(() => {})
        }
      })
      yield* byNode(feishu.webhook)
      yield* call(() => feishu.ready())
      const cutOff = rejection(() => feishu.request("tenant_1", { path: "/open-apis/tenant/v2/tenant/query" }))
      const closing = call(() => isAsked.then(() => feishu.close()))
      const [error] = yield* Effect.all([cutOff, closing], { concurrency: "unbounded" })
      assert.instanceOf(error, FeishuUsageError)
      assert.deepInclude(error, { reason: "Closed" })
      assert.deepStrictEqual(sent.map((signal) => signal?.aborted), [true])
    })
  )

  it("a wrong option throws, and its message names the field", () => {
    const cases: ReadonlyArray<[Partial<Record<keyof Options, unknown>>, RegExp]> = [
      [{ appId: "" }, /appId is empty/],
      [{ appId: undefined }, /appId is missing/],
      [{ appSecret: undefined }, /appSecret is missing/],
      [{ appSecret: " the secret" }, /appSecret has white space/],
      [{ encryptKey: "" }, /encryptKey is empty/],
      [{ verificationToken: 1 }, /verificationToken is no string/],
      [{ kind: "shop" }, /kind must be store or self-built/],
      [{ domain: "larksuite" }, /baseUrl is given by domain, which must be feishu or lark/],
      [{ domain: "lark", baseUrl: "https://open.feishu.cn" }, /baseUrl and domain are both given/],
      [{ baseUrl: "http://example.com" }, /baseUrl must begin with https/]
    ]
    for (const [wrong, message] of cases) {
      const error = thrown(() => createFeishu({ ...options, ...wrong } as Options))
      assert.instanceOf(error, FeishuAppError)
      assert.match(String(error), message)
      for (const secret of secrets) assert.notInclude(everything(error), secret)
    }
    const others: ReadonlyArray<[Partial<Record<keyof Options, unknown>>, RegExp]> = [
      [{ handlerTimeout: 3000 }, /handlerTimeout must be more than 0 milliseconds, and less than/],
      [{ ticketTimeout: Number.NaN }, /ticketTimeout must be/],
      [{ retry: { retries: -1 } }, /retry.retries must be/],
      [{ background: { capacity: 0.5 } }, /background.capacity must be/],
      [{ store: {} }, /store must have the methods get, set and delete/],
      [{ store: null }, /store must have/],
      [{ allowHttp: "false", baseUrl: "http://example.com" }, /allowHttp must be true or false/],
      [{ storeTokens: "true" }, /storeTokens must be true or false/],
      [{ logger: true }, /logger must be a function, or false/],
      [{ fetch: "fetch" }, /fetch must be a function/]
    ]
    for (const [wrong, message] of others) {
      const error = thrown(() => createFeishu({ ...options, ...wrong } as Options))
      assert.instanceOf(error, FeishuUsageError)
      assert.match(String(error), message)
    }
    for (const none of [undefined, null, "cli_1"]) {
      const error = thrown(() => createFeishu(none as unknown as Options))
      assert.instanceOf(error, FeishuUsageError)
      assert.match(String(error), /the options must be an object/)
    }
    assert.strictEqual(createFeishu({ ...options, domain: "lark" }).baseUrl, "https://open.larksuite.com")
  })

  it("without a key or a token there is no webhook, and no handler", () => {
    const feishu = createFeishu({ appId, appSecret })
    for (
      const use of [() => feishu.webhook, () => feishu.on("a", () => {}), () => feishu.callback("a", () => undefined)]
    ) {
      const error = thrown(use)
      assert.instanceOf(error, EventSubscriptionError)
      assert.match(String(error), /encryptKey and verificationToken are both missing/)
    }
  })

  it("shows no secret of an app", () => {
    assert.include(JSON.stringify(createFeishu({ appId, appSecret })), appId)
    const feishu = createFeishu(options)
    const shown = everything(feishu) + inspect(feishu.webhook, { showHidden: true, depth: 9 })
    for (const secret of secrets) assert.notInclude(shown, secret)
    assert.include(shown, appId)
  })
})

describe("the variables of the process", () => {
  const withVariables = <A>(variables: Record<string, string>, use: () => A): A => {
    const before = { ...process.env }
    for (const name of Object.keys(process.env)) if (name.startsWith("FEISHU_")) delete process.env[name]
    Object.assign(process.env, variables)
    try {
      return use()
    } finally {
      for (const name of Object.keys(process.env)) if (name.startsWith("FEISHU_")) delete process.env[name]
      Object.assign(process.env, before)
    }
  }

  it("name the app", () => {
    const variables = { FEISHU_APP_ID: "cli_a", FEISHU_APP_SECRET: "s", FEISHU_DOMAIN: "lark", FEISHU_ENCRYPT_KEY: "k" }
    const feishu = withVariables(variables, () => createFeishuFromEnv({ logger: false }))
    assert.deepInclude(feishu, { appId: "cli_a", baseUrl: "https://open.larksuite.com" })
    assert.isFunction(feishu.webhook.node)
  })

  it("that are missing or wrong are named", () => {
    const error = (variables: Record<string, string>) =>
      withVariables(variables, () => thrown(() => createFeishuFromEnv()))
    const missing = error({ FEISHU_APP_ID: "cli_a" })
    assert.instanceOf(missing, FeishuUsageError)
    assert.match(String(missing), /FEISHU_APP_SECRET/)
    const kind = error({ FEISHU_APP_ID: "cli_a", FEISHU_APP_SECRET: "s", FEISHU_APP_KIND: "shop" })
    assert.deepInclude(kind, { reason: "Environment" })
    assert.match(String(kind), /FEISHU_APP_KIND/)
    assert.match(String(error({ FEISHU_APP_ID: "", FEISHU_APP_SECRET: "s" })), /FEISHU_APP_ID/)
  })
})

describe.each([["node", byNode], ["web", byWeb]] as const)("webhook.%s", (_, serve) => {
  live(
    "hands a typed event to its handler once, and answers a callback",
    Effect.gen(function*() {
      const { answer, callback, pushAndWait } = yield* Emulator.Emulator
      yield* answer("/open-apis/im/v1/messages/:id/reply", { message_id: "om_2" })
      const seen: Array<unknown> = []
      const feishu = yield* make()
      feishu.on("im.message.receive_v1", async ({ payload, tenantKey, createdAt, raw }, { request }) => {
        assert.instanceOf(createdAt, Date)
        assert.property(raw, "header")
        seen.push([tenantKey, textOf(payload.message)])
        await request({
          path: `/open-apis/im/v1/messages/${payload.message.message_id}/reply`,
          json: { msg_type: "text", content: payload.message.content }
        })
      })
      feishu.on("order_paid", ({ payload }) => seen.push(payload["order_id"]))
      feishu.callback("card.action.trigger", async (event) => {
        const { action, token } = event.payload
        assert.match(token, /^c-/)
        for (
          const shown of [event, { ...event }, { ...event.payload }].flatMap((a) => [inspect(a), JSON.stringify(a)])
        ) {
          assert.notInclude(shown, token)
        }
        return { toast: toast("success", `a ${action.tag}`) }
      })
      feishu.callback("of.mine", () => ({ any: "object" }))
      feishu.callback("of.nobody", async () => {})
      feishu.callback("url.preview.get", async () => {
        throw new Error("no preview")
      })
      yield* serve(feishu.webhook)
      assert.deepInclude(yield* pushAndWait(appId, received("hi")), { outcome: "acknowledged", status: 200 })
      // The platform may push one message as two events.
      yield* pushAndWait(appId, received("hi"))
      yield* pushAndWait(appId, { type: "order_paid", schema: "1.0", payload: { order_id: "7" } })
      assert.deepStrictEqual(seen, [["tenant_1", "hi"], "7"])
      const replies = (yield* entries("Call")).filter(({ path }) => path.endsWith("/reply"))
      assert.deepStrictEqual(replies.map(({ method, path }) => `${method} ${path}`), [
        "POST /open-apis/im/v1/messages/om_hi/reply"
      ])
      assert.deepStrictEqual(yield* callback(appId, { type: "card.action.trigger", payload: {} }), {
        toast: { type: "success", content: "a button" }
      })
      assert.deepStrictEqual(yield* callback(appId, { type: "of.mine", payload: {} }), { any: "object" })
      assert.deepStrictEqual(yield* callback(appId, { type: "of.nobody", payload: {} }), {})
      assert.deepStrictEqual(yield* callback(appId, { type: "url.preview.get", payload: {} }), {})
    })
  )

  live(
    "refuses what is forged, and what a handler refuses, and logs the reason",
    Effect.gen(function*() {
      const { pushAndWait, setPushFaults } = yield* Emulator.Emulator
      const log: Array<LogEntry> = []
      const feishu = yield* make({ logger: (entry) => void log.push(entry) })
      const reason = new Error("the database is away")
      feishu.on("of.mine", async () => {
        throw reason
      })
      feishu.on("contact.user.created_v3", () => {})
      feishu.callback("of.text", () => "no object" as never)
      yield* serve(feishu.webhook)
      yield* setPushFaults([Fault.Forged()])
      const genuine = yield* pushAndWait(appId, { type: "app_open", schema: "1.0", payload: {} })
      assert.strictEqual(genuine.outcome, "acknowledged")
      const pushes = yield* entries("Push")
      assert.deepStrictEqual(
        pushes.map(({ origin, status }) => [origin, status]),
        [["forged", 401], ["platform", 200]]
      )
      assert.strictEqual((yield* pushAndWait(appId, { type: "of.mine", payload: {} })).status, 500)
      const failed = log.find(({ error }) => error === reason)
      assert.deepInclude(failed, { level: "error", message: "the handler of of.mine failed" })
      assert.deepInclude(failed?.fields, { app_id: appId, event_type: "of.mine" })
      const { callback } = yield* Emulator.Emulator
      assert.deepStrictEqual(yield* callback(appId, { type: "of.text", payload: {} }), {})
      const wrong = log.find(({ message }) => message === "the handler of the callback of.text failed")
      assert.match(String(wrong?.error), /of of\.text must return an object, or nothing/)
      const misfit = yield* pushAndWait(appId, { type: "contact.user.created_v3", payload: {} })
      assert.strictEqual(misfit.status, 500)
      for (const secret of secrets) assert.notInclude(everything(log), secret)
    })
  )
})

describe("handlers", () => {
  it("know each definition of FeishuEvents", () => {
    const feishu = createFeishu(options)
    const definitions = Object.values(FeishuEvents).filter((value) => typeof value === "object" && "_tag" in value)
    assert.strictEqual(definitions.length, 17)
    for (const { _tag, type } of definitions) {
      const add = () => _tag === "Event" ? feishu.callback(type, () => undefined) : feishu.on(type, () => {})
      assert.match(String(thrown(add)), /is an event|is a callback/, type)
    }
  })

  it("come before the first use, one for each type, each of its kind", () => {
    const feishu = createFeishu(options)
    feishu.on("a", () => {})
    const cases: ReadonlyArray<[() => unknown, RegExp]> = [
      [() => feishu.on("a", () => {}), /a has a handler/],
      [() => feishu.callback("a", () => undefined), /a has a handler/],
      [() => feishu.on("app_ticket", () => {}), /app_ticket/],
      [() => feishu.on("", () => {}), /no type of event/],
      [() => feishu.on("card.action.trigger", () => {}), /is a callback.*use callback/],
      [() => feishu.callback("im.message.receive_v1", () => undefined), /is an event.*use on/],
      [() => feishu.on("b", undefined as never), /handler of b must be a function/],
      [() => feishu.callback("c", "nope" as never), /handler of c must be a function/]
    ]
    for (const [add, message] of cases) {
      const error = thrown(add)
      assert.deepInclude(error, { _tag: "FeishuUsageError", reason: "Handler" })
      assert.match(String(error), message)
    }
  })

  live(
    "that come after the first use are refused",
    Effect.gen(function*() {
      const feishu = yield* make()
      yield* call(() => feishu.webhook.web(new Request("http://127.0.0.1/", { method: "POST" })))
      assert.match(String(thrown(() => feishu.on("a", () => {}))), /too late: call on before/)
    })
  )

  live(
    "that are too slow and succeed later do not run again",
    Effect.gen(function*() {
      const { advance, pushAndWait } = yield* Emulator.Emulator
      let runs = 0
      let finish = () => {}
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      let signal: AbortSignal | undefined
      const feishu = yield* make({ handlerTimeout: 50 })
      feishu.on("slow", async (_, context) => {
        runs++
        signal = context.signal
        await finished
      })
      yield* byWeb(feishu.webhook)
      assert.deepInclude(yield* pushAndWait(appId, { type: "slow", payload: {} }), { status: 500 })
      assert.isTrue(signal?.aborted)
      finish()
      // The platform pushes again after 15 s, 5 min, 1 h and 6 h.
      const acknowledged = Effect.gen(function*() {
        yield* advance("1 hour")
        return yield* Effect.filterOrFail(
          entries("Push"),
          (pushes) => pushes.some(({ outcome }) => outcome === "acknowledged")
        )
      })
      yield* Effect.retry(acknowledged, Schedule.intersect(Schedule.spaced("50 millis"), Schedule.recurs(400)))
      assert.strictEqual(runs, 1)
    })
  )

  live(
    "of callbacks that are too slow and fail later log the error, and close waits for these handlers",
    Effect.gen(function*() {
      const { callback } = yield* Emulator.Emulator
      const order: Array<string> = []
      const log: Array<LogEntry> = []
      let finish = () => {}
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      const reason = new Error("the database is away")
      const feishu = yield* make({ handlerTimeout: 1000, logger: (entry) => void log.push(entry) })
      feishu.callback("slow", async () => {
        await finished
        order.push("worked")
        throw reason
      })
      yield* byWeb(feishu.webhook)
      yield* Effect.exit(callback(appId, { type: "slow", payload: {} }))
      assert.match(
        log.map(({ message }) => message).join(),
        /the handler of the callback slow did not end within 1s .*afterAnswer of \/promise/
      )
      const closed = feishu.close().then(() => order.push("closed"))
      finish()
      yield* call(() => closed)
      assert.deepStrictEqual(order, ["worked", "closed"])
      assert.deepInclude(log.find(({ error }) => error === reason), {
        level: "error",
        message: "the handler of the callback slow failed"
      })
    })
  )

  live(
    "start work that goes on after the answer, and for which close waits",
    Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      const order: Array<string> = []
      let finish = () => {}
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      const log: Array<LogEntry> = []
      const feishu = yield* make({
        background: { capacity: 1, drainFor: 20_000 },
        logger: (entry) => void log.push(entry)
      })
      let refusal: unknown
      feishu.on("of.mine", (_, { afterAnswer, request }) => {
        afterAnswer(async () => {
          await finished
          await request({ path: "/open-apis/a" })
          order.push("worked")
          throw new Error("the work fails")
        })
        refusal = thrown(() => afterAnswer(() => {}))
      })
      yield* byNode(feishu.webhook)
      // The work fetches a token while the app closes.
      yield* call(() => feishu.ready())
      assert.strictEqual((yield* pushAndWait(appId, { type: "of.mine", payload: {} })).outcome, "acknowledged")
      assert.instanceOf(refusal, BackgroundTasksError)
      assert.deepInclude(refusal, { reason: "Full" })
      order.push("answered")
      const closed = feishu.close().then(() => order.push("closed"))
      finish()
      yield* call(() => closed)
      assert.deepStrictEqual(order, ["answered", "worked", "closed"])
      assert.deepInclude(log.find(({ message }) => message === "a background task failed")?.error, {
        message: "the work fails"
      })
    })
  )

  live(
    "of an event without a tenant cannot call for a tenant",
    Effect.gen(function*() {
      const { pushAndWait } = yield* Emulator.Emulator
      let error: unknown
      const feishu = yield* make()
      feishu.on("of.mine", async (event, { tenantToken }) => {
        assert.isUndefined(event.tenantKey)
        error = await tenantToken().catch((error: unknown) => error)
      })
      yield* byWeb(feishu.webhook)
      yield* pushAndWait(appId, { type: "of.mine", tenantKey: null, payload: {} })
      assert.deepInclude(error, { _tag: "FeishuUsageError", reason: "NoTenant" })
    })
  )
})

describe("stores", () => {
  live(
    "a Map keeps the ticket for the next app, and the tokens if wanted",
    Effect.gen(function*() {
      const store = new Map<string, string>()
      const first = yield* make({ store, storeTokens: true })
      yield* byWeb(first.webhook)
      const token = yield* call(() => first.tenantToken("tenant_1"))
      yield* call(() => first.close())
      const before = yield* calls
      const second = yield* make({ store, storeTokens: true })
      yield* call(() => second.ready())
      assert.strictEqual(yield* call(() => second.tenantToken("tenant_1")), token)
      assert.deepStrictEqual(yield* calls, before)
      const third = yield* make({ store })
      yield* call(() => third.tenantToken("tenant_1"))
      assert.deepStrictEqual((yield* calls).slice(before.length), [
        "auth/v3/app_access_token",
        "auth/v3/tenant_access_token"
      ])
    })
  )

  live(
    "an app that could not be started is started again for the next use",
    Effect.gen(function*() {
      const fault = new Error("the layer cannot be built")
      let starts = 0
      const inMemory = new Map<string, string>()
      const { layer } = yield* Effect.promise(() => import("../src/internal/promise/stores.js"))
      const stores = Layer.unwrapEffect(
        Effect.suspend(() => ++starts === 1 ? Effect.fail(fault) : Effect.succeed(layer({ store: inMemory })))
      )
      const log: Array<LogEntry> = []
      const feishu = yield* make({
        store: { "~@effect-feishu/core/promise/Stores": stores },
        logger: (entry) => void log.push(entry)
      })
      const response = yield* call(() => feishu.webhook.web(new Request("http://127.0.0.1/", { method: "POST" })))
      assert.strictEqual(response.status, 503)
      assert.strictEqual(log.find(({ level }) => level === "error")?.error, fault)
      starts = 0
      assert.strictEqual(yield* rejection(() => feishu.appToken()), fault)
      yield* byWeb(feishu.webhook)
      yield* call(() => feishu.ready())
      assert.isAbove(inMemory.size, 0)
    })
  )
})

describe("the log", () => {
  it.live("is warnings and errors on the console, unless it is false or a function", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { error, warn, info, log } = console
      yield* Effect.addFinalizer(() => Effect.sync(() => Object.assign(console, { error, warn, info, log })))
      const write = (...parts: ReadonlyArray<unknown>) => void lines.push(parts.map(String).join(" "))
      Object.assign(console, { error: write, warn: write, info: write, log: write })
      const broken = { baseUrl: "http://127.0.0.1:1", retry: { retries: 0 } }
      for (const logger of [undefined, false] as const) {
        const feishu = createFeishu({ ...options, ...broken, logger })
        yield* rejection(() => feishu.ready({ timeout: 10_000 }))
        yield* call(() => feishu.close())
      }
      assert.deepStrictEqual(lines.map((line) => line.replace(/ FeishuNetworkError.*/s, "")), [
        "feishu: the platform was asked for an app ticket in vain app_id=cli_test"
      ])
      const throwing = createFeishu({
        ...options,
        ...broken,
        logger: () => {
          throw new Error("the logger is broken")
        }
      })
      assert.instanceOf(yield* rejection(() => throwing.ready()), FeishuNetworkError)
      yield* call(() => throwing.close())
    }).pipe(Effect.scoped))
})
