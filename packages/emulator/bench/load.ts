/**
 * How the emulator holds load:
 *
 *     npm run bench:emulator
 *
 * The emulator is a process of its own. The console is open twice: two clients read the server-sent events as fast as they come.
 * Prints the time of an exchange and the CPU of the emulator at 1,000 exchanges a second, then how many exchanges a second there
 * can be, and then the memory after a million entries in the journal.
 */
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import autocannon from "autocannon"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Http from "node:http"
import * as Url from "node:url"

const app = { appId: "cli_load", appSecret: Redacted.make("an app secret"), kind: "self-built" } as const
const path = "/open-apis/contact/v3/users"

/** What the emulator's process uses, in microseconds and bytes. */
interface Usage {
  readonly cpu: number
  readonly rss: number
  readonly entries: number
}

const serve = Effect.gen(function*() {
  const emulator = yield* Emulator.Emulator
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    const entries = Effect.runSync(emulator.journal).at(-1)?.id ?? 0
    process.send?.({ cpu: system + user, rss: process.memoryUsage.rss(), entries } satisfies Usage)
  })
  process.on("disconnect", () => process.exit())
  const token = yield* emulator.userToken(app.appId, { life: "1 hour" })
  process.send?.({ url: emulator.baseUrl, token: Redacted.value(token.value) })
  return yield* Effect.never
}).pipe(Effect.provide(Emulator.layerServer({ apps: [app] })))

interface Server {
  readonly url: string
  readonly token: string
  readonly usage: Effect.Effect<Usage>
}

const start = Effect.gen(function*() {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => ChildProcess.fork(Url.fileURLToPath(import.meta.url), ["serve"])),
    (child) => Effect.sync(() => child.connected && child.disconnect())
  )
  const next = Effect.promise(async () => (await once(child, "message"))[0])
  const { token, url } = yield* next
  const usage: Effect.Effect<Usage> = Effect.zipRight(Effect.sync(() => void child.send("usage")), next)
  const server: Server = { url, token, usage }
  return server
})

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

const load = ({ token, url }: Server, options: { readonly seconds: number; readonly perSecond?: number }) =>
  Effect.promise(() =>
    autocannon({
      url: url + path,
      headers: { authorization: `Bearer ${token}` },
      connections: 20,
      duration: options.seconds,
      ...(options.perSecond !== undefined && { overallRate: options.perSecond })
    })
  )

const measure = (server: Server, options: { readonly seconds: number; readonly perSecond?: number }) =>
  Effect.gen(function*() {
    const before = yield* server.usage
    const { errors, latency, non2xx, requests } = yield* load(server, options)
    const after = yield* server.usage
    const exchanges = after.entries - before.entries
    yield* Console.log([
      `${Math.round(requests.average)} exchanges a second`,
      `median ${latency.p50} ms, 99 % within ${latency.p99} ms`,
      `CPU ${Math.round((after.cpu - before.cpu) / exchanges)} µs each`,
      `memory ${Math.round(after.rss / 1e6)} MB`,
      `failed: ${errors + non2xx}`
    ].join("; "))
    return exchanges
  })

/** Calls in one process, until the journal has had a million entries. */
const million = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  const emulator = yield* Emulator.Emulator
  const token = yield* emulator.userToken(app.appId)
  const request = HttpClientRequest.get(`${emulator.baseUrl}${path}`, {
    headers: { authorization: `Bearer ${Redacted.value(token.value)}` }
  })
  for (let n = 1; n <= 10; n++) {
    yield* Effect.replicateEffect(client.execute(request), 100_000, { discard: true })
    const { heapUsed, rss } = process.memoryUsage()
    yield* Console.log(
      `${n}00,000 entries: heap ${Math.round(heapUsed / 1e6)} MB, memory ${Math.round(rss / 1e6)} MB`
    )
  }
}).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [app] })))

const main = Effect.gen(function*() {
  const server = yield* start
  const consoles = yield* Effect.replicateEffect(openConsole(server.url), 2)
  yield* load(server, { seconds: 3 })
  const before = consoles.map(({ entries }) => entries)
  const exchanges = yield* measure(server, { seconds: 15, perSecond: 1_000 })
  yield* Effect.sleep("1 second")
  yield* Console.log(
    `seen by the consoles: ${
      consoles.map(({ entries }, i) => entries - (before[i] ?? 0)).join(" and ")
    } of ${exchanges}`
  )
  yield* measure(server, { seconds: 15 })
}).pipe(Effect.scoped)

await (process.argv.includes("serve")
  ? Effect.runPromise(serve)
  : Effect.runPromise(Effect.zipRight(main, million)))
