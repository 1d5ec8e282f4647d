/** Serves a module's default export with `fetch` on Node, on any free port: `tsx serve.ts ../hono.ts`. */
import { HttpApp, HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"

const [, , path = ""] = process.argv

Layer.unwrapEffect(Effect.map(
  Effect.promise((): Promise<{ default: { fetch: (request: Request) => Promise<Response> } }> => import(path)),
  (module) => HttpServer.serve(HttpApp.fromWebHandler(async (request) => module.default.fetch(request)))
)).pipe(
  HttpServer.withLogAddress,
  Layer.provide(NodeHttpServer.layer(createServer, { port: 0 })),
  Layer.launch,
  NodeRuntime.runMain
)
