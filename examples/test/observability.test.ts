/** The guide, the dashboard and the alerts name the metrics that the packages have, and no others. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parse } from "yaml"
import { defined, describedIn, pages, read, rowsOf, withEnding } from "./metrics.js"
import { Alerts, Dashboard, expressionsOf } from "./observability.js"

const alerts = Schema.decodeUnknownSync(Alerts)(parse(read("examples/observability/prometheus-alerts.yaml")))
const dashboard = Schema.decodeUnknownSync(Dashboard)(JSON.parse(read("examples/observability/grafana-dashboard.json")))
const rules = alerts.groups.flatMap(({ rules }) => rules)

const described = describedIn(pages[0])

/** The metrics in an expression of PromQL. */
const metricsIn = (expression: string) => [...expression.matchAll(/\bfeishu_\w+/g)].map(([name]) => name)

/** The labels in an expression of PromQL. */
const labelsIn = (expression: string) =>
  [
    ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(",")),
    ...[...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, matchers = ""]) =>
      [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = ""]) => name)
    )
  ].map((name) => name.trim())

/** By name in Prometheus, with and without endings. */
const inPrometheus = new Map(
  [...described].flatMap((
    [name, metric]
  ) => [[name, metric] as const, [withEnding(name, metric.type), metric] as const])
)

const assertKnown = (expression: string, extra: ReadonlyArray<string> = []) => {
  const names = metricsIn(expression)
  for (const name of names) assert.isTrue(inPrometheus.has(name), `${name} in ${expression}`)
  // Whichever names Prometheus has, the expression has one of them.
  for (const [name, { type }] of described) {
    if (type !== "gauge") continue
    assert.strictEqual(names.includes(name), names.includes(withEnding(name, type)), `${name} in ${expression}`)
  }
  const labels = new Set([...names.flatMap((name) => inPrometheus.get(name)?.labels ?? []), ...extra])
  for (const label of labelsIn(expression)) assert.isTrue(labels.has(label), `${label} in ${expression}`)
}

describe("the guide", () => {
  it.each(pages)("%s has each metric of the packages with its type, and no other", (page) => {
    const rows = [...describedIn(page)].map(([name, { type }]) => [name, type])
    assert.isAbove(rows.length, 10)
    assert.deepStrictEqual(rows.toSorted(), [...defined].toSorted())
  })

  it("has the same labels in both languages, and as the READMEs have them", () => {
    assert.deepStrictEqual([...describedIn(pages[1])], [...described])
    for (const page of ["packages/core/README.md", "packages/redis/README.md"]) {
      const rows = rowsOf(page)
      assert.isNotEmpty(rows)
      for (const [name = "", labels = ""] of rows) {
        const { labels: known } = described.get(name.slice(1, -1)) ?? assert.fail(name)
        assert.strictEqual(labels, known.map((label) => `\`${label}\``).join(", "), `${name} in ${page}`)
      }
    }
  })

  it.each(pages)("%s has each alert, and no other", (page) => {
    const named = [...read(page).matchAll(/^\| `(Feishu[A-Z]\w+)` /gm)].map(([, name]) => name)
      .filter((name) => !name?.startsWith("FeishuClient"))
    assert.deepStrictEqual(named, rules.map(({ alert }) => alert))
  })
})

describe("prometheus-alerts.yaml", () => {
  it.each(rules.map(({ alert, expr }) => [alert, expr]))("%s asks for metrics and labels that there are", (_, expr) => {
    if (metricsIn(expr).length === 0) assert.include(expr, "{__name__=~\"feishu_.+\"}")
    else assertKnown(expr)
  })

  it.each(rules.map((rule) => [rule.alert, rule]))(
    "%s says what happened to what, in labels that the alert has",
    (_, rule) => {
      const { annotations, expr } = rule
      const kept = new Set([
        ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) =>
          names.split(",").map((name) => name.trim())
        ),
        ...(/\bby \(/.test(expr) ? [] : metricsIn(expr).flatMap((name) => inPrometheus.get(name)?.labels ?? []))
      ])
      for (const [, label = ""] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
        assert.isTrue(
          kept.has(label),
          label
        )
      }
      assert.isAbove(annotations.description.length, 40)
    }
  )

  it("has a series for each alert in which the alert fires, and one in which it does not", () => {
    const Tests = Schema.Struct({
      tests: Schema.Array(Schema.Struct({
        alert_rule_test: Schema.Array(
          Schema.Struct({ alertname: Schema.String, exp_alerts: Schema.Array(Schema.Unknown) })
        )
      }))
    })
    const { tests } = Schema.decodeUnknownSync(Tests)(
      parse(read("examples/observability/prometheus-alerts.test.yaml"))
    )
    const expected = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
    for (const { alert } of rules) {
      const counts = expected.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length)
      assert.isTrue(counts.some((count) => count > 0), `${alert} fires`)
      assert.isTrue(counts.includes(0), `${alert} does not fire`)
    }
  })
})

describe("grafana-dashboard.json", () => {
  const panels = dashboard.panels.filter(({ type }) => type !== "row")

  it("shows each metric of the packages but the age, for which it has the time of sending", () => {
    const shown = new Set(panels.flatMap((panel) => expressionsOf(panel).flatMap(metricsIn)))
    const missing = [...described.keys()].filter((name) => !shown.has(name))
    assert.deepStrictEqual(missing, ["feishu_ticket_age_seconds"])
  })

  it.each(panels.map((panel) => [panel.title, panel]))("%s asks for metrics and labels that there are", (_, panel) => {
    const expressions = expressionsOf(panel)
    assert.isNotEmpty(expressions)
    for (const expression of expressions) assertKnown(expression)
    for (const { expr, legendFormat } of panel.targets ?? []) {
      const by = new Set([...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/, */)))
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.isTrue(by.has(label), label)
    }
  })

  it("has panels with ids of their own that do not lie over one another, and one data source that can be chosen", () => {
    const ids = dashboard.panels.map(({ id }) => id)
    assert.strictEqual(new Set(ids).size, ids.length)
    for (const [index, { gridPos: a, title }] of dashboard.panels.entries()) {
      assert.isAtMost(a.x + a.w, 24)
      for (const { gridPos: b, title: other } of dashboard.panels.slice(index + 1)) {
        const isApart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
        assert.isTrue(isApart, `${title} and ${other}`)
      }
    }
    const [source] = dashboard.templating.list
    assert.deepInclude(source, { name: "datasource", type: "datasource", query: "prometheus" })
    const uids = [...read("examples/observability/grafana-dashboard.json").matchAll(/"uid": "([^"]+)"/g)]
    assert.deepStrictEqual([...new Set(uids.map(([, uid]) => uid))].toSorted(), ["${datasource}", "effect-feishu"])
  })
})
