/**
 * `feishu-ticket emulator state`: what the emulator knows now.
 */
import type * as ControlApi from "@effect-feishu/emulator/ControlApi"
import * as Effect from "effect/Effect"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Output from "../../Output.js"
import * as Time from "../../Time.js"
import * as Running from "./Running.js"

type State = typeof ControlApi.State.Type
type AppState = State["apps"][number]

const row = (name: string, text: string): string => `  ${name.padEnd(12)}  ${text}`

const list = (name: string, items: ReadonlyArray<string>): ReadonlyArray<string> =>
  items.length === 0 ? [row(name, "none")] : items.map((item, i) => row(i === 0 ? name : "", item))

const appLines = (app: AppState, now: number): ReadonlyArray<string> => [
  `${app.appId}: a ${app.kind} app, ${app.enabled ? "enabled" : "disabled"}`,
  row("tenants", app.tenants.length === 0 ? "none" : app.tenants.join(", ")),
  row("request URL", app.requestUrl ?? "none"),
  row(
    "proof",
    app.hasEncryptKey
      ? "encrypt key"
      : app.hasVerificationToken
      ? "verification token"
      : "none: nothing proves a delivery"
  ),
  ...list("tickets", app.tickets.map(({ expiresAt, value }) => `${value}, valid for ${Time.span(expiresAt - now)}`)),
  ...list(
    "tokens",
    app.tokens.map(({ expiresAt, kind, tenantKey, value }) =>
      `${value}, ${kind}${tenantKey === null ? "" : ` of ${tenantKey}`}, valid for ${Time.span(expiresAt - now)}`
    )
  )
]

const ruleOf = ({ fault, ...when }: State["faults"]["calls"][number] | State["faults"]["pushes"][number]): string =>
  [fault._tag, ...Object.entries(when).map(([name, value]) => `${name} ${String(value)}`)].join(", ")

export const textOf = (state: State): string =>
  Output.plain(
    [
      `${state.baseUrl}${state.advanced === 0 ? "" : `, its clock ${Time.span(state.advanced)} ahead`}`,
      ...state.apps.flatMap((app) => appLines(app, state.now)),
      "what goes wrong",
      ...list("calls", state.faults.calls.map(ruleOf)),
      ...list("pushes", state.faults.pushes.map(ruleOf)),
      "answers",
      ...list(
        "calls to",
        state.answers.map(({ method, path, status }) => `${method ?? "any method"} ${path}: HTTP ${status ?? 200}`)
      )
    ].join("\n")
  )

export const run = (options: EmulatorOptions.State) =>
  Running.report(
    options,
    ({ call, client }) => Effect.map(call(client.state()), (state) => ({ json: { ...state }, text: textOf(state) }))
  )
