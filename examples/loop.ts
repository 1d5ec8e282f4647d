/**
 * The whole loop in a few seconds: `npm start`.
 *
 * An emulator of the platform and a store app run in this process, and reach each other by sockets on this machine. The app
 * asks for its ticket, receives the push, calls the platform for a tenant, and replies to a message of a user.
 *
 * With `FEISHU_APP_ID` and `FEISHU_APP_SECRET` in the environment this is `resend.ts`: one resend to the real platform,
 * whose push goes to the request URL in the developer console, and not to this process.
 */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { HttpLayerRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Clock, Console, DateTime, Effect, Layer, Redacted, Schema, Stream } from "effect"
import { createServer } from "node:http"
import { reply } from "./reply.js"
import { isConfigured, line, reportFailure, tell } from "./story.js"

const path = "/webhook/event"

const app = {
  appId: "cli_example",
  appSecret: Redacted.make("an example's secret"),
  encryptKey: Redacted.make("an example's encrypt key"),
  verificationToken: Redacted.make("an example's verification token")
}

const Platform = Emulator.layerServer({
  apps: [app],
  faults: [Fault.Drop(), Fault.rateLimit({ resetSeconds: 1 })],
  pushFaults: [Fault.Forged()]
})

const AppOfPlatform = Layer.unwrapEffect(
  Effect.map(Emulator.Emulator, ({ baseUrl }) => FeishuApp.layer({ ...app, baseUrl }))
)

/** The request URL with a handler of messages, and what else the app needs. */
const App = HttpLayerRouter.serve(EventHttpApp.layer(path), { disableListenLog: true, disableLogger: true }).pipe(
  Layer.provide(EventSubscription.layer({ handlers: [EventHandler.on(FeishuEvents.MessageReceived, reply)] })),
  Layer.provideMerge(AccessToken.layer()),
  Layer.provideMerge(AppTicket.layer()),
  Layer.provideMerge(Layer.mergeAll(AppOfPlatform, FeishuClient.layerFetch)),
  Layer.provide([TicketStore.layerMemory, TokenStore.layerMemory]),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
)

const message = {
  type: FeishuEvents.MessageReceived.type,
  payload: {
    sender: { sender_type: "user" },
    message: {
      message_id: "om_1",
      create_time: "1700000000000",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: "text",
      content: JSON.stringify({ text: "Hello!" })
    }
  }
}

const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String }) })

/** Runs the steps with a title before each. Beside the log lines of the app, prints what the platform sees. */
const makeStep = (start: number) =>
  Effect.gen(function*() {
    const { changes } = yield* Emulator.Emulator
    const seen = yield* Stream.toQueueOfElements(changes)
    const tellNext = Effect.tap(
      Effect.flatten(seen.take),
      // The app's log has the handshake.
      (entry) =>
        entry._tag !== "Handshake" && Console.log(line(start, entry.endedAt, `platform: ${Journal.line(entry)}`))
    )
    return <A, E, R>(title: string, step: Effect.Effect<A, E, R>, isLast: (entry: Journal.Entry) => boolean) =>
      Effect.gen(function*() {
        yield* Console.log(`\n${title}\n`)
        yield* Effect.all([step, Effect.repeat(tellNext, { until: isLast })], { concurrency: "unbounded" })
      })
  })

const saveRequestUrl = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  const url = yield* HttpServer.addressFormattedWith((origin) => Effect.succeed(`${origin}${path}`))
  // The handshake may take 1 s, and the first one is slow on a busy machine.
  yield* Effect.retry(emulator.setRequestUrl(app.appId, url), { times: 5 })
  yield* Effect.logInfo(`the platform has saved ${url}`)
})

const getTicket = Effect.gen(function*() {
  const { sentAt } = yield* AppTicket.get
  yield* Effect.logInfo(`the app has the ticket that was sent at ${DateTime.formatIso(sentAt)}`)
})

const callForTenant = Effect.gen(function*() {
  const client = yield* FeishuClient.forTenant("tenant_1")
  const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
  const { tenant } = yield* FeishuClient.schemaData(Tenant)(response)
  yield* Effect.logInfo(`the app knows the name of the tenant: ${tenant.name}`)
})

const sendMessage = Effect.flatMap(Emulator.Emulator, ({ push }) => push(app.appId, message))

const program = (start: number) =>
  Effect.gen(function*() {
    const { baseUrl } = yield* Emulator.Emulator
    const step = yield* makeStep(start)
    yield* Console.log(`No FEISHU_APP_ID is set: the platform is an emulator at ${baseUrl}.`)
    yield* step("1. The request URL of the app is saved, with a handshake.", saveRequestUrl, Journal.$is("Handshake"))
    yield* step(
      "2. The app has no ticket, and asks for one. The platform drops the first connection, and answers the second\n"
        + "   call with a rate limit of 1 s. Then it pushes the ticket. Before that, somebody pushes a forged ticket.",
      getTicket,
      (entry) => entry._tag === "Push" && entry.eventType === "app_ticket" && entry.origin === "platform"
    )
    yield* step(
      "3. The app calls the platform for a tenant. The ticket leads to two tokens.",
      callForTenant,
      (entry) => entry._tag === "Call" && entry.path === "/open-apis/tenant/v2/tenant/query"
    )
    yield* step(
      "4. A user of the tenant writes to the bot, which replies.",
      sendMessage,
      (entry) => entry._tag === "Push" && entry.eventType === message.type
    )
  }).pipe(Effect.scoped)

const main = Effect.gen(function*() {
  const start = yield* Clock.currentTimeMillis
  yield* Effect.provide(program(start), Layer.provideMerge(App, tell(start)))
  const elapsed = ((yield* Clock.currentTimeMillis) - start) / 1000
  yield* Console.log(`\nThat took ${elapsed.toFixed(1)} s. examples/README.md lists what to read next.`)
}).pipe(Effect.provide(Platform), Effect.catchAll(reportFailure))

if (isConfigured) await import("./resend.js")
else NodeRuntime.runMain(main, { disablePrettyLogger: true })
