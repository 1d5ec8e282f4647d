/** Medians, quantiles and ratios of the values of several rounds. */
import * as Arr from "effect/Array"
import * as Order from "effect/Order"

/** Returns the value below which this part of the values lies. `NaN` without values. */
export const quantile = (values: ReadonlyArray<number>, part: number): number =>
  Arr.sort(values, Order.number)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** Divides round by round, so that a slow round of the machine counts for both. */
export const ratios = (values: ReadonlyArray<number>, reference: ReadonlyArray<number>): ReadonlyArray<number> =>
  values.map((value, round) => value / (reference[round] ?? NaN))

/** Returns the slope of the straight line nearest to the points, by least squares. */
export const slope = (points: ReadonlyArray<readonly [x: number, y: number]>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const sum = (of: (point: readonly [number, number]) => number) => points.reduce((sum, point) => sum + of(point), 0)
  return sum(([px, py]) => (px - x) * (py - y)) / sum(([px]) => (px - x) ** 2)
}
