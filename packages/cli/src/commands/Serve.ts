/** `feishu-ticket serve`: the app's request URL, which keeps the ticket, hands deliveries on, and gives other services tokens. */
import type * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Network from "../Network.js"
import type * as Options from "../Options.js"
import * as Report from "../Report.js"
import * as Apps from "../serve/Apps.js"
import * as Forward from "../serve/deliveries/Forward.js"
import * as Display from "../serve/Display.js"
import * as Health from "../serve/Health.js"
import * as Keeping from "../serve/Keeping.js"
import * as RequestUrl from "../serve/RequestUrl.js"
import * as Setup from "../serve/Setup.js"
import type * as Tokens from "../serve/tokens/Tokens.js"
import * as Store from "../Store.js"

/** Loads the token service, which takes time, only if it is asked for. */
const listenForTokens = (options: Tokens.Options) =>
  Effect.flatMap(
    Effect.promise(() => import("../serve/tokens/Tokens.js")),
    ({ listen }) => listen(options)
  )

/** Runs until the process is told to end. */
const serve = (options: Options.Serve, { apps, location, path, policy, saved, tokens }: Setup.Setup) =>
  Effect.gen(function*() {
    const display = yield* Display.make(options, { namesApp: apps.length > 1 })
    /** Names the app in each line of the log, if there are several. */
    const named = ({ appId }: FeishuApp.Service) => Effect.annotateLogs(apps.length > 1 ? { app: appId } : {})
    const made = yield* Effect.forEach(apps, (app) => named(app)(Apps.make(app)))
    const served = new Map(made.map((one) => [one.app.appId, one] as const))
    const health = yield* Health.make(served)
    const { host, port } = options
    const url = yield* RequestUrl.listen({
      apps: served,
      health: health.look,
      host,
      port,
      path,
      policy,
      saved,
      onDelivery: display.delivery
    })
    // After the request URL, and so ended before: a ticket that arrives meanwhile still answers who waits.
    const tokenService = tokens && (yield* listenForTokens({ apps: served, health: health.look, ...tokens }))
    yield* display.listening({
      url,
      apps,
      store: Store.describe(location),
      tokens: tokenService?.url,
      forwardTo: policy._tag === "Forward" ? Forward.show(policy.to) : undefined
    })
    return yield* Effect.forEach(made, (one) => named(one.app)(Keeping.forever(one, display, health)), {
      concurrency: "unbounded",
      discard: true
    })
  })

export const run = (options: Options.Serve) =>
  Effect.gen(function*() {
    const setup = yield* Setup.make(options)
    yield* Effect.scoped(serve(options, setup)).pipe(
      Effect.provide(Layer.merge(Network.layer, Store.layer(setup.location, setup.variables)))
    )
    return { json: {}, text: "" }
  }).pipe((effect) => Report.report(effect, options))
