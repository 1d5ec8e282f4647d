/**
 * Prints how large the bundle of a small program is, minified by esbuild and compressed by gzip:
 *
 *     npx tsx packages/core/bench/bundle.ts
 *
 * The reference sends one request with Effect's own `HttpClient`. The other programs send the resend. Ends with 1 if a
 * bundle exceeds its limit.
 */
import { build } from "esbuild"
import * as Path from "node:path"
import * as Url from "node:url"
import { gzipSync } from "node:zlib"

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
const sizeOf = async (contents: string): Promise<number> => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: Path.dirname(Url.fileURLToPath(import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false
  })
  return gzipSync(outputFiles[0]?.contents ?? "").length / 1000
}

interface Row {
  readonly name: string
  readonly program: string
  readonly limit?: number
}

const rows: ReadonlyArray<Row> = [
  { name: "HttpClient, Schema, Schedule", program: reference },
  {
    name: "resend, FeishuApp.layer",
    program: resend(`FeishuApp.layer({ appId: "cli_test", appSecret: Redacted.make("a secret") })`),
    limit: 91.5
  },
  { name: "resend, FeishuApp.layerConfig", program: resend("FeishuApp.layerConfig()"), limit: 92.5 }
]

let isWithin = true
process.stdout.write("Bundle of a small program, gzip\n")
for (const { limit, name, program } of rows) {
  // oxlint-disable-next-line no-await-in-loop
  const size = await sizeOf(program)
  const isOver = limit !== undefined && !(size <= limit)
  isWithin &&= !isOver
  process.stdout.write(
    `  ${name.padEnd(32)} ${size.toFixed(1)} kB${limit === undefined ? "" : `  at most ${limit} kB`}${
      isOver ? "  TOO MUCH" : ""
    }\n`
  )
}
process.exit(isWithin ? 0 : 1)
