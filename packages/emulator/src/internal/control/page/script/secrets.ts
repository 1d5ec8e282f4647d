/** The tickets and tokens of an app, and what is left of their lives. */
import type { Dom } from "./dom.js"
import type { Language } from "./language.js"
import type { AppState, StateHolder } from "./state.js"

export const makeSecrets = (
  { find, make, setText, showList }: Dom,
  { duration, t }: Language,
  state: StateHolder
) => {
  /** An app may have as many tokens as tenants. */
  const maxTokens = 50
  const tokenKinds = { app: "tokenApp", tenant: "tokenTenant", user: "tokenUser" } as const

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

  return {
    countDown,
    show: (app: AppState): void => {
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
  }
}

export type Secrets = ReturnType<typeof makeSecrets>
