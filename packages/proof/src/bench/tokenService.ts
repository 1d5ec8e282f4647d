/**
 * How many tokens a second `feishu-ticket serve --tokens` gives from memory, beside an Effect `HttpServer` that answers the same
 * bytes. Each is a process of its own and is asked over 50 connections that are kept alive.
 */
import * as Emulator from "@effect-feishu/emulator/Emulator"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import autocannon from "autocannon"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as ChildProcess from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Child from "../measure/Child.js"
import { alternate } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { appId, appSecret, tenantOf } from "./world.js"

const connections = 50
const tenants = Arr.makeBy(1000, tenantOf)
const key = "0123456789abcdef0123456789abcdef"
const headers = { authorization: `Bearer ${key}` }

const pathOf = (tenant: string) => `/v1/tenants/${tenant}/token`

/** Answers each request with the body and the headers that it is sent first. */
export const serve = (body: string): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    const server = yield* NodeHttpServer.make(() => Http.createServer(), { host: "127.0.0.1", port: 0 })
    yield* server.serve(
      Effect.sync(() =>
        HttpServerResponse.text(body, { contentType: "application/json", headers: { "cache-control": "no-store" } })
      )
    )
    const { address } = server
    process.send?.(address._tag === "TcpAddress" ? `http://127.0.0.1:${address.port}` : "")
    yield* Effect.promise(() => once(process, "disconnect"))
  }).pipe(Effect.scoped)

/** Reads the output of the command until a line matches. */
const printed = (child: ChildProcess.ChildProcess, pattern: RegExp): Effect.Effect<string> =>
  Effect.async((resume) => {
    let text = ""
    child.stdout?.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      const [, found] = pattern.exec(text) ?? []
      if (found !== undefined) resume(Effect.succeed(found))
    })
    child.once("exit", (code) => resume(Effect.dieMessage(`feishu-ticket ended with ${code}: ${text}`)))
  })

const verificationToken = "a verification token"

const app = {
  appId,
  appSecret: Redacted.make(appSecret),
  verificationToken: Redacted.make(verificationToken),
  tenants
}

/** Starts the command against an emulator until the scope ends. The service then has the token of each tenant. Returns its URL. */
const start = Effect.gen(function*() {
  const emulator = Context.get(
    yield* Layer.build(Emulator.layerServer({ apps: [app] })),
    Emulator.Emulator
  )
  const log = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "bench-"))),
    (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
  )
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      ChildProcess.spawn(
        process.execPath,
        [
          "packages/cli/bin/feishu-ticket.js",
          "serve",
          "--port=0",
          "--store=memory",
          "--drop-events",
          "--tokens",
          "--tokens-port=0"
        ],
        {
          env: {
            PATH: process.env["PATH"],
            FEISHU_APP_ID: appId,
            FEISHU_APP_SECRET: appSecret,
            FEISHU_VERIFICATION_TOKEN: verificationToken,
            FEISHU_BASE_URL: emulator.baseUrl,
            FEISHU_TOKENS_KEYS: `bench=${key}`
          },
          // As a service does it: a pipe to this process would slow both down.
          stdio: ["ignore", "pipe", Fs.openSync(Path.join(log, "log"), "a")]
        }
      )
    ),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  const [url, tokens] = yield* Effect.all([
    printed(child, /(http:\/\/localhost:\d+\/webhook\/event)/),
    printed(child, /^tokens +(\S+)/m)
  ], { concurrency: 2 })
  yield* emulator.setRequestUrl(appId, url)
  yield* emulator.pushTicket(appId)
  yield* Effect.forEach(tenants, (tenant) =>
    Effect.promise(async () => {
      const { status } = await fetch(`${tokens}${pathOf(tenant)}`, { headers })
      if (status !== 200) throw new Error(`the token service answered ${status}`)
    }), { concurrency: 10, discard: true })
  return tokens
})

/** Asks for one tenant's token after another, as fast as the server answers. Returns the answers a second. */
const measure = (url: string, seconds: number): Effect.Effect<number> =>
  Effect.flatMap(
    Effect.promise(() =>
      autocannon({
        url,
        connections,
        duration: seconds,
        requests: tenants.map((tenant) => ({ method: "GET", path: pathOf(tenant), headers }))
      })
    ),
    ({ "2xx": count, duration, errors, non2xx }) =>
      count === 0 || non2xx > 0 || errors > 0
        ? Effect.dieMessage(`${url}: ${count} answers, ${non2xx} refusals, ${errors} errors`)
        : Effect.succeed(count / duration)
  )

export const section = (isQuick: boolean): Effect.Effect<Section, unknown> =>
  Effect.gen(function*() {
    const tokens = yield* start
    const body = yield* Effect.promise(async () => (await fetch(`${tokens}${pathOf(tenantOf(1))}`, { headers })).text())
    const reference = yield* Effect.flatMap(Child.fork(["http-server", body]), (child) => Child.next<string>(child))
    const seconds = isQuick ? 1 : 3
    const perSecond = yield* alternate({
      "Effect's HttpServer": measure(reference, seconds),
      "feishu-ticket serve --tokens": measure(tokens, seconds)
    }, isQuick ? { warmUp: 1, rounds: 3 } : { warmUp: 2, rounds: 9 })
    return {
      tables: [{
        title: `Answers of ${body.length} bytes over ${connections} connections`,
        head: ["", "answers/s"],
        rows: Object.entries(perSecond).map(([name, values]) => [name, median(values).toFixed(0)])
      }],
      claims: [{
        name: "the token service: answers a second to those of Effect's HttpServer",
        values: ratios(perSecond["feishu-ticket serve --tokens"], perSecond["Effect's HttpServer"]),
        must: { least: 0.8 }
      }]
    }
  }).pipe(Effect.scoped)
