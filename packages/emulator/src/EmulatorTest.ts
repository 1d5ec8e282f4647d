/**
 * All that a test of a Feishu service needs, in one layer.
 *
 * @since 0.1.0
 */
import { FeishuApp } from "@effect-feishu/auth"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { App } from "./App.js"
import * as Emulator from "./Emulator.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<Emulator.Options, "apps"> {
  /** What differs from the app `cli_test`, a store app that the tenant `tenant_1` has installed. */
  readonly app?: Partial<App> | undefined
}

/**
 * A `FeishuApp`, the emulator that knows it, and an `HttpClient` that leads to that emulator, without a socket.
 *
 * Under `it.effect` all of it runs on the `TestClock`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<FeishuApp.FeishuApp | HttpClient.HttpClient | Emulator.Emulator, FeishuApp.FeishuAppError> => {
  const app: App = { appId: "cli_test", appSecret: Redacted.make("the secret of cli_test"), ...options?.app }
  return Layer.merge(
    FeishuApp.layer({
      appId: app.appId,
      appSecret: app.appSecret,
      kind: app.kind,
      encryptKey: app.encryptKey,
      verificationToken: app.verificationToken
    }),
    Emulator.layerHttpClient({ ...options, apps: [app] })
  )
}
