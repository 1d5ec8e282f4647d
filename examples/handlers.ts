/** What this app does with its events. The servers beside this file share these handlers. */
import { EventHandler, EventSubscription, FeishuEvents } from "@effect-feishu/core"
import { Console, Effect } from "effect"

export const Events = EventSubscription.layer({
  handlers: [
    EventHandler.on("contact.user.created_v3", ({ id }) => Console.log(`A user was created: event ${id}.`)),
    // The user who clicked sees what this returns.
    EventHandler.callback(
      FeishuEvents.CardAction,
      ({ payload }) => Effect.succeed({ toast: FeishuEvents.toast("success", `You pressed a ${payload.action.tag}.`) })
    )
  ]
})
