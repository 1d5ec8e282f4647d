/** GET /tenants/KEY shows who the tenant is. */
import { FeishuClient } from "@effect-feishu/core"
import { Effect, Schema } from "effect"
import { runtime } from "../../../lib/feishu"

const Tenant = Schema.Struct({ tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String }) })

/** The tenant's own data, with the tenant's own token. */
const whoIs = (tenantKey: string) =>
  Effect.gen(function*() {
    const client = yield* FeishuClient.forTenant(tenantKey)
    const response = yield* client.get("/open-apis/tenant/v2/tenant/query")
    const { tenant } = yield* FeishuClient.schemaData(Tenant)(response)
    return new Response(`${tenant.name} (${tenant.display_id})`)
  })

export const GET = async ({ signal }: Request, { params }: { params: Promise<{ tenantKey: string }> }) => {
  const { tenantKey } = await params
  return runtime.runPromise(
    whoIs(tenantKey).pipe(
      // 11210: the tenant has not installed the app; 99991673: not any longer.
      Effect.catchTag(
        "FeishuApiError",
        ({ advice, code }) =>
          Effect.succeed(new Response(advice, { status: code === 11210 || code === 99991673 ? 404 : 502 }))
      ),
      Effect.catchAll(({ message }) => Effect.succeed(new Response(message, { status: 503 })))
    ),
    { signal }
  )
}
