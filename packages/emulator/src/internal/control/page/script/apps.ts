/** The list of apps, and the chosen one. */
import type { Actions } from "./actions.js"
import type { Dom } from "./dom.js"
import type { Language } from "./language.js"
import type { Secrets } from "./secrets.js"
import type { AppState, State, StateHolder } from "./state.js"

export const makeApps = (
  { find, input, make, say, select, setText, showList }: Dom,
  { onChange, t }: Language,
  state: StateHolder,
  secrets: Secrets,
  { removeTenant }: Actions
) => {
  let shownApp: string | undefined

  const isUrl = (text: string | null): text is string => text !== null && /^https?:/i.test(text)

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
    secrets.show(app)
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

  state.onChange((current) => {
    showApps(current)
    showFilter(current)
  })
  onChange(() => {
    say("app-result", "")
    state.show()
  })

  return {
    chooseNext: (): void => {
      const apps = state.current()?.apps ?? []
      const next = apps[(apps.findIndex(({ appId }) => appId === state.app()?.appId) + 1) % apps.length]
      if (next !== undefined) state.choose(next.appId)
    }
  }
}
