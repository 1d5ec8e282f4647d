/** The way from a start without a ticket to a call for a tenant, on two machines with a shared store. */
import type { Text } from "./errorTexts.js"

export type Party = "a" | "store" | "b" | "platform"

export const parties: Readonly<Record<Party, { readonly x: number; readonly title: Text }>> = {
  a: { x: 42, title: { en: "Machine A", zh: "机器 A" } },
  store: { x: 134, title: { en: "Store", zh: "存储" } },
  b: { x: 226, title: { en: "Machine B", zh: "机器 B" } },
  platform: { x: 318, title: { en: "Feishu", zh: "飞书" } }
}

export interface Step {
  readonly from: Party
  readonly to: Party
  readonly label: Text
}

export const steps: ReadonlyArray<Step> = [
  { from: "a", to: "store", label: { en: "claim the resend", zh: "占用：由谁请求推送" } },
  { from: "a", to: "platform", label: { en: "resend: app ID, app secret", zh: "重新获取 app_ticket" } },
  { from: "platform", to: "a", label: { en: "code 0, and no ticket", zh: "code 0，但没有 app_ticket" } },
  { from: "platform", to: "b", label: { en: "push app_ticket", zh: "推送 app_ticket" } },
  { from: "b", to: "store", label: { en: "keep the ticket", zh: "保存 app_ticket" } },
  { from: "b", to: "platform", label: { en: "HTTP 200", zh: "HTTP 200" } },
  { from: "store", to: "a", label: { en: "the ticket", zh: "app_ticket" } },
  { from: "a", to: "store", label: { en: "claim the token", zh: "占用：由谁获取凭证" } },
  { from: "a", to: "platform", label: { en: "app_access_token: ticket", zh: "用 app_ticket 换 app_access_token" } },
  {
    from: "a",
    to: "platform",
    label: { en: "tenant_access_token: tenant key", zh: "用 tenant_key 换 tenant_access_token" }
  },
  { from: "a", to: "store", label: { en: "keep the tokens", zh: "保存凭证" } },
  { from: "store", to: "b", label: { en: "the token", zh: "凭证" } },
  { from: "a", to: "platform", label: { en: "calls for the tenant", zh: "为该租户调用接口" } },
  { from: "b", to: "platform", label: { en: "calls, too", zh: "同样调用" } }
]
