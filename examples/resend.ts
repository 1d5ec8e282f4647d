/**
 * Sends one resend, and prints each attempt.
 *
 * With `FEISHU_APP_ID` and `FEISHU_APP_SECRET` in the environment it calls the real platform. With none of them it calls
 * an emulator of the platform in this process, which drops the first connection and answers the second call with a
 * rate limit.
 */
import { AppTicket, FeishuApp, FeishuClient } from "@effect-feishu/core"
import { Emulator, Fault } from "@effect-feishu/emulator"
import { NodeRuntime } from "@effect/platform-node"
import { Clock, Console, Duration, Effect, Layer, Redacted } from "effect"
import { isConfigured, reportFailure, tell } from "./story.js"

const appSecret = Redacted.make("an example's secret")

const EmulatedApp = Layer.unwrapEffect(Effect.gen(function*() {
  const { baseUrl } = yield* Emulator.Emulator
  yield* Console.log("No FEISHU_APP_ID is set: this calls an emulator of the platform on a port of this machine.")
  yield* Console.log("Its first answer is a dropped connection, its second a rate limit of 1 s.")
  return FeishuApp.layer({ appId: "cli_example", appSecret, baseUrl })
})).pipe(Layer.provide(Emulator.layerServer({
  apps: [{ appId: "cli_example", appSecret }],
  faults: [Fault.Drop(), Fault.rateLimit({ resetSeconds: 1 })]
})))

const program = Effect.gen(function*() {
  const { appId, baseUrl } = yield* FeishuApp.FeishuApp
  yield* Console.log(`One resend for the app ${appId} to ${baseUrl}:\n`)
  const [elapsed] = yield* Effect.timed(AppTicket.resend)
  yield* Console.log(`\nAccepted after ${Duration.toSeconds(elapsed).toFixed(2)} s.`)
  yield* Console.log("The ticket itself comes later: the platform pushes it to the app's request URL.")
})

program.pipe(
  Effect.provide([
    isConfigured ? FeishuApp.layerConfig() : EmulatedApp,
    FeishuClient.layerFetch,
    Layer.unwrapEffect(Effect.map(Clock.currentTimeMillis, tell))
  ]),
  Effect.catchAll(reportFailure),
  NodeRuntime.runMain({ disablePrettyLogger: true })
)
