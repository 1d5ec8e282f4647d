/** The Hono example in this process, on a runtime that gives each request a context. */
import { assert, it, vi } from "@effect/vitest"
import { Clock, Effect } from "effect"
import * as Deliveries from "../../packages/core/test/deliveries.js"
import app from "../hono.js"
import { secrets } from "./programs.js"

const appId = "cli_hono"

it.live("the Hono example gives the request's waitUntil to the library", () =>
  Effect.gen(function*() {
    for (const [name, value] of Object.entries({ FEISHU_APP_ID: appId, ...secrets })) vi.stubEnv(name, value)
    const event = Deliveries.event2({ appId, token: secrets.FEISHU_VERIFICATION_TOKEN })
    const key = secrets.FEISHU_ENCRYPT_KEY
    const { body, headers } = Deliveries.signed(Deliveries.encrypted(event, key), {
      at: yield* Clock.currentTimeMillis,
      key
    })
    const request = () =>
      new Request("https://example.com/webhook/event", {
        method: "POST",
        headers: headers as Record<string, string>,
        body: new Uint8Array(body)
      })
    const waitedFor: Array<Promise<unknown>> = []
    const context = {
      waitUntil: (promise: Promise<unknown>) => void waitedFor.push(promise),
      passThroughOnException: () => {},
      props: {}
    }
    const answer = yield* Effect.promise(async () => app.fetch(request(), {}, context))
    assert.strictEqual(answer.status, 200)
    assert.isAbove(waitedFor.length, 0)
    yield* Effect.promise(() => Promise.all(waitedFor))

    const withoutContext = yield* Effect.promise(async () => app.fetch(request()))
    assert.strictEqual(withoutContext.status, 200)
  }).pipe(Effect.ensuring(Effect.sync(() => vi.unstubAllEnvs()))))
