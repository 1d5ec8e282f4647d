/** Reads the text of a message, and makes the answer to a click. */
import * as Option from "effect/Option"
import * as FeishuEvents from "../../FeishuEvents.js"
import type { Message } from "../../FeishuPayloads.js"

export const toast = FeishuEvents.toast

export const textOf = (message: Pick<Message, "content" | "message_type">): string | undefined =>
  Option.getOrUndefined(FeishuEvents.textOf(message))
