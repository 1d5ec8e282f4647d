/** `promise` on Cloudflare Workers as Node can show them: see `workers.test.ts`. */
import { Emulator } from "@effect-feishu/emulator"
import { afterAll, assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { BackgroundTasksError, createFeishu } from "../src/promise.js"

beforeAll(() => {
  vi.stubGlobal("navigator", { userAgent: "Cloudflare-Workers" })
})
afterAll(() => {
  vi.unstubAllGlobals()
})

const app = { appId: "cli_test", appSecret: "the app secret", encryptKey: "the encrypt key" }

const Platform = Emulator.layerServer({
  apps: [{ appId: app.appId, appSecret: Redacted.make(app.appSecret), encryptKey: Redacted.make(app.encryptKey) }],
  pushDelay: 0
})

describe("on Workers", () => {
  it.scopedLive("a request that starts the app is kept alive, as is the work after its answer", () =>
    Effect.gen(function*() {
      const { baseUrl, pushAndWait, setRequestUrl } = yield* Emulator.Emulator
      const feishu = createFeishu({ ...app, baseUrl, store: new Map<string, string>(), logger: false })
      yield* Effect.addFinalizer(() => Effect.promise(() => feishu.close()))
      const order: Array<string> = []
      let refusal: unknown
      feishu.on("of.mine", (_, { afterAnswer, tenantToken }) =>
        afterAnswer(async () => {
          order.push(`worked ${(await tenantToken()).slice(0, 2)}`)
        }))
      feishu.on("of.mine.without", (_, { afterAnswer }) => {
        try {
          afterAnswer(() => order.push("unkept"))
        } catch (error) {
          refusal = error
        }
      })
      const kept: Array<Promise<unknown>> = []
      const deliver = (context?: { readonly waitUntil: (promise: Promise<unknown>) => void }) =>
        setRequestUrl(app.appId, (delivery) =>
          Effect.promise(async () => {
            const request = new Request("http://127.0.0.1/", { method: "POST", ...delivery })
            const response = await feishu.webhook.web(request, context)
            return { status: response.status, body: await response.text() }
          }))
      yield* deliver({ waitUntil: (promise) => void kept.push(promise) })
      assert.isAbove(kept.length, 0, "the handshake has started the app")
      const before = kept.length
      assert.strictEqual((yield* pushAndWait(app.appId, { type: "of.mine", payload: {} })).status, 200)
      assert.isAtLeast(kept.length, before + 2)
      yield* Effect.promise(() => Promise.all(kept))
      assert.deepStrictEqual(order, ["worked t-"])

      yield* deliver()
      yield* pushAndWait(app.appId, { type: "of.mine.without", payload: {} })
      assert.instanceOf(refusal, BackgroundTasksError)
      assert.deepInclude(refusal, { reason: "NoWaitUntil" })
      assert.deepStrictEqual(order, ["worked t-"])
    }).pipe(Effect.provide(Platform)))
})
