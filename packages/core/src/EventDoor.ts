/**
 * Answers requests to the request URL, for every door. Use this module for a door of your own, if none of `EventHttpApp`,
 * `EventNodeListener` and `EventWebHandler` fits.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { EventRefused } from "./EventRefused.js"
import type { Delivery, Receipt, Service } from "./EventSubscription.js"
import { oneLine } from "./internal/oneLine.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"
import * as Finding from "./internal/webhook/finding.js"
import * as Refusals from "./internal/webhook/refusals.js"
import { refused } from "./internal/webhook/refused.js"
import * as Refusing from "./internal/webhook/refusing.js"

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

const empty = (status: number): Answer => ({ status, headers: {}, body: "" })

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

const refuse = (door: object, refusal: Refusing.Refusal): Effect.Effect<Answer> =>
  Effect.as(Refusing.countAndLog(door, refusal), Refusing.answerOf(refusal.refusal))

const answerTo = <R>(
  subscription: Service,
  received: Effect.Effect<Receipt, EventRefused, R>
): Effect.Effect<Answer, never, R> =>
  Effect.matchCauseEffect(received, {
    onSuccess: (receipt) => Effect.succeed(accepted(receipt)),
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: (refusal) => refuse(subscription, { refusal }),
        onNone: () =>
          Effect.as(
            Effect.logError("a delivery to the request URL met with an error of this program's", cause),
            empty(500)
          )
      })
  })

/**
 * Answers a request. Counts each refusal, and logs each refusal at most once a second. The answer to a refusal contains the
 * status only.
 *
 * @since 0.1.0
 * @category doors
 */
export const answer = <R>(subscription: Service, request: Request<R>): Effect.Effect<Answer, never, R> =>
  answerTo(
    subscription,
    Effect.flatMap(
      Effect.suspend(() => admit(request) ?? request.body),
      (body) => subscription.receive({ headers: request.headers, body })
    )
  )

/**
 * Answers a delivery whose method and headers are admitted.
 *
 * @since 0.1.0
 * @category doors
 */
export const answerDelivery = (subscription: Service, delivery: Delivery): Effect.Effect<Answer> =>
  answerTo(subscription, subscription.receive(delivery))

/**
 * Finds the subscription of an app. Returns `None` if there is no such app.
 *
 * @since 0.1.0
 * @category models
 */
export type FindApp<out E = never, out R = never> = (appId: string) => Effect.Effect<Option.Option<Service>, E, R>

/**
 * Answers a request to the request URL of one app of many, whose id is in the path. Answers 404 for an unknown app. If
 * `findApp` fails, answers 503, so that the platform pushes again, and logs the failure.
 *
 * @since 0.1.0
 * @category doors
 */
export const answerApp = <E, R, R2>(
  findApp: FindApp<E, R>,
  appId: string,
  request: Request<R2>
): Effect.Effect<Answer, never, R | R2> =>
  Effect.suspend(() => {
    const refusal = admit(request)
    if (refusal !== undefined) return refuse(findApp, { refusal })
    return Effect.flatMap(Effect.exit(Finding.find(findApp, appId)), (exit) => {
      const found = Finding.fromExit(appId, exit)
      return Either.isRight(found) ? answer(found.right, request) : refuse(findApp, found.left)
    })
  })
