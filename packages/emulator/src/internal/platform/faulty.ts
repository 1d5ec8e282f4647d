/** Answers calls, spoils the answers by faults, and notes each call in the journal. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Fault } from "../../Fault.js"
import type * as Journal from "../../Journal.js"
import type { Mask } from "../mask.js"
import { logId } from "../random.js"
import type { Calls } from "./calls.js"
import type { Decision, Reply, Request } from "./exchange.js"

const json = { "content-type": "application/json; charset=utf-8" }

/** Returns an empty text for a body that is `undefined`. */
const textOf = (body: unknown): string => typeof body === "string" ? body : JSON.stringify(body) ?? ""

const codeOf = (body: unknown): number | undefined =>
  Predicate.hasProperty(body, "code") && typeof body.code === "number" ? body.code : undefined

/** One call, from when it arrived. */
interface Exchange {
  readonly request: Request
  /** In milliseconds since 1970. */
  readonly at: number
  readonly logId: string
  readonly fault: Fault | undefined
}

/** The fields of a journal entry that an answer decides. */
interface Noted extends Partial<Omit<Decision, "headers" | "body">> {
  readonly outcome: "answered" | "no answer" | "broken off"
  readonly code?: number | undefined
  readonly reply?: Reply | undefined
}

const replyOf = ({ logId }: Exchange, reply: Omit<Reply, "end">, end: Reply["end"] = "whole"): Reply => ({
  ...reply,
  headers: { "x-tt-logid": logId, ...reply.headers },
  end
})

/** Spoils the proper answer. */
const spoil = (fault: Fault | undefined, proper: Reply): Effect.Effect<Reply> => {
  switch (fault?._tag) {
    case "Cut":
      return Effect.succeed({ ...proper, end: "cut off" })
    case "CutJson":
      return Effect.succeed({ ...proper, body: proper.body.slice(0, Math.floor(proper.body.length / 2)) })
    case "ContentType":
      return Effect.succeed({ ...proper, headers: { ...proper.headers, "content-type": fault.contentType } })
    case "Delay":
      return Effect.delay(Effect.succeed(proper), fault.duration)
    default:
      return Effect.succeed(proper)
  }
}

export const make = ({ afterResend, calls, faultOf, journal, mask }: {
  readonly calls: Calls
  readonly mask: Mask
  readonly journal: Journal.Journal
  /** Returns the fault of the next call with this path. */
  readonly faultOf: (path: string) => Effect.Effect<Fault | undefined>
  readonly afterResend: (appId: string) => Effect.Effect<void>
}): (request: Request) => Effect.Effect<Reply> => {
  const note = ({ at, fault, logId, request }: Exchange, noted: Noted) =>
    Effect.flatMap(Clock.currentTimeMillis, (endedAt) =>
      journal.append({
        _tag: "Call",
        at,
        endedAt,
        method: request.method,
        path: mask.name(request.path),
        query: mask.name(request.query),
        appId: noted.appId ?? calls.identify(request),
        tenantKey: noted.tenantKey && mask.name(noted.tenantKey),
        token: noted.token ?? "none",
        fault: fault?._tag,
        outcome: noted.outcome,
        status: noted.status,
        code: noted.code,
        logId,
        received: { headers: mask.headers(request.headers), text: mask.text(request.body) },
        sent: noted.reply && { headers: mask.headers(noted.reply.headers), text: mask.text(noted.reply.body) }
      }))

  const replyTooLong = (exchange: Exchange): Effect.Effect<Reply> => {
    const headers = { "content-type": "text/plain", connection: "close" }
    const reply = replyOf(exchange, { status: 413, headers, body: "The body is longer than 32 MB" })
    return Effect.as(note(exchange, { outcome: "answered", status: 413, reply }), reply)
  }

  /** Answers in place of the platform, which does not act on the call. */
  const replace = (exchange: Exchange): Effect.Effect<Reply> | undefined => {
    const { fault, request } = exchange
    if (request.isBrokenOff) {
      const reply = replyOf(exchange, { status: 400, headers: {}, body: "" }, "never begun")
      return Effect.as(note(exchange, { outcome: "broken off" }), reply)
    }
    if (request.isTooLong) return replyTooLong(exchange)
    switch (fault?._tag) {
      case "Drop":
        return Effect.as(
          note(exchange, { outcome: "no answer" }),
          replyOf(exchange, { status: 200, headers: {}, body: "" }, "never begun")
        )
      case "Answer": {
        const reply = { ...fault, end: "whole" as const }
        return Effect.as(note(exchange, { outcome: "answered", status: fault.status, reply }), reply)
      }
      case "Refuse": {
        const { code, msg, resetSeconds, status } = fault
        const limit = resetSeconds === undefined
          ? {}
          : { "x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": String(resetSeconds) }
        const reply = replyOf(exchange, { status, headers: { ...json, ...limit }, body: JSON.stringify({ code, msg }) })
        return Effect.as(note(exchange, { outcome: "answered", status, code, reply }), reply)
      }
      default:
        return undefined
    }
  }

  const decide = (exchange: Exchange): Effect.Effect<Reply> =>
    Effect.gen(function*() {
      const decision = yield* calls.decide(exchange.request)
      const { body, headers, ...rest } = decision
      const reply = replyOf(exchange, { status: rest.status, headers: { ...json, ...headers }, body: textOf(body) })
      yield* note(exchange, { ...rest, outcome: "answered", code: codeOf(body), reply })
      if (rest.resend && rest.appId !== undefined) yield* afterResend(rest.appId)
      return reply
      // What the platform has acted on is in the journal, though the client goes away.
    }).pipe(Effect.uninterruptible)

  return (request) =>
    Effect.gen(function*() {
      const exchange: Exchange = {
        request,
        at: yield* Clock.currentTimeMillis,
        logId: yield* logId,
        fault: request.isBrokenOff || request.isTooLong ? undefined : yield* faultOf(request.path)
      }
      return yield* replace(exchange)
        ?? Effect.flatMap(decide(exchange), (proper) => spoil(exchange.fault, proper))
    })
}
