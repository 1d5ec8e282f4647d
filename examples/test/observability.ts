/** The parts of the alerts and of the dashboard that the tests read. */
import { Schema } from "effect"

export const Alerts = Schema.Struct({
  groups: Schema.NonEmptyArray(Schema.Struct({
    name: Schema.String,
    rules: Schema.NonEmptyArray(Schema.Struct({
      alert: Schema.String,
      expr: Schema.String,
      for: Schema.optional(Schema.String),
      labels: Schema.Struct({ severity: Schema.Literal("warning", "critical") }),
      annotations: Schema.Struct({ summary: Schema.String, description: Schema.String })
    }))
  }))
})

const Panel = Schema.Struct({
  id: Schema.Int,
  type: Schema.Literal("timeseries", "row"),
  title: Schema.NonEmptyString,
  gridPos: Schema.Struct({ x: Schema.Int, y: Schema.Int, w: Schema.Int, h: Schema.Int }),
  targets: Schema.optional(Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String })))
})

export const Dashboard = Schema.Struct({
  title: Schema.String,
  schemaVersion: Schema.Int,
  templating: Schema.Struct({
    list: Schema.Array(Schema.Struct({ name: Schema.String, type: Schema.String, query: Schema.Unknown }))
  }),
  panels: Schema.NonEmptyArray(Panel)
})

/** The expressions of a panel, with values in place of Grafana's variables. */
export const expressionsOf = ({ targets = [] }: typeof Panel.Type) =>
  targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "2m").replaceAll("$app_id", "cli_.*"))
