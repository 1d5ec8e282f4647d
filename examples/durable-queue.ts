/**
 * Replies to each message. An acknowledged message is not lost, whichever process dies.
 *
 * - `durable-queue.ts receive` is the request URL, and puts messages into the queue.
 * - `durable-queue.ts work` takes messages out of the queue. Any number of processes may do so.
 * - `durable-queue.ts failed` lists the messages that failed for good.
 * - `durable-queue.ts put-back ID` puts one of these messages back into the queue.
 */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  FeishuEvents
} from "@effect-feishu/core"
import { RedisConnection, RedisTicketStore, RedisTokenStore } from "@effect-feishu/redis"
import { HttpBody, HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer } from "effect"
import { createServer } from "node:http"
import { layerConfig, type Message, MessageQueue } from "./message-queue.js"

// Shared, because the ticket is pushed to `receive` and needed by `work`.
const Stores = Layer.merge(RedisTicketStore.layer(), RedisTokenStore.layer()).pipe(
  Layer.provide(RedisConnection.layerConfig())
)

const App = Layer.mergeAll(FeishuApp.layerConfig(), FeishuClient.layerFetch, Stores)

const Subscription = EventSubscription.layer({
  handlers: [
    // Acknowledges the event when the queue has the message. If the queue fails, the platform pushes the event again.
    EventHandler.on(
      FeishuEvents.MessageReceived,
      (event) => Effect.flatMap(MessageQueue, (queue) => queue.add(event))
    )
  ]
})

const receive = HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(Subscription),
  Layer.provide(App),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch
)

/** May run again for a message. The platform sends one reply for each `uuid` within an hour (page "回复消息"). */
const reply = ({ payload: { message }, tenantKey }: Message) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(yield* tenantKey)
    const sent = client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, {
      body: HttpBody.unsafeJson({
        msg_type: "text",
        content: JSON.stringify({ text: "We will look into it." }),
        uuid: message.message_id
      })
    })
    yield* Effect.flatMap(FeishuClient.idempotent(sent), FeishuClient.filterCodeOk)
    yield* Effect.logInfo(`replied to ${message.message_id}`)
  })

const work = Effect.flatMap(MessageQueue, (queue) => queue.run(reply)).pipe(
  Effect.provide(AccessToken.layer().pipe(Layer.provide(AppTicket.layer()), Layer.provideMerge(App)))
)

const failed = Effect.gen(function*() {
  const queue = yield* MessageQueue
  for (const { id, reason } of yield* queue.failed) yield* Console.log(`${id}: ${reason}`)
})

const putBack = (id: string) => Effect.flatMap(MessageQueue, (queue) => queue.putBack(id))

const [, , role, id = ""] = process.argv

Effect.gen(function*() {
  switch (role) {
    case "receive":
      return yield* receive
    case "work":
      return yield* work
    case "failed":
      return yield* failed
    case "put-back":
      return yield* putBack(id)
  }
  return yield* Effect.fail("Say what to do: receive, work, failed, or put-back ID")
}).pipe(
  Effect.provide(layerConfig),
  NodeRuntime.runMain
)
