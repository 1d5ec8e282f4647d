/** Events and callbacks to start from, as the pages of the Open Platform show them, with made-up ids. */
import type { Template } from "../../ControlApi.js"

type Templates = ReadonlyArray<typeof Template.Type>

const user = { union_id: "on_emulator", user_id: "emulator", open_id: "ou_emulator" }

const callbacks: Templates = [
  {
    type: "card.action.trigger",
    kind: "callback",
    titles: { en: "A button on a card is pressed", zh: "点击卡片按钮" },
    payload: { action: { tag: "button", value: {} } }
  },
  {
    type: "url.preview.get",
    kind: "callback",
    titles: { en: "A link is previewed", zh: "拉取链接预览" },
    payload: { context: { url: "https://example.com/" } }
  }
]

const messages: Templates = [
  {
    type: "im.message.receive_v1",
    kind: "event",
    titles: { en: "A message is received", zh: "接收消息" },
    payload: {
      sender: { sender_id: user, sender_type: "user", tenant_key: "tenant_1" },
      message: {
        message_id: "om_emulator",
        create_time: "1700000000000",
        update_time: "1700000000000",
        chat_id: "oc_emulator",
        chat_type: "p2p",
        message_type: "text",
        content: "{\"text\":\"hello\"}"
      }
    }
  },
  {
    type: "im.chat.member.bot.added_v1",
    kind: "event",
    titles: { en: "The bot is added to a chat", zh: "机器人进群" },
    payload: {
      chat_id: "oc_emulator",
      operator_id: user,
      external: false,
      operator_tenant_key: "tenant_1",
      name: "A chat"
    }
  }
]

export const templates: Templates = [...callbacks, ...messages]
