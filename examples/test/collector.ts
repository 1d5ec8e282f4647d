/**
 * A collector of OpenTelemetry for the tests: takes OTLP/HTTP with JSON over a socket, and keeps what it receives. It refuses
 * whatever `ExportTraceServiceRequest`, `ExportMetricsServiceRequest` and `ExportLogsServiceRequest` of the protocol do not have,
 * as the JSON mapping of Protobuf writes it: ids in hexadecimal, times in nanoseconds as decimal strings, enums as numbers.
 */
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

const orNone = Schema.optional
const TraceId = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{32}$/))
const SpanId = Schema.String.pipe(Schema.pattern(/^[0-9a-f]{16}$/))
const Nanos = Schema.String.pipe(Schema.pattern(/^[1-9]\d{18}$/))
const Whole = Schema.Union(Schema.Int, Schema.String.pipe(Schema.pattern(/^-?\d+$/)))

type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: number | string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: ReadonlyArray<AnyValue> } }
const AnyValue: Schema.Schema<AnyValue> = Schema.Union(
  Schema.Struct({ stringValue: Schema.String }),
  Schema.Struct({ boolValue: Schema.Boolean }),
  Schema.Struct({ intValue: Whole }),
  Schema.Struct({ doubleValue: Schema.Number }),
  Schema.Struct({ arrayValue: Schema.Struct({ values: Schema.Array(Schema.suspend(() => AnyValue)) }) })
)
const Attributes = Schema.Array(Schema.Struct({ key: Schema.NonEmptyString, value: AnyValue }))
const Resource = Schema.Struct({ attributes: Attributes, droppedAttributesCount: orNone(Schema.Int) })
const Scope = Schema.Struct({ name: Schema.String, version: orNone(Schema.String), attributes: orNone(Attributes) })

const Span = Schema.Struct({
  traceId: TraceId,
  spanId: SpanId,
  parentSpanId: orNone(SpanId),
  name: Schema.NonEmptyString,
  kind: Schema.Literal(1, 2, 3, 4, 5),
  startTimeUnixNano: Nanos,
  endTimeUnixNano: Nanos,
  attributes: Attributes,
  droppedAttributesCount: orNone(Schema.Int),
  events: Schema.Array(Schema.Struct({
    name: Schema.String,
    timeUnixNano: Nanos,
    attributes: Attributes,
    droppedAttributesCount: orNone(Schema.Int)
  })),
  droppedEventsCount: orNone(Schema.Int),
  status: Schema.Struct({ code: Schema.Literal(0, 1, 2), message: orNone(Schema.String) }),
  links: Schema.Array(Schema.Struct({
    traceId: TraceId,
    spanId: SpanId,
    attributes: Attributes,
    droppedAttributesCount: orNone(Schema.Int)
  })),
  droppedLinksCount: orNone(Schema.Int)
})
export type Span = typeof Span.Type

const Point = Schema.Struct({
  attributes: Attributes,
  startTimeUnixNano: orNone(Nanos),
  timeUnixNano: Nanos,
  asDouble: orNone(Schema.Number),
  asInt: orNone(Whole)
})
/** Effect measures its fibers by histograms. */
const HistogramPoint = Schema.Struct({
  attributes: Attributes,
  startTimeUnixNano: orNone(Nanos),
  timeUnixNano: Nanos,
  count: Whole,
  sum: orNone(Schema.Number),
  min: orNone(Schema.Number),
  max: orNone(Schema.Number),
  bucketCounts: Schema.Array(Whole),
  explicitBounds: Schema.Array(Schema.Number)
})
/** 2: each value counts from the start of the process, which is what Prometheus needs. */
const Cumulative = Schema.Literal(2)
const Metric = Schema.Struct({
  name: Schema.NonEmptyString,
  description: orNone(Schema.String),
  unit: orNone(Schema.String),
  gauge: orNone(Schema.Struct({ dataPoints: Schema.Array(Point) })),
  sum: orNone(Schema.Struct({
    dataPoints: Schema.Array(Point),
    aggregationTemporality: Cumulative,
    isMonotonic: Schema.Boolean
  })),
  histogram: orNone(Schema.Struct({ dataPoints: Schema.Array(HistogramPoint), aggregationTemporality: Cumulative }))
})
export type Metric = typeof Metric.Type

const Line = Schema.Struct({
  timeUnixNano: Nanos,
  observedTimeUnixNano: orNone(Nanos),
  severityNumber: Schema.Int,
  severityText: Schema.String,
  body: AnyValue,
  attributes: Attributes,
  traceId: orNone(TraceId),
  spanId: orNone(SpanId),
  droppedAttributesCount: orNone(Schema.Int),
  flags: orNone(Schema.Int)
})
export type Line = typeof Line.Type

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({
    resource: Resource,
    scopeSpans: Schema.Array(Schema.Struct({ scope: Scope, spans: Schema.NonEmptyArray(Span) }))
  }))
})
const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    resource: Resource,
    scopeMetrics: Schema.Array(Schema.Struct({ scope: Scope, metrics: Schema.Array(Metric) }))
  }))
})
const Logs = Schema.Struct({
  resourceLogs: Schema.Array(Schema.Struct({
    resource: Resource,
    scopeLogs: Schema.Array(Schema.Struct({ scope: Scope, logRecords: Schema.NonEmptyArray(Line) }))
  }))
})

const strictly = { onExcessProperty: "error" } as const
const decodeTraces = Schema.decodeUnknownSync(Schema.parseJson(Traces), strictly)
const decodeMetrics = Schema.decodeUnknownSync(Schema.parseJson(Metrics), strictly)
const decodeLogs = Schema.decodeUnknownSync(Schema.parseJson(Logs), strictly)

/** The attributes as a record of plain values. */
export const attributesOf = ({ attributes }: { readonly attributes: typeof Attributes.Type }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** Starts a collector, until the scope ends. */
export const make = Effect.gen(function*() {
  const bodies: Array<string> = []
  const spans: Array<Span> = []
  const metrics = new Map<string, Metric>()
  const lines: Array<Line> = []
  const resources: Array<Record<string, unknown>> = []
  const refused: Array<string> = []

  const take = (method: string | undefined, path: string | undefined, type: string | undefined, body: string) => {
    assert.deepStrictEqual([method, type], ["POST", "application/json"])
    switch (path) {
      case "/v1/traces":
        for (const { resource, scopeSpans } of decodeTraces(body).resourceSpans) {
          resources.push(attributesOf(resource))
          for (const scope of scopeSpans) spans.push(...scope.spans)
        }
        return
      case "/v1/metrics":
        for (const { resource, scopeMetrics } of decodeMetrics(body).resourceMetrics) {
          resources.push(attributesOf(resource))
          for (const metric of scopeMetrics.flatMap((scope) => scope.metrics)) metrics.set(metric.name, metric)
        }
        return
      case "/v1/logs":
        for (const { resource, scopeLogs } of decodeLogs(body).resourceLogs) {
          resources.push(attributesOf(resource))
          for (const { logRecords } of scopeLogs) lines.push(...logRecords)
        }
        return
      default:
        assert.fail(`no such path: ${path}`)
    }
  }

  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((request, response) => {
        const answer = (status: number) => response.writeHead(status, { "content-type": "application/json" }).end("{}")
        const received = async () => {
          try {
            const body = await text(request)
            bodies.push(body)
            take(request.method, request.url, request.headers["content-type"], body)
            answer(200)
          } catch (error) {
            refused.push(String(error))
            answer(400)
          }
        }
        void received()
      })
      await once(server.listen(0, "127.0.0.1"), "listening")
      return server
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return {
    /** The bodies of all requests. */
    bodies,
    spans,
    /** By name, as sent last: the values are cumulative. */
    metrics,
    /** The lines of the log. */
    lines,
    /** The resource of each request. */
    resources,
    /** Why requests were refused. */
    refused,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
})
