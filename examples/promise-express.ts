// @effect-diagnostics globalTimers:off -- a program without Effect
/** A bot in Express, without Effect: it repeats each message, and says who a tenant is. */
import { createFeishuFromEnv, FeishuApiError, textOf } from "@effect-feishu/core/promise"
import express from "express"
import process from "node:process"

const feishu = createFeishuFromEnv()

feishu.on("im.message.receive_v1", async ({ payload: { message } }, { request }) => {
  await request({
    path: `/open-apis/im/v1/messages/${message.message_id}/reply`,
    json: {
      msg_type: "text",
      content: JSON.stringify({ text: `You wrote: ${textOf(message) ?? "no text"}` }),
      // The platform sends one reply for each `uuid`, also if it pushes the message again.
      uuid: message.message_id
    }
  })
})

feishu.callback("card.action.trigger", async ({ payload: { action } }) => ({
  toast: { type: "success", content: `You pressed a ${action.tag}.` }
}))

const app = express()
// Before every body parser, because the signature covers the bytes.
app.all("/webhook/event", feishu.webhook.node)
app.get("/tenants/:key", async ({ params }, response) => {
  interface Answer {
    readonly tenant: { readonly name: string; readonly display_id: string }
  }
  try {
    const { tenant } = await feishu.request<Answer>(params.key, { path: "/open-apis/tenant/v2/tenant/query" })
    response.send(`${tenant.name} (${tenant.display_id})`)
  } catch (error) {
    // 11210: the tenant has not installed the app.
    if (!(error instanceof FeishuApiError && error.code === 11210)) throw error
    response.status(404).send(error.advice)
  }
})

const server = app.listen(Number(process.env["PORT"] ?? 3000), (error) => {
  // For example, the port is taken.
  if (error !== undefined) throw error
  const address = server.address()
  process.stdout.write(`Listening on http://localhost:${typeof address === "object" ? address?.port : address}\n`)
})

/** Ends when the requests and the handlers have ended. */
const stop = () => {
  server.close(() => void feishu.close())
  // A connection that sends nothing would stay open.
  setTimeout(() => server.closeAllConnections(), 3000).unref()
}
process.once("SIGTERM", stop).once("SIGINT", stop)
