/** The examples without Effect, each as a process of its own, with the emulator pushing to it. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import * as Deliveries from "../../packages/core/test/deliveries.js"
import { app, connectSilently, get, secrets, start, startServer } from "./programs.js"
import { checkWebhook } from "./webhook.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [] }))

const callsOf = (appId: string) =>
  Effect.map(
    Effect.flatMap(Emulator.Emulator, ({ journal }) => journal),
    (entries) => entries.filter(Journal.$is("Call")).filter((call) => call.appId === appId)
  )

const textOf = (response: Response) => Effect.promise(() => response.text())

const message = {
  message_id: "om_1",
  create_time: "1700000000000",
  chat_id: "oc_1",
  chat_type: "p2p",
  message_type: "text",
  content: "{\"text\":\"你好\"}"
}

// Each has an app of its own.
describe.concurrent("without Effect", () => {
  layer(Live, { excludeTestServices: true, timeout: "20 seconds" })("examples", (it) => {
    it.effect(
      "promise-express.ts replies to a message, answers a click, and ends with its work, also with a connection that sends nothing",
      () =>
        Effect.gen(function*() {
          const appId = "cli_promise_express"
          const { answer, callback, pushAndWait, setApp } = yield* Emulator.Emulator
          yield* setApp(app(appId))
          yield* answer("/open-apis/im/v1/messages/:message_id/reply", { message_id: "om_2" })
          const { origin, output, started } = yield* startServer(["promise-express.ts"], appId)

          // The first request waits for the ticket.
          const page = yield* get(`${origin}/tenants/tenant_1`)
          assert.deepStrictEqual([page.status, yield* textOf(page)], [200, "tenant_1 (FTENANT_1)"])
          const none = yield* get(`${origin}/tenants/tenant_2`)
          assert.strictEqual(none.status, 404)
          assert.include(yield* textOf(none), "the tenant has installed it")

          const delivered = yield* pushAndWait(appId, {
            type: "im.message.receive_v1",
            payload: { sender: { sender_type: "user" }, message }
          })
          assert.strictEqual(delivered.outcome, "acknowledged")
          const reply = (yield* callsOf(appId)).find(({ path }) => path === "/open-apis/im/v1/messages/om_1/reply")
          assert.include(reply?.received?.text ?? "", "You wrote: 你好")
          assert.deepStrictEqual(
            yield* Effect.retry(callback(appId, { type: "card.action.trigger", payload: {} }), { times: 5 }),
            {
              toast: { type: "success", content: "You pressed a button." }
            }
          )

          const at = yield* Clock.currentTimeMillis
          const event = Deliveries.event2({ appId, token: secrets.FEISHU_VERIFICATION_TOKEN })
          const forged = Deliveries.signed(Deliveries.encrypted(event, "another key"), { at, key: "another key" })
          const refused = yield* get(`${origin}/webhook/event`, {
            method: "POST",
            headers: forged.headers as Record<string, string>,
            body: new Uint8Array(forged.body)
          })
          assert.strictEqual(refused.status, 401)

          yield* connectSilently(origin)
          yield* started.kill("SIGTERM").pipe(Effect.forkScoped)
          assert.strictEqual(Number(yield* Effect.timeout(started.exitCode, "20 seconds")), 0)
          const printed = yield* output
          for (const secret of Object.values(secrets)) assert.notInclude(printed, secret)
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )

    it.effect(
      "promise-express.ts fails if the port is taken, and ends on SIGINT",
      () =>
        Effect.gen(function*() {
          const appId = "cli_promise_express_port"
          const { setApp } = yield* Emulator.Emulator
          yield* setApp(app(appId))
          const first = yield* startServer(["promise-express.ts"], appId)
          const second = yield* start(["promise-express.ts"], {
            FEISHU_APP_ID: appId,
            ...secrets,
            PORT: new URL(first.origin).port
          })
          assert.strictEqual(Number(yield* Effect.timeout(second.started.exitCode, "20 seconds")), 1)
          yield* second.printed(/EADDRINUSE/)
          assert.notInclude(yield* second.output, "Listening")

          yield* first.started.kill("SIGINT").pipe(Effect.forkScoped)
          assert.strictEqual(Number(yield* Effect.timeout(first.started.exitCode, "20 seconds")), 0)
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )

    it.effect(
      "keep-your-sdk.ts calls by the SDK, which asks for no ticket and no token, prints nothing, and ends on SIGTERM",
      () =>
        Effect.gen(function*() {
          const appId = "cli_keep_your_sdk"
          const { addFaults, answer, invalidateTokens, pushAndWait, setApp } = yield* Emulator.Emulator
          yield* setApp(app(appId))
          yield* answer("/open-apis/im/v1/messages/:message_id/reply", { message_id: "om_2" })
          const { origin, output, started } = yield* startServer(["keep-your-sdk.ts"], appId)
          const paths = Effect.map(callsOf(appId), (calls) => calls.map(({ path }) => path.replace("/open-apis/", "")))
          assert.deepStrictEqual(yield* paths, [], "the SDK has asked for a ticket")

          const ask = Effect.flatMap(get(`${origin}/tenants/tenant_1`), textOf)
          const tenants = yield* Effect.all(Array.from({ length: 20 }, () => ask), { concurrency: "unbounded" })
          assert.deepStrictEqual([...new Set(tenants)], ["tenant_1 (FTENANT_1)"])
          const known = yield* paths
          const query = "tenant/v2/tenant/query"
          assert.deepStrictEqual(known.filter((path) => path !== query), [
            "auth/v3/app_ticket/resend",
            "auth/v3/app_access_token",
            "auth/v3/tenant_access_token"
          ])
          assert.strictEqual(known.filter((path) => path === query).length, 20)
          const agents = (yield* callsOf(appId)).filter(({ path }) => path.endsWith(query))
            .map(({ received }) => received?.headers["user-agent"] ?? "")
          assert.match(agents[0] ?? "", /oapi-node-sdk/, "the SDK has made the call")

          yield* invalidateTokens(appId)
          assert.strictEqual(yield* ask, "tenant_1 (FTENANT_1)")
          assert.match(yield* output, /^Listening on http:\/\/localhost:\d+\n$/, "nothing else is printed")

          for (const code of [99_991_664, 99_991_671]) {
            const message_id = `om_${code}`
            const path = `/open-apis/im/v1/messages/${message_id}/reply`
            yield* addFaults([Fault.next(1, Fault.Refuse({ status: 400, code, msg: "refused" }), { only: path })])
            const { outcome } = yield* pushAndWait(appId, {
              type: "im.message.receive_v1",
              payload: { sender: { sender_type: "user" }, message: { ...message, message_id } }
            })
            assert.strictEqual(outcome, "acknowledged")
            const replies = (yield* callsOf(appId)).filter((call) => call.path === path)
            assert.deepStrictEqual(replies.map(({ code }) => code), [code, 0])
            assert.include(replies[1]?.received?.text ?? "", "Thank you.")
          }

          yield* connectSilently(origin)
          yield* started.kill("SIGTERM").pipe(Effect.forkScoped)
          assert.strictEqual(Number(yield* Effect.timeout(started.exitCode, "20 seconds")), 0)
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )

    it.effect.each<[string, readonly [string, ...Array<string>]]>([
      ["promise-servers.ts koa", ["promise-servers.ts", "koa"]],
      ["promise-servers.ts fastify", ["promise-servers.ts", "fastify"]],
      ["promise-servers.ts nestjs", ["promise-servers.ts", "nestjs"]],
      ["promise-servers.ts hono", ["promise-servers.ts", "hono"]],
      ["promise-workers.ts", ["test/serve.ts", "../promise-workers.mjs"]]
    ])(
      "%s takes what the platform sends, refuses the rest, and ends on SIGTERM",
      ([name, program]) =>
        Effect.gen(function*() {
          const appId = `cli_${name.replaceAll(/\W/g, "_")}`
          const isWorker = name === "promise-workers.ts"
          const { setApp } = yield* Emulator.Emulator
          yield* setApp(app(appId))
          const { origin, output, printed, started } = yield* startServer(program, appId)
          yield* checkWebhook({
            appId,
            url: `${origin}/webhook/event`,
            output,
            printed,
            hasHandlers: true,
            ofFramework: []
          })
          const elsewhere = yield* get(`${origin}/elsewhere`)
          assert.strictEqual(elsewhere.status, 404)

          // What serves the Worker ends at once.
          if (!isWorker) yield* connectSilently(origin)
          yield* started.kill("SIGTERM").pipe(Effect.forkScoped)
          const ended = yield* Effect.merge(Effect.timeout(started.exitCode, "20 seconds"))
          if (isWorker) assert.match(String(ended), /signal: SIGTERM$/m)
          else assert.strictEqual(Number(ended), 0)
          const text = yield* output
          for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
          const inKV = new Set([...text.matchAll(/^KV has (.*)\.$/gm)].map(([, key]) => key))
          assert.deepStrictEqual([...inKV], isWorker ? [`feishu/ticket/${appId}`] : [])
        }).pipe(Effect.scoped),
      { timeout: 120_000 }
    )
  })
})
