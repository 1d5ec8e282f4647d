/** `feishu-ticket token`: gets and shows an access token of the app or of a tenant. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import { FeishuApp } from "@effect-feishu/core/FeishuApp"
import { TokenStore } from "@effect-feishu/core/TokenStore"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
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

export const run = (options: Options.Token) =>
  Effect.gen(function*() {
    if (options.raw && options.json) {
      return yield* new Failure.UsageError({ message: "--raw and --json contradict each other: give only one of them" })
    }
    const variables = yield* Configuration.variables(options)
    const app = yield* Configuration.app(variables)
    const location = yield* Store.parseKept(options.store, variables)
    const { paint, waiting } = yield* Output.Output
    const { source, token } = yield* Effect.gen(function*() {
      const store = yield* TokenStore
      let isNew = false
      const watched = {
        ...store,
        put: (...args: Parameters<typeof store.put>) =>
          Effect.suspend(() => {
            isNew = true
            return store.put(...args)
          })
      }
      const tokens = app.kind === "self-built"
        ? AccessToken.layerSelfBuilt()
        : Layer.provide(
          AccessToken.layer(),
          Tickets.layer(yield* Tickets.get(location, options.wait), options.wait)
        )
      const token = yield* Effect.flatMap(AccessToken.AccessToken, ({ app, tenant }) =>
        Option.match(options.tenant, { onNone: () => app, onSome: tenant })).pipe(
          Effect.catchIf(
            (error) =>
              error._tag === "TicketTimeout" && Option.isNone(options.wait),
            () => Tickets.refused(app.appId, location)
          ),
          waiting("asking the platform for the token"),
          Effect.provide(Layer.fresh(tokens)),
          Effect.provideService(TokenStore, watched)
        )
      return { token, source: isNew ? `the platform, ${app.baseUrl}` : Store.describe(location) }
    }).pipe(
      Effect.provide(
        Layer.mergeAll(Layer.succeed(FeishuApp, app), Network.layer, Store.layer(location, variables))
      ),
      Effect.catchTag("FeishuAppError", ({ message }) => new Failure.UsageError({ message }))
    )
    const left = DateTime.toEpochMillis(token.expiresAt) - (yield* Clock.currentTimeMillis)
    const value = Secrets.show(token.value, options.reveal)
    return {
      json: {
        appId: app.appId,
        tenantKey: Option.getOrNull(options.tenant),
        token: value,
        revealed: options.reveal,
        expiresAt: Time.moment(token.expiresAt),
        expiresInSeconds: Math.round(left / 1000),
        source
      },
      text: options.raw ? Redacted.value(token.value) : [
        `${paint("bold", "token")}    ${Output.plain(value)}${
          options.reveal ? "" : paint("dim", " (--reveal shows all of it)")
        }`,
        `${paint("bold", "app")}      ${app.appId}`,
        `${paint("bold", "tenant")}   ${Option.getOrElse(options.tenant, () => "none: it is the app's own")}`,
        `${paint("bold", "expires")}  ${Time.moment(token.expiresAt)}, in ${Time.span(left)}`,
        `${paint("bold", "source")}   ${source}`
      ].join("\n")
    }
  }).pipe((effect) => Report.report(effect, options))
