// @effect-diagnostics globalConsole:off -- a program without Effect
// oxlint-disable no-console -- the log of a Worker
/** The request URL on Cloudflare Workers, without Effect. `STORE` is a KV namespace, which all isolates share. */
import { createFeishu, type Feishu, type KeyValueStore, toast, type WebContext } from "@effect-feishu/core/promise"

/** The part of `KVNamespace` (`@cloudflare/workers-types`) that is used here. */
interface KVNamespace {
  readonly get: (key: string, options: { readonly cacheTtl: number }) => Promise<string | null>
  readonly put: (key: string, value: string) => Promise<void>
  readonly delete: (key: string) => Promise<void>
}

/** The bindings: the variables and secrets of the Worker, and the namespace. */
interface Env {
  readonly FEISHU_APP_ID: string
  readonly FEISHU_APP_SECRET: string
  readonly FEISHU_ENCRYPT_KEY: string
  readonly FEISHU_VERIFICATION_TOKEN: string
  /** Only for another platform than `open.feishu.cn`. */
  readonly FEISHU_BASE_URL?: string
  readonly STORE: KVNamespace
}

/**
 * Keeps the ticket in KV. The ids of handled events stay in the memory of the isolate, because KV takes one write a second to a
 * key: write handlers that may run twice.
 */
const storeOf = (namespace: KVNamespace): KeyValueStore => {
  const memory = new Map<string, string>()
  const isTicket = (key: string) => key.startsWith("feishu/ticket/")
  return {
    // 30 s is the shortest time for which KV remembers what it has read, and 60 s is the default.
    get: (key) => isTicket(key) ? namespace.get(key, { cacheTtl: 30 }) : memory.get(key),
    set: (key, value) => isTicket(key) ? namespace.put(key, value) : memory.set(key, value),
    delete: (key) => isTicket(key) ? namespace.delete(key) : memory.delete(key)
  }
}

const start = (env: Env) => {
  const feishu = createFeishu({
    appId: env.FEISHU_APP_ID,
    appSecret: env.FEISHU_APP_SECRET,
    encryptKey: env.FEISHU_ENCRYPT_KEY,
    verificationToken: env.FEISHU_VERIFICATION_TOKEN,
    baseUrl: env.FEISHU_BASE_URL,
    store: storeOf(env.STORE)
  })
  feishu.on("contact.user.created_v3", ({ id }) => console.info(`A user was created: event ${id}.`))
  feishu.callback("card.action.trigger", ({ payload }) => ({
    toast: toast("success", `You pressed a ${payload.action.tag}.`)
  }))
  return feishu
}

// For all requests of an isolate. The bindings come with the first request.
let feishu: Feishu | undefined

export default {
  fetch: (request: Request, env: Env, context?: WebContext): Response | Promise<Response> => {
    feishu ??= start(env)
    if (new URL(request.url).pathname !== "/webhook/event") return new Response(null, { status: 404 })
    return feishu.webhook.web(request, context)
  }
}
