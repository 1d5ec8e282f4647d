/** Pushes events, and pushes each event again until the app acknowledges it. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { App, Event } from "../../App.js"
import type { PushFault } from "../../Fault.js"
import type * as Journal from "../../Journal.js"
import type { PlatformClock } from "../clock.js"
import { hex } from "../random.js"
import { eventText, tenantOf } from "./eventText.js"
import { open, seal, type Sealed, tamper } from "./sealing.js"
import type { Label, Outcome, Sending } from "./sending.js"

/** The waits after deliveries that were not acknowledged (page "事件概述"). */
const retryDelays = ["15 seconds", "5 minutes", "1 hour", "6 hours"] as const

/** An event that is being pushed. */
interface Push {
  readonly appId: string
  readonly event: Event
  readonly eventId: string
  /** The time of the event, in milliseconds since 1970. */
  readonly ts: number
  readonly fault: PushFault | undefined
  /** Gets the outcome of the first delivery. */
  readonly first: Deferred.Deferred<FirstOutcome>
}

/** What came of the first delivery. `lost` if a fault took the delivery. */
export interface FirstOutcome extends Omit<Outcome, "outcome"> {
  readonly outcome: Outcome["outcome"] | "lost"
}

export interface Begun {
  readonly eventId: string
  /** Ends with the first delivery. */
  readonly first: Effect.Effect<FirstOutcome>
}

export interface Pushing {
  /** Begins to push an event. */
  readonly push: (app: App, event: Event) => Effect.Effect<Begun>
  /** Ends all pushes. */
  readonly clear: Effect.Effect<void>
}

/** What comes of an event whose app or whose emulator is gone before the first delivery. */
const gone = { outcome: "no request URL", status: undefined, body: "" } as const

const labelOf = (app: App, { event, eventId, fault }: Push): Omit<Label, "attempt"> => ({
  kind: "event",
  tenantKey: tenantOf(app, event),
  eventType: event.type,
  eventId,
  origin: "platform",
  fault: fault?._tag
})

export const make = ({ apps, clock, faultOf, interruptAll, journal, run, sending, signRetriesAnew }: {
  readonly apps: ReadonlyMap<string, App>
  readonly clock: PlatformClock
  readonly journal: Journal.Journal
  readonly sending: Sending
  readonly faultOf: (eventType: string) => Effect.Effect<PushFault | undefined>
  readonly signRetriesAnew: boolean
  /** Runs an effect in the scope of the emulator, whoever causes the push. */
  readonly run: (effect: Effect.Effect<void>) => unknown
  /** Interrupts what runs. */
  readonly interruptAll: Effect.Effect<void>
}): Pushing => {
  /** The pushes whose first delivery has not ended. */
  const unsettled = new Set<Push>()

  const settle = (push: Push, outcome: FirstOutcome): Effect.Effect<unknown> =>
    Effect.suspend(() => {
      unsettled.delete(push)
      return Deferred.succeed(push.first, outcome)
    })

  /** By app: the push that waits for the next one. */
  const held = new Map<string, Effect.Effect<void>>()

  /** Renders an event for an app as it is now. Its keys may have changed; the id and the time of the event have not. */
  const render = (app: App, { event, eventId, ts }: Push) =>
    seal({
      encryptKey: open(app.encryptKey),
      text: eventText({ app, event, eventId, token: open(app.verificationToken), now: ts }),
      isSigned: true
    })

  const later = (duration: Parameters<PlatformClock["sleep"]>[0], effect: Effect.Effect<unknown>): void =>
    void run(Effect.zipRight(clock.sleep(duration), Effect.asVoid(effect)))

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
  const deliverUntilAcknowledged = (push: Push): Effect.Effect<void> =>
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

  /** Sends an event of the same type with made-up secrets. */
  const forge = (app: App, push: Push) =>
    Effect.gen(function*() {
      const { event } = push
      const payload = "app_ticket" in event.payload ? { ...event.payload, app_ticket: "forged" } : event.payload
      const forged = { ...push, event: { ...event, payload }, eventId: yield* hex(32) }
      const now = yield* Clock.currentTimeMillis
      const text = eventText({ app, event: forged.event, eventId: forged.eventId, token: yield* hex(32), now })
      const encryptKey = app.encryptKey === undefined ? undefined : yield* hex(32)
      const delivery = yield* seal({ encryptKey, text, isSigned: true })
      yield* sending.deliver(app.appId, delivery, { ...labelOf(app, forged), attempt: 1, origin: "forged" })
    })

  const lose = (app: App, push: Push): Effect.Effect<void> => {
    const lost = { outcome: "lost", status: undefined } as const
    const { appId, ts } = push
    return journal.append({
      _tag: "Push",
      at: ts,
      endedAt: ts,
      appId,
      ...labelOf(app, push),
      attempt: 1,
      ...lost,
      sent: undefined,
      received: undefined
    }).pipe(Effect.zipRight(settle(push, { ...lost, body: "" })), Effect.asVoid)
  }

  /** Starts the deliveries of a push, in the way of its fault. */
  const start = (app: App, push: Push, waiting: Effect.Effect<void>): void => {
    const { appId, fault } = push
    const afterFirst = Effect.zipRight(Deferred.await(push.first), waiting)
    const deliveries = deliverUntilAcknowledged(push)
    switch (fault?._tag) {
      case "Lost":
        run(lose(app, push))
        break
      case "Held":
        held.set(appId, deliveries)
        return void run(waiting)
      case "Late":
        later(fault.by, deliveries)
        break
      case "Forged":
        run(Effect.zipRight(forge(app, push), deliveries))
        break
      default:
        run(deliveries)
    }
    run(afterFirst)
  }

  return {
    push: (app, event) =>
      Effect.gen(function*() {
        const { appId } = app
        // Dies at the caller if the event has what JSON does not have, and not out of sight.
        JSON.stringify(event.payload)
        const push: Push = {
          appId,
          event,
          eventId: yield* hex(32),
          ts: yield* Clock.currentTimeMillis,
          fault: yield* faultOf(event.type),
          first: yield* Deferred.make<FirstOutcome>()
        }
        unsettled.add(push)
        const waiting = held.get(appId) ?? Effect.void
        held.delete(appId)
        start(app, push, waiting)
        return { eventId: push.eventId, first: Deferred.await(push.first) }
      }),
    clear: Effect.suspend(() => {
      held.clear()
      return Effect.zipRight(
        interruptAll,
        Effect.forEach([...unsettled], (push) => settle(push, gone), { discard: true })
      )
    })
  }
}
