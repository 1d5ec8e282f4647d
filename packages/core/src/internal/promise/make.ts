/** An app for programs without Effect. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AccessToken from "../../AccessToken.js"
import type * as FeishuApp from "../../FeishuApp.js"
import type { Abortable, Feishu, MoreOptions, Options } from "../../PromiseApi.js"
import * as Calls from "./calls.js"
import * as Errors from "./errors.js"
import * as Handlers from "./handlers.js"
import { isProvable, layerOf, type Services } from "./layer.js"
import * as CheckOptions from "./options.js"
import { readyWithin } from "./ready.js"
import * as AppServices from "./services.js"
import * as Webhook from "./webhook.js"

/** A program without types may give anything. */
const checkKey = (tenantKey: unknown): void => {
  if (typeof tenantKey === "string" && tenantKey !== "") return
  throw new Errors.FeishuUsageError({
    reason: "NoTenant",
    message: "the key of the tenant is missing, empty or no string"
  })
}

const tokenText = ({ value }: AccessToken.Token): string => Redacted.value(value)

const makeApp = (app: FeishuApp.Service, options: MoreOptions): Feishu => {
  CheckOptions.check(options)
  const services = AppServices.make(() => layerOf(app, options, handlers.close()))
  const { run } = services

  const runFor = async <A>(tenantKey: string, effect: Effect.Effect<A, unknown, Services>, abortable?: Abortable) => {
    checkKey(tenantKey)
    return run(effect, abortable)
  }
  const calls: Pick<Feishu, "fetch" | "request" | "tenantToken"> = {
    tenantToken: (tenantKey, abortable) =>
      runFor(
        tenantKey,
        Effect.flatMap(AccessToken.AccessToken, ({ tenant }) => Effect.map(tenant(tenantKey), tokenText)),
        abortable
      ),
    // The caller says what the type of `data` is.
    request: <Data>(tenantKey: string, call: Parameters<Feishu["request"]>[1]) =>
      runFor(tenantKey, Calls.request(tenantKey, call), call) as Promise<Data>,
    fetch: (tenantKey, path, init = {}) => runFor(tenantKey, Calls.fetch(tenantKey, path, init), init)
  }
  const handlers = Handlers.make(calls, options.handlerTimeout ?? 2500)
  const webhook = Webhook.make(services, options.logger)
  const checkProvable = () => {
    if (!isProvable(app)) throw CheckOptions.unprovable()
  }

  const feishu: Feishu = {
    appId: app.appId,
    baseUrl: app.baseUrl,
    on: (type, handle) => {
      checkProvable()
      handlers.on(type, handle as Parameters<typeof handlers.on>[1])
    },
    callback: (type, handle) => {
      checkProvable()
      handlers.callback(type, handle as Parameters<typeof handlers.callback>[1])
    },
    get webhook() {
      checkProvable()
      return webhook
    },
    ready: async ({ timeout, ...abortable } = {}) => {
      CheckOptions.checkTimeout(timeout)
      return run(readyWithin(app, timeout), abortable)
    },
    ...calls,
    appToken: (abortable) =>
      run(Effect.flatMap(AccessToken.AccessToken, ({ app }) => Effect.map(app, tokenText)), abortable),
    invalidateToken: (tenantKey, token) =>
      run(Effect.gen(function*() {
        const { invalidate } = yield* AccessToken.AccessToken
        return yield* invalidate({
          value: Redacted.make(token),
          expiresAt: yield* DateTime.now,
          tenantKey: app.kind === "store" ? Option.some(tenantKey) : Option.none()
        })
      })),
    close: services.close
  }
  // The getter may throw, and `JSON.stringify` must not.
  return Object.freeze(Object.defineProperty(feishu, "webhook", { enumerable: false }))
}

/** Documented in `promise`. */
export const make = (options: Options): Feishu => makeApp(CheckOptions.appOf(options), options)

/** Documented in `promise`. */
export const fromEnvironment = (options: MoreOptions = {}): Feishu => makeApp(CheckOptions.appOfEnvironment(), options)
