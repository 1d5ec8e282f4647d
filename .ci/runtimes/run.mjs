/**
 * The webhook under Bun, Deno and workerd: the Hono example as one ES module, and the emulator that pushes to it from
 * here. From the repository's root, after `npm install --prefix .ci/runtimes`: `npx tsx .ci/runtimes/run.mjs`.
 */
import { Emulator } from "@effect-feishu/emulator"
import { Effect, Redacted, Schedule } from "effect"
import { build } from "esbuild"
import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request as httpRequest } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { bundling, freePort, start } from "./process.mjs"

const here = dirname(fileURLToPath(import.meta.url))
const examples = join(here, "../../examples")
const directory = mkdtempSync(join(tmpdir(), "runtimes-"))
const bundle = join(directory, "hono.mjs")

const variables = {
  FEISHU_APP_ID: "cli_runtime",
  FEISHU_APP_SECRET: "the app secret",
  FEISHU_ENCRYPT_KEY: "the encrypt key",
  FEISHU_VERIFICATION_TOKEN: "the verification token"
}

const workerdConfig = (port, compatibilityDate) =>
  `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "hono.mjs", esModule = embed "hono.mjs")],
  compatibilityDate = "${compatibilityDate}",
  bindings = [${Object.entries(variables).map(([name, text]) => `(name = "${name}", text = "${text}")`).join(", ")}]
);
`

const workerd = (compatibilityDate, hasNodeCrypto) => ({
  name: "workerd",
  date: compatibilityDate,
  hasNodeCrypto,
  args: (port) => {
    const config = join(directory, "workerd.capnp")
    writeFileSync(config, workerdConfig(port, compatibilityDate))
    return ["serve", config]
  }
})

const runtimes = [
  { name: "bun", hasNodeCrypto: true, args: () => [bundle] },
  {
    name: "deno",
    hasNodeCrypto: true,
    args: (port) => [
      "serve",
      "--no-config",
      "--quiet",
      "--allow-env",
      "--host=127.0.0.1",
      `--port=${port}`,
      bundle
    ]
  },
  // A Worker's date decides what it has: with the first no process and no node:crypto, and so WebCrypto is tried, too.
  workerd("2025-01-01", false),
  workerd("2026-11-01", true)
]

const post = (url, { agent, body, headers }) =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", headers, agent, timeout: 10_000 }, (response) => {
      response.resume()
      response.on("end", () => {
        resolve(response.statusCode)
        // Whoever has its answer sends no more.
        if (!request.writableEnded) request.destroy()
      })
      response.on("error", reject)
    })
    request.on("timeout", () => request.destroy(new Error("no answer within 10 s")))
    request.on("error", reject)
    body(request)
  })

/** A runtime may close the connection before all is sent, and the answer is lost with it now and then: once more. */
const postTooMuch = async (url, options, tries = 5) => {
  try {
    return await post(url, options)
  } catch (error) {
    if (tries === 1 || (error.code !== "EPIPE" && error.code !== "ECONNRESET")) throw error
    return postTooMuch(url, options, tries - 1)
  }
}

const json = { "content-type": "application/json" }

/** Of a length that is known to be too long before any of it is sent: the answer may come before, too. */
const declaredLength = 1_000_001
const tooLong = async (request) => {
  request.flushHeaders()
  await sleep(200)
  if (!request.destroyed) request.end(" ".repeat(declaredLength))
}

/** In chunks, without a length: 20 MB, or until an answer comes, for which each chunk leaves a little time. */
const flood = async (request, left = 320) => {
  if (request.destroyed) return
  if (left === 0) return request.end()
  request.write(Buffer.alloc(64 * 1024, " "))
  await sleep(5)
  return flood(request, left - 1)
}

/** What happens at the edges of HTTP is the runtime's, and this library's door's. */
const edges = async (url) => {
  const got = await fetch(url)
  assert.deepEqual([got.status, got.headers.get("allow")], [405, "POST"])
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const send = (headers, text) => post(url, { agent, headers, body: (request) => request.end(text) })
  assert.equal(await send({ "content-type": "text/plain" }, " ".repeat(200_000)), 415, "text/plain")
  assert.equal(await send(json, "{"), 400, "not JSON")
  assert.equal(await send(json, "{}"), 401, "unsigned")
  agent.destroy()
  const declared = { ...json, "content-length": String(declaredLength) }
  assert.equal(await postTooMuch(url, { headers: declared, body: tooLong }), 413, "413")
  assert.equal(await postTooMuch(url, { headers: json, body: (request) => flood(request) }), 413, "413 to chunks")
}

const tryOut = ({ args, date, hasNodeCrypto, name }) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const appId = variables.FEISHU_APP_ID
    const port = yield* Effect.promise(freePort)
    const { child, output } = yield* start(name, args(port), { ...variables, PORT: String(port), NO_COLOR: "1" })
    const origin = `http://127.0.0.1:${port}`
    const url = `${origin}/webhook/event`
    yield* Effect.gen(function*() {
      const nodeCrypto = yield* Effect.tryPromise(async () => (await fetch(`${origin}/node-crypto`)).text()).pipe(
        Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.whileInput(() => child.exitCode === null))),
        Effect.timeout("15 seconds")
      )
      assert.equal(nodeCrypto, String(hasNodeCrypto), "whether there is node:crypto")
      // The first requests of all come at once.
      const first = yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 5 }, () => post(url, { headers: json, body: (request) => request.end("{}") })))
      )
      assert.deepEqual(first, [401, 401, 401, 401, 401])
      yield* emulator.setRequestUrl(appId, url)
      yield* emulator.pushTicket(appId)
      const eventId = yield* emulator.push(appId, { type: "contact.user.created_v3", payload: { name: "飞书" } })
      const pushes = yield* Effect.map(emulator.journal, (entries) => entries.filter(({ _tag }) => _tag === "Push"))
        .pipe(
          Effect.filterOrFail((pushes) => pushes.length === 2),
          Effect.retry(Schedule.spaced("20 millis")),
          Effect.timeout("5 seconds")
        )
      for (const push of pushes) assert.deepEqual([push.eventType, push.status], [push.eventType, 200])
      yield* Effect.suspend(() => output().includes(`event ${eventId}`) ? Effect.void : Effect.fail("not printed"))
        .pipe(
          Effect.retry(Schedule.spaced("20 millis")),
          Effect.timeout("5 seconds")
        )
      yield* Effect.promise(() => edges(url))
      process.stdout.write(
        `${[name, date].filter(Boolean).join(" of ")}: handshake, ticket and event acknowledged, by ${
          hasNodeCrypto ? "node:crypto" : "WebCrypto"
        }\n`
      )
    }).pipe(
      Effect.tapErrorCause(() =>
        Effect.sync(() => process.stderr.write(`${name} has failed. It printed:\n${output()}\n`))
      )
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(Emulator.layerServer({
      apps: [{
        appId: variables.FEISHU_APP_ID,
        appSecret: Redacted.make(variables.FEISHU_APP_SECRET),
        encryptKey: Redacted.make(variables.FEISHU_ENCRYPT_KEY),
        verificationToken: Redacted.make(variables.FEISHU_VERIFICATION_TOKEN)
      }]
    }))
  )

try {
  await build({
    stdin: {
      contents: `import app from "./hono.ts"
app.get("/node-crypto", (context) =>
  context.text(String(globalThis.process?.getBuiltinModule?.("node:crypto")?.createHash !== undefined)))
export default app`,
      resolveDir: examples
    },
    outfile: bundle,
    ...bundling
  })
  await Effect.runPromise(
    Effect.forEach(runtimes, (runtime) => Effect.exit(tryOut(runtime))).pipe(
      Effect.flatMap(Effect.all),
      Effect.timeout("55 seconds")
    )
  )
} finally {
  rmSync(directory, { recursive: true })
}
