/** Uploads that can be read once, and downloads, over each of the usual HTTP clients. */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Option, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { Readable } from "node:stream"
import { gzipSync } from "node:zlib"
import * as FeishuClient from "../src/FeishuClient.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import { clients, says, serve, services } from "./platform.js"

const path = "/open-apis/drive/v1/medias/upload_all"
const download = "/open-apis/im/v1/messages/om_1/resources/file_1"

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** 200,000 bytes, in pieces. */
const bytes = Buffer.alloc(200_000, "飞书 upload ")
const pieces = Array.from({ length: 100 }, (_, n) => bytes.subarray(n * 2000, (n + 1) * 2000))

describe.each(clients)("FeishuClient over %s", (name, http) => {
  const policy = RetryPolicy.make({ baseDelay: 0 })

  const withClient = <A, E>(baseUrl: string, use: (client: FeishuClient.Client) => Effect.Effect<A, E>) =>
    FeishuClient.forTenant("tenant_1").pipe(
      Effect.flatMap(use),
      Effect.provideService(RetryPolicy.RetryPolicy, policy),
      Effect.provide(services(baseUrl, http))
    )

  /** A body that is gone once it was read, as a proxied upload is. */
  const readOnce = () =>
    HttpBody.stream(Stream.fromAsyncIterable(Readable.from(pieces), (error) => error), "application/octet-stream")

  it.scopedLive.each(
    [
      ["a rate limit", { code: 99991400, msg: "" }, 429],
      ["a refused token", { code: 99991663, msg: "" }, 400],
      ["an internal error", { code: 1500, msg: "" }, 500]
    ] as const
  )("sends a stream once after %s, and returns the refusal", ([_, body, status]) =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(says(body, status), says({ code: 0, data: {} }))
      const error = yield* withClient(baseUrl, (client) =>
        FeishuClient.idempotent(client.post(path, { body: readOnce() })).pipe(
          Effect.flatMap(FeishuClient.schemaData(Schema.Unknown)),
          Effect.flip
        ))
      assert.deepInclude(error, { _tag: "FeishuApiError", code: body.code })
      assert.deepStrictEqual(
        arrived.map(({ body }) =>
          sha256(body)
        ),
        [sha256(bytes)]
      )
    }))

  it.scopedLive("sends a stream again whole if the caller says that it can run again", () =>
    Effect.gen(function*() {
      const { arrived, baseUrl } = yield* serve(
        says({ code: 99991400, msg: "" }, 429),
        says({ code: 99991663, msg: "" }, 400),
        says({ code: 0, data: {} })
      )
      const body = HttpBody.stream(Stream.fromIterable(pieces), "application/octet-stream")
      // The token of these tests is always the same, so the second refusal is the caller's.
      const error = yield* withClient(baseUrl, (client) =>
        FeishuClient.replayable(client.post(path, { body })).pipe(
          Effect.flatMap(FeishuClient.schemaData(Schema.Unknown)),
          Effect.flip
        ))
      assert.deepInclude(error, { code: 99991663 })
      assert.deepStrictEqual(arrived.map(({ body }) => sha256(body)), [sha256(bytes), sha256(bytes)])
    }))

  const file = (baseUrl: string) =>
    withClient(baseUrl, (client) =>
      Effect.gen(function*() {
        const { name, size, stream, type } = yield* Effect.flatMap(client.get(download), FeishuClient.file)
        const content = Buffer.concat(Chunk.toReadonlyArray(yield* Stream.runCollect(stream)))
        return { name: Option.getOrNull(name), size: Option.getOrNull(size), type, content }
      }))

  it.scopedLive("downloads a file with its name, type and size", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* serve((response) =>
        response.writeHead(200, {
          "content-type": "image/png",
          "content-length": bytes.length,
          "content-disposition": "attachment; filename=\"a.png\"; filename*=UTF-8''%E9%A3%9E%E4%B9%A6.png"
        }).end(bytes)
      )
      const { content, ...rest } = yield* file(baseUrl)
      assert.deepStrictEqual(rest, { name: "飞书.png", size: bytes.length, type: "image/png" })
      assert.strictEqual(sha256(content), sha256(bytes))
    }))

  it.scopedLive("downloads a JSON file, as an attachment or as it is, and an empty file", () =>
    Effect.gen(function*() {
      const json = JSON.stringify({ code: 234037, mine: true })
      const attachment = yield* serve((response) =>
        response.writeHead(200, { "content-type": "application/json", "content-disposition": "attachment" }).end(json)
      )
      assert.strictEqual((yield* file(attachment.baseUrl)).content.toString(), json)
      const foreign = yield* serve(says([1, 2, 3]))
      assert.strictEqual((yield* file(foreign.baseUrl)).content.toString(), "[1,2,3]")
      const empty = yield* serve((response) =>
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": 0 }).end()
      )
      assert.deepInclude(yield* file(empty.baseUrl), { size: 0, name: null })
    }))

  it.scopedLive.each([200, 400])(
    "fails with the platform's refusal of a file, with HTTP %i",
    (status) =>
      Effect.gen(function*() {
        const { baseUrl } = yield* serve(
          says({ code: 234037, msg: "the file is too large" }, status, { "x-tt-logid": "log 1" })
        )
        const error = yield* Effect.flip(file(baseUrl))
        assert.deepInclude(error, {
          _tag: "FeishuApiError",
          code: 234037,
          msg: "the file is too large",
          status,
          logId: "log 1"
        })
      })
  )

  it.scopedLive("fails if the answer is a success without a file, a redirect or a page", () =>
    Effect.gen(function*() {
      const success = yield* serve(says({ code: 0, msg: "success", data: {} }))
      assert.deepInclude(yield* Effect.flip(file(success.baseUrl)), { _tag: "FeishuNetworkError", reason: "Schema" })
      const redirect = yield* serve((response) => response.writeHead(302, { location: "/login" }).end())
      assert.deepInclude(yield* Effect.flip(file(redirect.baseUrl)), { reason: "InvalidResponse", status: 302 })
      const page = yield* serve((response) => response.writeHead(404, { "content-type": "text/html" }).end("<html>"))
      assert.deepInclude(yield* Effect.flip(file(page.baseUrl)), { reason: "InvalidResponse", status: 404 })
    }))

  it.scopedLive("fails in the stream if the file breaks off", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* serve((response) => {
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": 100 })
        response.write("the beginning", () => response.socket?.destroy())
      })
      const error = yield* Effect.flip(file(baseUrl))
      assert.deepInclude(error, { _tag: "FeishuNetworkError", reason: "InvalidResponse", status: 200 })
      assert.include(error.message, "broke off")
    }))

  it.scopedLive("keeps the text of integers that JSON.parse would round", () =>
    Effect.gen(function*() {
      const text = "{\"code\":0,\"msg\":\"\",\"data\":{\"id\":9007199254740993}}"
      const { baseUrl } = yield* serve((response) =>
        response.writeHead(200, { "content-type": "application/json" }).end(text)
      )
      assert.strictEqual(
        yield* withClient(baseUrl, (client) => Effect.flatMap(client.get(path), ({ text }) => text)),
        text
      )
    }))

  it.scopedLive("reads JSON of any length and in any pieces, up to 64 MiB", () =>
    Effect.gen(function*() {
      const long = { code: 0, msg: "", data: { text: "飞书".repeat(1_000_000) } }
      const known = yield* serve(says(long))
      const unknown = yield* serve((response) => {
        const text = Buffer.from(JSON.stringify(long))
        response.writeHead(200, { "content-type": "application/json" })
        for (let at = 0; at < text.length; at += 65_537) response.write(text.subarray(at, at + 65_537))
        response.end()
      })
      for (const { baseUrl } of [known, unknown]) {
        const data = yield* withClient(baseUrl, (client) =>
          Effect.flatMap(client.get(path), FeishuClient.schemaData(Schema.Struct({ text: Schema.String }))))
        assert.strictEqual(data.text.length, 2_000_000)
      }
      const tooLong = yield* serve((response) => {
        response.writeHead(200, { "content-type": "application/json" })
        const spaces = Buffer.alloc(1024 * 1024, " ")
        const more = () => {
          while (!response.destroyed && response.write(spaces));
        }
        response.on("drain", more)
        more()
      })
      const exit = yield* Effect.exit(withClient(tooLong.baseUrl, (client) =>
        client.post(path)))
      assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", "longer than 64 MiB")
    }))

  if (name === "fetch") {
    it.scopedLive("downloads a file that was compressed, whose size is not known", () =>
      Effect.gen(function*() {
        const { baseUrl } = yield* serve((response) =>
          response.writeHead(200, { "content-type": "text/csv", "content-encoding": "gzip" }).end(gzipSync(bytes))
        )
        const { content, size } = yield* file(baseUrl)
        assert.strictEqual(size, null)
        assert.strictEqual(sha256(content), sha256(bytes))
      }))
  }
})
