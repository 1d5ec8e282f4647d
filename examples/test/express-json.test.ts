/** The line of the package's README for an Express app whose body parser comes first. */
import { EventNodeListener, FeishuApp, TicketStore } from "@effect-feishu/core"
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import express from "express"
import { readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import * as Deliveries from "../../packages/core/test/deliveries.js"
import { parser } from "../express-json.js"
import { Events } from "../handlers.js"
import { get } from "./programs.js"

const App = FeishuApp.layer({
  appId: "cli_test",
  appSecret: Redacted.make("a secret"),
  encryptKey: Redacted.make(Deliveries.encryptKey),
  verificationToken: Redacted.make(Deliveries.verificationToken)
})

/** Returns the status of the answer to an event. */
const send = (parser: express.RequestHandler) =>
  Effect.gen(function*() {
    const app = express()
    app.use(parser)
    app.all("/webhook/event", yield* EventNodeListener.make)
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof app.listen>>((resume) => {
        const server = app.listen(0, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
    )
    const { port } = server.address() as AddressInfo
    const description = "x".repeat(300_000)
    const { body, headers } = Deliveries.genuine(
      Deliveries.event2({ payload: { description } }),
      yield* Clock.currentTimeMillis
    )
    const answer = yield* get(`http://127.0.0.1:${port}/webhook/event`, {
      method: "POST",
      headers: { ...headers as Record<string, string>, connection: "close" },
      body: new Uint8Array(body)
    })
    return answer.status
  }).pipe(Effect.scoped, Effect.provide(Events.pipe(Layer.provide([TicketStore.layerMemory, App]))))

it.live("takes an event after express.json() that keeps the bytes, and answers 500 if it keeps none", () =>
  Effect.gen(function*() {
    assert.strictEqual(yield* send(parser), 200)
    assert.strictEqual(yield* send(express.json({ limit: "1mb" })), 500)
    const readme = readFileSync(new URL("../../packages/core/README.md", import.meta.url), "utf8")
    assert.include(readme, "verify: (request, _, bytes) => void Object.assign(request, { rawBody: bytes })")
  }))
