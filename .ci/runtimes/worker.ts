/** A Worker for `workers.mjs`, with stores in the isolate's memory and a layer that takes `BUILD_MILLIS`. */
import {
  AccessToken,
  AppTicket,
  BackgroundTasks,
  EventHandler,
  EventSubscription,
  EventWebHandler,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { ConfigProvider, Effect, Layer, ManagedRuntime, Runtime } from "effect"

interface Env extends Readonly<Record<string, string>> {
  readonly BUILD_MILLIS: string
  /** What `EventWebHandler.make` is given. */
  readonly FORM: "layer" | "runtime"
}

interface Context {
  readonly waitUntil: (promise: Promise<unknown>) => void
}

let tasksEnded = 0

const handlers = [
  EventHandler.on(
    "background",
    () => BackgroundTasks.add(Effect.delay(Effect.sync(() => tasksEnded++), "300 millis"))
  ),
  EventHandler.callback(FeishuEvents.CardAction, () => Effect.delay(Effect.succeed({}), "300 millis")),
  EventHandler.all(() => Effect.void)
]

const live = (env: Env) =>
  Layer.merge(
    AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory])),
    EventSubscription.layer({ handlers })
  ).pipe(
    Layer.provideMerge(Layer.mergeAll(FeishuApp.layerConfig(), FeishuClient.layerFetch, TicketStore.layerMemory)),
    Layer.provide(Layer.effectDiscard(Effect.sleep(Number(env.BUILD_MILLIS)))),
    Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))))
  )

const whoIs = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    return new Response(yield* response.text)
  }).pipe(
    Effect.catchAll((error) => {
      const headers = error._tag === "TicketTimeout" ? { "needs-shared-store": String(error.needsSharedStore) } : {}
      return Effect.succeed(new Response(error.message, { status: 503, headers }))
    })
  )

const start = (env: Env) => EventWebHandler.make(env.FORM === "layer" ? live(env) : ManagedRuntime.make(live(env)))

let webhook: ReturnType<typeof start> | undefined

export default {
  fetch: async (request: Request, env: Env, context: Context): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (pathname === "/ready") return new Response()
    if (pathname === "/tasks-ended") return new Response(String(tasksEnded))
    webhook ??= start(env)
    if (pathname === "/webhook/event") return webhook.handler(request, context)
    // The client of this request may disconnect while the layer is being built.
    context.waitUntil(webhook.runtime())
    return Runtime.runPromise(await webhook.runtime())(whoIs(pathname.slice("/tenants/".length)))
  }
}
