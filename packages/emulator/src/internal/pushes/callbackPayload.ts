/** Adds the fields that the platform sends with each callback, so that a test gives only the fields that it needs. */
import { FeishuEvents } from "@effect-feishu/core"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { App, Event } from "../../App.js"
import { hex } from "../random.js"
import { tenantOf } from "./eventText.js"

type Fields = Event["payload"]

/** By type of callback (pages "卡片回传交互回调" and "拉取链接预览数据"). */
const fieldsOf = Effect.fnUntraced(function*(type: string) {
  const operator = { open_id: "ou_emulator" }
  const host = "im_message"
  const context = { open_message_id: "om_emulator", open_chat_id: "oc_emulator" }
  switch (type) {
    case FeishuEvents.CardAction.type:
      return {
        operator,
        // Another one for each click.
        token: `c-${yield* hex(40)}`,
        action: { tag: "button" },
        host,
        context
      }
    case FeishuEvents.LinkPreview.type:
      return { operator, host, context: { url: "https://example.com/", ...context } }
    default:
      return undefined
  }
})

const isFields = (value: unknown): value is Fields => Predicate.isRecord(value)

/** Returns the fields of both, also inside the objects of the first level. `given` wins. */
const merge = (defaults: Fields, given: Fields): Fields => {
  const merged: Record<string, unknown> = { ...defaults, ...given }
  for (const [name, value] of Object.entries(given)) {
    const others = defaults[name]
    if (isFields(others) && isFields(value)) merged[name] = { ...others, ...value }
  }
  return merged
}

/** Returns the callback with the fields that `event` leaves out, if the type is known. */
export const complete = Effect.fnUntraced(function*(app: App, event: Event) {
  const fields = event.schema === "1.0" ? undefined : yield* fieldsOf(event.type)
  if (fields === undefined) return event
  const tenantKey = tenantOf(app, event)
  const operator = tenantKey === undefined ? fields.operator : { ...fields.operator, tenant_key: tenantKey }
  return { ...event, payload: merge({ ...fields, operator }, event.payload) }
})
