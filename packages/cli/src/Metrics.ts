/** The library's metrics in the text format that Prometheus reads. Loaded with the first request for the metrics. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import * as Prometheus from "prom-client"

/** Returns the names of the labels of each metric. The first value of a metric may lack a label that the next one has. */
const labelNamesOf = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>): ReadonlyMap<string, Set<string>> => {
  const names = new Map<string, Set<string>>()
  for (const { metricKey: { name, tags } } of pairs) {
    const known = names.get(name) ?? new Set<string>()
    for (const { key } of tags) known.add(key)
    names.set(name, known)
  }
  return names
}

/** Adds one value of Effect's registry. The library has counters and gauges only. */
const add = (
  registry: Prometheus.Registry,
  { metricKey, metricState }: MetricPair.MetricPair.Untyped,
  labelNames: Iterable<string>
): void => {
  const labels = Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value]))
  const { name } = metricKey
  const options = {
    name,
    help: Option.getOrElse(metricKey.description, () => name),
    labelNames: [...labelNames],
    registers: [registry]
  }
  const known = registry.getSingleMetric(name)
  if (MetricState.isCounterState(metricState)) {
    const counter = known instanceof Prometheus.Counter ? known : new Prometheus.Counter(options)
    counter.inc(labels, Number(metricState.count))
  }
  if (MetricState.isGaugeState(metricState)) {
    const gauge = known instanceof Prometheus.Gauge ? known : new Prometheus.Gauge(options)
    gauge.set(labels, Number(metricState.value))
  }
}

/** Leaves out what Effect counts of its fibers. */
export const text: Effect.Effect<string> = Effect.flatMap(Metric.snapshot, (pairs) =>
  Effect.promise(() => {
    const registry = new Prometheus.Registry()
    const ours = pairs.filter(({ metricKey }) => metricKey.name.startsWith("feishu_"))
    const labelNames = labelNamesOf(ours)
    for (const pair of ours) add(registry, pair, labelNames.get(pair.metricKey.name) ?? [])
    return registry.metrics()
  }))
