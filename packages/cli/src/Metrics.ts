/**
 * What the library counts, and not what Effect does of its fibers, in the text format that Prometheus reads. Loaded with
 * the first request for it.
 */
import * as Metrics from "@effect/opentelemetry/Metrics"
import * as Resource from "@effect/opentelemetry/Resource"
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus"
import * as Effect from "effect/Effect"

const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)

const isOwn = ({ descriptor }: { readonly descriptor: { readonly name: string } }) =>
  descriptor.name.startsWith("feishu_")

export const text: Effect.Effect<string> = Metrics.makeProducer.pipe(
  Effect.flatMap((producer) => Effect.promise(() => producer.collect())),
  Effect.map(({ resourceMetrics }) =>
    serializer.serialize({
      ...resourceMetrics,
      scopeMetrics: resourceMetrics.scopeMetrics.map(({ metrics, scope }) => ({
        scope,
        metrics: metrics.filter(isOwn)
      }))
    })
  ),
  Effect.provide(Resource.layer({ serviceName: "feishu-ticket" }))
)
