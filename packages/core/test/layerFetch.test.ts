/** `FeishuClient.layerFetch`: what it hands to `fetch`, and what the network sees of it. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { says, serve, services } from "./platform.js"

const path = "/open-apis/im/v1/messages"
const once = Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.none)
type Services = Layer.Layer.Success<ReturnType<typeof services>>

const calls: Record<string, Effect.Effect<unknown, unknown, Services>> = {
  resend: AppTicket.resend,
  "FeishuClient's GET": Effect.flatMap(FeishuClient.forTenant("tenant_1"), (client) => client.get(path)),
  "FeishuClient's POST": Effect.flatMap(FeishuClient.forTenant("tenant_1"), (client) => client.post(path))
}

/** A `fetch` that answers by itself, and the options that it was given. */
const recording = () => {
  const seen: Array<RequestInit> = []
  const fetch = ((_: unknown, init: RequestInit) => {
    seen.push(init)
    return Promise.resolve(Response.json({ code: 0, msg: "success" }))
  }) as typeof globalThis.fetch
  return { seen, fetch }
}

const run = <A, E>(
  call: Effect.Effect<A, E, Services>,
  baseUrl = "https://open.feishu.cn",
  client: Layer.Layer<HttpClient.HttpClient> = FeishuClient.layerFetch
) => once(Effect.provide(call, services(baseUrl, client)))

describe("layerFetch", () => {
  for (const [name, call] of Object.entries(calls)) {
    it.scopedLive(`follows no redirect of ${name}, also if the caller's RequestInit says so`, () =>
      Effect.gen(function*() {
        const elsewhere = yield* serve(says({ code: 0, msg: "success" }))
        for (const status of [301, 302, 303, 307, 308]) {
          const platform = yield* serve((response) =>
            response.writeHead(status, { location: `${elsewhere.baseUrl}/stolen` }).end()
          )
          const init: RequestInit = { redirect: "follow", headers: { "x-of-caller": "1" } }
          const asked = Effect.provideService(call, FetchHttpClient.RequestInit, init)
          yield* Effect.exit(run(asked, platform.baseUrl))
          yield* Effect.exit(run(
            call,
            platform.baseUrl,
            Layer.provide(FeishuClient.layerFetch, Layer.succeed(FetchHttpClient.RequestInit, init))
          ))
          assert.strictEqual(platform.arrived.length, 2)
          assert.deepStrictEqual(platform.arrived.map(({ headers }) => headers["x-of-caller"]), ["1", "1"])
        }
        assert.deepStrictEqual(elsewhere.arrived, [])
      }))

    it.effect(`asks for no cache in ${name}, also if the caller's RequestInit says so`, () =>
      Effect.gen(function*() {
        const { fetch, seen } = recording()
        const recorded = Effect.provideService(call, FetchHttpClient.Fetch, fetch)
        yield* run(recorded)
        yield* run(Effect.provideService(recorded, FetchHttpClient.RequestInit, { cache: "force-cache" }))
        assert.deepStrictEqual(seen.map(({ cache, redirect }) => [cache, redirect]), [
          ["no-store", "manual"],
          ["no-store", "manual"]
        ])
      }))
  }

  it.effect("leaves the cache out where the runtime refuses the option, as workerd does", () =>
    Effect.gen(function*() {
      const { fetch, seen } = recording()
      const refusing = class extends Request {
        constructor(input: string | URL | Request, init?: RequestInit) {
          if (init?.cache !== undefined) throw new TypeError("The 'cache' field is not implemented.")
          super(input, init)
        }
      }
      yield* Effect.acquireUseRelease(
        Effect.sync(() => {
          const { Request } = globalThis
          globalThis.Request = refusing
          return Request
        }),
        () => run(Effect.provideService(AppTicket.resend, FetchHttpClient.Fetch, fetch)),
        (Request) =>
          Effect.sync(() => {
            globalThis.Request = Request
          })
      )
      assert.deepStrictEqual(seen.map((init) => ["cache" in init, init.redirect]), [[false, "manual"]])
    }))

  it.effect("takes the fetch and the options of its layer, and the caller's before them", () =>
    Effect.gen(function*() {
      const { fetch, seen } = recording()
      const layer = FeishuClient.layerFetch.pipe(
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, fetch)),
        Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { credentials: "omit" }))
      )
      yield* run(AppTicket.resend, "https://open.feishu.cn", layer)
      const other = recording()
      yield* run(
        AppTicket.resend.pipe(
          Effect.provideService(FetchHttpClient.Fetch, other.fetch),
          Effect.provideService(FetchHttpClient.RequestInit, { credentials: "include" })
        ),
        "https://open.feishu.cn",
        layer
      )
      assert.deepStrictEqual(seen.map(({ credentials }) => credentials), ["omit"])
      assert.deepStrictEqual(other.seen.map(({ credentials }) => credentials), ["include"])
    }))

  it.scopedLive("sends every kind of body", () =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says({ code: 0, msg: "success" }))
      const form = new FormData()
      form.set("file", new Blob(["content"]), "a.txt")
      const bodies = {
        text: HttpBody.text("飞书", "text/plain"),
        json: HttpBody.unsafeJson({ a: 1 }),
        raw: HttpBody.raw("raw", { contentType: "text/plain" }),
        stream: HttpBody.stream(Stream.make(Buffer.from("in "), Buffer.from("pieces"))),
        form: HttpBody.formData(form),
        empty: HttpBody.empty
      }
      for (const body of Object.values(bodies)) {
        yield* run(Effect.flatMap(FeishuClient.forTenant("tenant_1"), (client) => client.post(path, { body })), baseUrl)
      }
      const texts = arrived.map(({ body }) => body.toString())
      assert.deepStrictEqual(texts.toSpliced(4, 1), ["飞书", "{\"a\":1}", "raw", "in pieces", ""])
      assert.include(texts[4], "filename=\"a.txt\"")
      assert.include(texts[4], "content")
    }))

  it.scopedLive("sends a ReadableStream", () =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says({ code: 0, msg: "success" }))
      const body = HttpBody.raw(new Blob(["飞书"]).stream())
      const post = Effect.flatMap(FeishuClient.forTenant("tenant_1"), (client) => client.post(path, { body }))
      yield* run(Effect.provideService(post, FetchHttpClient.RequestInit, {}), baseUrl)
      assert.deepStrictEqual(arrived.map(({ body }) => body.toString()), ["飞书"])
    }))

  it.scopedLive.each(
    [
      [
        "a character that no header can have",
        (client: FeishuClient.Client) => client.get(path, { headers: { "x-name": "飞书" } })
      ],
      [
        "a line break in a header",
        (client: FeishuClient.Client) => client.get(path, { headers: { "x-name": "a\nb" } })
      ],
      [
        "a GET with a body",
        (client: FeishuClient.Client) =>
          client.execute(HttpClientRequest.bodyText(HttpClientRequest.get(path), "a body"))
      ]
    ] as const
  )("refuses %s as InvalidRequest, and sends nothing", ([_, call]) =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says({ code: 0, msg: "success" }))
      const error = yield* FeishuClient.forTenant("tenant_1").pipe(
        Effect.flatMap(call),
        Effect.flip,
        Effect.provide(services(baseUrl, FeishuClient.layerFetch))
      )
      assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidRequest" })
      assert.deepStrictEqual(arrived, [])
    }))

  it.scopedLive("ends the stream of a body when the request is interrupted", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* serve(() => {})
      const ended = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const endless = Stream.repeatEffect(Effect.as(Effect.sleep("5 millis"), new Uint8Array(1000))).pipe(
        Stream.tap(() => Deferred.succeed(begun, undefined)),
        Stream.ensuring(Deferred.succeed(ended, undefined))
      )
      const post = Effect.flatMap(
        FeishuClient.forTenant("tenant_1"),
        (client) => client.post(path, { body: HttpBody.stream(endless) })
      )
      const fiber = yield* Effect.fork(run(post, baseUrl))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(ended)
    }))
})
