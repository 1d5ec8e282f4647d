/** Collects all that a program writes of itself: log lines, spans, metrics and errors. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"

export interface Witness {
  readonly texts: ReadonlyArray<string>
  /** Log lines that tell of a fiber that died. */
  readonly defects: ReadonlyArray<string>
  readonly note: (text: string) => void
  /** Collects the log lines and the spans. */
  readonly layer: Layer.Layer<never>
  /** Adds the metrics as they are now. */
  readonly noteMetrics: Effect.Effect<void>
}

const asText = (value: unknown): string => {
  try {
    return typeof value === "string" ? value : JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

export const make = (): Witness => {
  const texts: Array<string> = []
  const defects: Array<string> = []
  const note = (text: string) => void texts.push(text)
  const logger = Logger.make(({ annotations, cause, message }) => {
    const text = [
      asText(message),
      ...HashMap.toEntries(annotations).map(([key, value]) => `${key}=${asText(value)}`),
      Cause.isEmpty(cause) ? "" : Cause.pretty(cause, { renderErrorCause: true })
    ].join(" ")
    texts.push(text)
    if (Cause.isDie(cause)) defects.push(text)
  })
  const tracer = Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        parent,
        context,
        links,
        kind,
        attributes,
        sampled: true,
        spanId: name,
        traceId: "trace",
        status: { _tag: "Started", startTime },
        attribute: (key, value) => {
          attributes.set(key, value)
          texts.push(`${key}=${asText(value)}`)
        },
        event: (name, _, attributes) => note(`${name} ${asText(attributes)}`),
        addLinks: () => {},
        end: (_, exit) => {
          texts.push(name)
          if (exit._tag === "Failure") texts.push(Cause.pretty(exit.cause, { renderErrorCause: true }))
        }
      }
      return span
    }
  })
  return {
    texts,
    defects,
    note,
    // Merged in turn, because `Layer.mergeAll` builds in fibers, and a logger would stay in the fiber that has provided the layer.
    layer: Logger.replace(Logger.defaultLogger, logger).pipe(
      Layer.provideMerge(Logger.minimumLogLevel(LogLevel.All)),
      Layer.provideMerge(Layer.setTracer(tracer))
    ),
    noteMetrics: Effect.map(Metric.snapshot, (pairs) => {
      for (const { metricKey } of pairs) texts.push(`${metricKey.name} ${asText(metricKey.tags)}`)
    })
  }
}
