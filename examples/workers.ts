/**
 * A store app on Cloudflare Workers: the request URL, and GET /tenants/KEY, which shows who a tenant is. `STORE` is a KV
 * namespace, which all isolates share.
 */
import {
  AccessToken,
  AppTicket,
  Claims,
  EventWebHandler,
  FeishuApp,
  FeishuClient,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { KeyValueStore } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { ConfigProvider, Effect, Layer, ManagedRuntime, Option, Schema } from "effect"
import { Events } from "./handlers.js"

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
  readonly STORE: KVNamespace
}

const keyValueStore = (namespace: KVNamespace) => {
  const run = <A>(method: string, key: string, operation: () => Promise<A>) =>
    Effect.tryPromise({
      try: operation,
      catch: (cause) =>
        new SystemError({ reason: "Unknown", module: "KeyValueStore", method, pathOrDescriptor: key, cause })
    })
  return KeyValueStore.makeStringOnly({
    // 30 s is the shortest time for which KV remembers what it has read, and 60 s is the default.
    get: (key) => Effect.map(run("get", key, () => namespace.get(key, { cacheTtl: 30 })), Option.fromNullable),
    set: (key, value) => run("set", key, () => namespace.put(key, value)),
    remove: (key) => run("remove", key, () => namespace.delete(key)),
    clear: Effect.dieMessage("not used"),
    size: Effect.dieMessage("not used")
  })
}

// Tickets and tokens are written seldom. Claims are written twice for each event, which is too often for KV.
const stores = ({ STORE }: Env) =>
  Layer.mergeAll(
    Layer.effect(TicketStore.TicketStore, TicketStore.makeKeyValueStore()),
    TokenStore.layerKeyValueStore(),
    Claims.layerMemory
  ).pipe(Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore, keyValueStore(STORE))))

const Tokens = AccessToken.layer().pipe(Layer.provide(AppTicket.layer()))

const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === "string"

const live = (env: Env) =>
  Layer.merge(Tokens, Events).pipe(
    Layer.provideMerge(Layer.mergeAll(FeishuApp.layerConfig(), FeishuClient.layerFetch, stores(env))),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env).filter(isText)))))
  )

const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String }) })

const whoIs = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    const { tenant } = yield* FeishuClient.schemaData(Tenant)(response)
    return new Response(`${tenant.name} (${tenant.display_id})`)
  }).pipe(Effect.catchAll(({ message }) => Effect.succeed(new Response(message, { status: 502 }))))

const start = (env: Env) => {
  const runtime = ManagedRuntime.make(live(env))
  return { runtime, webhook: EventWebHandler.make(runtime) }
}

// For all requests of an isolate. The bindings come with the first request.
let app: ReturnType<typeof start> | undefined

export default {
  fetch: (request: Request, env: Env, context?: EventWebHandler.RequestContext): Promise<Response> => {
    app ??= start(env)
    const { runtime, webhook } = app
    const { pathname } = new URL(request.url)
    if (pathname === "/webhook/event") return webhook.handler(request, context)
    const [, tenantKey] = /^\/tenants\/(\w+)$/.exec(pathname) ?? []
    return tenantKey === undefined
      ? Promise.resolve(new Response(null, { status: 404 }))
      : runtime.runPromise(whoIs(tenantKey))
  }
}
