/**
 * Prints what one call costs in CPU time, as a ratio to the same call by the platform's own SDK:
 *
 *     npx tsx packages/core/bench/calls.ts [--quick]
 *
 * Every contestant sends `GET` with a tenant's token from memory and decodes `data`, or sends the resend, to the same
 * server, which is a process of its own. All run in this process and take turns, round after round, one call at a time
 * and 64 at a time. A ratio is the contestant's CPU time divided by the SDK's of the same round; the table shows medians.
 * Ends with 1 if a ratio exceeds its limit.
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as FeishuClient from "@effect-feishu/core/FeishuClient"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Lark from "@larksuiteoapi/node-sdk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Url from "node:url"

const appId = "cli_a1b2c3d4e5f6a7b8"
const tenantKey = "2ed263bf32cf1651"
const token = `t-g1044ghJRUIJJ5ZPPZMOHKWZISL33E4QSS3${tenantKey}`
const path = "/open-apis/tenant/v2/tenant/query"

const isQuick = process.argv.includes("--quick")
const sizes = isQuick ? { calls: 500, rounds: 5, warmUp: 2 } : { calls: 1500, rounds: 15, warmUp: 3 }
/** Short rounds vary too much for the exact limits. */
const slack = isQuick ? 1.2 : 1

// The server

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

const serve = async () => {
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
  process.on("disconnect", () => process.exit())
}

// The contestants

/** One call. */
type Call = () => Promise<unknown>

const Tenant = Schema.Struct({
  tenant: Schema.Struct({ name: Schema.String, display_id: Schema.String, tenant_key: Schema.String })
})

const layers = (baseUrl: string) => {
  const App = FeishuApp.layer({ appId, appSecret: Redacted.make("an app secret"), baseUrl })
  const Tickets = Layer.succeed(AppTicket.AppTicket, {
    get: Effect.dieMessage("a ticket was asked for"),
    refresh: Effect.dieMessage("a ticket was asked for"),
    invalidate: () => Effect.void,
    changes: Stream.empty
  })
  const Tokens = Layer.effect(
    TokenStore.TokenStore,
    Effect.map(TokenStore.makeMemory(), (memory) => ({
      ...memory,
      get: () =>
        Effect.map(
          DateTime.now,
          (now) => Option.some({ value: Redacted.make(token), expiresAt: DateTime.add(now, { hours: 2 }) })
        )
    }))
  )
  return Layer.provideMerge(AccessToken.layer(), Layer.mergeAll(App, Tickets, Tokens))
}

const runtimeOf = (baseUrl: string, transport: Layer.Layer<HttpClient.HttpClient>) =>
  Effect.map(
    Layer.toRuntime(Layer.provideMerge(layers(baseUrl), transport)),
    (runtime) => Runtime.runPromise(runtime)
  )

const feishuClient = (baseUrl: string, transport: Layer.Layer<HttpClient.HttpClient>) =>
  Effect.gen(function*() {
    const run = yield* runtimeOf(baseUrl, transport)
    const client = yield* Effect.promise(() => run(FeishuClient.forTenant(tenantKey)))
    const call = Effect.flatMap(client.get(path), FeishuClient.schemaData(Tenant))
    return (): Promise<unknown> => run(call)
  })

const resend = (baseUrl: string, transport: Layer.Layer<HttpClient.HttpClient>) =>
  Effect.map(runtimeOf(baseUrl, transport), (run): Call => () => run(AppTicket.resend))

/** What a program writes that uses Effect's `HttpClient` and no more: no time limit, no retry, no typed refusal. */
const plain = (baseUrl: string, transport: Layer.Layer<HttpClient.HttpClient>) =>
  Effect.gen(function*() {
    const client = Context.get(yield* Layer.build(transport), HttpClient.HttpClient)
    const answer = HttpClientResponse.schemaBodyJson(Schema.Struct({ code: Schema.Literal(0), data: Tenant }))
    const request = HttpClientRequest.bearerToken(HttpClientRequest.get(baseUrl + path), token)
    const call = Effect.flatMap(client.execute(request), answer)
    const run = Runtime.runPromise(yield* Effect.runtime())
    return (): Promise<unknown> => run(call)
  })

const sdk = (baseUrl: string) => {
  const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }
  const client = new Lark.Client({
    appId,
    appSecret: "an app secret",
    appType: Lark.AppType.ISV,
    domain: baseUrl,
    logger: silent
  })
  const { cache } = client as unknown as { readonly cache: Lark.Cache }
  return Effect.map(Clock.currentTimeMillis, (now) => {
    const isCached = cache.set(`larkMarketAccessToken${tenantKey}`, token, now + 7_200_000, { namespace: appId })
    const options = Lark.withTenantKey(tenantKey)
    return {
      get: async () => {
        await isCached
        const answer = await client.request<{ data?: { tenant: { name: string } } }>(
          { method: "GET", url: path },
          options
        )
        if (answer.data?.tenant.name !== "Feishu") throw new Error("the SDK got no answer")
      },
      resend: async () => {
        const { code } = await client.auth.appTicket.resend({ data: { app_id: appId, app_secret: "an app secret" } })
        if (code !== 0) throw new Error("the SDK's resend failed")
      }
    }
  })
}

/** The least that each transport can do: no typed failure, no time limit, no check of anything. */
const bare = (baseUrl: string) => {
  const headers = { authorization: `Bearer ${token}` }
  const agent = new Undici.Agent()
  return {
    undici: async () => {
      const { body } = await Undici.request(baseUrl + path, { headers, dispatcher: agent })
      return body.json()
    },
    fetch: async () => (await fetch(baseUrl + path, { headers })).json()
  }
}

// The measurement

const cpuMicros = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}

/** CPU time in microseconds for each of so many calls, `concurrency` at a time. */
const measure = async (call: Call, concurrency: number): Promise<number> => {
  let begun = 0
  const worker = async () => {
    while (begun++ < sizes.calls) {
      // oxlint-disable-next-line no-await-in-loop
      await call()
    }
  }
  const before = cpuMicros()
  await Promise.all(Array.from({ length: concurrency }, worker))
  return (cpuMicros() - before) / sizes.calls
}

const median = (values: ReadonlyArray<number>) => values.toSorted(Order.number)[Math.floor(values.length / 2)] ?? NaN

interface Row {
  readonly name: string
  readonly call: Call
  /** The largest ratio to the SDK's `GET`. */
  readonly limit?: number
  /** A second row to compare with. */
  readonly plain?: string
}

const reference = "SDK, GET"
const plainUndici = "HttpClient and Schema, undici"
const plainFetch = "HttpClient and Schema, fetch"

const rows = (baseUrl: string) =>
  Effect.gen(function*() {
    const { get, resend: sdkResend } = yield* sdk(baseUrl)
    const { fetch, undici } = bare(baseUrl)
    const { layerUndici } = NodeHttpClient
    const { layerFetch } = FeishuClient
    const table: ReadonlyArray<Row> = [
      { name: reference, call: get },
      { name: "SDK, resend", call: sdkResend },
      { name: "undici.request", call: undici },
      { name: "fetch", call: fetch },
      { name: plainUndici, call: yield* plain(baseUrl, layerUndici) },
      { name: plainFetch, call: yield* plain(baseUrl, FetchHttpClient.layer) },
      {
        name: "FeishuClient, undici",
        call: yield* feishuClient(baseUrl, layerUndici),
        limit: 1.05,
        plain: plainUndici
      },
      {
        name: "FeishuClient, layerFetch",
        call: yield* feishuClient(baseUrl, layerFetch),
        limit: 1.6,
        plain: plainFetch
      },
      { name: "AppTicket.resend, undici", call: yield* resend(baseUrl, layerUndici), limit: 1.05 },
      { name: "AppTicket.resend, layerFetch", call: yield* resend(baseUrl, layerFetch), limit: 1.6 }
    ]
    return table
  })

const round = async (table: ReadonlyArray<Row>, concurrency: number): Promise<ReadonlyMap<string, number>> => {
  const micros = new Map<string, number>()
  for (const { call, name } of table) {
    // oxlint-disable-next-line no-await-in-loop
    micros.set(name, await measure(call, concurrency))
  }
  return micros
}

const print = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

/** One measured round: the CPU time of each row. */
type Round = ReadonlyMap<string, number>

const ratioOf = (rounds: ReadonlyArray<Round>, name: string, reference: string) =>
  median(rounds.map((micros) => (micros.get(name) ?? NaN) / (micros.get(reference) ?? NaN)))

const lineOf = (rounds: ReadonlyArray<Round>, { limit, name, plain }: Row) => {
  const ratio = ratioOf(rounds, name, reference)
  const isOver = limit !== undefined && !(ratio <= limit * slack)
  const columns = [
    ratio.toFixed(2),
    limit === undefined ? "" : `at most ${limit.toFixed(2)}`,
    plain === undefined ? "" : `${ratioOf(rounds, name, plain).toFixed(2)} of ${plain}`,
    isOver ? "TOO MUCH" : ""
  ]
  return { isOver, line: `  ${name.padEnd(30)} ${columns.filter((column) => column !== "").join("  ")}` }
}

const main = (baseUrl: string) =>
  Effect.gen(function*() {
    const table = yield* rows(baseUrl)
    let isWithin = true
    for (const concurrency of [1, 64]) {
      const once = Effect.promise(() => round(table, concurrency))
      yield* Effect.replicateEffect(once, sizes.warmUp, { discard: true })
      const rounds = yield* Effect.replicateEffect(once, sizes.rounds)
      yield* print(`CPU time of a call, ${concurrency} at a time, as a ratio to the SDK's GET`)
      for (const row of table) {
        const { isOver, line } = lineOf(rounds, row)
        isWithin &&= !isOver
        yield* print(line)
      }
    }
    return isWithin
  }).pipe(Effect.scoped)

if (process.send === undefined) {
  const server = ChildProcess.fork(Url.fileURLToPath(import.meta.url), { execArgv: process.execArgv })
  const [{ port }] = await once(server, "message") as [{ readonly port: number }]
  const isWithin = await Effect.runPromise(main(`http://127.0.0.1:${port}`))
  server.disconnect()
  process.exit(isWithin ? 0 : 1)
} else {
  await serve()
}
