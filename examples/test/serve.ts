/** Serves a module's default export with `fetch` on Node, on any free port: `tsx serve.ts ../hono.ts`. */
import { serve } from "@hono/node-server"
import { argv, stdout } from "node:process"

const [, , path = ""] = argv
const module: { default: { fetch: (request: Request) => Response | Promise<Response> } } = await import(path)

serve({ fetch: module.default.fetch, port: 0 }, ({ port }) => {
  stdout.write(`Listening on http://localhost:${port}\n`)
})
