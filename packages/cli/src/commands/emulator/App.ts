/**
 * `feishu-ticket emulator app`: changes an app that the emulator knows.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as EmulatorOptions from "../../EmulatorOptions.js"
import * as Secrets from "../../Secrets.js"
import * as Time from "../../Time.js"
import * as Running from "./Running.js"

const change = (
  options: EmulatorOptions.OfApp & { readonly json: boolean },
  payload: { readonly enabled?: boolean; readonly tenants?: ReadonlyArray<string> },
  text: (appId: string) => string
) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { appId } = yield* Running.appOf(running, options)
      yield* running.call(running.client.changeApp({ path: { appId }, payload }))
      return { json: { appId, ...payload }, text: text(appId) }
    }))

export const disable = (options: EmulatorOptions.Enable) =>
  change(options, { enabled: false }, (appId) => `${appId} is disabled`)

export const enable = (options: EmulatorOptions.Enable) =>
  change(options, { enabled: true }, (appId) => `${appId} is enabled`)

export const tenants = (options: EmulatorOptions.Tenants) =>
  change(options, { tenants: options.keys }, (appId) => `${appId} is installed by ${options.keys.join(", ")}`)

export const requestUrl = (options: EmulatorOptions.RequestUrl) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { requestUrl: url } = options
      const { appId } = yield* Running.appOf(running, options)
      yield* running.call(running.client.setRequestUrl({ path: { appId }, payload: { url } }))
      return {
        json: { appId, requestUrl: url },
        text: `${url} answered the handshake, and is the request URL of ${appId}`
      }
    }))

export const invalidate = (options: EmulatorOptions.Invalidate) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { call, client } = running
      const { what } = options
      const { appId } = yield* Running.appOf(running, options)
      const path = { appId }
      yield* call(what === "tickets" ? client.invalidateTickets({ path }) : client.invalidateTokens({ path }))
      return { json: { appId, invalidated: what }, text: `all ${what} of ${appId} are invalid` }
    }))

export const userToken = (options: EmulatorOptions.UserToken) =>
  Running.report(options, (running) =>
    Effect.gen(function*() {
      const { life, reveal, tenant } = options
      const { appId } = yield* Running.appOf(running, options)
      const { expiresAt, userAccessToken } = yield* running.call(running.client.issueUserToken({
        path: { appId },
        payload: { tenantKey: Option.getOrUndefined(tenant), life: Option.getOrUndefined(life) }
      }))
      const token = Secrets.show(Redacted.make(userAccessToken), reveal)
      const end = Time.moment(DateTime.unsafeMake(expiresAt))
      return {
        json: { appId, token, revealed: reveal, expiresAt: end },
        text: `user access token  ${token}, valid until ${end}`
      }
    }))
