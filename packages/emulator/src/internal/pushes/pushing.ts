/** Pushes events, each in the way of its fault. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { App, Event } from "../../App.js"
import type { PushFault } from "../../Fault.js"
import type * as Journal from "../../Journal.js"
import type { PlatformClock } from "../clock.js"
import { hex } from "../random.js"
import { forge } from "./forging.js"
import { type FirstOutcome, gone, labelOf, type Push } from "./push.js"
import * as Retrying from "./retrying.js"
import type { Sending } from "./sending.js"

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

  const later = (duration: Parameters<PlatformClock["sleep"]>[0], effect: Effect.Effect<unknown>): void =>
    void run(Effect.zipRight(clock.sleep(duration), Effect.asVoid(effect)))

  const deliverUntilAcknowledged = Retrying.make({ apps, clock, later, sending, settle, signRetriesAnew })

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
        run(Effect.zipRight(forge(sending, app, push), deliveries))
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
