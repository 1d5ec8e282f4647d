/**
 * The three doors of the request URL under load, beside a bare `node:http` listener that does the same work by hand, and
 * beside the platform's own SDK:
 *
 *     npx tsx packages/core/bench/doors.ts [--quick]
 *
 * Each server is a process of its own, and all of them are sent the same deliveries: encrypted, signed, each with an id
 * of its own, over 50 connections that are kept alive. They take turns, one at a time, round after round, so that
 * whatever else the machine does falls on all alike; what is printed are medians, and the least and the most of each
 * ratio to the bare listener of the same round. Every answer must be 200, and each server must have taken each delivery.
 */

import * as Emulated from "@effect-feishu/emulator/EventCrypto"
import autocannon from "autocannon"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Metric from "effect/Metric"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"
import * as ChildProcess from "node:child_process"
import * as Crypto from "node:crypto"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Url from "node:url"
// Not exported: WebCrypto is what runtimes without node:crypto use.
import * as EventCrypto from "../dist/internal/webhook/eventCrypto.js"

const appId = "cli_a1b2c3d4e5f6a7b8"
const encryptKey = "an encrypt key of some length"
const verificationToken = "a verification token of some length"
const path = "/events"
const eventType = "contact.user.updated_v3"

const isQuick = process.argv.includes("--quick")
const connections = 50
/** Deliveries to each server, and rounds. The claims that are kept in memory (100,000) are not used up. */
const sizes = isQuick ? { warmUp: 2000, round: 2000, rounds: 2 } : { warmUp: 6000, round: 3000, rounds: 5 }

// The servers

type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => unknown

interface Door {
  readonly server: Http.Server
  /** How many deliveries it has taken so far. */
  readonly taken: () => number
}

const sha256 = (text: string) => Crypto.createHash("sha256").update(text)
const aesKey = sha256(encryptKey).digest()

const isSame = (actual: Uint8Array, expected: Uint8Array) =>
  actual.length === expected.length && Crypto.timingSafeEqual(actual, expected)

interface Opened {
  readonly ts?: string
  readonly token?: string
  readonly header?: { readonly token: string }
  readonly event: { readonly type?: string; readonly app_ticket?: string }
}

/** The same work by hand: a delivery's status. A ticket is kept if it is newer; other events want nothing done. */
const byHand = () => {
  const token = Buffer.from(verificationToken)
  let newest = { ts: 0, ticket: "" }
  let taken = 0
  const take = (timestamp: string, nonce: string, signature: string, body: Uint8Array): number => {
    const digest = sha256(timestamp + nonce + encryptKey).update(body).digest()
    if (!isSame(Buffer.from(signature, "hex"), digest)) return 401
    const { encrypt } = JSON.parse(body.toString()) as { readonly encrypt: string }
    const bytes = Buffer.from(encrypt, "base64")
    const decipher = Crypto.createDecipheriv("aes-256-cbc", aesKey, bytes.subarray(0, 16))
    const text = Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString()
    const opened = JSON.parse(text) as Opened
    if (!isSame(Buffer.from(opened.header?.token ?? opened.token ?? ""), token)) return 401
    if (opened.event.type === "app_ticket" && Number(opened.ts) > newest.ts) {
      newest = { ts: Number(opened.ts), ticket: opened.event.app_ticket ?? "" }
    }
    taken++
    return 200
  }
  return { take, taken: () => taken }
}

const collect = (request: Http.IncomingMessage, onBody: (body: Buffer<ArrayBuffer>) => void) => {
  const chunks: Array<Uint8Array> = []
  request.on("data", (chunk: Uint8Array) => chunks.push(chunk))
  request.on("end", () => onBody(Buffer.concat(chunks)))
}

const bare = (): Door => {
  const { take, taken } = byHand()
  const listener: Listener = (request, response) =>
    collect(request, (body) => {
      const { headers } = request
      const status = take(
        String(headers["x-lark-request-timestamp"]),
        String(headers["x-lark-request-nonce"]),
        String(headers["x-lark-signature"]),
        body
      )
      response.writeHead(status, { "content-length": 0 }).end()
    })
  return { server: Http.createServer(listener), taken }
}

/** The least that puts a function from `Request` to `Response` behind `node:http`. */
const adapt = (handler: (request: Request) => Promise<Response>): Listener => (request, response) =>
  collect(request, async (body) => {
    const answer = await handler(
      new Request(`http://${request.headers.host}${request.url}`, {
        method: request.method ?? "",
        headers: request.headers as Record<string, string>,
        body
      })
    )
    const bytes = Buffer.from(await answer.arrayBuffer())
    response.writeHead(answer.status, { ...Object.fromEntries(answer.headers), "content-length": bytes.length })
    response.end(bytes)
  })

const bareAdapted = (): Door => {
  const { take, taken } = byHand()
  const handler = async (request: Request) => {
    const header = (name: string) => request.headers.get(name) ?? ""
    const status = take(
      header("x-lark-request-timestamp"),
      header("x-lark-request-nonce"),
      header("x-lark-signature"),
      Buffer.from(await request.arrayBuffer())
    )
    return new Response(null, { status })
  }
  return { server: Http.createServer(adapt(handler)), taken }
}

/** The subscription behind each of the doors, with a handler that does nothing. */
const subscription = async () => {
  const [EventHandler, EventSubscription, FeishuApp, FeishuMetrics, TicketStore] = await Promise.all([
    import("@effect-feishu/core/EventHandler"),
    import("@effect-feishu/core/EventSubscription"),
    import("@effect-feishu/core/FeishuApp"),
    import("@effect-feishu/core/FeishuMetrics"),
    import("@effect-feishu/core/TicketStore")
  ])
  const outcomes = ["stored", "older", "handled"].map((outcome) =>
    FeishuMetrics.pushes.pipe(Metric.tagged("app_id", appId), Metric.tagged("outcome", outcome))
  )
  const app = FeishuApp.layer({
    appId,
    appSecret: Redacted.make("an app secret"),
    encryptKey: Redacted.make(encryptKey),
    verificationToken: Redacted.make(verificationToken)
  })
  return {
    layer: EventSubscription.layer({ handlers: [EventHandler.on(eventType, () => Effect.void)] }).pipe(
      Layer.provide([app, TicketStore.layerMemory])
    ),
    taken: () => outcomes.reduce((sum, counter) => sum + Number(Effect.runSync(Metric.value(counter)).count), 0)
  }
}

const nodeListener = async (): Promise<Door> => {
  const EventNodeListener = await import("@effect-feishu/core/EventNodeListener")
  const { layer, taken } = await subscription()
  // Never disposed of: the layer lives as long as the process.
  const listener = await ManagedRuntime.make(layer).runPromise(EventNodeListener.make)
  return { server: Http.createServer(listener), taken }
}

const webHandler = async (): Promise<Door> => {
  const EventWebHandler = await import("@effect-feishu/core/EventWebHandler")
  const { layer, taken } = await subscription()
  return { server: Http.createServer(adapt(EventWebHandler.make(layer).handler)), taken }
}

const httpApp = async (): Promise<Door> => {
  const [EventHttpApp, NodeHttpServer, HttpLayerRouter] = await Promise.all([
    import("@effect-feishu/core/EventHttpApp"),
    import("@effect/platform-node/NodeHttpServer"),
    import("@effect/platform/HttpLayerRouter")
  ])
  const { layer, taken } = await subscription()
  const server = Http.createServer()
  // Without its own line in the log for each request, which is the terminal's speed and not the server's.
  const app = HttpLayerRouter.serve(EventHttpApp.layer(path), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide([layer, NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })])
  )
  Effect.runFork(Layer.launch(app))
  await once(server, "listening")
  return { server, taken }
}

const sdk = async (): Promise<Door> => {
  const Lark = await import("@larksuiteoapi/node-sdk")
  let taken = 0
  const tickets = new Map<unknown, unknown>()
  const dispatcher = new Lark.EventDispatcher({
    encryptKey,
    verificationToken,
    loggerLevel: Lark.LoggerLevel.error,
    cache: {
      get: async (key) => tickets.get(key),
      set: async (key, value) => {
        tickets.set(key, value)
        taken++
        return true
      }
    }
  }).register({
    [eventType]: async () => {
      taken++
    }
  })
  return { server: Http.createServer(Lark.adaptDefault(path, dispatcher)), taken: () => taken }
}

/** In the order of the table. */
const doors: Readonly<Record<string, () => Door | Promise<Door>>> = {
  "bare node:http": bare,
  "EventNodeListener": nodeListener,
  "EventHttpApp (HttpLayerRouter on NodeHttpServer, no request log)": httpApp,
  "EventWebHandler (behind a minimal adapter to node:http)": webHandler,
  "bare Request to Response (behind the same adapter)": bareAdapted,
  "@larksuiteoapi/node-sdk (adaptDefault)": sdk
}

/** What a server tells its parent: where it is, then, whenever it is asked, how it fares. */
type Report = { readonly port: number } | {
  readonly taken: number
  readonly rss: number
  /** In microseconds. */
  readonly cpu: number
}

const serve = async (name: string) => {
  const door = await doors[name]?.()
  if (door === undefined) throw new Error(`there is no ${name}`)
  const { server, taken } = door
  if (!server.listening) {
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
  }
  const tell = (report: Report) => process.send?.(report)
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    tell({ taken: taken(), rss: process.memoryUsage.rss(), cpu: system + user })
  })
  process.on("disconnect", () => process.exit())
  tell({ port: (server.address() as AddressInfo).port })
}

// The load

interface Delivery {
  readonly body: string
  readonly headers: Record<string, string>
}

type Make = (n: number, now: number) => unknown

/** Each a millisecond later than the one before, from an hour ago on. */
const ticket: Make = (n, now) => ({
  ts: ((now - 3_600_000 + n) / 1000).toFixed(3),
  uuid: `${n}`.padStart(32, "0"),
  token: verificationToken,
  type: "event_callback",
  event: { type: "app_ticket", app_id: appId, app_ticket: `g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS${n}` }
})

const event: Make = (n, now) => ({
  schema: "2.0",
  header: {
    event_id: `${n}`.padStart(32, "0"),
    event_type: eventType,
    create_time: `${now}`,
    token: verificationToken,
    app_id: appId,
    tenant_key: "736588c9260f175d"
  },
  event: {
    object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    },
    old_object: { name: "张四" }
  }
})

const deliver = (make: Make, n: number, now: number): Delivery => {
  const iv = Crypto.createHash("md5").update(`${n}`).digest()
  const body = JSON.stringify({ encrypt: Emulated.encrypt({ encryptKey, iv, text: JSON.stringify(make(n, now)) }) })
  const timestamp = `${Math.floor(now / 1000)}`
  const nonce = `${n}`
  return {
    body,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": Emulated.sign({ timestamp, nonce, encryptKey, body })
    }
  }
}

const prepare = (make: Make, from: number, count: number) =>
  Effect.map(
    Clock.currentTimeMillis,
    (now) => Arr.makeBy(count, (i) => deliver(make, from + i, now))
  )

interface Measured {
  readonly perSecond: number
  readonly p99: number
}

/** Sends each delivery once, as fast as the server answers. */
const load = (port: number, deliveries: ReadonlyArray<Delivery>): Effect.Effect<Measured> =>
  Effect.async((resume) => {
    const latencies: Array<number> = []
    let client = 0
    let begin = 0n
    let end = 0n
    const instance = autocannon(
      {
        url: `http://127.0.0.1:${port}${path}`,
        method: "POST",
        connections,
        amount: deliveries.length,
        sampleInt: 20,
        // Every connection has deliveries of its own, so that none is sent twice.
        setupClient: (it) => {
          const own = client++
          it.setRequests(deliveries.filter((_, i) => i % connections === own))
        }
      },
      (error, { errors, non2xx, statusCodeStats }) => {
        const sent = statusCodeStats?.["200"]?.count
        resume(
          error === null && errors === 0 && non2xx === 0 && sent === deliveries.length
            ? Effect.succeed({
              perSecond: deliveries.length / (Number(end - begin) / 1e9),
              p99: latencies.toSorted(Order.number)[Math.floor(latencies.length * 0.99)] ?? NaN
            })
            : Effect.dieMessage(`${sent} of ${deliveries.length} were answered with 200: ${error ?? ""}`)
        )
      }
    )
    instance.on("start", () => {
      begin = process.hrtime.bigint()
    })
    instance.on("response", (_, __, ___, latency) => {
      latencies.push(latency)
      end = process.hrtime.bigint()
    })
  })

const start = (name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => ChildProcess.fork(Url.fileURLToPath(import.meta.url), ["--serve", name])),
    (child) => Effect.sync(() => child.connected && child.disconnect())
  ).pipe(
    Effect.flatMap((child) => {
      const next = Effect.async<Report>((resume) => {
        child.once("message", (report: Report) => resume(Effect.succeed(report)))
      })
      const ask = Effect.zipRight(Effect.sync(() => child.send("report")), next)
      return Effect.map(next, (report) => ({ name, port: "port" in report ? report.port : NaN, ask }))
    })
  )

type Server = Effect.Effect.Success<ReturnType<typeof start>>

/** How the server fares under these deliveries. It is asked before and after what it has taken. */
const measure = ({ ask, name, port }: Server, deliveries: ReadonlyArray<Delivery>) =>
  Effect.gen(function*() {
    const before = yield* ask
    const measured = yield* load(port, deliveries)
    const after = yield* ask
    if ("port" in before || "port" in after || after.taken - before.taken !== deliveries.length) {
      return yield* Effect.dieMessage(`${name} has not taken each delivery`)
    }
    return {
      ...measured,
      cpu: (after.cpu - before.cpu) / deliveries.length,
      rss: after.rss / 1e6
    }
  })

const median = (values: ReadonlyArray<number>) => values.toSorted(Order.number)[Math.floor(values.length / 2)] ?? NaN

const print = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

/** The first column to the left, the others to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>) => {
  const widths = Arr.makeBy(rows[0]?.length ?? 0, (i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows
    .map((row) => row.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
    .map((row) => row.join("  "))
    .join("\n")
}

const compare = (title: string, make: Make) =>
  Effect.gen(function*() {
    const servers = yield* Effect.forEach(Object.keys(doors), start)
    const warmUp = yield* prepare(make, 0, sizes.warmUp)
    for (const server of servers) yield* measure(server, warmUp)
    const rounds = yield* Effect.forEach(Arr.range(1, sizes.rounds), (round) =>
      Effect.flatMap(
        prepare(make, sizes.warmUp + (round - 1) * sizes.round, sizes.round),
        (deliveries) => Effect.forEach(servers, (server) => measure(server, deliveries))
      ))
    const rows = servers.map(({ name }, i) => {
      const own = rounds.flatMap((round) => round[i] ?? [])
      const ratios = own.map(({ perSecond }, round) => perSecond / (rounds[round]?.[0]?.perSecond ?? NaN))
      return [
        name,
        median(own.map(({ perSecond }) => perSecond)).toFixed(0),
        median(ratios).toFixed(2),
        `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
        median(own.map(({ p99 }) => p99)).toFixed(1),
        median(own.map(({ cpu }) => cpu)).toFixed(0),
        (own.at(-1)?.rss ?? NaN).toFixed(0)
      ]
    })
    yield* print(
      `\n${title}\n\n${table([["", "deliveries/s", "to bare", "least–most", "p99 ms", "CPU µs", "RSS MB"], ...rows])}`
    )
  }).pipe(Effect.scoped)

// The crypto

const cryptoTime = (make: (key: Redacted.Redacted) => EventCrypto.Crypto) =>
  Effect.gen(function*() {
    const crypto = make(Redacted.make(encryptKey))
    const [{ body, headers }] = yield* prepare(event, 0, 1)
    const { encrypt } = JSON.parse(body) as { readonly encrypt: string }
    const signed: EventCrypto.Signed = {
      timestamp: headers["x-lark-request-timestamp"] ?? "",
      nonce: headers["x-lark-request-nonce"] ?? "",
      signature: headers["x-lark-signature"] ?? "",
      body: Buffer.from(body)
    }
    const bytes = EventCrypto.decode(encrypt) ?? new Uint8Array(0)
    const both = Effect.promise(async () => [await crypto.isGenuine(signed), await crypto.decrypt(bytes)])
    const count = isQuick ? 1000 : 4000
    const times = yield* Effect.replicateEffect(
      Effect.gen(function*() {
        const begin = yield* Clock.currentTimeNanos
        yield* Effect.replicateEffect(both, count, { discard: true })
        return Number((yield* Clock.currentTimeNanos) - begin) / 1000 / count
      }),
      6
    )
    return median(times.slice(1))
  })

const main = Effect.gen(function*() {
  const [{ body }] = yield* prepare(event, 0, 1)
  const node = yield* cryptoTime(EventCrypto.make)
  const web = yield* cryptoTime(EventCrypto.makeWeb)
  yield* print(
    `isGenuine and decrypt, an event of ${Buffer.byteLength(JSON.stringify(event(0, 0)))} bytes in a body of ${
      Buffer.byteLength(body)
    }: node:crypto ${node.toFixed(1)} µs, WebCrypto ${web.toFixed(1)} µs`
  )
  yield* compare("app_ticket, each newer than the one before", ticket)
  yield* compare(`${eventType}, each with an id of its own, to a handler that does nothing`, event)
})

const served = process.argv[process.argv.indexOf("--serve") + 1]
if (process.argv.includes("--serve") && served !== undefined) await serve(served)
else await Effect.runPromise(main)
