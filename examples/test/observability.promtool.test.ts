/** The alerts, their tests and the dashboard, as Prometheus reads them. */
import { Command, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { stringify } from "yaml"
import { read } from "./metrics.js"
import { Dashboard, expressionsOf } from "./observability.js"

const folder = fileURLToPath(new URL("../observability", import.meta.url))
const text = <E>(stream: Stream.Stream<Uint8Array, E>) => stream.pipe(Stream.decodeText(), Stream.mkString)
const decode = Schema.decodeUnknown(Schema.parseJson(Dashboard))

/** Returns what promtool prints. Dies if promtool finds a flaw. */
const promtool = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const started = yield* Command.start(Command.workingDirectory(Command.make("promtool", ...args), folder))
    const [stdout, stderr, code] = yield* Effect.all([text(started.stdout), text(started.stderr), started.exitCode], {
      concurrency: "unbounded"
    })
    return Number(code) === 0
      ? stdout + stderr
      : yield* Effect.dieMessage(`promtool ${args.join(" ")}:\n${stdout}${stderr}`)
  }).pipe(Effect.scoped)

layer(NodeContext.layer, { excludeTestServices: true })("promtool", (it) => {
  it.effect("takes the alerts, and the configuration that loads them", () =>
    Effect.gen(function*() {
      assert.match(yield* promtool("check", "rules", "prometheus-alerts.yaml"), /SUCCESS: 7 rules found/)
      assert.match(yield* promtool("check", "config", "prometheus.yaml"), /SUCCESS: prometheus\.yaml is valid/)
    }))

  it.effect("sees each alert fire when it must, and only then", () =>
    Effect.gen(function*() {
      assert.include(yield* promtool("test", "rules", "prometheus-alerts.test.yaml"), "SUCCESS")
    }), { timeout: 120_000 })

  it.scoped("takes each expression of the dashboard", () =>
    Effect.gen(function*() {
      const { panels } = yield* decode(read("examples/observability/grafana-dashboard.json"))
      const rules = panels.flatMap(expressionsOf).map((expr, index) => ({ record: `panel:${index}`, expr }))
      assert.isAbove(rules.length, 12)
      const fs = yield* FileSystem.FileSystem
      const path = yield* fs.makeTempFileScoped({ suffix: ".yaml" })
      yield* fs.writeFileString(path, stringify({ groups: [{ name: "panels", rules }] }))
      assert.include(yield* promtool("check", "rules", path), `SUCCESS: ${rules.length} rules found`)
    }))
})
