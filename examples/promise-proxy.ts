/** Behind a proxy, without Effect: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment hold. For a self-built app. */
import { createFeishuFromEnv } from "@effect-feishu/core/promise"
import process from "node:process"
import * as Undici from "undici"

const options: object = { dispatcher: new Undici.EnvHttpProxyAgent() }
// The types of undici differ from those of the global `fetch`.
const fetchByProxy = Undici.fetch as unknown as typeof fetch

const feishu = createFeishuFromEnv({ fetch: (url, init) => fetchByProxy(url, { ...init, ...options }) })

// A store app needs a ticket for this.
await feishu.appToken()
process.stdout.write("The platform has given the app a token.\n")
await feishu.close()
