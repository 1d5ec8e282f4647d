/**
 * How the emulator holds load. The emulator is a process of its own. The console is open twice: two clients read the
 * server-sent events as fast as they come.
 */
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import autocannon from "autocannon"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { once } from "node:events"
import * as Http from "node:http"
import * as Child from "../measure/Child.js"
import { never } from "../report/Claim.js"
import type { Section } from "../report/Section.js"

const app = { appId: "cli_load", appSecret: Redacted.make("an app secret"), kind: "self-built" } as const
const path = "/open-apis/contact/v3/users"

/** The use of the emulator's process, in microseconds and bytes. */
interface Usage {
  readonly cpu: number
  readonly rss: number
  readonly entries: number
}

export const serve = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    const entries = Effect.runSync(emulator.journal).at(-1)?.id ?? 0
    process.send?.({ cpu: system + user, rss: process.memoryUsage.rss(), entries } satisfies Usage)
  })
  const token = yield* emulator.userToken(app.appId, { life: "1 hour" })
  process.send?.({ url: emulator.baseUrl, token: Redacted.value(token.value) })
  yield* Effect.promise(() => once(process, "disconnect"))
}).pipe(Effect.provide(Emulator.layerServer({ apps: [app] })))

/** Reads the server-sent events until the scope ends. Counts the entries. */
const openConsole = (url: string) =>
  Effect.gen(function*() {
    const seen = { entries: 0 }
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        Http.get(`${url}/_emulator/changes`, (response) => {
          response.setEncoding("utf8")
          response.on("data", (text: string) => {
            seen.entries += text.split("\"logId\"").length - 1
          })
        })
      ),
      (request) => Effect.sync(() => request.destroy())
    )
    return seen
  })

/** Calls in one process. Returns the megabytes of heap after each tenth of the calls. */
export const measure = (isQuick: boolean): Effect.Effect<ReadonlyArray<number>, unknown> =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const emulator = yield* Emulator.Emulator
    const token = yield* emulator.userToken(app.appId)
    const request = HttpClientRequest.get(`${emulator.baseUrl}${path}`, {
      headers: { authorization: `Bearer ${Redacted.value(token.value)}` }
    })
    const heaps: Array<number> = []
    while (heaps.length < 10) {
      yield* Effect.replicateEffect(client.execute(request), isQuick ? 5_000 : 100_000, { discard: true })
      globalThis.gc?.()
      heaps.push(process.memoryUsage().heapUsed / 1e6)
    }
    return heaps
  }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] })))

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.gen(function*() {
    const child = yield* Child.fork(["emulator-server"])
    const { token, url } = yield* Child.next<{ readonly url: string; readonly token: string }>(child)
    const usage = Child.ask<Usage>(child, "usage")
    const load = (seconds: number, perSecond?: number) =>
      Effect.gen(function*() {
        const before = yield* usage
        const { errors, latency, non2xx, requests } = yield* Effect.promise(() =>
          autocannon({
            url: url + path,
            headers: { authorization: `Bearer ${token}` },
            connections: 20,
            duration: seconds,
            ...(perSecond !== undefined && { overallRate: perSecond })
          })
        )
        const after = yield* usage
        const exchanges = after.entries - before.entries
        return {
          exchanges,
          failed: errors + non2xx,
          row: [
            `${Math.round(requests.average)}`,
            `${latency.p50}`,
            `${latency.p99}`,
            `${Math.round((after.cpu - before.cpu) / exchanges)}`,
            `${Math.round(after.rss / 1e6)}`
          ],
          p99: latency.p99
        }
      })
    const consoles = yield* Effect.replicateEffect(openConsole(url), 2)
    yield* load(isQuick ? 1 : 3)
    const before = consoles.map(({ entries }) => entries)
    const calm = yield* load(isQuick ? 3 : 15, 1_000)
    yield* Effect.sleep("1 second")
    const seen = consoles.map(({ entries }, i) => entries - (before[i] ?? 0))
    const full = yield* load(isQuick ? 3 : 15)
    const heaps = yield* Child.measure<ReadonlyArray<number>>("emulator", isQuick, {
      node: ["--expose-gc"]
    })
    return {
      tables: [{
        title: "The emulator under load, with two consoles open",
        head: ["", "exchanges/s", "p50 ms", "p99 ms", "CPU µs", "RSS MB"],
        rows: [["1,000 a second", ...calm.row], ["as fast as the emulator answers", ...full.row]]
      }],
      claims: [
        never("the emulator: failed exchanges", calm.failed + full.failed),
        never(
          "the emulator: entries that the consoles missed at 1,000 a second",
          seen.reduce((sum, seen) => sum + Math.max(0, calm.exchanges - seen), 0)
        ),
        {
          name: "the emulator: time of an exchange at 1,000 a second, 99 % within",
          values: [calm.p99],
          must: { most: 50 },
          unit: "ms",
          digits: 0
        },
        {
          name: `the emulator: heap after the last tenth of ${
            isQuick ? "50,000" : "a million"
          } entries, to the second tenth`,
          values: [(heaps.at(-1) ?? NaN) / (heaps[1] ?? NaN)],
          must: { most: 1.3 }
        }
      ]
    }
  }).pipe(Effect.scoped)
