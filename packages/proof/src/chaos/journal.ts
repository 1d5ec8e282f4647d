/** Collects the journal of the platform. */
import type * as Emulator from "@effect-feishu/emulator/Emulator"
import type * as Journal from "@effect-feishu/emulator/Journal"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tally from "../tally.js"

/** Returns the entries of the journal, which grow until the scope ends. */
export const collect = ({ changes }: Emulator.Service) =>
  Effect.gen(function*() {
    const entries: Array<Journal.Entry> = []
    yield* Effect.forkScoped(Stream.runForEach(changes, (entry) => Effect.sync(() => void entries.push(entry))))
    return entries as ReadonlyArray<Journal.Entry>
  })

/** Counts how the pushes of events ended. */
export const tallyPushes = (outcomes: Tally.Tally, entries: ReadonlyArray<Journal.Entry>): void => {
  for (const entry of entries) {
    if (entry._tag === "Push" && entry.kind === "event") Tally.add(outcomes, `${entry.origin} push: ${entry.outcome}`)
  }
}
