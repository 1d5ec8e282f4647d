/** A process that is stopped while it replies in the background. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { app, pushed, startServer } from "./programs.js"

const path = "/open-apis/im/v1/messages/om_1/reply"
const programs = ["background-tasks.ts", "hono-node.ts"]

const Live = Layer.merge(
  NodeContext.layer,
  Emulator.layerServer({
    apps: programs.map(app),
    faults: [Fault.next(programs.length, Fault.Delay({ duration: "2 seconds" }), { only: path })]
  })
)

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })((it) => {
  it.scoped.each(programs)(
    "%s acknowledges a message before it replies, and replies though it is stopped meanwhile",
    (program) =>
      Effect.gen(function*() {
        const appId = program
        const { emulator, output, started } = yield* startServer([program], appId)
        yield* emulator.push(appId, {
          type: "im.message.receive_v1",
          tenantKey: "tenant_1",
          payload: {
            sender: { sender_type: "user" },
            message: {
              message_id: "om_1",
              create_time: "0",
              chat_id: "oc_1",
              chat_type: "p2p",
              message_type: "text",
              content: "{}"
            }
          }
        })
        yield* pushed((push) =>
          push.appId === appId && push.eventType === "im.message.receive_v1" && push.outcome === "acknowledged"
        )
        const calls = Effect.map(
          emulator.journal,
          (entries) => entries.filter(Journal.$is("Call")).filter((call) => call.appId === appId && call.path === path)
        )
        yield* Effect.repeat(calls, { until: ({ length }) => length > 0, schedule: Schedule.spaced("20 millis") })
        assert.notInclude(yield* output, "replied")

        yield* started.kill("SIGTERM")
        const ended = yield* Effect.merge(Effect.timeout(started.exitCode, "20 seconds"))
        assert.match(String(ended), /^(0|130|143)$/)
        assert.include(yield* output, "replied to om_1")
      }),
    { timeout: 60_000 }
  )
})
