/** Delivers an event, and delivers the event again until the app acknowledges it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { App } from "../../App.js"
import type { PlatformClock } from "../clock.js"
import { eventText } from "./eventText.js"
import { type FirstOutcome, gone, labelOf, type Push } from "./push.js"
import { open, seal, type Sealed, tamper } from "./sealing.js"
import type { Outcome, Sending } from "./sending.js"

/** The waits after deliveries that were not acknowledged (page "事件概述"). */
const retryDelays = ["15 seconds", "5 minutes", "1 hour", "6 hours"] as const

/** Renders an event for an app as it is now. Its keys may have changed; the id and the time of the event have not. */
const render = (app: App, { event, eventId, ts }: Push): Effect.Effect<Sealed> =>
  seal({
    encryptKey: open(app.encryptKey),
    text: eventText({ app, event, eventId, token: open(app.verificationToken), now: ts }),
    isSigned: true
  })

/** Makes the effect that sends the first delivery and, until one is acknowledged, the four after it. */
export const make = ({ apps, clock, later, sending, settle, signRetriesAnew }: {
  readonly apps: ReadonlyMap<string, App>
  readonly clock: PlatformClock
  readonly sending: Sending
  readonly signRetriesAnew: boolean
  /** Runs an effect after a time. */
  readonly later: (duration: Parameters<PlatformClock["sleep"]>[0], effect: Effect.Effect<unknown>) => void
  readonly settle: (push: Push, outcome: FirstOutcome) => Effect.Effect<unknown>
}): (push: Push) => Effect.Effect<void> => {
  /** Sends the delivery with this number, and what a fault adds to it. */
  const deliver = (push: Push, app: App, sealed: Sealed, attempt: number): Effect.Effect<Outcome> => {
    const { appId, fault } = push
    const label = { ...labelOf(app, push), attempt }
    const delivery = attempt === 1 && fault?._tag === "Tampered" ? tamper(sealed) : sealed
    return Effect.tap(sending.deliver(appId, delivery, label), (outcome) => {
      if (attempt === 1 && fault?._tag === "Replayed") {
        later(fault.after, sending.deliver(appId, delivery, { ...label, origin: "replayed" }))
      }
      return settle(push, outcome)
    })
  }

  /** Sends an event a second time, though the app acknowledged it. */
  const double = (push: Push, app: App, attempt: number) =>
    Effect.flatMap(render(app, push), (sealed) => deliver(push, app, sealed, attempt))

  /** Sends the first delivery and, until one is acknowledged, the four after it. */
  return (push) =>
    Effect.gen(function*() {
      const sleep = clock.makeSleep()
      let first: Sealed | undefined
      for (let attempt = 1; attempt <= retryDelays.length + 1; attempt++) {
        const app = apps.get(push.appId)
        if (app === undefined) return void (yield* settle(push, gone))
        const sealed = !signRetriesAnew && first || (yield* render(app, push))
        first ??= sealed
        const { outcome } = yield* deliver(push, app, sealed, attempt)
        if (outcome === "acknowledged") {
          if (push.fault?._tag !== "Doubled") return
          yield* clock.sleep(push.fault.after)
          return void (yield* double(push, app, attempt + 1))
        }
        const delay = retryDelays[attempt - 1]
        // Without a request URL, there is nothing to try again.
        if (delay === undefined || apps.get(push.appId)?.requestUrl === undefined) return
        yield* sleep(delay)
      }
      // A test that waits gets to know of a fault in the emulator or in the event.
    }).pipe(Effect.tapErrorCause((cause) => Deferred.failCause(push.first, cause)))
}
