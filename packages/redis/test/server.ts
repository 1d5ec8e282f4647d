/**
 * A user's service, of which the tests start several: it takes events at /webhook/event, and has pages that need the
 * ticket and tokens. All that it shares with the others is on Redis.
 */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  type FeishuEvent,
  type TicketStore
} from "@effect-feishu/core"
import { RedisConnection, RedisTicketStore, RedisTokenStore } from "@effect-feishu/redis"
import { HttpLayerRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Config, DateTime, Duration, Effect, Layer, Random, Redacted, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { appendFileSync } from "node:fs"
import { createServer } from "node:http"

/** What a page may show of a secret. */
const hashOf = ({ value }: { readonly value: Redacted.Redacted }) =>
  createHash("sha256").update(Redacted.value(value)).digest("hex").slice(0, 16)

/** Does its work on each event, and leaves a line before and after. Answers a click at once. */
const Events = Layer.unwrapEffect(Effect.map(Config.string("RUNS"), (runs) => {
  const note = (word: "start" | "done", { id }: FeishuEvent.FeishuEvent) =>
    Effect.sync(() => appendFileSync(runs, `${word} ${id} ${process.pid}\n`))
  return EventSubscription.layer({
    handlers: [
      EventHandler.all((event) =>
        note("start", event).pipe(
          Effect.zipRight(Effect.flatMap(Random.nextIntBetween(50, 201), (millis) => Effect.sleep(millis))),
          Effect.zipRight(note("done", event))
        )
      ),
      EventHandler.callback("card.action.trigger", () => Effect.succeed({ toast: { type: "info", content: "done" } }))
    ]
  })
}))

const ticketText = ({ sentAt, value }: TicketStore.Ticket) =>
  JSON.stringify({ hash: hashOf({ value }), sentAt: DateTime.toEpochMillis(sentAt) })

const tenantKey = Effect.map(
  HttpServerRequest.schemaSearchParams(Schema.Struct({ tenant: Schema.String })),
  ({ tenant }) => tenant
)

const token = Effect.flatMap(tenantKey, AccessToken.tenant)

/** Where there is none it says why. */
const page = <E, R>(method: "GET" | "POST", path: `/${string}`, text: Effect.Effect<string, E, R>) =>
  HttpLayerRouter.add(
    method,
    path,
    Effect.matchCause(text, {
      onFailure: (cause) => HttpServerResponse.text(Cause.pretty(cause), { status: 503 }),
      onSuccess: (text) => HttpServerResponse.text(text)
    })
  )

const Pages = Layer.mergeAll(
  page("GET", "/ticket", Effect.map(AppTicket.get, ticketText)),
  page("GET", "/newest", Effect.map(Effect.flatten(Stream.runHead(AppTicket.changes)), ticketText)),
  page("GET", "/token", Effect.map(token, hashOf)),
  page("POST", "/invalidate", Effect.as(Effect.flatMap(token, AccessToken.invalidate), "")),
  page(
    "GET",
    "/call",
    Effect.gen(function*() {
      const client = yield* FeishuClient.forTenant(yield* tenantKey)
      const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
      const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String }) })
      return (yield* FeishuClient.schemaData(Tenant)(response)).tenant.name
    })
  )
)

/** On a busy machine Redis may take long to answer, and each process would do for itself what one does for all. */
const patient = Config.zipWith(
  RedisConnection.config,
  Config.withDefault(Config.duration("REDIS_TIMEOUT"), Duration.seconds(1)),
  (options, timeout) => ({ ...options, timeout })
)

const Ticket = Layer.unwrapEffect(Effect.map(
  Config.withDefault(Config.duration("COOL_DOWN"), Duration.minutes(1)),
  (coolDown) => AppTicket.layer({ coolDown })
))

HttpLayerRouter.serve(Layer.merge(EventHttpApp.layer("/webhook/event"), Pages)).pipe(
  Layer.provide([AccessToken.layer(), Events]),
  Layer.provide(Ticket),
  Layer.provide([RedisTicketStore.layer(), RedisTokenStore.layer(), FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  Layer.provide(RedisConnection.layerConfig(patient)),
  Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
  Layer.launch,
  NodeRuntime.runMain
)
