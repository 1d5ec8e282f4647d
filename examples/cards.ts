/** A bot of cards: answers the buttons of a card, previews links, and updates a card after work that takes longer. */
import {
  AccessToken,
  AppTicket,
  BackgroundTasks,
  EventHandler,
  EventHttpApp,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  type FeishuEvent,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpBody, HttpLayerRouter } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Redacted } from "effect"
import { createServer } from "node:http"

const card = (text: string) => ({
  schema: "2.0",
  config: { update_multi: true },
  body: { elements: [{ tag: "markdown", content: text }] }
})

/** Work that takes longer than the 2.5 s of a handler. */
const makeReport = Effect.as(Effect.sleep("3 seconds"), "The report is ready.")

/** Replaces the card of a click (page "延时更新消息卡片"). The platform wants this call after the answer to the click. */
const updateLater = ({ payload, tenantKey }: FeishuEvent.FeishuEvent<FeishuEvents.CardAction>) =>
  Effect.gen(function*() {
    const text = yield* makeReport
    const client = yield* FeishuClient.forTenant(yield* tenantKey)
    const response = yield* client.post("/open-apis/interactive/v1/card/update", {
      body: HttpBody.unsafeJson({ token: Redacted.value(payload.token), card: card(text) })
    })
    yield* FeishuClient.filterCodeOk(response)
  })

const onClick = EventHandler.callback(FeishuEvents.CardAction, (event) => {
  switch (event.payload.action.name) {
    case "approve":
      return Effect.succeed({
        toast: FeishuEvents.toast("success", "Approved."),
        card: FeishuEvents.card(card("Approved."))
      })
    case "details":
      // A card of the platform's card builder
      return Effect.succeed({ card: FeishuEvents.templateCard("AAq_details", { variables: { title: "Details" } }) })
    case "report":
      return Effect.as(BackgroundTasks.add(updateLater(event)), {
        toast: FeishuEvents.toast("info", "The report takes a moment.")
      })
    default:
      return Effect.succeed({ toast: FeishuEvents.toast("warning", "This button does nothing yet.") })
  }
})

const onLink = EventHandler.callback(
  FeishuEvents.LinkPreview,
  ({ payload }) => Effect.succeed({ inline: { title: `Ticket ${new URL(payload.context.url).pathname.slice(1)}` } })
)

const Callbacks = EventSubscription.layer({ handlers: [onClick, onLink] })

// Only for calls of the platform, here for the card that is updated later. Without calls, leave out this layer and `layerFetch`.
const Tokens = AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))

HttpLayerRouter.serve(EventHttpApp.layer("/webhook/event")).pipe(
  Layer.provide(Callbacks),
  Layer.provide(Tokens),
  Layer.provide([TicketStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port: Config.withDefault(Config.integer("PORT"), 3000) })),
  Layer.launch,
  NodeRuntime.runMain
)
