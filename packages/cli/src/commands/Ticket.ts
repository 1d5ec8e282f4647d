/** `feishu-ticket ticket`: shows the ticket of the store. */
import { FeishuApp } from "@effect-feishu/core/FeishuApp"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Network from "../Network.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"
import * as Secrets from "../Secrets.js"
import * as Store from "../Store.js"
import * as Tickets from "../Tickets.js"
import * as Time from "../Time.js"

export const run = (options: Options.Ticket) =>
  Effect.gen(function*() {
    if (options.raw && options.json) {
      return yield* new Failure.UsageError({ message: "--raw and --json contradict each other: give only one of them" })
    }
    const variables = yield* Configuration.variables(options)
    const app = yield* Configuration.app(variables)
    if (app.kind === "self-built") {
      return yield* new Failure.UsageError({
        message: "a self-built app gets no ticket and needs none: try feishu-ticket token"
      })
    }
    const location = yield* Store.parseKept(options.store, variables)
    const ticket = yield* Tickets.get(location, options.wait).pipe(
      Effect.provide(
        Layer.mergeAll(Layer.succeed(FeishuApp, app), Network.layer, Store.layer(location, variables))
      )
    )
    const now = yield* Clock.currentTimeMillis
    const age = now - DateTime.toEpochMillis(ticket.sentAt)
    const expiresAt = Tickets.expiresAt(ticket)
    const left = DateTime.toEpochMillis(expiresAt) - now
    const { paint } = yield* Output.Output
    const value = Secrets.show(ticket.value, options.reveal)
    return {
      json: {
        appId: app.appId,
        ticket: value,
        revealed: options.reveal,
        sentAt: Time.moment(ticket.sentAt),
        ageSeconds: Math.round(age / 1000),
        expiresAt: Time.moment(expiresAt),
        expiresInSeconds: Math.round(left / 1000),
        source: Store.describe(location)
      },
      text: options.raw ? Redacted.value(ticket.value) : [
        `${paint("bold", "ticket")}   ${Output.plain(value)}${
          options.reveal ? "" : paint("dim", " (--reveal shows all of it)")
        }`,
        `${paint("bold", "app")}      ${app.appId}`,
        `${paint("bold", "sent")}     ${Time.moment(ticket.sentAt)}, ${Time.ago(age)}`,
        `${paint("bold", "expires")}  ${Time.moment(expiresAt)}, in ${Time.span(left)}`,
        `${paint("bold", "source")}   ${Store.describe(location)}`
      ].join("\n")
    }
  }).pipe((effect) => Report.report(effect, options))
