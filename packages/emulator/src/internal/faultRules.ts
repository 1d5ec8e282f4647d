/** The rules of what goes wrong, which can be replaced and added to while the emulator runs. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { OptionsError } from "../EmulatorError.js"
import * as Fault from "../Fault.js"
import { matches } from "./platform/paths.js"

type Given<F> = ReadonlyArray<F | Fault.Rule<F>>

export interface FaultRules<F> {
  /**
   * Returns the fault of the next call with this path, or of the next event of this type: the fault of the first rule that
   * applies. The rules after that rule do not count this call.
   */
  readonly next: (subject: string) => Effect.Effect<F | undefined>
  /** Replaces the rules, and starts their counters at zero. */
  readonly set: (faults: Given<F>) => Effect.Effect<void, OptionsError>
  /** Adds rules after the others, whose counters go on. */
  readonly add: (faults: Given<F>) => Effect.Effect<void, OptionsError>
  /** Returns the rules that may still apply. `next` has the number of times that are left. */
  readonly list: () => ReadonlyArray<Fault.Rule<F>>
}

/** A rule with a counter. */
interface Counted<F> {
  readonly rule: Fault.Rule<F>
  /** Counts a call or an event. Returns `true` if the fault happens now. */
  readonly count: Effect.Effect<boolean>
  /** Returns the times that are left to a rule for the next so many times. */
  readonly left: () => number
}

const counted = <F extends Fault.Fault | Fault.PushFault>(given: F | Fault.Rule<F>): Counted<F> => {
  const rule = "_tag" in given ? Fault.next<F>(1, given) : given
  const { when } = rule
  let count = 0
  switch (when._tag) {
    case "Next":
      return { rule, count: Effect.sync(() => count < when.count && ++count > 0), left: () => when.count - count }
    case "Every":
      return { rule, count: Effect.sync(() => ++count % when.nth === 0), left: () => Infinity }
    case "WithProbability": {
      const random = Random.make(when.seed)
      return { rule, count: Effect.map(random.next, (n) => n < when.probability), left: () => Infinity }
    }
  }
}

const isFor = ({ only }: Fault.Rule<unknown>, subject: string): boolean =>
  only === undefined || only.some((pattern) => matches(pattern, subject))

export const make = <F extends Fault.Fault | Fault.PushFault>(
  initial: Given<F>,
  flawOf: (faults: Given<F>) => OptionsError | undefined
): FaultRules<F> => {
  let rules = initial.map(counted)

  const replace = (faults: Given<F>, before: () => ReadonlyArray<Counted<F>>): Effect.Effect<void, OptionsError> =>
    Effect.suspend(() => {
      const flaw = flawOf(faults)
      if (flaw !== undefined) return flaw
      rules = [...before(), ...faults.map(counted)]
      return Effect.void
    })

  const live = () => rules.filter(({ left }) => left() > 0)

  return {
    next: (subject) =>
      Effect.gen(function*() {
        for (const { count, rule } of rules) {
          if (isFor(rule, subject) && (yield* count)) return rule.fault
        }
        return undefined
      }),
    set: (faults) => replace(faults, () => []),
    add: (faults) => replace(faults, live),
    list: () =>
      live().map(({ left, rule }) =>
        rule.when._tag === "Next" ? Fault.next(left(), rule.fault, { only: rule.only }) : rule
      )
  }
}
