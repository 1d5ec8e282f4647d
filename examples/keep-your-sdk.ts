// @effect-diagnostics globalTimers:off -- a program without Effect
/** What official-sdk.ts does, where this library has the ticket, the tokens and the webhook, and the SDK makes the calls. */
import { createFeishuFromEnv } from "@effect-feishu/core/promise"
import * as Lark from "@larksuiteoapi/node-sdk"
import { createServer } from "node:http"
import process, { env } from "node:process"

const feishu = createFeishuFromEnv()

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }

const client = new Lark.Client({
  appId: feishu.appId,
  // The SDK needs a text here, and gets no secret.
  appSecret: "not needed",
  domain: feishu.baseUrl,
  // Without these two, the SDK asks for tokens of its own. With `appType: Lark.AppType.ISV`, it asks for a ticket, too.
  appType: Lark.AppType.SelfBuild,
  disableTokenCache: true,
  logger: silent
})

type WithToken = ReturnType<typeof Lark.withTenantToken>

/** The codes of a token that the platform refuses. */
const refusals = new Set([99_991_663, 99_991_664, 99_991_671])

/** Calls with the token of a tenant, and once more with another token if the platform refuses the token. */
const forTenant = async <A>(tenantKey: string, call: (withToken: WithToken) => Promise<A>): Promise<A> => {
  const token = await feishu.tenantToken(tenantKey)
  return call(Lark.withTenantToken(token)).catch(async (error) => {
    if (!refusals.has(error.response?.data?.code)) throw error
    await feishu.invalidateToken(tenantKey, token)
    return call(Lark.withTenantToken(await feishu.tenantToken(tenantKey)))
  })
}

const whoIs = async (tenantKey: string) => {
  const { data } = await forTenant(tenantKey, (withToken) => client.tenant.v2.tenant.query({}, withToken))
  return `${data?.tenant?.name} (${data?.tenant?.display_id})`
}

// Replies by the SDK. Types of events without a handler are acknowledged, and nothing happens.
feishu.on("im.message.receive_v1", async ({ payload: { message }, tenantKey }) => {
  if (tenantKey === undefined) return
  const reply = {
    path: { message_id: message.message_id },
    // The platform sends one reply for each `uuid`, also if the event comes again.
    data: { msg_type: "text", content: JSON.stringify({ text: "Thank you." }), uuid: message.message_id }
  }
  await forTenant(tenantKey, (withToken) => client.im.v1.message.reply(reply, withToken))
})

const server = createServer(async (request, response) => {
  const [, key] = /^\/tenants\/(\w+)$/.exec(request.url ?? "") ?? []
  if (key === undefined) return feishu.webhook.node(request, response)
  try {
    response.end(await whoIs(key))
  } catch (error) {
    response.writeHead(502).end(String(error))
  }
})

server.listen(Number(env["PORT"] ?? 3000), () => {
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
