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
import * as AppLookup from "./internal/webhook/appLookup.js"
import * as BodyBuffer from "./internal/webhook/bodyBuffer.js"
import * as RefusalLog from "./internal/webhook/refusalLog.js"
import * as Refused from "./internal/webhook/refused.js"

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
export const tooLarge: EventRefused = Refused.tooLarge

/**
 * The failure of a body that broke off.
 *
 * @since 0.1.0
 * @category errors
 */
export const incomplete: EventRefused = Refused.incomplete

/**
 * The failure of a body that the web framework has read before, without keeping its bytes.
 *
 * @since 0.1.0
 * @category errors
 */
export const bodyRead: EventRefused = Refused.bodyRead

/**
 * Checks the method and the headers of a request. Returns the refusal, or `undefined` if the body may be read.
 *
 * @since 0.1.0
 * @category doors
 */
export const admit = ({ headers, method }: Omit<Request<unknown>, "body">): EventRefused | undefined => {
  if (method !== "POST") return Refused.refused("Method", `the method is ${oneLine(method)} and not POST`)
  const contentType = String(headers["content-type"] ?? "none")
  if (!/^application\/json\s*(;|$)/i.test(contentType)) {
    return Refused.refused("ContentType", `the content type is ${oneLine(contentType)} and not application/json`)
  }
  const encoding = String(headers["content-encoding"] ?? "identity")
  if (encoding.toLowerCase() !== "identity") {
    return Refused.refused(
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

const answerRefusal = (entry: RefusalLog.Entry): Effect.Effect<Answer> =>
  Effect.as(RefusalLog.countAndLog(entry), RefusalLog.answerOf(entry.refusal))

/**
 * Answers a delivery that was refused, as `answer` does: counts the refusal, and logs the refusals of a reason that anybody can
 * cause at most once a second. Use this in a door that proves deliveries by `prove` and handles them in its own way.
 *
 * @since 0.1.0
 * @category doors
 */
export const refuse = (subscription: Service, refusal: EventRefused): Effect.Effect<Answer> =>
  answerRefusal({ refusal, subscription })

const answerTo = <R>(
  subscription: Service,
  received: Effect.Effect<Receipt, EventRefused, R>
): Effect.Effect<Answer, never, R> =>
  Effect.matchCauseEffect(received, {
    onSuccess: (receipt) => Effect.succeed(accepted(receipt)),
    onFailure: (cause) =>
      Option.match(Cause.failureOption(cause), {
        onSome: (refusal) => refuse(subscription, refusal),
        onNone: () =>
          Effect.as(
            Effect.logError("a delivery to the request URL met with an error of this program's", cause),
            empty(500)
          )
      })
  })

/**
 * Answers a request: checks the method and the headers, reads the body, and accepts the delivery. Counts each refusal, and logs
 * the refusals of a reason that anybody can cause at most once a second. The answer to a refusal contains the status only.
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
 * Answers a delivery whose body was read before. Does not check the method and the headers: call `admit` first.
 *
 * @since 0.1.0
 * @category doors
 */
export const answerDelivery = (subscription: Service, delivery: Delivery): Effect.Effect<Answer> =>
  answerTo(subscription, Effect.suspend(() => subscription.receive(delivery)))

/**
 * Finds the subscription of an app, by the id in the path. Returns `None` if there is no such app.
 *
 * Anybody may send any id: look the id up in a `Map` or a database, and not in a plain object, which has a `constructor`.
 *
 * Runs for each request, in a scope that closes after the answer: resources that serve more than one request, such as the
 * subscription itself, belong into a scope that lasts. Has 2 s, because the platform waits for 3 s, and is interrupted then, or if
 * the client disconnects. A failure, a defect and the time limit are answered with 503, so that the platform pushes again. The
 * cause is logged as it is, so it must not contain a secret.
 *
 * @since 0.1.0
 * @category models
 */
export type FindApp<E = never, R = never> = (appId: string) => Effect.Effect<Option.Option<Service>, E, R>

/**
 * Answers a request to the request URL of one app of many, whose id is in the path: checks the method and the headers, finds the
 * app, and answers as `answer` does. Answers 404 for an unknown app, and 503 if `findApp` fails.
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
    return refusal === undefined
      ? Effect.flatMap(
        AppLookup.find(findApp, appId),
        (found) => Either.isRight(found) ? answer(found.right, request) : answerRefusal(found.left)
      )
      : answerRefusal({ refusal })
  })
