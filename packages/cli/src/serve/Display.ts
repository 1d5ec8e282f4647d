/** Prints a line, or a document, for each thing that happens in `serve`. */
import type { Ticket } from "@effect-feishu/core/TicketStore"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Failure } from "../Failure.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"
import * as Secrets from "../Secrets.js"
import * as Tickets from "../Tickets.js"
import * as Time from "../Time.js"
import * as Shown from "./deliveries/Shown.js"

/** Where `serve` listens, and for which apps. */
export interface Listening {
  readonly url: string
  readonly apps: ReadonlyArray<{ readonly appId: string; readonly baseUrl: string }>
  readonly store: string
  readonly tokens: string | undefined
  readonly forwardTo: string | undefined
}

export interface Service {
  readonly listening: (listening: Listening) => Effect.Effect<void>
  readonly ticket: (appId: string, ticket: Ticket) => Effect.Effect<void>
  readonly delivery: (shown: Shown.Shown) => Effect.Effect<void>
  /** Only with `--json`: the log has the failure. */
  readonly noTicket: (appId: string, failure: Failure) => Effect.Effect<void>
}

const makeTicket = ({ paint }: Output.Service, { reveal }: Options.Serve) => (ticket: Ticket) =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const expiresAt = Tickets.expiresAt(ticket)
    const left = DateTime.toEpochMillis(expiresAt) - now
    const value = Secrets.show(ticket.value, reveal)
    const validity = left > 0 ? `valid for ${Time.span(left)}` : paint("yellow", `expired ${Time.span(left)} ago`)
    return {
      json: { ticket: value, sentAt: Time.moment(ticket.sentAt), expiresAt: Time.moment(expiresAt) },
      text: `${paint("green", value)}, sent at ${Time.moment(ticket.sentAt)}, ${validity}`
    }
  })

const linesOf = (
  { apps, forwardTo, store, tokens, url }: Listening,
  label: (text: string) => string,
  paint: Output.Service["paint"]
) => [
  ...apps.map(({ appId, baseUrl }) => `${label("app")} ${appId}, of ${baseUrl}`),
  `${label("url")} ${paint("cyan", url)}`,
  `${" ".repeat(8)} Save the public address that leads here as the request URL in the developer console.`,
  ...(forwardTo === undefined ? [] : [`${label("service")} ${forwardTo}`]),
  ...(tokens === undefined ? [] : [`${label("tokens")} ${paint("cyan", tokens)}`]),
  `${label("store")} ${store}`
]

export const make = (options: Options.Serve, { namesApp }: { readonly namesApp: boolean }) =>
  Effect.map(Output.Output, (output): Service => {
    const label = (text: string) => output.paint("bold", text.padEnd(8))
    const say = (type: string, json: object, text: string) =>
      output.line(options.json ? JSON.stringify({ type, ...json }) : text)
    const named = (appId: string) => namesApp ? `${appId}: ` : ""
    const describeTicket = makeTicket(output, options)
    const isShown = options.events || options.forwardTo._tag === "Some"

    return {
      listening: (listening) =>
        say(
          "listening",
          { ...listening, apps: listening.apps.map(({ appId }) => appId) },
          linesOf(listening, label, output.paint).join("\n")
        ),
      ticket: (appId, ticket) =>
        Effect.flatMap(
          describeTicket(ticket),
          ({ json, text }) => say("ticket", { appId, ...json }, `${label("ticket")} ${named(appId)}${text}`)
        ),
      delivery: (shown) => {
        // A ticket is shown when it is in the store.
        if (shown.kind === "ticket") return Effect.void
        if (shown.kind === "challenge") {
          const text = `${label("url")} was asked for its challenge, and has answered`
          return say("challenge", { appId: shown.app.appId }, text)
        }
        return isShown
          ? say(
            shown.kind,
            Shown.toJson(shown, options),
            `${label(shown.kind)} ${Shown.showLine(shown, { ...options, namesApp })}`
          )
          : Effect.void
      },
      noTicket: (appId, failure) =>
        options.json ? say("no ticket", { appId, error: Report.toJson(failure) }, "") : Effect.void
    }
  })
