/** The rules of what goes wrong, which can be replaced while the emulator runs. */
import * as Effect from "effect/Effect"
import type { OptionsError } from "../EmulatorError.js"
import * as Fault from "../Fault.js"

type Given<F> = ReadonlyArray<F | Fault.Rule<F>>

export interface FaultRules<F> {
  /** Returns the fault of the next call with this path, or of the next event of this type. */
  readonly next: (subject: string) => Effect.Effect<F | undefined>
  /** Replaces the rules, and starts their counters at zero. */
  readonly set: (faults: Given<F>) => Effect.Effect<void, OptionsError>
  readonly list: () => ReadonlyArray<Fault.Rule<F>>
}

export const make = <F extends Fault.Fault | Fault.PushFault>(
  initial: Given<F>,
  flawOf: (faults: Given<F>) => OptionsError | undefined
): FaultRules<F> => {
  let given = initial
  let next = Fault.armed<F>(initial)
  return {
    next: (subject) => Effect.suspend(() => next(subject)),
    set: (faults) =>
      Effect.suspend(() => {
        const flaw = flawOf(faults)
        if (flaw !== undefined) return flaw
        given = faults
        next = Fault.armed<F>(faults)
        return Effect.void
      }),
    list: () => given.map((fault) => "_tag" in fault ? Fault.next<F>(1, fault) : fault)
  }
}
