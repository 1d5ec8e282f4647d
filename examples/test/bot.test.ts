/** The bots `echo.ts` and `bot.ts` as processes of their own. The emulator writes to the bots, and presses a button. */
import { FeishuEvents } from "@effect-feishu/core"
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { app, connectSilently, get, secrets, startServer } from "./programs.js"

const replyTo = (id: string) => `/open-apis/im/v1/messages/${id}/reply`

const Live = Layer.merge(
  NodeContext.layer,
  Emulator.layerServer({
    apps: [],
    // Holds back the reply of a bot that is being stopped.
    faults: [Fault.next(1, Fault.Delay({ duration: "3 seconds" }), { only: replyTo("om_stopped") })]
  })
)

/** What a user sends to a bot. */
const message = (id: string, type: string, content: object) => ({
  type: FeishuEvents.MessageReceived.type,
  payload: {
    sender: { sender_type: "user" },
    message: {
      message_id: id,
      create_time: "1700000000000",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: type,
      content: JSON.stringify(content)
    }
  }
})

const startBot = (program: string) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const appId = `cli_${program}`
    yield* emulator.setApp(app(appId))
    // A bot that has a ticket does not wait for one in its first handler.
    const bot = yield* startServer([program], appId)
    yield* emulator.pushTicketAndWait(appId)
    const replies = (id: string) =>
      Effect.map(
        emulator.journal,
        (entries) =>
          entries.filter(Journal.$is("Call")).filter((call) => call.appId === appId && call.path === replyTo(id))
      )
    /** Waits for the reply to a message, and returns its body. */
    const reply = (id: string) =>
      replies(id).pipe(
        Effect.repeat({ until: ({ length }) => length > 0, schedule: Schedule.spaced("20 millis") }),
        Effect.andThen(replies(id)),
        Effect.map(([call]) => {
          assert.deepInclude(call, { tenantKey: "tenant_1", token: "valid", status: 200, code: 0 })
          return JSON.parse(call?.received?.text ?? "") as {
            readonly msg_type: string
            readonly content: string
            readonly uuid: string
          }
        })
      )
    return { ...bot, appId, replies, reply }
  })

layer(Live, { excludeTestServices: true, timeout: "20 seconds" })((it) => {
  it.scoped("echo.ts replies to a text with the text, and to nothing else", () =>
    Effect.gen(function*() {
      const { appId, emulator, output, replies, reply } = yield* startBot("echo.ts")
      for (
        const [id, type, content] of [["om_image", "image", { image_key: "k" }], ["om_1", "text", {
          text: "Hi"
        }]] as const
      ) {
        const { outcome } = yield* emulator.pushAndWait(appId, message(id, type, content))
        assert.strictEqual(outcome, "acknowledged", yield* output)
      }
      assert.deepStrictEqual(yield* reply("om_1"), {
        msg_type: "text",
        content: JSON.stringify({ text: "Hi" }),
        uuid: "om_1"
      })
      assert.deepStrictEqual(yield* replies("om_image"), [])
    }), { timeout: 60_000 })

  it.scoped(
    "bot.ts acknowledges a question, replies later with a card, and closes the question after a click",
    () =>
      Effect.gen(function*() {
        const { appId, emulator, output, replies, reply } = yield* startBot("bot.ts")
        const { outcome } = yield* emulator.pushAndWait(
          appId,
          message("om_1", "text", { text: "Why? <at id=all></at>" })
        )
        assert.strictEqual(outcome, "acknowledged", yield* output)
        assert.deepStrictEqual(yield* replies("om_1"), [])

        const { content, msg_type, uuid } = yield* reply("om_1")
        assert.deepStrictEqual([msg_type, uuid], ["interactive", "om_1"])
        const [text, button] = JSON.parse(content).body.elements
        assert.deepStrictEqual(text, {
          tag: "div",
          text: { tag: "plain_text", content: "You asked: Why? <at id=all></at>" }
        })
        const click = (value: unknown) =>
          emulator.callback(appId, { type: FeishuEvents.CardAction.type, payload: { action: { value } } })
        const answer = yield* click(button.behaviors[0].value)
        assert.deepStrictEqual(answer["toast"], { type: "success", content: "The question is closed." })
        const closed = JSON.stringify(answer["card"])
        assert.include(closed, "Closed: Why?")
        assert.notInclude(closed, "markdown")
        assert.deepStrictEqual(yield* click({ of: "another card" }), {
          toast: { type: "warning", content: "This bot does not know the button." }
        })

        const printed = yield* output
        for (const secret of Object.values(secrets)) assert.notInclude(printed, secret)
      }),
    { timeout: 60_000 }
  )

  it.scoped(
    "bot.ts that is stopped accepts no more, finishes its work, and exits with 0, also with a connection that sends nothing",
    () =>
      Effect.gen(function*() {
        const { appId, emulator, origin, output, printed, reply, started } = yield* startBot("bot.ts")
        yield* emulator.pushAndWait(appId, message("om_stopped", "text", { text: "Why?" }))
        yield* printed(/works on om_stopped/)
        assert.strictEqual((yield* get(`${origin}/healthz`)).status, 200)
        yield* connectSilently(origin)

        yield* started.kill("SIGTERM").pipe(Effect.forkScoped)
        const answers = Effect.promise(() => fetch(`${origin}/healthz`).then(() => true, () => false))
        yield* Effect.repeat(answers, { while: (accepts) => accepts, schedule: Schedule.spaced("20 millis") })
        assert.notInclude(yield* output, "replied to")
        assert.isTrue(yield* started.isRunning)

        assert.strictEqual(Number(yield* Effect.timeout(started.exitCode, "20 seconds")), 0)
        assert.include(yield* output, "replied to om_stopped")
        assert.strictEqual((yield* reply("om_stopped")).uuid, "om_stopped")
      }),
    { timeout: 60_000 }
  )
})
