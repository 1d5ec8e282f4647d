/** What `serve` has at `/metrics`, as Prometheus reads it. */
import * as FeishuMetrics from "@effect-feishu/core/FeishuMetrics"
import * as RedisMetrics from "@effect-feishu/redis/RedisMetrics"
import { assert, it } from "@effect/vitest"
import { Effect, MetricLabel } from "effect"
import { spawnSync } from "node:child_process"
import * as Metrics from "../src/Metrics.js"
import * as Receiver from "../src/serve/deliveries/Receiver.js"
import * as Refusals from "../src/serve/tokens/Refusals.js"

it.effect("promtool has nothing to say about any metric of the command, whatever the labels contain", () =>
  Effect.gen(function*() {
    const metrics = [...Object.values(FeishuMetrics), ...Object.values(RedisMetrics), Receiver.deliveries]
    for (const metric of metrics) {
      metric.unsafeUpdate(1.5, [MetricLabel.make("app_id", "cli_of_promtool")])
      metric.unsafeUpdate(1e21, [MetricLabel.make("app_id", "a \"quoted\" \\ name\nof 飞书")])
    }
    // The first value of a metric may lack a label that the next one has.
    FeishuMetrics.pushes.unsafeUpdate(1, [
      MetricLabel.make("app_id", "cli_of_promtool"),
      MetricLabel.make("outcome", "stored")
    ])
    Refusals.countOne("too many")
    const text = yield* Metrics.text
    assert.isAtLeast(text.match(/^# TYPE /gm)?.length ?? 0, metrics.length + 1)
    const { status, stderr, stdout } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
    assert.deepStrictEqual([status, stdout, stderr], [0, "", ""])
  }))
