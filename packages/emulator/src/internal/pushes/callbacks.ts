/** Sends callbacks: once, and somebody waits for the answer (page "回调概述"). */
import { FeishuEvents } from "@effect-feishu/core"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { App, Event } from "../../App.js"
import { hex } from "../random.js"
import * as CallbackPayload from "./callbackPayload.js"
import { eventText, tenantOf } from "./eventText.js"
import { open, seal } from "./sealing.js"
import type { Sending } from "./sending.js"

export type Answer = Readonly<Record<string, unknown>>

const decodeAnswer = Schema.decodeOption(Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown })))

/** By type of callback: decodes what the platform can show (pages "卡片回传交互回调" and "拉取链接预览数据"). */
const answerDecoders = new Map<string, (answer: unknown) => Either.Either<unknown, ParseResult.ParseError>>([
  [FeishuEvents.CardAction.type, Schema.decodeUnknownEither(FeishuEvents.CardAction.answer)],
  [FeishuEvents.LinkPreview.type, Schema.decodeUnknownEither(FeishuEvents.LinkPreview.answer)]
])

/** Says why a service acknowledges a callback like an event. */
const emptyAnswer = (type: string): string => {
  const known = [...answerDecoders.keys()]
  return known.includes(type)
    ? `the answer is empty: is there an EventHandler.callback for ${type}?`
    : `the answer is empty: ${type} is not a known callback (${known.join(", ")}) and has no EventHandler.callback`
}

/** Fails with the first field that the platform cannot show. */
const checkAnswer = (type: string, answer: Answer): Either.Either<Answer, string> =>
  Either.mapBoth(answerDecoders.get(type)?.(answer) ?? Either.right(answer), {
    onRight: () => answer,
    onLeft: (error) => {
      const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
      const field = issues[0]?.path.join(".")
      const messages = issues.filter(({ path }) => path.join(".") === field).map(({ message }) => message)
      return `the answer is not of the shape that ${type} allows: ${field}: ${messages.join(", or ")}`
    }
  })

const readAnswer = (type: string, body: string): Either.Either<Answer, string> =>
  Either.flatMap(
    Either.fromOption(
      decodeAnswer(body),
      () => body.trim() === "" ? emptyAnswer(type) : "the answer is no JSON object"
    ),
    (answer) => checkAnswer(type, answer)
  )

/** Sends a callback once. Returns the answer, or the reason why the user sees an error. */
export const send = (
  sending: Sending,
  app: App,
  given: Event
): Effect.Effect<Either.Either<Answer, string>> =>
  Effect.gen(function*() {
    const eventId = yield* hex(32)
    const event = yield* CallbackPayload.complete(app, given)
    const now = yield* Clock.currentTimeMillis
    const text = eventText({ app, event, eventId, token: open(app.verificationToken), now })
    const delivery = yield* seal({ encryptKey: open(app.encryptKey), text, isSigned: true })
    const { body, outcome, status } = yield* sending.deliver(app.appId, delivery, {
      kind: "callback",
      tenantKey: tenantOf(app, event),
      eventType: event.type,
      eventId,
      attempt: 1,
      origin: "platform",
      fault: undefined
    })
    return outcome === "acknowledged"
      ? readAnswer(event.type, body)
      : Either.left(
        status !== undefined
          ? `the answer has the HTTP status ${status} instead of 200`
          : outcome === "no request URL"
          ? "no request URL is saved: save the URL at which the app listens first"
          : outcome
      )
  })
