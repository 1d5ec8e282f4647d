/** What all routes share: one runtime, so that a tenant's call has the ticket that the webhook has received. */
import {
  AccessToken,
  AppTicket,
  EventHandler,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { Console, Effect, GlobalValue, Layer, ManagedRuntime } from "effect"

const Events = EventSubscription.layer({
  handlers: [
    EventHandler.on("contact.user.created_v3", ({ id }) => Console.log(`A user was created: event ${id}.`)),
    // The user who clicked sees what this returns.
    EventHandler.callback(
      FeishuEvents.CardAction,
      ({ payload }) => Effect.succeed({ toast: FeishuEvents.toast("success", `You pressed a ${payload.action.tag}.`) })
    )
  ]
})

const Tokens = AccessToken.layer().pipe(Layer.provide([AppTicket.layer(), TokenStore.layerMemory]))

const Live = Layer.merge(Events, Tokens).pipe(
  Layer.provideMerge(Layer.merge(FeishuApp.layerConfig(), FeishuClient.layerFetch)),
  // In this process. Where there are several, as on serverless platforms, they need one store: @effect-feishu/redis.
  Layer.provide(TicketStore.layerMemory)
)

/**
 * Next evaluates this module once for route handlers, again for pages, for `pages/api` and for `instrumentation.ts`, and in
 * development after each change: without `globalValue`, each time would make a runtime with a ticket store of its own. In
 * development, start `next dev` again after a change to this file.
 */
export const runtime = GlobalValue.globalValue("feishu", () => ManagedRuntime.make(Live))
