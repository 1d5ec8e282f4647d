/**
 * Serves a module's default export with `fetch` on Node, on any free port: `tsx serve.ts ../hono.ts`. The bindings are the
 * variables of the process, and `STORE`, a KV namespace in memory.
 */
import { serve } from "@hono/node-server"
import { argv, env, stdout } from "node:process"

interface Module {
  readonly default: { readonly fetch: (request: Request, env: object) => Response | Promise<Response> }
}

const entries = new Map<string, string>()
const written = new Map<string, number>()
const STORE = {
  get: async (key: string) => entries.get(key) ?? null,
  put: async (key: string, value: string) => {
    // KV takes one write a second to a key.
    const now = performance.now()
    if (now - (written.get(key) ?? -Infinity) < 1000) throw new Error("KV PUT failed: 429 Too Many Requests")
    written.set(key, now)
    stdout.write(`KV has ${key}.\n`)
    entries.set(key, value)
  },
  delete: async (key: string) => void entries.delete(key)
}

const [, , path = ""] = argv
const module: Module = await import(path)

serve({ fetch: (request) => module.default.fetch(request, { ...env, STORE }), port: 0 }, ({ port }) => {
  stdout.write(`Listening on http://localhost:${port}\n`)
})
