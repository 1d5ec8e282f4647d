/**
 * Answers requests to the request URL, for every door. Use this module for a door of your own, if none of `EventHttpApp`,
 * `EventNodeListener` and `EventWebHandler` fits.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { EventRefused } from "./EventRefused.js"
import type { Delivery, Receipt, Service } from "./EventSubscription.js"
import * as FeishuMetrics from "./FeishuMetrics.js"
import * as MetricLabels from "./internal/metricLabels.js"
import { monotonicMillis } from "./internal/monotonicMillis.js"
import { oneLine } from "./internal/oneLine.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"
import * as Refusals from "./internal/webhook/refusals.js"
import { refused } from "./internal/webhook/refused.js"

/**
 * The longest body, in bytes. A longer body is refused, and is not read any further.
 *
 * @since 0.1.0
 * @category doors
 */
export const maxBodyBytes: number = BodyBuffer.maxBytes

/**
 * A request to the request URL.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request<out R = never> {
  readonly method: string
  /** With lower-case names. */
  readonly headers: Delivery["headers"]
  /** Reads the body. Must stop after `maxBodyBytes` and fail with `tooLarge`. */
  readonly body: Effect.Effect<Uint8Array, EventRefused, R>
}

/**
 * The answer to a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The failure of a body that is too long.
 *
 * @since 0.1.0
 * @category errors
 */
export const tooLarge: EventRefused = Refusals.tooLarge

/**
 * The failure of a body that broke off.
 *
 * @since 0.1.0
 * @category errors
 */
export const incomplete: EventRefused = Refusals.incomplete

/**
 * The failure of a body that the web framework has read before, without keeping its bytes.
 *
 * @since 0.1.0
 * @category errors
 */
export const bodyRead: EventRefused = Refusals.bodyRead

/**
 * Checks the method and the headers of a request. Returns the refusal, or `undefined` if the body may be read.
 *
 * @since 0.1.0
 * @category doors
 */
export const admit = ({ headers, method }: Omit<Request<unknown>, "body">): EventRefused | undefined => {
  if (method !== "POST") return refused("Method", `the method is ${oneLine(method)} and not POST`)
  const contentType = String(headers["content-type"] ?? "none")
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    return refused("ContentType", `the content type is ${oneLine(contentType)} and not application/json`)
  }
  const encoding = String(headers["content-encoding"] ?? "identity")
  if (encoding.toLowerCase() !== "identity") {
    return refused(
      "ContentType",
      `the content encoding is ${oneLine(encoding)}, and the signature covers what was encoded`
    )
  }
  return Number(headers["content-length"] ?? 0) > maxBodyBytes ? tooLarge : undefined
}

const byReason = MetricLabels.make("reason")

const empty = (status: number, headers: Answer["headers"] = {}): Answer => ({ status, headers, body: "" })

const json = (value: object): Answer => ({
  status: 200,
  headers: { "content-type": "application/json; charset=utf-8" },
  body: JSON.stringify(value)
})

const accepted = (receipt: Receipt): Answer => {
  switch (receipt.outcome) {
    case "challenge":
      return json({ challenge: receipt.challenge })
    case "answered":
    case "failed":
      return json(receipt.answer)
    default:
      return empty(200)
  }
}

/** The time after a warning in which refusals of the same reason are only counted. In milliseconds. */
const quietFor = 1000

interface Warnings {
  /** On the monotonic clock, in milliseconds. */
  readonly lastAt: number
  /** The refusals since the last warning. */
  unsaid: number
}

/** By subscription and reason, because anybody can send a thousand forged deliveries a second. */
const warnings = new WeakMap<Service, Map<EventRefused["reason"], Warnings>>()

const warn = (subscription: Service, { message, reason }: EventRefused): Effect.Effect<void> =>
  Effect.flatMap(monotonicMillis, (now) => {
    const ofSubscription = warnings.get(subscription) ?? new Map<EventRefused["reason"], Warnings>()
    warnings.set(subscription, ofSubscription)
    const last = ofSubscription.get(reason)
    if (last !== undefined && now - last.lastAt < quietFor) {
      last.unsaid++
      return Effect.void
    }
    ofSubscription.set(reason, { lastAt: now, unsaid: 0 })
    const more = last === undefined || last.unsaid === 0
      ? ""
      : ` (and ${last.unsaid} more like this since the last line)`
    return Effect.logWarning(message + more)
  })

/** The failure of a handler is logged each time. The store logs its own failures. */
const log = (subscription: Service, refusal: EventRefused): Effect.Effect<void> =>
  refusal.reason === "Store"
    ? Effect.logDebug(refusal.message)
    : refusal.reason === "BodyRead"
    ? Effect.logError(refusal.message)
    : refusal.status < 500
    ? warn(subscription, refusal)
    : Effect.logWarning(refusal.message)

/**
 * Answers a request. Counts each refusal, and logs each refusal at most once a second. The answer to a refusal contains the
 * status only.
 *
 * @since 0.1.0
 * @category doors
 */
export const answer = <R>(subscription: Service, request: Request<R>): Effect.Effect<Answer, never, R> =>
  Effect.suspend(() => admit(request) ?? request.body).pipe(
    Effect.flatMap((body) => subscription.receive({ headers: request.headers, body })),
    Effect.matchCauseEffect({
      onSuccess: (receipt) => Effect.succeed(accepted(receipt)),
      onFailure: (cause) =>
        Option.match(Cause.failureOption(cause), {
          onSome: (refusal) =>
            Effect.map(log(subscription, refusal), () => {
              FeishuMetrics.refusals.unsafeUpdate(1, byReason(refusal.reason))
              return empty(refusal.status, refusal.reason === "Method" ? { allow: "POST" } : {})
            }),
          onNone: () =>
            Effect.as(
              Effect.logError("a delivery to the request URL met with an error of this program's", cause),
              empty(500)
            )
        })
    })
  )
