/** Shows the first characters of a secret, or the whole with `--reveal`. */
import type { FeishuEvent } from "@effect-feishu/core/FeishuEvent"
import * as Redacted from "effect/Redacted"

export const show = (secret: Redacted.Redacted, reveal: boolean): string => {
  const value = Redacted.value(secret)
  return reveal ? value : value.length >= 16 ? `${value.slice(0, 4)}…` : "…"
}

/** Shows an event object. The `token` of a card's callback is a secret: it updates the card. */
export const showPayload = (payload: FeishuEvent["payload"], reveal: boolean): FeishuEvent["payload"] =>
  typeof payload["token"] === "string"
    ? { ...payload, token: show(Redacted.make(payload["token"]), reveal) }
    : payload
