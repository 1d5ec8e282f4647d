/** The resend of a service, for all fibers that wait for a ticket. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { FeishuApp } from "../../FeishuApp.js"
import type { FeishuError } from "../../FeishuError.js"
import * as FeishuMetrics from "../../FeishuMetrics.js"
import * as MetricLabels from "../metricLabels.js"
import { outcomeOf } from "../outcomeOf.js"
import { isRequestBound } from "../requestBound.js"
import * as Span from "../span.js"
import * as Resend from "./resend.js"
import type { Waiting } from "./waiting.js"

/** Sends a resend. Sends nothing and returns `false` if nobody waits for a ticket when the first request is sent. */
const resendIf = (
  isWanted: () => boolean,
  onExit: (exit: Exit.Exit<void, FeishuError>) => void
): Effect.Effect<boolean, FeishuError, FeishuApp | HttpClient.HttpClient> =>
  Effect.suspend(() => {
    if (!isWanted()) return Effect.succeed(false)
    let isSent = false
    let isUnwanted = false
    // The retries follow even if nobody waits any longer, because the next caller would have to wait for the cool-down.
    const beforeSend = Effect.suspend(() => {
      if (isSent) return Effect.void
      if (!isWanted()) {
        isUnwanted = true
        return Effect.interrupt
      }
      isSent = true
      return Effect.logInfo("asking the platform for an app ticket")
    })
    const counted = Effect.onExit(Resend.send(beforeSend), (exit) =>
      Effect.sync(() => {
        if (!isUnwanted) onExit(exit)
      }))
    return Effect.matchCauseEffect(counted, {
      onSuccess: () => Effect.succeed(true),
      onFailure: (cause) =>
        isUnwanted
          ? Effect.succeed(false)
          : Effect.andThen(
            Effect.logError("the platform was asked for an app ticket in vain", cause),
            Effect.failCause(cause)
          )
    })
  })

export const make = (appId: string, waiting: () => Pick<Waiting<never, unknown>, "size" | "spans">) => {
  const isAlwaysWanted = isRequestBound()
  const byOutcome = MetricLabels.make("outcome", { app_id: appId })
  /** The span of the resend whose push is awaited. */
  let span = Span.none
  return {
    send: Effect.suspend(() => {
      const spanOfSend = Span.makeShared("AppTicket.fetch", Resend.attributesOf(appId))
      span = spanOfSend
      const send = Effect.suspend(() => {
        waiting().spans().forEach(spanOfSend.link)
        return resendIf(
          () => isAlwaysWanted || waiting().size() > 0,
          (exit) => FeishuMetrics.ticketResends.unsafeUpdate(1, byOutcome(outcomeOf(exit)))
        )
      })
      return Effect.onExit(spanOfSend.within(send), (exit) =>
        Effect.sync(() => {
          const isAccepted = Exit.isSuccess(exit) && exit.value
          if (!isAccepted && span === spanOfSend) span = Span.none
        }))
    }),
    /** Links a fiber that waits for the push. */
    link: (request: Option.Option<Tracer.AnySpan>) => span.link(request),
    /** Links no more fibers, because the push has come. */
    forgetSpan: () => {
      span = Span.none
    }
  }
}
