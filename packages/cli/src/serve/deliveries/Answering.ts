/** The answer to a delivery that is proven: by the store of tickets, by the target, or by nobody. */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as RandomBytes from "../../RandomBytes.js"
import * as Forward from "./Forward.js"
import type { Proven } from "./Proven.js"

/** What is done with events and callbacks. Tickets are handed on, too, once they are stored. */
export type Policy =
  | { readonly _tag: "Forward"; readonly to: URL }
  /** Answers 503, so that the platform pushes the event again. */
  | { readonly _tag: "Refuse" }
  /** Acknowledges. */
  | { readonly _tag: "Drop" }

/** The answer to the platform, and what the target said. */
export interface Answered {
  readonly status: number
  readonly contentType?: string | undefined
  readonly body: Uint8Array | string
  readonly forwarded?: Forward.HandedOn | undefined
}

/** Lets the platform push an event again. */
const unavailable: Answered = { status: 503, body: "" }

const json = "application/json; charset=utf-8"

const ofDoor = ({ body, headers, status }: EventDoor.Answer): Answered => ({
  status,
  contentType: headers["content-type"],
  body
})

const nameOf = ({ id, kind, served: { app }, type }: Proven): string =>
  `${kind === "callback" ? "the callback" : kind === "ticket" ? "the ticket's event" : "the event"} ${type}${
    id === "" ? "" : ` ${id}`
  } of ${app.appId}`

/** Says what comes of a delivery that is answered with 503. */
const consequenceOf = ({ kind }: Proven): string =>
  kind === "callback"
    ? "the platform shows its own error to the user"
    : "answered 503, so that the platform pushes the event again"

/** Returns a name for the header `Via`, by which a process knows the deliveries that it has handed on itself. */
const makePseudonym: Effect.Effect<string> = Effect.map(RandomBytes.hex(4), (digits) => `feishu-ticket-${digits}`)

const joined = (header: string | undefined, more: string): string => header === undefined ? more : `${header}, ${more}`

/** Hands deliveries on. Notices a target that leads back here, for example through a tunnel to the request URL. */
const makeForwarding = (to: URL) =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const pseudonym = yield* makePseudonym

    const headersOf = ({ headers, peer }: Proven): Forward.Headers => ({
      ...headers,
      via: joined(headers["via"], `1.1 ${pseudonym}`),
      ...(Option.isSome(peer) &&
        { "x-forwarded-for": joined(headers["x-forwarded-for"], peer.value.replace(/^::ffff:/, "")) })
    })

    /** Returns the time that is left until the platform gives up. */
    const timeLeft = ({ receivedAt }: Proven) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        Duration.subtract(Forward.timeLimit, Duration.millis(Math.max(0, now - receivedAt))))

    return (proven: Proven): Effect.Effect<Answered> =>
      Effect.gen(function*() {
        if (proven.headers["via"]?.includes(pseudonym) === true) {
          yield* Effect.logError(
            `--forward-to ${Forward.show(to)} leads back to this server, so nothing handles ${nameOf(proven)}; ${
              consequenceOf(proven)
            }`
          )
          return unavailable
        }
        const within = yield* timeLeft(proven)
        if (Duration.equals(within, Duration.zero)) {
          yield* Effect.logWarning(
            `${nameOf(proven)} is not handed on, because its body took as long to arrive as the platform waits; ${
              consequenceOf(proven)
            }`
          )
          return unavailable
        }
        const forwarded = yield* Forward.send({
          client,
          url: to,
          headers: headersOf(proven),
          body: proven.body,
          within
        })
        if (Either.isRight(forwarded.result)) {
          return { ...forwarded.result.right, forwarded }
        }
        yield* Effect.logWarning(
          `${nameOf(proven)} is not handed on: ${Forward.show(to)} ${forwarded.result.left.message}; ${
            consequenceOf(proven)
          }`
        )
        return { ...unavailable, forwarded }
      })
  })

const refuse = (proven: Proven): Effect.Effect<Answered> =>
  Effect.as(
    Effect.logWarning(
      `nothing takes ${
        nameOf(proven)
      }: --forward-to URL hands events on to a service, and --drop-events acknowledges them; ${consequenceOf(proven)}`
    ),
    unavailable
  )

/** Refuses a delivery that would be acknowledged if its file were written. */
export const refuseUnsaved = (proven: Proven): Effect.Effect<Answered> =>
  Effect.as(
    Effect.logWarning(`${nameOf(proven)} is neither saved nor handled; ${consequenceOf(proven)}`),
    unavailable
  )

/** Answers a callback so that the user sees neither a change nor an error. */
const drop = ({ kind }: Proven): Effect.Effect<Answered> =>
  Effect.succeed(kind === "callback" ? { status: 200, contentType: json, body: "{}" } : { status: 200, body: "" })

/** Answers a delivery that is proven. */
export type AnswerTo = (proven: Proven) => Effect.Effect<Answered>

/** Answers handshakes, and stores tickets. Hands tickets on once they are stored, if `onTicket` is given. */
const answering = (onOther: AnswerTo, onTicket?: AnswerTo): AnswerTo => (proven) =>
  proven.kind === "event" || proven.kind === "callback"
    ? onOther(proven)
    : Effect.flatMap(
      EventDoor.answerDelivery(proven.served.subscription, proven),
      (answer) =>
        proven.kind === "ticket" && answer.status === 200 && onTicket !== undefined
          ? onTicket(proven)
          : Effect.succeed(ofDoor(answer))
    )

export const make = (policy: Policy): Effect.Effect<AnswerTo, never, HttpClient.HttpClient> =>
  policy._tag === "Forward"
    ? Effect.map(makeForwarding(policy.to), (forward) => answering(forward, forward))
    : Effect.succeed(answering(policy._tag === "Drop" ? drop : refuse))
