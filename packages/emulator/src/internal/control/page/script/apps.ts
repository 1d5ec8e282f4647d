/** The apps, and what can be done with the chosen one. */
import type * as ControlApi from "../../../../ControlApi.js"
import type { Dom } from "./dom.js"
import type { Answer, Endpoints } from "./endpoints.js"
import type { Language } from "./language.js"
import type { AppState, State, StateHolder } from "./state.js"

export const makeApps = (
  dom: Dom,
  { duration, onChange, t }: Language,
  { call }: Endpoints,
  state: StateHolder,
  sentenceOfDelivery: (what: string, delivered: Delivered) => { readonly text: string; readonly tone: "good" | "bad" }
) => {
  const { find, input, make, onClick, onSubmit, say, select, setText, showList } = dom
  /** An app may have as many tokens as tenants. */
  const maxTokens = 50
  let shownApp: string | undefined

  const pathOf = (appId: string) => `/apps/${encodeURIComponent(appId)}`

  const isUrl = (text: string | null): text is string => text !== null && /^https?:/i.test(text)

  const restOf = (expiresAt: number): string => {
    const rest = expiresAt - state.now()
    return rest <= 0 ? t("expired") : t("left", { time: duration(rest) })
  }

  /** Counts down what is left of tickets and tokens. */
  const countDown = (): void => {
    for (const element of document.querySelectorAll<HTMLElement>("[data-expires]")) {
      setText(element, restOf(Number(element.dataset["expires"])))
    }
  }

  interface Secret {
    readonly value: string
    readonly expiresAt: number
    readonly label: string
  }

  const showSecrets = (id: string, secrets: ReadonlyArray<Secret>, more: number): void => {
    const items = secrets.map((secret, index) => ({ ...secret, key: `${index} ${secret.value} ${secret.expiresAt}` }))
    showList(find(id), [
      ...items,
      ...(secrets.length === 0 ? [{ key: "none", value: "", expiresAt: 0, label: t("none") }] : []),
      ...(more > 0 ? [{ key: "more", value: "", expiresAt: 0, label: t("more", { count: more }) }] : [])
    ], {
      key: ({ key, label }) => key + label,
      make: ({ expiresAt, label, value }) =>
        make("li", {
          children: [
            ...(value === "" ? [] : [make("code", { text: value })]),
            make("span", { class: "hint", text: label }),
            ...(value === ""
              ? []
              : [make("span", {
                class: "rest",
                text: restOf(expiresAt),
                attributes: { "data-expires": String(expiresAt) }
              })])
          ]
        })
    })
  }

  const tokenKinds = { app: "tokenApp", tenant: "tokenTenant", user: "tokenUser" } as const

  /** Does something with the chosen app, shows the sentence, and reads the state again. */
  const act = async <A>(
    output: string,
    run: (app: AppState) => Promise<Answer<A>>,
    sentence: (value: A) => { readonly text: string; readonly tone: "good" | "bad" }
  ): Promise<boolean> => {
    const app = state.app()
    if (app === undefined) return false
    say(output, "…")
    const answer = await run(app)
    const { text, tone } = answer.ok ? sentence(answer.value) : { text: answer.sentence, tone: "bad" as const }
    say(output, text, tone)
    await state.read()
    return answer.ok
  }

  const good = (text: string) => ({ text, tone: "good" as const })

  const setTenants = (tenants: ReadonlyArray<string>, sentence: string) =>
    act("app-result", (app) => call<void>("PATCH", pathOf(app.appId), { tenants }), () => good(sentence))

  const removeTenant = async (tenant: string) => {
    const tenants = (state.app()?.tenants ?? []).filter((other) => other !== tenant)
    await setTenants(tenants, t("tenantRemoved", { tenant }))
    // The button with the focus has gone.
    input("tenant").focus()
  }

  const showTenants = (app: AppState): void =>
    showList(find("tenants"), app.tenants, {
      key: (tenant) => tenant,
      make: (tenant) => {
        const button = make("button", { text: "×", attributes: { type: "button" } })
        button.addEventListener("click", () => void removeTenant(tenant))
        return make("li", { children: [make("span", { text: tenant }), button] })
      },
      update: (child, tenant) => child.lastElementChild?.setAttribute("aria-label", t("removeTenant", { tenant }))
    })

  const showApp = (app: AppState): void => {
    if (shownApp !== app.appId) {
      shownApp = app.appId
      input("url").value = isUrl(app.requestUrl) ? app.requestUrl : ""
      say("app-result", "")
    }
    setText(find("app-kind"), t(app.kind === "store" ? "kindStore" : "kindSelfBuilt"))
    setText(find("app-state"), t(app.enabled ? "enabled" : "disabled"))
    find("app-state").className = `badge ${app.enabled ? "good" : "bad"}`
    setText(find("app-toggle"), t(app.enabled ? "disable" : "enable"))
    const keys = [t(app.hasEncryptKey ? "encrypted" : "plain"), ...(app.hasVerificationToken ? [t("verified")] : [])]
    setText(find("app-keys"), keys.join(", "))
    setText(
      find("url-saved"),
      app.requestUrl === null ? t("noRequestUrl") : t("savedRequestUrl", { url: app.requestUrl })
    )
    showTenants(app)
    showSecrets("tickets", app.tickets.map((ticket) => ({ ...ticket, label: "" })), 0)
    showSecrets(
      "tokens",
      app.tokens.slice(-maxTokens).map(({ expiresAt, kind, tenantKey, value }) => ({
        value,
        expiresAt,
        label: [t(tokenKinds[kind]), tenantKey].filter(Boolean).join(" · ")
      })),
      app.tokens.length - maxTokens
    )
    countDown()
  }

  const showApps = ({ apps }: State): void => {
    const chosen = state.app()
    showList(find("apps"), apps, {
      key: ({ appId }) => appId,
      make: ({ appId }) => {
        const button = make("button", {
          attributes: { type: "button" },
          children: [make("span", { text: appId }), make("small")]
        })
        button.addEventListener("click", () => state.choose(appId))
        return make("li", { children: [button] })
      },
      update: (child, { appId, enabled, requestUrl, tickets, tokens }) => {
        child.firstElementChild?.setAttribute("aria-current", String(appId === chosen?.appId))
        const facts = [
          ...(enabled ? [] : [t("disabled")]),
          requestUrl ?? `${t("requestUrl")}: ${t("none")}`,
          `${t("tickets")}: ${tickets.length}`,
          `${t("tokens")}: ${tokens.length}`
        ]
        const small = child.querySelector("small")
        if (small !== null) setText(small, facts.join(" · "))
      }
    })
    find("app").hidden = chosen === undefined
    if (chosen !== undefined) showApp(chosen)
  }

  const showFilter = ({ apps }: State): void =>
    showList(select("filter-app"), ["", ...apps.map(({ appId }) => appId)], {
      key: (appId) => appId,
      make: (appId) => make("option", { attributes: { value: appId } }),
      update: (child, appId) => setText(child, appId === "" ? t("allApps") : appId)
    })

  const showFirstSteps = ({ apps, baseUrl }: State): void => {
    find("first-steps").hidden = apps.some(({ requestUrl }) => requestUrl !== null)
    const app = state.app()
    setText(find("first-steps-text"), t(app === undefined ? "noApps" : "firstStepsText", { baseUrl }))
    find("first-steps-sdk").hidden = app === undefined
    const appType = app?.kind === "self-built" ? "SelfBuild" : "ISV"
    setText(
      find("first-steps-code"),
      `new lark.Client({\n  appId: ${
        JSON.stringify(app?.appId)
      },\n  appSecret: "…",\n  appType: lark.AppType.${appType},\n  domain: ${JSON.stringify(baseUrl)}\n})`
    )
  }

  const pushTicket = () =>
    act(
      "app-result",
      (app) => call<Delivered>("POST", `${pathOf(app.appId)}/tickets`),
      (delivered) => sentenceOfDelivery(t("ticket"), delivered)
    )

  onClick("push-ticket", pushTicket)
  onClick(
    "invalidate-tickets",
    () =>
      act("app-result", (app) => call<void>("DELETE", `${pathOf(app.appId)}/tickets`), () => good(t("ticketsInvalid")))
  )
  onClick(
    "invalidate-tokens",
    () =>
      act("app-result", (app) => call<void>("DELETE", `${pathOf(app.appId)}/tokens`), () => good(t("tokensInvalid")))
  )
  onClick("app-toggle", () => {
    const enabled = !(state.app()?.enabled ?? true)
    return act(
      "app-result",
      (app) => call<void>("PATCH", pathOf(app.appId), { enabled }),
      () => good(t(enabled ? "appEnabled" : "appDisabled"))
    )
  })
  onSubmit("url-form", () => {
    const url = input("url").value.trim()
    return act("app-result", (app) => {
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
  state.onChange((current) => {
    showApps(current)
    showFilter(current)
    showFirstSteps(current)
  })
  onChange(() => {
    say("app-result", "")
    state.show()
  })

  return {
    pushTicket,
    countDown,
    chooseNext: (): void => {
      const apps = state.current()?.apps ?? []
      const next = apps[(apps.findIndex(({ appId }) => appId === state.app()?.appId) + 1) % apps.length]
      if (next !== undefined) state.choose(next.appId)
    }
  }
}

/** What came of the first delivery of an event. */
export type Delivered = typeof ControlApi.Delivered.Encoded
