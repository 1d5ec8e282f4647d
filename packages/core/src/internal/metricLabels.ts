/**
 * The labels of a metric, made once for each value: a metric that is given the same array again finds its counter by it,
 * where `Metric.tagged` looks name and labels up at each update.
 */
import * as MetricLabel from "effect/MetricLabel"

export const make = (
  key: string,
  tags: Readonly<Record<string, string>> = {}
): (value: string) => ReadonlyArray<MetricLabel.MetricLabel> => {
  const others = Object.entries(tags).map(([name, tag]) => MetricLabel.make(name, tag))
  const made = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()
  return (value) => {
    const known = made.get(value) ?? [...others, MetricLabel.make(key, value)]
    made.set(value, known)
    return known
  }
}
