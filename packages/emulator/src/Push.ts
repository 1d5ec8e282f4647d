/**
 * The platform's side of the events: built, encrypted, signed, delivered, and delivered again until acknowledged.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Acknowledgement, App, Delivery, RequestUrl } from "./App.js"
import * as EventCrypto from "./EventCrypto.js"
import type { PushFault } from "./Fault.js"
import * as Journal from "./Journal.js"
import { hex } from "./Platform.js"

/**
 * An event, but for what the platform adds to each.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  readonly type: string
  /** Default: `2.0`; the ticket's event is a `1.0`. */
  readonly schema?: "1.0" | "2.0" | undefined
  readonly tenantKey?: string | undefined
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * A request URL that cannot be saved: it failed its handshake.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestUrlError extends Schema.TaggedError<RequestUrlError>("@effect-feishu/emulator/RequestUrlError")(
  "RequestUrlError",
  { appId: Schema.String, reason: Schema.String }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The request URL of ${this.appId} cannot be saved: ${this.reason}`
  }
}

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

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly apps: ReadonlyMap<string, App>
  readonly journal: Journal.Journal
  readonly faultOf: (eventType: string) => Effect.Effect<PushFault | undefined>
}) {
  const client = yield* HttpClient.HttpClient
  const pushes = yield* FiberSet.make()
  /** By app: pushes that wait until the next one has been delivered. */
  const held = new Map<string, Array<Effect.Effect<void>>>()

  const send = (url: RequestUrl, delivery: Delivery): Effect.Effect<Acknowledgement, unknown> =>
    typeof url === "function"
      ? url(delivery)
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
  }): Effect.Effect<boolean> =>
    Effect.gen(function*() {
      const at = yield* Clock.currentTimeMillis
      const url = options.apps.get(appId)?.requestUrl
      const result = url === undefined
        ? { outcome: "unreachable" as const, status: undefined }
        : yield* send(url, delivery).pipe(
          Effect.timeoutOption(answerTimeout),
          Effect.match({
            onFailure: () => ({ outcome: "unreachable" as const, status: undefined }),
            onSuccess: Option.match({
              onNone: () => ({ outcome: "timed out" as const, status: undefined }),
              onSome: ({ status }) => ({
                outcome: status === 200 ? "acknowledged" as const : "refused" as const,
                status
              })
            })
          })
        )
      yield* options.journal.append(Journal.Push({ at, appId, ...entry, ...result }))
      return result.outcome === "acknowledged"
    })

  const releaseHeld = (appId: string) =>
    Effect.suspend(() => {
      const waiting = held.get(appId) ?? []
      held.delete(appId)
      return Effect.forEach(waiting, (push) => FiberSet.run(pushes, push), { discard: true })
    })

  /** The first delivery and, until one is acknowledged, the four after it. */
  const deliverUntilAcknowledged = (app: App, text: string, subject: {
    readonly eventType: string
    readonly eventId: string
    readonly fault: PushFault | undefined
  }) =>
    Effect.gen(function*() {
      const { eventId, eventType, fault } = subject
      const entry = { eventType, eventId, origin: "platform", fault: fault?._tag } as const
      const encryptKey = open(app.encryptKey)
      for (let attempt = 1; attempt <= retryDelays.length + 1; attempt++) {
        const sealed = yield* seal({ encryptKey, text, signed: true })
        const delivery = attempt === 1 && fault?._tag === "Tampered" ? tamper(sealed) : sealed
        const acknowledged = yield* deliver(app.appId, delivery, { ...entry, attempt })
        if (attempt === 1) yield* releaseHeld(app.appId)
        if (acknowledged) {
          if (fault?._tag === "Doubled") {
            yield* Effect.sleep(fault.after)
            const again = yield* seal({ encryptKey, text, signed: true })
            yield* deliver(app.appId, again, { ...entry, attempt: attempt + 1 })
          }
          if (fault?._tag === "Replayed") {
            yield* Effect.sleep(fault.after)
            yield* deliver(app.appId, delivery, { ...entry, attempt: attempt + 1, origin: "replayed" })
          }
          return
        }
        const delay = retryDelays[attempt - 1]
        // Nobody has said where to: there is nothing to try again.
        if (delay === undefined || options.apps.get(app.appId)?.requestUrl === undefined) return
        yield* Effect.sleep(delay)
      }
    })

  const forge = (app: App, event: Event) =>
    Effect.gen(function*() {
      const eventId = yield* hex(32)
      const text = describe({
        app,
        event: {
          ...event,
          payload: { ...event.payload, ...("app_ticket" in event.payload && { app_ticket: "forged" }) }
        },
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
    const eventId = yield* hex(32)
    const fault = yield* options.faultOf(event.type)
    const at = yield* Clock.currentTimeMillis
    const text = describe({ app, event, eventId, token: open(app.verificationToken), now: at })
    const deliveries = deliverUntilAcknowledged(app, text, { eventType: event.type, eventId, fault })
    switch (fault?._tag) {
      case "Lost":
        yield* options.journal.append(Journal.Push({
          at,
          appId: app.appId,
          eventType: event.type,
          eventId,
          attempt: 1,
          origin: "platform",
          fault: "Lost",
          outcome: "lost",
          status: undefined
        }))
        break
      case "Held":
        held.set(app.appId, [...held.get(app.appId) ?? [], deliveries])
        break
      case "Late":
        yield* FiberSet.run(pushes, Effect.delay(deliveries, fault.by))
        break
      case "Forged":
        yield* FiberSet.run(pushes, Effect.zipRight(forge(app, event), deliveries))
        break
      default:
        yield* FiberSet.run(pushes, deliveries)
    }
    return eventId
  })

  /** Asks the URL for its challenge, as saving it in the developer console does. */
  const handshake = Effect.fnUntraced(function*(app: App, url: RequestUrl) {
    const at = yield* Clock.currentTimeMillis
    const challenge = yield* hex(32)
    const text = JSON.stringify({ challenge, token: open(app.verificationToken) ?? "", type: "url_verification" })
    const delivery = yield* seal({ encryptKey: open(app.encryptKey), text, signed: false })
    const reason = yield* send(url, delivery).pipe(
      Effect.timeoutOption(challengeTimeout),
      Effect.match({
        onFailure: (error) => `it cannot be reached (${error})`,
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
    yield* options.journal.append(Journal.Handshake({
      at,
      appId: app.appId,
      outcome: reason === undefined ? "passed" : "failed",
      reason
    }))
    if (reason !== undefined) return yield* new RequestUrlError({ appId: app.appId, reason })
  })

  return {
    push,
    handshake,
    /** Runs in the emulator's scope. */
    background: (effect: Effect.Effect<void>) => Effect.asVoid(FiberSet.run(pushes, effect))
  }
})

const decodeChallenge = Schema.decodeOption(Schema.parseJson(Schema.Struct({ challenge: Schema.String })))
