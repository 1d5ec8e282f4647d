/** Translates the rules of faults between JSON and the module `Fault`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CallFault, CallRule, PushFault } from "../../ControlApi.js"
import { OptionsError } from "../../EmulatorError.js"
import * as Fault from "../../Fault.js"

type Written<F> = Omit<typeof CallRule.Type, "fault"> & { readonly fault: F }

/** A program may give a duration in any form. */
export const callFault = (fault: Fault.Fault): typeof CallFault.Type =>
  fault._tag === "Delay" ? { ...fault, duration: Duration.decode(fault.duration) } : fault

/** A program may give a duration in any form. */
export const pushFault = (fault: Fault.PushFault): typeof PushFault.Type => {
  switch (fault._tag) {
    case "Late":
      return { ...fault, by: Duration.decode(fault.by) }
    case "Doubled":
    case "Replayed":
      return { ...fault, after: Duration.decode(fault.after) }
    default:
      return fault
  }
}

/** Fails if a rule says more than once when it applies. */
export const read = <F>(
  option: string,
  rules: ReadonlyArray<Written<F>>
): Effect.Effect<ReadonlyArray<Fault.Rule<F>>, OptionsError> =>
  Effect.forEach(rules, ({ every, fault, next, only, probability, seed }) => {
    const options = { only }
    const times = [next, every, probability].filter((given) => given !== undefined).length
    return times > 1
      ? new OptionsError({ option, description: "a rule has one of next, every and probability" })
      : seed !== undefined && probability === undefined
      ? new OptionsError({ option, description: "only a rule with a probability has a seed" })
      : Effect.succeed(
        every !== undefined
          ? Fault.every(every, fault, options)
          : probability !== undefined
          ? Fault.withProbability(probability, fault, { ...options, seed: seed ?? "seed" })
          : Fault.next(next ?? 1, fault, options)
      )
  })

const whenOf = ({ when }: Fault.Rule<unknown>) => {
  switch (when._tag) {
    case "Next":
      return { next: when.count }
    case "Every":
      return { every: when.nth }
    case "WithProbability":
      return { probability: when.probability, seed: when.seed }
  }
}

export const write = <F, W>(
  rules: ReadonlyArray<Fault.Rule<F>>,
  faultOf: (fault: F) => W
): ReadonlyArray<Written<W>> =>
  rules.map((rule) => ({
    fault: faultOf(rule.fault),
    ...whenOf(rule),
    ...(rule.only !== undefined && { only: rule.only as [string, ...ReadonlyArray<string>] })
  }))
