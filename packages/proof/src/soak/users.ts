/** The users and the platform of a run of minutes: events are pushed, and cards are clicked on, at a fixed rate. */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import { isDeepStrictEqual } from "node:util"
import { appId } from "../chaos/Machines.js"
import * as Explained from "./explained.js"
import { toast } from "./toast.js"

/** In a second, of all processes. */
export interface Rates {
  readonly events: number
  readonly callbacks: number
}

/** Returns how a click on a card ended. `undefined`: the user sees the answer of the handler. */
export const failureOf = (answer: Either.Either<unknown, unknown>): string | undefined =>
  Either.match(answer, {
    onLeft: () => Explained.notAnswered,
    onRight: (given) => isDeepStrictEqual(given, { toast }) ? undefined : Explained.anotherAnswer
  })

/** Starts the users, who rest until `go`. */
export const make = (emulator: Emulator.Service, rates: Rates) =>
  Effect.gen(function*() {
    const pushed = new Set<string>()
    const failures: Array<Explained.Failed> = []
    let isActive = false
    let answered = 0

    const steadily = <A, E>(perSecond: number, effect: Effect.Effect<A, E>) =>
      Effect.forkScoped(Effect.repeat(
        Effect.suspend(() => isActive ? Effect.forkDaemon(effect) : Effect.void),
        Schedule.fixed(Duration.millis(1000 / perSecond))
      ))
    const push = Effect.map(
      emulator.push(appId, { type: "app_soak", payload: {} }),
      (eventId) => void pushed.add(eventId)
    )
    const click = Effect.gen(function*() {
      const begin = yield* Clock.currentTimeMillis
      const answer = yield* Effect.either(
        emulator.callback(appId, { type: "card.action.trigger", payload: { action: { tag: "button", value: {} } } })
      )
      const end = yield* Clock.currentTimeMillis
      const outcome = failureOf(answer)
      if (outcome === undefined) answered++
      else failures.push({ call: "callback", outcome, begin, end })
    })
    yield* steadily(rates.events, push)
    yield* steadily(rates.callbacks, click)

    return {
      pushed: pushed as ReadonlySet<string>,
      /** The callbacks that failed. */
      failures: failures as ReadonlyArray<Explained.Failed>,
      /** Returns how many callbacks have shown the answer of the handler. */
      answered: () => answered,
      go: Effect.sync(() => void (isActive = true)),
      rest: Effect.sync(() => void (isActive = false))
    }
  })
