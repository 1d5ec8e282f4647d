/** The size of the bundle of a small program that only sends the resend, minified by esbuild and compressed by gzip. */
import * as Effect from "effect/Effect"
import { build } from "esbuild"
import * as Path from "node:path"
import { gzipSync } from "node:zlib"
import type { Section } from "../report/Section.js"

const own = ["AppTicket", "FeishuApp", "FeishuClient"].map((name) =>
  `import * as ${name} from "@effect-feishu/core/${name}"`
)

const resend = (app: string) =>
  [
    ...own,
    `import * as Effect from "effect/Effect"`,
    `import * as Redacted from "effect/Redacted"`,
    `Effect.runPromise(Effect.provide(AppTicket.resend, [${app}, FeishuClient.layerFetch]))`
  ].join("\n")

const reference = `
  import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
  import * as HttpClient from "@effect/platform/HttpClient"
  import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
  import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
  import * as Effect from "effect/Effect"
  import * as Schedule from "effect/Schedule"
  import * as Schema from "effect/Schema"
  HttpClientRequest.post("https://open.feishu.cn").pipe(
    HttpClientRequest.bodyUnsafeJson({}),
    HttpClient.execute,
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ code: Schema.Literal(0) }))),
    Effect.timeout("10 seconds"),
    Effect.retry(Schedule.jittered(Schedule.exponential(200))),
    Effect.provide(FetchHttpClient.layer),
    Effect.runPromise
  )`

/** Kilobytes of 1000 bytes. */
const sizeOf = (contents: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const { outputFiles } = await build({
      // The settings of TypeScript there lead to the packages as they are built.
      stdin: { contents, resolveDir: Path.resolve("packages/proof") },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node20",
      write: false
    })
    return gzipSync(outputFiles[0]?.contents ?? "").length / 1000
  })

const programs = {
  "Effect's HttpClient, Schema and Schedule": reference,
  "AppTicket.resend, FeishuApp.layer": resend(
    `FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make("a secret") })`
  ),
  "AppTicket.resend, FeishuApp.layerConfig": resend("FeishuApp.layerConfig()")
}

const most: Partial<Record<string, number>> = {
  "AppTicket.resend, FeishuApp.layer": 91.5,
  "AppTicket.resend, FeishuApp.layerConfig": 92.5
}

export const section: Effect.Effect<Section> = Effect.gen(function*() {
  const sizes = yield* Effect.forEach(
    Object.entries(programs),
    ([name, program]) => Effect.map(sizeOf(program), (size) => [name, size] as const)
  )
  return {
    tables: [{
      title: "The bundle of a small program, minified by esbuild, gzip",
      head: ["", "kB"],
      rows: sizes.map(([name, size]) => [name, size.toFixed(1)])
    }],
    claims: sizes.flatMap(([name, size]) => {
      const limit = most[name]
      return limit === undefined
        ? []
        : [{
          name: `bundle of ${name}`,
          values: [size],
          must: { most: limit },
          aim: limit - 1.5,
          unit: "kB",
          digits: 1,
          isExact: true
        }]
    })
  }
})
