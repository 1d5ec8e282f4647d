/** The first steps, as long as no app has a request URL. */
import type { Dom } from "./dom.js"
import type { Language } from "./language.js"
import type { State, StateHolder } from "./state.js"

export const makeFirstSteps = ({ find, setText }: Dom, { t }: Language, state: StateHolder): void => {
  const show = ({ apps, baseUrl }: State): void => {
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

  state.onChange(show)
}
