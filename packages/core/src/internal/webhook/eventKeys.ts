import type { FeishuEvent } from "../../FeishuEvent.js"

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined

/**
 * Returns what an event is about, or `undefined` if the id of the event names it well.
 *
 * A message may come with two ids of the event and one id of the message.
 */
export const keyOf = ({ payload, type }: FeishuEvent): string | undefined => {
  if (type !== "im.message.receive_v1") return undefined
  const id = fieldOf(payload["message"], "message_id")
  return typeof id === "string" && id !== "" ? id : undefined
}
