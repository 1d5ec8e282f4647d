/** What tenant.ts does, with the platform's own SDK for Node, to compare. */
import * as Lark from "@larksuiteoapi/node-sdk"
import { createServer } from "node:http"
import process, { env } from "node:process"

const required = (name: string) => {
  const value = env[name]
  if (value === undefined) throw new Error(`${name} is missing`)
  return value
}

const client = new Lark.Client({
  appId: required("FEISHU_APP_ID"),
  appSecret: required("FEISHU_APP_SECRET"),
  appType: Lark.AppType.ISV,
  domain: env["FEISHU_BASE_URL"] ?? Lark.Domain.Feishu
})
const dispatcher = new Lark.EventDispatcher({
  encryptKey: env["FEISHU_ENCRYPT_KEY"] ?? "",
  verificationToken: env["FEISHU_VERIFICATION_TOKEN"] ?? ""
})
const webhook = Lark.adaptDefault("/webhook/event", dispatcher, { autoChallenge: true })

interface Answer {
  readonly data: { readonly tenant: { readonly name: string; readonly display_id: string } }
}

const whoIs = async (tenantKey: string) => {
  // Where there is no ticket yet, this goes out without a token, and is refused.
  const { data } = await client.request<Answer>(
    { method: "GET", url: "/open-apis/tenant/v2/tenant/query" },
    Lark.withTenantKey(tenantKey)
  )
  return `${data.tenant.name} (${data.tenant.display_id})`
}

const server = createServer(async (request, response) => {
  const [, key] = /^\/tenants\/(\w+)$/.exec(request.url ?? "") ?? []
  if (key === undefined) return webhook(request, response)
  try {
    response.end(await whoIs(key))
  } catch (error) {
    response.writeHead(502).end(String(error))
  }
})

server.listen(Number(env["PORT"] ?? 3000), () => {
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : address
  process.stdout.write(`Listening on http://localhost:${port}\n`)
})
