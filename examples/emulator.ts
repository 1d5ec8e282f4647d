/** An emulator of the platform in one's own program: what it saw of a resend whose first two attempts failed. */
import { AppTicket, FeishuApp, FeishuClient } from "@effect-feishu/core"
import { Emulator, Fault } from "@effect-feishu/emulator"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Redacted } from "effect"

const EmulatorLive = Emulator.layerServer({
  apps: [{ appId: "cli_example", appSecret: Redacted.make("an example's secret") }],
  // What goes wrong with the first calls, one after the other
  faults: [Fault.Drop(), Fault.rateLimit({ resetSeconds: 1 })]
})

const program = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  yield* AppTicket.resend.pipe(
    Effect.provide(FeishuApp.layer({
      appId: "cli_example",
      appSecret: Redacted.make("an example's secret"),
      baseUrl: emulator.baseUrl
    }))
  )
  for (const entry of yield* emulator.journal) {
    if (entry._tag === "Call") yield* Console.log(`${entry.method} ${entry.path}: ${entry.fault ?? "answered"}`)
  }
})

program.pipe(
  Effect.provide([EmulatorLive, FeishuClient.layerFetch]),
  NodeRuntime.runMain
)
