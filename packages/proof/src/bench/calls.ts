/**
 * The CPU time of one call, beside the same call by the platform's own SDK. Each contestant sends `GET` with a tenant's token
 * from memory and decodes `data`, or sends the resend, to the same server, which is a process of its own.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Lark from "@larksuiteoapi/node-sdk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { map as mapValues } from "effect/Record"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Child from "../measure/Child.js"
import { alternate, cpuOf } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { app, appId, appSecret, everyToken, noTicket, sdk, tenantOf, tokenOf } from "./world.js"

const tenantKey = tenantOf(1)
const path = "/open-apis/tenant/v2/tenant/query"

// The platform

const answerTo: Readonly<Record<string, string>> = {
  [path]: JSON.stringify({
    code: 0,
    msg: "success",
    data: {
      tenant: {
        name: "Feishu",
        display_id: "F123456789",
        tenant_tag: 0,
        tenant_key: tenantKey,
        avatar: { avatar_origin: "https://example.com/a.png", avatar_72: "https://example.com/b.png" }
      }
    }
  }),
  "/open-apis/auth/v3/app_ticket/resend": JSON.stringify({ code: 0, msg: "success" })
}

/** Answers until the parent ends. */
export const serve = Effect.promise(async () => {
  const server = Http.createServer((request, response) => {
    request.resume()
    request.on("end", () => {
      const body = answerTo[request.url ?? ""]
      response.writeHead(body === undefined ? 404 : 200, {
        "content-type": "application/json; charset=utf-8",
        "content-length": Buffer.byteLength(body ?? ""),
        "x-tt-logid": "20261127061500B6F1F1D0C5D6E7F80911"
      })
      response.end(body)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  process.send?.({ port: (server.address() as AddressInfo).port })
  await once(process, "disconnect")
})

// The contestants

type Call = () => Promise<unknown>

const Tenant = Schema.Struct({
  tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String, tenant_key: Schema.String })
})

type Transport = Layer.Layer<HttpClient.HttpClient>

const runtimeOf = (baseUrl: string, transport: Transport) =>
  AccessToken.layer().pipe(
    Layer.provideMerge(Layer.mergeAll(app(baseUrl), noTicket, everyToken)),
    Layer.provideMerge(transport),
    Layer.toRuntime,
    Effect.map((runtime) => Runtime.runPromise(runtime))
  )

const feishuClient = (baseUrl: string, transport: Transport) =>
  Effect.gen(function*() {
    const run = yield* runtimeOf(baseUrl, transport)
    const client = yield* Effect.promise(() => run(FeishuClient.forTenant(tenantKey)))
    const call = Effect.flatMap(client.get(path), FeishuClient.schemaData(Tenant))
    return (): Promise<unknown> => run(call)
  })

const resend = (baseUrl: string, transport: Transport) =>
  Effect.map(runtimeOf(baseUrl, transport), (run): Call => () => run(AppTicket.resend))

/** A program that uses Effect's `HttpClient` and no more: no time limit, no retry, no typed refusal. */
const plain = (baseUrl: string, transport: Transport) =>
  Effect.gen(function*() {
    const client = Context.get(yield* Layer.build(transport), HttpClient.HttpClient)
    const answer = HttpClientResponse.schemaBodyJson(Schema.Struct({ code: Schema.Literal(0), data: Tenant }))
    const request = HttpClientRequest.bearerToken(HttpClientRequest.get(baseUrl + path), tokenOf(tenantKey))
    const call = Effect.flatMap(client.execute(request), answer)
    const run = Runtime.runPromise(yield* Effect.runtime())
    return (): Promise<unknown> => run(call)
  })

const ofSdk = (baseUrl: string) =>
  Effect.map(sdk(baseUrl, [tenantKey]), ({ client }) => {
    const options = Lark.withTenantKey(tenantKey)
    return {
      get: async () => {
        const answer = await client.request<{ data?: { tenant: { name: string } } }>(
          { method: "GET", url: path },
          options
        )
        if (answer.data?.tenant.name !== "Feishu") throw new Error("the SDK got no answer")
      },
      resend: async () => {
        const { code } = await client.auth.appTicket.resend({ data: { app_id: appId, app_secret: appSecret } })
        if (code !== 0) throw new Error("the SDK's resend failed")
      }
    }
  })

/** The least that each transport can do: no typed failure, no time limit, no check of anything. */
const bare = (baseUrl: string) => {
  const headers = { authorization: `Bearer ${tokenOf(tenantKey)}` }
  const agent = new Undici.Agent()
  return {
    undici: async () => {
      const { body } = await Undici.request(baseUrl + path, { headers, dispatcher: agent })
      return body.json()
    },
    fetch: async () => (await fetch(baseUrl + path, { headers })).json()
  }
}

const names = [
  "the SDK, GET",
  "the SDK, resend",
  "undici.request",
  "fetch",
  "HttpClient and Schema, undici",
  "HttpClient and Schema, fetch",
  "FeishuClient, undici",
  "FeishuClient, layerFetch",
  "AppTicket.resend, undici",
  "AppTicket.resend, layerFetch"
] as const

type Name = typeof names[number]

const contestants = (baseUrl: string): Effect.Effect<Readonly<Record<Name, Call>>, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const ofSdks = yield* ofSdk(baseUrl)
    const { fetch, undici } = bare(baseUrl)
    const { layerUndici } = NodeHttpClient
    const { layerFetch } = FeishuClient
    return {
      "the SDK, GET": ofSdks.get,
      "the SDK, resend": ofSdks.resend,
      "undici.request": undici,
      "fetch": fetch,
      "HttpClient and Schema, undici": yield* plain(baseUrl, layerUndici),
      "HttpClient and Schema, fetch": yield* plain(baseUrl, FetchHttpClient.layer),
      "FeishuClient, undici": yield* feishuClient(baseUrl, layerUndici),
      "FeishuClient, layerFetch": yield* feishuClient(baseUrl, layerFetch),
      "AppTicket.resend, undici": yield* resend(baseUrl, layerUndici),
      "AppTicket.resend, layerFetch": yield* resend(baseUrl, layerFetch)
    }
  })

// The measurement

/** Microseconds of CPU time of each round, by contestant, for each number of calls at once. */
type Times = Readonly<Record<string, Readonly<Record<string, ReadonlyArray<number>>>>>

const concurrencies = [1, 64] as const

const many = (call: Call, calls: number, concurrency: number) =>
  Effect.promise(() => {
    let begun = 0
    const worker = async () => {
      while (begun++ < calls) {
        // oxlint-disable-next-line no-await-in-loop -- one after another
        await call()
      }
    }
    return Promise.all(Array.from({ length: concurrency }, worker))
  })

export const measure = (isQuick: boolean): Effect.Effect<Times, unknown> =>
  Effect.gen(function*() {
    const { port } = yield* Effect.flatMap(Child.fork(["calls-platform"]), (child) =>
      Child.next<{ readonly port: number }>(child))
    const calls = isQuick ? 500 : 1500
    const all = yield* contestants(`http://127.0.0.1:${port}`)
    const times: Record<string, Record<Name, ReadonlyArray<number>>> = {}
    for (const concurrency of concurrencies) {
      times[concurrency] = yield* alternate(
        mapValues(all, (call) =>
          Effect.map(cpuOf(many(call, calls, concurrency)), (micros) => micros / calls)),
        { warmUp: isQuick ? 2 : 3, rounds: 5 }
      )
    }
    return times
  }).pipe(Effect.scoped)

// The report

const reference = "the SDK, GET" satisfies Name

/** How much CPU time a call may take, the SDK's `GET` being 1. */
const most: Partial<Record<Name, number>> = {
  "FeishuClient, undici": 1.05,
  "FeishuClient, layerFetch": 1.6,
  "AppTicket.resend, undici": 1.05,
  "AppTicket.resend, layerFetch": 1.6
}

/** The ratios of two processes differ by up to a tenth, so there are several processes. */
const processes = 3

/** Joins the rounds of several processes. */
const joined = (all: ReadonlyArray<Times>): Times =>
  Object.fromEntries(concurrencies.map((concurrency) => [
    concurrency,
    Object.fromEntries(names.map((name) => [name, all.flatMap((times) => times[concurrency]?.[name] ?? [])]))
  ]))

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Effect.replicateEffect(Child.measure<Times>("calls", isQuick), isQuick ? 1 : processes), (all) => {
    const times = joined(all)
    const ratio = (name: Name, concurrency: number, to: Name = reference) =>
      ratios(times[concurrency]?.[name] ?? [], times[concurrency]?.[to] ?? [])
    return {
      tables: [{
        title: "CPU time of a call, as a ratio to the SDK's GET",
        head: ["", ...concurrencies.map((concurrency) => `${concurrency} at a time`), "µs, 1 at a time"],
        rows: names.map((name) => [
          name,
          ...concurrencies.map((concurrency) => median(ratio(name, concurrency)).toFixed(2)),
          median(times[1]?.[name] ?? []).toFixed(0)
        ])
      }],
      claims: concurrencies.flatMap((concurrency) =>
        names.flatMap((name) => {
          const limit = most[name]
          return limit === undefined ? [] : [{
            name: `${name}, ${concurrency} at a time: CPU to the SDK's GET`,
            values: ratio(name, concurrency),
            must: { most: limit },
            slack: 1.5
          }]
        })
      )
    }
  })
