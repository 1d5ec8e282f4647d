/** The buttons and forms that do something with the chosen app. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Dom } from "./dom.js"
import type { Answer, Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { AppState, StateHolder } from "./state.js"

/** The outcome of the first delivery of an event. */
export type Delivered = typeof ControlApi.Delivered.Encoded

export const makeActions = (
  { input, onClick, onSubmit, say }: Dom,
  { t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  sentenceOfDelivery: (what: string, delivered: Delivered) => { readonly text: string; readonly tone: "good" | "bad" }
) => {
  const pathOf = (appId: string) => `/apps/${encodeURIComponent(appId)}`

  /** Does something with the chosen app, shows the sentence, and reads the state again. */
  const act = async <A>(
    run: (app: AppState) => Promise<Answer<A>>,
    sentence: (value: A) => { readonly text: string; readonly tone: "good" | "bad" }
  ): Promise<boolean> => {
    const app = state.app()
    if (app === undefined) return false
    say("app-result", "…")
    const answer = await run(app)
    const { text, tone } = answer.ok ? sentence(answer.value) : { text: answer.sentence, tone: "bad" as const }
    say("app-result", text, tone)
    await state.read()
    return answer.ok
  }

  const good = (text: string) => ({ text, tone: "good" as const })

  const setTenants = (tenants: ReadonlyArray<string>, sentence: string) =>
    act((app) => call<void>("PATCH", pathOf(app.appId), { tenants }), () => good(sentence))

  const removeTenant = async (tenant: string) => {
    const tenants = (state.app()?.tenants ?? []).filter((other) => other !== tenant)
    await setTenants(tenants, t("tenantRemoved", { tenant }))
    // The button with the focus has gone.
    input("tenant").focus()
  }

  const pushTicket = () =>
    act(
      (app) => call<Delivered>("POST", `${pathOf(app.appId)}/tickets`),
      (delivered) => sentenceOfDelivery(t("ticket"), delivered)
    )

  onClick("push-ticket", pushTicket)
  onClick(
    "invalidate-tickets",
    () => act((app) => call<void>("DELETE", `${pathOf(app.appId)}/tickets`), () => good(t("ticketsInvalid")))
  )
  onClick(
    "invalidate-tokens",
    () => act((app) => call<void>("DELETE", `${pathOf(app.appId)}/tokens`), () => good(t("tokensInvalid")))
  )
  onClick("app-toggle", () => {
    const enabled = !(state.app()?.enabled ?? true)
    return act(
      (app) => call<void>("PATCH", pathOf(app.appId), { enabled }),
      () => good(t(enabled ? "appEnabled" : "appDisabled"))
    )
  })
  onSubmit("url-form", () => {
    const url = input("url").value.trim()
    return act((app) => {
      say("app-result", t("asking"))
      return call<void>("PUT", `${pathOf(app.appId)}/request-url`, { url })
    }, () => good(t("urlSaved")))
  })
  onSubmit("tenant-form", async () => {
    const tenant = input("tenant").value.trim()
    const tenants = state.app()?.tenants ?? []
    if (tenants.includes(tenant)) return say("app-result", t("tenantThere", { tenant }), "bad")
    if (await setTenants([...tenants, tenant], t("tenantAdded", { tenant }))) input("tenant").value = ""
  })

  return { pushTicket, removeTenant }
}

export type Actions = ReturnType<typeof makeActions>
