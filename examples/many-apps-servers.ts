/** A request URL for each of several store apps, in an Express app and in a Hono app. */
import { EventNodeListener, EventWebHandler } from "@effect-feishu/core"
import { Emulator } from "@effect-feishu/emulator"
import { NodeRuntime } from "@effect/platform-node"
import { getRequestListener } from "@hono/node-server"
import { Effect, Layer, Runtime } from "effect"
import express from "express"
import { Hono } from "hono"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { Apps, findApp, register } from "./apps.js"

/** Before every body parser, because the signature covers the bytes. */
const expressApp = Effect.map(
  EventNodeListener.makeApps(findApp),
  (listenerOf) =>
    express().all("/webhook/:appId", (request, response) => listenerOf(request.params.appId)(request, response))
)

const honoApp = Effect.map(
  Effect.runtime<Apps>(),
  (runtime) =>
    new Hono().all(
      "/webhook/:appId",
      ({ req }) => Runtime.runPromise(runtime)(EventWebHandler.handleApp(req.raw, req.param("appId"), findApp))
    )
)

/** Listens until the scope ends, and returns the origin. */
const listen = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close().closeAllConnections())
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

const program = Effect.gen(function*() {
  const byExpress = yield* listen(yield* expressApp)
  yield* register("cli_one", `${byExpress}/webhook/cli_one`)
  yield* register("cli_two", `${byExpress}/webhook/cli_two`)
  const byHono = yield* listen(getRequestListener((yield* honoApp).fetch))
  yield* register("cli_three", `${byHono}/webhook/cli_three`)
})

program.pipe(
  Effect.scoped,
  Effect.provide(Layer.merge(Emulator.layerServer({ apps: [] }), Apps.Default)),
  NodeRuntime.runMain
)
