/** What `opentelemetry.ts` sends to a collector, over the whole chain: resend, push, ticket, tokens, call. */
import { Emulator, Fault, Journal } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import * as Collector from "./collector.js"
import { describedIn, pages } from "./metrics.js"
import { app, get, pushed, secrets, startServer } from "./programs.js"

const appId = "cli_traced"
const resendPath = "/open-apis/auth/v3/app_ticket/resend"
const replyPath = "/open-apis/im/v1/messages/om_1/reply"

const message = {
  type: "im.message.receive_v1",
  tenantKey: "tenant_1",
  payload: {
    sender: { sender_type: "user" },
    message: {
      message_id: "om_1",
      create_time: "0",
      chat_id: "oc_1",
      chat_type: "p2p",
      message_type: "text",
      content: "{\"text\":\"what the user wrote\"}"
    }
  }
}

/** Runs the service until it has sent all that it has to say. */
const run = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  yield* emulator.setApp(app(appId))
  yield* emulator.setFaults([Fault.next(1, Fault.rateLimit({ resetSeconds: 1 }), { only: resendPath })])
  yield* emulator.setPushFaults([Fault.next(1, Fault.Forged(), { only: message.type })])
  const collector = yield* Collector.make
  const { origin, output, started } = yield* startServer(["opentelemetry.ts"], appId, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: "the service"
  })

  const page = yield* get(`${origin}/tenants/tenant_1`)
  assert.deepStrictEqual([page.status, yield* Effect.promise(() => page.text())], [200, "tenant_1 (FTENANT_1)"])
  assert.strictEqual((yield* get(`${origin}/tenants/tenant_2`)).status, 502)
  yield* emulator.push(appId, message)
  yield* pushed((push) => push.eventType === message.type && push.outcome === "acknowledged")
  yield* Effect.repeat(emulator.journal, {
    until: (entries) => entries.filter(Journal.$is("Call")).some(({ path }) => path === replyPath),
    schedule: Schedule.spaced("20 millis")
  })
  const issued = [...yield* emulator.tickets(appId), ...yield* emulator.tokens(appId)]

  // The last spans and the metrics are sent when the layers close.
  yield* started.kill("SIGTERM")
  yield* Effect.merge(Effect.timeout(started.exitCode, "20 seconds"))
  return { ...collector, issued: issued.map(({ value }) => Redacted.value(value)), output: yield* output }
})

class Run extends Context.Tag("test/Run")<Run, Effect.Effect.Success<typeof run>>() {}

const Live = Layer.scoped(Run, run).pipe(
  Layer.provide(Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [] })))
)

const byStart = (a: Collector.Span, b: Collector.Span) =>
  Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano))

/** The spans as an outline: each with its children below it. */
const outlineOf = (spans: ReadonlyArray<Collector.Span>, top: Collector.Span) => {
  const lines = (span: Collector.Span, depth: number): ReadonlyArray<string> => [
    "  ".repeat(depth) + span.name + (span.status.code === 2 ? " failed" : ""),
    ...spans.filter(({ parentSpanId, traceId }) => parentSpanId === span.spanId && traceId === span.traceId)
      .toSorted(byStart)
      .flatMap((child) => lines(child, depth + 1))
  ]
  return lines(top, 0)
}

layer(Live, { excludeTestServices: true, timeout: "60 seconds" })("opentelemetry.ts", (it) => {
  it.effect("sends requests that follow the protocol, each with the service's name and the id of the process", () =>
    Effect.gen(function*() {
      const { refused, resources } = yield* Run
      assert.deepStrictEqual(refused, [])
      assert.isAtLeast(resources.length, 3)
      const [first] = resources
      assert.strictEqual(first?.["service.name"], "the service")
      assert.match(String(first?.["service.instance.id"]), /^[0-9a-f-]{36}$/)
      for (const resource of resources) assert.deepStrictEqual(resource, first)
    }))

  it.effect("sends the traces of the whole chain, from the page to the resend", () =>
    Effect.gen(function*() {
      const { spans } = yield* Run
      const find = (name: string, attributes: Record<string, unknown> = {}) =>
        spans.toSorted(byStart).find((span) => {
          const own = Collector.attributesOf(span)
          return span.name === name && Object.entries(attributes).every(([key, value]) => own[key] === value)
        }) ?? assert.fail(`no ${name} with ${JSON.stringify(attributes)}`)
      const assertLinked = (waiting: Collector.Span, work: Collector.Span) => {
        const idsOf = ({ links }: Collector.Span) => links.map(({ spanId, traceId }) => `${traceId} ${spanId}`)
        assert.include(idsOf(waiting), `${work.traceId} ${work.spanId}`)
        assert.include(idsOf(work), `${waiting.traceId} ${waiting.spanId}`)
      }
      const ofTenant = { "feishu.tenant_key": "tenant_1" }

      const page = find("http.server GET", { "url.path": "/tenants/tenant_1" })
      assert.deepStrictEqual(outlineOf(spans, page), [
        "http.server GET",
        "  whoIs",
        "    AccessToken.tenant",
        "    FeishuClient.GET"
      ])

      const tenantFetch = find("AccessToken.fetch", { token: "tenant", ...ofTenant })
      assertLinked(find("AccessToken.tenant", ofTenant), tenantFetch)
      assert.deepStrictEqual(outlineOf(spans, tenantFetch), [
        "AccessToken.fetch",
        "  AccessToken.app",
        "  OpenApi.tenantAccessToken"
      ])

      const appFetch = find("AccessToken.fetch", { token: "app" })
      assertLinked(find("AccessToken.app"), appFetch)
      assert.deepStrictEqual(outlineOf(spans, appFetch), [
        "AccessToken.fetch",
        "  AppTicket.get",
        "  OpenApi.appAccessToken"
      ])

      const ticketFetch = find("AppTicket.fetch")
      assertLinked(find("AppTicket.get"), ticketFetch)
      assertLinked(find("AppTicket.get"), find("AppTicket.look"))
      assert.deepStrictEqual(outlineOf(spans, ticketFetch), [
        "AppTicket.fetch",
        "  AppTicket.resend",
        "    OpenApi.appTicketResend failed",
        "    OpenApi.appTicketResend"
      ])

      for (const work of [page, tenantFetch, appFetch, ticketFetch]) assert.isUndefined(work.parentSpanId, work.name)
      assert.isUndefined(find("AppTicket.look").parentSpanId)

      const deliveries = spans.filter(({ name }) => name === "http.server POST").toSorted(byStart)
      assert.deepStrictEqual(deliveries.map((delivery) => outlineOf(spans, delivery)), [
        // The handshake, the ticket, the forged event, and the event with the reply in the background.
        ["http.server POST", "  EventSubscription.receive"],
        ["http.server POST", "  EventSubscription.receive"],
        ["http.server POST", "  EventSubscription.receive failed"],
        ["http.server POST", "  EventSubscription.receive", "    FeishuClient.POST"]
      ])
    }))

  it.effect("says of each call which attempt it was, the code and the log id", () =>
    Effect.gen(function*() {
      const { spans } = yield* Run
      const calls = spans.filter(({ name }) => /^(OpenApi|FeishuClient)\./.test(name)).toSorted(byStart)
      const seen = calls.map((span) => {
        const attributes = Collector.attributesOf(span)
        assert.strictEqual(span.kind, 3, "a client's span")
        assert.strictEqual(attributes["feishu.app_id"], appId)
        assert.match(String(attributes["feishu.log_id"]), /^\d{14}[0-9A-F]+$/)
        assert.match(String(attributes["url.full"]), /^http:\/\/127\.0\.0\.1:\d+\/open-apis\/[\w/]+$/)
        return [
          span.name,
          attributes["http.request.method"],
          attributes["http.response.status_code"],
          attributes["feishu.code"],
          attributes["feishu.attempt"],
          attributes["feishu.tenant_key"]
        ]
      })
      assert.deepStrictEqual(seen, [
        ["OpenApi.appTicketResend", "POST", 429, 99991400, 1, undefined],
        ["OpenApi.appTicketResend", "POST", 200, 0, 2, undefined],
        ["OpenApi.appAccessToken", "POST", 200, 0, 1, undefined],
        ["OpenApi.tenantAccessToken", "POST", 200, 0, 1, undefined],
        ["FeishuClient.GET", "GET", 200, 0, 1, "tenant_1"],
        ["OpenApi.tenantAccessToken", "POST", 200, 11210, 1, undefined],
        ["FeishuClient.POST", "POST", 200, 0, 1, "tenant_1"]
      ])
    }))

  it.effect("marks each span that failed as an error, with the code in its message", () =>
    Effect.gen(function*() {
      const { spans } = yield* Run
      const failed = spans.filter(({ status }) => status.code === 2).toSorted(byStart)
      const saying = (text: string) =>
        failed.filter(({ status }) => status.message?.includes(text)).map(({ name }) => name).toSorted()
      assert.deepStrictEqual(saying("refused with code 99991400 "), ["OpenApi.appTicketResend"])
      // From the platform's refusal to what the service wanted to know.
      assert.deepStrictEqual(saying("refused with code 11210 "), [
        "AccessToken.fetch",
        "AccessToken.tenant",
        "OpenApi.tenantAccessToken",
        "whoIs"
      ])
      assert.deepStrictEqual(saying("Signature"), ["EventSubscription.receive"])
      assert.strictEqual(failed.length, 6)
      for (const { events } of failed) {
        const exception = events.find(({ name }) => name === "exception") ?? assert.fail("no exception")
        assert.match(
          String(Collector.attributesOf(exception)["exception.type"]),
          /^(FeishuApiError|EventRefused)$/
        )
      }
    }))

  it.effect("sends the metrics of the chain, with their labels", () =>
    Effect.gen(function*() {
      const { metrics } = yield* Run
      const valuesOf = (name: string) => {
        const metric = metrics.get(name) ?? assert.fail(`no ${name}`)
        // Gauges get the ending _ratio in Prometheus if their unit is 1.
        assert.strictEqual(metric.unit, "1")
        assert.strictEqual(metric.sum?.isMonotonic, name.endsWith("_total") ? true : undefined, name)
        const points = (metric.sum ?? metric.gauge)?.dataPoints ?? []
        return Object.fromEntries(points.map((point) => {
          const labels = Object.entries(Collector.attributesOf(point)).toSorted()
          return [labels.map(([key, value]) => `${key}=${value}`).join(" "), Number(point.asDouble ?? point.asInt)]
        }))
      }
      assert.deepStrictEqual(valuesOf("feishu_ticket_resends_total"), { "app_id=cli_traced outcome=success": 1 })
      assert.deepStrictEqual(valuesOf("feishu_token_fetches_total"), {
        "app_id=cli_traced outcome=success token=app": 1,
        "app_id=cli_traced outcome=success token=tenant": 1,
        "app_id=cli_traced outcome=AppState token=tenant": 1
      })
      assert.deepStrictEqual(valuesOf("feishu_pushes_total"), {
        "app_id=cli_traced outcome=challenge": 1,
        "app_id=cli_traced outcome=stored": 1,
        "app_id=cli_traced outcome=handled": 1
      })
      assert.deepStrictEqual(valuesOf("feishu_refusals_total"), { "reason=Signature": 1 })
      assert.deepStrictEqual(valuesOf("feishu_background_tasks_total"), { "app_id=cli_traced outcome=success": 1 })
      assert.deepStrictEqual(valuesOf("feishu_background_tasks"), { "app_id=cli_traced": 0 })
      assert.deepStrictEqual(valuesOf("feishu_ticket_waiters"), { "app_id=cli_traced": 0 })
      const { "app_id=cli_traced": sent = assert.fail(), ...others } = valuesOf("feishu_ticket_sent_timestamp_seconds")
      assert.deepStrictEqual(others, {})
      const [point] = metrics.get("feishu_ticket_sent_timestamp_seconds")?.gauge?.dataPoints ?? []
      assert.isBelow(Math.abs(Number(point?.timeUnixNano) / 1e9 - sent), 60)
      assert.isBelow(valuesOf("feishu_ticket_age_seconds")["app_id=cli_traced"] ?? assert.fail(), 60)
    }))

  it.effect("sends each metric with the type and the labels that the guide says", () =>
    Effect.gen(function*() {
      const { metrics } = yield* Run
      const described = describedIn(pages[0])
      const sent = [...metrics.values()].filter(({ name }) => name.startsWith("feishu_"))
      for (const { gauge, name, sum } of sent) {
        const { labels, type } = described.get(name) ?? assert.fail(name)
        assert.strictEqual(sum === undefined ? "gauge" : "counter", type, name)
        for (const point of (sum ?? gauge)?.dataPoints ?? []) {
          assert.sameMembers(Object.keys(Collector.attributesOf(point)), [...labels], name)
        }
      }
      // The rest is of a store that fails, of Redis, and of the command.
      assert.strictEqual(sent.length, 9)
    }))

  it.effect("sends the lines of the log, each with the trace to which it belongs", () =>
    Effect.gen(function*() {
      const { lines, spans } = yield* Run
      const replied = lines.find(({ body }) => "stringValue" in body && body.stringValue === "replied to om_1")
        ?? assert.fail("no line")
      const receive = spans.find(({ spanId }) => spanId === replied.spanId) ?? assert.fail("no span")
      assert.strictEqual(receive.name, "EventSubscription.receive")
      assert.strictEqual(replied.traceId, receive.traceId)
      const asked = lines.find(({ body }) =>
        "stringValue" in body && body.stringValue.startsWith("asking the platform")
      )
        ?? assert.fail("no line")
      assert.strictEqual(Collector.attributesOf(asked)["app_id"], appId)
      assert.strictEqual(spans.find(({ spanId }) => spanId === asked.spanId)?.name, "OpenApi.appTicketResend")
    }))

  it.effect("sends no secret, and nothing of what a user wrote", () =>
    Effect.gen(function*() {
      const { bodies, issued, output } = yield* Run
      // The ticket, the app's token and the tenant's.
      assert.isAtLeast(issued.length, 3)
      const everything = bodies.join("\n")
      assert.include(everything, "AccessToken.fetch")
      for (const secret of [...Object.values(secrets), ...issued, "what the user wrote"]) {
        for (const text of [everything, output]) {
          assert.notInclude(text, secret)
          assert.notInclude(text, encodeURIComponent(secret))
          assert.notInclude(text, Buffer.from(secret).toString("base64"))
        }
      }
    }))
})
