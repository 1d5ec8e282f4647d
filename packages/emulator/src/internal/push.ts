/**
 * The platform's side of the events: built, encrypted, signed, delivered, and delivered again until acknowledged.
 */
import { FeishuEvents } from "@effect-feishu/core"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Acknowledgement, App, Delivery, Event, RequestUrl } from "../App.js"
import * as EventCrypto from "../EventCrypto.js"
import type { PushFault } from "../Fault.js"
import * as Journal from "../Journal.js"
import * as CallbackPayload from "./callbackPayload.js"
import { hex } from "./platform.js"

/** An answer is waited for so long (page "事件概述"). */
const answerTimeout = Duration.seconds(3)
/** An answer to the handshake is waited for so long (page "将事件发送至开发者服务器"). */
const challengeTimeout = Duration.seconds(1)
/** After a delivery that was not acknowledged (page "事件概述"). */
const retryDelays = ["15 seconds", "5 minutes", "1 hour", "6 hours"] as const

const bytes = (hexadecimal: string): Uint8Array => Buffer.from(hexadecimal, "hex")

const open = (secret: Redacted.Redacted | undefined): string | undefined => secret && Redacted.value(secret)

/** The text in the form and with the headers in which this app gets it. */
const seal = Effect.fnUntraced(function*(options: {
  readonly encryptKey: string | undefined
  readonly text: string
  readonly signed: boolean
}) {
  const headers = { "content-type": "application/json; charset=utf-8" }
  const { encryptKey, text } = options
  if (encryptKey === undefined) return { headers, body: text } as Delivery
  const body = JSON.stringify({
    encrypt: EventCrypto.encrypt({ encryptKey, iv: bytes(yield* hex(32)), text })
  })
  if (!options.signed) return { headers, body } as Delivery
  const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
  const nonce = yield* hex(10)
  return {
    headers: {
      ...headers,
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": EventCrypto.sign({ timestamp, nonce, encryptKey, body })
    },
    body
  } as Delivery
})

/** One character in the middle is another. */
const tamper = (delivery: Delivery): Delivery => {
  const middle = Math.floor(delivery.body.length / 2)
  const other = delivery.body[middle] === "A" ? "B" : "A"
  return { ...delivery, body: delivery.body.slice(0, middle) + other + delivery.body.slice(middle + 1) }
}

const describe = (options: {
  readonly app: App
  readonly event: Event
  readonly eventId: string
  readonly token: string | undefined
  readonly now: number
}): string => {
  const { app, event, eventId, now, token } = options
  return JSON.stringify(
    event.schema === "1.0"
      ? {
        // Seconds with seven digits, and no rounding of binary fractions.
        ts: `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, "0")}0000`,
        uuid: eventId,
        token: token ?? "",
        type: "event_callback",
        event: {
          app_id: app.appId,
          ...(event.tenantKey !== undefined && { tenant_key: event.tenantKey }),
          ...event.payload,
          type: event.type
        }
      }
      : {
        schema: "2.0",
        header: {
          event_id: eventId,
          token: token ?? "",
          create_time: String(now),
          event_type: event.type,
          tenant_key: event.tenantKey ?? "",
          app_id: app.appId
        },
        event: event.payload
      }
  )
}

export const make = Effect.fnUntraced(function*(options: {
  readonly apps: ReadonlyMap<string, App>
  readonly journal: Journal.Journal
  readonly faultOf: (eventType: string) => Effect.Effect<PushFault | undefined>
  readonly signRetriesAnew: boolean
}) {
  const client = HttpClient.withTracerPropagation(yield* HttpClient.HttpClient, false)
  // Of the emulator's own runtime: a push must not depend on who caused it, nor on how that one can be interrupted.
  const run = yield* FiberSet.makeRuntime<never>()
  /** By app: the push that waits for the next one. */
  const held = new Map<string, Effect.Effect<void>>()

  const send = (url: RequestUrl, delivery: Delivery): Effect.Effect<Acknowledgement, unknown> =>
    typeof url === "function"
      ? Effect.suspend(() => url(delivery)).pipe(
        Effect.catchAllDefect(() => Effect.succeed({ status: 500, body: "" }))
      )
      : client.execute(
        HttpClientRequest.post(url).pipe(
          HttpClientRequest.setHeaders(delivery.headers),
          HttpClientRequest.bodyText(delivery.body, delivery.headers["content-type"])
        )
      ).pipe(
        Effect.flatMap((response) => Effect.map(response.text, (body) => ({ status: response.status, body })))
      )

  const deliver = (appId: string, delivery: Delivery, entry: {
    readonly eventType: string
    readonly eventId: string
    readonly attempt: number
    readonly origin: "platform" | "forged" | "replayed"
    readonly fault: PushFault["_tag"] | undefined
  }) =>
    Effect.gen(function*() {
      const at = yield* Clock.currentTimeMillis
      const url = options.apps.get(appId)?.requestUrl
      const nothing = { status: undefined, body: "" }
      const { body, ...result } = url === undefined
        ? { outcome: "no request URL" as const, ...nothing }
        : yield* send(url, delivery).pipe(
          Effect.timeoutOption(answerTimeout),
          Effect.match({
            onFailure: () => ({ outcome: "unreachable" as const, ...nothing }),
            onSuccess: Option.match({
              onNone: () => ({ outcome: "timed out" as const, ...nothing }),
              onSome: ({ body, status }) => ({
                outcome: status === 200 ? "acknowledged" as const : "refused" as const,
                status,
                body
              })
            })
          })
        )
      yield* options.journal.append(
        Journal.Push({ at, endedAt: yield* Clock.currentTimeMillis, appId, ...entry, ...result })
      )
      return { ...result, body }
    })

  /** The event as this app gets it now: its keys may have changed since the event happened, its id and time have not. */
  const render = (app: App, event: Event, eventId: string, ts: number) =>
    seal({
      encryptKey: open(app.encryptKey),
      text: describe({ app, event, eventId, token: open(app.verificationToken), now: ts }),
      signed: true
    })

  /** The first delivery and, until one is acknowledged, the four after it. */
  const deliverUntilAcknowledged = (push: {
    readonly appId: string
    readonly event: Event
    readonly eventId: string
    readonly ts: number
    readonly fault: PushFault | undefined
    /** What runs once this has been delivered for the first time. */
    readonly afterFirst: Effect.Effect<void>
  }): Effect.Effect<void> =>
    Effect.gen(function*() {
      const { appId, event, eventId, fault } = push
      const entry = { eventType: event.type, eventId, origin: "platform", fault: fault?._tag } as const
      let first: Delivery | undefined
      for (let attempt = 1; attempt <= retryDelays.length + 1; attempt++) {
        const app = options.apps.get(appId)
        if (app === undefined) return
        const sealed = !options.signRetriesAnew && first || (yield* render(app, event, eventId, push.ts))
        first ??= sealed
        const delivery = attempt === 1 && fault?._tag === "Tampered" ? tamper(sealed) : sealed
        const { outcome } = yield* deliver(appId, delivery, { ...entry, attempt })
        if (attempt === 1) {
          run(push.afterFirst)
          if (fault?._tag === "Replayed") {
            run(Effect.delay(
              Effect.asVoid(deliver(appId, delivery, { ...entry, attempt, origin: "replayed" })),
              fault.after
            ))
          }
        }
        if (outcome === "acknowledged") {
          if (fault?._tag !== "Doubled") return
          yield* Effect.sleep(fault.after)
          yield* deliver(appId, yield* render(app, event, eventId, push.ts), { ...entry, attempt: attempt + 1 })
          return
        }
        const delay = retryDelays[attempt - 1]
        // Nobody has said where to: there is nothing to try again.
        if (delay === undefined || options.apps.get(appId)?.requestUrl === undefined) return
        yield* Effect.sleep(delay)
      }
    })

  const forge = (app: App, event: Event) =>
    Effect.gen(function*() {
      const eventId = yield* hex(32)
      const payload = "app_ticket" in event.payload ? { ...event.payload, app_ticket: "forged" } : event.payload
      const text = describe({
        app,
        event: { ...event, payload },
        eventId,
        token: yield* hex(32),
        now: yield* Clock.currentTimeMillis
      })
      const encryptKey = app.encryptKey === undefined ? undefined : yield* hex(32)
      const delivery = yield* seal({ encryptKey, text, signed: true })
      const entry = { eventType: event.type, eventId, attempt: 1, origin: "forged", fault: "Forged" } as const
      yield* deliver(app.appId, delivery, entry)
    })

  /** Begins to push the event and gives its id. */
  const push = Effect.fnUntraced(function*(app: App, event: Event) {
    const { appId } = app
    const eventId = yield* hex(32)
    const fault = yield* options.faultOf(event.type)
    const ts = yield* Clock.currentTimeMillis
    const waiting = held.get(appId) ?? Effect.void
    held.delete(appId)
    const deliveries = deliverUntilAcknowledged({ appId, event, eventId, ts, fault, afterFirst: waiting })
    switch (fault?._tag) {
      case "Lost": {
        run(waiting)
        const lost = { eventType: event.type, eventId, attempt: 1, origin: "platform", fault: "Lost" } as const
        yield* options.journal.append(
          Journal.Push({ at: ts, endedAt: ts, appId, ...lost, outcome: "lost", status: undefined })
        )
        break
      }
      case "Held":
        run(waiting)
        held.set(appId, deliverUntilAcknowledged({ appId, event, eventId, ts, fault, afterFirst: Effect.void }))
        break
      case "Late":
        run(Effect.delay(deliveries, fault.by))
        break
      case "Forged":
        run(Effect.zipRight(forge(app, event), deliveries))
        break
      default:
        run(deliveries)
    }
    return eventId
  })

  /** Sends a callback once. Returns the answer, or the reason why the user sees an error. */
  const callback = Effect.fnUntraced(function*(app: App, event: Event) {
    const { appId } = app
    const eventId = yield* hex(32)
    const complete = yield* CallbackPayload.complete(app, event)
    const delivery = yield* render(app, complete, eventId, yield* Clock.currentTimeMillis)
    const entry = { eventType: event.type, eventId, attempt: 1, origin: "platform", fault: undefined } as const
    const { body, outcome, status } = yield* deliver(appId, delivery, entry)
    if (outcome !== "acknowledged") {
      return Either.left(status === undefined ? outcome : `the answer has the HTTP status ${status} instead of 200`)
    }
    return Either.flatMap(
      Either.fromOption(
        decodeAnswer(body),
        () => body.trim() === "" ? emptyAnswer(event.type) : "the answer is no JSON object"
      ),
      (answer) => Either.map(checkAnswer(event.type, answer), () => answer)
    )
  })

  /** Asks the URL for its challenge, as saving it in the developer console does, and gives why it fails. */
  const handshake = Effect.fnUntraced(function*(app: App, url: RequestUrl) {
    const at = yield* Clock.currentTimeMillis
    const challenge = yield* hex(32)
    const text = JSON.stringify({ challenge, token: open(app.verificationToken) ?? "", type: "url_verification" })
    const delivery = yield* seal({ encryptKey: open(app.encryptKey), text, signed: false })
    const isUrl = typeof url === "function" || (URL.canParse(url) && /^https?:/i.test(url))
    const reason = !isUrl ? "it is not an http or https URL" : yield* send(url, delivery).pipe(
      Effect.timeoutOption(challengeTimeout),
      Effect.match({
        onFailure: () => "it cannot be reached",
        onSuccess: Option.match({
          onNone: () => "it did not answer within 1 s",
          onSome: ({ body, status }) =>
            status !== 200
              ? `it answered with HTTP ${status} instead of 200`
              : Option.getOrUndefined(decodeChallenge(body))?.challenge !== challenge
              ? "its answer is not JSON with the same challenge"
              : undefined
        })
      })
    )
    const outcome = reason === undefined ? "passed" : "failed"
    yield* options.journal.append(Journal.Handshake({ at, appId: app.appId, outcome, reason }))
    return reason
  })

  return {
    push,
    callback,
    handshake,
    /** Runs in the emulator's scope. */
    background: (effect: Effect.Effect<void>) => Effect.sync(() => void run(effect))
  }
})

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
const checkAnswer = (type: string, answer: unknown): Either.Either<unknown, string> =>
  Either.mapLeft(answerDecoders.get(type)?.(answer) ?? Either.right(answer), (error) => {
    const issues = ParseResult.ArrayFormatter.formatErrorSync(error)
    const field = issues[0]?.path.join(".")
    const messages = issues.filter(({ path }) => path.join(".") === field).map(({ message }) => message)
    return `the answer is not of the shape that ${type} allows: ${field}: ${messages.join(", or ")}`
  })

const decodeChallenge = Schema.decodeOption(Schema.parseJson(Schema.Struct({ challenge: Schema.String })))
