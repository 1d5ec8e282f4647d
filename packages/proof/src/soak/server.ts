/**
 * The store app of the run of minutes: calls the platform for its tenants as often as the page `/load` says, takes events and
 * callbacks, and shows on the page `/figures` what it has done and what it needs.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as EventHandler from "@effect-feishu/core/EventHandler"
import * as EventHttpApp from "@effect-feishu/core/EventHttpApp"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import type * as FeishuEvent from "@effect-feishu/core/FeishuEvent"
import * as RedisConnection from "@effect-feishu/redis/RedisConnection"
import * as RedisTicketStore from "@effect-feishu/redis/RedisTicketStore"
import * as RedisTokenStore from "@effect-feishu/redis/RedisTokenStore"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { appendFileSync } from "node:fs"
import { createServer } from "node:http"
import * as Outcome from "../outcome.js"
import * as StoreApp from "../storeApp.js"
import * as Tally from "../tally.js"
import { shrunk, times } from "./shrunk.js"
import * as Stalls from "./stalls.js"
import { toast } from "./toast.js"

/** A call that failed. Times are in milliseconds since 1970. */
export interface Failure {
  readonly call: string
  readonly outcome: string
  readonly begin: number
  readonly end: number
}

/** The content of the page `/figures`. */
export interface Figures {
  /** In bytes, after the garbage was collected. */
  readonly heap: number
  readonly rss: number
  /** Sockets, timers and files that keep the process alive. */
  readonly handles: number
  /** Calls that have ended, by method. */
  readonly calls: Readonly<Tally.Tally>
  /** The calls that have failed: some hundreds, so that they hardly count as memory. */
  readonly failures: ReadonlyArray<Failure>
  readonly stalls: ReadonlyArray<Stalls.Stall>
}

const calls: Tally.Tally = {}
const failures: Array<Failure> = []

/** `SOAK_LEAK`: so many bytes of each call are never freed, to see that the run notices. */
const leak = Math.floor(Number(process.env["SOAK_LEAK"] ?? 0) / 8)
const leaked: Array<ReadonlyArray<number>> = []

// The calls

/** Calls the platform once. One call of four is a `POST`, which is not sent again after a failure that may have had an effect. */
const call = (tenants: number) =>
  Effect.gen(function*() {
    const tenant = `tenant_${yield* Random.nextIntBetween(0, tenants)}`
    const method = (yield* Random.next) < 0.25 ? "POST" : "GET"
    const begin = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(method === "GET" ? StoreApp.query(tenant) : StoreApp.send(tenant))
    const outcome = Outcome.of(exit)
    Tally.add(calls, method)
    if (outcome !== Outcome.success) {
      failures.push({ call: method, outcome, begin, end: yield* Clock.currentTimeMillis })
    }
    if (leak > 0) leaked.push(Array.from({ length: leak }, () => begin))
  })

/** Calls in a second. */
let rate = 0

/** So many calls are under way at most, so that a busy machine gets less to do and not more and more. */
const mostUnderWay = 32
let underWay = 0

/** Makes the calls that are due, however long the calls before take. Leaves out what a busy machine has missed. */
const load = Effect.gen(function*() {
  const tenants = yield* Config.integer("TENANTS")
  let due = 0
  let last = yield* Clock.currentTimeMillis
  while (true) {
    yield* Effect.sleep("20 millis")
    const now = yield* Clock.currentTimeMillis
    due = Math.min(due + (now - last) / 1000 * rate, rate)
    last = now
    for (; due >= 1; due--) {
      if (underWay >= mostUnderWay) continue
      underWay++
      yield* Effect.fork(Effect.ensuring(call(tenants), Effect.sync(() => underWay--)))
    }
  }
})

// The events

const Events = Layer.unwrapEffect(Effect.map(Config.string("RUNS"), (runs) => {
  const note = (word: "start" | "done", { id }: FeishuEvent.FeishuEvent) =>
    Effect.sync(() => appendFileSync(runs, `${word} ${id} ${process.pid}\n`))
  return EventSubscription.layer({
    handlers: [
      EventHandler.on("app_soak", (event) =>
        note("start", event).pipe(
          Effect.zipRight(Effect.flatMap(Random.nextIntBetween(20, 101), (millis) => Effect.sleep(millis))),
          Effect.zipRight(note("done", event))
        )),
      EventHandler.callback("card.action.trigger", () => Effect.succeed({ toast }))
    ]
  })
}))

// The pages

const figures = (stalls: ReadonlyArray<Stalls.Stall>) =>
  Effect.sync((): Figures => {
    globalThis.gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    return { heap: heapUsed, rss, handles: process.getActiveResourcesInfo().length, calls, failures, stalls }
  })

const setLoad = Effect.map(
  HttpServerRequest.schemaSearchParams(Schema.Struct({ rate: Schema.NumberFromString })),
  (given) => {
    rate = given.rate
  }
)

const page = <E, R>(path: `/${string}`, text: Effect.Effect<string, E, R>) =>
  HttpLayerRouter.add("GET", path, Effect.map(Effect.orDie(text), (text) => HttpServerResponse.text(text)))

const Figures = Layer.unwrapScoped(
  Effect.map(Stalls.watch, (stalls) => page("/figures", Effect.map(figures(stalls), (shown) => JSON.stringify(shown))))
)

const Pages = Layer.merge(Figures, page("/load", Effect.as(setLoad, "")))

// The platform, whose hours are short

const Issued = Schema.parseJson(
  Schema.Struct({ expire: Schema.Number }, Schema.Record({ key: Schema.String, value: Schema.Unknown }))
)
const decodeIssued = Schema.decodeOption(Issued)

/** Shortens the life of each token that the platform issues, because the platform counts on its own clock. */
const shorten = HttpClient.transformResponse(
  Effect.flatMap((response) =>
    new URL(response.request.url).pathname.endsWith("_access_token")
      ? Effect.map(response.text, (text) => {
        const body = Option.match(decodeIssued(text), {
          onNone: () => text,
          onSome: (issued) => JSON.stringify({ ...issued, expire: Math.max(1, Math.floor(issued.expire / times)) })
        })
        const headers = Headers.remove(response.headers, "content-length")
        return HttpClientResponse.fromWeb(response.request, new Response(body, { status: response.status, headers }))
      })
      : Effect.succeed(response)
  )
)

HttpLayerRouter.serve(
  Layer.mergeAll(EventHttpApp.layer("/webhook/event"), Pages, Layer.scopedDiscard(Effect.forkScoped(load)))
).pipe(
  Layer.provide([
    AccessToken.layer({ renewWithin: shrunk("25 minutes"), expiryMargin: shrunk("3 minutes") }),
    Events
  ]),
  Layer.provide(AppTicket.layer({ freshFor: shrunk("75 minutes") })),
  Layer.provide([
    RedisTicketStore.layer(),
    RedisTokenStore.layer(),
    FeishuApp.layerConfig(FeishuApp.config, { transformClient: shorten }),
    FeishuClient.layerFetch
  ]),
  Layer.provide(RedisConnection.layerConfig()),
  Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
  Layer.launch,
  NodeRuntime.runMain
)
