/** A number that this library claims, with the value of each round. */
import { median, quantile } from "../measure/statistics.js"

export interface Claim {
  readonly name: string
  readonly values: ReadonlyArray<number>
  /** What the median must be at least or at most. */
  readonly must: { readonly least: number } | { readonly most: number }
  /** What the median should become. Does not fail the run. */
  readonly aim?: number
  readonly unit?: string
  /** Digits behind the point. Default: 2. */
  readonly digits?: number
  /** By how much short rounds widen the limit, because their figures vary. Default: 1.2, a fifth more. */
  readonly slack?: number
  /** `true` for a number that does not depend on the machine, for example a count of calls. */
  readonly isExact?: boolean
}

/** Claims that something never happens, on any machine. */
export const never = (name: string, count: number): Claim => ({
  name,
  values: [count],
  must: { most: 0 },
  digits: 0,
  isExact: true
})

/** Claims that something happens, on any machine. */
export const atLeastOnce = (name: string, count: number): Claim => ({
  name,
  values: [count],
  must: { least: 1 },
  digits: 0,
  isExact: true
})

/** A claim beside its outcome, as tables and JSON have it. */
export interface Outcome {
  readonly name: string
  readonly unit: string
  readonly median: number
  readonly lowest: number
  readonly highest: number
  readonly rounds: number
  /** For example `≥ 0.8`. */
  readonly must: string
  readonly holds: boolean
  readonly aim: string
  readonly reached: boolean | undefined
}

/** `isQuick`: the rounds were short. */
export const outcomeOf = (
  { aim, digits = 2, isExact = false, must, name, slack = 1.2, unit = "", values }: Claim,
  isQuick = false
): Outcome => {
  const rounded = (value: number) => Number(value.toFixed(digits))
  const value = rounded(median(values))
  const allowed = isQuick && !isExact ? slack : 1
  const [sign, limit] = "least" in must
    ? ["≥", rounded(must.least / allowed)]
    : ["≤", rounded(must.most * allowed)]
  // `NaN` keeps no limit.
  const keeps = (limit: number) => sign === "≥" ? value >= limit : value <= limit
  return {
    name,
    unit,
    median: value,
    lowest: rounded(quantile(values, 0)),
    highest: rounded(quantile(values, 1)),
    rounds: values.length,
    must: `${sign} ${limit}`,
    holds: keeps(limit),
    aim: aim === undefined ? "" : `${sign} ${aim}`,
    reached: aim === undefined ? undefined : keeps(aim)
  }
}
