/**
 * A bot behind Express 5: a user sends a question, and the bot replies with a card. A button of the card closes the question.
 *
 * The bot acknowledges a message at once, works in the background, and replies when the work is done. On `SIGTERM` it stops
 * accepting, finishes its work, and exits with 0. If the process dies, the work under way is lost: `durable-queue.ts` loses
 * none.
 */
import {
  AccessToken,
  AppTicket,
  BackgroundTasks,
  EventHandler,
  EventNodeListener,
  EventSubscription,
  FeishuApp,
  FeishuClient,
  type FeishuEvent,
  FeishuEvents,
  TicketStore,
  TokenStore
} from "@effect-feishu/core"
import { HttpBody } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Schema } from "effect"
import express from "express"
import type { AddressInfo } from "node:net"
import { listening } from "./listening.js"

type MessageReceived = FeishuEvent.FeishuEvent<typeof FeishuEvents.MessageReceived.payload.Type>

/** The value that a button of the card sends back. */
const Choice = Schema.Struct({ close: Schema.String })

const closeButton = (question: string) => ({
  tag: "button",
  text: { tag: "plain_text", content: "Close" },
  behaviors: [{ type: "callback", value: Choice.make({ close: question }) }]
})

/** The text is plain, because in Markdown a user's text could mention everybody: `<at id=all></at>`. */
const card = (text: string, ...buttons: ReadonlyArray<object>) => ({
  schema: "2.0",
  config: { update_multi: true },
  body: { elements: [{ tag: "div", text: { tag: "plain_text", content: text } }, ...buttons] }
})

/** Stands for work that takes longer than the 2.5 s of a handler. */
const findAnswer = (question: string) => Effect.delay(Effect.succeed(`You asked: ${question}`), "3 seconds")

/** Works, and then replies. */
const answer = ({ payload: { message }, tenantKey }: MessageReceived, question: string) =>
  Effect.gen(function*() {
    yield* Console.log(`works on ${message.message_id}`)
    const found = yield* findAnswer(question)
    const client = yield* FeishuClient.forTenant(yield* tenantKey)
    const sent = client.post(`/open-apis/im/v1/messages/${message.message_id}/reply`, {
      body: HttpBody.unsafeJson({
        msg_type: "interactive",
        content: JSON.stringify(card(found, closeButton(question))),
        // The platform sends one reply for each `uuid` within an hour (page "回复消息").
        uuid: message.message_id
      })
    })
    // Thanks to `uuid` the call may be sent twice, so it is retried if its answer is lost.
    yield* Effect.flatMap(FeishuClient.idempotent(sent), FeishuClient.filterCodeOk)
    yield* Console.log(`replied to ${message.message_id}`)
  })

/** Handles a text message, and nothing else. A full list of tasks refuses the message, and the platform pushes it again. */
const onMessage = EventHandler.on(
  FeishuEvents.MessageReceived,
  (event) =>
    Option.match(FeishuEvents.textOf(event.payload.message), {
      onNone: () => Effect.void,
      onSome: (question) => BackgroundTasks.add(answer(event, question))
    })
)

/** Answers a click: the user sees the toast, and the card changes for all who see it. */
const onClick = EventHandler.callback(
  FeishuEvents.CardAction,
  ({ payload }) =>
    Effect.match(Schema.decodeUnknown(Choice)(payload.action.value), {
      // The card is not from this bot, or from an older version of this bot.
      onFailure: () => ({ toast: FeishuEvents.toast("warning", "This bot does not know the button.") }),
      onSuccess: ({ close }) => ({
        toast: FeishuEvents.toast("success", "The question is closed."),
        card: FeishuEvents.card(card(`Closed: ${close}`))
      })
    })
)

const Live = EventSubscription.layer({
  handlers: [onMessage, onClick],
  // The process manager must give the process some seconds more before it kills it.
  backgroundTasks: { drainFor: "20 seconds" }
}).pipe(
  Layer.provide(AccessToken.layer()),
  Layer.provide(AppTicket.layer()),
  Layer.provide([TicketStore.layerMemory, TokenStore.layerMemory, FeishuApp.layerConfig(), FeishuClient.layerFetch])
)

const program = Effect.gen(function*() {
  const app = express()
  // Before every body parser, because the signature covers the bytes.
  app.all("/webhook/event", yield* EventNodeListener.make)
  app.get("/healthz", (_, response) => void response.send("ok"))

  const wantedPort = yield* Config.integer("PORT").pipe(Config.withDefault(3000))
  const server = yield* listening(() => app.listen(wantedPort))
  const { port } = server.address() as AddressInfo
  yield* Console.log(`Listening on http://localhost:${port}/webhook/event`)
  return yield* Effect.never
})

// `SIGTERM` and Ctrl-C interrupt the program: the server closes first, then `Live`, which waits for the work.
program.pipe(Effect.scoped, Effect.provide(Live), NodeRuntime.runMain)
