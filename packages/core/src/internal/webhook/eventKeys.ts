import type { FeishuEvent } from "../../FeishuEvent.js"
import { isObject } from "../isObject.js"

/**
 * Returns what an event is about, or `undefined` if the id of the event names it well.
 *
 * A message may come with two ids of the event and one id of the message.
 */
export const keyOf = ({ payload, type }: FeishuEvent): string | undefined => {
  const { message } = payload
  if (type !== "im.message.receive_v1" || !isObject(message)) return undefined
  const { message_id: id } = message
  return typeof id === "string" && id !== "" ? id : undefined
}
