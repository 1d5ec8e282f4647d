/** Sends what somebody sends who does not know the secrets of the app. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { App } from "../../App.js"
import { hex } from "../random.js"
import { eventText } from "./eventText.js"
import { labelOf, type Push } from "./push.js"
import { seal } from "./sealing.js"
import type { Sending } from "./sending.js"

/** Sends an event of the same type with made-up secrets. */
export const forge = (sending: Sending, app: App, push: Push): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { event } = push
    const payload = "app_ticket" in event.payload ? { ...event.payload, app_ticket: "forged" } : event.payload
    const forged = { ...push, event: { ...event, payload }, eventId: yield* hex(32) }
    const now = yield* Clock.currentTimeMillis
    const text = eventText({ app, event: forged.event, eventId: forged.eventId, token: yield* hex(32), now })
    const encryptKey = app.encryptKey === undefined ? undefined : yield* hex(32)
    const delivery = yield* seal({ encryptKey, text, isSigned: true })
    yield* sending.deliver(app.appId, delivery, { ...labelOf(app, forged), attempt: 1, origin: "forged" })
  })
