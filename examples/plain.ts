import { AppTicket, FeishuApp, FeishuClient } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect } from "effect"

const program = Effect.gen(function*() {
  yield* AppTicket.resend
  yield* Console.log("The platform will push an app_ticket event to the app's request URL.")
})

program.pipe(
  // The app from FEISHU_APP_ID and FEISHU_APP_SECRET, and the HTTP client that carries the calls
  Effect.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  NodeRuntime.runMain
)
