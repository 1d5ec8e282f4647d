// oxlint-disable no-console -- the log of Next.js
/** What the routes without Effect share: one app, so that a tenant's call has the ticket that the webhook has received. */
import { createFeishuFromEnv, type Feishu, toast } from "@effect-feishu/core/promise"

const start = () => {
  const feishu = createFeishuFromEnv()
  feishu.on("contact.user.created_v3", ({ id }) => console.log(`A user was created: event ${id}.`))
  feishu.callback("card.action.trigger", ({ payload }) => ({
    toast: toast("success", `You pressed a ${payload.action.tag}.`)
  }))
  return feishu
}

const shared = globalThis as { feishu?: Feishu }

/** Next evaluates this module several times, and during the build, where the variables may be missing. */
export const feishu = () => (shared.feishu ??= start())
